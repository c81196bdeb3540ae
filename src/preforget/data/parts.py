"""Make a whole data set of the parts that a source has; every format, also an extension's, ends with this."""

from __future__ import annotations

from pathlib import Path

from preforget.data.assemble import Listed, Locate, assemble
from preforget.data.dataset import Dataset, Split
from preforget.data.part_split import SHARES, split_note, take_from_train
from preforget.data.registry import DataOptions

__all__ = ["finished", "split_note", "take_from_train"]


def finished(
    source: Path,
    name: str,
    parts: dict[str, Split],
    *,
    origin: str,
    divided: bool,
    seed: int = 0,
    skip_broken: bool = False,
    locate: Locate | None = None,
    remedy: str = "leave the input out",
    options: DataOptions | None = None,
) -> Dataset:
    """Return the data set called `name` of `parts` as they were read: train, and val and test if there are such.

    Labels and subjects become names; `locate` and `remedy` say where a bad one is and what to do, see `name_parts`.
    Files are decoded once as a check, and `skip_broken` leaves out those that can't be used. Inputs of the same content
    are counted, and refused in several parts of a source that is divided unless `options` allow them. Parts that are
    missing are taken from train by class and `seed`. The note begins with `origin`; `divided`: whether the source
    itself says to which part an input belongs; `options`: those of the load, instead of `seed` and `skip_broken`.
    Raises `DataError`.
    """
    locate = locate or (lambda part, position, what: f"{source}: the {what} at position {position} of {part}")
    given = [part for part in SHARES if part in parts] if divided else []
    options = options or DataOptions(seed=seed, skip_broken=skip_broken)
    return assemble(Listed(source, name, parts, given, origin, locate, remedy), options)
