"""Lists of files beside class folders that say which part a file belongs to, such as `testing_list.txt`.

Warden, Speech Commands, arXiv 1804.03209: files of `validation_list.txt` and `testing_list.txt` are divided by speaker;
all others are learned from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from preforget.core.errors import DataError
from preforget.core.files import read_regular
from preforget.data.dataset import Split
from preforget.data.part_names import part_in

MAX_BYTES = 1 << 28
"""The largest list that is read."""


def parts_by_lists(root: Path, whole: Split) -> dict[str, Split]:
    """Return the parts that lists in `root` give, empty if there are none; raises `DataError` for an unknown file."""
    lists = lists_in(root)
    if not lists:
        return {}
    positions = {path.relative_to(root).as_posix(): i for i, path in enumerate(whole.paths)}
    part_of = np.full(len(whole), "" if "train" in lists else "train", dtype=object)
    for part, path in lists.items():
        for number, line in enumerate(_lines(path), start=1):
            name = line.strip().replace("\\", "/").removeprefix("./")
            if not name:
                continue
            if name not in positions:
                raise DataError(
                    f"{path}, line {number}: no such file below {root}: {name!r}; remove the line"
                )
            part_of[positions[name]] = part
    return {
        part: whole.select(np.flatnonzero(part_of == part))
        for part in ("train", "val", "test")
        if part in part_of
    }


def lists_in(root: Path) -> dict[str, Path]:
    """Return the list of each part that has one, empty if there is none or only one of the train part."""
    lists = {
        given[0]: path
        for path in sorted(root.glob("*.txt"))
        if path.is_file() and (given := part_in(path.stem)) is not None and given[1] == "list"
    }
    return {} if lists.keys() == {"train"} else lists


def _lines(path: Path) -> list[str]:
    try:
        return read_regular(path, MAX_BYTES, follow=True).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read as a list of files: {error}") from error
