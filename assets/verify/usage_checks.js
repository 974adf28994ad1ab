"use strict";

/** The usage in a bundle: what each receipt burned, and the sums that the bills ask for. */
Tallystick.usageChecks = (() => {
  const { Broken, Invalid, Unverifiable, invalidIfBroken } = Tallystick.failures;
  const { contentHash } = Tallystick.hashes;
  const { Frontier } = Tallystick.merkle;
  const { Decimal } = Tallystick.decimals;
  const { PLAN_FORMAT, readPlan } = Tallystick.plans;
  const DAYS_MAX = 400;
  const SUMS_MAX = 2_000;
  const BATCH = 1_024;
  const DAY_MS = 86_400_000;

  /** The plans of a tenant's bundle by name, each held to the hash that names it. Throws Invalid and Unverifiable. */
  function readPlans(documents, tenant) {
    const plans = new Map();
    for (const [name, document] of documents) {
      if (contentHash(document) !== name) {
        throw new Invalid(null, `The plan named ${name} is another one: its content has another hash.`);
      }
      if (document.format !== PLAN_FORMAT) {
        throw new Unverifiable(`The plan named ${name} is not of the format known here, which is ${PLAN_FORMAT}.`);
      }
      plans.set(
        name,
        invalidIfBroken(null, () => readNamedPlan(name, document)),
      );
      if (![tenant, null].includes(document.only_for ?? null)) {
        throw new Invalid(null, `The plan named ${name} was agreed with another customer.`);
      }
    }
    return plans;
  }

  function readNamedPlan(name, document) {
    try {
      return readPlan(document);
    } catch (error) {
      throw error instanceof Broken ? new Broken(`The plan named ${name} cannot be read: ${error.message}`) : error;
    }
  }

  /** All use, in the order of the log, by subscription and pool. */
  class UsageBook {
    count = 0;
    uses = new Map();
    routes = new Map();

    constructor(plans) {
      this.plans = plans;
      this.summed = new Map();
    }

    /** Check that a usage receipt or a correction burned what its meter says, and keep it. */
    take({ seq, hash, document }) {
      const { subscription, price, metric, units, credits_micro, overage_micro = 0, ts, occurred_at, day } = document;
      const route = this.routeOf(seq, subscription, price, metric);
      if (!Decimal.read(units).times(route.creditsPerUnit).equals(Decimal.ofMicro(credits_micro))) {
        throw new Invalid(
          seq,
          `It burned ${credits_micro} millionths of a credit for ${units} units; its meter ${metric} says otherwise.`,
        );
      }
      const happened = occurred_at ?? ts;
      if (route.isDaily && !(day !== undefined && isNear(day, happened))) {
        throw new Invalid(seq, "It does not say the business day it happened on.");
      }
      const [second, micro] = timeOf(happened);
      route.uses.push({
        seq,
        hash,
        price: route.price,
        second,
        micro,
        day: route.isDaily ? day : null,
        credits_micro,
        overage_micro,
      });
      this.count++;
    }

    /** Where the use of one subscription, plan and meter goes. */
    routeOf(seq, subscription, price, metric) {
      const name = JSON.stringify([subscription, price, metric]);
      if (!this.routes.has(name)) this.routes.set(name, this.openRoute(seq, subscription, price, metric));
      return this.routes.get(name);
    }

    openRoute(seq, subscription, price, metric) {
      const plan = this.plans.get(price);
      if (plan === undefined) throw new Unverifiable("The plan that it is rated with is not in the bundle.", seq);
      const meter = plan.meters.get(metric);
      if (meter === undefined) throw new Invalid(seq, `The plan that it is rated with has no meter ${metric}.`);
      const pools = entry(this.uses, subscription, () => new Map());
      const { isDaily } = plan.pools.get(meter.pool);
      return { price, creditsPerUnit: meter.creditsPerUnit, isDaily, uses: entry(pools, meter.pool, () => []) };
    }

    /** Keep count of how often the same use is summed. Throws Unverifiable for more than any bills need. */
    countSum(uses) {
      const times = (this.summed.get(uses) ?? 0) + 1;
      this.summed.set(uses, times);
      if (times > SUMS_MAX) {
        throw new Unverifiable(`More than ${SUMS_MAX} lines of bills sum what it is part of.`, uses[0].seq);
      }
    }

    /**
     * The sums by pool of a subscription's use that happened in `period`, numbered `usage.first_seq` to
     * `usage.last_seq`; with `price` and `pool`, of what was rated by that plan in that pool. Pools without any are left out.
     */
    async sums({ subscription, period, usage, price, pool }, pace) {
      const sums = new Map();
      const [start, end] = [timeOf(period.start), timeOf(period.end)];
      for (const [code, uses] of this.uses.get(subscription) ?? []) {
        if (pool !== undefined && pool !== code) continue;
        this.countSum(uses);
        const sum = new PoolSum();
        for (let place = firstFrom(uses, usage.first_seq); place < uses.length; place++) {
          const use = uses[place];
          if (use.seq > usage.last_seq) break;
          const isRated = price === undefined || use.price === price;
          if (isRated && !isBefore(use, start) && isBefore(use, end)) sum.add(use);
          if (place % BATCH === 0) await pace.step(0.9, "Adding up usage");
        }
        if (sum.count) sums.set(code, sum);
      }
      return sums;
    }
  }

  /** The receipts of one pool, summed. Credits are in millionths; `days` is (used, overage) by business day. */
  class PoolSum {
    count = 0;
    first = 0;
    last = 0;
    usedMicro = 0n;
    overageMicro = 0n;
    /** What corrections gave back to lots. */
    takenBackMicro = 0n;
    days = new Map();
    frontier = new Frontier();

    add({ seq, hash, day, credits_micro, overage_micro }) {
      const [used, overage] = [BigInt(credits_micro), BigInt(overage_micro)];
      this.count++;
      this.first ||= seq;
      this.last = seq;
      this.usedMicro += used;
      this.overageMicro += overage;
      if (used < 0n) this.takenBackMicro += overage - used;
      this.frontier.push(hash);
      if (day === null) return;
      const [usedThatDay, overageThatDay] = this.days.get(day) ?? [0n, 0n];
      this.days.set(day, [usedThatDay + used, overageThatDay + overage]);
      if (this.days.size > DAYS_MAX) {
        throw new Unverifiable(`It is of one business day more than the ${DAYS_MAX} a period can have.`, seq);
      }
    }

    /** The RFC 9162 root over the receipts' hashes. */
    root() {
      return this.frontier.root();
    }

    /** Whether what is not overage is at least what the allowance covers, day by day where it is a daily one. */
    isCovered(allowanceMicro) {
      const windows = this.days.size ? [...this.days.values()] : [[this.usedMicro, this.overageMicro]];
      return windows.every(([used, overage]) => used - overage >= (used < allowanceMicro ? used : allowanceMicro));
    }
  }

  /** The first place of a use that is numbered `seq` or later. */
  function firstFrom(uses, seq) {
    let [low, high] = [0, uses.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (uses[middle].seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A moment as two numbers, whole seconds and millionths: a text of it would keep its whole receipt in memory. */
  function timeOf(moment) {
    return [Date.parse(`${moment.slice(0, 19)}Z`) / 1_000, Number(moment.slice(20, 26))];
  }

  function isBefore({ second, micro }, [otherSecond, otherMicro]) {
    return second < otherSecond || (second === otherSecond && micro < otherMicro);
  }

  /** Whether a business day is the UTC date of what happened on it, or the one before or after. */
  function isNear(day, happened) {
    return Math.abs(Date.parse(day) - Date.parse(happened.slice(0, 10))) <= DAY_MS;
  }

  function entry(map, key, make) {
    if (!map.has(key)) map.set(key, make());
    return map.get(key);
  }

  return { readPlans, UsageBook };
})();
