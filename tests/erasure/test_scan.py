from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.errors import StoreError
from preforget.erasure import forget, plan
from preforget.erasure.receipt import payload_of
from preforget.erasure.scan import BLOCK, DISTINCT, EFFORT, MOST, WINDOW, scan, windows
from preforget.records import ClassRecord
from preforget.store import Manifest, ModelFolder
from preforget.store.sealing import new_key, seal
from preforget.store.tensors import record_to_bytes

from ..rights import bound_by_rights

NAMES = ["ledger.sqlite3", "preforget.json", ".hidden", "records/other.safetensors", "receipts/deep/down/x"]


def record(number: int, **tensors: torch.Tensor) -> bytes:
    generator = torch.Generator().manual_seed(number)
    drawn = {"prompt": torch.rand(2, 40, generator=generator), "row": torch.rand(400, generator=generator)}
    return record_to_bytes(ClassRecord(f"class {number}", tensors or drawn, 0))


def own_bytes(content: bytes) -> bytes:
    return content[8 + int.from_bytes(content[:8], "little") :]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    for number, name in enumerate(NAMES):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(random.Random(number).randbytes(3000))
    return place


def test_a_record_that_is_there_is_found_and_one_that_is_not_is_not(folder: Path) -> None:
    gone = record(1)
    pieces = windows([gone], 15_000)
    assert scan(folder, pieces) == (15_000, [])
    (folder / "records" / "gone.safetensors").write_bytes(gone)
    assert scan(folder, pieces) == (15_000 + len(gone), ["records/gone.safetensors"])


@pytest.mark.parametrize("name", NAMES)
def test_a_piece_is_found_in_any_file_at_any_place(folder: Path, name: str) -> None:
    piece = windows([record(1)], 15_000)[0]
    content = (folder / name).read_bytes()
    for at in (0, 1, 1234, len(content)):
        (folder / name).write_bytes(content[:at] + piece + content[at:])
        assert scan(folder, [bytes(300), piece]) == (15_000 + len(piece), [name])
        (folder / name).write_bytes(content[:at] + piece[:-1] + bytes([piece[-1] ^ 1]) + content[at:])
        assert scan(folder, [piece])[1] == []


def test_any_third_of_a_record_that_was_left_is_found(folder: Path) -> None:
    gone = record(1, row=torch.rand(20_000))
    pieces, own = windows([gone], 15_000), own_bytes(gone)
    for start in range(0, 2 * len(own) // 3, 5_001):
        (folder / ".hidden").write_bytes(own[start : start + len(own) // 3])
        assert scan(folder, pieces)[1] == [".hidden"]


@given(contents=st.lists(st.binary(max_size=2000), max_size=4), names=st.permutations(NAMES), data=st.data())
def test_against_a_search_by_hand(contents: list[bytes], names: list[str], data: st.DataObject) -> None:
    slices = st.tuples(st.sampled_from(contents or [b"x"]), st.integers(0, 1500), st.integers(1, 20))
    pieces = [
        c[start : start + size] or b"never there"
        for c, start, size in data.draw(st.lists(slices, max_size=5))
    ]
    with tempfile.TemporaryDirectory() as place:
        files = dict(zip(names, contents, strict=False))
        for name, content in files.items():
            (Path(place) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(place) / name).write_bytes(content)
        wanted = sorted(n for n, c in files.items() if any(c.find(piece) >= 0 for piece in pieces))
        total, found = scan(Path(place), pieces)
    assert (total, sorted(found)) == (sum(map(len, contents)), wanted)


@given(st.lists(st.binary(max_size=3000), max_size=3), st.integers(0, 2**50))
def test_windows_are_telling_pieces_of_the_files(contents: list[bytes], size: int) -> None:
    pieces = windows(contents, size)
    assert len(pieces) <= MOST * len(contents)
    for piece in pieces:
        assert len(piece) <= WINDOW
        assert len(set(piece)) >= DISTINCT
        assert any(piece in content for content in contents)


def test_windows_reach_from_the_first_byte_of_the_tensors_to_the_last() -> None:
    content = record(1, row=torch.rand(20_000))
    own, pieces = own_bytes(content), windows([content], 15_000)
    assert MOST - 1 <= len(pieces) == len(set(pieces)) <= MOST  # the middle one may be there twice
    assert all(len(piece) == WINDOW for piece in pieces)
    assert own[:WINDOW] in pieces
    assert own[-WINDOW:] in pieces


def test_the_header_that_all_records_share_is_no_window() -> None:
    one, other = record(1), record(2)
    header = one[: len(one) - len(own_bytes(one))]
    pieces = windows([one], 1)
    assert pieces
    assert not any(piece in header or piece in other for piece in pieces)
    assert not any(b'"dtype"' in piece or b"class 1" in piece for piece in pieces)


def test_two_records_have_no_window_in_common() -> None:
    contents = [record(number) for number in range(10)]
    for number, content in enumerate(contents):
        others = b"".join(c for n, c in enumerate(contents) if n != number)
        assert not any(piece in others for piece in windows([content], 1))


def test_zeros_are_no_windows() -> None:
    assert windows([record(1, row=torch.zeros(5000)), record(2, row=torch.ones(5000))], 1) == []
    half = torch.cat([torch.zeros(3000), torch.rand(3000)])
    pieces = windows([record(1, row=half)], 1)
    assert pieces
    assert not any(piece in bytes(5000) for piece in pieces)


def test_a_small_record_is_one_piece() -> None:
    content = record(1, row=torch.rand(20))
    assert windows([content], 1) == [own_bytes(content)]
    assert windows([b""], 1) == []


def test_windows_of_a_sealed_file_tell_it_from_the_same_record_sealed_again() -> None:
    plain = record(1)
    one, other = (seal(plain, new_key(), model="m", record="r") for _ in range(2))
    pieces = windows([one], 1)
    assert pieces
    assert not any(piece in other or piece in plain for piece in pieces)


@pytest.mark.parametrize("size", [0, 1, 2**20, 2**27, EFFORT, 2**36, 2**60])
@pytest.mark.parametrize("count", [1, 3, 200])
def test_the_effort_is_bounded_but_every_record_has_a_window(size: int, count: int) -> None:
    contents = [record(number) for number in range(count)]
    pieces = windows(contents, size)
    assert len(pieces) == count or len(pieces) * size <= EFFORT
    for content in contents:
        assert 1 <= sum(piece in content for piece in pieces) <= MOST


def test_in_a_large_folder_a_record_with_zeros_in_the_middle_has_a_window_too() -> None:
    middle = torch.cat([torch.rand(1000), torch.zeros(5000), torch.rand(1000)])
    assert len(windows([record(1, row=middle)], EFFORT)) == 1


def test_what_is_left_out_is_not_read(folder: Path) -> None:
    piece = windows([record(1)], 1)[0]
    (folder / "announcement").write_bytes(piece)
    (folder / "receipts" / "announcement").write_bytes(piece)
    assert scan(folder, [piece], leave_out={"announcement"}) == (
        15_000 + len(piece),
        ["receipts/announcement"],
    )


def test_nothing_to_look_for_finds_nothing(folder: Path) -> None:
    assert scan(folder, []) == (15_000, [])
    empty = folder / "empty"
    empty.mkdir()
    assert scan(empty, [b"x"]) == (0, [])


def test_a_file_that_can_not_be_read_is_not_passed_over(folder: Path) -> None:
    secret = folder / "receipts" / "secret"
    secret.write_bytes(b"x")
    secret.chmod(0)
    with bound_by_rights(), pytest.raises(StoreError, match="secret can't be read to look for traces"):
        scan(folder, [b"x"])
    secret.unlink()
    (folder / "link").symlink_to(folder / "nowhere")
    with pytest.raises(StoreError, match="link can't be read to look for traces"):
        scan(folder, [b"x"])


def test_a_folder_that_can_not_be_read_is_not_passed_over(folder: Path) -> None:
    closed = folder / "receipts" / "closed"
    closed.mkdir()
    (closed / "file").write_bytes(b"x")
    closed.chmod(0)
    try:
        with bound_by_rights(), pytest.raises(StoreError, match="can't be read to look for traces"):
            scan(folder, [b"x"])
    finally:
        closed.chmod(0o700)


def test_many_records_in_a_folder_of_many_megabytes(tmp_path: Path) -> None:
    contents = [record(number) for number in range(300)]
    noise = random.Random(0)
    for number in range(8):
        (tmp_path / f"{number}").write_bytes(noise.randbytes(2**21))
    pieces = windows(contents, 2**24)
    assert scan(tmp_path, pieces) == (2**24, [])
    (tmp_path / "7").write_bytes(noise.randbytes(2**21) + contents[299])
    assert scan(tmp_path, pieces)[1] == ["7"]


def test_what_another_record_holds_by_right_is_no_trace(tmp_path: Path) -> None:
    backbone = {
        **{"id": "x", "revision": None, "architecture": "vit", "digest": "sha256:0", "image_size": 32},
        **{"mean": [0, 0, 0], "std": [1, 1, 1], "dtype": "float32"},
    }
    both = torch.rand(
        6, 400
    )  # features of images that are in two classes, as a unit of few images keeps them
    records = [ClassRecord(label, {"features": both.clone()}) for label in ("Ada", "Grace")]
    manifest = Manifest("isolated", "parametric", {}, backbone, 0.9)
    folder = ModelFolder.create(tmp_path / "model", manifest, records, {}, tmp_path / "keys")
    erasure = forget(plan(folder, label="Grace"), folder=folder)
    assert erasure.receipt is not None
    checks = payload_of(erasure.receipt.read_bytes())["predicate"]["checks"]
    assert all(check["passed"] for check in checks)
    assert [record.label for record in folder.records()] == ["Ada"]


@pytest.mark.parametrize("size", [2, 40, 64, 65, 130])
def test_a_piece_that_lies_in_two_blocks_or_more_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("preforget.erasure.scan.BLOCK", 64)
    noise = random.Random(size)
    piece, content = noise.randbytes(size), bytes(200)
    for at in range(len(content)):
        (tmp_path / "file").write_bytes(content[:at] + piece + content[at:])
        assert scan(tmp_path, [piece]) == (len(content) + size, ["file"]), at


def test_a_piece_at_the_end_of_a_block_of_the_real_size_is_found(tmp_path: Path) -> None:
    piece = random.Random(0).randbytes(WINDOW)
    (tmp_path / "file").write_bytes(bytes(BLOCK - 100) + piece + bytes(100))
    assert scan(tmp_path, [piece]) == (BLOCK + WINDOW, ["file"])


def test_holes_are_skipped_and_what_stands_beside_them_is_found(tmp_path: Path) -> None:
    piece = bytes(range(1, 101)) + bytes(50)  # ends in zeros, as a hole reads
    with (tmp_path / "file").open("wb") as file:
        file.seek(1 << 40)
        file.write(bytes(range(1, 101)))
        file.truncate((1 << 40) + (1 << 30))
    size = (1 << 40) + (1 << 30)
    assert scan(tmp_path, [piece]) == (size, ["file"])
    assert scan(tmp_path, [bytes(50) + bytes(range(1, 101))]) == (size, ["file"])
    assert scan(tmp_path, [bytes(range(2, 103))]) == (size, [])
