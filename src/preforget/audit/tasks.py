"""The jobs of an audit: learn a model, get its answers, attack it. Each writes its result into the work folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.observe import Array, Mask, Parts, Seen, observe
from preforget.audit.attacks.registry import attack_on_scene, shadow_attacks
from preforget.audit.attacks.scene import (
    ORIGINAL,
    RETRAIN,
    UNLEARNED,
    RandomHead,
    Scene,
    observe_parts,
    split_parts,
)
from preforget.classifier import PreForgettableClassifier
from preforget.classifier.packing import as_arrays, from_arrays
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import StoreError
from preforget.core.seeds import derive_seed
from preforget.data import Dataset, Split
from preforget.data.dataset import label_array
from preforget.jobs.work import Work
from preforget.store.side_key import SideKey
from preforget.training.checkpoint import CheckpointFile
from preforget.white_box.open_model import surface_of
from preforget.white_box.surface import Weights

ASKED = 4
"""Attacks on answers alone use this many times as many inputs as attacks on open weights."""


@dataclass(frozen=True)
class Context:
    """Everything that the jobs of an audit share; it can be sent to another process.

    `recipe`: digest of model, data and what is to be forgotten; `key`: of these and of the effort; `data`: only inputs
    of known classes; `retained`: classes that stay; `seeds`: the first is that of the given model; `given_knows`:
    whether that model still knows what is to be forgotten; `lock`: the key of the work folder's files, if they have
    one.
    """

    recipe: str
    key: str
    work: Path
    data: Dataset
    forgotten: tuple[str, ...]
    retained: tuple[str, ...]
    effort: Effort
    seeds: tuple[int, ...]
    device: str
    given_knows: bool
    cache_dir: Path | None = None
    lock: SideKey | None = None

    def open_work(self) -> Work:
        """Open the work folder."""
        return Work(self.work, self.lock)

    def made(self, role: str, seed: int) -> tuple[str, int] | None:
        """Return role and seed of the training that made a model; None for the given model."""
        if seed == self.seeds[0] and role == (ORIGINAL if self.given_knows else UNLEARNED):
            return None
        if role != UNLEARNED:
            return role, seed
        return self.made(ORIGINAL, seed)


def learn(context: Context, role: str, seed: int, threads: int | None = None) -> float:
    """Learn a model by the recipe of the given one, without the forgotten classes for `retrain`; return seconds."""
    work, before = context.open_work(), torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    gone = context.forgotten if role == RETRAIN else ()
    parts = [part.without(gone) for part in (context.data.train, context.data.validation)]
    try:
        if not is_learned(context, role, seed):
            seconds = _learn(context, work, parts, (role, seed), seed)
            work.put(seconds, context.recipe, "learn", role, seed)
        return float(work.get(context.recipe, "learn", role, seed))
    finally:
        torch.set_num_threads(before)


def is_learned(context: Context, role: str, seed: int) -> bool:
    """Tell whether a learned model exists and can be read."""
    work = context.open_work()
    if work.get(context.recipe, "learn", role, seed) is None:
        return False
    return work.get_arrays(context.recipe, "model", role, seed) is not None


def is_seen(context: Context, role: str, seed: int) -> bool:
    """Tell whether a model's answers exist and can be read."""
    work = context.open_work()
    if work.get(context.key, "labels", role, seed) is None:
        return False
    return work.get_arrays(context.key, "seen", role, seed) is not None


def look(context: Context, role: str, seed: int) -> None:
    """Store a model's answers to all four parts."""
    if not is_seen(context, role, seed):
        if role == "untrained":
            model: Any = RandomHead(load(context, RETRAIN, seed).engine_.encoder, context.retained, seed)
        else:
            model = load(context, role, seed)
        keep_seen(context, role, seed, observe_parts(model, asked(context, seed)))


def attack(context: Context, name: str, role: str, seed: int) -> None:
    """Run one attack on one model."""
    context.open_work().once(
        lambda: _attack(context, name, role, seed), context.key, "attack", name, role, seed
    )


def shadow(context: Context, number: int, names: Sequence[str]) -> None:
    """Learn a shadow from half of the data to forget, make it forget them, and store what attacks read from it.

    Each shadow draws a half of its own; attacks measure whether answers after forgetting tell the halves apart.
    """
    lacking = [name for name in names if not is_shadowed(context, number, [name])]
    if not lacking:
        return
    work, what = context.open_work(), ("shadow", number)
    seed = derive_seed(context.seeds[0], *what) % 2**31
    train, pool = context.data.train, context.data.train.only(context.forgotten)
    forgotten = np.flatnonzero(np.isin(train.labels.astype(str), context.forgotten))
    member = np.zeros(len(forgotten), dtype=bool)
    member[np.random.default_rng(seed).permutation(len(forgotten))[: len(forgotten) // 2]] = True
    if work.get_arrays(context.recipe, "model", *what) is None:
        kept = np.ones(len(train), dtype=bool)
        kept[forgotten[~member]] = False
        _learn(context, work, [train.select(kept), context.data.validation], what, seed)
    model = _open(context, what)
    for label in context.forgotten:
        model.forget(label)
    answers, attacks = observe(model, pool), shadow_attacks()
    for name in lacking:
        signal = np.asarray(attacks[name].signal(answers), dtype=np.float64)
        work.put_arrays({"signal": signal, "member": member}, context.recipe, *what, name)


def is_shadowed(context: Context, number: int, names: Sequence[str]) -> bool:
    """Tell whether all that these attacks read from a shadow exists and can be read."""
    work = context.open_work()
    return all(work.get_arrays(context.recipe, "shadow", number, name) is not None for name in names)


def shadowed(context: Context, name: str, shadows: int) -> tuple[Array, Mask]:
    """Return what an attack has read from all shadows, and which inputs each had learned, `[S, m]` both."""
    work = context.open_work()
    kept = [work.get_arrays(context.recipe, "shadow", number, name) or {} for number in range(shadows)]
    return np.stack([one["signal"] for one in kept]), np.stack([one["member"] for one in kept]).astype(bool)


@lru_cache(maxsize=2)
def load(context: Context, role: str, seed: int) -> PreForgettableClassifier:
    """Return a model in its role, in memory only; copy it before changing it."""
    model = _open(context, context.made(role, seed))
    if role == UNLEARNED:
        for label in context.forgotten:
            if label in model.engine_.bank:
                model.forget(label)
    return model


def scene(context: Context, role: str, seed: int) -> Scene:
    """Return the scene of an attack on a model."""
    work, seeds = context.open_work(), context.seeds
    other = seeds[(seeds.index(seed) + 1) % len(seeds)] if len(seeds) > 1 else None
    target = seen_of(context, ORIGINAL, seed)
    made = context.made(role, seed)
    return Scene(
        role=role,
        load=lambda: load(context, role, seed),
        splits=_splits(context, seed, context.effort.rows),
        seen=seen_of(context, role, seed),
        forgotten=context.forgotten,
        effort=context.effort,
        seed=seed,
        another=None if other is None else seen_of(context, RETRAIN, other),
        untrained=seen_of(context, "untrained", seed),
        target=float(target.forget_test.guessed_right().mean()),
        stolen=lambda: None if other is None else _stolen(context, other),
        learn_seconds=None if made is None else work.get(context.recipe, "learn", *made),
    )


def asked(context: Context, seed: int) -> Parts[Split]:
    """Return the inputs to answer."""
    return _splits(context, seed, ASKED * context.effort.rows)


def keep_seen(context: Context, role: str, seed: int, answers: Parts[Seen]) -> None:
    """Write a model's answers to a file."""
    arrays: dict[str, Any] = {}
    for name, part in answers.items():
        column_of = {label: column for column, label in enumerate(part.labels)}
        codes = [-1 if answer is ABSTAIN else column_of[answer] for answer in part.answers]
        arrays_of = {
            "scores": part.scores,
            "probabilities": part.probabilities,
            "confidence": part.confidence,
            "answers": np.array(codes, dtype=np.int64),
        }
        arrays |= {f"{name}.{what}": values for what, values in arrays_of.items()}
    work = context.open_work()
    work.put(list(answers.forget_test.labels), context.key, "labels", role, seed)
    work.put_arrays(arrays, context.key, "seen", role, seed)


def seen_of(context: Context, role: str, seed: int) -> Parts[Seen]:
    """Read a model's answers from their file."""
    work = context.open_work()
    labels = tuple(work.get(context.key, "labels", role, seed))
    arrays = work.get_arrays(context.key, "seen", role, seed) or {}
    names = np.array([*labels, ABSTAIN], dtype=object)
    parts = []
    for name, split in asked(context, seed).items():
        values_of = {what: arrays[f"{name}.{what}"] for what in ("scores", "probabilities", "confidence")}
        parts.append(
            Seen(labels, split.labels, **values_of, answers=label_array(names[arrays[f"{name}.answers"]]))
        )
    return Parts(*parts)


def _splits(context: Context, seed: int, rows: int) -> Parts[Split]:
    data = context.data
    return split_parts(data.train, data.test, context.forgotten, context.retained, rows, seed)


def _attack(context: Context, name: str, role: str, seed: int) -> dict[str, Any]:
    start = time.perf_counter()
    finding = attack_on_scene(name).call(scene(context, role, seed))
    seconds = time.perf_counter() - start
    if finding is None:
        return {"values": {}, "figures": {}, "seconds": seconds}
    return {"values": finding.values, "figures": finding.figures, "seconds": seconds}


def _learn(context: Context, work: Work, parts: list[Split], what: tuple[str, int], seed: int) -> float:
    """Learn, save and return seconds; continues from a checkpoint."""
    model = _open(context, None).untrained(seed)
    start = time.perf_counter()
    checkpoint = WorkCheckpoint(work.checkpoint(context.recipe, *what), context.lock)
    model.fit(
        parts[0],
        validation=parts[1],
        checkpoint=checkpoint,
        cache_dir=context.cache_dir,
        keep_similar_names=True,  # the user who learned the model decided that
    )
    seconds = time.perf_counter() - start
    work.put_arrays(as_arrays(model), context.recipe, "model", *what)
    checkpoint.remove()
    return seconds


def _open(context: Context, made: tuple[str, int] | None) -> PreForgettableClassifier:
    """Return a model in memory: one that the audit learned, or the given one."""
    what = ("given",) if made is None else ("model", *made)
    arrays = context.open_work().get_arrays(context.recipe, *what)
    if arrays is None:
        raise StoreError(f"a model is missing in {context.work}; repeat the command")
    return from_arrays(arrays, device=context.device)


class WorkCheckpoint(CheckpointFile):
    """A checkpoint in a work folder, encrypted as all its files are; one that can't be decrypted counts as missing."""

    def __init__(self, path: Path, lock: SideKey | None) -> None:
        super().__init__(path)
        self._lock = lock

    def read(self) -> bytes | None:
        """Return the contents, None if there are none or they have another key."""
        content = super().read()
        if content is None or self._lock is None:
            return content
        return self._lock.unlock(self.path.name, content)

    def write(self, content: bytes) -> None:
        """Encrypt, then replace the file."""
        super().write(content if self._lock is None else self._lock.lock(self.path.name, content))


def _stolen(context: Context, seed: int) -> Weights | None:
    """Return the first forgotten class's learned weights from an Original of another seed."""
    opened = surface_of(load(context, ORIGINAL, seed))
    live, column = opened.live(), opened.labels.index(context.forgotten[0])
    return {name: tensor[column] for name, tensor in live.items() if not name.startswith("adapter.")} or None
