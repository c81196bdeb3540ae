from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from preforget.core.errors import IntegrityError, StoreError
from preforget.store.manifest import NAME, Manifest, _text

from .conftest import manifest

ID, OTHER = "0" * 32, "f" * 32
FILE = f"records/{OTHER}.safetensors"


LATER = ("label_kind", "keeps", "packs")
"""Entries that folders of old lack, and that are written only where they say something."""


def written(folder: Path, **changes: Any) -> dict[str, Any]:
    replace(manifest(), **changes).write(folder)
    values: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    del values["checksum"]
    return values


def rewritten(folder: Path, values: Any) -> None:
    """Write with the right checksum, as somebody would who knows the format."""
    content = _text(values) if isinstance(values, dict) else json.dumps(values).encode()
    (folder / NAME).write_bytes(content)


def test_there_and_back(tmp_path: Path) -> None:
    whole = replace(
        manifest(), records={ID: "sha256:1"}, detached=[ID], erasing=[FILE], shared="sha256:2", generation=9
    )
    whole.write(tmp_path)
    assert Manifest.read(tmp_path) == whole


def test_it_is_readable_json_that_ends_in_a_line(tmp_path: Path) -> None:
    written = manifest()
    written.write(tmp_path)
    text = (tmp_path / NAME).read_text(encoding="utf-8")
    assert text.endswith("}\n")
    values = json.loads(text)
    entries = {name: value for name, value in asdict(written).items() if name not in LATER}
    plain = json.dumps(entries, sort_keys=True, separators=(",", ":"))
    assert values.pop("checksum") == f"sha256:{hashlib.sha256(plain.encode()).hexdigest()}"
    assert values == entries


def test_the_kind_of_labels_is_written_where_it_is_not_text(tmp_path: Path) -> None:
    whole = replace(manifest(), label_kind="integer")
    whole.write(tmp_path)
    assert Manifest.read(tmp_path) == whole
    assert whole.state() != manifest().state()
    replace(manifest(), label_kind="colour").write(tmp_path)
    with pytest.raises(StoreError, match="labels are of a kind unknown to this version"):
        Manifest.read(tmp_path)


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    replace(manifest(), records={ID: "sha256:1"}, erasing=[FILE]).write(tmp_path)
    content = (tmp_path / NAME).read_bytes()
    for bit in range(0, len(content) * 8, 7):  # all bits of a byte in turn
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / NAME).write_bytes(flipped)
        with pytest.raises(IntegrityError):
            Manifest.read(tmp_path)


def test_the_state_is_what_a_row_of_the_ledger_names() -> None:
    one = manifest()
    same = replace(one, generation=7, erasing=[FILE], ledger={"seq": 1, "hash": "x", "digest": "y"})
    assert one.state() == same.state()
    for change in (
        {"records": {ID: "sha256:1"}},
        {"keep": 0.9},
        {"sealed": True},
        {"model": ID},
        {"copies": {ID: {}}},
    ):
        assert replace(one, **change).state() != one.state()


def test_a_manifest_of_the_size_of_a_disk_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / NAME).open("wb") as file:
        file.truncate(2**33)  # a hole, no blocks
    with pytest.raises(IntegrityError, match="larger than 64 MiB"):
        Manifest.read(tmp_path)


def test_no_folder_and_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist; make a model with: preforget learn"):
        Manifest.read(tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"is not a model folder: it has no preforget\.json"):
        Manifest.read(tmp_path)


def test_a_folder_in_the_manifest_s_place(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(StoreError, match="can't be read"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(IntegrityError, match="it is no JSON"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("values", [[], 1, None, {}, {"format": 1}, {"format": "2"}])
def test_another_format(tmp_path: Path, values: Any) -> None:
    rewritten(tmp_path, values)
    with pytest.raises(StoreError, match=r"has format .*, this version of preforget reads formats 2 and 3"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("name", [name for name in asdict(manifest()) if name not in ("format", *LATER)])
def test_a_missing_entry(tmp_path: Path, name: str) -> None:
    values = written(tmp_path)
    del values[name]
    rewritten(tmp_path, values)
    with pytest.raises(StoreError, match=rf"missing or unknown entries \['{name}'\]"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("name", list(manifest().backbone))
def test_a_missing_entry_of_the_backbone(tmp_path: Path, name: str) -> None:
    values = written(tmp_path)
    del values["backbone"][name]
    rewritten(tmp_path, values)
    with pytest.raises(StoreError, match=rf"missing or unknown entries \['{name}'\]"):
        Manifest.read(tmp_path)


def test_an_entry_that_nobody_knows(tmp_path: Path) -> None:
    rewritten(tmp_path, written(tmp_path) | {"labels": ["3"]})
    with pytest.raises(StoreError, match=r"unknown entries \['labels'\]"):
        Manifest.read(tmp_path)


def wrong_types() -> list[tuple[str, Any]]:
    """Pair every entry with values of every other JSON type."""
    backbone = {f"backbone.{name}": value for name, value in manifest().backbone.items()}
    pairs = []
    for name, right in {**asdict(manifest()), **backbone}.items():
        allowed = {type(right), str} if right is None else {type(right)}
        values = [value for value in (None, True, 3, 1.5, "x", [], {}) if type(value) not in allowed]
        pairs += [(name, value) for value in values]
    return pairs


@pytest.mark.parametrize(("name", "wrong"), wrong_types())
def test_an_entry_of_the_wrong_type(tmp_path: Path, name: str, wrong: Any) -> None:
    values = written(tmp_path)
    place, _, inner = name.partition(".")
    if inner:
        values[place][inner] = wrong
    else:
        values[place] = wrong
    rewritten(tmp_path, values)
    with pytest.raises(StoreError, match=r"preforget\.json"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("bad", ["", "../../etc/passwd", "G" * 32, "0" * 31, "0" * 33])
def test_an_id_that_is_none(tmp_path: Path, bad: str) -> None:
    for change in ({"records": {bad: "sha256:1"}}, {"detached": [bad]}, {"model": bad}):
        rewritten(tmp_path, written(tmp_path) | change)
        with pytest.raises(IntegrityError, match="an id is not 32 hex digits"):
            Manifest.read(tmp_path)


@pytest.mark.parametrize(
    "bad", ["", NAME, "records/../../x.sealed", f"records/{OTHER}", f"/{FILE}", f"{FILE}\n", 3]
)
def test_only_records_are_ever_deleted(tmp_path: Path, bad: object) -> None:
    rewritten(tmp_path, written(tmp_path) | {"erasing": [bad]})
    with pytest.raises(IntegrityError, match="it lists a file to be deleted that is not a record's"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"detached": [OTHER]},
        {"erasing": [f"records/{ID}.safetensors"]},
        {"detached": [ID, OTHER], "erasing": [FILE]},
    ],
)
def test_a_record_is_live_or_not(tmp_path: Path, changes: dict[str, Any]) -> None:
    written(tmp_path, records={ID: "sha256:1"}, **changes)
    with pytest.raises(StoreError, match="a record is both live and not"):
        Manifest.read(tmp_path)
