"use strict";

/**
 * JSON as receipts are written in it: strings, integers within ±(2^53 − 1), booleans, null, lists and objects with
 * ASCII keys. `parseCanonical` takes nothing but the one text RFC 8785 gives a document; `parse` takes any spelling
 * of it. Both refuse what has a second reading: a key that stands twice, a fraction, an integer beyond 2^53 − 1.
 */
Tallystick.canonical = (() => {
  const { Broken } = Tallystick.failures;
  const { isWellFormed } = Tallystick.bytes;
  const DEPTH_MAX = 64;
  const INTEGER = /-?(?:0|[1-9][0-9]*)/y;
  const SPACE = /[ \t\n\r]*/y;
  const ASCII = /^[\0-\x7f]*$/;
  const QUOTE = 0x22;
  const BACKSLASH = 0x5c;
  const ESCAPED = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
  const WORDS = new Map([
    ["t", ["true", true]],
    ["f", ["false", false]],
    ["n", ["null", null]],
  ]);
  const NOT_JSON = "It is not one JSON document.";
  const NOT_CANONICAL = "The bytes are not the canonical ones, those RFC 8785 gives this document.";

  class Reader {
    constructor(text, canonical) {
      this.text = text;
      this.canonical = canonical;
      this.place = 0;
    }

    document() {
      const value = this.value(1);
      this.space();
      if (this.place !== this.text.length) this.fail();
      return value;
    }

    value(depth) {
      this.space();
      const first = this.text[this.place];
      if (first === '"') return this.string();
      if (first === "{" || first === "[") {
        if (depth > DEPTH_MAX) throw new Broken(`It is nested beyond the ordinary depth of ${DEPTH_MAX} levels.`);
        return first === "{" ? this.object(depth) : this.list(depth);
      }
      return WORDS.has(first) ? this.word(...WORDS.get(first)) : this.integer();
    }

    object(depth) {
      const object = Object.create(null); // a key may be called __proto__
      let previous = null;
      this.place++;
      if (this.taken("}")) return object;
      do {
        this.space();
        const key = this.text[this.place] === '"' ? this.string() : this.fail();
        if (!ASCII.test(key)) throw new Broken("Every key must be ASCII text.");
        if (key in object) throw new Broken("The same key stands twice in one object.");
        if (this.canonical && previous !== null && key < previous) throw new Broken(NOT_CANONICAL);
        if (!this.taken(":")) this.fail();
        object[key] = this.value(depth + 1);
        previous = key;
      } while (this.taken(","));
      return this.taken("}") ? object : this.fail();
    }

    list(depth) {
      const list = [];
      this.place++;
      if (this.taken("]")) return list;
      do list.push(this.value(depth + 1));
      while (this.taken(","));
      return this.taken("]") ? list : this.fail();
    }

    string() {
      const { text } = this;
      const start = ++this.place;
      let code;
      while ((code = text.charCodeAt(this.place)) !== QUOTE) {
        if (code === BACKSLASH) return this.escapedString(start);
        if (!(code >= 0x20)) this.fail(); // a control character, or the end of the text
        this.place++;
      }
      return this.checked(text.slice(start, this.place++));
    }

    escapedString(start) {
      const { text } = this;
      let value = text.slice(start, this.place);
      while (text[this.place] !== '"') {
        if (text[this.place] === "\\") {
          value += this.escape();
        } else {
          if (!(text.charCodeAt(this.place) >= 0x20)) this.fail();
          value += text[this.place++];
        }
      }
      this.place++;
      this.checked(value);
      if (this.canonical && JSON.stringify(value) !== text.slice(start - 1, this.place))
        throw new Broken(NOT_CANONICAL);
      return value;
    }

    escape() {
      const kind = this.text[this.place + 1];
      if (kind === "u") {
        const digits = this.text.slice(this.place + 2, this.place + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail();
        this.place += 6;
        return String.fromCharCode(Number.parseInt(digits, 16));
      }
      if (!Object.hasOwn(ESCAPED, kind)) this.fail();
      this.place += 2;
      return ESCAPED[kind];
    }

    checked(value) {
      if (this.canonical && !isWellFormed(value))
        throw new Broken("Text holds half of a surrogate pair, which has no UTF-8 form.");
      return value;
    }

    integer() {
      INTEGER.lastIndex = this.place;
      const match = INTEGER.exec(this.text);
      if (match === null) this.fail();
      this.place = INTEGER.lastIndex;
      if (".eE".includes(this.text[this.place] || " ")) {
        throw new Broken("Numbers other than integers must be written as strings.");
      }
      const number = match[0].length <= 17 ? Number(match[0]) : NaN;
      if (!Number.isSafeInteger(number)) throw new Broken("Integers beyond 2^53 - 1 must be written as strings.");
      if (this.canonical && match[0] === "-0") throw new Broken(NOT_CANONICAL);
      return number + 0;
    }

    word(word, value) {
      if (!this.text.startsWith(word, this.place)) this.fail();
      this.place += word.length;
      return value;
    }

    /** Whether `character` comes next; then it is passed. */
    taken(character) {
      this.space();
      if (this.text[this.place] !== character) return false;
      this.place++;
      return true;
    }

    space() {
      if (this.canonical || this.text.charCodeAt(this.place) > 0x20) return;
      SPACE.lastIndex = this.place;
      SPACE.test(this.text);
      this.place = SPACE.lastIndex;
    }

    fail() {
      throw new Broken(
        this.canonical ? `It is not one JSON document in its canonical bytes, those RFC 8785 gives it.` : NOT_JSON,
      );
    }
  }

  function parse(text) {
    return new Reader(text, false).document();
  }

  function parseCanonical(text) {
    return new Reader(text, true).document();
  }

  /** The one text of a document that `parse` gave. */
  function canonicalText(value) {
    if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    const members = Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalText(value[key])}`);
    return `{${members.join(",")}}`;
  }

  return { parse, parseCanonical, canonicalText };
})();
