"use strict";

/** What one bill takes over from others: base fees that lines come off, fees that changes prorate, credit carried on. */
Tallystick.billChains = (() => {
  const { Broken } = Tallystick.failures;
  const { plain } = Tallystick.money;

  /** What the lines of a bill so far leave of each base fee on it, by its plan and the start of its period. */
  class BaseFees {
    constructor() {
      this.amounts = new Map();
    }

    /** Minor units; null where the bill has no such base fee. */
    left(line) {
      return this.amounts.get(keyOf(line)) ?? null;
    }

    note(line, amount) {
      if (line.kind === "base" || line.kind === "discount")
        this.amounts.set(keyOf(line), (this.left(line) ?? 0n) + amount);
    }
  }

  function keyOf({ price, period }) {
    return JSON.stringify([price, period?.start ?? null]);
  }

  /** The base fees that were charged, by subscription, plan, the start of their term, and their unit. */
  class FeesInForce {
    constructor(isWholeLog) {
      this.isWholeLog = isWholeLog;
      this.fees = new Map();
      this.units = new Map();
    }

    /** Remember what is left of a base fee after each of its lines. */
    note({ document }, line, left) {
      const place = [document.subscription, line.price, line.period?.start ?? null];
      if (line.kind === "base") this.units.set(JSON.stringify(place), line.unit);
      if ((line.kind === "base" || line.kind === "discount") && left !== null)
        this.fees.set(JSON.stringify([...place, this.units.get(JSON.stringify(place))]), left);
    }

    /** Hold a proration to the fee in force: it credits what was charged, once. */
    prorate({ document }, line, { part, unit, startsAt, fee }, currency) {
      const key = JSON.stringify([document.subscription, line.price, startsAt, unit]);
      if (part === "rest") {
        this.fees.set(key, fee);
        return;
      }
      const charged = this.fees.get(key);
      this.fees.delete(key);
      if (charged === undefined) {
        if (this.isWholeLog)
          throw new Broken("it credits a fee that was not charged before it, or was credited already.");
      } else if (charged !== fee) {
        throw new Broken(
          `it credits ${plain(fee, currency)}; the fee that was charged is ${plain(charged, currency)}.`,
        );
      }
    }
  }

  /** The credit that invoices carried on, by their numbers. */
  class CarriedCredit {
    constructor(isWholeLog) {
      this.isWholeLog = isWholeLog;
      this.carried = new Map();
    }

    /** Check a carried line of `amount`; `soFar` is what the bill comes to with it. */
    check({ document }, line, amount, soFar) {
      const { lines, number, currency } = document;
      if (amount > 0n) {
        if (line !== lines[lines.length - 1] || soFar !== 0n)
          throw new Broken("it carries on something other than what its invoice leaves below zero.");
        this.carried.set(number, amount);
        return;
      }
      const from = line.sources?.invoice;
      if (typeof from !== "number" || from <= 0 || from >= number)
        throw new Broken("it does not say which invoice before it the credit comes from.");
      const carried = this.carried.get(from);
      this.carried.delete(from);
      if (carried === undefined) {
        if (this.isWholeLog) throw new Broken(`invoice ${from} carried on no credit, or it was taken already.`);
      } else if (carried !== -amount) {
        throw new Broken(
          `it takes ${plain(-amount, currency)}; invoice ${from} carried on ${plain(carried, currency)}.`,
        );
      }
    }
  }

  return { BaseFees, FeesInForce, CarriedCredit };
})();
