"use strict";

/** The answer as a person reads it: big words first, then the bill, then what was checked, then the bytes. */
Tallystick.answer = (() => {
  const { element, icon } = Tallystick.elements;
  const { amount, count, day, number, period, units } = Tallystick.wording;
  const OTHERS_MAX = 50;
  const MARKS = { good: "M5 12.5l4.5 4.5L19 7.5", warn: "M12 6.5v6.5m0 4v.01", bad: "M7 7l10 10M17 7L7 17", unsure: "M8.5 9a3.5 3.5 0 1 1 4.8 3.2c-.8.4-1.3 1-1.3 2m0 3.3v.01" };
  const SIGNS = { done: "✓", open: "!", none: "–", bad: "✕" };
  const SAID = { done: "Holds: ", open: "Not confirmed: ", none: "Not asked for: ", bad: "Does not hold: " };

  /** The card of a report; its data attributes hold the bare answer. */
  function answerCard(report) {
    const { tone, title, texts, advice = [] } = verdictOf(report);
    return element(
      "article",
      { class: `card answer answer-${tone}`, "data-exit": report.exit, "data-seq": report.seq, "aria-labelledby": "verdict" },
      verdictHead(tone, title, texts, advice),
      report.bill ? billSection(report.bill) : null,
      report.others.length ? othersSection(report) : null,
      report.steps.length ? stepsSection(report.steps) : null,
      report.bytes.length ? bytesSection(report) : null,
    );
  }

  function verdictOf(report) {
    if (!report.isBundle) return report.exit === 1 ? notABundle(report) : unknownVersion(report);
    if (report.exit === 1) return invalid(report);
    if (report.exit === 2) return unverifiable(report);
    return report.isAnchored ? valid(report) : unanchored(report);
  }

  function valid(report) {
    const title = report.bill ? "This bill checks out" : report.others.length ? "These bills check out" : "These records check out";
    return { tone: "good", title, texts: [...summary(report), `It was signed by ${report.iss}.`] };
  }

  function unanchored(report) {
    return {
      tone: "warn",
      title: report.bill ? "The bill adds up, but who made it is not confirmed" : "The records add up, but who made them is not confirmed",
      texts: [...summary(report), "This was checked with the keys the file itself brings along, and anyone can make such a file. To be sure it is from the company that bills you, add its keys."],
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
    const among = usageCount ? `, ${count(usageCount, "usage record")}${bills} among them` : bills && `,${bills.replace(" and", "")} among them`;
    return [`${count(receipts, "receipt")} ${receipts === 1 ? "was" : "were"} read${among}. None was changed, added or left out.`];
  }

  function invalid({ seq, reason, kind }) {
    return {
      tone: "bad",
      title: kind === "invoice" ? "This bill does not check out" : "These records do not check out",
      texts: [element("strong", {}, seq === null ? "The file is not what it says it is." : `Receipt ${number(seq)} is the first that is wrong.`), reason],
      advice: [element("p", {}, "Do not rely on any figure in this file. Download the bundle again. If the answer stays the same, send the file to whoever billed you and ask.")],
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
        element("p", {}, "A bundle is the file that the portal offers with an invoice. Its name ends in .json, .jsonl or .jsonl.gz; a PDF or a spreadsheet cannot be checked."),
        element("p", { class: "muted" }, reason),
      ],
    };
  }

  function unknownVersion({ reason }) {
    return {
      tone: "unsure",
      title: "This page does not know this file",
      texts: [reason],
      advice: [element("p", {}, "It may have been made by a later version. Open the newest page of the portal and try again.")],
    };
  }

  function keysAdvice({ iss }) {
    return [
      element("p", {}, "The keys are at this address:"),
      element("p", { class: "address" }, element("code", {}, `${iss.replace(/\/+$/, "")}/.well-known/jwks.json`)),
      element("p", {}, "Check that it is the address of the company that bills you, open it on a computer you trust, save it as jwks.json, and drop that file here as well."),
    ];
  }

  function verdictHead(tone, title, texts, advice) {
    return element(
      "header",
      { class: "verdict" },
      element("span", { class: `seal seal-${tone}`, "aria-hidden": "true" }, icon(MARKS[tone])),
      element(
        "div",
        { class: "verdict-words" },
        element("h2", { id: "verdict" }, title),
        ...texts.map((text) => element("p", { class: "verdict-text" }, text)),
        advice.length ? element("div", { class: "advice" }, ...advice) : null,
      ),
    );
  }

  function billSection(bill) {
    return element(
      "section",
      { class: "bill" },
      element(
        "div",
        { class: "bill-head" },
        element("div", {}, element("h3", {}, bill.name), element("p", { class: "muted" }, bill.period ? period(bill.period) : day(bill.ts))),
        element("p", { class: "bill-total" }, amount(bill.total, bill.currency)),
      ),
      linesTable(bill),
    );
  }

  function othersSection({ bill, others }) {
    const shown = others.slice(0, OTHERS_MAX).map((other) =>
      element(
        "details",
        { class: "other" },
        element("summary", {}, element("span", {}, other.name), element("span", { class: "other-total" }, amount(other.total, other.currency), " ", agrees())),
        element("p", { class: "muted" }, other.period ? period(other.period) : day(other.ts)),
        linesTable(other),
      ),
    );
    const more = others.length - shown.length;
    return element(
      "section",
      { class: "others" },
      element("h3", {}, bill ? "Other bills in this file" : "Bills in this file"),
      ...shown,
      more ? element("p", { class: "muted" }, `And ${count(more, "more bill")}, checked as well.`) : null,
    );
  }

  function linesTable(bill) {
    const head = ["What", "Quantity", "Billed", "Worked out again"];
    return element(
      "table",
      { class: "lines" },
      element("caption", { class: "visually-hidden" }, `Lines of ${bill.name}, each worked out again`),
      element("thead", {}, element("tr", {}, ...head.map((name, place) => element("th", { scope: "col", class: place ? "numeric" : null }, name)))),
      element("tbody", {}, ...bill.lines.map(lineRow)),
      element(
        "tfoot",
        {},
        sumRow("Subtotal", number(bill.subtotal), true),
        ...bill.taxes.map((tax) => sumRow(tax.name, number(tax.amount), false)),
        sumRow("Total", amount(bill.total, bill.currency), true),
      ),
    );
  }

  function lineRow(line) {
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, line.description, element("span", { class: "line-note" }, `From ${line.basis}`)),
      element("td", { class: "numeric", "data-label": "Quantity" }, element("span", {}, units(line.quantity, line.unit))),
      element("td", { class: "numeric", "data-label": "Billed" }, number(line.amount)),
      element("td", { class: "numeric", "data-label": "Worked out again" }, element("span", {}, number(line.computed), " ", agrees())),
    );
  }

  /** A row under the lines. Taxes are as the bill states them: they are added up, not worked out. */
  function sumRow(name, text, isAddedUp) {
    return element(
      "tr",
      { class: name === "Total" ? "total" : null },
      element("th", { scope: "row", colspan: "2" }, name),
      element("td", { class: "numeric", "data-label": name }, text),
      element("td", { class: "numeric again" }, isAddedUp ? agrees() : null),
    );
  }

  function agrees() {
    return element("span", { class: "tick" }, element("span", { "aria-hidden": "true" }, "✓"), element("span", { class: "visually-hidden" }, "agrees"));
  }

  function stepsSection(steps) {
    return element("section", { class: "steps" }, element("h3", {}, "What was checked"), element("ol", { class: "step-list" }, ...steps.map(stepItem)));
  }

  function stepItem({ state, title, text }) {
    return element(
      "li",
      { class: `step step-${state}` },
      element("span", { class: "step-sign", "aria-hidden": "true" }, SIGNS[state]),
      element(
        "div",
        {},
        element("p", { class: "step-title" }, element("span", { class: "visually-hidden" }, SAID[state]), title),
        element("p", { class: "muted" }, text),
      ),
    );
  }

  function bytesSection({ bytes, bill }) {
    const groups = bill ? [...bytes, billBytes(bill)] : bytes;
    return element("details", { class: "bytes" }, element("summary", {}, "Bytes: hashes, proofs, checkpoint, keys"), ...groups.map(byteGroup));
  }

  function billBytes(bill) {
    const plans = [...new Set(bill.lines.map((line) => line.price))];
    const roots = bill.lines.flatMap((line) => (line.usage ? [[`Usage root, ${line.description}`, `${line.usage.root}, receipts ${line.usage.first_seq} to ${line.usage.last_seq}`]] : []));
    return {
      title: bill.name,
      rows: [["Receipt", String(bill.seq)], ["Receipt hash", bill.hash], ...plans.map((plan) => ["Plan version", plan]), ...roots],
      more: { title: "The receipt, spaced out", text: JSON.stringify(bill.document, null, 2) },
    };
  }

  function byteGroup({ title, rows, text, more }) {
    return element(
      "section",
      { class: "byte-group" },
      element("h4", {}, title),
      element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
      text ? element("pre", { tabindex: "0", "aria-label": title }, text) : null,
      more ? element("details", {}, element("summary", {}, more.title), element("pre", { tabindex: "0" }, more.text)) : null,
    );
  }

  return { answerCard };
})();
