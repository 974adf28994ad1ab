"use strict";

/** Bytes and their spellings: UTF-8, hexadecimal, base64. Reading refuses every spelling but one. */
Tallystick.bytes = (() => {
  const { Broken } = Tallystick.failures;
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
  const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

  function isWellFormed(text) {
    return !LONE_SURROGATE.test(text);
  }

  /** The UTF-8 bytes of a text without lone surrogates (a browser would write those as another character). */
  function utf8(text) {
    if (!isWellFormed(text)) throw new Broken("Text holds half of a surrogate pair, which has no UTF-8 form.");
    return encoder.encode(text);
  }

  function textOf(data) {
    try {
      return decoder.decode(data);
    } catch {
      throw new Broken("The bytes are not UTF-8 text.");
    }
  }

  function hex(data) {
    let text = "";
    for (const byte of data) text += HEX[byte];
    return text;
  }

  function fromHex(text) {
    const data = new Uint8Array(text.length / 2);
    for (let place = 0; place < data.length; place++) {
      data[place] = Number.parseInt(text.slice(2 * place, 2 * place + 2), 16);
    }
    return data;
  }

  function base64(data) {
    return btoa(String.fromCharCode(...data));
  }

  /** The inverse of `base64`: the standard alphabet with padding, in its one form. */
  function fromBase64(text) {
    let data = null;
    try {
      data = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    } catch {
      data = null;
    }
    if (data === null || base64(data) !== text) {
      throw new Broken("A hash or signature is not in the one base64 form it has.");
    }
    return data;
  }

  function base64url(data) {
    return base64(data).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  }

  /** The inverse of `base64url`: without padding. */
  function fromBase64url(text) {
    if (typeof text === "string" && /^[A-Za-z0-9_-]+$/.test(text) && text.length % 4 !== 1) {
      const padded = text
        .replaceAll("-", "+")
        .replaceAll("_", "/")
        .padEnd(Math.ceil(text.length / 4) * 4, "=");
      const data = Uint8Array.from(atob(padded), (character) => character.charCodeAt(0));
      if (base64url(data) === text) return data;
    }
    throw new Broken("A key is written in base64url without padding.");
  }

  function concat(...parts) {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let place = 0;
    for (const part of parts) {
      whole.set(part, place);
      place += part.length;
    }
    return whole;
  }

  function equal(left, right) {
    if (left.length !== right.length) return false;
    for (let place = 0; place < left.length; place++) if (left[place] !== right[place]) return false;
    return true;
  }

  return { utf8, textOf, isWellFormed, hex, fromHex, base64, fromBase64, base64url, fromBase64url, concat, equal };
})();
