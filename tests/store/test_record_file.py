from __future__ import annotations

import hashlib
import hmac
import json
import re
import resource
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from preforget.core.errors import IntegrityError, StoreError
from preforget.core.hashing import bytes_digest
from preforget.records import ClassRecord
from preforget.store.record_file import described, read_checked, write_file
from preforget.store.tensors import nonce_of, record_to_bytes

ID = "0123456789abcdef" * 2
NAME = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())


def record(label: str = "Grace", subject: str | None = None, partner: str | None = None) -> ClassRecord:
    return ClassRecord(label, {"row": torch.arange(8.0)}, 3, ID, subject, partner)


def hkdf(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256, no salt, 32 bytes, by its two equations."""
    key = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(key, info + b"\x01", hashlib.sha256).digest()


def test_what_is_said_of_a_file() -> None:
    plain = record_to_bytes(record())
    found = described(ID, "records/x.sealed", b"sealed", plain)
    assert list(found) == ["id", "location", "bytes", "digest", "name"]
    assert found["id"] == ID
    assert found["location"] == "records/x.sealed"
    assert found["bytes"] == 6
    assert found["digest"] == f"sha256:{hashlib.sha256(b'sealed').hexdigest()}"
    assert "Grace" not in json.dumps(found)


@given(label=NAME, subject=st.none() | NAME, partner=st.none() | NAME)
def test_the_keyed_name_by_hand(label: str, subject: str | None, partner: str | None) -> None:
    plain = record_to_bytes(record(label, subject, partner))
    nonce = bytes.fromhex(
        json.loads(plain[8 : 8 + int.from_bytes(plain[:8], "little")])["__metadata__"]["nonce"]
    )
    assert nonce == nonce_of(plain)
    text = json.dumps([label, subject, partner], ensure_ascii=False, separators=(",", ":")).encode()
    wanted = hmac.new(hkdf(nonce, b"preforget record name"), text, hashlib.sha256).hexdigest()
    assert described(ID, "", plain, plain)["name"] == f"hmac-sha256:{wanted}"


def test_the_same_name_twice_can_not_be_told() -> None:
    names = {described(ID, "", plain, plain)["name"] for plain in (record_to_bytes(record()) for _ in "ab")}
    assert len(names) == 2


def test_a_record_without_nonce_is_refused() -> None:
    tensors = {"row": torch.zeros(2)}
    for more in ({}, {"nonce": ""}, {"nonce": "0" * 63}, {"nonce": "G" * 64}):
        plain = save(tensors, metadata={"label": "Grace", **more})
        with pytest.raises(IntegrityError, match=f"record {ID} is damaged: .* has no nonce") as caught:
            described(ID, "", plain, plain)
        assert "Grace" not in str(caught.value)


@pytest.mark.parametrize("plain", [b"", b"\x08", b"no record", bytes(100), save({"row": torch.zeros(2)})])
def test_what_is_no_record_is_refused(plain: bytes) -> None:
    with pytest.raises(StoreError, match=f"record {ID} is damaged"):
        described(ID, "", plain, plain)


def test_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    digest = write_file(path, b"content")
    assert digest == bytes_digest(b"content")
    assert read_checked(path, digest) == path.read_bytes() == b"content"
    assert write_file(path, b"newer") != digest
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    content = b"some bytes of a record"
    path = tmp_path / "file"
    digest = write_file(path, content)
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(IntegrityError, match="is not the file that was written: its digest differs"):
            read_checked(path, digest)
    for other in (b"", content[:-1], content + b"\0"):
        path.write_bytes(other)
        with pytest.raises(IntegrityError, match="its digest differs"):
            read_checked(path, digest)


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(IntegrityError, match=re.escape(f"{path} is missing; put a backup")):
        read_checked(path, bytes_digest(b""))


def test_what_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be read: Is a directory") as caught:
        read_checked(tmp_path, bytes_digest(b""))
    assert not isinstance(caught.value, IntegrityError)


def test_what_can_not_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    digest = write_file(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # as on a full disk; the kernel does it
    try:
        with pytest.raises(OSError, match="File too large"):
            write_file(path, bytes(11))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_checked(path, digest) == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "nowhere" / "file", b"")
