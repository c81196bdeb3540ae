// Checks receipts of class-erasure v0.1 in the browser. It was written from the format's description and shares no
// code with the program that makes receipts; of that, only the JSON Schema is put in below. Nothing is sent anywhere.
"use strict";

const SCHEMA = {};
const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const LARGEST = 16 * 2 ** 20;
const DEEPEST = 500;
const KEY_ID = /^[0-9A-Za-z:+/=._-]{1,128}$/;
const SPKI = "302a300506032b6570032100"; // what stands before the 32 bytes of an Ed25519 key (RFC 8410)
// y of the points of small order, with the sign bit cleared: under such a key anybody can "sign" anything
const SMALL_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];
const REFUSED = {
  file: "The file is not in the one form that a receipt has: it was changed, or is no receipt.",
  envelope: "The file is no signed envelope of a receipt.",
  key: "It is not signed by a key that you gave.",
  signature: "The signature does not belong to this content: one of the two was changed, or the key did not sign it.",
  payload: "What was signed is not in the one form that a statement has.",
  schema: "What was signed is not a statement of class-erasure v0.1.",
  meaning: "What was signed contradicts itself.",
};

/** The receipt is not valid; `reason` is one of `REFUSED`. */
class Refusal extends Error {
  constructor(reason, detail) {
    Object.assign(super(detail), { reason });
  }
}
/** Nothing can be said about the receipt: no usable key, or a browser that can't check. */
class CanNotCheck extends Error {}

// --- bytes

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const sha256 = async (bytes) => `sha256:${hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)))}`;
const verifies = (key, signature, bytes) => crypto.subtle.verify("Ed25519", key, signature, bytes);
const importKey = (raw) => crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);

/** Return the bytes of standard base64 with padding, or null for any other text. */
function fromBase64(text) {
  try {
    const raw = atob(text);
    if (btoa(raw) !== text) return null; // white space, no padding, or bits beyond the last byte
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return bytes;
  } catch {
    return null;
  }
}

// --- canonical JSON (RFC 8785)

function canonical(value, depth = 0) {
  if (depth > DEEPEST) throw new RangeError("nested too deeply");
  if (typeof value === "string" && /\p{Surrogate}/u.test(value)) throw new RangeError("half a character");
  // a larger whole number may have been rounded; from 1e21 on, the form has an exponent and is no whole number
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21)
    throw new RangeError("whole number beyond 2^53 - 1");
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, depth + 1)).join(",")}]`;
  const names = Object.keys(value).sort(); // by UTF-16 code units, as the RFC asks
  return `{${names.map((name) => `${canonical(name)}:${canonical(value[name], depth + 1)}`).join(",")}}`;
}

/** Return the value of canonical JSON; anything else is refused for `reason`. */
function readCanonical(bytes, reason) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const value = JSON.parse(text);
    if (canonical(value) === text) return value;
  } catch (error) {
    if (![TypeError, SyntaxError, RangeError].some((kind) => error instanceof kind)) throw error;
  }
  throw new Refusal(reason);
}

// --- the keywords of JSON Schema (Draft 2020-12) that the schema uses

const TYPES = {
  object: (value) => value !== null && typeof value === "object" && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
};
const { object: isObject, array: isList, string: isText } = TYPES;
const same = (one, other) => canonical(one) === canonical(other);
const distinct = (items) => new Set(items).size === items.length;
const KEYWORDS = {
  type: (rule, value) => [rule].flat().some((name) => TYPES[name](value)),
  const: (rule, value) => same(rule, value),
  enum: (rule, value) => rule.some((choice) => same(choice, value)),
  pattern: (rule, value) => !isText(value) || new RegExp(rule, "u").test(value),
  minLength: (rule, value) => !isText(value) || [...value].length >= rule,
  maxLength: (rule, value) => !isText(value) || [...value].length <= rule,
  minimum: (rule, value) => typeof value !== "number" || value >= rule,
  maximum: (rule, value) => typeof value !== "number" || value <= rule,
  minItems: (rule, value) => !isList(value) || value.length >= rule,
  maxItems: (rule, value) => !isList(value) || value.length <= rule,
  uniqueItems: (rule, value) => !rule || !isList(value) || distinct(value.map((item) => canonical(item))),
  required: (rule, value) => !isObject(value) || rule.every((name) => Object.hasOwn(value, name)),
  additionalProperties: (rule, value, schema) =>
    rule !== false || !isObject(value) || Object.keys(value).every((name) => Object.hasOwn(schema.properties, name)),
  not: (rule, value) => fault(rule, value, "") !== null,
  anyOf: (rule, value) => rule.some((choice) => fault(choice, value, "") === null),
};
/** Each returns what has to keep which rule too: a list of schema, value, path. */
const INNER = {
  $ref: (rule, value, path) => [[SCHEMA.$defs[rule.replace("#/$defs/", "")], value, path]],
  items: (rule, value, path) => (isList(value) ? value.map((item, i) => [rule, item, `${path}[${i}]`]) : []),
  properties: (rule, value, path) =>
    Object.keys(isObject(value) ? value : {})
      .filter((name) => Object.hasOwn(rule, name))
      .map((name) => [rule[name], value[name], `${path}.${name}`]),
};
const NO_RULES = ["$schema", "$id", "$defs", "$comment", "title"];

/** Return the path of a place where a value breaks a schema, or null if there is none. */
function fault(schema, value, path) {
  for (const [word, rule] of Object.entries(schema)) {
    if (NO_RULES.includes(word)) continue;
    if (Object.hasOwn(INNER, word)) {
      for (const place of INNER[word](rule, value, path)) {
        const deeper = fault(...place);
        if (deeper !== null) return deeper;
      }
    } else if (!KEYWORDS[word](rule, value, schema)) return path; // an unknown keyword is an error, not a pass
  }
  return null;
}

// --- a receipt, in the order of the description's table of reasons

function readEnvelope(bytes) {
  if (bytes.length > LARGEST || bytes.at(-1) !== 10) throw new Refusal("file");
  const values = readCanonical(bytes.subarray(0, -1), "file");
  const has = (value, ...names) => isObject(value) && same(Object.keys(value).sort(), names);
  if (!has(values, "payload", "payloadType", "signatures")) throw new Refusal("envelope");
  const { payload, payloadType, signatures } = values;
  if (payloadType !== PAYLOAD_TYPE || !Array.isArray(signatures) || !signatures.length) throw new Refusal("envelope");
  for (const signature of signatures) {
    if (!has(signature, "keyid", "sig")) throw new Refusal("envelope");
    if (!isText(signature.keyid) || !KEY_ID.test(signature.keyid)) throw new Refusal("envelope");
    signature.bytes = isText(signature.sig) ? fromBase64(signature.sig) : null;
  }
  const content = isText(payload) ? fromBase64(payload) : null;
  if (!content || signatures.some((signature) => !signature.bytes)) throw new Refusal("envelope");
  if (!distinct(signatures.map((signature) => signature.keyid))) throw new Refusal("envelope");
  return { payload: content, signatures };
}

/** Return the statement, its digest and who signed it; throws a `Refusal`. `keys`: trusted ones by id. */
async function check(bytes, keys) {
  const { payload, signatures } = readEnvelope(bytes);
  const unknown = signatures.find(({ keyid }) => !keys.has(keyid));
  if (unknown) throw new Refusal("key", `It names the key ${unknown.keyid}.`);
  const head = new TextEncoder().encode(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `);
  const signed = new Uint8Array(head.length + payload.length);
  signed.set(head);
  signed.set(payload, head.length);
  for (const { keyid, bytes: signature } of signatures)
    if ((await verifies(keys.get(keyid), signature, signed)) !== true) throw new Refusal("signature");
  const statement = readCanonical(payload, "payload");
  if (!isObject(statement)) throw new Refusal("payload");
  const path = fault(SCHEMA, statement, "$");
  if (path !== null) throw new Refusal("schema", `It breaks the schema at ${path}.`);
  checkMeaning(statement);
  return { statement, digest: await sha256(payload), signers: signatures.map(({ keyid }) => keyid) };
}

/** Return what a list of targets is of: class, subject, or several; without targets, a single kind as it is given. */
function kind(targets, given) {
  if (!targets) return given === "several" ? null : given;
  const kinds = new Set(targets.map((target) => target.what));
  return kinds.size === 1 ? [...kinds][0] : "several";
}

function checkMeaning({ subject, predicate: p }) {
  const named = p.records.map((r) => ({ name: r.location, digest: { sha256: r.digest.replace("sha256:", "") } }));
  const exists = (time) => {
    const moment = new Date(time);
    return !time.startsWith("0000") && !Number.isNaN(moment.getTime()) && moment.toISOString() === time;
  };
  const unique = (entries, name) => distinct(entries.map((entry) => entry[name]));
  const rules = [
    [same(subject, named), "Its subjects are not its records."],
    [exists(p.begun) && exists(p.finished), "It names a time that does not exist."],
    [p.finished >= p.begun, "It ends before it begins."],
    [p.model.after.generation > p.model.before.generation, "The model is in no later state than before."],
    [p.records.every((r) => r.location.startsWith(`records/${r.id}.`)), "A file is that of another record."],
    [unique(p.records, "id") && unique(p.copies, "id"), "A record or a copy is there twice."],
    [unique(p.checks, "name") && unique(p.audits, "seq"), "A check or an audit is there twice."],
    [(p.targets ?? []).every((target) => target.records.every((id) => p.records.some((r) => r.id === id))),
      "A target has a record that was not erased."],
    [p.what === kind(p.targets, p.what), "Its targets are of another kind."],
    [p.audits.every((audit) => audit.seq < p.ledger.seq), "An audit before the erasure came after it."],
  ];
  for (const [holds, otherwise] of rules) if (!holds) throw new Refusal("meaning", otherwise);
}

// --- the browser and the keys

/** Throws unless the browser tells a right signature (RFC 8032, 7.1, test 1) from a wrong one. */
async function selfTest() {
  const bytes = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  try {
    const key = await importKey(bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
    const R = bytes("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155");
    const S = bytes("5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
    const right = Uint8Array.of(...R, ...S);
    if ((await verifies(key, right, new Uint8Array(0))) && !(await verifies(key, right, new Uint8Array(1)))) return;
  } catch {} // it may have no WebCrypto, or no Ed25519
  const able = "Chrome and Edge can from version 137, Firefox from 129, Safari from 17.";
  throw new CanNotCheck(`This browser can't check Ed25519 signatures. ${able}`);
}

/** Return the keys in PEM text by their ids; throws `CanNotCheck` for anything that is no Ed25519 public key. */
async function readKeys(pem) {
  if (pem.includes("PRIVATE KEY"))
    throw new CanNotCheck("This is a private key. Nobody but its owner should have it: give the public key.");
  const keys = new Map();
  const blocks = [...pem.matchAll(/-----BEGIN PUBLIC KEY-----([\sA-Za-z0-9+/=]+)-----END PUBLIC KEY-----/g)];
  if (!blocks.length || blocks.length !== pem.split("-----BEGIN").length - 1)
    throw new CanNotCheck("This is no public key in PEM form. Get it from its owner again.");
  for (const [, body] of blocks) {
    const der = fromBase64(body.replace(/\s/g, ""));
    if (!der || der.length !== 44 || !hex(der).startsWith(SPKI))
      throw new CanNotCheck("This is no Ed25519 public key. Receipts are signed with Ed25519.");
    const point = der.slice(12);
    point[31] &= 127;
    if (SMALL_ORDER.includes(hex(point)))
      throw new CanNotCheck("This key is a point of small order, with which anybody can sign. Don't trust it.");
    try {
      keys.set(await sha256(der), await importKey(der.slice(12)));
    } catch {
      throw new CanNotCheck("This browser does not take the key as one of Ed25519.");
    }
  }
  return keys;
}
