"use strict";

/** Numbers, times and amounts as a person reads them; figures keep every digit they have. */
Tallystick.wording = (() => {
  const THOUSANDS = /\B(?=(?:\d{3})+$)/g;
  const MONTHS = "January February March April May June July August September October November December".split(" ");

  /** A plain decimal, or a whole number, in groups of three: "1234567.5" is "1,234,567.5". */
  function number(plain) {
    const [whole, part] = String(plain).replace("-", "−").split(".");
    return whole.replace(THOUSANDS, ",") + (part === undefined ? "" : `.${part}`);
  }

  function amount(plain, currency) {
    return `${number(plain)} ${currency}`;
  }

  function count(many, noun) {
    return `${number(many)} ${noun}${String(many) === "1" ? "" : "s"}`;
  }

  /** "1 month", "384,000 credits", "12 FU"; a unit with a number of its own is multiplied: "3 × 1,000 tokens". */
  function units(quantity, unit) {
    if (/[0-9]/.test(unit)) return `${number(quantity)} × ${unit}`;
    const isWord = /^[a-z]+$/.test(unit) && !unit.endsWith("s");
    return `${number(quantity)} ${unit}${isWord && quantity !== "1" ? "s" : ""}`;
  }

  function day(moment) {
    const [year, month, date] = moment.slice(0, 10).split("-");
    return `${Number(date)} ${MONTHS[Number(month) - 1]} ${year}`;
  }

  function period({ start, end }) {
    return `${day(start)} to ${day(end)}`;
  }

  /** Bytes as files are measured: "412 bytes", "3.4 MB". */
  function size(bytes) {
    if (bytes < 1_000) return `${bytes} bytes`;
    return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
  }

  return { number, amount, count, units, day, period, size };
})();
