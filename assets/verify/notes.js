"use strict";

/**
 * Signed notes and checkpoints as text (c2sp.org/signed-note, c2sp.org/tlog-checkpoint). A checkpoint is a note whose
 * text is the log's origin, its size and its root. Reading refuses whatever has a second reading.
 */
Tallystick.notes = (() => {
  const { Broken } = Tallystick.failures;
  const { concat, equal, fromBase64, hex, utf8 } = Tallystick.bytes;
  const { HASH_BYTES, sha256 } = Tallystick.hashes;
  const { EMPTY_ROOT, SIZE_MAX } = Tallystick.merkle;
  const NOTE_CHARACTERS_MAX = 256 * 1024;
  const SIGNATURES_MAX = 32;
  const NAME_MAX = 255;
  const KEY_ID_BYTES = 4;
  const ED25519 = Uint8Array.of(1);
  const SIZE = /^(?:0|[1-9][0-9]{0,18})$/;
  const CONTROL = /[\x00-\x09\x0b-\x1f]|\p{Surrogate}/u;
  const NOT_IN_A_NAME = /[+\n \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

  /** A note: `body` is its text with the final newline, which is what was signed. No signature is verified yet. */
  function readNote(text) {
    checkText(text);
    const gap = text.lastIndexOf("\n\n");
    if (gap < 1) throw new Broken("A note is a text, an empty line and its signatures.");
    const lines = text.slice(gap + 2).split("\n");
    if (lines.pop() !== "") throw new Broken("A note ends in a newline.");
    if (lines.length < 1 || lines.length > SIGNATURES_MAX) {
      throw new Broken(`A note has between 1 and ${SIGNATURES_MAX} signatures.`);
    }
    const signatures = lines.map(readSignature);
    if (new Set(signatures.map(({ name, keyId }) => `${hex(keyId)} ${name}`)).size < signatures.length) {
      throw new Broken("The same key signs twice.");
    }
    return { body: `${text.slice(0, gap)}\n`, signatures };
  }

  /** The {origin, size, root} that the text of a checkpoint says: three lines, with no extension. */
  function readCheckpoint(body) {
    const lines = body.split("\n");
    if (lines.length !== 4 || lines[3] !== "")
      throw new Broken("A checkpoint has three lines: origin, size and root hash.");
    const [origin, sizeText, rootText] = lines;
    checkName(origin);
    if (!SIZE.test(sizeText) || BigInt(sizeText) > SIZE_MAX) {
      throw new Broken("A checkpoint's size is a plain decimal number without leading zeros.");
    }
    const [size, root] = [BigInt(sizeText), fromBase64(rootText)];
    if (root.length !== HASH_BYTES || (size === 0n) !== equal(root, EMPTY_ROOT)) {
      throw new Broken("A root is 32 bytes, and that of no leaves is SHA-256 of nothing.");
    }
    return { origin, size, root };
  }

  /** The first 4 bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ public key), by which a note names an Ed25519 key. */
  function keyId(name, publicKey) {
    return sha256(concat(utf8(`${name}\n`), ED25519, publicKey)).slice(0, KEY_ID_BYTES);
  }

  function readSignature(line) {
    const parts = line.split(" ");
    if (parts.length !== 3 || parts[0] !== "—") {
      throw new Broken("A signature line is a dash (U+2014), the key's name and the signature in base64.");
    }
    checkName(parts[1]);
    const signed = fromBase64(parts[2]);
    if (signed.length <= KEY_ID_BYTES) throw new Broken("A signature line carries a key id and a signature.");
    return { name: parts[1], keyId: signed.slice(0, KEY_ID_BYTES), signature: signed.slice(KEY_ID_BYTES) };
  }

  function checkName(name) {
    if (name === "" || [...name].length > NAME_MAX || NOT_IN_A_NAME.test(name)) {
      throw new Broken("A name has 1 to 255 characters, none of them a space, a plus or a control character.");
    }
  }

  function checkText(text) {
    if (text.length > NOTE_CHARACTERS_MAX && [...text].length > NOTE_CHARACTERS_MAX) {
      throw new Broken("A note has at most 262,144 characters.");
    }
    if (CONTROL.test(text)) throw new Broken("A note is UTF-8 text without control characters other than the newline.");
  }

  return { readNote, readCheckpoint, keyId };
})();
