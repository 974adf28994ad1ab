"use strict";

/** Whether receipts are the ones of a log: each linked to the one before, and all of them under the checkpoint's root. */
Tallystick.logChecks = (() => {
  const { Broken, invalidIfBroken } = Tallystick.failures;
  const { equal } = Tallystick.bytes;
  const { written } = Tallystick.hashes;
  const { frontierBefore, pushAfter, verifyInclusion } = Tallystick.merkle;

  /** The links between receipts, as they go by: those of the log, and those of the traces that run through it. */
  class Links {
    /** @param {boolean} isWhole whether every trace must begin here: nothing of the log comes before the bundle */
    constructor(header, isWhole) {
      this.header = header;
      this.isWhole = isWhole;
      this.last = null;
      this.traces = new Map();
    }

    check(receipt) {
      const { document, seq } = receipt;
      const { last } = this;
      if (document.tenant !== this.header.tenant) throw new Broken("It belongs to another log than the bundle's.");
      if (last !== null && seq <= last.seq)
        throw new Broken(`It comes after receipt ${last.seq}: they are not in order.`);
      if (last !== null && seq === last.seq + 1 && document.prev !== written(last.hash)) {
        throw new Broken("It does not carry the hash of the one before it.");
      }
      if ("trace_id" in document) this.checkHop(receipt);
      this.last = receipt;
    }

    checkHop({ document, hash }) {
      const { trace_id, trace_prev, hop } = document;
      const before = this.traces.get(trace_id);
      if (before === undefined && hop !== 1 && this.isWhole) {
        throw new Broken(`The trace must begin with hop 1; this is hop ${hop}.`);
      }
      if (before !== undefined && hop !== before.hop + 1) {
        throw new Broken(`Hop ${before.hop + 1} must come next in its trace; this is hop ${hop}.`);
      }
      if (before !== undefined && trace_prev !== written(before.hash)) {
        throw new Broken("It does not carry the hash of the hop before it.");
      }
      this.traces.set(trace_id, { hop, hash });
    }
  }

  /** A stretch of a log: every receipt from the first to the last, proven by the subtrees on either side. */
  class RangeLog {
    /** @param {bigint|null} rememberedSize of an older log, whose root is worked out on the way as `rememberedRoot` */
    constructor(header, rememberedSize) {
      this.header = header;
      this.links = new Links(header, header.range.first === 1);
      this.rememberedSize = rememberedSize;
      this.rememberedRoot = null;
      this.frontier = frontierBefore(BigInt(header.range.first - 1), header.range.before);
      this.noteSize();
    }

    /** The number the next receipt must have. */
    expected() {
      return this.links.last === null ? this.header.range.first : this.links.last.seq + 1;
    }

    take(receipt) {
      const expected = this.expected();
      if (receipt.seq !== expected) throw new Broken(`Receipt ${expected} must come next; ${receipt.seq} does.`);
      this.links.check(receipt);
      this.frontier.push(receipt.hash);
      this.noteSize();
    }

    noteSize() {
      if (this.frontier.size === this.rememberedSize) this.rememberedRoot = this.frontier.root();
    }

    checkInclusion() {
      const { range, checkpoint } = this.header;
      if (BigInt(range.last) > checkpoint.size) {
        throw new Broken(`The range goes on beyond the checkpoint, which covers ${checkpoint.size} receipts.`);
      }
      pushAfter(this.frontier, checkpoint.size, range.after);
      if (!equal(this.frontier.root(), checkpoint.root)) {
        throw new Broken("The receipts and the hashes around them do not lead to the checkpoint's root.");
      }
    }
  }

  /** The steps of one trace, each with an inclusion proof of its own. */
  class TraceLog {
    rememberedRoot = null;
    leaves = [];

    constructor(header) {
      this.header = header;
      this.links = new Links(header, true);
    }

    expected() {
      return null;
    }

    take(receipt) {
      this.links.check(receipt);
      if (receipt.document.trace_id !== this.header.traceId) throw new Broken("It is no step of the bundle's trace.");
      this.leaves.push({ seq: receipt.seq, hash: receipt.hash });
    }

    checkInclusion() {
      const { checkpoint, proofs } = this.header;
      this.leaves.forEach(({ seq, hash }, place) => {
        const index = BigInt(seq - 1);
        invalidIfBroken(seq, () => verifyInclusion(index, checkpoint.size, hash, proofs[place], checkpoint.root));
      });
    }
  }

  function openLog(header, rememberedSize) {
    return header.kind === "trace" ? new TraceLog(header) : new RangeLog(header, rememberedSize);
  }

  return { openLog };
})();
