"use strict";

/**
 * Usage receipts in their usual form, read at one go: they are all but a few of a log's receipts. What is read here
 * equals what the thorough reader reads; anything unusual is left to it, and it says what is wrong.
 */
Tallystick.usualReceipts = (() => {
  const { brokenPlace, brokenMeaning, isDay, isMoment } = Tallystick.receiptFields;
  const TEXT = '"([ !#-\\[\\]-~]{1,128})"';
  const HASH = '"(sha256:[0-9a-f]{64})"';
  const LINK = `(?:null|${HASH})`;
  const MOMENT = '"([0-9T:.-]{26}Z)"';
  const COUNT = "([1-9][0-9]{0,14})";
  const UNITS = '"((?:0|[1-9][0-9]{0,14})(?:\\.[0-9]{1,12})?)"';
  const USUAL = new RegExp(
    `^\\{(?:"alert":${TEXT},)?(?:"cid":${HASH},)?"credits_micro":(0|[1-9][0-9]{0,14}),(?:"day":"([0-9-]{10})",)?` +
      `(?:"hop":${COUNT},)?"idem":${TEXT},"iss":${TEXT},"metric":${TEXT},(?:"occurred_at":${MOMENT},)?` +
      `(?:"overage_micro":${COUNT},)?"prev":${LINK},"price":${HASH},(?:"req":${TEXT},)?"seq":${COUNT},` +
      `(?:"site":${TEXT},)?"subscription":${TEXT},"tenant":${TEXT},(?:"trace_id":${TEXT},"trace_prev":${LINK},)?` +
      `"ts":${MOMENT},"typ":"usage","units":${UNITS},"v":1\\}$`,
  );

  /** The document of a usage receipt in its usual form; null for anything else, valid or not. */
  function readUsual(text) {
    const match = USUAL.exec(text);
    if (match === null) return null;
    const [
      ,
      alert,
      cid,
      credits,
      day,
      hop,
      idem,
      iss,
      metric,
      occurred_at,
      overage,
      prev = null,
      price,
      req,
      seq,
      site,
      subscription,
      tenant,
      trace_id,
      trace_prev,
      ts,
      units,
    ] = match;
    const document = {
      credits_micro: Number(credits),
      idem,
      iss,
      metric,
      prev,
      price,
      seq: Number(seq),
      subscription,
      tenant,
      ts,
      typ: "usage",
      units,
      v: 1,
    };
    const others = { alert, cid, day, occurred_at, req, site, trace_id };
    for (const name in others) if (others[name] !== undefined) document[name] = others[name];
    if (overage !== undefined) document.overage_micro = Number(overage);
    if (hop !== undefined) document.hop = Number(hop);
    if (trace_id !== undefined) document.trace_prev = trace_prev ?? null;
    return isReal(document) ? document : null;
  }

  /** Whether its times are times there are, and no field contradicts another. */
  function isReal(document) {
    const { ts, occurred_at, day } = document;
    const isTimed =
      isMoment(ts) && (occurred_at === undefined || isMoment(occurred_at)) && (day === undefined || isDay(day));
    return isTimed && brokenPlace(document) === null && brokenMeaning(document) === null;
  }

  return { readUsual };
})();
