"use strict";

/** What a bundle says of itself before its receipts: every member is there, looks right and agrees with the others. */
Tallystick.bundleHeader = (() => {
  const { Broken, Unverifiable } = Tallystick.failures;
  const { fromBase64 } = Tallystick.bytes;
  const { isHash, readHash } = Tallystick.hashes;
  const { ID, TEXT, COUNT, TIME, isObject } = Tallystick.receiptFields;
  const { readCheckpoint, readNote } = Tallystick.notes;
  const { SIGNATURE_BYTES, readKeySet } = Tallystick.signatures;
  const FORMAT = "tallystick-bundle/1";
  const PLANS_MAX = 10_000;
  const ROTATIONS_MAX = 10_000;
  const SIGNATURES_MAX = 100_000;
  const TRACE_RECEIPTS_MAX = 10_000;
  const HASHES_MAX = 128;
  const SEQ = /^[1-9][0-9]{0,15}$/;
  const ALWAYS = [
    "format",
    "kind",
    "iss",
    "tenant",
    "origin",
    "created",
    "count",
    "checkpoint",
    "keys",
    "rotations",
    "signatures",
    "plans",
  ];
  const OF_KIND = new Map([
    ["range", ["range"]],
    ["invoice", ["range", "invoice_seq"]],
    ["trace", ["trace_id", "proofs"]],
  ]);

  /**
   * Read a header that anyone may have written. Throws Unverifiable for a format or kind of another version and where
   * the proof is left out, and Broken for everything else, naming the member.
   */
  function readHeader(document) {
    if (!isObject(document)) throw new Broken("This is no bundle: it does not begin with a JSON object.");
    checkMembers(document);
    const { kind, iss, tenant, origin, created } = document;
    for (const name of ["iss", "tenant", "origin"]) member(document, name, TEXT);
    if (origin !== `${iss}/tallystick/${tenant}`)
      throw new Broken("The header's origin is not that of its iss and tenant.");
    member(document, "created", TIME);
    const count = member(document, "count", COUNT);
    const head = readHead(document.checkpoint, origin);
    const range = kind === "trace" ? null : readRange(document.range, count);
    return {
      kind,
      iss,
      tenant,
      origin,
      created,
      count,
      ...head,
      range,
      keys: readKeys(document.keys),
      rotations: listOf(document, "rotations", ROTATIONS_MAX).map(readRotation),
      signatures: readSignatures(document.signatures, range),
      plans: objectsOf(document.plans, "plans", PLANS_MAX, isHash),
      invoiceSeq: kind === "invoice" ? readInvoiceSeq(document, range) : null,
      traceId: kind === "trace" ? member(document, "trace_id", ID) : null,
      proofs: kind === "trace" ? readProofs(document, count) : [],
      consistency: "consistency" in document ? readConsistency(document.consistency) : null,
    };
  }

  function checkMembers(document) {
    if (document.format !== FORMAT)
      throw new Unverifiable(`This is not a bundle of a format known here, which is ${FORMAT}.`);
    if (!OF_KIND.has(document.kind))
      throw new Unverifiable("This is not a bundle of a kind known here: range, invoice or trace.");
    const own = OF_KIND.get(document.kind);
    for (const name of own) {
      if (!(name in document))
        throw new Unverifiable(`The header has no ${name}: what would prove the receipts is missing.`);
    }
    const missing = ALWAYS.find((name) => !(name in document));
    if (missing) throw new Broken(`The header has no ${missing}.`);
    const extra = Object.keys(document).find((name) => ![...ALWAYS, ...own, "consistency"].includes(name));
    if (extra) throw new Broken(`The header of a ${document.kind} has no member ${extra.slice(0, 128)}.`);
  }

  /** A checkpoint's note and what it says: {text, note, checkpoint}. Throws Broken for another log's too. */
  function readHead(text, origin) {
    const note = readNote(typeof text === "string" ? text : "");
    const checkpoint = readCheckpoint(note.body);
    if (checkpoint.origin !== origin) throw new Broken(`The checkpoint is that of another log: ${checkpoint.origin}.`);
    return { text, note, checkpoint };
  }

  function readRange(value, count) {
    if (!hasExactly(value, ["first_seq", "last_seq", "before", "after"])) {
      throw new Broken("The header's range is an object of first_seq, last_seq, before and after.");
    }
    const [first, last] = ["first_seq", "last_seq"].map((name) => member(value, name, COUNT, "range "));
    if (last < first) throw new Broken("The header's range ends before it begins.");
    if (last - first + 1 !== count)
      throw new Broken(`The header's count is ${count}; its range holds ${last - first + 1}.`);
    return { first, last, before: readHashes(value.before, "before"), after: readHashes(value.after, "after") };
  }

  function readInvoiceSeq(document, range) {
    const seq = member(document, "invoice_seq", COUNT);
    if (seq < range.first || seq > range.last) throw new Broken("The header's invoice_seq is not in its range.");
    return seq;
  }

  function readProofs(document, count) {
    const proofs = listOf(document, "proofs", TRACE_RECEIPTS_MAX);
    if (proofs.length !== count) throw new Broken(`The header's count is ${count}; it has ${proofs.length} proofs.`);
    return proofs.map((proof) => readHashes(proof, "proofs"));
  }

  function readConsistency(value) {
    if (!hasExactly(value, ["size", "hashes"]))
      throw new Broken("The header's consistency is an object of size and hashes.");
    return { size: BigInt(member(value, "size", COUNT)), hashes: readHashes(value.hashes, "consistency") };
  }

  function readKeys(value) {
    try {
      return readKeySet(value);
    } catch (error) {
      throw error instanceof Broken ? new Broken(`The header's keys cannot be read: ${error.message}`) : error;
    }
  }

  function readRotation(value) {
    if (!hasExactly(value, ["statement", "old_signature", "new_signature"]) || typeof value.statement !== "string") {
      throw new Broken("Each of the header's rotations is a statement about a key and two signatures.");
    }
    return {
      statement: value.statement,
      oldSignature: readSignatureBytes(value.old_signature, "A rotation's signature"),
      newSignature: readSignatureBytes(value.new_signature, "A rotation's signature"),
    };
  }

  function readSignatures(value, range) {
    const signatures = new Map();
    for (const [name, signature] of objectsOf(value, "signatures", SIGNATURES_MAX, (text) => SEQ.test(text))) {
      const seq = Number(name);
      if (range !== null && (seq < range.first || seq > range.last)) {
        throw new Broken(`The header has a signature for receipt ${name}, which is not in the bundle.`);
      }
      signatures.set(seq, readSignature(signature, `The signature of receipt ${name}`));
    }
    return signatures;
  }

  /** A {kid, signature}. Throws Broken, saying `what` it is, for any other spelling. */
  function readSignature(document, what) {
    if (!hasExactly(document, ["kid", "signature"]))
      throw new Broken(`${what} is an object of kid and signature, and nothing else.`);
    if (!ID.holds(document.kid)) throw new Broken(`${what} must name the key that made it.`);
    return { kid: document.kid, signature: readSignatureBytes(document.signature, what) };
  }

  function readSignatureBytes(text, what) {
    const data = typeof text === "string" ? fromBase64(text) : new Uint8Array();
    if (data.length !== SIGNATURE_BYTES) throw new Broken(`${what} must be ${SIGNATURE_BYTES} bytes in base64.`);
    return data;
  }

  function objectsOf(value, what, most, isName) {
    const entries = isObject(value) ? Object.entries(value) : null;
    if (entries === null || entries.length > most)
      throw new Broken(`The header's ${what} are an object of at most ${most} members.`);
    if (!entries.every(([name, inner]) => isName(name) && isObject(inner))) {
      throw new Broken(`The header's ${what} have a name that cannot be, or hold something else than objects.`);
    }
    return new Map(entries);
  }

  function listOf(document, name, most) {
    const value = document[name];
    if (!Array.isArray(value) || value.length > most)
      throw new Broken(`The header's ${name} are a list of at most ${most}.`);
    return value;
  }

  function readHashes(value, what) {
    if (!Array.isArray(value) || value.length > HASHES_MAX || !value.every(isHash)) {
      throw new Broken(`The header's ${what} holds something that is no hash, or too many of them.`);
    }
    return value.map(readHash);
  }

  function hasExactly(value, names) {
    return isObject(value) && Object.keys(value).length === names.length && names.every((name) => name in value);
  }

  function member(document, name, field, within = "") {
    if (!field.holds(document[name])) throw new Broken(`The header's ${within}${name} must be ${field.what}.`);
    return document[name];
  }

  return { readHeader, readHead, readSignature };
})();
