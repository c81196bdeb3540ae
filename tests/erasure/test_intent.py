from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preforget.core.canonical import canonical_digest, canonical_json
from preforget.core.errors import IntegrityError, StoreError
from preforget.erasure.intent import Intent
from preforget.store.layout import INTENT

ID = "0123456789abcdef" * 2
RECORD = {
    **{"id": ID, "location": f"records/{ID}.sealed", "bytes": 3},
    **{"digest": "sha256:" + 64 * "a", "name": "hmac-sha256:" + 64 * "b"},
}
SMALL = Intent(
    erasure="f" * 32,
    what="class",
    begun="2026-01-31T12:00:00.000Z",
    records=[RECORD],
    windows=[base64.b64encode(bytes(range(48))).decode()],
    reference="request 7",
    grounds=None,
    before={"manifest": "sha256:" + 64 * "c", "generation": 4},
    seq=2,
    hash="sha256:" + 64 * "d",
    mac=64 * "e",
)
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
INTENTS = st.builds(
    Intent,
    erasure=HEX,
    what=st.sampled_from(["class", "subject"]),
    begun=st.just(SMALL.begun),
    records=st.lists(HEX.map(lambda i: {**RECORD, "id": i, "location": f"records/{i}.sealed"}), max_size=4),
    windows=st.lists(st.binary(max_size=300).map(lambda piece: base64.b64encode(piece).decode()), max_size=4),
    reference=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=500),
    grounds=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=500),
    before=st.just(SMALL.before),
    seq=st.integers(0, 2**53 - 1),
    targets=st.just([]) | st.just([{"what": "class", "records": []}] * 2),
)


def put(folder: Path, values: object) -> None:
    """Write an announcement with a checksum that fits, whatever it says."""
    if isinstance(values, dict):
        values = {**values, "checksum": canonical_digest(values)}
    (folder / INTENT).write_bytes(canonical_json(values))


def test_no_announcement_is_none(tmp_path: Path) -> None:
    assert Intent.read(tmp_path) is None
    assert Intent.read(tmp_path / "nowhere") is None


@given(INTENTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_there_and_back(tmp_path: Path, intent: Intent) -> None:
    intent.write(tmp_path)
    assert Intent.read(tmp_path) == intent
    assert [p.name for p in tmp_path.iterdir()] == [INTENT]
    assert intent.ids == {record["id"] for record in intent.records}
    assert intent.pieces() == [base64.b64decode(piece) for piece in intent.windows]


def test_the_file_by_hand(tmp_path: Path) -> None:
    SMALL.write(tmp_path)
    values = json.loads((tmp_path / INTENT).read_bytes())
    checksum = values.pop("checksum")
    assert values == {name: value for name, value in asdict(SMALL).items() if name != "targets"}
    plain = json.dumps(
        values, sort_keys=True, separators=(",", ":")
    ).encode()  # canonical, for it is plain ASCII
    assert checksum == f"sha256:{hashlib.sha256(plain).hexdigest()}"
    assert SMALL.pieces() == [bytes(range(48))]
    assert SMALL.ids == {ID}


def test_a_later_announcement_replaces_the_first(tmp_path: Path) -> None:
    SMALL.write(tmp_path)
    later = replace(SMALL, erasure="e" * 32)
    later.write(tmp_path)
    assert Intent.read(tmp_path) == later


def test_it_is_taken_away_and_that_can_be_repeated(tmp_path: Path) -> None:
    SMALL.write(tmp_path)
    Intent.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert Intent.read(tmp_path) is None
    Intent.remove(tmp_path)


def test_a_flipped_bit_of_every_byte_is_refused(tmp_path: Path) -> None:
    SMALL.write(tmp_path)
    path = tmp_path / INTENT
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(
            IntegrityError, match="is damaged, so the erasure that it announces can't be ended"
        ):
            Intent.read(tmp_path)


def test_every_cut_is_refused(tmp_path: Path) -> None:
    SMALL.write(tmp_path)
    path = tmp_path / INTENT
    content = path.read_bytes()
    for cut in [*(content[:size] for size in range(len(content))), content + b"\n", content * 2]:
        path.write_bytes(cut)
        with pytest.raises(
            IntegrityError, match="restore it from a copy, or forget again with: preforget forget"
        ):
            Intent.read(tmp_path)


@pytest.mark.parametrize("value", [None, [], [1], "text", 7, {}, {"checksum": 1}])
def test_another_kind_of_json_is_refused(tmp_path: Path, value: object) -> None:
    (tmp_path / INTENT).write_bytes(canonical_json(value))
    with pytest.raises(IntegrityError, match="is damaged"):
        Intent.read(tmp_path)


def test_json_in_another_form_is_refused(tmp_path: Path) -> None:
    SMALL.write(tmp_path)
    values = json.loads((tmp_path / INTENT).read_bytes())
    for content in (
        json.dumps(values, indent=2).encode(),
        b"[" * 100_000,
        b"\xff",
        canonical_json(values).replace(b'"seq":2', b'"seq":2.0'),
    ):
        (tmp_path / INTENT).write_bytes(content)
        with pytest.raises(IntegrityError, match="is damaged"):
            Intent.read(tmp_path)


@pytest.mark.parametrize("name", [name for name in asdict(SMALL) if name not in ("hash", "mac", "targets")])
def test_a_missing_entry_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path, {n: value for n, value in asdict(SMALL).items() if n != name})
    with pytest.raises(IntegrityError, match="is damaged"):
        Intent.read(tmp_path)


def test_one_of_an_older_version_is_read_and_has_no_mac(tmp_path: Path) -> None:
    put(tmp_path, {n: value for n, value in asdict(SMALL).items() if n not in ("hash", "mac")})
    assert Intent.read(tmp_path) == replace(SMALL, hash="", mac="")


def test_what_the_mac_covers() -> None:
    covered = json.loads(SMALL.covered("m"))
    assert covered.pop("purpose") == "preforget announcement 1"
    single = {n: value for n, value in asdict(SMALL).items() if n not in ("mac", "targets")}
    assert covered == {"model": "m", **single}  # as an older version had it
    several = replace(SMALL, targets=[{"what": "class", "records": [ID]}, {"what": "class", "records": []}])
    assert json.loads(several.covered("m"))["targets"] == several.targets


def test_an_unknown_entry_is_refused(tmp_path: Path) -> None:
    put(tmp_path, {**asdict(SMALL), "label": "x"})
    with pytest.raises(IntegrityError, match="is damaged"):
        Intent.read(tmp_path)


WRONG: dict[str, list[Any]] = {
    "erasure": [None, 5, "short", "F" * 32],
    "what": [None, 1],
    "begun": [None, 5],
    "records": [None, "text", [None], [1], [{}], [{"id": 5}]],
    "windows": [None, "text", 7, [1], [None], ["AAA"], ["é"]],
    "reference": [5, []],
    "grounds": [5, []],
    "before": [None, []],
    "seq": [None, "2", -1],
    "hash": [None, 5],
    "mac": [None, 5],
    "targets": [[1], [{"what": "class"}], [{"what": "class", "records": ["f" * 32]}]],
}


@pytest.mark.parametrize("name", [*WRONG])
def test_a_wrong_type_is_refused_though_the_checksum_fits(tmp_path: Path, name: str) -> None:
    for value in WRONG[name]:
        put(tmp_path, {**asdict(SMALL), name: value})
        with pytest.raises(IntegrityError, match="is damaged"):
            Intent.read(tmp_path)


def test_what_can_not_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / INTENT).mkdir()
    with pytest.raises(StoreError, match="can't be read: Is a directory") as caught:
        Intent.read(tmp_path)
    assert not isinstance(caught.value, IntegrityError)
    (tmp_path / INTENT).rmdir()
    (tmp_path / INTENT).symlink_to(INTENT)
    with pytest.raises(IntegrityError, match="can't be ended"):
        Intent.read(tmp_path)
