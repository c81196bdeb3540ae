"""Receipts: the committed vectors, signatures checked without this package, and every touched or odd one refused."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError, UsageError
from preforget.core.guarantee import Guarantee
from preforget.erasure.dsse import PAYLOAD_TYPE, envelope, envelope_file
from preforget.erasure.receipt import (
    SCHEMA,
    Receipt,
    not_claimed,
    payload_of,
    read_receipt,
    receipt_digest,
    sign_receipt,
)

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "class-erasure"
VECTORS = DOCS / "vectors"
KEY = json.loads((VECTORS / "key.json").read_bytes())
PUBLIC = bytes.fromhex(KEY["public"])
KEYS = {KEY["keyid"]: Ed25519PublicKey.from_public_bytes(PUBLIC)}
INVALID = [
    pytest.param(entry["reason"], entry["file"].encode(), id=f"{entry['reason']}: {entry['name']}")
    for entry in json.loads((VECTORS / "invalid.json").read_bytes())
]
MESSAGES = {
    "file": "not canonical JSON",
    "envelope": "envelope",
    "key": "not among the trusted keys",
    "signature": "the signature is not that of key",
    "payload": "the receipt's payload",
    "schema": r"breaks the schema of preforget:class-erasure/v0\.1 at \$",
    "meaning": r"contradicts itself at \$\.",
}


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("receipt_vectors", ROOT / "scripts" / "receipt_vectors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = _script()
SIGNER = MAKER.signer()
SMALL: Receipt = MAKER.class_receipt()
LARGE: Receipt = MAKER.subject_receipt()
SEVERAL: Receipt = MAKER.several_receipt()


def signed(statement: object) -> bytes:
    """Sign anything that canonical JSON can hold."""
    return envelope_file(envelope(canonical_json(statement), PAYLOAD_TYPE, [SIGNER]))


def test_the_committed_vectors_are_what_the_script_makes() -> None:
    assert {path.name: path.read_bytes() for path in VECTORS.iterdir()} == MAKER.vectors()


@pytest.mark.parametrize(("name", "receipt"), [("class", SMALL), ("subject", LARGE), ("several", SEVERAL)])
def test_valid_vectors(name: str, receipt: Receipt) -> None:
    content = (VECTORS / f"{name}.receipt.json").read_bytes()
    assert read_receipt(content, KEYS) == (receipt, KEY["keyid"])
    assert sign_receipt(receipt, SIGNER) == content
    assert payload_of(content) == receipt.statement()


@pytest.mark.parametrize(("reason", "content"), INVALID)
def test_invalid_vectors(reason: str, content: bytes) -> None:
    with pytest.raises(IntegrityError, match=MESSAGES[reason]):
        read_receipt(content, KEYS)


def test_the_vectors_know_every_reason() -> None:
    documented = re.findall(r"^\| `(\w+)` \| ", _section("How to verify"), re.MULTILINE)
    assert documented == list(MESSAGES)
    assert {param.values[0] for param in INVALID} == set(MESSAGES)


def test_the_statement_by_hand() -> None:
    digest = hashlib.sha256(b"one").hexdigest()
    statement = SMALL.statement()
    assert list(statement) == ["_type", "subject", "predicateType", "predicate"]
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [{"name": f"records/{digest[:32]}.sealed", "digest": {"sha256": digest}}]
    assert statement["predicateType"] == "preforget:class-erasure/v0.1"
    assert statement["predicate"]["notClaimed"] == SMALL.not_claimed
    assert {*statement["predicate"]} | {"targets"} == {*SEVERAL.statement()["predicate"]}
    assert len(SEVERAL.statement()["predicate"]) == len(fields(Receipt))


def test_the_signature_by_hand() -> None:
    values = json.loads(sign_receipt(SMALL, SIGNER))
    payload = base64.b64decode(values["payload"])
    encoded = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(payload)).encode() + b" " + payload
    public = Ed25519PublicKey.from_public_bytes(PUBLIC)
    public.verify(base64.b64decode(values["signatures"][0]["sig"]), encoded)
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(values["signatures"][0]["sig"]), encoded + b" ")
    der = bytes.fromhex("302a300506032b6570032100") + PUBLIC  # RFC 8410
    assert values["signatures"][0]["keyid"] == f"sha256:{hashlib.sha256(der).hexdigest()}"
    assert receipt_digest(sign_receipt(SMALL, SIGNER)) == f"sha256:{hashlib.sha256(payload).hexdigest()}"


def test_the_documented_way_to_verify() -> None:
    names: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", _section("How to verify"), re.DOTALL)[1], names)  # type: ignore[index]
    trusted = {KEY["keyid"]: PUBLIC}
    for name, receipt in (("class", SMALL), ("subject", LARGE)):
        assert (
            names["verify"]((VECTORS / f"{name}.receipt.json").read_bytes(), trusted) == receipt.statement()
        )
    for param in INVALID:
        reason, content = param.values
        if reason in {"key", "signature"}:
            with pytest.raises((KeyError, InvalidSignature)):
                names["verify"](content, trusted)


def test_the_schema_is_one_and_closed() -> None:
    schema = json.loads(SCHEMA.read_bytes())
    Draft202012Validator.check_schema(schema)

    def objects(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield node
            for inner in node.values():
                yield from objects(inner)

    found = list(objects(schema))
    assert len(found) == 15
    for node in found:
        assert node["additionalProperties"] is False
        assert sorted(node["required"]) == sorted(set(node["properties"]) - {"targets"})


def test_every_field_is_documented() -> None:
    text = _section("The statement")
    for name, value in {**SEVERAL.statement()["predicate"], **LARGE.statement()["predicate"]}.items():
        assert re.search(rf"`{name}\b", text), name
        inner = value[0] if isinstance(value, list) else value
        for key in inner if isinstance(inner, dict) else ():
            assert re.search(rf"`({name})?\.{key}`", text), f"{name}.{key}"


def test_every_byte_counts() -> None:
    """A bit of each byte, and another in the next; `test_dsse` changes every bit of a short envelope."""
    content = sign_receipt(SMALL, SIGNER)
    for position in range(0, len(content) * 8, 9):
        changed = bytearray(content)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(IntegrityError):
            read_receipt(bytes(changed), KEYS)


def _places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from _places(value, (*path, key))


def _at(node: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        node = node[key]
    return node


def _json_path(path: tuple[str | int, ...]) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


STATEMENT = LARGE.statement()
OBJECTS = [path for path in _places(STATEMENT) if isinstance(_at(STATEMENT, path), dict)]
ENTRIES = [path for path in _places(STATEMENT) if path and isinstance(path[-1], str)]


@pytest.mark.parametrize("path", OBJECTS, ids=_json_path)
def test_an_extra_field_is_refused(path: tuple[str | int, ...]) -> None:
    statement = deepcopy(STATEMENT)
    _at(statement, path)["Erika"] = "Erika"
    with pytest.raises(IntegrityError) as caught:
        read_receipt(signed(statement), KEYS)
    assert f" at {_json_path(path)} (additionalProperties)" in str(caught.value)
    assert "Erika" not in str(caught.value)


@pytest.mark.parametrize("path", ENTRIES, ids=_json_path)
def test_a_missing_field_is_refused(path: tuple[str | int, ...]) -> None:
    statement = deepcopy(STATEMENT)
    del _at(statement, path[:-1])[path[-1]]
    with pytest.raises(IntegrityError) as caught:
        read_receipt(signed(statement), KEYS)
    assert f" at {_json_path(path[:-1])} (required)" in str(caught.value)


@pytest.mark.parametrize("path", list(_places(STATEMENT)), ids=_json_path)
def test_another_kind_of_value_is_refused(path: tuple[str | int, ...]) -> None:
    for value in (None, "Erika\n", -1, 0.5, [], {}, [[]]):
        statement: Any = {"": deepcopy(STATEMENT)}
        inside = ("", *path)
        _at(statement, inside[:-1])[inside[-1]] = value
        if (
            (value is None and path[:2] == ("predicate", "request") and len(path) == 3)
            or (value is None and "audits" in path and path[-1] == "passed")
            or (value == [] and path in {("predicate", "copies"), ("predicate", "audits")})
        ):
            read_receipt(signed(statement[""]), KEYS)
            continue
        with pytest.raises(IntegrityError) as caught:
            read_receipt(signed(statement[""]), KEYS)
        assert "Erika" not in str(caught.value)


def test_a_signature_is_not_valid_for_another_receipt() -> None:
    small, large = (json.loads(sign_receipt(receipt, SIGNER)) for receipt in (SMALL, LARGE))
    with pytest.raises(IntegrityError, match="the signature is not that of key"):
        read_receipt(envelope_file({**large, "signatures": small["signatures"]}), KEYS)


def test_another_key_under_the_same_id() -> None:
    stranger = MAKER.signer(MAKER.STRANGER)
    with pytest.raises(IntegrityError, match=f"signed by {KEY['keyid']}, which is not among"):
        read_receipt(sign_receipt(SMALL, SIGNER), {stranger.key_id: stranger.public_key})
    with pytest.raises(IntegrityError, match="the signature is not that of key"):
        read_receipt(sign_receipt(SMALL, SIGNER), {KEY["keyid"]: stranger.public_key})


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"1", b"null", b"9" * 5000]
)
def test_other_payloads_are_refused_in_words(payload: bytes) -> None:
    content = envelope_file(envelope(payload, PAYLOAD_TYPE, [SIGNER]))
    with pytest.raises(IntegrityError, match="the receipt's payload"):
        read_receipt(content, KEYS)


@pytest.mark.parametrize("name", ["derived", "copies", "Erika"])
def test_deep_nesting_is_refused_in_words(name: str) -> None:
    before = SMALL.statement()
    before["predicate"][name] = "HERE"
    for depth in (10, *range(800, 1000, 27), 200_000):  # around Python's limit, and far beyond
        payload = canonical_json(before).replace(b'"HERE"', b"[" * depth + b"]" * depth)
        with pytest.raises(IntegrityError):
            read_receipt(envelope_file(envelope(payload, PAYLOAD_TYPE, [SIGNER])), KEYS)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"{}\n", b"[" * 100_000 + b"\n", b"1" * 5000 + b"\n", bytes(5 * 2**20)]
)
def test_digest_and_payload_of_what_is_no_receipt(content: bytes) -> None:
    for read in (receipt_digest, payload_of):
        with pytest.raises(IntegrityError):
            read(content)


LINES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cf"]), max_size=500)
DIGESTS = st.binary(min_size=32, max_size=32).map(lambda content: f"sha256:{content.hex()}")
COUNTS = st.integers(0, 2**53 - 1)
IDS = st.binary(min_size=16, max_size=16).map(bytes.hex)


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    """Any receipt that v0.1 allows."""
    times = st.datetimes().map(lambda time: time.isoformat(timespec="milliseconds") + "Z")
    begun, finished = sorted((draw(times), draw(times)))
    guarantee, sealed = draw(st.sampled_from(Guarantee)), draw(st.booleans())
    ids = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    before = draw(st.integers(0, 2**53 - 2))
    suffix = "sealed" if sealed else "safetensors"
    return replace(
        draw(st.sampled_from((SMALL, LARGE))),
        model={
            "id": draw(IDS),
            "engine": "paper",
            "before": {"manifest": draw(DIGESTS), "generation": before},
            "after": {"manifest": draw(DIGESTS), "generation": draw(st.integers(before + 1, 2**53 - 1))},
        },
        guarantee={"name": guarantee.value, "meaning": draw(LINES.filter(len))},
        records=[
            {
                "id": i,
                "location": f"records/{i}.{suffix}",
                "bytes": draw(COUNTS),
                "digest": draw(DIGESTS),
                "name": f"hmac-{draw(DIGESTS)}",
            }
            for i in ids
        ],
        begun=begun,
        finished=finished,
        request={"reference": draw(st.none() | LINES), "grounds": draw(st.none() | LINES)},
        checks=[{"name": "scan", "passed": draw(st.booleans()), "detail": draw(LINES)}],
        not_claimed=not_claimed(draw(st.lists(LINES.filter(len), max_size=2)), sealed),
    )


@given(receipts())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_signed_is_read(receipt: Receipt) -> None:
    content = sign_receipt(receipt, SIGNER)
    assert read_receipt(content, KEYS) == (receipt, KEY["keyid"])
    assert sign_receipt(read_receipt(content, KEYS)[0], SIGNER) == content


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\x9f\u2028\u202e\u2066\u206a"), max_size=20))
def test_a_line_that_can_be_built_can_be_signed(text: str) -> None:
    """The check when building and the pattern of the schema are two; they must be the same."""
    bad = {
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
    }
    request = {"reference": text, "grounds": None}
    if bad & set(map(ord, text)):
        with pytest.raises(UsageError, match="the reference of a request"):
            replace(SMALL, request=request)
        statement = SMALL.statement()
        statement["predicate"]["request"] = request
        with pytest.raises(IntegrityError):
            Receipt.from_statement(statement)
    else:
        assert read_receipt(sign_receipt(replace(SMALL, request=request), SIGNER), KEYS)[0].request == request


@pytest.mark.parametrize("name", ["reference", "grounds"])
@pytest.mark.parametrize(
    "text", ["x" * 501, "a\tb", "a\n", "\x00", "\x7f", "\x85", "\u2028", "\u202e", "\ud800"]
)
def test_odd_requests_cannot_be_built(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"the {name} of a request") as caught:
        replace(SMALL, request={**SMALL.request, name: text})
    assert text not in str(caught.value)
    assert caught.value.exit_code == 2


def test_requests_may_have_500_characters() -> None:
    receipt = replace(SMALL, request={"reference": "忘" * 500, "grounds": "🗑" * 500})
    assert read_receipt(sign_receipt(receipt, SIGNER), KEYS)[0] == receipt


@pytest.mark.parametrize(
    "changes",
    [
        {"derived": 2**53},
        {"derived": 1e20},
        {"derived": float("nan")},
        {"derived": b"0"},
        {"what": "everything"},
        {"records": [{}]},
        {"records": []},
        {"begun": "2026-02-01T00:00:00.000Z"},
        {"not_claimed": ["\ud800"]},
        {"request": {"reference": None}},
    ],
    ids=repr,
)
def test_what_would_be_refused_is_not_signed(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        sign_receipt(replace(SMALL, **changes), SIGNER)


def test_a_receipt_has_a_largest_size() -> None:
    checks = [{"name": f"check {n}", "passed": True, "detail": "x" * 10_000} for n in range(1300)]
    with pytest.raises(UsageError, match="more than 16777216"):
        sign_receipt(replace(SMALL, checks=checks), SIGNER)
    assert (
        read_receipt(sign_receipt(replace(SMALL, checks=checks[:300]), SIGNER), KEYS)[0].checks
        == checks[:300]
    )


@pytest.mark.parametrize("sealed", [True, False])
def test_not_claimed(sealed: bool) -> None:
    more = set(not_claimed([], sealed, architecture="vectors")) - set(
        not_claimed([], sealed, architecture="vit")
    )
    assert ["not vouched for" in sentence and len(sentence) < 200 for sentence in more] == [True]
    sentences = not_claimed(["The adapter stays."], sealed)
    assert sentences[0] == "The adapter stays."
    text = " ".join(sentences)
    assert len(set(sentences)) == len(sentences)
    assert all(sentence.endswith(".") and len(sentence) < 200 for sentence in sentences)
    for said in (
        "pretraining",
        "not listed",
        "wear levelling",
        "snapshots",
        "Answers",
        "legal advice",
        "elsewhere",
    ):
        assert said in text
    assert ("keyring" in text) == sealed
    assert ("not encrypted" in text) != sealed


def _section(title: str) -> str:
    return (DOCS / "README.md").read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
