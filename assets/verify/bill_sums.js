"use strict";

/** The sums of a bill: what it counts, and what it comes to. */
Tallystick.billSums = (() => {
  const { Broken } = Tallystick.failures;
  const { written } = Tallystick.hashes;
  const { rootOf } = Tallystick.merkle;
  const { plain, readMinor } = Tallystick.money;

  /** Hold a stated `usage` to the receipts: of one pool, or of all in order of their codes, and of the period's parts. */
  function checkStated(usage, ...parts) {
    const codes = [...new Set(parts.flatMap((sums) => [...sums.keys()]))].sort();
    const pools = codes.flatMap((code) => parts.map((sums) => sums.get(code)).filter((sum) => sum !== undefined));
    const count = pools.reduce((total, pool) => total + pool.count, 0);
    if (count !== usage.count) throw new Broken(`its usage counts ${usage.count} receipts; there are ${count}.`);
    const [first, last] = [Math.min(...pools.map((pool) => pool.first)), Math.max(...pools.map((pool) => pool.last))];
    if (first !== usage.first_seq || last !== usage.last_seq) {
      throw new Broken(`the first and last receipt of its usage are ${first} and ${last}, not those it states.`);
    }
    if (written(rootOf(pools.map((pool) => pool.root()))) !== usage.root) {
      throw new Broken("the root over the receipts of its usage is another one.");
    }
  }

  function checkTotals({ currency, totals, tax: taxes, amount }, lines) {
    const subtotal = lines.reduce((sum, line) => sum + line.amount, 0n);
    const tax = taxes.reduce((sum, row) => sum + readMinor(row.amount, currency), 0n);
    const stated = [
      ["the subtotal", totals.subtotal, subtotal],
      ["the tax", totals.tax, tax],
      ["the total", totals.total, subtotal + tax],
      ["the amount", amount, subtotal + tax],
    ];
    for (const [what, text, expected] of stated) {
      if (readMinor(text, currency) !== expected) {
        throw new Broken(`${what} states ${text} ${currency}; it comes to ${plain(expected, currency)}.`);
      }
    }
    return subtotal + tax;
  }

  return { checkStated, checkTotals };
})();
