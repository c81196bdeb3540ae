// What a person gives and sees; all of the receipt is set as text, never as markup. `check` stands in verify_page.js.
const byId = (id) => document.getElementById(`verifier-${id}`);
function element(tag, ...children) {
  const made = document.createElement(tag);
  made.append(...children);
  return made;
}

/** Show one of the verdicts `empty`, `working`, `unchecked`, `invalid`, `valid`. */
function show(verdict, headline, ...more) {
  const result = byId("result");
  result.dataset.verdict = verdict;
  delete result.dataset.reason;
  result.replaceChildren(element("p", headline), ...more);
}

function showRefusal({ reason, message }) {
  show("invalid", "Not valid. Trust nothing in this file.", element("p", `${REFUSED[reason]} ${message}`));
  byId("result").dataset.reason = reason;
}

/** Return what a receipt says was erased, up to the verb. */
function erased({ what, targets }) {
  if (!targets) return `One ${what} was`;
  const count = (kind) => targets.filter((target) => target.what === kind).length;
  const [classes, subjects] = [count("class"), count("subject")];
  const parts = [
    classes && `${classes} class${classes > 1 ? "es" : ""}`,
    subjects && `${subjects} subject${subjects > 1 ? "s" : ""}`,
  ];
  return `${parts.filter(Boolean).join(" and ")} were`;
}

function showValid({ statement, digest, signers }) {
  const p = statement.predicate;
  const failed = p.checks.filter((check) => !check.passed).length;
  const open = p.copies.filter((copy) => !["removed", "not present"].includes(copy.status)).length;
  const warnings = [];
  const warn = (sentence) => warnings.push(Object.assign(element("p", sentence), { className: "bad" }));
  const shown = byId("result").closest("[data-receipt]")?.dataset.receipt ?? digest;
  if (shown !== digest) warn("It is another receipt than the one that this page shows.");
  if (failed) warn(`It says itself that ${failed} of its checks failed: something may be left.`);
  if (open) warn(`It says itself that ${open} of the listed copies may still hold what was erased.`);
  if (Date.parse(p.finished) > Date.now() + 6e4) warn("By this computer's clock, the erasure ends in the future.");
  const result = (passed) => (passed === null ? "no threshold" : passed ? "passed" : "FAILED");
  const stated = [
    `${erased(p)} erased from the model ${p.model.id} (engine ${p.model.engine}) by erasure ${p.erasure}.`,
    `Destroyed records: ${p.records.length}. How: ${p.method.join(", ")}.`,
    `Begun ${p.begun}, finished ${p.finished}${p.recovered ? ", after an interruption" : ""}.`,
    `Guarantee: ${p.guarantee.name}. ${p.guarantee.meaning}`,
    ...p.checks.map((check) => `Check ${check.name}: ${result(check.passed)}. ${check.detail}`),
    ...p.copies.map((copy) => `Copy ${copy.id.slice(0, 8)} (${copy.kind}): ${copy.status}. ${copy.detail}`),
    ...p.audits.map((audit) => `Audit ${audit.kind} in ledger row ${audit.seq}: ${result(audit.passed)}.`),
    `The model's ledger announces the erasure in row ${p.ledger.seq}, whose hash is ${p.ledger.hash}.`,
    `Request: ${p.request.reference ?? "none given"}. Grounds: ${p.request.grounds ?? "none given"}.`,
  ];
  const proven = [
    `Whoever holds the private key that belongs to ${signers.join(" and of ")} signed exactly this file.`,
    "It is a complete statement of class-erasure v0.1 and doesn't contradict itself: its times are in order, no " +
      "record is in it twice, the model's state afterwards is a later one, and the audits that it names came before.",
    `The digest of the receipt, which the model's ledger should name too, is ${digest}.`,
  ];
  const unproven = [
    "Whose key it is. This page can't know: compare its id with one that you got from the signer in another way.",
    "That the statement is true. Where the model folder is, preforget verify RECEIPT MODEL looks for the erased bytes.",
    "That the times are right (they are those of the signer's clock), and that the ledger holds that row.",
  ];
  show("valid", "Valid: signed by the key that you gave, and unchanged since.", ...warnings);
  const parts = { "What is proven": proven, "What the signer states": stated, "What is not proven": unproven };
  for (const [title, sentences] of Object.entries({ ...parts, "What the receipt does not claim": p.notClaimed }))
    byId("result").append(element("h3", title), element("ul", ...sentences.map((one) => element("li", one))));
}

let receipt = null;
let turn = 0; // counts changes: an answer that comes after another change is thrown away

async function update() {
  const mine = ++turn;
  const pem = byId("key").value.trim();
  const missing = [...(pem ? [] : ["the public key"]), ...(receipt ? [] : ["the receipt"])].join(" and ");
  show(missing ? "empty" : "working", missing ? `Nothing checked yet: give ${missing}.` : "Checking …");
  try {
    await selfTest();
    const keys = pem ? await readKeys(pem) : null;
    if (missing) return;
    if (receipt.size > LARGEST) throw new Refusal("file");
    const valid = await check(new Uint8Array(await receipt.arrayBuffer()), keys);
    if (mine === turn) showValid(valid);
  } catch (error) {
    if (mine !== turn) return;
    const why = error instanceof CanNotCheck ? error.message : `It could not be read: ${error.name}.`;
    if (error instanceof Refusal) showRefusal(error);
    else show("unchecked", "Nothing was checked.", element("p", why));
  }
}

/** Take files as what they are said to be; without a word, PEM text is a key and anything else a receipt. */
async function take(files, kind) {
  turn++;
  show("working", "Reading …");
  for (const file of files) {
    const text = file.size < 65536 ? await file.text() : "";
    if (kind === "key" || (!kind && text.includes("-----BEGIN"))) byId("key").value = text || "(no text of a key)";
    else {
      receipt = file;
      if (!kind) byId("file").value = "";
      byId("name").textContent = kind ? "" : `Dropped: ${file.name}`;
    }
  }
  await update();
}

byId("key-file").addEventListener("change", (event) => take([...event.target.files], "key"));
byId("file").addEventListener("change", (event) => take([...event.target.files], "receipt"));
byId("key").addEventListener("input", update);
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  take([...event.dataTransfer.files]);
});
update();
