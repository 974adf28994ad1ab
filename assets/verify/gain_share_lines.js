"use strict";

/** A line for a share of savings: rated from what it states, and held to the approval in the log that it names. */
Tallystick.gainShareLines = (() => {
  const { Broken } = Tallystick.failures;
  const { canonicalText } = Tallystick.canonical;
  const { written } = Tallystick.hashes;
  const { Decimal } = Tallystick.decimals;
  const { plain, readMinor, toMinor } = Tallystick.money;
  const HUNDREDTH = new Decimal(1n, 2);
  const AGAINST = new Set(["rejected", "disputed", "replaced"]);

  /** Whether a receipt tells of a step of a gain-share run. */
  function isRunStep({ typ, metric }) {
    return typ === "approval" && metric === "gainshare_fee";
  }

  /** What a line must say: the share of its savings, rounded once. */
  function gainShareOf(line, plan) {
    const { currency, gainShare } = plan;
    if (gainShare === null) throw new Broken("its plan has no gain-share.");
    const [share, of] = [source(line, "share_pct"), source(line, "savings")];
    const isWithin =
      Decimal.isPlain(share) &&
      Decimal.read(share).compare(gainShare.min) >= 0 &&
      Decimal.read(share).compare(gainShare.max) <= 0;
    if (!isWithin) {
      const bounds = `${gainShare.min.text()} to ${gainShare.max.text()} %`;
      throw new Broken(`its share is ${share} %; under its plan it is from ${bounds}.`);
    }
    const savings = readMinor(of, currency);
    if (savings <= 0n) throw new Broken("it bills a share of savings that are none.");
    const amount = toMinor(Decimal.read(of).times(Decimal.read(share)).times(HUNDREDTH), currency);
    const pricing = { model: "share", percent: share, of: plain(savings, currency) };
    return { quantity: new Decimal(1n), amount, pricing, steps: null };
  }

  /** Which run a line bills. */
  function runOf(line) {
    return source(line, "run");
  }

  /** Whose savings were charged by which invoice: no day's twice, unless all of the first invoice was taken back. */
  class ChargedDays {
    constructor() {
      this.charged = [];
    }

    /** @param {(bill: string) => boolean} stands whether credit notes so far have not taken back all of it */
    note(receipt, line, where, { stands, hasAll, isTakenBack }) {
      const run = runOf(line);
      if (isTakenBack || !hasAll) {
        this.charged = this.charged.filter((each) => each.run !== run);
        return;
      }
      const { start = "", end = "" } = line.period ?? {};
      for (const each of this.charged) {
        if (each.start < end && start < each.end && stands(each.bill))
          throw new Broken(`its days were charged already, by ${each.where}, which still stands.`);
      }
      this.charged.push({ start, end, run, bill: written(receipt.hash), where });
    }
  }

  /** The steps of gain-share runs in a bundle, by their numbers. */
  class RunApprovals {
    /** @param {(seq: number) => boolean} holds whether a receipt is in the bundle */
    constructor(steps, holds) {
      this.steps = new Map(steps.map((step) => [step.seq, step]));
      this.holds = holds;
    }

    /** Hold a line of an invoice to the approval that it names; false where that is not in the bundle. */
    check(receipt, line) {
      const approval = seqOf(line, "approval");
      if (approval >= receipt.seq) throw new Broken("it bills a run that was approved after it.");
      const submission = seqOf(line, "submission");
      if (submission >= approval) throw new Broken("its run was approved before it was submitted.");
      if (this.holds(submission)) this.checkStep(receipt, line, "submission", "submitted");
      if (!this.holds(approval)) return false;
      this.checkStep(receipt, line, "approval", "approved");
      const run = runOf(line);
      for (const { seq, document } of this.steps.values()) {
        if (document.req === run && AGAINST.has(document.policy) && seq < receipt.seq)
          throw new Broken(`its run was ${document.policy}, in receipt ${seq}.`);
      }
      return true;
    }

    checkStep(receipt, line, name, policy) {
      const { seq, hash } = line.sources[name];
      const step = this.steps.get(seq);
      if (step === undefined || written(step.hash) !== hash)
        throw new Broken(`receipt ${seq} is not the ${name} that it names.`);
      const { req, calculation, amount, currency, period = null, policy: told } = step.document;
      if (req !== runOf(line) || told !== policy)
        throw new Broken(`the ${name} that it names is of another run, or another step.`);
      if (calculation !== source(line, "calculation"))
        throw new Broken(`the ${name} that it names is of another calculation.`);
      if (canonicalText(period) !== canonicalText(line.period ?? null))
        throw new Broken(`the ${name} that it names is of another period.`);
      if (amount !== line.amount || currency !== receipt.document.currency)
        throw new Broken(`it states ${line.amount}; its ${name} says ${amount} ${currency}.`);
    }
  }

  function seqOf(line, name) {
    const stated = line.sources?.[name];
    if (typeof stated?.seq !== "number") throw new Broken(`its sources do not say ${name}.`);
    return stated.seq;
  }

  function source(line, name) {
    const text = line.sources?.[name];
    if (typeof text !== "string" || text === "") throw new Broken(`its sources do not say ${name}.`);
    return text;
  }

  return { ChargedDays, RunApprovals, gainShareOf, isRunStep, runOf };
})();
