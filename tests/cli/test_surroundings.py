from __future__ import annotations

from pathlib import Path

import pytest

from preforget.cli.surroundings import cache, clock, computing, disk, keyring_check, versions


def test_versions_and_numbers_are_named() -> None:
    named = {check.name: check for check in [*versions(), *computing()]}
    assert {"preforget", "torch", "transformers", "numpy", "numbers", "device", "threads"} <= set(named)
    assert all(check.ok for check in named.values())
    assert "auto takes" in named["numbers"].value


def test_a_keyring_says_where_it_is_and_whether_it_is_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from preforget.store.keyring import open_keyring

    new = keyring_check(str(tmp_path / "new"))
    assert new.ok
    assert "made when it is needed" in new.value
    open_keyring(tmp_path / "plain").model("a" * 32).create(["b" * 32])
    assert "not encrypted" in keyring_check(str(tmp_path / "plain")).value
    open_keyring(tmp_path / "locked", lambda: "a long passphrase").model("a" * 32).create(["b" * 32])
    assert keyring_check(str(tmp_path / "locked")).value.endswith(", encrypted")
    assert not keyring_check("unheard:of").ok
    monkeypatch.setenv("PREFORGET_KEYRING", "")
    assert "is empty" in keyring_check().value


def test_disk_cache_and_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFORGET_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.npz").write_bytes(bytes(1 << 20))
    assert cache().value == f"1.0 MiB in {tmp_path / 'data'}"
    assert [check.name for check in disk()] == ["disk", "temporary"]
    assert clock().ok
    assert not clock(tolerance=-1e9).ok
