"""DSSE envelopes: the example of the standard, signatures checked by hand, and nothing that was touched is opened."""

from __future__ import annotations

import base64
import json
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.errors import IntegrityError, UsageError
from preforget.erasure.dsse import (
    MAX_BYTES,
    PAYLOAD_TYPE,
    envelope,
    envelope_file,
    open_envelope,
    pae,
    parse_envelope,
)


class Key:
    """A signer with a seed."""

    def __init__(self, key_id: str, seed: int = 1) -> None:
        self.key_id = key_id
        self._private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public = self._private.public_key()

    def sign(self, content: bytes) -> bytes:
        return self._private.sign(content)


A, B = Key("sha256:aa"), Key("b", 2)
KEYS = {key.key_id: key.public for key in (A, B)}


def test_pae_of_the_standard() -> None:
    """https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, "Test Vectors"."""
    encoded = pae("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_pae_counts_bytes_and_not_characters() -> None:
    assert pae("é", "忘".encode()) == b"DSSEv1 2 \xc3\xa9 3 \xe5\xbf\x98"
    assert pae("", b"") == b"DSSEv1 0  0 "


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8")), st.binary()), min_size=2, max_size=2, unique=True
    )
)
def test_different_content_is_never_encoded_alike(pairs: list[tuple[str, bytes]]) -> None:
    assert pae(*pairs[0]) != pae(*pairs[1])


def test_the_signature_is_ed25519_over_the_pae() -> None:
    values = envelope(b"{}", PAYLOAD_TYPE, [A])
    assert values["payload"] == "e30="
    by_hand = b"DSSEv1 28 application/vnd.in-toto+json 2 {}"
    public = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32).public_key()
    public.verify(base64.b64decode(values["signatures"][0]["sig"]), by_hand)


@given(st.binary(max_size=200), st.sampled_from([[A], [B], [A, B], [B, A]]))
def test_what_is_signed_is_opened(payload: bytes, signers: list[Key]) -> None:
    values = envelope(payload, PAYLOAD_TYPE, signers)
    assert open_envelope(values, KEYS) == (payload, signers[0].key_id)
    assert open_envelope(envelope_file(values), KEYS) == (payload, signers[0].key_id)


@pytest.mark.parametrize("signers", [[A], [A, B]])
def test_every_bit_counts(signers: list[Key]) -> None:
    content = envelope_file(envelope(b'{"a":1}', PAYLOAD_TYPE, signers))
    for position in range(len(content) * 8):
        changed = bytearray(content)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(IntegrityError):
            open_envelope(bytes(changed), KEYS)


def test_every_missing_or_doubled_byte_counts() -> None:
    content = envelope_file(envelope(b'{"a":1}', PAYLOAD_TYPE, [A]))
    for position in range(len(content)):
        for changed in (
            content[:position] + content[position + 1 :],
            content[: position + 1] + content[position:],
            content[:position],
        ):
            with pytest.raises(IntegrityError):
                open_envelope(changed, KEYS)


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(
        IntegrityError, match=r"^signed by b, which is not among the trusted keys; give it with --public-key$"
    ):
        open_envelope(envelope(b"{}", PAYLOAD_TYPE, [A, B]), {A.key_id: A.public})


def test_another_key_under_a_trusted_id() -> None:
    with pytest.raises(IntegrityError, match="the signature is not that of key sha256:aa"):
        open_envelope(envelope(b"{}", PAYLOAD_TYPE, [A]), {A.key_id: B.public})


def test_a_valid_signature_does_not_cover_for_an_invalid_one() -> None:
    values = envelope(b"{}", PAYLOAD_TYPE, [A, B])
    values["signatures"][1]["sig"] = values["signatures"][0]["sig"]
    with pytest.raises(IntegrityError, match="not that of key b "):
        open_envelope(values, KEYS)


def test_unknown_keys_come_before_wrong_signatures() -> None:
    values = envelope(b"{}", PAYLOAD_TYPE, [A, B])
    values["payload"] = "W10="
    with pytest.raises(IntegrityError, match="signed by b,"):
        open_envelope(values, {A.key_id: A.public})


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_signatures_have_64_bytes(length: int) -> None:
    values = envelope(b"{}", PAYLOAD_TYPE, [A])
    values["signatures"][0]["sig"] = base64.b64encode(bytes(length)).decode()
    with pytest.raises(IntegrityError, match="signature"):
        open_envelope(values, KEYS)


@pytest.mark.parametrize(
    "values",
    [
        {},
        [],
        {"payload": "e30=", "payloadType": PAYLOAD_TYPE},
        {"payload": "e30=", "payloadType": PAYLOAD_TYPE, "signatures": None},
        {"payload": "e30=", "payloadType": PAYLOAD_TYPE, "signatures": {}},
        {"payload": "e30=", "payloadType": PAYLOAD_TYPE, "signatures": ["x"]},
        {"payload": "e30=", "payloadType": PAYLOAD_TYPE, "signatures": [{"keyid": 1, "sig": ""}]},
        {"payload": "e30=", "payloadType": PAYLOAD_TYPE, "signatures": [{"keyid": "", "sig": ""}]},
        {"payload": "e30=", "payloadType": PAYLOAD_TYPE, "signatures": [{"keyid": "x" * 129, "sig": ""}]},
        {"payload": "e30=", "payloadType": PAYLOAD_TYPE, "signatures": [{"keyid": "\x1b[2J", "sig": ""}]},
        {
            "payload": "e30=",
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": "a", "sig": "", "cert": ""}],
        },
        {"payload": 1, "payloadType": PAYLOAD_TYPE, "signatures": []},
        {"payload": "é30=", "payloadType": PAYLOAD_TYPE, "signatures": []},
        {"payload": "e30=", "payloadType": [PAYLOAD_TYPE], "signatures": []},
        {"payload": "A" * (MAX_BYTES + 4), "payloadType": PAYLOAD_TYPE, "signatures": []},
    ],
)
def test_other_forms_are_refused(values: object) -> None:
    with pytest.raises(IntegrityError):
        parse_envelope(values)  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["payload", "payloadType", "signatures", "keyid"]), inner)
    ),
)


@given(st.binary() | JSON.map(lambda values: json.dumps(values).encode() + b"\n"))
def test_any_bytes_are_refused_in_words(content: bytes) -> None:
    with pytest.raises(IntegrityError):
        open_envelope(content, KEYS)


def test_no_message_quotes_the_content() -> None:
    values = envelope(b"{}", PAYLOAD_TYPE, [A])
    for changed in (
        {**values, "Erika": ""},
        {**values, "payload": "Erika"},
        {**values, "payloadType": "Erika"},
    ):
        with pytest.raises(IntegrityError) as caught:
            open_envelope(envelope_file(changed), KEYS)
        assert "Erika" not in str(caught.value)
        assert caught.value.exit_code == 3


def test_a_file_has_a_largest_size() -> None:
    noise = random.Random(0).randbytes(MAX_BYTES * 3 // 4 - 1000)
    content = envelope_file(envelope(noise, PAYLOAD_TYPE, [A]))
    assert len(content) < MAX_BYTES
    assert open_envelope(content, KEYS) == (noise, A.key_id)
    with pytest.raises(UsageError, match="more than 16777216"):
        envelope_file(envelope(noise + bytes(2000), PAYLOAD_TYPE, [A]))
    with pytest.raises(IntegrityError, match="larger than 16 MiB"):
        open_envelope(content[:-1] + bytes(MAX_BYTES), KEYS)


@pytest.mark.parametrize("signers", [[], [A, A], [Key("")], [Key("a b")], [Key("a\n")], [Key("é")]])
def test_signers_need_ids(signers: list[Key]) -> None:
    with pytest.raises(UsageError, match="different ids"):
        envelope(b"", PAYLOAD_TYPE, signers)
