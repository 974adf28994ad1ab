"use strict";

/** The invoices and credit notes of a bundle: every line rated again, every sum added again. */
Tallystick.billChecks = (() => {
  const { Broken, Invalid, Unverifiable } = Tallystick.failures;
  const { written } = Tallystick.hashes;
  const { Decimal } = Tallystick.decimals;
  const { plain } = Tallystick.money;
  const { prorated } = Tallystick.prorationChecks;
  const { BaseFees, CarriedCredit, FeesInForce } = Tallystick.billChains;
  const { checkStated, checkTotals } = Tallystick.billSums;
  const { PeriodParts, checkTiling } = Tallystick.partChecks;
  const { KINDS, USAGE_KINDS, checkLine, differenceMicro, poolOf, worded } = Tallystick.lineChecks;
  const { TaxChecks } = Tallystick.taxChecks;
  const { purchaseOf } = Tallystick.topUpLines;
  const { ChargedDays, RunApprovals, runOf } = Tallystick.gainShareLines;
  const BILLS_MAX = 10_000;
  const BILLS_BYTES_MAX = 16 * 1024 * 1024;
  /** Kinds of lines that are held to what the ones before them have left. */
  const ANY_NUMBER = new Set(["discount", "adjustment", "proration", "carried"]);
  const INVOICES_ONLY = new Set(["proration", "carried"]);
  const ONCE = new Set(["base", "asset_uplift", "overage"]);

  class Bills {
    /** @param {object[]} receipts those of the bills, in the order of the log; `steps` are those of gain-share runs */
    constructor(header, receipts, plans, usage, steps = []) {
      const ahead = [...receipts, ...steps];
      const size = ahead.reduce((sum, receipt) => sum + receipt.size, 0);
      if (ahead.length > BILLS_MAX || size > BILLS_BYTES_MAX) {
        throw new Unverifiable("There are more invoices in this bundle than can be checked at once; export fewer.");
      }
      this.header = header;
      this.receipts = receipts;
      this.plans = plans;
      this.usage = usage;
      this.isWholeLog = header.range !== null && header.range.first === 1;
      this.invoices = new Map();
      for (const receipt of receipts)
        if (receipt.document.typ === "invoice") this.invoices.set(written(receipt.hash), receipt);
      this.left = new Map();
      this.takenBack = new Set();
      this.taxes = new TaxChecks(header.range !== null);
      this.billed = new Map();
      this.overage = new Map();
      this.fees = new FeesInForce(this.isWholeLog);
      this.carried = new CarriedCredit(this.isWholeLog);
      this.parts = new PeriodParts(receipts, plans, usage, (first, last) => this.holds(first, last));
      this.approvals = new RunApprovals(steps, (seq) => this.holds(seq, seq));
      this.days = new ChargedDays();
      this.checkInvoiceSeq();
    }

    checkInvoiceSeq() {
      const { invoiceSeq } = this.header;
      if (invoiceSeq !== null && ![...this.invoices.values()].some(({ seq }) => seq === invoiceSeq)) {
        throw new Invalid(null, `The header's invoice_seq names receipt ${invoiceSeq}, which is no invoice.`);
      }
    }

    /** Check every bill; what a person reads of each. Throws Invalid and Unverifiable with the bill's number in the log. */
    async check(pace) {
      const checked = [];
      for (const receipt of this.receipts) checked.push(await this.checkBill(receipt, pace));
      return checked;
    }

    async checkBill(receipt, pace) {
      const { document, seq } = receipt;
      const name = `${document.typ === "invoice" ? "Invoice" : "Credit note"} ${document.number}`;
      let where = name;
      try {
        this.checkAnswered(receipt);
        const lines = [];
        const fees = new BaseFees();
        for (const [place, line] of document.lines.entries()) {
          where = `${name}, line ${place + 1} (${line.kind})`;
          lines.push(await this.checkLineOf(receipt, line, fees, where, pace));
          this.checkChain(receipt, line, fees.left(line), lines);
        }
        where = name;
        await this.checkUsage(receipt, pace);
        const total = checkTotals(document, lines);
        const subtotal = lines.reduce((sum, line) => sum + line.amount, 0n);
        if (document.typ === "credit_note" && total >= 0n && lines.some(({ line }) => line.kind === "adjustment"))
          throw new Broken("it states an adjustment that takes nothing back.");
        this.taxes.check(receipt, written(receipt.hash), subtotal, total);
        this.noteTotal(receipt, total);
        return { receipt, lines };
      } catch (error) {
        if (error instanceof Broken) throw new Invalid(seq, `${where}: ${error.message}`);
        if (error instanceof Unverifiable && error.seq === null)
          throw new Unverifiable(`${where}: ${error.message}`, seq);
        throw error;
      }
    }

    async checkLineOf(receipt, line, fees, where, pace) {
      const plan = this.planOf(receipt, line);
      const sum = USAGE_KINDS.has(line.kind) ? await this.usageOf(receipt, line, pace) : null;
      const isOnNote = receipt.document.typ === "credit_note";
      const isTakenBack = isOnNote && !["correction", "adjustment"].includes(line.kind);
      const amount = checkLine(line, plan, sum, { fee: fees.left(line), isOnNote, isTakenBack });
      fees.note(line, amount);
      this.billOnce(receipt, line, plan, where, isTakenBack);
      const approvedSeq = this.approvalOf(receipt, line);
      return { line, plan, amount, approvedSeq, usageCount: sum === null ? null : sum.count };
    }

    /** The receipt that approved a gain-share line; null for other lines, and where it is not in the bundle. */
    approvalOf(receipt, line) {
      if (line.kind !== "gain_share" || receipt.document.typ !== "invoice") return null;
      if (this.approvals.check(receipt, line)) return line.sources.approval.seq;
      if (receipt.seq === this.header.invoiceSeq)
        throw new Unverifiable("the approval that it names is not in the bundle.");
      return null;
    }

    /** Hold what an invoice takes over from those before it to what they say; `lines` are those checked so far. */
    checkChain(receipt, line, left, lines) {
      const { plan, amount } = lines[lines.length - 1];
      if (receipt.document.typ === "invoice") this.fees.note(receipt, line, left);
      if (line.kind === "proration") this.fees.prorate(receipt, line, prorated(line, plan), plan.currency);
      if (line.kind === "carried") {
        const soFar = lines.reduce((sum, each) => sum + each.amount, 0n);
        this.carried.check(receipt, line, amount, soFar);
      }
    }

    /** Keep in mind what credit notes leave of an invoice: no adjustment takes back more. */
    noteTotal({ hash, document }, total) {
      const { typ, req, lines, currency } = document;
      if (this.header.range === null) return;
      if (typ === "invoice") this.left.set(written(hash), total);
      else if (this.left.has(req)) {
        const before = this.left.get(req);
        this.left.set(req, before + total);
        if (before > 0n && before + total <= 0n) this.takenBack.add(req);
        if (before + total < 0n && lines.some(({ kind }) => kind === "adjustment"))
          throw new Broken(`it takes back more than its invoice leaves, which is ${plain(before, currency)}.`);
      }
    }

    /** A credit note answers an invoice of the same subscription and currency. */
    checkAnswered({ document }) {
      if (document.typ === "invoice") return;
      const answered = this.invoices.get(document.req);
      if (answered === undefined) {
        if (this.isWholeLog) throw new Broken("it answers an invoice that is not in the log.");
        return;
      }
      if (["subscription", "currency"].some((name) => answered.document[name] !== document[name])) {
        throw new Broken("it answers an invoice of another subscription or currency.");
      }
    }

    /** The plan that a line names. A line of usage names a pool of it, too. */
    planOf({ document }, line) {
      if (!KINDS.has(line.kind)) throw new Unverifiable("it is of a kind that is not known here.");
      if (INVOICES_ONLY.has(line.kind) && document.typ !== "invoice")
        throw new Broken("lines of this kind stand on invoices only.");
      if (!("price" in line)) throw new Broken("it does not say by which plan, in price.");
      const plan = this.plans.get(line.price);
      if (plan === undefined) throw new Unverifiable("the plan that it is rated with is not in the bundle.");
      if (plan.currency !== document.currency) {
        throw new Broken(`its plan is priced in ${plan.currency}, the bill in ${document.currency}.`);
      }
      if (USAGE_KINDS.has(line.kind)) poolOf(line, plan);
      return plan;
    }

    /** Keep in mind what is billed, so that nothing is billed twice and differences begin where billing ended. */
    billOnce(receipt, line, plan, where, isTakenBack) {
      const [{ seq, document }, { kind, price }] = [receipt, line];
      if (ANY_NUMBER.has(kind)) return;
      const start = line.period?.start ?? "";
      const pool = USAGE_KINDS.has(kind) ? poolOf(line, plan) : "";
      const once = [document.subscription, kind, price, start, pool, ONCE.has(kind) ? null : seq];
      const named = { top_up: purchaseOf, gain_share: runOf }[kind];
      const key = JSON.stringify(named === undefined ? once : [kind, named(line)]);
      if (isTakenBack) this.billed.delete(key);
      else if (this.billed.has(key))
        throw new Broken(`this is billed twice; ${this.billed.get(key)} has billed it already.`);
      else this.billed.set(key, where);
      if (kind === "gain_share") {
        const [stands, hasAll] = [(bill) => !this.takenBack.has(bill), this.header.range !== null];
        this.days.note(receipt, line, where, { stands, hasAll, isTakenBack });
      }
      if (USAGE_KINDS.has(kind))
        this.noteOverage(JSON.stringify([document.subscription, pool, start]), line, isTakenBack);
    }

    noteOverage(place, line, isTakenBack) {
      if (line.kind === "overage") {
        this.overage.set(place, isTakenBack ? 0n : Decimal.read(line.quantity).toMicro());
        return;
      }
      const { nowMicro, beforeMicro } = differenceMicro(line);
      const billed = this.overage.get(place) ?? (this.isWholeLog ? 0n : beforeMicro);
      if (billed !== beforeMicro) {
        throw new Broken(`it takes ${worded(beforeMicro)} as billed before; that was ${worded(billed)}.`);
      }
      this.overage.set(place, nowMicro);
    }

    /** The sum of a line's receipts; null where they are not all in the bundle. */
    async usageOf(receipt, line, pace) {
      if (!("usage" in line) || !("period" in line)) {
        throw new Broken("it does not say which usage it sums, in usage and period.");
      }
      if (!this.isHere(receipt, line.usage)) return null;
      await this.parts.checkLine(receipt, line, this.isWholeLog, pace);
      const { subscription } = receipt.document;
      const { period, usage, price, sources } = line;
      const sums = await this.usage.sums({ subscription, period, usage, price, pool: sources.pool }, pace);
      checkStated(usage, sums);
      return sums.get(sources.pool);
    }

    /** The usage of a whole bill: all pools of its period. */
    async checkUsage(receipt, pace) {
      const { subscription, period, usage, parts } = receipt.document;
      if (parts?.length) checkTiling(receipt.document);
      if (usage === undefined) return;
      if (period === undefined) throw new Broken("it does not say which period its usage is of.");
      if (!this.isHere(receipt, usage)) return;
      const byPart = parts?.length ? await this.parts.checkBill(receipt, pace) : null;
      checkStated(usage, ...(byPart ?? [await this.usage.sums({ subscription, period, usage }, pace)]));
    }

    /** Whether all receipts from one number to another are in the bundle. */
    holds(first, last) {
      const { range } = this.header;
      return range !== null && range.first <= first && first <= last && last <= range.last;
    }

    /** Whether all the receipts that a bill sums are in the bundle. One made for an invoice must hold all of that. */
    isHere({ seq }, usage) {
      if (usage.last_seq >= seq) throw new Broken("it bills usage that comes after it in the log.");
      if (this.holds(usage.first_seq, usage.last_seq)) return true;
      if (seq === this.header.invoiceSeq) throw new Unverifiable("not all the usage that it sums is in the bundle.");
      return false;
    }
  }

  return { Bills };
})();
