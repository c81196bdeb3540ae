"""Tars of samples in the form of WebDataset: files of one name and different endings belong to one sample.

`0001.jpg` with `0001.cls` (a number or a name), `0001.txt` or `0001.json` with an entry `label` (or `class`). Only
names, labels and places are kept; pictures and sounds are read from the tar when they are needed. Nothing is ever
unpickled: members with other endings, such as `.pyd` and `.pth`, are left out and counted.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preforget.core.errors import DataError
from preforget.core.names import normal_name
from preforget.data.addresses import open_source, source_of
from preforget.data.assemble import Listed, assemble
from preforget.data.columns import chosen
from preforget.data.dataset import Dataset, Split, label_array
from preforget.data.listing import EXTENSIONS
from preforget.data.part_names import part_of_word
from preforget.data.registry import DATASETS, DataFormat, DataOptions
from preforget.data.stored_files import TarMember
from preforget.data.table import LABEL

TAR = ".tar"
LABELS = (".cls", ".label", ".txt")
"""Endings of members that hold a label alone; the first that a sample has counts."""
FACTS = ".json"
MAX_FACTS = 2**20
"""The most bytes of a member with a label or facts."""
ORDER = 11


@dataclass
class _Sample:
    number: int
    file: TarMember | None = None
    names: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@DATASETS.register("tars")
class Tars(DataFormat):
    """A `.tar`, or a folder of them whose names begin with their part, such as `train-0001.tar`."""

    what = "a .tar of samples (WebDataset) or a folder of such tars"
    uses = frozenset({"subjects", "split_by", "columns"})
    order = ORDER

    def reads(self, path: Path) -> bool:
        """Tell whether it is a tar, or a folder of nothing else."""
        if path.is_dir():
            there = [one for one in path.iterdir() if not one.name.startswith(".")]
            return bool(there) and all(one.suffix.lower() == TAR for one in there)
        return path.suffix.lower() == TAR and path.is_file()

    def load(self, path: Path, options: DataOptions) -> Dataset:
        """Return the data set; `subjects` names an entry of the `.json` members, or the ending of others."""
        tars = sorted(path.iterdir()) if path.is_dir() else [path]
        left_out: Counter[str] = Counter()
        by_part: dict[str, list[tuple[str, _Sample]]] = {}
        for tar in tars:
            word = re.split(r"[^A-Za-z]", tar.stem)[0]
            part = (part_of_word(word) if len(tars) > 1 else None) or "train"
            samples = by_part.setdefault(part, [])
            for name, sample in _samples(tar, left_out):
                if sample.file is None:
                    left_out["without a picture or sound"] += 1
                else:
                    samples.append((f"{tar}: {name}", sample))
        if not any(by_part.values()):
            raise DataError(f"{path}: holds no picture and no sound")
        splits = {part: _split(path, samples, options) for part, samples in by_part.items() if samples}
        if "train" not in splits:
            raise DataError(f"{path}: no tar belongs to the train part; call some train-*.tar")
        given: list[str] = (
            [part for part in ("train", "val", "test") if part in splits] if len(splits) > 1 else []
        )
        return assemble(
            Listed(
                path,
                path.stem,
                splits,
                given,
                f"tar {path.name!r}" if len(tars) == 1 else f"{len(tars)} tars",
                lambda part, position, what: f"{by_part[part][position][0]}: the {what}",
                "name one or remove the sample",
                tuple(sorted(left_out.items())),
            ),
            options,
        )


def _split(path: Path, samples: list[tuple[str, _Sample]], options: DataOptions) -> Split:
    person = None if options.subjects is None else normal_name(str(options.subjects))
    labels = [_label(path, name, sample, options) for name, sample in samples]
    persons = None
    if person is not None:
        persons = label_array([_entry(name, sample, person) for name, sample in samples])
    return Split(
        [sample.file for _, sample in samples if sample.file is not None], label_array(labels), persons
    )


def _label(path: Path, name: str, sample: _Sample, options: DataOptions) -> str:
    named = (options.columns or {}).get("label")
    if named is not None:
        return _entry(name, sample, named)
    for ending in LABELS:
        if ending in sample.names:
            return sample.names[ending]
    column = chosen(path, list(sample.facts), None, "label", LABEL)
    if column is None:
        raise DataError(
            f"{name}: has no label; a sample needs a member {', '.join(LABELS)}, or {FACTS} with an entry label"
        )
    return _text(sample.facts[column])


def _entry(name: str, sample: _Sample, entry: str) -> str:
    if entry in sample.facts:
        return _text(sample.facts[entry])
    if f".{entry}" in sample.names:
        return sample.names[f".{entry}"]
    raise DataError(f"{name}: has no member .{entry} and no entry {entry!r} in a {FACTS} member")


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _samples(tar: Path, left_out: Counter[str]) -> Iterator[tuple[str, _Sample]]:
    """Yield the samples of a tar by name, in its order, after one pass over its headers and small members."""
    samples: dict[str, _Sample] = {}
    source = source_of(tar)
    try:
        with open_source(tar) as raw, tarfile.open(fileobj=raw, mode="r:") as archive:
            for member in archive:
                if not member.isreg() or member.issparse():
                    left_out["no plain files"] += not member.isdir()
                    continue
                folder, _, base = member.name.rpartition("/")
                stem, dot, rest = base.partition(".")
                ending = Path(base).suffix.lower()
                if not stem or not dot:
                    left_out["without a name or an ending"] += 1
                    continue
                sample = samples.setdefault(f"{folder}/{stem}", _Sample(len(samples)))
                if ending in EXTENSIONS and sample.file is None:
                    place = (source, member.offset_data, member.size)
                    sample.file = TarMember.within(f"{tar}/{member.name}", place)
                elif ending == FACTS and member.size <= MAX_FACTS:
                    sample.facts |= _facts(f"{tar}: {member.name}", _read(archive, member))
                elif member.size <= MAX_FACTS and not _is_binary(content := _read(archive, member)):
                    sample.names[f".{rest.lower()}"] = content.decode().strip()
                else:
                    left_out["of other kinds"] += 1
                archive.members = []  # type: ignore[attr-defined]  # else it keeps all headers
    except tarfile.TarError as error:
        raise DataError(f"{tar}: can't be read as a tar that isn't compressed: {error}") from None
    except OSError as error:
        raise DataError(f"{tar}: can't be read: {error.strerror or error}") from None
    yield from samples.items()


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return b"" if file is None else file.read()


def _is_binary(content: bytes) -> bool:
    """Tell whether bytes are no short text: pickles and arrays, whatever they are called."""
    try:
        return not content.decode().strip().isprintable()
    except UnicodeDecodeError:
        return True


def _facts(name: str, content: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: is no JSON: {error}") from None
    return facts if isinstance(facts, dict) else {}
