"""Hostile images and folders of images: only our errors, in little time and memory."""

from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preforget.core.errors import DataError, PreforgetError
from preforget.data.folder import load_folder
from preforget.data.images import read_batch, read_image
from preforget.data.inputs import as_inputs
from preforget.data.load import load_data

from .conftest import Case, Range
from .draw import drawn, least
from .mutate import mutate_bytes


def pictures() -> dict[str, bytes]:
    """Return tiny images in all formats and types of pixels that are read."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 9, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    found: dict[str, bytes] = {}
    for kind, mode, options in (
        *(("BMP", "RGB", {}), ("BMP", "1", {}), ("DIB", "L", {}), ("GIF", "P", {}), ("PPM", "RGB", {})),
        *(("JPEG", "RGB", {"exif": exif}), ("JPEG", "CMYK", {"progressive": True}), ("JPEG2000", "RGB", {})),
        *(
            ("PNG", "RGBA", {"exif": exif}),
            ("PNG", "P", {"transparency": 3}),
            ("PNG", "I;16", {}),
            ("PNG", "LA", {}),
        ),
        *(
            ("TIFF", "RGB", {}),
            ("TIFF", "RGBA", {"compression": "tiff_lzw"}),
            ("TIFF", "1", {"compression": "group4"}),
        ),
        *(
            ("TIFF", "F", {}),
            ("TIFF", "RGB", {"compression": "jpeg"}),
            ("TIFF", "L", {"compression": "tiff_deflate"}),
        ),
        *(
            ("WEBP", "RGBA", {"lossless": True}),
            ("WEBP", "RGB", {"exif": exif}),
            ("PPM", "1", {}),
            ("PPM", "I;16", {}),
        ),
    ):
        image = Image.fromarray(noise)
        image = (
            Image.fromarray(noise[..., 0].astype(np.uint16))
            if mode == "I;16"
            else image.convert(mode.strip(";16") or "1")
        )
        made = io.BytesIO()
        image.save(made, kind, **options)
        found[f"{kind} {mode} {len(found)}"] = made.getvalue()
    frames = [Image.fromarray(np.roll(noise, n)[..., :3]) for n in range(3)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        made = io.BytesIO()
        frames[0].save(made, kind, save_all=True, append_images=frames[1:])
        found[f"{kind} frames"] = made.getvalue()
    return found


def huge() -> dict[str, bytes]:
    """Return images that say they are huge."""
    found = dict[str, bytes]()
    for side in (9_000, 9_500, 13_000, 16_384, 65_535, 2**31 - 1, 2**32 - 1):
        ihdr = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
        found[f"PNG {side}"] = (
            b"\x89PNG\r\n\x1a\n\0\0\0\r"
            + ihdr
            + struct.pack(">I", zlib.crc32(ihdr))
            + b"\0\0\0\0IDAT"
            + struct.pack(">I", zlib.crc32(b"IDAT"))
        )
        found[f"PPM {side}"] = b"P6 %d %d 255\n" % (side, side)
        found[f"PBM {side}"] = b"P1 %d %d\n1 0" % (side, side)
        found[f"GIF {side}"] = b"GIF89a" + struct.pack("<HH", side & 65535, side & 65535) + b"\0\0\0;"
        found[f"BMP {side}"] = b"BM" + struct.pack(
            "<IIIIiiHHIIiiII", 54, 0, 54, 40, side & (2**31 - 1), side & (2**31 - 1), 1, 24, 0, 0, 0, 0, 0, 0
        )
        canvas = min(side, 2**24) - 1
        body = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + canvas.to_bytes(3, "little") * 2
        body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
        found[f"WEBP {side}"] = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
        entries = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
        entries += [
            (273, 4, 1, 8),
            (277, 3, 1, 1),
            (278, 4, 1, side),
            (279, 4, 1, 100),
            (700, 1, 2**31 - 1, 8),
        ]
        packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
        found[f"TIFF {side}"] = b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4)
        size = struct.pack(">IIIIIIII", side, side, 0, 0, side, side, 0, 0)
        siz = b"\xff\x51" + struct.pack(">HH", 41, 0) + size + struct.pack(">HBBB", 1, 7, 1, 1)
        found[f"J2K {side}"] = b"\xff\x4f" + siz + b"\xff\xd9"
    return found


def test_hostile_images(firing_range: Range) -> None:
    path, random_, good = firing_range.work / "image", random.Random(3), pictures()
    path.write_bytes(b"")

    def hostile() -> Iterator[tuple[str, bytes]]:
        yield from huge().items()
        names = sorted(good)
        for name, content in good.items():
            for length in range(0, len(content), max(1, len(content) // 40)):
                yield f"{name} cut at {length}", content[:length]
            for number in range(150):
                other = good[random_.choice(names)]
                yield f"{name} {number}", mutate_bytes(random_, content, other)

    def cases() -> Iterator[Case]:
        for name, content in drawn(hostile()):
            path.write_bytes(content)
            yield "image", name, lambda: read_image(path)

    for content in good.values():
        path.write_bytes(content)
        with suppress(DataError):  # floating-point numbers
            assert read_image(path).shape in {(12, 9, 3), (9, 12, 3)}
    firing_range.attack(cases()).check(least(4_500))


def test_hostile_places_of_images(firing_range: Range) -> None:
    work, image = firing_range.work, pictures()["PNG LA 11"]

    def deep(count: int) -> Callable[[], object]:
        def make() -> None:
            here = os.getcwd()  # noqa: PTH109
            os.chdir(work / "data" / "a")
            for _ in range(count):
                os.mkdir("d")  # noqa: PTH102
                os.chdir("d")
            Path("x.png").write_bytes(image)
            os.chdir(here)

        return make

    makers: dict[str, Callable[[], object]] = {
        "fifo": lambda: os.mkfifo(work / "data" / "a" / "x.png"),
        "device": lambda: (work / "data" / "a" / "x.png").symlink_to("/dev/zero"),
        "loop": lambda: (work / "data" / "a" / "x").symlink_to(work / "data"),
        "own loop": lambda: (work / "data" / "a" / "x.png").symlink_to("x.png"),
        "fifo as class": lambda: os.mkfifo(work / "data" / "x"),
        "folder named like an image": lambda: (work / "data" / "a" / "y.png").mkdir(),
        "bytes": lambda: (work / "data" / "a" / os.fsdecode(b"\xff\x1b[2J.png")).write_bytes(image),
        "deep": deep(1500),
        "deeper than a path": deep(3000),
    }

    def read() -> None:
        data = load_data(work / "data")
        read_batch(data.train.inputs, [0], 4)

    def cases() -> Iterator[Case]:
        for name, make in makers.items():
            for label in "ab":
                (work / "data" / label).mkdir(parents=True)
                (work / "data" / label / "1.png").write_bytes(image)
            make()
            yield "places", name, read
            yield "places", f"{name}, as images", lambda: as_inputs([*(work / "data" / "a").iterdir()])
            yield "places", f"{name}, read", lambda: [read_image(p) for p in (work / "data" / "a").iterdir()]
            subprocess.run(["rm", "-rf", work / "data"], check=True)

    firing_range.attack(cases()).check(20)
    with pytest.raises(PreforgetError):
        load_folder(work / "nothing")
