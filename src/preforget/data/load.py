"""Load a data set by its name, from a folder of images or from an `.npz` file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from preforget.core.errors import DataError, UsageError
from preforget.core.registry import Registry
from preforget.data.dataset import Dataset
from preforget.data.digits import load_digits
from preforget.data.download import BASE_URL, cache_folder, fetch
from preforget.data.findings import load_findings
from preforget.data.folder import load_folder
from preforget.data.folds import is_folded, load_folded
from preforget.data.medmnist import PUBLISHED, SIZES, file_name, known_md5
from preforget.data.npz import load_npz
from preforget.data.synthetic_sounds import load_sounds
from preforget.data.table import load_table
from preforget.data.two_digits import load_two_digits

NamedLoader = Callable[[int, int, Path | None, bool], Dataset]
"""Takes size, seed, data_dir and download."""

DATASETS: Registry[NamedLoader] = Registry("data set")


def load_data(
    source: str | Path,
    *,
    size: int = 28,
    seed: int = 0,
    data_dir: Path | None = None,
    download: bool = True,
    subjects: str | int | None = None,
    fold: int | None = None,
    folds: Sequence[int] | None = None,
    skip_broken: bool = False,
) -> Dataset:
    """Return the data set that `source` names: one of `DATASETS`, a folder, an `.npz` or a `.csv` file.

    A name wins over a folder of the same name; write `./digits` for the folder. `size` (28, 64, 128 or 224
    pixels) picks the edition of a MedMNIST set, which is downloaded to `data_dir` (else `PREFORGET_DATA`,
    else the user's cache). `seed` makes splits where the source has none. `subjects` says whom
    images are of: in a folder, how many levels below its class a subject's folder lies (1 is the next); in an `.npz`,
    the column, as in `train_<column>`. `fold`, `folds`: of a sound set with official folds, the one to test on and
    those to use; `skip_broken`: leave out sounds that can't be used. Raises `UsageError` for an unknown
    name or size, `DataError` for data that can't be read.
    """
    if isinstance(source, str) and source in DATASETS:
        if fold is not None or folds is not None:
            raise UsageError(f"{source!r} has no official folds; leave fold and folds out")
        if subjects is not None:
            raise UsageError(
                f"{source!r} doesn't say whom its images are of; leave subjects={subjects!r} out"
            )
        return DATASETS[source](size, seed, data_dir, download)
    path = Path(source).expanduser()
    _refuse_size(str(source), size)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: can't be opened: {error}") from error
    if is_folder and is_folded(path):
        return load_folded(path, seed, fold, folds, skip_broken)
    if fold is not None or folds is not None:
        raise UsageError(f"{path} has no official folds; leave fold and folds out")
    if is_folder:
        return load_folder(path, seed, None if subjects is None else _level(subjects), skip_broken)
    if is_file and path.suffix == ".csv":
        return load_table(path, seed, None if subjects is None else str(subjects), skip_broken)
    if is_file and path.suffix == ".npz":
        return load_npz(path, None if subjects is None else str(subjects))
    if is_file:
        raise DataError(
            f"{path}: a file of a type that isn't read; give a folder of images or sounds, an .npz or a .csv"
        )
    names = ", ".join(DATASETS)
    raise UsageError(f"{str(source)!r}: no such file, folder or data set; data sets are {names}")


def _level(subjects: str | int) -> int:
    if isinstance(subjects, bool) or not str(subjects).isdecimal() or int(subjects) < 1:
        raise UsageError(
            f"subjects={subjects!r}: in a folder, give how many levels below its class a subject's folder lies: 1"
        )
    return int(subjects)


def load_published(
    name: str,
    size: int,
    seed: int = 0,
    data_dir: Path | None = None,
    download: bool = True,
    *,
    base_url: str = BASE_URL,
    md5: str | None = None,
) -> Dataset:
    """Return a published MedMNIST set with its official split; `seed` has no effect.

    `base_url` and `md5` stand in for the published ones, for mirrors and tests.
    """
    if size not in SIZES:
        raise UsageError(f"{name} has no size {size}; choose one of {', '.join(map(str, SIZES))}")
    checksum = md5 or known_md5(name, size)
    path = fetch(
        file_name(name, size), checksum, cache_folder(data_dir), download=download, base_url=base_url
    )
    return load_npz(path)


@DATASETS.register("digits")
def _digits(size: int, seed: int, data_dir: Path | None, download: bool) -> Dataset:
    _refuse_size("digits", size)
    return load_digits(seed)


@DATASETS.register("sounds")
def _sounds(size: int, seed: int, data_dir: Path | None, download: bool) -> Dataset:
    _refuse_size("sounds", size)
    return load_sounds(seed)


@DATASETS.register("two-digits")
def _two_digits(size: int, seed: int, data_dir: Path | None, download: bool) -> Dataset:
    _refuse_size("two-digits", size)
    return load_two_digits(seed)


@DATASETS.register("findings")
def _findings(size: int, seed: int, data_dir: Path | None, download: bool) -> Dataset:
    _refuse_size("findings", size)
    return load_findings(seed)


def _refuse_size(source: str, size: int) -> None:
    if size != 28:
        raise UsageError(
            f"{source!r} has one size only, so leave size={size} out; models resize what they read"
        )


for _name in PUBLISHED:
    DATASETS.register(_name)(partial(load_published, _name))
