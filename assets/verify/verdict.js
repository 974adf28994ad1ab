"use strict";

/**
 * The answer in big plain words: what it says of the bill, why, and what to do next. Each is {tone, title, texts,
 * advice}; the tones are good, warn, bad and unsure.
 */
Tallystick.verdict = (() => {
  const { element } = Tallystick.elements;
  const { amount, count, number } = Tallystick.wording;

  function verdictOf(report) {
    if (!report.isBundle) return report.exit === 1 ? notABundle(report) : unknownVersion(report);
    if (report.exit === 1) return invalid(report);
    if (report.exit === 2) return unverifiable(report);
    return report.isAnchored ? valid(report) : unanchored(report);
  }

  function valid(report) {
    const title = report.bill
      ? "This bill checks out"
      : report.others.length
        ? "These bills check out"
        : "These records check out";
    return { tone: "good", title, texts: [...summary(report), `It was signed by ${report.iss}.`] };
  }

  function unanchored(report) {
    return {
      tone: "warn",
      title: report.bill
        ? "The bill adds up, but who made it is not confirmed"
        : "The records add up, but who made them is not confirmed",
      texts: [
        ...summary(report),
        "This was checked with the keys the file itself brings along, and anyone can make such a file. To be sure it is from the company that bills you, add its keys.",
      ],
      advice: keysAdvice(report),
    };
  }

  function summary({ bill, others, count: receipts, usageCount }) {
    if (bill) {
      const used = bill.usageCount ? `${count(bill.usageCount, "usage record")} were added up and ` : "";
      const lines = `${count(bill.lines.length, "line")} ${bill.lines.length === 1 ? "was" : "were"} worked out again`;
      const sentence = `${used}${lines}: ${bill.name} comes to ${amount(bill.total, bill.currency)}.`;
      return [sentence.replace(/^1 usage record were/, "1 usage record was")];
    }
    const bills = others.length ? ` and ${count(others.length, "bill")}` : "";
    const among = usageCount
      ? `, ${count(usageCount, "usage record")}${bills} among them`
      : bills && `,${bills.replace(" and", "")} among them`;
    return [
      `${count(receipts, "receipt")} ${receipts === 1 ? "was" : "were"} read${among}. None was changed, added or left out.`,
    ];
  }

  function invalid({ seq, reason, kind }) {
    return {
      tone: "bad",
      title: kind === "invoice" ? "This bill does not check out" : "These records do not check out",
      texts: [
        element(
          "strong",
          {},
          seq === null ? "The file is not what it says it is." : `Receipt ${number(seq)} is the first that is wrong.`,
        ),
        reason,
      ],
      advice: [
        element(
          "p",
          {},
          "Do not rely on any figure in this file. Download the bundle again. If the answer stays the same, send the file to whoever billed you and ask.",
        ),
      ],
    };
  }

  function unverifiable(report) {
    const at = report.seq === null ? "" : `Receipt ${number(report.seq)}: `;
    return {
      tone: "unsure",
      title: "This cannot be checked",
      texts: ["Nothing was found wrong, but something that the proof needs is missing.", `${at}${report.reason}`],
      advice: report.needsKeys ? keysAdvice(report) : [],
    };
  }

  function notABundle({ reason }) {
    return {
      tone: "unsure",
      title: "This is not a bundle",
      texts: ["It is another kind of file, or only a part of one."],
      advice: [
        element(
          "p",
          {},
          "A bundle is the file that the portal offers with an invoice. Its name ends in .json, .jsonl or .jsonl.gz; a PDF or a spreadsheet cannot be checked.",
        ),
        element("p", { class: "muted" }, reason),
      ],
    };
  }

  function unknownVersion({ reason }) {
    return {
      tone: "unsure",
      title: "This page does not know this file",
      texts: [reason],
      advice: [
        element("p", {}, "It may have been made by a later version. Open the newest page of the portal and try again."),
      ],
    };
  }

  function keysAdvice({ iss }) {
    return [
      element("p", {}, "The keys are at this address:"),
      element("p", { class: "address" }, element("code", {}, `${iss.replace(/\/+$/, "")}/.well-known/jwks.json`)),
      element(
        "p",
        {},
        "Check that it is the address of the company that bills you, open it on a computer you trust, save it as jwks.json, and drop that file here as well.",
      ),
    ];
  }

  return { verdictOf };
})();
