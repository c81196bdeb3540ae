"""Leftovers: tensors in the files with the shape of a row, prompt or record of no live class, each tried as one.

An attacker who holds the files finds a hidden logit, a kept row or a buffered prompt by its shape.
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
"""Labelled inputs per class with which the attacker chooses a candidate and rebuilds a row for a prompt."""

MOST_TOKENS = 16
"""The longest prompt that is looked for."""

ABOUT = About(
    name="leftovers",
    title="Leftovers in the files",
    asks="Does anything in the model's files answer for the forgotten class? Whatever has the shape of a row, "
    "a prompt or a record, and is no live class's, is put in its place; five labelled images choose the best, others "
    "say how good it is.",
    source="a sceptic's check of the files; rows for prompts as in arXiv 2506.01318",
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
    """Return the share of hidden inputs that the best candidate takes, and the number of candidates.

    A candidate is a row, a bias, and its sights of forgotten shots, retained shots and hidden inputs; the best takes
    most of the forgotten and fewest of the retained shots.
    """
    gains = [
        (forgotten_sight.taken(row, bias) - retained_sight.taken(row, bias), hidden.taken(row, bias))
        for row, bias, forgotten_sight, retained_sight, hidden in candidates
    ]
    return max(gains, key=lambda gain: gain[0], default=(0.0, 0.0))[1], len(gains)


def attack(surface: Files, parts: Parts[Split], effort: Effort, seed: int) -> Finding:
    """Try everything stored that doesn't belong to a live class; without candidates the shares are 0."""
    shots = [_shots(part, seed) for part in (parts.forget_train, parts.retain_train)]
    splits = (shots[0], shots[1], inputs_to_test(parts, seed, effort.rows)[0])
    generator = torch.Generator().manual_seed(derive_seed(seed, "leftovers"))
    stored = {name: tensor.detach().float().cpu() for name, tensor in surface.stored().items()}
    plain = surface.start(1, generator)
    results = {
        "row": best_as_it_is(_rows(surface, stored, plain, splits)),
        "record": best_as_it_is(_records(surface, stored, plain, splits)),
        "prompt": best_as_it_is(_prompts(surface, stored, plain["prompt"].shape[-1], splits, generator)),
    }
    values = {"live": _answered(surface, splits[2]), **{key: share for key, (share, _) in results.items()}}
    return Finding(values, {f"{key}s tried": count for key, (_, count) in results.items()})


@register_attack(ABOUT, weight=2, open_weights=True)
def attack_scene(scene: Scene) -> Finding:
    """Search the stored tensors of a model with open weights."""
    return attack(scene.surface, scene.splits, scene.effort, scene.seed)


def _answered(surface: Files, hidden: Split) -> float:
    """Return the share of hidden inputs whose own class is still a column, and the best one."""
    column = {label: number for number, label in enumerate(surface.labels)}
    true = torch.tensor([column.get(label, -1) for label in hidden.labels])
    with torch.no_grad():
        best = surface.logits(surface.read(hidden.inputs), torch.arange(len(hidden))).argmax(dim=1).cpu()
    return float((best == true).double().mean())


Splits = tuple[Split, Split, Split]
Candidates = Iterator[tuple[Numbers, float, Sight, Sight, Sight]]


def _rows(surface: Files, stored: dict[str, Tensor], plain: dict[str, Tensor], splits: Splits) -> Candidates:
    """Yield every tensor of a row's shape, under an untrained prompt, with the mean live bias."""
    sights = [sight(surface, split, plain) for split in splits]
    bias = live_bias(surface)
    for tensor in stored.values():
        for row in _dead(slices(tensor, tuple(plain["row"].shape)), surface):
            yield row.flatten().double().numpy(), bias, sights[0], sights[1], sights[2]


def _records(
    surface: Files, stored: dict[str, Tensor], plain: dict[str, Tensor], splits: Splits
) -> Candidates:
    """Yield whole records where tensors are stored by the names of a class, one after another along the first axis."""
    if not set(plain) <= set(stored):
        return
    for number in range(len(stored["row"])):
        record = {
            name: tensor[number]
            for name, tensor in stored.items()
            if len(tensor) == len(stored["row"]) and tensor.dim()
        }
        record = {
            name: tensor
            for name, tensor in record.items()
            if name in plain or name.endswith(("_down", "_up"))
        }
        if not len(_dead(record["row"][None], surface)):
            continue
        sights = [sight(surface, split, record) for split in splits]
        row, bias = record["row"].flatten().double().numpy(), float(record["bias"])
        yield row, bias, sights[0], sights[1], sights[2]


def _prompts(
    surface: Files, stored: dict[str, Tensor], dim: int, splits: Splits, generator: torch.Generator
) -> Candidates:
    """Yield every tensor of a prompt's shape, with a row rebuilt from the shots."""
    for tensor in stored.values():
        if tensor.dim() != 3 or tensor.shape[-1] != dim or tensor.shape[1] > MOST_TOKENS:
            continue
        for prompt in _dead(slices(tensor, tuple(tensor.shape[1:])), surface):
            new = surface.start(len(prompt), generator)
            new["prompt"] = prompt.to(new["prompt"])
            forgotten_sight, retained_sight, hidden = (sight(surface, split, new) for split in splits)
            read, few = surface.read(splits[1].inputs), torch.arange(len(splits[1]))
            norm = row_norm(surface, read, few, new)
            row, bias = rebuilt(
                "difference", forgotten_sight, retained_sight, splits[1].labels, norm, live_bias(surface)
            )
            yield row, bias, forgotten_sight, retained_sight, hidden


def _dead(candidates: Tensor, surface: Files) -> Tensor:
    """Return the candidates `[k, ...]` that are neither zero nor part of the live weights."""
    candidates = candidates[candidates.flatten(1).abs().amax(dim=1) > 0]
    live = surface.live().values()
    known = [slices(tensor.to(candidates), tuple(candidates.shape[1:])).flatten(1) for tensor in live]
    live_slices = torch.cat(known) if known else candidates.new_empty(0, candidates.flatten(1).shape[1])
    keep = [not bool((live_slices == candidate).all(dim=1).any()) for candidate in candidates.flatten(1)]
    return candidates[torch.tensor(keep, dtype=torch.bool)]


def _shots(split: Split, seed: int) -> Split:
    return split.select(np.flatnonzero(ranks(split.labels, derive_seed(seed, "leftovers")) < SHOTS))
