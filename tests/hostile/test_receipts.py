"""Hostile receipts, exports of a ledger and public keys: whoever signed them, they are read or refused."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from preforget.core.canonical import canonical_json
from preforget.erasure.dsse import PAYLOAD_TYPE, envelope, envelope_file, open_envelope
from preforget.erasure.receipt import payload_of, read_receipt, receipt_digest
from preforget.erasure.receipt_page import page
from preforget.erasure.verify import verify
from preforget.store.keyring import open_keyring
from preforget.store.layout import LEDGER, RECEIPTS
from preforget.store.ledger import Ledger, read_export
from preforget.store.ledger_sqlite import SqliteLedger
from preforget.store.signing import Signer, read_public_key

from .conftest import Case, Range
from .draw import ONE_IN, drawn, least
from .mutate import mutate_bytes, mutate_json, nested
from .place import Place, State, values_of

SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEYS = {SIGNER.key_id: SIGNER.public_key, OTHER.key_id: OTHER.public_key}


@pytest.fixture
def erased(firing_range: Range) -> tuple[Place, State, bytes]:
    """Return a folder in which something was erased, and its receipt."""
    place = Place(firing_range)
    state, keyring = place.make("plain erased")
    place.lay(state, keyring)
    return place, state, next(content for name, content in state.items() if name.startswith(RECEIPTS))


def signed(payload: bytes) -> bytes:
    return envelope_file(envelope(payload, PAYLOAD_TYPE, [SIGNER]))


def read(content: bytes) -> None:
    receipt, key_id = read_receipt(content, KEYS)
    page(receipt, key_id, checked=True)


def test_bytes_of_receipts(firing_range: Range, erased: tuple[Place, State, bytes]) -> None:
    place, _, receipt = erased
    keys, random_ = open_keyring(place.keyring).signing.known(), random.Random(31)
    path = firing_range.work / "receipt.json"

    def cases() -> Iterator[Case]:
        for number in drawn(range(2000)):
            content = mutate_bytes(random_, receipt)
            yield "receipt", f"{number}", lambda: read_receipt(content, keys)  # noqa: B023 (called before the next)
            yield "payload", f"{number}", lambda: (payload_of(content), receipt_digest(content))  # noqa: B023
        for number in drawn(range(200)):
            path.write_bytes(mutate_bytes(random_, receipt))
            yield "verify", f"{number}", lambda: verify(path, place.path, keys)
        for content in (
            b"",
            b"\n",
            b"{}\n",
            b"[" * 10**6 + b"\n",
            b" " * (4 << 20) + b"\n",
            bytes(5 << 20),
            b"1\n",
        ):
            path.write_bytes(content)
            yield "verify", f"{content[:9]!r}", lambda: verify(path, place.path, keys)

    firing_range.attack(cases()).check(least(4200))


def test_envelopes(firing_range: Range, erased: tuple[Place, State, bytes]) -> None:
    good, random_ = json.loads(erased[2]), random.Random(32)

    def hostile() -> Iterator[bytes]:
        for _ in range(1500):
            with suppress(ValueError, RecursionError):
                yield canonical_json(mutate_json(random_, good)) + b"\n"
        many = [{"keyid": f"k{i}", "sig": "AAAA"} for i in range(60_000)]
        yield canonical_json({**good, "signatures": many}) + b"\n"
        yield canonical_json({**good, "payload": "A" * (4 << 20)}) + b"\n"
        yield canonical_json({**good, "payload": "A" * 4_000_000}) + b"\n"
        yield canonical_json({**good, "signatures": nested(300)}) + b"\n"

    def cases() -> Iterator[Case]:
        for number, content in drawn(enumerate(hostile())):
            yield "envelope", str(number), lambda: open_envelope(content, KEYS)  # noqa: B023
            with suppress(ValueError):
                values = json.loads(content)
                yield "envelope as values", str(number), lambda: open_envelope(values, KEYS)  # noqa: B023
                yield "envelope read", str(number), lambda: receipt_digest(content)  # noqa: B023

    firing_range.attack(cases()).check(least(3500))


@pytest.mark.slow
def test_statements_that_a_trusted_key_signed(
    firing_range: Range, erased: tuple[Place, State, bytes]
) -> None:
    place, _, receipt = erased
    good, random_ = payload_of(receipt), random.Random(33)
    path, record = firing_range.work / "receipt.json", good["predicate"]["records"][0]

    def large() -> Iterator[dict[str, Any]]:
        """Statements that are valid but for their size, and near it."""
        for count in (100, 5000 // min(5, ONE_IN)):
            ids = [f"{i:032x}" for i in range(count)]
            records = [{**record, "id": i, "location": f"records/{i}.sealed"} for i in ids]
            subject = [{**good["subject"][0], "name": r["location"]} for r in records]
            yield {**good, "subject": subject, "predicate": {**good["predicate"], "records": records}}
        for name in ("method", "checks", "copies", "audits", "notClaimed"):
            first = (good["predicate"][name] or [{}])[:1]
            yield {**good, "predicate": {**good["predicate"], name: first * (20_000 // ONE_IN)}}
            yield {
                **good,
                "predicate": {**good["predicate"], name: [{"a": i} for i in range(50_000 // ONE_IN)]},
            }
        yield {**good, "predicate": {**good["predicate"], "notClaimed": ["a" * 2_000_000]}}
        yield {**good, "predicate": {f"{i}": i for i in range(100_000 // ONE_IN)}}

    def cases() -> Iterator[Case]:
        for number in drawn(range(2200)):
            with suppress(ValueError, RecursionError):
                content = signed(canonical_json(mutate_json(random_, good)))
                yield "statement", str(number), lambda: read(content)  # noqa: B023
        for number in drawn(range(500)):
            content = signed(mutate_bytes(random_, base64.b64decode(json.loads(receipt)["payload"])))
            yield "signed bytes", str(number), lambda: read(content)  # noqa: B023
        for number, statement in enumerate(large()):
            content = signed(canonical_json(statement))
            yield "large", str(number), lambda: read(content)  # noqa: B023
        for number in drawn(range(300)):
            statement = mutate_json(random_, good["predicate"])
            with suppress(ValueError, RecursionError):
                path.write_bytes(signed(canonical_json({**good, "predicate": statement})))
                yield "verify", str(number), lambda: verify(path, place.path, KEYS)

    firing_range.attack(cases()).check(least(2400))


def test_exports_and_public_keys(firing_range: Range, erased: tuple[Place, State, bytes]) -> None:
    place, state, _ = erased
    model, random_ = values_of(state)["model"], random.Random(34)
    lines = list(Ledger(SqliteLedger(place.path / LEDGER), model).export())
    text, rows = "\n".join(lines).encode(), [json.loads(line) for line in lines]
    key = firing_range.work / "key.pub.pem"

    def hostile() -> Iterator[str]:
        for _ in range(700):
            yield mutate_bytes(random_, text, OTHER.public_pem).decode(
                errors=random_.choice(("replace", "surrogateescape"))
            )
        for _ in range(700):
            changed = mutate_json(random_, rows)
            with suppress(ValueError, RecursionError):
                yield "\n".join(canonical_json(row).decode() for row in changed if isinstance(changed, list))
        yield "[" * 10**6
        yield '{"a":' * 10**5
        yield "1" * 10**6
        yield " " * (17 << 20)

    def cases() -> Iterator[Case]:
        for number, content in drawn(enumerate(hostile())):
            yield "export", str(number), lambda: read_export(content, model)  # noqa: B023
        for number in drawn(range(800)):
            key.write_bytes(mutate_bytes(random_, SIGNER.public_pem, OTHER.public_pem))
            yield "public key", str(number), lambda: read_public_key(key)
        for path in (Path("/dev/zero"), firing_range.work, firing_range.work / "none"):
            yield "public key", path.name, lambda: read_public_key(path)  # noqa: B023

    firing_range.attack(cases()).check(least(2000))
