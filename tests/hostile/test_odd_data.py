"""Odd and hostile folders, pictures, sounds and tables: only our errors, in little time and memory."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from preforget.core.errors import DataError
from preforget.data.cells import read_rows
from preforget.data.images import decode
from preforget.data.listing import EXTENSIONS
from preforget.data.load import load_data
from preforget.data.looks import look_at
from preforget.data.part_names import WORDS

from .conftest import Case, Range
from .draw import ONE_IN, drawn, least
from .mutate import NAMES, mutate_bytes

FEWER = 1 if ONE_IN == 1 else 4
"""In a draw one case of so many is tried on top."""


def pictures() -> dict[str, bytes]:
    """Small pictures in all formats that can be written here."""
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8))
    made: dict[str, bytes] = {}
    for name, picture, options in (
        ("a.avif", rgb, {}),
        ("a.gif", rgb, {"save_all": True, "append_images": [rgb.rotate(90, expand=False)]}),
        ("a.tif", rgb.convert("L"), {"save_all": True, "append_images": [rgb]}),
        ("b.tif", Image.fromarray(rng.integers(0, 65536, (5, 6), dtype=np.uint16)), {}),
        ("c.tif", rgb.convert("CMYK"), {"icc_profile": bytes(200)}),
        ("a.png", rgb.convert("RGBA"), {}),
        ("a.webp", rgb, {}),
        ("a.jpg", rgb, {"exif": Image.Exif().tobytes()}),
    ):
        content = io.BytesIO()
        picture.save(content, {"jpg": "JPEG", "tif": "TIFF"}.get(name[2:], name[2:].upper()), **options)
        made[name] = content.getvalue()
    made["a.dcm"] = dicom()
    made["a.nii"] = nifti()
    try:
        import pillow_heif
    except ImportError:
        return made
    content = io.BytesIO()
    pillow_heif.from_pillow(rgb.resize((64, 64))).save(content, format="HEIF")
    made["a.heic"] = content.getvalue()
    return made


def dicom() -> bytes:
    """A DICOM image in implicit little-endian order, written by hand."""

    def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        long = kind in (b"OB", b"OW")
        return (
            struct.pack("<HH2s", group, number, kind)
            + (struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value)))
            + value
        )

    def short(number: int, value: int) -> bytes:
        return element(0x28, number, b"US", struct.pack("<H", value))

    meta = element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    body = short(2, 1) + element(0x28, 4, b"CS", b"MONOCHROME1") + short(0x10, 6) + short(0x11, 5)
    body += short(0x100, 16) + short(0x101, 12) + short(0x102, 11) + short(0x103, 0)
    body += element(0x28, 0x1050, b"DS", b"40") + element(0x28, 0x1051, b"DS", b"400")
    body += element(0x28, 0x1052, b"DS", b"-1024") + element(0x28, 0x1053, b"DS", b"1")
    body += element(0x7FE0, 0x10, b"OW", np.arange(30, dtype="<u2").tobytes())
    return bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + body


def nifti() -> bytes:
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 4, 5, 6, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, *[1.0] * 8)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    return bytes(header) + np.arange(120, dtype="<i2").tobytes()


def sounds() -> dict[str, bytes]:
    wave = 0.3 * np.sin(np.arange(1600) / 3)
    made = {}
    for name, kind, subtype in (
        ("a.wav", "WAV", "PCM_16"),
        ("b.wav", "WAV", "GSM610"),
        ("c.wav", "WAV", "FLOAT"),
        ("a.flac", "FLAC", "PCM_16"),
        ("a.ogg", "OGG", "OPUS"),
        ("a.mp3", "MP3", None),
    ):
        content = io.BytesIO()
        soundfile.write(content, wave, 8000, format=kind, subtype=subtype)
        made[name] = content.getvalue()
    return made


def some(cases: range, random_: random.Random) -> Iterator[int]:
    return (n for n in drawn(cases, random_) if n % FEWER == 0 or ONE_IN == 1)


@pytest.mark.slow
def test_odd_pictures_and_sounds(firing_range: Range) -> None:
    work, random_, draw = firing_range.work, random.Random(5), random.Random(6)
    good = {**pictures(), **sounds()}

    def cases() -> Iterator[Case]:
        for name, content in good.items():
            path = work / name
            others = list(good.values())
            for number in some(range(1000), draw):
                path.write_bytes(mutate_bytes(random_, content, random_.choice(others)))
                yield name, str(number), lambda path=path: look_at(path)  # type: ignore[misc]

    for (
        name,
        content,
    ) in pictures().items():  # libraries are imported here: some try the network when they are
        with contextlib.suppress(DataError):
            decode(content, Path(name))
    firing_range.attack(cases()).check(least(14_000) // FEWER)


TABLE = (
    "path,label,person,part\n"
    + "\n".join(f"x/{n}.png,{'ab'[n % 2]},p{n % 3},{('train', 'val', 'test')[n % 3]}" for n in range(9))
).encode()


@pytest.mark.slow
def test_odd_tables(firing_range: Range) -> None:
    work, random_, draw = firing_range.work, random.Random(7), random.Random(8)
    bits = io.BytesIO()
    Image.new("L", (2, 2), 9).save(bits, "PNG")
    tables = {"t.csv": TABLE, "u.csv": TABLE.decode().encode("utf-16"), "t.tsv": TABLE.replace(b",", b"\t")}
    header, *rows = TABLE.decode().splitlines()
    objects = [dict(zip(header.split(","), row.split(","), strict=True)) for row in rows]
    tables["t.jsonl"] = "\n".join(map(json.dumps, objects)).encode()
    try:
        import pyarrow
        import pyarrow.parquet

        features = {"label": {"_type": "ClassLabel", "names": ["a", "b"]}}
        columns = {"file_name": [f"x/{n}.png" for n in range(4)], "label": [0, 1, 0, 1]}
        table = pyarrow.table(columns).replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": features}})}
        )
        content = io.BytesIO()
        pyarrow.parquet.write_table(table, content)
        tables["t.parquet"] = content.getvalue()
    except ImportError:
        pass

    def cases() -> Iterator[Case]:
        (work / "x").mkdir()
        for n in range(9):
            (work / "x" / f"{n}.png").write_bytes(bits.getvalue())
        for name, content in tables.items():
            path = work / name
            for number in some(range(1000), draw):
                path.write_bytes(mutate_bytes(random_, content, TABLE))
                yield "rows", f"{name} {number}", lambda path=path: read_rows(path)  # type: ignore[misc]
                if number % 2:
                    yield "load", f"{name} {number}", lambda path=path: load_data(path)  # type: ignore[misc]

    firing_range.attack(cases()).check(least(4_000) // FEWER)


@pytest.mark.slow
def test_odd_folders(firing_range: Range) -> None:
    work, random_, draw = firing_range.work / "data", random.Random(9), random.Random(10)
    bits = io.BytesIO()
    Image.new("L", (2, 2), 9).save(bits, "PNG")
    words = [
        *WORDS,
        "a",
        "b",
        "fold1",
        "fold 2",
        "_background_noise_",
        "@eaDir",
        "m.audit",
        "train_a",
        *NAMES,
    ]
    names = [name for name in words if name and "/" not in name and "\0" not in name and len(name) < 100]
    names = [name for name in names if name not in (".", "..") and "\ud800" not in name]
    endings = [*sorted(EXTENSIONS), ".txt", "", ".csv", ".m4a"]

    def tree(folder: Path, depth: int) -> None:
        folder.mkdir()
        for name in random_.sample(names, random_.choice((0, 1, 2, 2, 3))):
            if depth < 3 and random_.random() < 0.7:
                tree(folder / name, depth + 1)
            else:
                ending = random_.choice(endings) if random_.random() < 0.3 else ".png"
                for number in range(random_.choice((1, 3))):
                    (folder / f"{name}{number}{ending}").write_bytes(bits.getvalue())
        if random_.random() < 0.1:
            (folder / random_.choice(("testing_list.txt", "labels.csv"))).write_bytes(TABLE)

    def cases() -> Iterator[Case]:
        options: list[dict[str, object]] = [{}, {"subjects": 1}, {"top_classes": True}, {"skip_broken": True}]
        options += [{"fold": 1}, {"subjects": 1, "split_by": "subject"}, {"strict": True}]
        for number in some(range(2200), draw):
            tree(work, 0)
            chosen = random_.choice(options)
            yield "folder", f"{number} {chosen}", lambda chosen=chosen: load_data(work, **chosen)  # type: ignore[misc]
            shutil.rmtree(work)

    firing_range.attack(cases()).check(least(2_200) // FEWER)
