"""Load a data set by its name, or from a file or folder of any registered format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from preforget.core.errors import DataError, UsageError
from preforget.core.paths import given_path, shortened
from preforget.data.addresses import Address, is_address
from preforget.data.content_names import named_by_content, wants_each
from preforget.data.dataset import Dataset
from preforget.data.registry import ONE_SIZE, DataOptions, formats, named_set, names_of_sets, refuse_unused
from preforget.data.summary import copies_in, counted


def load_data(
    source: str | Path,
    *,
    size: int = ONE_SIZE,
    seed: int = 0,
    data_dir: Path | None = None,
    download: bool = True,
    subjects: str | int | None = None,
    fold: int | None = None,
    folds: Sequence[int] | None = None,
    skip_broken: bool = False,
    strict: bool = False,
    allow_duplicates: bool = False,
    split_by: str | None = None,
    top_classes: bool = False,
    columns: Mapping[str, str] | None = None,
) -> Dataset:
    """Load a data set.

    Args:
        source: The name of a data set (`digits`, `bloodmnist`, ...), or the path of a file or folder in a known
            format: class folders, a folder with a table, a sound set with official folds, `.npz`, `.csv`, `.tsv`,
            `.parquet`, tars of WebDataset, and those of extensions; or the address of a `.parquet` or `.tar` that
            fsspec opens, such as `s3://bucket/pictures.tar`. A name
            wins over a folder of the same name; write `./digits` for the folder.
        size: Pixels of the side of a MedMNIST set's images, 28, 64, 128 or 224, which chooses the edition.
        seed: Of splits that the source doesn't have.
        data_dir: The folder of downloads; by default `PREFORGET_DATA`, else the user's cache.
        download: Whether a published set may be fetched if it is missing.
        subjects: Where the source names the person of each input: in a folder, how many levels below its class a
            subject's folder is (1 is the next); in an `.npz`, the column, as in `train_<column>`; in a table, the
            column. `"each"`: every input is a subject by itself, named by the digest of its content.
        fold: Of a sound set with official folds, the one to test on; the last by default.
        folds: The folds to use; all by default.
        skip_broken: Whether files that can't be used are left out.
        strict: Whether a file that is left out, for whatever reason, is an error; one that is there twice, too.
        allow_duplicates: Whether copies, pictures that look alike, and persons may be in several parts of a given
            split.
        split_by: `subject` for splits that are made so that no person is in two parts.
        top_classes: Whether the folders at the top are the classes, whatever they are called and hold.
        columns: Of a table: the names of the columns of `path`, `label`, `split`, `subject` and `text`, where they
            have none of the usual names, such as `{"label": "diagnosis"}`.

    Returns:
        Three parts, the names of the classes, and a note on source, licence and split.

    Raises:
        UsageError: The name, the size or another option is unknown or doesn't fit the source.
        DataError: The data can't be read.

    Example:
        >>> data = load_data("digits", seed=0)
        >>> len(data.classes), len(data.train), data.train.inputs.shape[1:]
        (10, 1078, (8, 8))
    """
    options = DataOptions(
        size,
        seed,
        data_dir,
        download,
        None if wants_each(subjects) else subjects,
        fold,
        folds,
        skip_broken,
        strict,
        allow_duplicates,
        split_by,
        top_classes,
        columns,
    )
    data = _load(source, options)
    return _each_by_itself(data) if wants_each(subjects) else data


def _each_by_itself(data: Dataset) -> Dataset:
    train, validation, test = map(named_by_content, (data.train, data.validation, data.test))
    return replace(data, train=train, validation=validation, test=test)


def _load(source: str | Path, options: DataOptions) -> Dataset:
    known = named_set(source)
    if known is not None:
        refuse_unused(str(source), known, options)
        return known.load(options)
    path = Address.of(str(source)) if is_address(source) else given_path(source)
    try:
        is_present = path.exists()
        chosen = (
            next(
                (data_format for data_format in formats() if data_format.reads_with(path, options.columns)),
                None,
            )
            if is_present
            else None
        )
    except OSError as error:
        raise DataError(f"{shortened(path)}: can't be opened: {error.strerror or error}") from error
    if not is_present:
        names = ", ".join(names_of_sets())
        raise UsageError(f"{shortened(source)!r}: no such file, folder or data set; data sets are {names}")
    if chosen is None:
        *kinds, last = dict.fromkeys(data_format.what for data_format in formats())
        raise DataError(f"{path}: a file of unknown type; give {', '.join(kinds)} or {last}")
    refuse_unused(str(source), chosen, options)
    data = chosen.load(path, options)
    if options.strict:
        refuse_left_out(path, data, options.allow_duplicates)
    return data


def refuse_left_out(path: Path, data: Dataset, allow_duplicates: bool = False) -> None:
    """Raise `DataError` if a file was left out, or is there more than once and this isn't allowed."""
    same = 0 if allow_duplicates else copies_in(data)
    reasons = [*data.left_out, *([("broken", len(data.skipped))] if data.skipped else [])]
    if same:
        raise DataError(
            f"{path}: {counted(same, 'duplicate')}, which --strict (strict=True) doesn't allow; --duplicates FILE "
            "lists them, --allow-duplicates (allow_duplicates=True) takes them as they are"
        )
    if reasons:
        listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
        raise DataError(f"{path}: files are left out ({listed}), which --strict (strict=True) doesn't allow")
