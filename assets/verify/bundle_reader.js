"use strict";

/**
 * The two spellings of a bundle, read as they stream in. JSON lines, plain or gzip: the header, the receipts and the
 * signature, a line each. One JSON document: the same as members, where each receipt is a string that holds its bytes.
 */
Tallystick.bundleReader = (() => {
  const { Broken, Invalid, invalidIfBroken } = Tallystick.failures;
  const { concat, textOf, utf8 } = Tallystick.bytes;
  const { sha256 } = Tallystick.hashes;
  const { parse, parseCanonical, canonicalText } = Tallystick.canonical;
  const { isObject } = Tallystick.receiptFields;
  const { RECEIPT_BYTES_MAX } = Tallystick.receipts;
  const { readHeader, readSignature } = Tallystick.bundleHeader;
  const HEADER_BYTES_MAX = 16 * 1024 * 1024;
  const DOCUMENT_BYTES_MAX = 64 * 1024 * 1024;
  const TRAILER_BYTES_MAX = 1_024;
  const SNIFFED_BYTES = 4_096;
  const BATCH = 64;
  const LINE_FEED = 0x0a;
  const LINE_END = Uint8Array.of(LINE_FEED);
  const DOCUMENT = /^\s*\{\s*"(?:bundle|receipts|signature)"/;

  /** A file's bytes as lines, unpacked where they are gzip. `digest` is of all that was taken until `sealed()`. */
  class Lines {
    static async of(file) {
      const start = new Uint8Array(await file.slice(0, 2).arrayBuffer());
      const isZipped = start[0] === 0x1f && start[1] === 0x8b;
      const stream = file.stream();
      return new Lines((isZipped ? stream.pipeThrough(new DecompressionStream("gzip")) : stream).getReader());
    }

    constructor(reader) {
      this.reader = reader;
      this.rest = new Uint8Array();
      this.place = 0;
      this.hashedTo = 0;
      this.digest = sha256.create();
      this.isOver = false;
    }

    /** How many bytes were read and not taken yet. */
    left() {
      return this.rest.length - this.place;
    }

    /** Read until `size` bytes are there to be taken, or the file is over. */
    async fill(size) {
      this.hashTaken();
      const pieces = [this.rest.subarray(this.place)];
      for (let there = this.left(); there < size && !this.isOver;) {
        const piece = await this.piece();
        pieces.push(piece);
        there += piece.length;
      }
      this.rest = concat(...pieces);
      this.place = this.hashedTo = 0;
    }

    /** Lines lie side by side with their line feeds, so that many are hashed at one go. */
    hashTaken() {
      if (this.digest !== null) this.digest.update(this.rest.subarray(this.hashedTo, this.place));
      this.hashedTo = this.place;
    }

    /** The SHA-256 of all that was taken so far; what comes after it is not part of it. */
    sealed() {
      this.hashTaken();
      const digest = this.digest.digest();
      this.digest = null;
      return digest;
    }

    async piece() {
      try {
        const { done, value } = await this.reader.read();
        this.isOver = done;
        return value ?? new Uint8Array();
      } catch {
        throw new Broken("The gzip file is damaged: it was cut off, changed, or something follows it.");
      }
    }

    /** The next line without its line feed where it is there already; else null. */
    ready() {
      const end = this.rest.indexOf(LINE_FEED, this.place);
      if (end < 0) return null;
      const line = this.rest.subarray(this.place, end);
      this.place = end + 1;
      return line;
    }

    /** The next line without its line feed. Throws Broken where the file ends before it, or it is too long. */
    async next(most, what) {
      let line = this.ready();
      while (line === null && !this.isOver && this.left() <= most) {
        await this.fill(2 * this.left() + 1); // a long line is not copied anew for every piece of it
        line = this.ready();
      }
      if (line === null && this.isOver) throw new Broken(cutOff(this.left(), what));
      if (line === null || line.length > most) throw new Broken(`${what} is longer than ${most} bytes.`);
      return line;
    }
  }

  function cutOff(left, what) {
    if (left) return "Every line ends with a line feed; the last one does not: the file was cut off.";
    return `${what} is missing: the file was cut off.`;
  }

  /**
   * Read a bundle and hand on what it holds: `on.header(header)`, then `on.receipt(bytes)` for each receipt, with
   * `await on.pause(number)` every few. Answers {signature, digest}: the bundle's own signature and the SHA-256 of what
   * it covers. Throws Invalid and Unverifiable, and whatever `on` throws.
   */
  async function readBundle(file, on) {
    const lines = await Lines.of(file);
    await brokenIsInvalid(null, () => lines.fill(SNIFFED_BYTES));
    if (!lines.left()) throw new Invalid(null, "The file is empty.");
    const start = String.fromCharCode(...lines.rest.subarray(0, SNIFFED_BYTES));
    return DOCUMENT.test(start) ? readDocument(lines, on) : readLines(lines, on);
  }

  async function readLines(lines, on) {
    const first = await brokenIsInvalid(null, () => lines.next(HEADER_BYTES_MAX, "The header"));
    const header = invalidIfBroken(null, () => readHeader(headerDocument(first)));
    on.header(header);
    for (let number = 0; number < header.count; number++) {
      if (number % BATCH === 0) await on.pause(number);
      const seq = header.range && header.range.first + number;
      const line = lines.ready() ?? (await brokenIsInvalid(seq, () => lines.next(RECEIPT_BYTES_MAX, "A receipt")));
      on.receipt(line);
    }
    const digest = lines.sealed();
    return { signature: await readTrailer(lines, header), digest };
  }

  function headerDocument(line) {
    try {
      return parseCanonical(textOf(line));
    } catch (error) {
      throw error instanceof Broken ? new Broken(`This does not begin as a bundle does: ${error.message}`) : error;
    }
  }

  async function readTrailer(lines, { count }) {
    const what = `The line after the ${count} receipts that the header counts, the signature,`;
    const line = await brokenIsInvalid(null, () => lines.next(TRAILER_BYTES_MAX, what));
    const signature = invalidIfBroken(null, () => readSignature(parseCanonical(textOf(line)), what));
    await brokenIsInvalid(null, () => lines.fill(1));
    if (lines.left()) throw new Invalid(null, "Something follows the bundle's signature.");
    return signature;
  }

  async function readDocument(lines, on) {
    await brokenIsInvalid(null, () => lines.fill(DOCUMENT_BYTES_MAX + 1));
    const { header, line, receipts, signature } = invalidIfBroken(null, () => openDocument(lines.rest));
    on.header(header);
    const digest = sha256.create().update(line).update(LINE_END);
    for (let number = 0; number < receipts.length; number++) {
      if (number % BATCH === 0) await on.pause(number);
      const seq = header.range && header.range.first + number;
      const data = invalidIfBroken(seq, () => utf8(receipts[number]));
      digest.update(data).update(LINE_END);
      on.receipt(data);
    }
    return { signature, digest: digest.digest() };
  }

  function openDocument(data) {
    if (data.length > DOCUMENT_BYTES_MAX) throw new Broken("A bundle in one JSON document has at most 64 MB.");
    const document = wholeDocument(data);
    if (!isObject(document) || Object.keys(document).sort().join() !== "bundle,receipts,signature") {
      throw new Broken("A bundle in one JSON document has the members bundle, receipts and signature.");
    }
    const header = readHeader(document.bundle);
    const { receipts } = document;
    if (!Array.isArray(receipts) || !receipts.every((text) => typeof text === "string")) {
      throw new Broken("The receipts are a list, each receipt a string that holds its bytes.");
    }
    if (receipts.length !== header.count) {
      throw new Broken(`The header's count is ${header.count}; there are ${receipts.length} receipts.`);
    }
    const signature = readSignature(document.signature, "The bundle's signature");
    return { header, line: utf8(canonicalText(document.bundle)), receipts, signature };
  }

  function wholeDocument(data) {
    try {
      return parse(textOf(data));
    } catch (error) {
      throw error instanceof Broken ? new Broken(`This is no bundle: ${error.message}`) : error;
    }
  }

  async function brokenIsInvalid(seq, work) {
    try {
      return await work();
    } catch (error) {
      throw error instanceof Broken ? new Invalid(seq, error.message) : error;
    }
  }

  return { readBundle };
})();
