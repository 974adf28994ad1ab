"use strict";

/** Whose signatures a bundle carries: by which keys, known from where, and whether those might sign then. */
Tallystick.signatureChecks = (() => {
  const { Broken, Invalid, MissingKey } = Tallystick.failures;
  const { concat, equal, utf8 } = Tallystick.bytes;
  const { sha256, written } = Tallystick.hashes;
  const { keyId } = Tallystick.notes;
  const { isSignedBy, noteSigners, readStatement, verify } = Tallystick.signatures;
  const BUNDLE_DOMAIN = utf8("tallystick-bundle/1\n");
  const RECEIPT_DOMAIN = utf8("tallystick-receipt/1\n");
  const SIGNED_TYPES = new Set(["invoice", "credit_note", "baseline", "approval", "key"]);

  /**
   * The keys a bundle is checked with: its own, and those its reader has from elsewhere. A key counts where the reader
   * has it, or a key that counts handed over to it. Without any, all count: that only shows that the bundle agrees with
   * itself. Throws Broken for rotations that were not signed by both keys.
   */
  class KeyRing {
    /** @param {Map|null} outside keys by kid that the reader has, null where there are none */
    constructor(header, outside) {
      this.isAnchored = outside !== null;
      this.sets = outside === null ? [header.keys] : [header.keys, outside];
      this.publicKeys = new Map([...header.keys.values()].map(({ kid, publicKey }) => [kid, publicKey]));
      this.statements = checkRotations(header.rotations, this.publicKeys);
      for (const { kid, publicKey } of outside?.values() ?? []) this.publicKeys.set(kid, publicKey);
      this.counting = new Set((outside ?? this.publicKeys).keys());
      for (const { oldKid, newKid } of this.statements.values())
        if (this.counting.has(oldKid)) this.counting.add(newKid);
    }

    /** When a key stops signing, in seconds since 1970; null where no set says. */
    expiry(kid) {
      const ends = this.sets.map((keys) => keys.get(kid)?.expires ?? null).filter((end) => end !== null);
      return ends.length ? Math.min(...ends) : null;
    }

    /** Check that a key that counts, and might still sign at `until`, made a signature over `message`. */
    check({ kid, signature }, message, what, until, seq = null) {
      const publicKey = this.publicKeys.get(kid);
      if (publicKey === undefined) throw new MissingKey(`${what} was made by the key ${kid}, which is not here.`, seq);
      if (!isSignedBy(publicKey, signature, message)) {
        throw new Invalid(seq, `${what} was not made by the key ${kid} over what is here.`);
      }
      this.checkCounts(kid, what, until, seq);
    }

    /** Check that a key that counts signed a checkpoint; its kid. */
    checkNote(note, origin, what, until) {
      const ids = [...this.publicKeys.values()].map((publicKey) => keyId(origin, publicKey));
      if (!note.signatures.some((line) => line.name === origin && ids.some((id) => equal(id, line.keyId)))) {
        throw new MissingKey(`${what} is signed by no key that is here.`);
      }
      const signers = this.signersOf(note, origin, what);
      const kid = signers.find((signer) => this.counting.has(signer)) ?? signers[0];
      this.checkCounts(kid, what, until, null);
      return kid;
    }

    signersOf(note, origin, what) {
      try {
        return noteSigners(note, origin, this.publicKeys);
      } catch (error) {
        throw error instanceof Broken ? new Invalid(null, `${what} is not as it was signed: ${error.message}`) : error;
      }
    }

    checkCounts(kid, what, until, seq) {
      if (!this.counting.has(kid)) {
        throw new MissingKey(`${what} was made by the key ${kid}, which the keys given do not lead to.`, seq);
      }
      const ended = this.expiry(kid);
      if (until !== null && ended !== null && secondsOf(until) >= ended) {
        throw new Invalid(seq, `${what} was made by the key ${kid}, which signed until before ${until}.`);
      }
    }
  }

  /** Check that both keys signed each rotation, and that they follow each other. Adds the new keys; the statements. */
  function checkRotations(rotations, publicKeys) {
    const statements = new Map();
    let previous = null;
    for (const { statement, oldSignature, newSignature } of rotations) {
      const said = readStatement(statement);
      if (previous !== null && previous !== said.oldKid)
        throw new Broken("A rotation of keys is missing, or they are not in order.");
      const oldKey = publicKeys.get(said.oldKid);
      if (oldKey === undefined)
        throw new Broken(`The rotation is signed by the key ${said.oldKid}, which is not here.`);
      verify(oldKey, oldSignature, said.data);
      verify(said.publicKey, newSignature, said.data);
      publicKeys.set(said.newKid, said.publicKey);
      statements.set(said.newKid, said);
      previous = said.newKid;
    }
    return statements;
  }

  /** Check the bundle's own signature, which is made when the bundle is. */
  function checkSeal(ring, { signature, digest }, { created }, lastTs) {
    const until = lastTs > created ? lastTs : created;
    ring.check(signature, concat(BUNDLE_DOMAIN, digest), "The bundle's signature", until);
  }

  /** Whether a receipt's bytes are kept until signatures are checked: for one of its own, there or missing. */
  function needsSignature(header, { seq, document }) {
    return SIGNED_TYPES.has(document.typ) || header.signatures.has(seq);
  }

  /** Check the signature of a receipt's own, which every one of SIGNED_TYPES must have. */
  function checkReceiptSignature(ring, header, { seq, document, data }) {
    const signature = header.signatures.get(seq);
    if (signature !== undefined) {
      const what = `The signature of receipt ${seq}`;
      ring.check(signature, concat(RECEIPT_DOMAIN, data), what, document.ts, seq);
    } else if (SIGNED_TYPES.has(document.typ)) {
      throw new Invalid(seq, `It is a receipt of type ${document.typ} and has no signature of its own.`);
    }
    if (document.typ === "key") checkKeyReceipt(ring, { seq, document });
  }

  /** Check that a key receipt holds the hash of the statement both keys signed, where that is in the bundle. */
  function checkKeyReceipt(ring, { seq, document }) {
    const statement = ring.statements.get(document.req ?? "");
    if (statement !== undefined && document.cid !== written(sha256(statement.data))) {
      throw new Invalid(seq, "It holds the hash of another statement about the key than both keys signed.");
    }
  }

  function secondsOf(moment) {
    return Date.parse(`${moment.slice(0, 19)}Z`) / 1_000;
  }

  return { KeyRing, checkSeal, checkReceiptSignature, needsSignature };
})();
