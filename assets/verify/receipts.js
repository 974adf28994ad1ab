"use strict";

/** A receipt: its canonical bytes, their hash, and what they say. */
Tallystick.receipts = (() => {
  const { Broken } = Tallystick.failures;
  const { textOf } = Tallystick.bytes;
  const { leafHash } = Tallystick.hashes;
  const { parseCanonical } = Tallystick.canonical;
  const { checkFields, isObject } = Tallystick.receiptFields;
  const { readUsual } = Tallystick.usualReceipts;
  const RECEIPT_BYTES_MAX = 2 * 1024 * 1024;

  /** Read a receipt from bytes that anyone may have made. Throws Broken with the reason, and nothing else. */
  function readReceipt(data) {
    if (data.length > RECEIPT_BYTES_MAX) throw new Broken("A receipt has at most 2,097,152 bytes.");
    const text = textOf(data);
    const document = readUsual(text) ?? readThoroughly(text);
    return { hash: leafHash(data), seq: document.seq, document };
  }

  function readThoroughly(text) {
    const document = parseCanonical(text);
    if (!isObject(document)) throw new Broken("A receipt is a JSON object.");
    checkFields(document);
    return document;
  }

  return { RECEIPT_BYTES_MAX, readReceipt, readThoroughly };
})();
