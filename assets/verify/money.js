"use strict";

/** Money in whole minor units of one currency, as BigInt, rounded once and only once. */
Tallystick.money = (() => {
  const { Broken } = Tallystick.failures;
  const { Decimal } = Tallystick.decimals;
  const AMOUNT_MINOR_MAX = 10n ** 18n;
  /** ISO 4217 minor units that differ from 2. */
  const MINOR_DIGITS = new Map([
    ..."BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(" ").map((code) => [code, 0]),
    ..."BHD IQD JOD KWD LYD OMR TND".split(" ").map((code) => [code, 3]),
    ..."CLF UYW".split(" ").map((code) => [code, 4]),
  ]);

  function minorDigits(currency) {
    return MINOR_DIGITS.get(currency) ?? 2;
  }

  function checked(minor, currency) {
    if (minor > AMOUNT_MINOR_MAX || minor < -AMOUNT_MINOR_MAX) {
      throw new Broken(`This amount of ${currency} is larger than can be billed.`);
    }
    return minor;
  }

  /** Exact major units rounded to minor units, half away from zero. A line calls this once. */
  function toMinor(amount, currency) {
    return checked(amount.roundHalfAway(minorDigits(currency)), currency);
  }

  /** The minor units that text such as "9000.00" writes. Throws Broken for more decimals than the currency has. */
  function readMinor(text, currency) {
    const amount = Decimal.read(text);
    const digits = minorDigits(currency);
    if (amount.places > digits)
      throw new Broken(`${currency} has ${digits} decimal places; an amount has ${amount.places}.`);
    return checked(amount.scaled(digits), currency);
  }

  /** Major units with all the currency's decimals: "10600.00", "-0.05", "500". */
  function plain(minor, currency) {
    const digits = minorDigits(currency);
    const text = (minor < 0n ? -minor : minor).toString().padStart(digits + 1, "0");
    const sign = minor < 0n ? "-" : "";
    return digits ? `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}` : `${sign}${text}`;
  }

  return { minorDigits, toMinor, readMinor, plain };
})();
