"use strict";

/**
 * Periods within which the plan changed: their parts, and the allowance that these share. That of the first plan is there
 * for the whole period, and each larger plan adds its share of the difference from its part on.
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
      for (const pool of new Set(sums.flatMap((byPool) => [...byPool.keys()]))) {
        if (plans.some((plan) => plan.pools.get(pool)?.isDaily)) continue;
        const ofPool = sums.map((byPool) => byPool.get(pool));
        const covered = ofPool.reduce(
          (total, sum) => (sum ? total + sum.usedMicro - sum.overageMicro + sum.takenBackMicro : total),
          0n,
        );
        for (const [place, granted] of grantedOf(known, plans, pool).entries()) {
          if (ofPool[place] !== undefined && ofPool[place].overageMicro > 0n && covered < granted)
            throw new Broken(
              "it leaves out the allowance: more of the use was billed than lies beyond what is included.",
            );
        }
      }
    }
  }

  /** What is there for each part, in millionths of a credit: what the parts up to it brought. */
  function grantedOf(known, plans, pool) {
    const { start, end } = wholeOf(known);
    const [startsAt, endsAt] = [microOf(start), microOf(end)];
    const granted = [plans[0].allowanceMicro(pool)];
    for (const [place, { start: at }] of known.parts.entries()) {
      if (place === 0) continue;
      const more = plans[place].allowanceMicro(pool) - plans[place - 1].allowanceMicro(pool);
      const added = more > 0n ? (more * (endsAt - microOf(at))) / (endsAt - startsAt) : 0n;
      granted.push(granted[place - 1] + added);
    }
    return granted;
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
