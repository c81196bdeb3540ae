"""Signed bytes in a DSSE envelope with Ed25519 (https://github.com/secure-systems-lab/dsse, protocol and envelope v1).

Stricter than the standard asks: one form only, standard base64, a key id on every signature, and every signature must
hold. So whoever reads a file by this module knows that not one bit of it was changed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preforget.core.canonical import canonical_json, read_canonical
from preforget.core.errors import IntegrityError, UsageError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_BYTES = 16 * 2**20
"""Bytes of the largest file, and characters of the largest payload, that are written or read."""

# key ids are printed on terminals before they are trusted
_KEY_ID = re.compile(r"[0-9A-Za-z:+/=._-]{1,128}", re.ASCII)
_AGAIN = "get the original file again"


class Signer(Protocol):
    """Whoever holds a private key; `key_id` is public and says which key it is."""

    @property
    def key_id(self) -> str:
        """1 to 128 ASCII letters, digits or `:+/=._-`."""
        ...

    def sign(self, content: bytes, /) -> bytes:
        """Return the Ed25519 signature of 64 bytes."""
        ...


@dataclass(frozen=True)
class Envelope:
    """A payload and its signatures as pairs of key id and bytes, well-formed but *not checked*."""

    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: the pre-authentication encoding of the DSSE protocol.

    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(payload: bytes, payload_type: str, signers: Sequence[Signer]) -> dict[str, Any]:
    """Sign a payload and return the envelope as plain values; raises `UsageError` without distinct, valid key ids."""
    ids = [signer.key_id for signer in signers]
    if not ids or len(set(ids)) != len(ids) or not all(_KEY_ID.fullmatch(i) for i in ids):
        raise UsageError(
            f"an envelope needs signers with different ids of letters, digits and :+/=._-, not {ids}"
        )
    signed = pae(payload_type, payload)
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {"keyid": s.key_id, "sig": base64.b64encode(s.sign(signed)).decode()} for s in signers
        ],
    }


def envelope_file(values: Mapping[str, Any]) -> bytes:
    """Return the one form of an envelope as a file: canonical JSON and a newline; raises `UsageError` if too large."""
    content = canonical_json(dict(values)) + b"\n"
    if len(content) > MAX_BYTES:
        raise UsageError(
            f"the receipt would have {len(content)} bytes, more than {MAX_BYTES}; erase in several steps"
        )
    return content


def parse_envelope(source: Mapping[str, Any] | bytes) -> Envelope:
    """Read an envelope, or the bytes of its file, without checking signatures; raises `IntegrityError`."""
    values = _read_file(source) if isinstance(source, bytes) else source
    if not isinstance(values, Mapping) or set(values) != {"payload", "payloadType", "signatures"}:
        raise IntegrityError(f"this is no signed envelope: it has other entries than a receipt has; {_AGAIN}")
    if values["payloadType"] != PAYLOAD_TYPE:
        raise IntegrityError(
            f"the envelope's payloadType is not {PAYLOAD_TYPE}; this is no receipt; {_AGAIN}"
        )
    payload = _base64(values["payload"], "payload")
    signatures, listed = [], values["signatures"]
    for signature in listed if isinstance(listed, list) else []:
        if not isinstance(signature, Mapping) or set(signature) != {"keyid", "sig"}:
            raise IntegrityError(f"a signature of the envelope has not exactly keyid and sig; {_AGAIN}")
        key_id = signature["keyid"]
        if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
            raise IntegrityError(
                f"a keyid of the envelope is not 1 to 128 letters, digits or :+/=._-; {_AGAIN}"
            )
        signatures.append((key_id, _base64(signature["sig"], "signature")))
    if not signatures or len({key_id for key_id, _ in signatures}) != len(signatures):
        raise IntegrityError(f"the envelope has no list of signatures by different keys; {_AGAIN}")
    return Envelope(payload, tuple(signatures))


def open_envelope(
    source: Mapping[str, Any] | bytes, keys: Mapping[str, Ed25519PublicKey]
) -> tuple[bytes, str]:
    """Return the payload and the id of the first key that signed it; `keys` are the trusted ones by id.

    Every signature must be a valid one of a trusted key: one that can't be checked could be changed unnoticed. Raises
    `IntegrityError`.
    """
    parsed = parse_envelope(source)
    for key_id, _ in parsed.signatures:
        if key_id not in keys:
            raise IntegrityError(
                f"signed by {key_id}, which is not among the trusted keys; give it with --public-key"
            )
    signed = pae(PAYLOAD_TYPE, parsed.payload)
    for key_id, signature in parsed.signatures:
        try:
            keys[key_id].verify(signature, signed)
        except InvalidSignature:
            raise IntegrityError(
                f"the signature is not that of key {key_id} over this content: it was changed; {_AGAIN}"
            ) from None
    return parsed.payload, parsed.signatures[0][0]


def _read_file(content: bytes) -> Any:
    if len(content) > MAX_BYTES:
        raise IntegrityError(f"this is no receipt: it is larger than {MAX_BYTES >> 20} MiB; {_AGAIN}")
    try:
        if not content.endswith(b"\n"):
            raise ValueError("no newline at the end")
        return read_canonical(content[:-1])
    except ValueError:  # its text could quote the content
        raise IntegrityError(
            f"the file is not canonical JSON (RFC 8785) and a newline: it was changed; {_AGAIN}"
        ) from None


def _base64(text: object, what: str) -> bytes:
    problem = IntegrityError(f"the envelope's {what} is not base64 in its standard form; {_AGAIN}")
    if not isinstance(text, str) or len(text) > MAX_BYTES:
        raise problem
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        raise problem from None
    if base64.b64encode(content).decode() != text:  # bits beyond the last byte, which decoders ignore
        raise problem
    return content
