"""Addresses in the place of paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import DataError, UsageError
from preforget.data import load_data
from preforget.data.addresses import Address, is_address, open_source, source_of


def test_what_is_an_address(tmp_path: Path) -> None:
    assert is_address("s3://bucket/a.tar")
    assert not is_address("C:/a.tar")
    assert not is_address(tmp_path)
    address = Address.of("memory://bucket/a.tar")
    assert (source_of(address), address.is_file(), address.is_dir()) == ("memory://bucket/a.tar", True, False)
    (tmp_path / "a").write_bytes(b"here")
    with open_source(source_of(tmp_path / "a")) as file:
        assert file.read() == b"here"


def test_addresses_that_can_not_be_read() -> None:
    with pytest.raises(UsageError, match=r"only .parquet and .tar files"):
        load_data("memory://bucket/a.zip")
    with pytest.raises(UsageError, match="no such file"):
        load_data("memory://bucket/missing.tar")
    with pytest.raises(DataError, match="can't be opened"):
        load_data("nosuchprotocol://bucket/a.tar")
