"use strict";

/** The answer as a person reads it: big words first, then the bill, then what was checked, then the bytes. */
Tallystick.answer = (() => {
  const { element, icon } = Tallystick.elements;
  const { amount, count, day, number, period, units } = Tallystick.wording;
  const { verdictOf } = Tallystick.verdict;
  const OTHERS_MAX = 50;
  const MARKS = {
    good: "M5 12.5l4.5 4.5L19 7.5",
    warn: "M12 6.5v6.5m0 4v.01",
    bad: "M7 7l10 10M17 7L7 17",
    unsure: "M8.5 9a3.5 3.5 0 1 1 4.8 3.2c-.8.4-1.3 1-1.3 2m0 3.3v.01",
  };
  const SIGNS = { done: "✓", open: "!", none: "–", bad: "✕" };
  const SAID = { done: "Holds: ", open: "Not confirmed: ", none: "Not asked for: ", bad: "Does not hold: " };

  /** The card of a report; its data attributes hold the bare answer. */
  function answerCard(report) {
    const { tone, title, texts, advice = [] } = verdictOf(report);
    return element(
      "article",
      {
        class: `card answer answer-${tone}`,
        "data-exit": report.exit,
        "data-seq": report.seq,
        "aria-labelledby": "verdict",
      },
      verdictHead(tone, title, texts, advice),
      report.bill ? billSection(report.bill) : null,
      report.others.length ? othersSection(report) : null,
      report.steps.length ? stepsSection(report.steps) : null,
      report.bytes.length ? bytesSection(report) : null,
    );
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
        element(
          "div",
          {},
          element("h3", {}, bill.name),
          element("p", { class: "muted" }, bill.period ? period(bill.period) : day(bill.ts)),
        ),
        element("p", { class: "bill-total" }, amount(bill.total, bill.currency)),
      ),
      linesTable(bill),
    );
  }

  function othersSection({ bill, others }) {
    const shown = others
      .slice(0, OTHERS_MAX)
      .map((other) =>
        element(
          "details",
          { class: "other" },
          element(
            "summary",
            {},
            element("span", {}, other.name),
            element("span", { class: "other-total" }, amount(other.total, other.currency), " ", agrees()),
          ),
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
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...head.map((name, place) => element("th", { scope: "col", class: place ? "numeric" : null }, name)),
        ),
      ),
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
      element(
        "td",
        { class: "numeric", "data-label": "Quantity" },
        element("span", {}, units(line.quantity, line.unit)),
      ),
      element("td", { class: "numeric", "data-label": "Billed" }, number(line.amount)),
      element(
        "td",
        { class: "numeric", "data-label": "Worked out again" },
        element("span", {}, number(line.computed), " ", agrees()),
      ),
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
    return element(
      "span",
      { class: "tick" },
      element("span", { "aria-hidden": "true" }, "✓"),
      element("span", { class: "visually-hidden" }, "agrees"),
    );
  }

  function stepsSection(steps) {
    return element(
      "section",
      { class: "steps" },
      element("h3", {}, "What was checked"),
      element("ol", { class: "step-list" }, ...steps.map(stepItem)),
    );
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
    return element(
      "details",
      { class: "bytes" },
      element("summary", {}, "Bytes: hashes, proofs, checkpoint, keys"),
      ...groups.map(byteGroup),
    );
  }

  function billBytes(bill) {
    const plans = [...new Set(bill.lines.map((line) => line.price))];
    const roots = bill.lines.flatMap((line) =>
      line.usage
        ? [
            [
              `Usage root, ${line.description}`,
              `${line.usage.root}, receipts ${line.usage.first_seq} to ${line.usage.last_seq}`,
            ],
          ]
        : [],
    );
    return {
      title: bill.name,
      rows: [
        ["Receipt", String(bill.seq)],
        ["Receipt hash", bill.hash],
        ...plans.map((plan) => ["Plan version", plan]),
        ...roots,
      ],
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
      more
        ? element("details", {}, element("summary", {}, more.title), element("pre", { tabindex: "0" }, more.text))
        : null,
    );
  }

  return { answerCard };
})();
