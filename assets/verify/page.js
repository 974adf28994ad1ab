"use strict";

/** The page itself: files come in, by choosing or by dropping; each change checks the bundle anew. */
(() => {
  const { Pace } = Tallystick;
  const { verify } = Tallystick.verifier;
  const { reportOf } = Tallystick.report;
  const { answerCard } = Tallystick.answer;
  const { size } = Tallystick.wording;
  const SNIFFED_BYTES = 4_096;
  const SHOWN_AFTER_MS = 150;
  const SLOTS = ["bundle", "keys", "checkpoint"];
  const files = { bundle: null, keys: null, checkpoint: null };
  const at = (id) => document.getElementById(id);
  let running = null;

  /** Which of the three a dropped file is, by how it begins. */
  async function slotOf(file) {
    const start = await file.slice(0, SNIFFED_BYTES).text();
    if (/^\s*\{\s*"keys"\s*:/.test(start)) return "keys";
    return /^[^{\n]+\n[0-9]+\n[A-Za-z0-9+/=]+\n\n— /.test(start) ? "checkpoint" : "bundle";
  }

  async function takeDropped(dropped) {
    for (const file of dropped) take(await slotOf(file), file);
    check();
  }

  function take(slot, file) {
    files[slot] = file;
    at(`${slot}-name`).textContent = `${file.name}, ${size(file.size)}`;
    at(slot).closest("label").classList.add("is-chosen");
  }

  async function check() {
    if (files.bundle === null) return;
    running?.cancel();
    const pace = new Pace(showProgress);
    running = pace;
    at("files").classList.add("is-used");
    at("lead").hidden = true;
    at("answer").replaceChildren();
    at("status").textContent = "Checking …";
    showProgress(0, "Reading …");
    const waiting = setTimeout(() => (at("working").hidden = false), SHOWN_AFTER_MS);
    const answer = await verify(files, pace);
    clearTimeout(waiting);
    if (running === pace) show(reportOf(answer, files));
  }

  function showProgress(share, what) {
    at("progress").value = share;
    at("working-text").textContent = what;
  }

  function show(report) {
    const card = answerCard(report);
    at("working").hidden = true;
    at("answer").replaceChildren(card);
    at("status").textContent = card.querySelector(".verdict-words").innerText;
    at("answer").focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }

  for (const slot of SLOTS) {
    at(slot).addEventListener("change", async ({ target }) => {
      const [file] = target.files;
      target.value = ""; // so that the same file can be chosen again after it changed
      if (file === undefined) return;
      take(slot === "bundle" ? await slotOf(file) : slot, file);
      check();
    });
  }

  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    at("drop").classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) at("drop").classList.remove("is-over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    at("drop").classList.remove("is-over");
    takeDropped([...event.dataTransfer.files]);
  });
})();
