"""Which inputs are learned from and which calibrate abstention."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from preforget.core.errors import DataError, UsageError
from preforget.data.counts import LEAST
from preforget.data.dataset import Split, names_of
from preforget.data.hf_dataset import is_dataset, split_of
from preforget.data.inputs import IMAGES, TEXTS, VECTORS, as_split
from preforget.data.splits import keep_rare, split_units
from preforget.data.texts import Texts
from preforget.data.vectors import Vectors

HELD_OUT = 0.15


def hold_out(
    train: Split,
    validation: Any,
    seed: int,
    needed: Collection[str] | None = None,
    conditions: Any = None,
    subjects: str | None = None,
) -> tuple[Split, Split]:
    """Return inputs to learn from and inputs to calibrate with: `validation`, or a seeded 15 % of each class.

    With subjects it is 15 % of each subject's inputs of a class, so that forgetting one moves nobody else's inputs;
    where persons have a single input each, it is whole persons. `validation` is None, a `Split` or a pair (inputs,
    labels); it must hold all classes `needed`, all of `train` by default, but of inputs with several labels a condition
    may be missing, which is then calibrated at even odds. `conditions` names the columns of a matrix of labels;
    `subjects="each"` makes each input of `validation` a subject, see `named_by_content`. Raises `UsageError` and
    `DataError`.
    """
    if validation is None:
        pieces = split_units(train, (1 - HELD_OUT, HELD_OUT), seed)
        if train.multilabel:
            pieces = keep_rare(train.labels, pieces, LEAST)
        kept, out = pieces
        return train.select(kept), train.select(out)
    kinds = {Vectors: VECTORS, Texts: TEXTS}
    kind = next((name for of, name in kinds.items() if isinstance(train.inputs, of)), IMAGES)
    if is_dataset(validation):
        validation = split_of(validation)
    if isinstance(validation, Split):
        held_out = as_split(validation, subjects=subjects, kind=kind)
    elif isinstance(validation, tuple | list) and len(validation) == 2:
        images, labels = validation
        held_out = as_split(images, labels, subjects, conditions, kind=kind)
    else:
        raise UsageError("validation is a Split or a pair: (inputs, labels)")
    if train.subjects is None:
        held_out = replace(held_out, subjects=None)
    elif held_out.subjects is None:
        raise UsageError("the inputs to learn from have subjects, so the validation data need them too")
    if held_out.multilabel != train.multilabel:
        raise UsageError(
            "validation data have several labels per input and the others have one, or the reverse"
        )
    missing = sorted(
        set(names_of(train.labels) if needed is None else needed) - set(names_of(held_out.labels))
    )
    if missing and not train.multilabel:
        raise DataError(
            f"the validation data hold no input of class {missing[0]!r}; add one, or give no validation data: then a "
            "part of each class is held out"
        )
    return train, held_out
