"use strict";

/** Exact decimals: a BigInt count of 10^-places. Nothing is rounded but by `roundHalfAway`. */
Tallystick.decimals = (() => {
  const { Broken } = Tallystick.failures;
  const TEXT_MAX = 64;
  const PLAIN = /^-?[0-9]+(?:\.[0-9]+)?$/;
  const MICRO_PLACES = 6;
  const MICRO_MAX = 10n ** 47n;

  class Decimal {
    constructor(count, places = 0) {
      this.count = count;
      this.places = places;
    }

    /** The decimal that plain text such as "-12.50" writes. Throws Broken for anything else. */
    static read(text) {
      if (typeof text !== "string" || !PLAIN.test(text) || text.replace("-", "").length > TEXT_MAX) {
        throw new Broken("A number must be plain decimal text, such as 12.50.");
      }
      const [whole, part = ""] = text.split(".");
      return new Decimal(BigInt(whole + part), part.length);
    }

    /** Whether a value is text of digits with at most one point inside: no sign, exponent or space. */
    static isPlain(value) {
      return typeof value === "string" && value.length <= TEXT_MAX && /^[0-9]+(?:\.[0-9]+)?$/.test(value);
    }

    static ofMicro(micro) {
      return new Decimal(BigInt(micro), MICRO_PLACES);
    }

    scaled(places) {
      return this.count * 10n ** BigInt(places - this.places);
    }

    plus(other) {
      const places = Math.max(this.places, other.places);
      return new Decimal(this.scaled(places) + other.scaled(places), places);
    }

    minus(other) {
      return this.plus(new Decimal(-other.count, other.places));
    }

    times(other) {
      return new Decimal(this.count * other.count, this.places + other.places);
    }

    /** Whole millionths. Throws Broken where it is finer than that. */
    toMicro() {
      const micro = this.roundHalfAway(MICRO_PLACES);
      if (micro >= MICRO_MAX || micro <= -MICRO_MAX) throw new Broken("A quantity must be a number of ordinary size.");
      if (!this.equals(new Decimal(micro, MICRO_PLACES))) throw new Broken(`${this.text()} is finer than a millionth.`);
      return micro;
    }

    /** Below zero, zero or above zero as this is below, equal to or above `other`. */
    compare(other) {
      const difference = this.minus(other).count;
      return difference < 0n ? -1 : Number(difference > 0n);
    }

    equals(other) {
      return this.compare(other) === 0;
    }

    isZero() {
      return this.count === 0n;
    }

    isNegative() {
      return this.count < 0n;
    }

    /** How many whole `other`s it takes to hold this, a started one counted. Neither is below zero. */
    ceilOver(other) {
      const places = Math.max(this.places, other.places);
      const [count, size] = [this.scaled(places), other.scaled(places)];
      return new Decimal((count + size - 1n) / size);
    }

    /** The nearest whole count of 10^-places; a half goes away from zero. */
    roundHalfAway(places) {
      if (places >= this.places) return this.scaled(places);
      const unit = 10n ** BigInt(this.places - places);
      const magnitude = ((this.count < 0n ? -this.count : this.count) * 2n + unit) / (2n * unit);
      return this.count < 0n ? -magnitude : magnitude;
    }

    /** Plain text: no trailing zeros, no negative zero. */
    text() {
      const digits = (this.count < 0n ? -this.count : this.count).toString().padStart(this.places + 1, "0");
      const [whole, part] = [digits.slice(0, digits.length - this.places), digits.slice(digits.length - this.places)];
      const fraction = part.replace(/0+$/, "");
      return `${this.count < 0n ? "-" : ""}${whole}${fraction && `.${fraction}`}`;
    }
  }

  const ZERO = new Decimal(0n);
  const max = (left, right) => (left.compare(right) < 0 ? right : left);
  const min = (left, right) => (left.compare(right) > 0 ? right : left);

  return { Decimal, ZERO, MICRO_PLACES, max, min };
})();
