"use strict";

/** What a quantity costs: exact major units. A charge is the document a plan holds; rounding is the line's affair. */
Tallystick.pricing = (() => {
  const { Broken } = Tallystick.failures;
  const { Decimal, ZERO, max, min } = Tallystick.decimals;
  const TIERS_MAX = 50;
  const DECIMALS_MAX = 12;
  const RATE_MAX = new Decimal(10n ** 12n);
  const QUANTITY_MAX = new Decimal(10n ** 15n);
  const LINE_KEYS = ["model", "included", "minimum", "maximum"];
  const MODEL_KEYS = {
    flat: ["amount"],
    per_unit: ["unit_price"],
    package: ["package_size", "package_price"],
    graduated: ["tiers"],
    volume: ["tiers"],
  };
  const TIER_KEYS = ["up_to", "unit_price", "flat_fee"];

  /** Read a charge: `model` and its keys, with optional `included`, `minimum`, `maximum`. Throws Broken. */
  function readCharge(document) {
    const { model } = document;
    if (typeof model !== "string" || !Object.hasOwn(MODEL_KEYS, model)) {
      throw new Broken(`model must be one of ${Object.keys(MODEL_KEYS).join(", ")}.`);
    }
    refuseUnknown(document, [...LINE_KEYS, ...MODEL_KEYS[model]]);
    const charge = {
      model,
      included: optional(document, "included") ?? ZERO,
      minimum: optional(document, "minimum"),
      maximum: optional(document, "maximum"),
    };
    for (const name of MODEL_KEYS[model]) {
      charge[name] = name === "tiers" ? readTiers(document.tiers) : required(document, name);
    }
    if (model === "package" && charge.package_size.isZero()) throw new Broken("package_size must be above zero.");
    if (charge.minimum && charge.maximum && charge.minimum.compare(charge.maximum) > 0) {
      throw new Broken("minimum must not be above maximum.");
    }
    return charge;
  }

  function readTiers(rows) {
    if (!Array.isArray(rows) || rows.length < 1 || rows.length > TIERS_MAX) {
      throw new Broken(`A tiered price has 1 to ${TIERS_MAX} tiers.`);
    }
    const tiers = rows.map(readTier);
    let reached = ZERO;
    tiers.forEach(({ up_to }, place) => {
      if ((up_to === null) !== (place === tiers.length - 1)) throw new Broken("The last tier is open, and only that.");
      if (up_to !== null && up_to.compare(reached) <= 0)
        throw new Broken("Each tier must end above the one before it.");
      reached = up_to;
    });
    return tiers;
  }

  function readTier(row) {
    if (!Tallystick.receiptFields.isObject(row))
      throw new Broken("Each tier must be an object with up_to and unit_price.");
    refuseUnknown(row, TIER_KEYS);
    return {
      up_to: optional(row, "up_to"),
      unit_price: required(row, "unit_price"),
      flat_fee: optional(row, "flat_fee") ?? ZERO,
    };
  }

  function refuseUnknown(document, known) {
    const unknown = Object.keys(document).filter((name) => !known.includes(name));
    if (unknown.length) throw new Broken(`Unknown in this price: ${unknown.join(", ")}.`);
  }

  function required(document, name) {
    const value = optional(document, name);
    if (value === null) throw new Broken(`${name} is missing from this price.`);
    return value;
  }

  function optional(document, name) {
    const value = document[name] ?? null;
    if (value === null) return null;
    const text = typeof value === "number" ? String(value) : value;
    if (!Decimal.isPlain(text)) throw new Broken(`${name} must be a plain decimal string, such as "0.0020".`);
    const rate = Decimal.read(text);
    if (rate.compare(RATE_MAX) > 0 || rate.places > DECIMALS_MAX) {
      throw new Broken(`${name} must be from 0 to 1,000,000,000,000 with at most ${DECIMALS_MAX} decimals.`);
    }
    return rate;
  }

  /**
   * Price a quantity, exactly: included units first, then the model, then the line's minimum and maximum. `steps` say
   * how: each amount is quantity × unit price + flat fee, for the billable units between `from` and `to`.
   */
  function rate(charge, quantity) {
    if (quantity.isNegative() || quantity.compare(QUANTITY_MAX) > 0 || quantity.places > DECIMALS_MAX) {
      throw new Broken("A quantity to price must be from 0 to 1,000,000,000,000,000 with at most 12 decimals.");
    }
    const billable = max(ZERO, quantity.minus(charge.included));
    const steps = stepsOf(charge, billable);
    let amount = steps.reduce((sum, step) => sum.plus(step.amount), ZERO);
    if (charge.minimum) amount = max(amount, charge.minimum);
    if (charge.maximum) amount = min(amount, charge.maximum);
    return { billable, amount, steps };
  }

  function stepsOf(charge, billable) {
    if (charge.model === "flat") return [step(ZERO, billable, ZERO, ZERO, charge.amount)];
    if (billable.isZero()) return [];
    if (charge.model === "per_unit") return [step(ZERO, billable, billable, charge.unit_price, ZERO)];
    if (charge.model === "package") {
      return [step(ZERO, billable, billable.ceilOver(charge.package_size), charge.package_price, ZERO)];
    }
    if (charge.model === "graduated") return graduatedSteps(charge.tiers, billable);
    const tier = charge.tiers.find(({ up_to }) => up_to === null || billable.compare(up_to) <= 0);
    return [step(ZERO, billable, billable, tier.unit_price, tier.flat_fee)];
  }

  /** Each unit at the price of the tier it falls in. */
  function graduatedSteps(tiers, billable) {
    const steps = [];
    let reached = ZERO;
    for (const { up_to, unit_price, flat_fee } of tiers) {
      const end = up_to === null ? billable : min(billable, up_to);
      if (end.compare(reached) <= 0) break;
      steps.push(step(reached, end, end.minus(reached), unit_price, flat_fee));
      reached = end;
    }
    return steps;
  }

  function step(from, to, quantity, unitPrice, flatFee) {
    return { from, to, quantity, unitPrice, flatFee, amount: quantity.times(unitPrice).plus(flatFee) };
  }

  /** The one document of a charge, without members that say nothing. */
  function writtenCharge(charge) {
    const document = { model: charge.model };
    for (const name of MODEL_KEYS[charge.model]) {
      document[name] = name === "tiers" ? charge.tiers.map(writtenTier) : charge[name].text();
    }
    if (!charge.included.isZero()) document.included = charge.included.text();
    if (charge.minimum) document.minimum = charge.minimum.text();
    if (charge.maximum) document.maximum = charge.maximum.text();
    return document;
  }

  function writtenTier({ up_to, unit_price, flat_fee }) {
    const tier = { up_to: up_to && up_to.text(), unit_price: unit_price.text() };
    return flat_fee.isZero() ? tier : { ...tier, flat_fee: flat_fee.text() };
  }

  /** The steps as a line writes them, every number exact text. */
  function writtenSteps(steps) {
    return steps.map(({ from, to, quantity, unitPrice, flatFee, amount }) => ({
      from: from.text(),
      to: to.text(),
      quantity: quantity.text(),
      unit_price: unitPrice.text(),
      flat_fee: flatFee.text(),
      amount: amount.text(),
    }));
  }

  return { readCharge, rate, writtenCharge, writtenSteps };
})();
