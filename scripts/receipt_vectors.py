"""Make the test vectors of class-erasure v0.1: `python scripts/receipt_vectors.py [FOLDER]`.

The signing key is that of RFC 8032, 7.1, test 1. The whole world has it, so a signature by it proves nothing.
Everything is fixed, the sentences too: the vectors stay the same when preforget changes its wording.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from preforget.core.canonical import canonical_json
from preforget.erasure.dsse import PAYLOAD_TYPE, envelope, envelope_file, pae
from preforget.erasure.receipt import Receipt, sign_receipt
from preforget.store.signing import Signer

FOLDER = Path(__file__).parents[1] / "docs" / "class-erasure" / "vectors"
SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
STRANGER = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"  # RFC 8032, 7.1, test 2

Change = Callable[[dict[str, Any]], object]


def signer(seed: str = SEED) -> Signer:
    """Return the public test key, or another one."""
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))


def class_receipt() -> Receipt:
    """One class of a sealed model, nothing special."""
    return Receipt(
        erasure=_id("erasure"),
        what="class",
        model=_model("isolated"),
        guarantee={
            "name": "parametric",
            "meaning": "Every parameter that was learned for the class is deleted.",
        },
        records=[_record("one", "sealed", 118_292)],
        method=["key destroyed", "file deleted", "taken from memory"],
        derived=0,
        begun="2026-01-31T12:00:00.000Z",
        finished="2026-01-31T12:00:00.125Z",
        recovered=False,
        request={"reference": "request 2026-118", "grounds": "GDPR Art. 17(1)(b)"},
        tool={"name": "preforget", "version": "0.1.0"},
        checks=[
            {"name": "files", "passed": True, "detail": "1 of 1 files are gone"},
            {"name": "keys", "passed": True, "detail": "1 of 1 keys are destroyed in the keyring"},
        ],
        copies=[],
        audits=[],
        ledger={"seq": 2, "hash": _digest("row 2")},
        not_claimed=["What the backbone learned in its pretraining is untouched."],
    )


def subject_receipt() -> Receipt:
    """One subject of an unsealed model, with everything that a receipt can hold."""
    kinds = ("export", "hub", "onnx", "checkpoint", "cache", "replica", "backup")
    statuses = ("removed", "not present", "scheduled", "out of our control")
    return Receipt(
        erasure=_id("erasure of a subject"),
        what="subject",
        model=_model("exact"),
        guarantee={"name": "exact", "meaning": "What is left equals a model that was never given the data."},
        records=[
            _record(name, "safetensors", size)
            for name, size in (("two", 0), ("three", 4096), ("four", 2**40))
        ],
        method=["file deleted"],
        derived=2**53 - 1,
        begun="2024-02-29T23:59:59.999Z",
        finished="2024-03-01T00:00:00.000Z",
        recovered=True,
        request={"reference": 'Größe "42" <b>&amp;</b> 忘れる 🗑 \\ /', "grounds": None},
        tool={"name": "preforget", "version": "0.1.0"},
        checks=[{"name": "scan", "passed": False, "detail": "8,192 bytes searched; found in a/b"}],
        copies=[
            {"id": _id(kind), "kind": kind, "status": statuses[n % 4], "detail": ""}
            for n, kind in enumerate(kinds)
        ],
        audits=[_audit(2, True), _audit(3, False), _audit(4, None)],
        ledger={"seq": 7, "hash": _digest("row 7")},
        not_claimed=["Backups are not encrypted.", "This receipt is no legal advice."],
    )


def invalid() -> dict[str, dict[str, bytes]]:
    """Return files that must be refused, by reason and name."""
    return {
        "file": _no_files(),
        "envelope": _no_envelopes(),
        "key": {
            "key that is not trusted": sign_receipt(class_receipt(), signer(STRANGER)),
            "second signature by a key that is not trusted": _sign(PAYLOAD, signer(), signer(STRANGER)),
        },
        "signature": _wrong_signatures(),
        "payload": _no_payloads(),
        "schema": {name: _changed(change) for name, change in _against_schema().items()},
        "meaning": {name: _changed(change) for name, change in _against_meaning().items()},
    }


def _no_files() -> dict[str, bytes]:
    good = _sign(PAYLOAD)
    return {
        "no newline at the end": good[:-1],
        "carriage return before the newline": good[:-1] + b"\r\n",
        "byte order mark": b"\xef\xbb\xbf" + good,
        "white space after a colon": good.replace(b'":"', b'": "', 1),
        "cut off": good[: len(good) // 2] + b"\n",
        "empty": b"",
        "key twice": good.replace(b'{"payload":', b'{"payload":"","payload":', 1),
        "nested 3,000 deep": b"[" * 3000 + b"]" * 3000 + b"\n",
    }


def _no_envelopes() -> dict[str, bytes]:
    values = envelope(PAYLOAD, PAYLOAD_TYPE, [signer()])
    payload, own = values["payload"], values["signatures"][0]
    loose = own["sig"][:-3] + chr(ord(own["sig"][-3]) + 1) + "=="  # a bit beyond the last byte

    def but(**changes: object) -> bytes:
        return envelope_file({**values, **changes})

    return {
        "a list": b"[]\n",
        "extra entry": but(note=""),
        "no signatures": but(signatures=[]),
        "same signature twice": but(signatures=[own, own]),
        "signature without keyid": but(signatures=[{"sig": own["sig"]}]),
        "line break in the keyid": but(signatures=[{**own, "keyid": own["keyid"] + "\n"}]),
        "another payloadType": but(payloadType="application/json"),
        "base64 without padding": but(signatures=[{**own, "sig": own["sig"].rstrip("=")}]),
        "base64 with loose bits": but(signatures=[{**own, "sig": loose}]),
        "URL-safe base64": but(payload=payload[:-4] + "-_-_"),
        "white space in base64": but(payload=payload[:4] + "\n" + payload[4:]),
    }


def _wrong_signatures() -> dict[str, bytes]:
    values = envelope(PAYLOAD, PAYLOAD_TYPE, [signer()])
    changed = base64.b64encode(PAYLOAD.replace(b"118292", b"118293")).decode()

    def by(signature: bytes) -> bytes:
        entry = {"keyid": signer().key_id, "sig": base64.b64encode(signature).decode()}
        return envelope_file({**values, "signatures": [entry]})

    return {
        "signature of a stranger": by(signer(STRANGER).sign(pae(PAYLOAD_TYPE, PAYLOAD))),
        "signature of another receipt": by(signer().sign(pae(PAYLOAD_TYPE, OTHER))),
        "signature over the payload alone": by(signer().sign(PAYLOAD)),
        "signature for another payload type": by(signer().sign(pae("application/json", PAYLOAD))),
        "signature of 63 bytes": by(signer().sign(pae(PAYLOAD_TYPE, PAYLOAD))[:-1]),
        "payload changed by one bit": envelope_file({**values, "payload": changed}),
    }


def _no_payloads() -> dict[str, bytes]:
    def derived(text: bytes) -> bytes:
        return _sign(PAYLOAD.replace(b'"derived":0', b'"derived":' + text))

    return {
        "no JSON": _sign(b"erased"),
        "a list": _sign(b"[]"),
        "newline at the end": _sign(PAYLOAD + b"\n"),
        "key twice": derived(b'0,"derived":0'),
        "number beyond 2^53": derived(b"9007199254740993"),
        "number with 5,000 digits": derived(b"9" * 5000),
        "lone surrogate": _sign(PAYLOAD.replace(b"request 2026", b"\\ud800 2026")),
    }


def _against_schema() -> dict[str, Change]:
    return {
        "another Statement": lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"),
        "another predicate": lambda s: s.update(predicateType="preforget:class-erasure/v0.2"),
        "extra entry in the predicate": lambda s: s["predicate"].update(label="x"),
        "nothing said of what is not claimed": lambda s: s["predicate"].pop("notClaimed"),
        "truth value for a number": lambda s: s["predicate"].update(derived=False),
        "number below 0": lambda s: s["predicate"].update(derived=-1),
        "number that is not whole": lambda s: s["predicate"].update(derived=0.5),
        "number as large as 1e300": lambda s: s["predicate"].update(derived=1e300),
        "line break after an id": lambda s: s["predicate"].update(erasure=s["predicate"]["erasure"] + "\n"),
        "capitals in a digest": lambda s: s["subject"][0]["digest"].update(sha256="A" * 64),
        "place outside of records/": lambda s: s["subject"][0].update(name="../x.sealed"),
        "time without milliseconds": lambda s: s["predicate"].update(begun="2026-01-31T12:00:00Z"),
        "time with an offset": lambda s: s["predicate"].update(begun="2026-01-31T12:00:00.000+00:00"),
        "unknown guarantee": lambda s: s["predicate"]["guarantee"].update(name="complete"),
        "method twice": lambda s: s["predicate"].update(method=["file deleted", "file deleted"]),
        "reference of 501 characters": lambda s: s["predicate"]["request"].update(reference="x" * 501),
        "line break in the reference": lambda s: s["predicate"]["request"].update(reference="a\nb"),
        "text that turns its direction": lambda s: s["predicate"]["request"].update(grounds="a\u202eb"),
    }


def _against_meaning() -> dict[str, Change]:
    return {
        "subject of another digest": lambda s: s["subject"][0]["digest"].update(sha256="0" * 64),
        "subject too many": lambda s: s["subject"].append(s["subject"][0]),
        "place of another record": lambda s: s["predicate"]["records"][0].update(id=_id("another")),
        "record twice": lambda s: [e.append(e[0]) for e in (s["subject"], s["predicate"]["records"])],
        "check twice": lambda s: s["predicate"]["checks"].append(s["predicate"]["checks"][0]),
        "30th of February": lambda s: s["predicate"].update(begun="2025-02-30T12:00:00.000Z"),
        "end before the beginning": lambda s: s["predicate"].update(finished="2026-01-31T11:59:59.999Z"),
        "no later generation": lambda s: s["predicate"]["model"]["after"].update(generation=3),
        "target with a record that was not erased": lambda s: s["predicate"].update(
            targets=[{"what": "class", "records": [_id("another")]}] * 2
        ),
        "targets of another kind": lambda s: s["predicate"].update(
            targets=[{"what": "subject", "records": []}] * 2
        ),
        "several without targets": lambda s: s["predicate"].update(what="several"),
        "audit after the erasure": lambda s: s["predicate"]["audits"].append(_audit(2, None)),
    }


def several_receipt() -> Receipt:
    """Two classes and one subject at once."""
    records = [_record(name, "safetensors", 4_096) for name in ("one", "two", "three")]
    targets = [("class", ["one"]), ("class", ["two"]), ("subject", ["three"])]
    return replace(
        class_receipt(),
        what="several",
        records=sorted(records, key=lambda record: record["id"]),
        method=["file deleted"],
        targets=[{"what": what, "records": [_id(name) for name in names]} for what, names in targets],
    )


def vectors() -> dict[str, bytes]:
    """Return all files by name."""
    own = signer()
    key = {
        "warning": "The secret is public (RFC 8032, 7.1, test 1). Never trust this key.",
        "secret": SEED,
        "public": own.public_key.public_bytes_raw().hex(),
        "keyid": own.key_id,
    }
    table = [
        {"name": name, "reason": reason, "file": content.decode()}
        for reason, files in invalid().items()
        for name, content in files.items()
    ]
    return {
        "key.json": _pretty(key),
        "class.receipt.json": sign_receipt(class_receipt(), own),
        "subject.receipt.json": sign_receipt(subject_receipt(), own),
        "several.receipt.json": sign_receipt(several_receipt(), own),
        "class.statement.json": _pretty(class_receipt().statement()),
        "invalid.json": _pretty(table),
    }


def _changed(change: Change) -> bytes:
    statement = copy.deepcopy(class_receipt().statement())
    change(statement)
    return _sign(canonical_json(statement))


def _sign(payload: bytes, *signers: Signer) -> bytes:
    return envelope_file(envelope(payload, PAYLOAD_TYPE, signers or [signer()]))


def _model(engine: str) -> dict[str, Any]:
    return {
        "id": _id("model"),
        "engine": engine,
        "before": {"manifest": _digest("before"), "generation": 3},
        "after": {"manifest": _digest("after"), "generation": 5},
    }


def _record(name: str, suffix: str, size: int) -> dict[str, Any]:
    return {
        "id": _id(name),
        "location": f"records/{_id(name)}.{suffix}",
        "bytes": size,
        "digest": _digest(name),
        "name": f"hmac-{_digest('name of ' + name)}",
    }


def _audit(seq: int, passed: bool | None) -> dict[str, Any]:
    return {"seq": seq, "hash": _digest(f"row {seq}"), "kind": "membership", "passed": passed}


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _pretty(values: object) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode()


PAYLOAD, OTHER = (canonical_json(receipt.statement()) for receipt in (class_receipt(), subject_receipt()))


def main() -> None:
    """Write the files into FOLDER, by default where the documentation has them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, content in vectors().items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
