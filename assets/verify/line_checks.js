"use strict";

/** Rating a line of a bill again: what it must come to by its plan, from what it says it was counted from. */
Tallystick.lineChecks = (() => {
  const { Broken, Unverifiable } = Tallystick.failures;
  const { canonicalText } = Tallystick.canonical;
  const { Decimal } = Tallystick.decimals;
  const { plain, readMinor, toMinor } = Tallystick.money;
  const { rate, writtenCharge, writtenSteps } = Tallystick.pricing;
  const { prorated, takenOff } = Tallystick.prorationChecks;
  const USAGE_KINDS = new Set(["overage", "late_usage", "correction"]);
  const { topUpOf } = Tallystick.topUpLines;
  const { gainShareOf } = Tallystick.gainShareLines;
  const KINDS = new Set([
    ...USAGE_KINDS,
    "base",
    "discount",
    "asset_uplift",
    "adjustment",
    "proration",
    "carried",
    "top_up",
    "gain_share",
  ]);

  /**
   * The minor units that a line of one of KINDS comes to. `sum` is that of its receipts, null where they are not all in
   * the bundle, and `fee` what the lines before it have left of the base fee that a promotion comes off, null where
   * there is none; `isOnNote` is for the lines of a credit note, `isTakenBack` for those that take back a line of its
   * invoice. Throws Broken with the stated and the expected value, and Unverifiable for what this version does not know.
   */
  function checkLine(line, plan, sum, { fee = null, isOnNote = false, isTakenBack = false } = {}) {
    const sign = isTakenBack ? -1n : 1n;
    const expected = expectedOf(line, plan, sum, { fee, isOnNote, sign });
    const quantity = expected.quantity.times(new Decimal(sign));
    if (!Decimal.read(line.quantity).equals(quantity)) {
      throw new Broken(`its quantity is ${line.quantity}; it comes to ${quantity.text()}.`);
    }
    if (!("pricing" in line) || canonicalText(line.pricing) !== canonicalText(expected.pricing)) {
      throw new Broken("its pricing is not the price its plan has for it.");
    }
    const amount = expected.amount * sign;
    if (readMinor(line.amount, plan.currency) !== amount) {
      throw new Broken(`it states ${line.amount} ${plan.currency}; it comes to ${plain(amount, plan.currency)}.`);
    }
    if (line.steps?.length && expected.steps && !isTakenBack) checkSteps(line.steps, expected.steps);
    return amount;
  }

  function expectedOf(line, plan, sum, { fee, isOnNote, sign }) {
    if (line.kind === "base") return baseOf(line, plan);
    if (line.kind === "adjustment") return adjustmentOf(line, plan, isOnNote);
    if (line.kind === "proration") return flatOf(prorated(line, plan).amount, plan);
    if (line.kind === "carried") return flatOf(readMinor(line.amount, plan.currency), plan);
    if (line.kind === "discount") return discountOf(line, plan, fee === null ? null : sign * fee);
    if (line.kind === "asset_uplift") return assetsOf(line, plan);
    if (line.kind === "top_up") return topUpOf(line, plan, sign);
    if (line.kind === "gain_share") return gainShareOf(line, plan);
    return line.kind === "overage" ? overageOf(line, plan, sum, sign) : differenceOf(line, plan, sum);
  }

  function baseOf(line, plan) {
    if (line.unit !== "month" && line.unit !== "year")
      throw new Unverifiable(`its unit is not known here, ${line.unit}.`);
    const amount = toMinor(plan.baseExact(line.unit), plan.currency);
    const pricing = { model: "flat", amount: plain(amount, plan.currency) };
    return { quantity: new Decimal(1n), amount, pricing, steps: null };
  }

  /** What a promotion takes off `left` of the base fee, in minor units. */
  function discountOf(line, plan, left) {
    const { currency } = plan;
    const { of } = line.sources ?? {};
    if (left === null) throw new Broken("it comes off a base fee that is not on this bill before it.");
    if (typeof of !== "string" || readMinor(of, currency) !== left) {
      throw new Broken(`it does not come off what is left of the base fee, which is ${plain(left, currency)}.`);
    }
    const { pricing, off } = takenOff(left, line.pricing ?? {}, currency);
    return { quantity: new Decimal(1n), amount: -off, pricing, steps: null };
  }

  /** Somebody decided on it: it is what it says, as long as it changes something; on a note, adds nothing: of a cent the tax may be all. */
  function adjustmentOf(line, plan, isOnNote) {
    const amount = readMinor(line.amount, plan.currency);
    if (isOnNote && amount > 0n) throw new Broken(`it states ${line.amount} ${plan.currency}, which takes nothing back.`);
    if (amount === 0n && !isOnNote) throw new Broken("it states nothing, which adjusts nothing.");
    return { ...flatOf(amount, plan), quantity: new Decimal(isOnNote ? -1n : 1n) };
  }

  function flatOf(amount, { currency }) {
    return { quantity: new Decimal(1n), amount, pricing: { model: "flat", amount: plain(amount, currency) }, steps: null };
  }

  function assetsOf(line, plan) {
    const { basis, counted } = line.sources ?? {};
    if (plan.assets === null) throw new Broken("its plan has no price for assets.");
    if (basis !== undefined && canonicalText(basis) !== canonicalText(plan.assets.basis)) {
      throw new Broken(`its assets are not counted as its plan says, which is ${plan.assets.basis}.`);
    }
    if (!Decimal.isPlain(counted)) throw new Broken("it does not say how many assets were counted.");
    const { charge } = plan.assets;
    const rated = rate(charge, Decimal.read(counted));
    const amount = toMinor(rated.amount, plan.currency);
    return { quantity: rated.billable, amount, pricing: writtenCharge(charge), steps: rated.steps };
  }

  function overageOf(line, plan, sum, sign) {
    const pool = poolOf(line, plan);
    let overageMicro = sign * Decimal.read(line.quantity).toMicro();
    if (sum !== null) {
      const used = sourceMicro(line, "used_credits");
      if (used !== sum.usedMicro) {
        throw new Broken(`it states ${worded(used)} credits used; its receipts come to ${worded(sum.usedMicro)}.`);
      }
      overageMicro = sum.overageMicro;
      checkAllowance(line, plan, pool, sum);
    }
    const quantity = Decimal.ofMicro(overageMicro);
    const { steps } = rate(plan.overage.get(pool), quantity);
    const amount = toMinor(plan.overageExact(pool, overageMicro), plan.currency);
    return { quantity, amount, pricing: writtenCharge(plan.overage.get(pool)), steps };
  }

  function differenceOf(line, plan, sum) {
    const pool = poolOf(line, plan);
    const { nowMicro, beforeMicro } = differenceMicro(line);
    if (sum !== null) {
      if (nowMicro !== sum.overageMicro) {
        throw new Broken(`it states ${worded(nowMicro)} of overage; its receipts come to ${worded(sum.overageMicro)}.`);
      }
      checkAllowance(line, plan, pool, sum);
    }
    const [now, before] = [nowMicro, beforeMicro].map((micro) =>
      toMinor(plan.overageExact(pool, micro), plan.currency),
    );
    return {
      quantity: Decimal.ofMicro(nowMicro - beforeMicro),
      amount: now - before,
      pricing: writtenCharge(plan.overage.get(pool)),
      steps: null,
    };
  }

  /** That of a period with parts is shared by them, and held to all of them together; a daily one is not. */
  function checkAllowance(line, plan, pool, sum) {
    if (line.sources.part_of !== undefined && !plan.pools.get(pool).isDaily) return;
    if (!sum.isCovered(plan.allowanceMicro(pool))) {
      throw new Broken("it leaves out the allowance: more of the use was billed than lies beyond what is included.");
    }
  }

  function checkSteps(stated, steps) {
    if (canonicalText(stated) !== canonicalText(writtenSteps(steps))) {
      throw new Broken("its steps are not those its price leads to.");
    }
  }

  /** The pool whose use a line bills, which its plan sells more of. */
  function poolOf(line, plan) {
    const pool = line.sources?.pool;
    if (typeof pool !== "string" || !plan.overage.has(pool) || !plan.pools.has(pool)) {
      throw new Broken("its pool is none that its plan has a price for.");
    }
    return pool;
  }

  /** The overage of a line of late usage or a correction, now and as billed before, in millionths of a credit. */
  function differenceMicro(line) {
    return { nowMicro: sourceMicro(line, "overage"), beforeMicro: sourceMicro(line, "billed_before") };
  }

  function sourceMicro(line, name) {
    const text = line.sources?.[name];
    if (!Decimal.isPlain(text)) throw new Broken(`its sources do not say ${name}.`);
    return Decimal.read(text).toMicro();
  }

  function worded(micro) {
    return Decimal.ofMicro(micro).text();
  }

  return { KINDS, USAGE_KINDS, checkLine, poolOf, differenceMicro, worded };
})();
