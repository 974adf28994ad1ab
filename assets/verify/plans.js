"use strict";

/** A plan as a bundle carries it: what each meter burns, what is included, and what everything costs. */
Tallystick.plans = (() => {
  const { Broken } = Tallystick.failures;
  const { TEXT, isObject } = Tallystick.receiptFields;
  const { Decimal, ZERO } = Tallystick.decimals;
  const { rate, readCharge } = Tallystick.pricing;
  const PLAN_FORMAT = "tallystick-plan/1";
  const DECIMALS_MAX = 12;
  const NAMES = [
    "book",
    "code",
    "name",
    "tagline",
    "popular",
    "contact_sales",
    "currency",
    "base_price",
    "annual_discount_pct",
    "features",
    "sites_max",
    "pools",
    "meters",
    "allowances",
    "overage",
    "assets",
    "limits",
    "entitlements",
    "gain_share",
  ];
  const PACK_NAMES = ["code", "name", "pool", "credits", "price", "tax_category", "expires_after_days"];
  const KPI_NAMES = ["code", "name", "unit", "better"];
  const MONTHS = new Map([
    ["month", new Decimal(1n)],
    ["year", new Decimal(12n)],
  ]);
  const ONE = new Decimal(1n);
  const HUNDRED = new Decimal(100n);
  const HUNDREDTH = new Decimal(1n, 2);
  const NOT_A_PLAN = "It is not written as plans are.";

  class Plan {
    constructor(document) {
      this.name = text(document.name);
      this.currency = text(document.currency);
      this.basePrice = document.base_price === null ? ZERO : number(document.base_price);
      this.isFree = document.base_price !== null && this.basePrice.compare(ZERO) === 0;
      this.annualDiscountPct = number(document.annual_discount_pct);
      if (this.annualDiscountPct.compare(HUNDRED) > 0) throw new Broken("Its annual discount is a share.");
      this.pools = byCode(document.pools, ["code", "name", "unit", "resets"], readPool);
      this.meters = byCode(document.meters, ["code", "name", "unit", "pool", "credits_per_unit"], readMeter);
      for (const { pool } of this.meters.values())
        if (!this.pools.has(pool)) throw new Broken("A meter burns what it has not.");
      this.allowances = entries(document.allowances, (value) => number(value).toMicro());
      this.overage = entries(document.overage, (value) => readCharge(object(value)));
      this.topUps = readTopUps(document.top_ups ?? [], this.pools);
      this.gainShare = document.gain_share === null ? null : readGainShare(object(document.gain_share));
      checkUnused(document);
      if ((document.after_dunning ?? null) !== null) text(document.after_dunning);
      this.assets = document.assets === null ? null : readAssets(object(document.assets));
    }

    /** Credits included in one window of a pool, in millionths. */
    allowanceMicro(pool) {
      return this.allowances.get(pool) ?? 0n;
    }

    /** Exact major units of a month's or a year's base fee, the year's with its discount. `unit` is one of both. */
    baseExact(unit) {
      const price = this.basePrice.times(MONTHS.get(unit));
      return unit === "year" ? price.times(ONE.minus(this.annualDiscountPct.times(HUNDREDTH))) : price;
    }

    /** Exact major units for use beyond the lots of a pool; of none, not even a minimum is due. */
    overageExact(pool, overageMicro) {
      return overageMicro === 0n ? ZERO : rate(this.overage.get(pool), Decimal.ofMicro(overageMicro)).amount;
    }
  }

  /** Throws Broken where a document is not a plan. */
  function readPlan(document) {
    if (!NAMES.every((name) => name in document)) throw new Broken(NOT_A_PLAN);
    return new Plan(document);
  }

  /** What no bill is rated with, but a plan must have all the same. */
  function checkUnused({ gain_share, features, entitlements, limits }) {
    if (gain_share !== null) {
      for (const name of ["min_pct", "max_pct"]) number(object(gain_share)[name]);
      if ("kpis" in gain_share) checkKpis(gain_share.kpis);
    }
    if (!Array.isArray(features) || !Array.isArray(entitlements)) throw new Broken(NOT_A_PLAN);
    object(limits);
  }

  /** The bounds of a share of savings, in percent. */
  function readGainShare({ min_pct, max_pct }) {
    return { min: number(min_pct), max: number(max_pct) };
  }

  /** The KPIs a plan adds to the usual ones, each with four texts and nothing else. */
  function checkKpis(kpis) {
    if (!Array.isArray(kpis)) throw new Broken(NOT_A_PLAN);
    for (const kpi of kpis) {
      if (Object.keys(object(kpi)).length !== KPI_NAMES.length) throw new Broken(NOT_A_PLAN);
      for (const name of KPI_NAMES) text(kpi[name]);
    }
  }

  function readPool({ name, unit, resets }) {
    return { name: text(name), unit: text(unit), isDaily: text(resets) === "day" };
  }

  function readMeter({ pool, credits_per_unit }) {
    const creditsPerUnit = number(credits_per_unit);
    if (creditsPerUnit.places > DECIMALS_MAX) throw new Broken("A meter burns credits too finely.");
    return { pool: text(pool), creditsPerUnit };
  }

  /** Packs of credits that are sold beside the plan, by their codes. */
  function readTopUps(rows, pools) {
    if (!Array.isArray(rows)) throw new Broken(NOT_A_PLAN);
    const found = new Map();
    for (const row of rows) {
      const { code, name, pool, credits, price } = object(row);
      for (const key of Object.keys(row)) if (!PACK_NAMES.includes(key)) throw new Broken(NOT_A_PLAN);
      const creditsMicro = number(credits).toMicro();
      if (!pools.has(text(pool)) || creditsMicro <= 0n) throw new Broken("A pack holds nothing that it has.");
      text(name);
      text(row.tax_category);
      number(price);
      found.set(text(code), { pool, creditsMicro, charge: readCharge({ model: "per_unit", unit_price: price }) });
    }
    return found;
  }

  function readAssets(document) {
    if (!("basis" in document)) throw new Broken(NOT_A_PLAN);
    return { basis: document.basis, charge: readCharge(object(document.charge)) };
  }

  function byCode(rows, names, read) {
    if (!Array.isArray(rows)) throw new Broken(NOT_A_PLAN);
    const found = new Map();
    for (const row of rows) {
      if (Object.keys(object(row)).sort().join() !== [...names].sort().join()) throw new Broken(NOT_A_PLAN);
      found.set(text(row.code), read(row));
    }
    return found;
  }

  function entries(document, read) {
    return new Map(Object.entries(object(document)).map(([name, value]) => [text(name), read(value)]));
  }

  function object(value) {
    if (!isObject(value)) throw new Broken(NOT_A_PLAN);
    return value;
  }

  function text(value) {
    if (!TEXT.holds(value)) throw new Broken(NOT_A_PLAN);
    return value;
  }

  function number(value) {
    if (!Decimal.isPlain(value)) throw new Broken("It holds a number that is not plain decimal text.");
    return Decimal.read(value);
  }

  return { PLAN_FORMAT, readPlan };
})();
