"use strict";

/** Long work in short steps, so that the page stays alive: `await pace.step(done)` every few receipts. */
Tallystick.Pace = (() => {
  const STEP_MS = 24;
  const channel = new MessageChannel();
  const waiting = [];
  channel.port1.onmessage = () => waiting.shift()();

  /** Let the browser paint and listen; unlike a timer this costs no four milliseconds each time. */
  function breathe() {
    return new Promise((resolve) => {
      waiting.push(resolve);
      channel.port2.postMessage(null);
    });
  }

  return class Pace {
    /** @param {(share: number, what: string) => void} tell what is done, as a share of the whole, from 0 to 1 */
    constructor(tell = () => {}) {
      this.tell = tell;
      this.since = performance.now();
      this.isCancelled = false;
    }

    /** The work stops at its next step, and never answers. */
    cancel() {
      this.isCancelled = true;
    }

    async step(share, what) {
      if (this.isCancelled) await new Promise(() => {});
      if (performance.now() - this.since < STEP_MS) return;
      this.tell(share, what);
      await breathe();
      this.since = performance.now();
    }
  };
})();
