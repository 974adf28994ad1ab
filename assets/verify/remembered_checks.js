"use strict";

/** Whether the bundle's log is the one of a checkpoint its reader kept, as it was or grown. */
Tallystick.rememberedChecks = (() => {
  const { Broken, Invalid, Unverifiable } = Tallystick.failures;
  const { equal } = Tallystick.bytes;
  const { EMPTY_ROOT, verifyConsistency } = Tallystick.merkle;

  /** Throws Invalid where it is another log, and Unverifiable where that cannot be told. */
  function checkRemembered(header, ring, { note, checkpoint: then }, rootThen) {
    const now = header.checkpoint;
    if (then.origin !== header.origin)
      throw new Invalid(null, `The remembered checkpoint is that of another log: ${then.origin}.`);
    checkSigned(header, ring, note);
    if (then.size > now.size) {
      throw new Unverifiable(
        `The bundle is older than the remembered checkpoint: its log has ${now.size} receipts, the remembered one ` +
          `${then.size}. Ask for the bundle again.`,
      );
    }
    const root = knownRoot(now, then.size, rootThen);
    if (root === null) checkConsistency(header, then);
    else if (!equal(root, then.root)) {
      throw new Invalid(null, `The first ${then.size} receipts are not those of the remembered checkpoint.`);
    }
  }

  /** It is the reader's own: where its signature does not hold, nothing is known of the bundle. */
  function checkSigned({ origin }, ring, note) {
    try {
      ring.checkNote(note, origin, "The remembered checkpoint", null);
    } catch (error) {
      throw error instanceof Invalid ? new Unverifiable(error.message) : error;
    }
  }

  function knownRoot(now, size, rootThen) {
    if (rootThen !== null) return rootThen;
    if (size === 0n) return EMPTY_ROOT;
    return size === now.size ? now.root : null;
  }

  function checkConsistency({ checkpoint: now, consistency }, then) {
    if (consistency === null || consistency.size !== then.size) {
      throw new Unverifiable(
        `A consistency proof is missing, from the ${then.size} receipts of the remembered checkpoint to the ` +
          `${now.size} of the bundle's. Ask for the bundle with one.`,
      );
    }
    try {
      verifyConsistency(then.size, now.size, consistency.hashes, then.root, now.root);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      throw new Invalid(null, `The log does not continue the remembered checkpoint: ${error.message}`);
    }
  }

  return { checkRemembered };
})();
