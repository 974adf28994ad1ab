"use strict";

/** Rating again what a plan change brought: the rest of a fee that was credited, and of one that was charged. */
Tallystick.prorationChecks = (() => {
  const { Broken, Unverifiable } = Tallystick.failures;
  const { canonicalText } = Tallystick.canonical;
  const { isMoment, isObject } = Tallystick.receiptFields;
  const { plain, readMinor, toMinor } = Tallystick.money;
  const { Decimal } = Tallystick.decimals;
  const DISCOUNTS_MAX = 50;
  const PERCENT_DECIMALS_MAX = 12;
  const HUNDRED = new Decimal(100n);

  /**
   * What a proration line must come to: {part, unit, startsAt, fee, amount}, the fee after its promotions and the
   * amount in minor units. Throws Broken and Unverifiable.
   */
  function prorated(line, plan) {
    const { part, term, at, fee: stated, discounts = [] } = line.sources ?? {};
    const { unit } = line;
    if (unit !== "month" && unit !== "year") throw new Unverifiable(`its unit is not known here, ${unit}.`);
    if (part !== "unused" && part !== "rest")
      throw new Unverifiable("it is of a kind of proration that is not known here.");
    if (!isObject(term) || ![term.start, term.end, at].every(isMoment))
      throw new Broken("it does not say of which term it is, and when the plan changed.");
    if (line.period === undefined || canonicalText(line.period) !== canonicalText({ start: at, end: term.end }))
      throw new Broken("its period is not the rest of its term.");
    const fee = netFee(plan, unit, discounts);
    if (stated !== plain(fee, plan.currency)) {
      throw new Broken(
        `it does not prorate the fee of its plan, which is ${plain(fee, plan.currency)} after its promotions.`,
      );
    }
    const left = feeLeft(fee, microOf(term.start), microOf(term.end), microOf(at));
    return { part, unit, startsAt: term.start, fee, amount: part === "rest" ? left : -left };
  }

  /** The part of a fee that is for the rest of its term, rounded once, half away from zero. */
  function feeLeft(fee, startsAt, endsAt, at) {
    if (startsAt >= endsAt) throw new Broken("A term ends after it starts.");
    if (at < startsAt || at > endsAt) throw new Broken("This moment is not within the term.");
    const whole = endsAt - startsAt;
    return (2n * fee * (endsAt - at) + whole) / (2n * whole);
  }

  function netFee(plan, unit, stated) {
    if (!Array.isArray(stated) || stated.length > DISCOUNTS_MAX) throw new Broken("its promotions are not a list.");
    let fee = toMinor(plan.baseExact(unit), plan.currency);
    for (const document of stated) {
      if (!isObject(document) || !["percent_off", "amount_off"].includes(document.model))
        throw new Unverifiable("a promotion on its fee is of a kind that is not known here.");
      const { pricing, off } = takenOff(fee, document, plan.currency);
      if (canonicalText(pricing) !== canonicalText(document))
        throw new Broken("a promotion on its fee is not written as promotions are.");
      fee -= off;
    }
    return fee;
  }

  /** A promotion as it must be written, and what it takes off: a share rounded once, or an amount up to what there is. */
  function takenOff(left, { model, percent, amount }, currency) {
    if (model === "percent_off") {
      if (!Decimal.isPlain(percent)) throw new Broken('percent must be a plain decimal string, such as "20".');
      const share = Decimal.read(percent);
      if (share.isZero() || share.compare(HUNDRED) > 0 || share.places > PERCENT_DECIMALS_MAX) {
        throw new Broken("A promotion takes more than 0 and at most 100 per cent off, in up to 12 decimals.");
      }
      return { pricing: { model, percent: share.text() }, off: share.times(new Decimal(left, 2)).roundHalfAway(0) };
    }
    if (model !== "amount_off") throw new Unverifiable("it is a promotion of a kind that is not known here.");
    const most = Decimal.isPlain(amount) ? readMinor(amount, currency) : 0n;
    if (most <= 0n) throw new Broken("A promotion takes an amount above zero off.");
    return { pricing: { model, amount: plain(most, currency) }, off: most < left ? most : left };
  }

  /** A moment in millionths of a second. */
  function microOf(moment) {
    return BigInt(Date.parse(`${moment.slice(0, 19)}Z`)) * 1_000n + BigInt(moment.slice(20, 26));
  }

  return { prorated, takenOff, microOf };
})();
