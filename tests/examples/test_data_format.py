"""The data format of examples/extensions, as it stands: in a process that imports it, and on the command line."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from .extension import in_new_process, install, preforget


def write(path: Path, values: np.ndarray, zipped: bool = True) -> None:
    head = b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    content = head + values.tobytes()
    path.write_bytes(gzip.compress(content) if zipped else content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes, dark and light: 40 images to learn from, gzipped, and 10 to test on, plain."""
    place = tmp_path / "digits"
    place.mkdir()
    rng = np.random.default_rng(0)
    for prefix, count, zipped in (("train", 40, True), ("t10k", 10, False)):
        labels = np.arange(count, dtype=np.uint8) % 2
        images = rng.integers(0, 90, (count, 12, 12), dtype=np.uint8) + 120 * labels[:, None, None]
        ending = ".gz" if zipped else ""
        write(place / f"{prefix}-images-idx3-ubyte{ending}", images, zipped)
        write(place / f"{prefix}-labels-idx1-ubyte{ending}", labels, zipped)
    return place


def test_in_a_program_that_imports_it(tmp_path: Path, folder: Path) -> None:
    site = install(tmp_path / "site", "idx", group=None)
    code = f"""
    import idx, json, pathlib, preforget as pf
    data = pf.load_data({str(folder)!r}, seed=3)
    parts = [len(data.train), len(data.validation), len(data.test)]
    errors = []
    for name, content in (("t10k-labels-idx1-ubyte", b"?"), ("t10k-labels-idx1-ubyte", None)):
        path = pathlib.Path({str(folder)!r}) / name
        path.write_bytes(content) if content else path.unlink()
        try: pf.load_data({str(folder)!r})
        except pf.PreforgetError as error: errors.append(str(error))
    print(json.dumps([data.classes, parts, data.note, errors]))
    """
    classes, parts, note, errors = json.loads(in_new_process(site, code))
    assert classes == ["0", "1"]
    assert parts == [36, 4, 10]
    assert note == "idx files 'digits'; split as found: train, test; val taken from train, stratified, seed 3"
    assert "no idx file of unsigned bytes" in errors[0]
    assert "has no t10k-labels-idx1-ubyte" in errors[1]


def test_on_the_command_line(tmp_path: Path, folder: Path, tiny_vit: Path) -> None:
    site = install(tmp_path / "site", "idx", group="preforget.datasets")
    model = tmp_path / "model"
    arguments = [
        "learn",
        folder,
        "--engine",
        "exact",
        "--levels",
        "2",
        "--backbone",
        tiny_vit,
        "--out",
        model,
        "--json",
    ]
    learned = json.loads(preforget(site, *arguments, "--backbone", tiny_vit))
    assert learned["classes"] == ["0", "1"]
    assert learned["test_images"] == 10
    assert learned["accuracy"] == 1.0
