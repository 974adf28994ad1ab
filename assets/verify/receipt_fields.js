"use strict";

/** What each type of receipt holds: the fields it must have, those it may have, and what each of them looks like. */
Tallystick.receiptFields = (() => {
  const { Broken } = Tallystick.failures;
  const { isHash } = Tallystick.hashes;
  const VERSION = 1;
  const ID_MAX = 128;
  const TEXT_MAX = 300;
  const LINES_MAX = 2_000;
  const DECIMAL = /^-?(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{1,12})?$/;
  const ZERO_BELOW = /^-0(?:\.0+)?$/;
  const MOMENT = /^([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.[0-9]{6}Z$/;
  const DAY = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
  const CURRENCY = /^[A-Z]{3}$/;
  const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

  const isText = (max) => (value) =>
    typeof value === "string" && value !== "" && (value.length <= max || [...value].length <= max);
  const isWholeFrom = (min) => (value) => typeof value === "number" && value >= min;
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const isDecimal = (value) => typeof value === "string" && DECIMAL.test(value) && !ZERO_BELOW.test(value);

  /** Whether `value` is a day there is, written 2026-03-31. */
  function isDay(value) {
    const match = typeof value === "string" ? DAY.exec(value) : null;
    if (match === null) return false;
    const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
    const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    return year >= 1 && day >= 1 && day <= DAYS[month - 1] + (month === 2 && isLeap ? 1 : 0);
  }

  /** Whether `value` is a moment there is, written 2026-03-31T18:15:46.000000Z. */
  function isMoment(value) {
    const match = typeof value === "string" ? MOMENT.exec(value) : null;
    return match !== null && isDay(match[1]) && match[2] < "24" && match[3] < "60" && match[4] < "60";
  }

  const field = (what, holds) => ({ what, holds });
  const ID = field(`text of 1 to ${ID_MAX} characters`, isText(ID_MAX));
  const TEXT = field(`text of 1 to ${TEXT_MAX} characters`, isText(TEXT_MAX));
  const COUNT = field("a whole number from 1 to 2^53 - 1", isWholeFrom(1));
  const NATURAL = field("a whole number, zero or more", isWholeFrom(0));
  const WHOLE = field("a whole number within 2^53 - 1", (value) => typeof value === "number");
  const FLAG = field("true or false", (value) => typeof value === "boolean");
  const AMOUNT = field('a plain decimal in quotes, such as "12.50"', isDecimal);
  const HASHED = field("a hash, sha256: and 64 small hexadecimal digits", isHash);
  const LINK = field("a hash, or null for the first", (value) => value === null || isHash(value));
  const MONEY = field("three capital letters", (value) => typeof value === "string" && CURRENCY.test(value));
  const TIME = field("a UTC time such as 2026-03-31T18:15:46.000000Z", isMoment);
  const DATE = field("a day such as 2026-03-31", isDay);
  const DOCUMENT = field("an object", isObject);
  const DOCUMENTS = field("a list", Array.isArray);

  const listOf = (inner) =>
    field(
      `a list of at most ${LINES_MAX}, each ${inner.what}`,
      (value) => Array.isArray(value) && value.length <= LINES_MAX && value.every(inner.holds),
    );
  const objectOf = (what, required, optional = {}) =>
    field(what, (value) => isObject(value) && wrongField(value, { required, optional }) === null);

  const SPAN = objectOf("an object of start and a later end", { start: TIME, end: TIME });
  const PERIOD = field(SPAN.what, (value) => SPAN.holds(value) && value.start < value.end);
  const RANGE = objectOf("an object of first_seq, last_seq, count and root", {
    first_seq: COUNT,
    last_seq: COUNT,
    count: COUNT,
    root: HASHED,
  });
  const USAGE = field(RANGE.what, (value) => RANGE.holds(value) && value.count <= value.last_seq - value.first_seq + 1);
  const LINE = objectOf(
    "an object of kind, unit, quantity and amount",
    { kind: ID, unit: ID, quantity: AMOUNT, amount: AMOUNT },
    {
      description: TEXT,
      period: PERIOD,
      price: HASHED,
      usage: USAGE,
      pricing: DOCUMENT,
      sources: DOCUMENT,
      steps: DOCUMENTS,
    },
  );
  const PART = objectOf(
    "an object of start, end, price and, where it is so, arrears",
    { start: TIME, end: TIME, price: HASHED },
    { arrears: FLAG },
  );
  const TOTALS = objectOf("an object of subtotal, tax and total", { subtotal: AMOUNT, tax: AMOUNT, total: AMOUNT });
  const TAX = objectOf(
    "an object of name, rate and amount",
    { name: ID, rate: AMOUNT, amount: AMOUNT },
    { region: ID, base: AMOUNT, code: ID, category: ID, reason: TEXT },
  );

  const FIELDS = {
    v: field(`${VERSION}`, (value) => value === VERSION),
    typ: ID,
    iss: TEXT,
    tenant: ID,
    seq: COUNT,
    prev: LINK,
    ts: TIME,
    trace_id: ID,
    hop: COUNT,
    trace_prev: LINK,
    idem: ID,
    req: ID,
    cid: HASHED,
    map: ID,
    policy: ID,
    metric: ID,
    units: AMOUNT,
    credits_micro: WHOLE,
    fu_tokens: NATURAL,
    fallback: FLAG,
    invariants: listOf(ID),
    amount: AMOUNT,
    currency: MONEY,
    price: HASHED,
    number: COUNT,
    period: PERIOD,
    lines: listOf(LINE),
    totals: TOTALS,
    tax: listOf(TAX),
    usage: USAGE,
    subscription: ID,
    overage_micro: WHOLE,
    occurred_at: TIME,
    day: DATE,
    site: ID,
    alert: ID,
    parts: listOf(PART),
    calculation: HASHED,
  };
  const ALWAYS = "v typ iss tenant seq prev ts";
  const TRACE = "trace_id hop trace_prev";
  const KINDS = {
    usage: [
      "idem metric units credits_micro price subscription",
      "overage_micro occurred_at day site alert req cid policy amount currency",
    ],
    correction: [
      "idem req metric units credits_micro price subscription",
      "overage_micro occurred_at day site alert cid policy amount currency",
    ],
    exchange: [
      "idem cid",
      "req map policy metric units credits_micro fu_tokens fallback invariants amount currency price",
    ],
    invoice: ["number subscription period lines totals tax amount currency", "idem req cid price usage parts"],
    credit_note: ["number subscription req lines totals tax amount currency", "idem cid period price usage"],
    payment: ["idem req amount currency", "cid number"],
    baseline: ["idem cid metric units", "req policy period amount currency"],
    approval: ["idem req cid", "metric policy number period amount currency calculation"],
    key: ["idem cid", "req policy"],
  };
  const pick = (names) => Object.fromEntries(names.split(" ").map((name) => [name, FIELDS[name]]));
  const SHAPES = new Map(
    Object.entries(KINDS).map(([typ, [required, optional]]) => [
      typ,
      { required: pick(`${ALWAYS} ${required}`), optional: pick(`${optional} ${TRACE}`) },
    ]),
  );
  const ANSWERING = new Set(["correction", "credit_note", "payment"]);
  const NEVER_NEGATIVE = new Set(["usage", "exchange"]);

  /** What is wrong with an object, in a sentence; null where nothing is. */
  function wrongField(object, { required, optional }) {
    for (const name in required) {
      if (!(name in object)) return `“${name}” is missing; it must be ${required[name].what}.`;
    }
    for (const name in object) {
      const known = Object.hasOwn(required, name) ? required[name] : Object.hasOwn(optional, name) && optional[name];
      if (!known) return `“${name.slice(0, ID_MAX)}” does not belong here.`;
      if (!known.holds(object[name])) return `“${name}” must be ${known.what}.`;
    }
    return null;
  }

  /** Check that a document has the fields of its `typ`, each as it should be. Throws Broken naming one. */
  function checkFields(document) {
    const shape = SHAPES.get(document.typ);
    if (shape === undefined) throw new Broken(`“typ” must be one of: ${[...SHAPES.keys()].join(", ")}.`);
    const wrong = wrongField(document, shape) ?? brokenPlace(document) ?? brokenMeaning(document);
    if (wrong !== null) throw new Broken(wrong);
  }

  function brokenPlace(document) {
    if ((document.prev === null) !== (document.seq === 1)) {
      return "“prev” is null in the first receipt of a log and only there.";
    }
    const [named, numbered, linked] = ["trace_id" in document, "hop" in document, "trace_prev" in document];
    if (named !== numbered || numbered !== linked) return "“trace_id”, “hop” and “trace_prev” come together.";
    if (numbered && (document.trace_prev === null) !== (document.hop === 1)) {
      return "“trace_prev” is null at the first hop of a trace and only there.";
    }
    return null;
  }

  function brokenMeaning(document) {
    if ("amount" in document !== "currency" in document) return "“amount” and “currency” come together.";
    if (ANSWERING.has(document.typ) && !isHash(document.req)) {
      return "“req” must be the hash of the receipt this one answers.";
    }
    return NEVER_NEGATIVE.has(document.typ) ? brokenUse(document) : null;
  }

  function brokenUse({ units = "0", credits_micro = 0, overage_micro = 0 }) {
    if (units.startsWith("-") || credits_micro < 0 || overage_micro < 0 || overage_micro > credits_micro) {
      return "Use is never below zero, nor is what is beyond the allowance more than the use; corrections take back.";
    }
    return null;
  }

  return { ID, TEXT, COUNT, TIME, checkFields, brokenPlace, brokenMeaning, isDay, isMoment, isObject };
})();
