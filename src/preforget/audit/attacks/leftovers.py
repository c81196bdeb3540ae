"""Leftovers: what in the files has the shape of a class's row, prompt or record and is no live one's, tried as such.

A logit that is only hidden, a row that was kept, a prompt in a buffer: whoever holds the files finds them by shape.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from preforget.audit.attacks.attack import About, Effort, Finding
from preforget.audit.attacks.few_shot import inputs_to_test, live_bias, ranks, row_norm
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.row_recovery import Numbers, Sight, rebuilt, sight
from preforget.audit.attacks.scene import Scene
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.white_box.surface import Files

SHOTS = 5
"""Labelled inputs per class with which the attacker chooses, and rebuilds a row for a prompt."""

MOST_TOKENS = 16
"""Longer than this no prompt is looked for."""

ABOUT = About(
    name="leftovers",
    title="Leftovers in the files",
    asks="Does anything in the model's files answer for the forgotten class? Whatever has the shape of a row, "
    "a prompt or a record, and is no live class's, is put in its place; five labelled images choose the best, others "
    "say how good it is.",
    source="the check of a sceptic who reads the files; rows for prompts as in arXiv 2506.01318",
    margin=0.10,
    titles={
        "live": "forgotten inputs that open weights answer with their class",
        "row": "forgotten inputs taken by the best stored row as it is",
        "record": "forgotten inputs taken by the best stored record as it is",
        "prompt": "forgotten inputs taken with the best stored prompt and a row from 5 shots",
    },
)


def slices(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return every part of a tensor that has `shape`, along its leading axes, `[k, *shape]`.

    >>> slices(torch.ones(3, 2, 4), (4,)).shape
    torch.Size([6, 4])
    """
    if tensor.shape[tensor.dim() - len(shape) :] != shape or tensor.dim() < len(shape):
        return tensor.new_empty(0, *shape)
    return tensor.reshape(-1, *shape)


def best_as_it_is(candidates: Iterator[tuple[Numbers, float, Sight, Sight, Sight]]) -> tuple[float, int]:
    """Return the share of hidden inputs that the candidate takes which is best on the shots, and how many there were.

    A candidate is a row, a bias, and what it sees of own shots, others' shots and hidden inputs; the best takes most of
    the own and fewest of the others.
    """
    gains = [
        (own.taken(row, bias) - others.taken(row, bias), hidden.taken(row, bias))
        for row, bias, own, others, hidden in candidates
    ]
    return max(gains, key=lambda one: one[0], default=(0.0, 0.0))[1], len(gains)


def attack(surface: Files, parts: Parts[Split], effort: Effort, seed: int) -> Finding:
    """Try all that is stored and isn't a live class's own; nothing to try takes nothing."""
    shots = [_shots(part, seed) for part in (parts.forget_train, parts.retain_train)]
    splits = (shots[0], shots[1], inputs_to_test(parts, seed, effort.rows)[0])
    generator = torch.Generator().manual_seed(derive_seed(seed, "leftovers"))
    stored = {name: tensor.detach().float().cpu() for name, tensor in surface.stored().items()}
    plain = surface.start(1, generator)
    found = {
        "row": best_as_it_is(_rows(surface, stored, plain, splits)),
        "record": best_as_it_is(_records(surface, stored, plain, splits)),
        "prompt": best_as_it_is(_prompts(surface, stored, plain["prompt"].shape[-1], splits, generator)),
    }
    values = {"live": _answered(surface, splits[2]), **{key: share for key, (share, _) in found.items()}}
    return Finding(values, {f"{key}s tried": tried for key, (_, tried) in found.items()})


@register_attack(ABOUT, weight=2, open_weights=True)
def attack_scene(scene: Scene) -> Finding:
    """Search what a model with open weights stores."""
    return attack(scene.surface, scene.splits, scene.effort, scene.seed)


def _answered(surface: Files, hidden: Split) -> float:
    """Return the share of hidden inputs whose own class is still a column, and the best one."""
    column = {label: place for place, label in enumerate(surface.labels)}
    true = torch.tensor([column.get(label, -1) for label in hidden.labels])
    with torch.no_grad():
        best = surface.logits(surface.read(hidden.inputs), torch.arange(len(hidden))).argmax(dim=1).cpu()
    return float((best == true).double().mean())


Splits = tuple[Split, Split, Split]
Candidates = Iterator[tuple[Numbers, float, Sight, Sight, Sight]]


def _rows(surface: Files, stored: dict[str, Tensor], plain: dict[str, Tensor], splits: Splits) -> Candidates:
    """Yield everything of a row's shape, under an untrained prompt, with the mean live bias."""
    seen = [sight(surface, split, plain) for split in splits]
    bias = live_bias(surface)
    for tensor in stored.values():
        for row in _dead(slices(tensor, tuple(plain["row"].shape)), surface):
            yield row.flatten().double().numpy(), bias, seen[0], seen[1], seen[2]


def _records(
    surface: Files, stored: dict[str, Tensor], plain: dict[str, Tensor], splits: Splits
) -> Candidates:
    """Yield whole records where tensors are stored by the names of a class, one after another along the first axis."""
    if not set(plain) <= set(stored):
        return
    for number in range(len(stored["row"])):
        record = {
            name: own[number] for name, own in stored.items() if len(own) == len(stored["row"]) and own.dim()
        }
        record = {
            name: own for name, own in record.items() if name in plain or name.endswith(("_down", "_up"))
        }
        if not len(_dead(record["row"][None], surface)):
            continue
        seen = [sight(surface, split, record) for split in splits]
        row, bias = record["row"].flatten().double().numpy(), float(record["bias"])
        yield row, bias, seen[0], seen[1], seen[2]


def _prompts(
    surface: Files, stored: dict[str, Tensor], dim: int, splits: Splits, generator: torch.Generator
) -> Candidates:
    """Yield everything of a prompt's shape, with a row rebuilt from the shots."""
    for tensor in stored.values():
        if tensor.dim() != 3 or tensor.shape[-1] != dim or tensor.shape[1] > MOST_TOKENS:
            continue
        for prompt in _dead(slices(tensor, tuple(tensor.shape[1:])), surface):
            new = surface.start(len(prompt), generator)
            new["prompt"] = prompt.to(new["prompt"])
            own, others, hidden = (sight(surface, split, new) for split in splits)
            read, few = surface.read(splits[1].inputs), torch.arange(len(splits[1]))
            norm = row_norm(surface, read, few, new)
            row, bias = rebuilt("difference", own, others, splits[1].labels, norm, live_bias(surface))
            yield row, bias, own, others, hidden


def _dead(found: Tensor, surface: Files) -> Tensor:
    """Return what is not zero and not a part of what scores are made of, of `[k, ...]`."""
    found = found[found.flatten(1).abs().amax(dim=1) > 0]
    live = surface.live().values()
    known = [slices(own.to(found), tuple(found.shape[1:])).flatten(1) for own in live]
    own = torch.cat(known) if known else found.new_empty(0, found.flatten(1).shape[1])
    keep = [not bool((own == one).all(dim=1).any()) for one in found.flatten(1)]
    return found[torch.tensor(keep, dtype=torch.bool)]


def _shots(split: Split, seed: int) -> Split:
    return split.select(np.flatnonzero(ranks(split.labels, derive_seed(seed, "leftovers")) < SHOTS))
