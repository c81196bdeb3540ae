"""From the parts that a source has to a whole data set: names, unusable sounds, the parts that are missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from preforget.core.errors import DataError
from preforget.data.dataset import Dataset, Split, names_of, refuse_unlearnable
from preforget.data.labels import name_parts, noted
from preforget.data.sounds import EXTENSIONS as SOUNDS
from preforget.data.sounds import refuse_unusable, unusable
from preforget.data.splits import stratified_split, unit_names

PARTS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "test": "test"}
"""The words that sources use for parts."""

SHARES = {"train": 70, "val": 10, "test": 20}
"""The parts of a data set, in order, with their shares in percent where the source isn't divided."""


def finished(
    source: Path,
    name: str,
    parts: dict[str, Split],
    *,
    origin: str,
    divided: bool,
    seed: int = 0,
    skip_broken: bool = False,
    locate: Callable[[str, int, str], str] | None = None,
    remedy: str = "leave the input out",
) -> Dataset:
    """Return the data set called `name` of `parts` as they were read: train, and val and test if there are such.

    Labels and subjects become names; `locate` and `remedy` say where a bad one is and what to do, see `name_parts`.
    Sounds are decoded once as a check, and `skip_broken` leaves out those that can't be used. Parts that are missing
    are taken from train by class and `seed`. The note begins with `origin`; `divided`: whether the source itself says
    to which part an input belongs. Raises `DataError`.
    """
    locate = locate or (lambda part, position, what: f"{source}: the {what} at position {position} of {part}")
    parts, remarks = name_parts(parts, locate, remedy)
    parts, skipped = usable(source, parts, skip_broken)
    if not len(parts["train"]):
        raise DataError(f"{source}: no input of the train part can be used; repair them or add others")
    present = [part for part in SHARES if part in parts]
    missing = [part for part in SHARES if part not in parts]
    take_from_train(parts, missing, seed)
    note = f"{origin}; {split_note(present if divided else [], missing, seed)}"
    return refuse_unlearnable(
        Dataset(
            name,
            parts["train"],
            parts["val"],
            parts["test"],
            tuple(names_of(parts["train"].labels)),
            noted(note, remarks),
            skipped,
            remarks,
        )
    )


def usable(
    source: Path, parts: dict[str, Split], skip_broken: bool
) -> tuple[dict[str, Split], tuple[tuple[Path, str], ...]]:
    """Return the parts without unusable sounds, and those sounds with the reasons; images aren't checked.

    Raises `DataError` if images and sounds are mixed, and for unusable sounds unless `skip_broken`.
    """
    paths = [path for split in parts.values() if isinstance(split.inputs, list) for path in split.inputs]
    heard = [path for path in paths if path.suffix.lower() in SOUNDS]
    if not heard:
        return parts, ()
    if len(heard) < len(paths):
        image = next(path for path in paths if path.suffix.lower() not in SOUNDS)
        raise DataError(
            f"{source}: sounds and images together, such as {heard[0]} and {image}; keep one kind"
        )
    broken = unusable(heard)
    refuse_unusable(broken, skip_broken)
    bad = {path for path, _ in broken}

    def kept(split: Split) -> Split:
        return split.select([position for position, path in enumerate(split.inputs) if path not in bad])  # type: ignore[arg-type]

    return {part: kept(split) for part, split in parts.items()}, tuple(broken)


def take_from_train(parts: dict[str, Split], missing: list[str], seed: int) -> None:
    """Make the parts that are `missing` from train, unit by unit, in the proportion of `SHARES`."""
    if not missing:
        return
    whole = parts["train"]
    names = ["train", *missing]
    total = sum(SHARES[name] for name in names)
    pieces = stratified_split(unit_names(whole), [SHARES[name] / total for name in names], seed)
    parts.update({name: whole.select(piece) for name, piece in zip(names, pieces, strict=True)})


def split_note(present: list[str], missing: list[str], seed: int) -> str:
    """Return a sentence on the origin of the parts."""
    if not present:
        return f"own stratified split 70/10/20, seed {seed}"
    note = f"split as found: {', '.join(present)}"
    return f"{note}; {' and '.join(missing)} taken from train, stratified, seed {seed}" if missing else note
