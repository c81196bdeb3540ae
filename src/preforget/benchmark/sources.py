"""A data set of the matrix, ready for learning: its parts, the frozen encoder, and a digest of both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from preforget.backbones import load_backbone
from preforget.backbones.encoder import Encoder
from preforget.backbones.precision import dtype_name
from preforget.benchmark.matrix import DataEntry
from preforget.core.errors import DataError, UsageError
from preforget.core.hashing import value_digest
from preforget.core.version import __version__
from preforget.data import Dataset, Split, load_data
from preforget.data.digest import split_digest
from preforget.data.registry import named_set
from preforget.data.splits import stratified_split
from preforget.engines import ENGINES
from preforget.engines.base import Engine

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Source:
    """Data and the frozen `encoder` that all models of them share; `note`: the origin of the data."""

    entry: DataEntry
    data: Dataset
    encoder: Encoder
    recipe: str
    note: str

    def engine(self, name: str, options: dict[str, Any], seed: int) -> Engine:
        """Return an engine that has learned nothing."""
        kind = ENGINES[name]
        return kind(self.encoder, kind.options_type.from_options({"seed": seed, **options}))


def is_to_be_had(entry: DataEntry) -> bool:
    """Tell whether a data set can be loaded: one that needs a path has it; raises `UsageError` for an unknown name."""
    if entry.path is None and not entry.needs_path and named_set(entry.name) is None:
        raise UsageError(
            f"{entry.name!r} is not the name of a known data set; give its path with --data {entry.name}=PATH"
        )
    return entry.path is not None or not entry.needs_path


def open_source(
    entry: DataEntry,
    *,
    device: str = "auto",
    dtype: str = "auto",
    data_dir: Path | None = None,
    download: bool = True,
) -> Source:
    """Load a data set and its encoder; raises `DataError`, `UsageError` and `BackboneError`.

    `recipe`: a digest of the version, the encoder with its number format, and the contents of the data; the paths of
    files are not part of it, so that machines may keep them in different folders.
    """
    has_path = entry.path is not None
    size = entry.size if not has_path else 28
    data = load_data(
        entry.path or entry.name, size=size, data_dir=data_dir, download=download, allow_duplicates=True
    )
    if any(getattr(data, part).multilabel for part in PARTS):
        raise UsageError(f"{entry.name}: inputs have several labels; the benchmark needs one label per input")
    for part in PARTS:
        lacking = sorted(set(data.classes) - set(getattr(data, part).labels))
        if lacking:
            raise DataError(
                f"{entry.name}: the {part} part has no input of class {lacking[0]!r}; every part needs every class"
            )
    limits = {"train": entry.train, "validation": entry.test, "test": entry.test}
    full_sizes = {part: len(getattr(data, part)) for part in PARTS}
    parts = {part: limited(getattr(data, part), limit) for part, limit in limits.items()}
    shortened = [
        f"{len(split)} of {full_sizes[part]} {part} inputs"
        for part, split in parts.items()
        if len(split) < full_sizes[part]
    ]
    encoder = load_backbone(entry.backbone, image_size=entry.image_size, device=device, dtype=dtype)
    encoder_recipe = [encoder.identity.digest, asdict(encoder.preprocessing), dtype_name(encoder.dtype)]
    recipe = value_digest([__version__, *encoder_recipe, [content_digest(split) for split in parts.values()]])
    remarks = [
        data.note,
        f"given by path, not fetched by name as {entry.name}"
        * (has_path and named_set(entry.name) is not None),
    ]
    remarks += [f"a seeded, stratified part: {', '.join(shortened)}" * bool(shortened), entry.note]
    data = replace(data, train=parts["train"], validation=parts["validation"], test=parts["test"])
    return Source(entry, data, encoder, recipe, "; ".join(filter(None, remarks)))


def limited(split: Split, most: int | None) -> Split:
    """Return at most about `most` inputs, stratified by class, always the same ones, without subjects."""
    split = replace(split, subjects=None)
    if most is None or len(split) <= most:
        return split
    share = most / len(split)
    return split.select(stratified_split(split.labels, (share, 1 - share), 0)[0])


def content_digest(split: Split) -> str:
    """Return a digest of inputs and labels; for files, of the folder's name, the file's name and its size."""
    if not isinstance(split.inputs, list):
        return split_digest(split)
    total = hashlib.sha256()
    for path, label in zip(split.inputs, split.labels, strict=True):
        total.update(json.dumps([path.parent.name, path.name, path.stat().st_size, label]).encode())
    return f"sha256:{total.hexdigest()}"
