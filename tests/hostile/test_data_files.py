"""Hostile `.npz` files: only our errors, in little time and memory, and nothing is executed."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.data.images import read_batch
from preforget.data.load import load_data
from preforget.data.npz import KEYS

from .conftest import Case, Range
from .draw import drawn, least
from .mutate import mutate_bytes


def npy(
    array: Any, header: dict[str, object] | bytes | None = None, version: tuple[int, int] = (1, 0)
) -> bytes:
    """Return an array as a `.npy`, with another header if one is given."""
    plain = io.BytesIO()
    np.lib.format.write_array(plain, np.asarray(array), allow_pickle=True)
    if header is None:
        return plain.getvalue()
    size = int.from_bytes(plain.getvalue()[8:10], "little")
    text = header if isinstance(header, bytes) else repr(header).encode() + b"\n"
    prefix = struct.pack(
        "<H" if version == (1, 0) else "<I", len(text) & (0xFFFF if version == (1, 0) else 2**32 - 1)
    )
    return b"\x93NUMPY" + bytes(version) + prefix + text + plain.getvalue()[10 + size :]


def archive(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as zipped:
        for name, content in entries.items():
            zipped.writestr(zipfile.ZipInfo(name), content, method)
    return made.getvalue()


def arrays() -> dict[str, bytes]:
    random_ = np.random.default_rng(0)
    found: dict[str, bytes] = {}
    for key in KEYS:
        images = random_.integers(0, 256, (4, 5, 4), dtype=np.uint8)
        found[f"{key}.npy"] = npy(images if key.endswith("images") else np.arange(4) % 2)
    return found


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


DESCRIPTIONS = (
    *(
        "<f8",
        "|u1",
        "<U4",
        "|S4",
        "|V8",
        "|O",
        "<M8[ns]",
        "<c16",
        "|b1",
        "<U99999999",
        "|V2147483647",
        "|V0",
        "u1,O",
    ),
    *(
        [("a", "<i4", (2,))],
        [("a", "|O")],
        [("a", "<i4"), ("a", "<i4")],
        [("", "|u1")],
        [],
        None,
        3,
        "<f16",
        "<x9",
    ),
    *([("a", "<i4", (2**31,))], ("|u1", (2**40,)), {"names": ["a"], "formats": ["|O"]}, [[[]]], "\0", "é"),
)
DIMENSIONS = (
    *(
        (),
        (0,),
        (4,),
        (4, 3, 3),
        (4, 1),
        (2**40,),
        (2**62,),
        (2**63,),
        (2**64,),
        (-1,),
        (2**32, 2**32),
        (1,) * 70,
    ),
    *(
        (0, 2**40, 2**40),
        (4, 3, 3, 3),
        (True, 3),
        (1.5,),
        "4",
        None,
        [4],
        (10**400,),
        (4, 0, 0),
        (2**31, 3, 3),
    ),
)

HEADERS = (
    *(
        b"(" * 9000,
        b"-" * 9000 + b"1",
        b"[" * 100 + b"]" * 100,
        b"{",
        b"'",
        b"'''",
        b"\\",
        b"\0",
        b"\xff",
    ),
    *(
        b"{'descr':__import__('os').getpid()}",
        b"1" * 9000,
        b"  x\n y\n",
        b"{" * 60_000,
        b"1+1j",
        b"f'{1}'",
    ),
    *(
        b"{'descr':'|u1','fortran_order':1,'shape':(4L,)}",
        b"{1:2,'a':[3L]}",
        b"'" + b"a" * 9000,
        b"",
    ),
)


def hostile_npz(random_: random.Random) -> Iterator[tuple[str, bytes]]:
    good, draw = arrays(), random.Random(3)
    for key in ("train_images.npy", "train_labels.npy"):
        for description in DESCRIPTIONS:
            for shape in drawn(DIMENSIONS, draw):
                header = {"descr": description, "fortran_order": False, "shape": shape}
                yield f"{key} {header}", archive({**good, key: npy(np.zeros((4, 5, 4), np.uint8), header)})
        for version in ((1, 0), (2, 0), (3, 0), (9, 9)):
            for text in drawn(HEADERS, draw):
                yield (
                    f"{key} {version} {text[:40]!r}",
                    archive({**good, key: npy(np.zeros(4), text, version)}),
                )
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        whole = archive(good, method)
        for number in drawn(range(350), draw):
            yield f"bytes {method} {number}", mutate_bytes(random_, whole)
        central = whole.index(b"PK\x01\x02")
        for number in drawn(range(350), draw):
            yield f"directory {method} {number}", whole[:central] + mutate_bytes(random_, whole[central:])
        for key in ("train_images.npy", "test_labels.npy"):
            for number in drawn(range(150), draw):
                yield (
                    f"{key} {method} {number}",
                    archive({**good, key: mutate_bytes(random_, good[key])}, method),
                )
    for text in ("/etc/passwd", "../canary/victim.png", "~nobody-of-that-name/x", "\0", "a" * 9000):
        yield f"paths {text[:30]}", archive({**good, "train_images.npy": npy(np.array([text] * 4))})
    for number in (1, 6, 12, 20, 60, 93, 94, 95, 97, 98, 99):
        changed = bytearray(archive(good))
        for at in (i for i in range(len(changed)) if changed[i : i + 4] == b"PK\x01\x02"):
            changed[at + 10] = number  # the method
        yield f"method {number}", bytes(changed)


@pytest.mark.slow
def test_hostile_npz(firing_range: Range) -> None:
    path = firing_range.work / "hostile.npz"

    def read() -> None:
        read_batch(load_data(path).train.inputs, [0, -1], 4)

    def cases() -> Iterator[Case]:
        for name, content in hostile_npz(random.Random(2)):
            path.write_bytes(content)
            yield "npz", name, read

    path.write_bytes(archive(arrays()))
    read()
    firing_range.attack(cases()).check(least(4_500))


@pytest.mark.slow
def test_pickles_and_bombs_in_npz(firing_range: Range) -> None:
    work = firing_range.work
    path, mark = work / "hostile.npz", work / "executed"
    objects = np.array([Payload(mark)] * 4, dtype=object)
    pickled = pickle.dumps([Payload(mark)])

    def bomb(key: str, size: int) -> bytes:
        """Return an archive that holds `size` bytes of zeros in a thousandth of the space."""
        packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        header = {"descr": "|u1", "fortran_order": False, "shape": (1, size)}
        start = packer.compress(npy(np.zeros((1, 1), np.uint8), header)[:-1]) + packer.flush(
            zlib.Z_FULL_FLUSH
        )
        zeros = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as zipped:
            for name, content in arrays().items():
                zipped.writestr(name, start + zeros * (size >> 24) if name == key else content)
            packed = zipped.getinfo(key)  # its entry in the archive's directory, which is written at the end
            packed.compress_type, packed.file_size = zipfile.ZIP_DEFLATED, size + 128
        return made.getvalue()

    def cases() -> Iterator[Case]:
        for key in arrays():
            path.write_bytes(archive({**arrays(), key: npy(objects)}))
            yield "pickle", f"objects in {key}", lambda: load_data(path)
        for name, content in (
            ("pickle", pickled),
            ("npy", npy(objects)),
            ("pickle in zip", archive({"a": pickled})),
        ):
            path.write_bytes(content)
            yield "pickle", name, lambda: load_data(path)
        for key in ("train_images.npy", "train_labels.npy"):
            path.write_bytes(bomb(key, 3 << 30))
            yield "bomb", key, lambda: load_data(path)
        path.write_bytes(
            npy(np.zeros(4, np.uint8), {"descr": "|u1", "fortran_order": False, "shape": (2**40,)})
        )
        yield "bomb", "a single array", lambda: load_data(path)

    report = firing_range.attack(cases())
    assert not mark.exists()
    report.check(12)
    assert report.ends.keys() == {"DataError"}
