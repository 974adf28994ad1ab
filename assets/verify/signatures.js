"use strict";

/**
 * Ed25519 keys and what they signed: key sets, signed notes, and how one key handed over to the next. Keys are
 * {kid, publicKey, expires}: `expires` in seconds since 1970, null where the set does not say.
 */
Tallystick.signatures = (() => {
  const { Broken } = Tallystick.failures;
  const { base64url, equal, fromBase64url, utf8 } = Tallystick.bytes;
  const { sha256 } = Tallystick.hashes;
  const { canonicalText, parseCanonical } = Tallystick.canonical;
  const { isObject } = Tallystick.receiptFields;
  const { keyId } = Tallystick.notes;
  const KEY_BYTES = 32;
  const SIGNATURE_BYTES = 64;
  const KEYS_MAX = 10_000;
  const STATEMENT_BYTES_MAX = 4_096;
  const STATEMENT_FIELDS = ["new_kid", "new_public_jwk", "old_kid", "ts", "typ", "v"];
  noble.hashes.sha512 = noble.sha512;

  /** Whether the private half of `publicKey` made `signature` over `data`, by the letter of RFC 8032. */
  function isSignedBy(publicKey, signature, data) {
    if (signature.length !== SIGNATURE_BYTES) return false;
    try {
      return noble.verify(signature, data, publicKey, { zip215: false });
    } catch {
      return false;
    }
  }

  function verify(publicKey, signature, data) {
    if (!isSignedBy(publicKey, signature, data)) {
      throw new Broken("The signature was not made by this key over these bytes.");
    }
  }

  /** A key's name: SHA-256 over its required JWK members in base64url (RFC 7638). */
  function thumbprint(publicKey) {
    const members = { crv: "Ed25519", kty: "OKP", x: base64url(publicKey) };
    return base64url(sha256(utf8(canonicalText(members))));
  }

  /** The public key of a JSON Web Key that anyone may have written; members it does not need are ignored. */
  function readPublicJwk(jwk) {
    if (!isObject(jwk) || jwk.kty !== "OKP" || jwk.crv !== "Ed25519")
      throw new Broken("A key must be an Ed25519 JSON Web Key.");
    if ("d" in jwk) throw new Broken("This is a private key. Take it out of the file; nobody needs it to verify.");
    const publicKey = fromBase64url(jwk.x);
    if (publicKey.length !== KEY_BYTES) throw new Broken(`An Ed25519 public key is ${KEY_BYTES} bytes.`);
    if ("kid" in jwk && jwk.kid !== thumbprint(publicKey))
      throw new Broken("A key's kid must be its RFC 7638 thumbprint.");
    return publicKey;
  }

  /** The Ed25519 keys of a JWK Set by kid; keys of other kinds are left out, as RFC 7517 asks. */
  function readKeySet(document) {
    const listed = isObject(document) ? document.keys : null;
    if (!Array.isArray(listed) || listed.length > KEYS_MAX) {
      throw new Broken('A key set is {"keys": […]} with at most 10,000 keys.');
    }
    const keys = new Map();
    for (const jwk of listed) {
      if (!isObject(jwk) || jwk.kty !== "OKP" || jwk.crv !== "Ed25519") continue;
      const publicKey = readPublicJwk(jwk);
      const kid = thumbprint(publicKey);
      seconds(jwk, "nbf");
      keys.set(kid, { kid, publicKey, expires: seconds(jwk, "exp") });
    }
    return keys;
  }

  function seconds(jwk, name) {
    const value = jwk[name] ?? null;
    if (value !== null && !(typeof value === "number" && value >= 0)) {
      throw new Broken(`A key's ${name} is a whole number of seconds since 1970.`);
    }
    return value;
  }

  /**
   * The kids of those of `keys`, public keys by kid, that signed a note under `name`. Signatures of others are ignored, as
   * C2SP asks. Throws Broken where one of `keys` is said to have signed and has not.
   */
  function noteSigners(note, name, keys) {
    const candidates = [...keys].map(([kid, publicKey]) => ({ kid, publicKey, id: keyId(name, publicKey) }));
    const body = utf8(note.body);
    const signers = [];
    for (const line of note.signatures) {
      const named = line.name === name ? candidates.filter(({ id }) => equal(id, line.keyId)) : [];
      if (!named.length) continue;
      const signer = named.find(({ publicKey }) => isSignedBy(publicKey, line.signature, body));
      if (signer === undefined) throw new Broken("the key it names did not make its signature.");
      signers.push(signer.kid);
    }
    return signers;
  }

  /** What a statement about a key says, and that both keys signed it. The new key is {kid, publicKey}. */
  function readStatement(text) {
    const data = utf8(text);
    const document = data.length <= STATEMENT_BYTES_MAX ? parseCanonical(text) : null;
    const isStatement =
      isObject(document) &&
      Object.keys(document).sort().join() === STATEMENT_FIELDS.join() &&
      document.typ === "key" &&
      document.v === 1 &&
      [document.old_kid, document.new_kid, document.ts].every((value) => typeof value === "string");
    if (!isStatement) throw new Broken("A statement about a key is canonical JSON with exactly its own members.");
    const publicKey = readPublicJwk(document.new_public_jwk);
    if (thumbprint(publicKey) !== document.new_kid) throw new Broken("A statement names another key than it carries.");
    return { data, oldKid: document.old_kid, newKid: document.new_kid, publicKey };
  }

  return { SIGNATURE_BYTES, isSignedBy, verify, thumbprint, readPublicJwk, readKeySet, noteSigners, readStatement };
})();
