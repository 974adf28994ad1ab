"use strict";

/** SHA-256 as receipts and trees use it, and how a hash is written: sha256: and 64 small hexadecimal digits. */
Tallystick.hashes = (() => {
  const { Broken } = Tallystick.failures;
  const { hex, fromHex, utf8 } = Tallystick.bytes;
  const HASH_BYTES = 32;
  const LEAF = Uint8Array.of(0);
  const NODE = Uint8Array.of(1);
  const WRITTEN = /^sha256:[0-9a-f]{64}$/;
  const { sha256 } = noble;
  const fresh = sha256.create();
  const scratch = sha256.create();

  /** SHA-256(parts[0] ‖ parts[1] ‖ …). Starts from a copied state: hundreds of thousands of new ones are slow. */
  function hashOf(...parts) {
    fresh._cloneInto(scratch);
    for (const part of parts) scratch.update(part);
    const hash = new Uint8Array(HASH_BYTES);
    scratch.digestInto(hash);
    return hash;
  }

  /** SHA-256(0x00 ‖ data): the id of a receipt, the next one's link, its leaf in the tree. */
  function leafHash(data) {
    return hashOf(LEAF, data);
  }

  /** SHA-256(0x01 ‖ left ‖ right). */
  function nodeHash(left, right) {
    return hashOf(NODE, left, right);
  }

  function isHash(value) {
    return typeof value === "string" && WRITTEN.test(value);
  }

  function written(hash) {
    return `sha256:${hex(hash)}`;
  }

  function readHash(value) {
    if (!isHash(value)) throw new Broken("A hash is written sha256: and 64 small hexadecimal digits.");
    return fromHex(value.slice("sha256:".length));
  }

  /** The name of a document: the hash of its canonical bytes, written. */
  function contentHash(document) {
    return written(sha256(utf8(Tallystick.canonical.canonicalText(document))));
  }

  return { HASH_BYTES, sha256, leafHash, nodeHash, isHash, written, readHash, contentHash };
})();
