"use strict";

/**
 * The verifier's modules, one a file. Classic scripts, so that the page also works opened from a disk, where browsers
 * load no ES modules: each file adds one member here, and uses those of the files that verify.html names before it.
 */
const Tallystick = {};

/**
 * How reading and checking refuse. A rule throws Broken: it knows what is wrong, not whose fault it is. The checks turn
 * that into Invalid (answer 1, with the first bad receipt) or Unverifiable (answer 2: a key or a proof is missing, or
 * the bundle says something this version does not know).
 */
Tallystick.failures = (() => {
  class Broken extends Error {}

  class Invalid extends Error {
    /** @param {number|null} seq the first bad receipt; null where it is the bundle itself */
    constructor(seq, reason) {
      super(reason);
      this.seq = seq;
    }
  }

  class Unverifiable extends Error {
    /** @param {number|null} seq the receipt that a key, a proof or a plan is missing for; null where it is the bundle */
    constructor(reason, seq = null) {
      super(reason);
      this.seq = seq;
    }
  }

  /** The key that made a signature is not here, or does not count: another key set may answer it. */
  class MissingKey extends Unverifiable {}

  /** What `work` answers; where it is broken, that receipt `seq` (null: the bundle) is invalid. */
  function invalidIfBroken(seq, work) {
    try {
      return work();
    } catch (error) {
      throw error instanceof Broken ? new Invalid(seq, error.message) : error;
    }
  }

  return { Broken, Invalid, Unverifiable, MissingKey, invalidIfBroken };
})();
