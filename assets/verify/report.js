"use strict";

/** What a run found, in the words and figures that the page shows. */
Tallystick.report = (() => {
  const { base64, hex } = Tallystick.bytes;
  const { written } = Tallystick.hashes;
  const { plain } = Tallystick.money;
  const { MissingKey } = Tallystick.failures;
  const { count, day, number, size } = Tallystick.wording;
  const NUMBER_DIGITS = 6;
  const KINDS = new Map([
    ["base", "Base fee"],
    ["discount", "Promotion"],
    ["adjustment", "Adjustment"],
    ["top_up", "Credits bought"],
    ["gain_share", "Share of savings"],
    ["proration", "Plan change"],
    ["carried", "Credit carried on"],
    ["asset_uplift", "Assets beyond the included"],
    ["overage", "Use beyond the included"],
    ["late_usage", "Late usage"],
    ["correction", "Correction of usage"],
  ]);

  /** @param {{exit, seq, reason, run}} answer of the verifier, and the chosen {bundle, keys, checkpoint} files */
  function reportOf({ exit, seq, reason, failure, run }, files) {
    const { header } = run;
    const report = {
      exit,
      seq,
      reason,
      isBundle: header !== null,
      isAnchored: false,
      bills: [],
      others: [],
      steps: [],
      bytes: [],
    };
    if (header === null) return report;
    const bills = run.bills.map((bill) => billOf(bill));
    const main = bills.find((bill) => bill.seq === header.invoiceSeq) ?? (bills.length === 1 ? bills[0] : null);
    return {
      ...report,
      isAnchored: run.isAnchored,
      needsKeys: failure instanceof MissingKey,
      kind: header.kind,
      iss: header.iss,
      count: header.count,
      usageCount: run.usage.count,
      bill: main,
      others: bills.filter((bill) => bill !== main),
      steps: stepsOf(run, exit, seq, bills),
      bytes: bytesOf(run, files),
    };
  }

  function billOf({ receipt, lines }) {
    const { typ, seq, number: place, ts, period, currency, totals, tax } = receipt.document;
    const name =
      typ === "invoice" ? `Invoice INV-${String(place).padStart(NUMBER_DIGITS, "0")}` : `Credit note ${place}`;
    return {
      name,
      seq,
      ts,
      period: period ?? null,
      currency,
      subtotal: totals.subtotal,
      total: totals.total,
      taxes: tax.map((row) => ({ name: taxName(row), amount: row.amount })),
      lines: lines.map((line) => lineOf(line, currency)),
      usageCount: lines.reduce((sum, { usageCount }) => sum + (usageCount ?? 0), 0),
      hash: written(receipt.hash),
      document: receipt.document,
    };
  }

  function taxName({ name, rate, region, reason }) {
    if (reason !== undefined) return reason;
    const percent = Tallystick.decimals.Decimal.read(rate).times(new Tallystick.decimals.Decimal(100n)).text();
    return `${name} ${percent} %${region ? `, ${region}` : ""}`;
  }

  function lineOf({ line, plan, amount, usageCount, approvedSeq }, currency) {
    return {
      description: line.description ?? KINDS.get(line.kind),
      quantity: line.quantity,
      unit: line.unit,
      amount: line.amount,
      computed: plain(amount, currency),
      basis: basisOf(line, plan, usageCount, approvedSeq),
      usage: line.usage ?? null,
      price: line.price,
    };
  }

  /** What a line was worked out from, in a few words. */
  function basisOf(line, plan, usageCount, approvedSeq) {
    if (usageCount !== null) return `${count(usageCount, "usage record")} added up`;
    if (line.kind === "base") return `the price of ${plan.name}`;
    if (line.kind === "adjustment") return "what the seller decided on";
    if (line.kind === "gain_share") {
      const share = `${line.sources.share_pct} % of savings of ${number(line.sources.savings)}`;
      return approvedSeq === null ? share : `${share}, as approved in receipt ${number(approvedSeq)}`;
    }
    if (line.kind === "proration") return `the rest of ${line.sources.fee} by the second`;
    if (line.kind === "carried") return line.sources ? "what the earlier invoice carried on" : "what is left below zero";
    if (line.kind === "discount") return `${line.sources.of} left of the base fee`;
    if (line.kind === "asset_uplift") return `${number(line.sources.counted)} assets counted, as the invoice says`;
    return "its usage is not in this file, so only the price was worked out";
  }

  function stepsOf(run, exit, seq, bills) {
    const steps = [];
    for (const [name, step] of STEPS) {
      if (run.held.has(name)) steps.push({ state: "done", ...step(run, bills) });
      else {
        const state = exit === 1 ? "bad" : "open";
        const stopped = seq === null ? "The check stopped here." : `The check stopped here, at receipt ${number(seq)}.`;
        steps.push({ state, title: step(run, bills).title, text: stopped });
        break;
      }
    }
    return steps;
  }

  const STEPS = [
    [
      "links",
      ({ header }) => ({
        title: "Nothing was changed, added or left out",
        text: `${count(header.count, "receipt")} read byte for byte; each carries the fingerprint of the one before it.`,
      }),
    ],
    [
      "inclusion",
      ({ header }) => ({
        title: "All of it is in the published log",
        text: `The receipts lead to the root of the log's checkpoint, which covers ${count(header.checkpoint.size, "receipt")}.`,
      }),
    ],
    [
      "signatures",
      (run) =>
        run.isAnchored
          ? {
              title: `Signed by ${run.header.iss}`,
              text: `Keys that you trust signed the checkpoint and this file${run.signed.length ? `, and ${count(run.signed.length, "receipt")} one by one` : ""}.`,
            }
          : {
              state: run.held.has("signatures") ? "open" : undefined,
              title: "Signed, but by whom is not confirmed",
              text: "All signatures were made by keys that this file itself brings along. Add keys from outside to confirm whose they are.",
            },
    ],
    [
      "remembered",
      ({ remembered }) =>
        remembered === null
          ? {
              state: "none",
              title: "Not compared with an earlier checkpoint",
              text: "Keep the checkpoint of this file (under Bytes); with it, the next one can be shown to continue the same log.",
            }
          : {
              title: "Continues the checkpoint you kept",
              text: `The first ${count(remembered.checkpoint.size, "receipt")} of the log are still as they were then.`,
            },
    ],
    [
      "usage",
      ({ usage }) => ({
        title: "Every usage record took the credits its meter says",
        text: usage.count
          ? `${count(usage.count, "usage record")} checked against the plan's meters.`
          : "There is no usage in this file.",
      }),
    ],
    [
      "bills",
      ({ billReceipts }, bills) =>
        billReceipts.length
          ? {
              title: "Every line comes to its amount",
              text: `${count(
                bills.reduce((sum, bill) => sum + bill.lines.length, 0),
                "line",
              )} on ${count(bills.length, "bill")} worked out again, and every total added up again.`,
            }
          : {
              title: "There is no bill in this file",
              text: "It holds records of use and what was agreed; their figures agree with each other.",
            },
    ],
  ];

  function bytesOf({ header, digest, kid, history }, files) {
    const { checkpoint, range } = header;
    const held = [
      ["File", `${files.bundle.name}, ${size(files.bundle.size)}`],
      ["Kind", header.kind],
      ["Log", header.origin],
      ["Made", header.created],
      ["Receipts", range ? `${range.first} to ${range.last}` : `${header.count} steps of trace ${header.traceId}`],
      ["Signed digest", digest === null ? "not read to its end" : `sha256:${hex(digest)}`],
    ];
    const head = [
      ["Size", String(checkpoint.size)],
      ["Root", `${base64(checkpoint.root)} (base64)`],
      ["Signed by", kid ?? "not confirmed"],
      ...(range ? [["Proof", `${range.before.length} hashes before the range, ${range.after.length} after it`]] : []),
    ];
    return [
      { title: "Bundle", rows: held },
      {
        title: "Checkpoint: save this text as a file to compare a later bundle with it",
        rows: head,
        text: header.text,
      },
      { title: "Keys", rows: history.value === null ? [] : keyRows(history.value) },
    ];
  }

  function keyRows(ring) {
    return [...ring.publicKeys.keys()].map((kid, place) => {
      const ends = ring.expiry(kid);
      const until = ends === null ? "signs without end" : `signed until ${day(new Date(ends * 1_000).toISOString())}`;
      const trust = ring.isAnchored
        ? ring.counting.has(kid)
          ? "you trust it"
          : "you do not trust it"
        : "found in the file only";
      return [`Key ${place + 1}: ${until}; ${trust}`, kid];
    });
  }

  return { reportOf };
})();
