"use strict";

/** The taxes of a bill: a share of what is billed, rounded once; of a credit note, its share of its invoice's taxes. */
Tallystick.taxChecks = (() => {
  const { Broken, Unverifiable } = Tallystick.failures;
  const { Decimal } = Tallystick.decimals;
  const { minorDigits, plain, readMinor } = Tallystick.money;
  const CATEGORIES = new Set(["S", "E", "AE", "G", "O"]);
  /** How far a credit note's tax may lie from its rate where the notes before it are not in the bundle. */
  const ROUNDING_MINOR = 3n;
  const IDENTITY = ["code", "name", "region", "category", "rate", "reason"];

  class TaxChecks {
    /** @param {boolean} hasAll whether the receipts between the bills are all there */
    constructor(hasAll) {
      this.hasAll = hasAll;
      this.invoices = new Map();
    }

    /** Check a bill, given in the order of the log. `subtotal` and `total` are minor units. */
    check({ document }, hash, subtotal, total) {
      const { typ, req, currency, tax: rows } = document;
      for (const row of rows) checkRow(row, subtotal, currency);
      const answered = typ === "invoice" ? undefined : this.invoices.get(req);
      if (answered !== undefined) checkNames(rows, answered.rows);
      if (answered !== undefined && this.hasAll) return checkShares(rows, answered, -total, currency);
      const apart = typ === "invoice" ? 0n : ROUNDING_MINOR;
      for (const row of rows) checkAmount(row, subtotal, currency, apart);
      if (typ === "invoice") this.invoices.set(hash, { rows, total, taken: 0n });
    }
  }

  function checkRow({ name, category = "S", base, rate, amount, reason }, subtotal, currency) {
    if (!CATEGORIES.has(category))
      throw new Unverifiable(`the tax ${name} is of a category that is not known here, ${category}.`);
    if (base !== undefined && readMinor(base, currency) !== subtotal) {
      const before = plain(subtotal, currency);
      throw new Broken(`the tax ${name} is of ${base}; what is billed before tax is ${before}.`);
    }
    if (category === "S") {
      if (Decimal.read(rate).isNegative()) throw new Broken(`the tax ${name} has a rate below zero.`);
      return;
    }
    if (!Decimal.read(rate).isZero() || !Decimal.read(amount).isZero())
      throw new Broken(`the tax ${name} is said not to be due, and yet is charged.`);
    if (reason === undefined) throw new Broken(`the tax ${name} does not say why it is not due.`);
  }

  function checkAmount({ name, rate, amount }, subtotal, currency, apart) {
    const digits = minorDigits(currency);
    const due = new Decimal(subtotal, digits).times(Decimal.read(rate)).roundHalfAway(digits);
    const difference = readMinor(amount, currency) - due;
    if (difference > apart || -difference > apart)
      throw new Broken(`the tax ${name} states ${amount}; it comes to ${plain(due, currency)}.`);
  }

  function checkNames(rows, expected) {
    const identity = (row) => JSON.stringify(IDENTITY.map((name) => row[name] ?? null));
    if (JSON.stringify(rows.map(identity)) !== JSON.stringify(expected.map(identity)))
      throw new Broken("its taxes are not those of its invoice.");
  }

  function checkShares(rows, answered, taken, currency) {
    const amounts = answered.rows.map((row) => readMinor(row.amount, currency));
    const before = sharesTaken(amounts, answered.total, answered.taken);
    answered.taken += taken;
    const after = sharesTaken(amounts, answered.total, answered.taken);
    for (const [place, { name, amount }] of rows.entries()) {
      const due = before[place] - after[place];
      if (readMinor(amount, currency) !== due)
        throw new Broken(`the tax ${name} states ${amount}; its share comes to ${plain(due, currency)}.`);
    }
  }

  /** How much of each tax is in `taken` of a bill: the first ones together, rounded half away from zero. */
  function sharesTaken(amounts, total, taken) {
    if (total === 0n) return amounts.map(() => 0n);
    let [together, sum] = [0n, 0n];
    return amounts.map((amount) => {
      sum += amount;
      const rounded = roundedQuotient(sum * taken, total);
      const share = rounded - together;
      together = rounded;
      return share;
    });
  }

  function roundedQuotient(above, below) {
    const isNegative = above < 0n !== below < 0n;
    const [top, bottom] = [above < 0n ? -above : above, below < 0n ? -below : below];
    const magnitude = (2n * top + bottom) / (2n * bottom);
    return isNegative ? -magnitude : magnitude;
  }

  return { TaxChecks };
})();
