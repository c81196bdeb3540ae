"""The signed receipt of one erasure: an in-toto Statement v1 whose predicate says what was destroyed, and what not.

`docs/class-erasure/README.md` specifies every field. Receipts are read whole or not at all.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preforget.core.canonical import canonical_json, read_canonical
from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.files import read_regular
from preforget.core.hashing import bytes_digest
from preforget.core.paths import exists
from preforget.erasure.dsse import (
    MAX_BYTES,
    PAYLOAD_TYPE,
    Signer,
    envelope,
    envelope_file,
    open_envelope,
    parse_envelope,
)

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "preforget:class-erasure/v0.1"
SCHEMA = Path(__file__).with_name("class-erasure-v0.1.schema.json")
MAX_STATED = 500
"""Characters of a request's reference and of its grounds."""


def _without_references(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a schema with each definition where it is referred to: looking them up takes longer than following them.

    >>> _without_references({"$ref": "#/$defs/word", "maxLength": 9}, {"word": {"type": "string"}})
    {'type': 'string', 'maxLength': 9}
    """
    if isinstance(schema, list):
        return [_without_references(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    rules = {
        rule: _without_references(value, definitions) for rule, value in schema.items() if rule != "$ref"
    }
    if "$ref" not in schema:
        return rules
    referred = definitions[str(schema["$ref"]).removeprefix("#/$defs/")]
    return {**_without_references(referred, definitions), **rules}


# what the schema's `line` refuses, and half characters, which canonical JSON can't hold
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Receipt:
    """What a receipt states, in plain values that the schema describes; `request`: its `reference` and `grounds`.

    `erasure`: 32 hex digits; `what`: `class`, `subject`, or `several` for both; `targets`: of several classes or
    subjects, which records are of which, empty for a single one; `begun`, `finished`: UTC in RFC 3339 with ms. Raises
    `UsageError` for a `reference` or `grounds` of more than 500 characters or with control characters.
    """

    erasure: str
    what: str
    model: dict[str, Any]
    guarantee: dict[str, Any]
    records: list[dict[str, Any]]
    method: list[str]
    derived: int
    begun: str
    finished: str
    recovered: bool
    request: dict[str, Any]
    tool: dict[str, Any]
    checks: list[dict[str, Any]]
    copies: list[dict[str, Any]]
    audits: list[dict[str, Any]]
    ledger: dict[str, Any]
    not_claimed: list[str]
    targets: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, text in self.request.items():
            if isinstance(text, str) and (len(text) > MAX_STATED or _NOT_IN_A_LINE.search(text)):
                raise UsageError(
                    f"the {name} of a request is one line of at most {MAX_STATED} characters, without control "
                    "characters; shorten it, or give the number under which it is kept"
                )

    def statement(self) -> dict[str, Any]:
        """Return the in-toto Statement; its subjects are the destroyed files."""
        predicate = asdict(self)
        predicate["notClaimed"] = predicate.pop("not_claimed")
        if not self.targets:
            del predicate["targets"]
        subject = [
            {"name": r.get("location"), "digest": {"sha256": str(r.get("digest")).removeprefix("sha256:")}}
            for r in self.records
        ]
        return {
            "_type": STATEMENT_TYPE,
            "subject": subject,
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        }

    @classmethod
    def from_statement(cls, values: dict[str, Any]) -> Receipt:
        """Read what `statement` returns; raises `IntegrityError` for anything that class-erasure v0.1 doesn't allow."""
        _check_schema(values)
        predicate = dict(values["predicate"])
        receipt = cls(not_claimed=predicate.pop("notClaimed"), **predicate)
        if receipt.statement()["subject"] != values["subject"]:
            raise _contradicts("$.subject", "its subjects are not its records")
        _check_meaning(receipt)
        return receipt


def sign_receipt(receipt: Receipt, signer: Signer) -> bytes:
    """Return the bytes of a receipt's file; raises `UsageError` for one that `read_receipt` would refuse."""
    try:
        payload = canonical_json(receipt.statement())
        Receipt.from_statement(read_canonical(payload))
    except ValueError:  # the text could quote a value
        raise UsageError(
            "a receipt holds text and whole numbers up to 2^53 - 1; this one holds another value"
        ) from None
    except IntegrityError as error:
        raise UsageError(f"this receipt can't be signed: {error}") from error
    return envelope_file(envelope(payload, PAYLOAD_TYPE, [signer]))


def read_receipt(content: bytes, keys: Mapping[str, Ed25519PublicKey]) -> tuple[Receipt, str]:
    """Return the receipt in a file's bytes and the id of the key that signed it; `keys` are the trusted ones by id.

    Raises `IntegrityError` unless every bit is as it was signed and the statement is a class erasure v0.1.
    """
    payload, key_id = open_envelope(content, keys)
    return Receipt.from_statement(_statement(payload)), key_id


def read_bounded(path: Path) -> bytes:
    """Return the bytes of a receipt's file; raises `StoreError`, and `IntegrityError` for one that is too large."""
    try:
        return read_regular(path, MAX_BYTES, follow=True)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise IntegrityError(f"{path} is no receipt: larger than {MAX_BYTES >> 20} MiB") from error
        raise StoreError(f"{path} can't be read: {error.strerror or error}") from error


def read_given(path: Path) -> bytes:
    """Return the bytes of a receipt that a user named, as `read_bounded` does; for a missing one, say what to name.

    Callers read it before they look for keys, so that a wrong name isn't reported as a missing key.
    """
    if not exists(path):
        raise StoreError(
            f"there is no receipt {path}; give the file that `preforget forget --receipt FILE` wrote, "
            "or one in the folder receipts of the model"
        )
    return read_bounded(path)


def payload_of(content: bytes) -> dict[str, Any]:
    """Return the statement in a file's bytes *without* checking signature or schema; raises `IntegrityError`."""
    return _statement(parse_envelope(content).payload)


def receipt_digest(content: bytes) -> str:
    """Return the `sha256:<hex>` of the signed payload, without checking the signature; raises `IntegrityError`."""
    return bytes_digest(parse_envelope(content).payload)


def not_claimed(
    of_engine: Sequence[str],
    sealed: bool,
    recovered: bool = False,
    stepped_back: bool = False,
    architecture: str = "",
) -> list[str]:
    """Return what a receipt doesn't claim, in plain sentences for the person who reads it.

    `of_engine`: what stays by the nature of the engine, in its own sentences, which come first; `recovered`: whether
    the erasure was interrupted; `stepped_back`: whether the clock was before its beginning when it ended;
    `architecture`: of the backbone.
    """
    return [
        *of_engine,
        "What the backbone learned in its pretraining is untouched; inputs of the erased kind can still be told apart "
        "by it.",
        *([_VECTORS] if architecture in MADE_ELSEWHERE else []),
        _SEALED if sealed else _UNSEALED,
        "Copies, exports and backups that are not listed here were not looked for and can still answer.",
        "Processes that had loaded the model before, and are not listed as replicas, hold it until they end or load "
        "it again.",
        "Media that keep old blocks, such as SSDs with wear levelling, journals and snapshots, may still hold what was "
        "destroyed; nobody can show the opposite from outside.",
        "What is learned later, under the same name or from the same data, is not part of this erasure.",
        "Answers that the model gave before, and whatever was derived from them, are not recalled.",
        "Nothing is said about training data kept elsewhere.",
        *([_RECOVERED] if recovered else []),
        *([_STEPPED_BACK] if stepped_back else []),
        "This receipt states a technical act; it is no legal advice.",
    ]


MADE_ELSEWHERE = ("vectors", "outputs")
"""Architectures of backbones whose vectors something else makes."""

_VECTORS = (
    "The vectors were made by an encoder that is not part of the model and not vouched for; a file of them is a copy "
    "outside of the model, which was not looked for."
)
_RECOVERED = (
    "The erasure was interrupted and ended later; when it began is what was announced, and is not verified."
)
_STEPPED_BACK = "The clock stepped back during the erasure, so that it is said to have ended when it began."
_SEALED = (
    "Copies of the sealed records are unreadable without their keys; copies, backups and snapshots of the keyring "
    "that were made before may still hold them."
)
_UNSEALED = "Backups of the model folder that were made before are not encrypted; they hold the records and can answer."


def _statement(payload: bytes) -> dict[str, Any]:
    try:
        values = read_canonical(payload)
    except ValueError:  # its text could quote a value
        values = None
    if not isinstance(values, dict):
        raise IntegrityError(
            "the receipt's payload is no object in canonical JSON; ask its signer for a valid one"
        )
    return values


@cache
def _validator() -> Any:
    # takes a while, and most commands read no receipt
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    schema = json.loads(SCHEMA.read_bytes())
    definitions = schema.pop("$defs")
    return Draft202012Validator(_without_references(schema, definitions))


def _check_schema(values: object) -> None:
    try:
        error = next(_validator().iter_errors(values), None)
    except RecursionError:
        raise IntegrityError(
            "the receipt's statement is nested too deeply; ask its signer for a valid one"
        ) from None
    if error is not None:  # path and rule; the message would quote the value
        raise IntegrityError(
            f"the receipt breaks the schema of {PREDICATE_TYPE} at {error.json_path} ({error.validator}); "
            "ask its signer for a valid one, or read it with a newer preforget"
        )


def _check_meaning(receipt: Receipt) -> None:
    """Check what a schema can't say; raises `IntegrityError`."""
    for name in ("begun", "finished"):
        try:
            datetime.fromisoformat(getattr(receipt, name))
        except ValueError:
            raise _contradicts(f"$.predicate.{name}", "there is no such time") from None
    if receipt.finished < receipt.begun:  # of one length, so text sorts like time
        raise _contradicts("$.predicate.finished", "it ends before it begins")
    if receipt.model["after"]["generation"] <= receipt.model["before"]["generation"]:
        raise _contradicts("$.predicate.model.after", "it is no later state than the one before")
    for number, record in enumerate(receipt.records):
        if not record["location"].startswith(f"records/{record['id']}."):
            raise _contradicts(f"$.predicate.records[{number}].location", "it is another record's")
    ids = {record["id"] for record in receipt.records}
    for number, target in enumerate(receipt.targets):
        if not ids >= set(target["records"]):
            raise _contradicts(f"$.predicate.targets[{number}].records", "one is none of its records")
    kinds = {target["what"] for target in receipt.targets}
    if receipt.what != (kinds.pop() if len(kinds) == 1 else "several") and receipt.targets:
        raise _contradicts("$.predicate.what", "its targets are of another kind")
    if receipt.what == "several" and not receipt.targets:
        raise _contradicts("$.predicate.what", "it has no targets")
    for name, key, entries in (
        ("records", "id", receipt.records),
        ("checks", "name", receipt.checks),
        ("copies", "id", receipt.copies),
        ("audits", "seq", receipt.audits),
    ):
        _check_unique(name, [entry[key] for entry in entries])
    if any(audit["seq"] >= receipt.ledger["seq"] for audit in receipt.audits):
        raise _contradicts("$.predicate.audits", "one came after the erasure")


def _check_unique(name: str, keys: Sequence[Any]) -> None:
    if len(set(keys)) != len(keys):
        raise _contradicts(f"$.predicate.{name}", "one entry is there twice")


def _contradicts(path: str, what: str) -> IntegrityError:
    return IntegrityError(f"the receipt contradicts itself at {path}: {what}; ask its signer for a valid one")
