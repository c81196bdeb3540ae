"""Receipts that are valid, odd or forged, and what the Python verifier says of each."""

from __future__ import annotations

import base64
import copy
import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError
from preforget.erasure.dsse import PAYLOAD_TYPE, envelope, envelope_file
from preforget.erasure.receipt import payload_of, read_receipt
from preforget.store.signing import Signer

VECTORS = Path(__file__).parents[2] / "docs" / "class-erasure" / "vectors"
SIGNER = Signer(
    Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex(json.loads((VECTORS / "key.json").read_bytes())["secret"])
    )
)
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
PEM = SIGNER.public_pem.decode()
GOOD = (VECTORS / "class.receipt.json").read_bytes()
LARGE = (VECTORS / "subject.receipt.json").read_bytes()
SEVERAL = (VECTORS / "several.receipt.json").read_bytes()
ENVELOPE = json.loads(GOOD)
PAYLOAD = base64.b64decode(ENVELOPE["payload"])
REASONS = {
    "file": "not canonical JSON|larger than 16 MiB",
    "key": "not among the trusted keys",
    "signature": "the signature is not that of key",
    "payload": "the receipt's payload",
    "schema": "breaks the schema of|is nested too deeply",
    "meaning": r"contradicts itself at \$\.",
    "envelope": "envelope",
}


class Named:
    """A signer under an id of its own choice."""

    def __init__(self, signer: Signer, key_id: str) -> None:
        self.sign, self.key_id = signer.sign, key_id


def python_says(content: bytes, *signers: Signer) -> str:
    """Return `valid`, or the reason for which the Python verifier refuses."""
    try:
        read_receipt(content, {signer.key_id: signer.public_key for signer in signers or (SIGNER,)})
    except IntegrityError as error:
        return next(reason for reason, pattern in REASONS.items() if re.search(pattern, str(error)))
    return "valid"


def resigned(change: Callable[[dict[str, Any]], object], content: bytes = GOOD) -> bytes:
    """Change a statement and sign it again with the right key."""
    statement = copy.deepcopy(payload_of(content))
    change(statement)
    return signed(canonical_json(statement))


def signed(payload: bytes, *signers: Signer | Named) -> bytes:
    """Sign anything."""
    return envelope_file(envelope(payload, PAYLOAD_TYPE, signers or [SIGNER]))


def other_envelope(**changes: object) -> bytes:
    """Change the envelope and not what was signed."""
    return canonical_json({**ENVELOPE, **changes}) + b"\n"


def other_signature(change: Callable[[bytes], bytes]) -> bytes:
    """Change the bytes of the signature."""
    own = ENVELOPE["signatures"][0]
    sig = base64.b64encode(change(base64.b64decode(own["sig"]))).decode()
    return other_envelope(signatures=[{**own, "sig": sig}])


def malleable(signature: bytes) -> bytes:
    """Add the order of the group to S: the same point, which RFC 8032 refuses."""
    order = 2**252 + 27742317777372353535851937790883648493
    return signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")


def put(value: object, *path: str | int) -> Callable[[dict[str, Any]], None]:
    """Return a change that sets one entry."""

    def change(statement: dict[str, Any]) -> None:
        *outer, last = path
        functools.reduce(lambda node, key: node[key], outer, statement)[last] = value  # type: ignore[index]

    return change


def predicate(value: object, *path: str | int) -> bytes:
    """Return a receipt with another entry of the predicate, signed with the right key."""
    return resigned(put(value, "predicate", *path))


def nested(depth: int) -> bytes:
    return PAYLOAD.replace(b'"derived":0', b'"derived":' + b"[" * depth + b"]" * depth)


def number(text: str) -> bytes:
    return signed(PAYLOAD.replace(b'"derived":0', b'"derived":' + text.encode()))


FORGERIES: dict[str, bytes] = {
    "another key under the trusted id": signed(PAYLOAD, Named(STRANGER, SIGNER.key_id)),
    "another key under an id like it": signed(PAYLOAD, Named(SIGNER, SIGNER.key_id.upper())),
    "an id of other letters": signed(PAYLOAD, Named(SIGNER, "Erika")),
    "a right signature and one of a stranger": signed(PAYLOAD, SIGNER, STRANGER),
    "a right signature, and the same under another id": signed(PAYLOAD, SIGNER, Named(SIGNER, "x")),
    "S + L": other_signature(malleable),
    "S = 0, R = 0": other_signature(lambda _: bytes(64)),
    "R = identity, S = 0": other_signature(lambda _: b"\1" + bytes(63)),
    "no bytes of a signature": other_signature(lambda _: b""),
    "a signature of 65 bytes": other_signature(lambda s: s + b"\0"),
    "signed as another payloadType": envelope_file(envelope(PAYLOAD, "application/json", [SIGNER])),
    "payloadType with a space": other_envelope(payloadType=PAYLOAD_TYPE + " "),
    "signatures no list": other_envelope(signatures={"0": ENVELOPE["signatures"][0]}),
    "a number for the payload": other_envelope(payload=1),
    "null for the payload": other_envelope(payload=None),
    "an id of 129 letters": signed(PAYLOAD).replace(SIGNER.key_id.encode(), b"x" * 129),
    "entries in one name": canonical_json({"payload,payloadType": "", "signatures": []}) + b"\n",
    "__proto__ in the envelope": other_envelope(**{"__proto__": {}}),
    "two newlines": GOOD + b"\n",
    "a newline alone": b"\n",
    "a null byte at the end": GOOD[:-1] + b"\0\n",
    "UTF-16": GOOD.decode().encode("utf-16"),
    "a slash as an escape": GOOD.replace(b"application/", b"application\\/"),
    "a letter as an escape": GOOD.replace(b'"keyid"', b'"\\u006beyid"'),
    "bytes that are no UTF-8": GOOD.replace(b'"payload"', b'"pay\xffload"'),
    "a surrogate in UTF-8": GOOD.replace(b'"payload"', b'"pay\xed\xa0\x80load"'),
    "entries in another order": json.dumps(
        {k: ENVELOPE[k] for k in reversed(ENVELOPE)}, separators=(",", ":")
    ).encode()
    + b"\n",
    "a payload of nothing": signed(b""),
    "a payload with a byte order mark": signed(b"\xef\xbb\xbf" + PAYLOAD),
    "a payload in UTF-16": signed(PAYLOAD.decode().encode("utf-16-le")),
    "null as the payload": signed(b"null"),
    "NaN in the payload": number("NaN"),
    "Infinity in the payload": number("Infinity"),
    "a number that overflows": number("1e+400"),
    "minus zero": number("-0"),
    "2^53": number("9007199254740992"),
    "2^53 + 1": number("9007199254740993"),
    "1e20 in digits": number("100000000000000000000"),
    "1e21": number("1e+21"),
    "1e21 in another form": number("1E21"),
    "0.1 in full": number("0.1000000000000000055511151231257827"),
    "one half": number("0.5"),
    "1.0": number("1.0"),
    "the smallest number": number("5e-324"),
    "null for a number": number("null"),
    "a text for a number": number('"0"'),
    "nested 300 deep": signed(nested(300)),
    "nested 200,000 deep": signed(nested(200_000)),
    "__proto__ in the statement": resigned(put({}, "__proto__")),
    "__proto__ in the predicate": predicate({}, "__proto__"),
    "constructor in a record": predicate("x", "records", 0, "constructor"),
    "a record from the prototype": predicate({"__proto__": {}}, "records", 0),
    "an entry of half a character": signed(PAYLOAD.replace(b'"derived"', b'"\\ud800":0,"derived"')),
    "half a character": signed(PAYLOAD.replace(b"request 2026-118", b"\\udc00")),
    "another version": resigned(put("preforget:class-erasure/v9", "predicateType")),
    "another subject": resigned(put("0" * 64, "subject", 0, "digest", "sha256")),
    "subjects in another order": resigned(lambda s: s["subject"].reverse(), LARGE),
    "records in another order": resigned(lambda s: s["predicate"]["records"].reverse(), LARGE),
    "no subjects": resigned(put([], "subject")),
    "no records": resigned(lambda s: (s.update(subject=[]), s["predicate"].update(records=[]))),
    "no checks": predicate([], "checks"),
    "an object for a list": predicate({}, "copies"),
    "true for a generation": predicate(True, "model", "after", "generation"),
    "the same generation": predicate(3, "model", "after", "generation"),
    "row 0": predicate(0, "ledger", "seq"),
    "4 methods": predicate(["key destroyed", "file deleted", "taken from memory", "x"], "method"),
    "no methods": predicate([], "method"),
    "an engine of no letters": predicate("", "model", "engine"),
    "an engine of 101 letters": predicate("x" * 101, "model", "engine"),
    "a detail of 10,001 letters": predicate("x" * 10_001, "checks", 0, "detail"),
    "a line separator": predicate("a\u2028b", "checks", 0, "detail"),
    "a C1 control character": predicate("a\x85b", "checks", 0, "detail"),
    "an isolate mark": predicate("a\u2066b", "request", "grounds"),
    "251 pairs of surrogates in 502 units": predicate("🗑" * 251, "request", "grounds"),
    "500 characters beyond the basic plane": predicate("🗑" * 500, "request", "grounds"),
    "501 characters beyond the basic plane": predicate("🗑" * 501, "request", "grounds"),
    "other digits in an id": predicate("٠" * 32, "erasure"),
    "month 00": predicate("2026-00-31T12:00:00.000Z", "begun"),
    "month 13": predicate("2026-13-01T12:00:00.000Z", "begun"),
    "day 00": predicate("2026-01-00T12:00:00.000Z", "begun"),
    "31 April": predicate("2026-04-31T12:00:00.000Z", "finished"),
    "29 February in 2100": predicate("2100-02-29T12:00:00.000Z", "finished"),
    "29 February in 2028": predicate("2028-02-29T12:00:00.000Z", "finished"),
    "the year 0": predicate("0000-01-01T00:00:00.000Z", "begun"),
    "the year 1": predicate("0001-01-01T00:00:00.000Z", "begun"),
    "the year 9999": predicate("9999-12-31T23:59:59.999Z", "finished"),
    "hour 24": predicate("2026-01-31T24:00:00.000Z", "finished"),
    "second 60": predicate("2026-01-31T12:00:60.000Z", "finished"),
    "ends when it begins": predicate("2026-01-31T12:00:00.000Z", "finished"),
    "ends 1 ms before it begins": predicate("2026-01-31T11:59:59.999Z", "finished"),
    "copies with one id": resigned(
        lambda s: s["predicate"]["copies"].append(dict(s["predicate"]["copies"][0])), LARGE
    ),
    "audits of one row": resigned(
        lambda s: s["predicate"]["audits"].append(dict(s["predicate"]["audits"][0])), LARGE
    ),
    "an audit in the row of the erasure": resigned(put(7, "predicate", "audits", 2, "seq"), LARGE),
    "texts that are markup": predicate(["<script>alert(1)</script>"], "notClaimed"),
    "names equal after NFC": predicate(
        [{"name": name, "passed": True, "detail": ""} for name in ("é", "e\u0301")], "checks"
    ),
}
