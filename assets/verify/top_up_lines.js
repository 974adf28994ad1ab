"use strict";

/** A line for credits that were bought: packs at the price the plan has for them, each purchase billed once. */
Tallystick.topUpLines = (() => {
  const { Broken } = Tallystick.failures;
  const { Decimal } = Tallystick.decimals;
  const { toMinor } = Tallystick.money;
  const { rate, writtenCharge } = Tallystick.pricing;

  /** What a line must say. `sign` is -1 where a credit note takes it back. */
  function topUpOf(line, plan, sign) {
    const pack = plan.topUps.get(source(line, "pack"));
    if (pack === undefined || source(line, "pool") !== pack.pool) {
      throw new Broken("its pack is none that its plan has a price for.");
    }
    const packs = Decimal.read(line.quantity).times(new Decimal(sign));
    const whole = packs.roundHalfAway(0);
    if (whole < 1n || !packs.equals(new Decimal(whole))) {
      throw new Broken(`its quantity is ${line.quantity}; packs are bought whole.`);
    }
    const held = source(line, "credits");
    const expected = Decimal.ofMicro(pack.creditsMicro * whole);
    if (!Decimal.isPlain(held) || !Decimal.read(held).equals(expected)) {
      throw new Broken(`it states ${held} credits; so many packs hold ${expected.text()}.`);
    }
    const amount = toMinor(rate(pack.charge, packs).amount, plan.currency);
    return { quantity: packs, amount, pricing: writtenCharge(pack.charge), steps: null };
  }

  /** Which purchase a line bills. */
  function purchaseOf(line) {
    return source(line, "purchase");
  }

  function source(line, name) {
    const text = line.sources?.[name];
    if (typeof text !== "string" || text === "") throw new Broken(`its sources do not say ${name}.`);
    return text;
  }

  return { topUpOf, purchaseOf };
})();
