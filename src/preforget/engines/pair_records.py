"""Records of pairs of classes in the exact engine: a discriminant, and where it isn't enough a learned prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from preforget.core.errors import UsageError
from preforget.engines.derive import PAIR_BIAS, PAIR_ROW
from preforget.engines.pair_prompts import PREFIX
from preforget.records import ClassRecord, UnitBank


def prompt_of(record: ClassRecord) -> dict[str, Tensor]:
    """Return the tensors of a pair's learned prompt by name; empty where it has none."""
    return {n.removeprefix(PREFIX): t for n, t in record.tensors.items() if n.startswith(PREFIX)}


def has_prompt(record: ClassRecord) -> bool:
    """Tell whether a pair has a learned prompt."""
    return bool(prompt_of(record))


def prompts_among(bank: UnitBank, labels: Sequence[str]) -> list[tuple[int, dict[str, Tensor]]]:
    """Return the number among the pairs of `labels`, and the learned tensors, of each pair that has a prompt."""
    prompts = []
    for number, pair in enumerate(combinations(labels, 2)):
        prompt = prompt_of(bank.pairs[pair]) if pair in bank.pairs else {}
        if prompt:
            prompts.append((number, prompt))
    return prompts


def confusion(record: ClassRecord, first: Tensor, second: Tensor) -> float:
    """Return the share of held-out features of the two classes, `[v, F]` each, on the wrong side of the discriminant.

    Each class counts half; one without held-out features counts as confused.
    """
    wrong = []
    for held_out, sign in ((first, 1), (second, -1)):
        logits = held_out.double() @ record.tensors[PAIR_ROW] + record.tensors[PAIR_BIAS]
        wrong.append(float((sign * logits <= 0).double().mean()) if len(logits) else 1.0)
    return sum(wrong) / 2


def check_pair(record: ClassRecord, bank: UnitBank, prompt: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `UsageError` for a record that can't be a pair of a bank; `prompt`: the shapes of a learned prompt."""
    plain: dict[str, tuple[int, ...]] = {PAIR_ROW: (bank.features,), PAIR_BIAS: ()}
    prompted = {**plain, **{PREFIX + name: shape for name, shape in prompt.items()}}
    shapes = {name: tuple(tensor.shape) for name, tensor in record.tensors.items()}
    wide = all(record.tensors[name].dtype == torch.float64 for name in plain if name in shapes)
    if shapes not in (plain, prompted) or not wide:
        raise UsageError(f"record {record.id} is no pair of this engine: it has {shapes}")
    if record.label not in bank or record.partner not in bank:
        raise UsageError(f"record {record.id} is of a pair whose classes are not in the model")
