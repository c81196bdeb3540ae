"""A data format of your own: the files in which MNIST, Fashion-MNIST and EMNIST are published (yann.lecun.com, "IDX").

A folder holds `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, the same with `t10k-` for the test part, each
gzipped (`.gz`) or not. To have it in every process and on the command line, put this file into a package of yours
and name it in that package's pyproject.toml:

    [project.entry-points."preforget.datasets"]
    idx = "your_package.idx"

Then `preforget learn FOLDER --out model` reads such a folder. In a program of yours `import idx` is enough.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from preforget.core.errors import DataError
from preforget.data import DATASETS, DataFormat, DataOptions, Dataset, as_split, finished

PARTS = {"train": "train", "test": "t10k"}


@DATASETS.register("idx")
class IdxFolder(DataFormat):
    """A folder with the four files of such a set."""

    what = "a folder of idx files"

    def reads(self, path: Path) -> bool:
        """Tell whether the images to learn from are there."""
        return path.is_dir() and find(path, "train-images-idx3-ubyte") is not None

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return both parts; the validation part is taken from train, by class and seed."""
        splits = {}
        for part, prefix in PARTS.items():
            images = read(path, f"{prefix}-images-idx3-ubyte")
            splits[part] = as_split(images, read(path, f"{prefix}-labels-idx1-ubyte"))
        origin = f"idx files {path.name!r}"
        return finished(path, path.name, splits, origin=origin, divided=True, seed=options.seed)


def find(folder: Path, name: str) -> Path | None:
    """Return the file of that name, plain or gzipped; None if there is none."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def read(folder: Path, name: str) -> npt.NDArray[np.uint8]:
    """Return the bytes of an idx file as an array of the shape in its header; raises `DataError`."""
    path = find(folder, name)
    if path is None:
        raise DataError(f"{folder}: has no {name}; get all four files of the set")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: can't be read: {error}") from error
    if content[:3] != b"\0\0\x08" or len(content) < 4 * (1 + content[3]):
        raise DataError(f"{path}: no idx file of unsigned bytes")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", content[3], 4))
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape))
    if len(values) != np.prod(shape):
        raise DataError(f"{path}: {len(values)} values where its header says {shape}")
    return values.reshape(shape)
