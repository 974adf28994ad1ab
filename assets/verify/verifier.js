"use strict";

/**
 * The whole check of one bundle, in the order of the guide: bytes and links of each receipt, inclusion, signatures, the
 * remembered checkpoint, and then what it all means: prices, use and bills.
 */
Tallystick.verifier = (() => {
  const { Broken, Invalid, Unverifiable, invalidIfBroken } = Tallystick.failures;
  const { textOf } = Tallystick.bytes;
  const { parse } = Tallystick.canonical;
  const { readReceipt } = Tallystick.receipts;
  const { readCheckpoint, readNote } = Tallystick.notes;
  const { readKeySet } = Tallystick.signatures;
  const { readBundle } = Tallystick.bundleReader;
  const { openLog } = Tallystick.logChecks;
  const { KeyRing, checkReceiptSignature, checkSeal, needsSignature } = Tallystick.signatureChecks;
  const { checkRemembered } = Tallystick.rememberedChecks;
  const { readPlans, UsageBook } = Tallystick.usageChecks;
  const { Bills } = Tallystick.billChecks;
  const { isRunStep } = Tallystick.gainShareLines;
  const { number } = Tallystick.wording;
  const KEYS_BYTES_MAX = 16 * 1024 * 1024;
  const BILLS = new Set(["invoice", "credit_note"]);
  const USED = new Set(["usage", "correction"]);

  /** One run over one bundle: what was found so far is in its members, whatever happens next. */
  class Run {
    constructor(pace) {
      this.pace = pace;
      this.header = null;
      this.digest = null;
      this.usage = new UsageBook(new Map());
      this.signed = [];
      this.billReceipts = [];
      this.runSteps = [];
      this.bills = [];
      this.lastTs = "";
      this.metered = Held.of(() => null);
      this.remembered = null;
      this.kid = null;
      this.held = new Set(); // the steps that held: links, inclusion, signatures, remembered, usage, bills
    }

    async check(bundle, keysFile, checkpointFile) {
      const remembered = checkpointFile === null ? null : await readRemembered(checkpointFile);
      this.remembered = remembered;
      const keys = keysFile === null ? null : await readKeys(keysFile);
      const seal = await readBundle(bundle, {
        header: (header) => this.begin(header, keys, remembered),
        receipt: (data) => this.take(data),
        pause: (number) => this.tellOfReading(number),
      });
      this.digest = seal.digest;
      this.held.add("links");
      invalidIfBroken(null, () => this.log.checkInclusion());
      this.held.add("inclusion");
      await this.checkSignatures(seal);
      this.held.add("signatures");
      if (remembered !== null) checkRemembered(this.header, this.ring, remembered, this.log.rememberedRoot);
      this.held.add("remembered");
      await this.checkMeaning();
    }

    async tellOfReading(place) {
      const { count } = this.header;
      await this.pace.step((0.8 * place) / count, `Reading receipt ${number(place + 1)} of ${number(count)}`);
    }

    begin(header, keys, remembered) {
      this.header = header;
      this.isAnchored = keys !== null;
      this.history = Held.of(() => invalidIfBroken(null, () => new KeyRing(header, keys)));
      this.plans = Held.of(() => readPlans(header.plans, header.tenant));
      this.usage = new UsageBook(this.plans.value);
      this.log = invalidIfBroken(null, () => openLog(header, remembered === null ? null : remembered.checkpoint.size));
    }

    take(data) {
      const expected = this.log.expected();
      const receipt = invalidIfBroken(expected, () => readReceipt(data));
      invalidIfBroken(expected ?? receipt.seq, () => this.log.take(receipt));
      const { document } = receipt;
      if (document.ts > this.lastTs) this.lastTs = document.ts;
      const isMetered = this.plans.failure === null && this.metered.failure === null;
      if (isMetered && USED.has(document.typ)) this.metered = Held.of(() => this.usage.take(receipt));
      if (BILLS.has(document.typ)) this.billReceipts.push({ ...receipt, size: data.length });
      if (isRunStep(document)) this.runSteps.push({ ...receipt, size: data.length });
      if (needsSignature(this.header, receipt)) this.signed.push({ ...receipt, data: data.slice() });
    }

    async checkSignatures(seal) {
      this.ring = this.history.get();
      this.kid = this.ring.checkNote(this.header.note, this.header.origin, "The checkpoint", this.lastTs);
      checkSeal(this.ring, seal, this.header, this.lastTs);
      for (const receipt of this.signed) {
        checkReceiptSignature(this.ring, this.header, receipt);
        await this.pace.step(0.84, "Checking signatures");
      }
      if (this.signed.filter(({ seq }) => this.header.signatures.has(seq)).length !== this.header.signatures.size) {
        throw new Invalid(null, "The header has a signature for a receipt that is not in the bundle.");
      }
    }

    async checkMeaning() {
      const bills = Held.of(() => new Bills(this.header, this.billReceipts, this.plans.value, this.usage, this.runSteps));
      for (const part of [bills, this.plans, this.metered]) part.get();
      this.held.add("usage");
      this.bills = await bills.value.check(this.pace);
      this.held.add("bills");
    }
  }

  /** What some work answered, or how it failed: found as receipts go by, told of when its turn comes. */
  class Held {
    static of(work) {
      try {
        return new Held(work(), null);
      } catch (failure) {
        return new Held(null, failure);
      }
    }

    constructor(value, failure) {
      this.value = value;
      this.failure = failure;
    }

    get() {
      if (this.failure !== null) throw this.failure;
      return this.value;
    }
  }

  async function readKeys(file) {
    try {
      if (file.size > KEYS_BYTES_MAX) throw new Broken("The file is too large for a key set.");
      return readKeySet(parse(textOf(new Uint8Array(await file.arrayBuffer()))));
    } catch (error) {
      throw error instanceof Broken ? new Unverifiable(`The keys cannot be read: ${error.message}`) : error;
    }
  }

  async function readRemembered(file) {
    try {
      const note = readNote(textOf(new Uint8Array(await file.arrayBuffer())));
      return { note, checkpoint: readCheckpoint(note.body) };
    } catch (error) {
      throw error instanceof Broken
        ? new Unverifiable(`The remembered checkpoint cannot be read: ${error.message}`)
        : error;
    }
  }

  /**
   * Check a bundle. `keys` and `checkpoint` are files the reader has from elsewhere, or null.
   * @returns {Promise<{exit: 0|1|2, seq: number|null, reason: string|null, run: Run}>} and never throws
   */
  async function verify({ bundle, keys = null, checkpoint = null }, pace = new Tallystick.Pace()) {
    const run = new Run(pace);
    try {
      await run.check(bundle, keys, checkpoint);
      return { exit: 0, seq: null, reason: null, failure: null, run };
    } catch (error) {
      const exit = error instanceof Invalid ? 1 : 2;
      if (exit === 1 || error instanceof Unverifiable)
        return { exit, seq: error.seq, reason: error.message, failure: error, run };
      return {
        exit,
        seq: null,
        reason: `This page failed at it (${error}). Check it with the command line tool.`,
        failure: error,
        run,
      };
    }
  }

  return { verify };
})();
