"use strict";

/**
 * Periods within which the plan changed: their parts, and the allowance that these share. That of the first plan is there
 * for the whole period, and each larger plan adds its share of the difference from its part on.
 *
 * A part in arrears, which is on a plan without a fee because an invoice is unpaid, has only what that plan gave in the
 * period: its share of the whole allowance from the part on, or, where an earlier part was on that plan, what this one
 * was given. The plan that it goes back to once that is paid adds nothing: what it gave is there again.
 */
Tallystick.partChecks = (() => {
  const { Broken, Unverifiable } = Tallystick.failures;
  const { canonicalText } = Tallystick.canonical;
  const { microOf } = Tallystick.prorationChecks;
  const PARTS_MAX = 400;
  /** Kinds of lines for use of a period that was billed before. */
  const LATER = new Set(["late_usage", "correction"]);

  /** The periods with parts of all the invoices in a bundle. */
  class PeriodParts {
    /** @param isHere whether the bundle holds all receipts from one number to another */
    constructor(receipts, plans, usage, isHere) {
      this.plans = plans;
      this.usage = usage;
      this.isHere = isHere;
      this.periods = new Map();
      for (const { document, seq } of receipts) {
        if (document.typ !== "invoice" || !document.parts?.length) continue;
        const known = { ...document, parts: document.parts.slice(0, PARTS_MAX), first: document.usage?.first_seq ?? seq };
        for (const { start } of known.parts) this.periods.set(JSON.stringify([document.subscription, start]), known);
      }
    }

    /** Hold a line of usage to the part of a period that it is for. */
    async checkLine({ document: { subscription } }, line, isWholeLog, pace) {
      const stated = line.sources?.part_of;
      const known = this.periods.get(JSON.stringify([subscription, line.period?.start ?? ""]));
      if (known === undefined) {
        if (stated !== undefined && (isWholeLog || line.kind === "overage"))
          throw new Broken("it is of a part of a period that no invoice has parts of.");
        return;
      }
      const part = known.parts.find(({ start }) => start === line.period.start);
      const isOfIt = stated !== undefined && canonicalText(stated) === canonicalText(wholeOf(known));
      if (!isOfIt || line.period.end !== part.end || line.price !== part.price)
        throw new Broken("it is not of the part of its period that its invoice names.");
      if (LATER.has(line.kind) && this.isHere(known.first, line.usage.last_seq))
        this.checkShared(known, await this.sumsOf(known, line.usage.last_seq, pace));
    }

    /** Hold a whole invoice to its parts; the sums of its pools, part by part, null where they are not all here. */
    async checkBill({ document }, pace) {
      const known = this.periods.get(JSON.stringify([document.subscription, document.period.start]));
      if (!this.isHere(known.first, document.usage.last_seq)) return null;
      const sums = await this.sumsOf(known, document.usage.last_seq, pace);
      this.checkShared(known, sums);
      return sums;
    }

    async sumsOf({ subscription, parts, first }, last, pace) {
      const sums = [];
      for (const { start, end } of parts) {
        const usage = { first_seq: first, last_seq: last };
        sums.push(await this.usage.sums({ subscription, period: { start, end }, usage }, pace));
      }
      return sums;
    }

    /** Where a part has overage, all that was there for it had been used up, by whichever part. */
    checkShared(known, sums) {
      const plans = known.parts.map(({ price }) => this.plans.get(price));
      if (plans.includes(undefined))
        throw new Unverifiable("a plan that a part of its period is rated with is not in the bundle.");
      if (known.parts.some(({ arrears }, place) => arrears && !plans[place].isFree))
        throw new Broken("a part of its period is in arrears on a plan that has a fee.");
      for (const pool of new Set(sums.flatMap((byPool) => [...byPool.keys()]))) {
        if (plans.some((plan) => plan.pools.get(pool)?.isDaily)) continue;
        const ofPool = sums.map((byPool) => byPool.get(pool));
        const covered = ofPool.map((sum) => (sum ? sum.usedMicro - sum.overageMicro + sum.takenBackMicro : 0n));
        const given = givenBy(known, plans, pool);
        for (const place of known.parts.keys()) {
          const { first, granted } = thereFor(known.parts, given, place);
          if (ofPool[place] !== undefined && ofPool[place].overageMicro > 0n && total(covered.slice(first)) < granted)
            throw new Broken(
              "it leaves out the allowance: more of the use was billed than lies beyond what is included.",
            );
        }
      }
    }
  }

  /** What each part brought, in millionths of a credit. */
  function givenBy(known, plans, pool) {
    const { start, end } = wholeOf(known);
    const [startsAt, endsAt] = [microOf(start), microOf(end)];
    return known.parts.map((part, place) => {
      if (place === 0) return plans[0].allowanceMicro(pool);
      const isBack = known.parts.slice(0, place).some(({ price }) => price === part.price);
      if (isBack && (part.arrears || known.parts[place - 1].arrears)) return 0n;
      const old = part.arrears ? 0n : plans[place - 1].allowanceMicro(pool);
      const more = plans[place].allowanceMicro(pool) - old;
      return more > 0n ? (more * (endsAt - microOf(part.start))) / (endsAt - startsAt) : 0n;
    });
  }

  /**
   * The first part that can spend what is there for a part, and how much that is: what the parts up to it brought, or for
   * one in arrears the first of its plan.
   */
  function thereFor(parts, given, place) {
    const { arrears, price } = parts[place];
    if (!arrears) return { first: 0, granted: total(given.slice(0, place + 1)) };
    const first = parts.findIndex((other) => other.price === price);
    return { first, granted: given[first] };
  }

  function total(amounts) {
    return amounts.reduce((sum, amount) => sum + amount, 0n);
  }

  function wholeOf({ parts }) {
    return { start: parts[0].start, end: parts[parts.length - 1].end };
  }

  /** Hold the parts of an invoice to its period: they follow each other without a gap. */
  function checkTiling({ parts, period }) {
    if (parts.length < 2 || parts.length > PARTS_MAX)
      throw new Broken(`a period with parts has 2 to ${PARTS_MAX} of them.`);
    let edge = period.start;
    for (const { start, end } of parts) {
      if (start !== edge || start >= end) throw new Broken("its parts do not follow each other through its period.");
      edge = end;
    }
    if (edge !== period.end) throw new Broken("its parts do not follow each other through its period.");
  }

  return { PeriodParts, checkTiling };
})();
