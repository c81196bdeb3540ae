"""What attackers with few labelled inputs share: shots, training one more class, and the inputs that it wins back.

`C` live classes; column `C` is the new class. Every forgotten class counts as the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.audit.attacks.observe import Parts
from preforget.core.errors import DataError, UsageError
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.data.dataset import Labels, Sounds, label_array
from preforget.data.texts import Texts
from preforget.data.vectors import Vectors
from preforget.training.adam import Adam
from preforget.white_box.surface import Surface, Weights

LABELS = ("true", "shuffled", "random")
PARTS = ("key", "row", "both")
LEAST_RETAINED = 5
"""The fewest shots of each retained class, even if the forgotten class has fewer."""
TEST_ROWS = 300
"""The most forgotten and the most retained test inputs on which an attack is measured."""
FEW, BATCH = 128, 64
"""Up to `FEW` inputs are one batch; larger numbers are split into batches of `BATCH`."""
RATE = 1e-2
CHUNK = 64


@dataclass(frozen=True, eq=False)
class Opened:
    """Inputs as a surface reads them, forgotten ones first.

    `targets [n]`: column of each input's class; `rank [n]`: its position in a seeded order of its class, if inputs
    are to serve as shots.
    """

    read: Any
    targets: Tensor
    rank: Tensor
    forgotten: Tensor
    retained: Tensor

    def shots(self, k: int) -> Tensor:
        """Return the rows of `k` shots of each forgotten class, and at least `LEAST_RETAINED` of each other one."""
        shown = self.forgotten[self.rank[self.forgotten] < k]
        others = self.retained[self.rank[self.retained] < max(k, LEAST_RETAINED)]
        return torch.cat([shown, others])


def open_shots(surface: Surface, parts: Parts[Split], most: int, seed: int) -> Opened:
    """Read what `shots(k)` needs for every `k` up to `most`; fewer shots are a subset of more shots."""
    forget, retain = parts.forget_train, parts.retain_train
    if not len(retain):
        raise DataError("retain_train holds no input; an attacker needs some of every retained class")
    first, second = ranks(forget.labels, seed), ranks(retain.labels, seed)
    chosen, others = first < most, second < max(most, LEAST_RETAINED)
    rank = torch.from_numpy(np.concatenate([first[chosen], second[others]]))
    return open_inputs(surface, forget.select(chosen) if chosen.any() else None, retain.select(others), rank)


def open_test(surface: Surface, parts: Parts[Split], seed: int, most: int = TEST_ROWS) -> Opened:
    """Read the inputs of `inputs_to_test`."""
    return open_inputs(surface, *inputs_to_test(parts, seed, most))


def inputs_to_test(parts: Parts[Split], seed: int, most: int = TEST_ROWS) -> tuple[Split, Split]:
    """Return a seeded choice of at most `most` forgotten and `most` retained test inputs."""
    chosen = []
    for name, part in (("forget_test", parts.forget_test), ("retain_test", parts.retain_test)):
        if not len(part):
            raise DataError(f"{name} holds no input; give a test part of forgotten and of retained classes")
        chosen.append(part.select(drawn(len(part), most, derive_seed(seed, "few shot", name))))
    return chosen[0], chosen[1]


def open_inputs(surface: Surface, forget: Split | None, retain: Split, rank: Tensor | None = None) -> Opened:
    """Read forgotten and retained inputs together; raises `DataError` for a retained class that the model lacks."""
    column = {label: number for number, label in enumerate(surface.labels)}
    unknown = sorted(set(retain.labels) - set(column))
    if unknown:
        raise DataError(
            f"{unknown[0]!r} counts as retained, but the model has no such class; leave its inputs out"
        )
    forgotten_count = 0 if forget is None else len(forget)
    targets = torch.tensor([len(column)] * forgotten_count + [column[label] for label in retain.labels])
    both = retain if forget is None else joined(forget, retain)
    rows = torch.arange(len(both))
    rank = torch.zeros_like(rows) if rank is None else rank
    return Opened(surface.read(both.inputs), targets, rank, rows[:forgotten_count], rows[forgotten_count:])


def ranks(labels: Labels, seed: int) -> npt.NDArray[np.intp]:
    """Return each input's position `[n]` in a seeded order of its own class; other classes don't change it."""
    rank = np.empty(len(labels), dtype=np.intp)
    for label in set(labels):
        members = np.flatnonzero(labels == label)
        rng = np.random.default_rng(derive_seed(seed, "few shot", label))
        rank[members] = rng.permutation(len(members))
    return rank


def drawn(count: int, most: int, seed: int) -> npt.NDArray[np.intp]:
    """Return up to `most` of `count` positions, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def joined(first: Split, second: Split) -> Split:
    """Return the inputs of both; raises `DataError` if they are of different kinds, shapes or sampling rates."""
    a, b = first.inputs, second.inputs
    labels = label_array([*first.labels, *second.labels])
    if isinstance(a, list) and isinstance(b, list):
        return Split([*a, *b], labels)
    if (
        isinstance(a, Sounds)
        and isinstance(b, Sounds)
        and (a.rate, a.waves.shape[1]) == (b.rate, b.waves.shape[1])
    ):
        return Split(Sounds(np.concatenate([a.waves, b.waves]), a.rate), labels)
    if isinstance(a, Vectors) and isinstance(b, Vectors) and a.width == b.width:
        return Split(Vectors(np.concatenate([a.values, b.values])), labels)
    if isinstance(a, Texts) and isinstance(b, Texts):
        return Split(Texts(np.concatenate([a.values, b.values])), labels)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape[1:] == b.shape[1:]:
        return Split(np.concatenate([a, b]), labels)
    raise DataError("forgotten and retained inputs differ in kind, shape or sampling rate; give one kind")


def relabelled(targets: Tensor, kind: str, columns: int, generator: torch.Generator) -> Tensor:
    """Return `targets [n]` as an attacker has them: `true`, `shuffled` among the shots, or `random` of `columns`."""
    if kind == "true":
        return targets
    if kind == "shuffled":
        return targets[torch.randperm(len(targets), generator=generator)]
    if kind == "random":
        return torch.randint(columns, targets.shape, generator=generator)
    raise UsageError(f"labels are {kind!r}; choose one of {', '.join(LABELS)}")


def train_class(
    surface: Surface,
    read: Any,
    rows: Tensor,
    targets: Tensor,
    part: str,
    tokens: int,
    steps: int,
    generator: torch.Generator,
    rate: float = RATE,
) -> Weights:
    """Learn one more class from the inputs `rows [n]` with `targets [n]`, all live weights fixed.

    Cross-entropy over live logits and the new one, Adam. `part`: "key" learns the prompt under a random row of live
    norm, with the mean live bias; "row" learns row and bias from zero under an untrained prompt, so that the model is
    run once; "both" learns all. Raises `UsageError` for another part, `DataError` without inputs.
    """
    if part not in PARTS:
        raise UsageError(f"the part to learn is {part!r}; choose one of {', '.join(PARTS)}")
    if not len(rows):
        raise DataError("there is no input to learn a class from")
    new = surface.start(tokens, generator)
    if part == "key":
        direction = torch.randn(new["row"].shape, generator=generator).to(new["row"])
        new["row"] = direction / direction.norm() * row_norm(surface, read, rows, new)
        new["bias"] = torch.full_like(new["bias"], live_bias(surface))
    fixed = fixed_prompt(surface, read, rows, new) if part == "row" else None
    names = [name for name in new if part == "both" or (name in surface.prompt_names) == (part == "key")]
    trained = [new[name].requires_grad_() for name in names]

    def loss(chosen: Tensor) -> Tensor:
        if fixed is None:
            logits = surface.logits(read, rows[chosen], new)
        else:
            others, readout = (values[chosen] for values in fixed)
            new_scores = readout @ new["row"].flatten() + new["bias"]
            logits = torch.cat([others, new_scores[:, None]], dim=1)
        return F.cross_entropy(logits, targets[chosen].to(logits.device))

    for _ in descend(trained, loss, len(rows), steps, generator, rate):
        pass
    return {name: tensor.detach() for name, tensor in new.items()}


@torch.no_grad()
def fixed_prompt(surface: Surface, read: Any, rows: Tensor, new: Weights) -> tuple[Tensor, Tensor]:
    """Return the live logits `[n, C]` and the readout `[n, F]`, which training a row doesn't change."""
    parts = rows.split(CHUNK)
    others = [surface.logits(read, part, new)[:, : len(surface.labels)] for part in parts]
    return torch.cat(others), torch.cat([surface.readout(read, part, new) for part in parts])


def descend(
    trained: Sequence[Tensor],
    loss: Callable[[Tensor], Tensor],
    count: int,
    steps: int,
    generator: torch.Generator,
    rate: float = RATE,
    batch: int | None = None,
) -> Iterator[int]:
    """Take Adam steps on `loss(rows)` and yield the number of each, from 1, after it.

    `batch`: how many of `count` rows a step sees; all are seen once before any is seen twice. By default all, or
    `BATCH` if there are more than `FEW`.
    """
    size = batch or (count if count <= FEW else BATCH)
    optimizer = Adam(trained, rate)
    waiting = torch.empty(0, dtype=torch.long)
    for step in range(1, steps + 1):
        if not len(waiting):
            waiting = torch.randperm(count, generator=generator)
        chosen, waiting = waiting[:size], waiting[size:]
        optimizer.zero_grad()
        loss(chosen).backward()
        optimizer.step()
        yield step


def live_bias(surface: Surface) -> float:
    """Return the mean bias of live classes; zero if there are none."""
    bias = surface.live().get("bias")
    return 0.0 if bias is None else float(bias.mean())


@torch.no_grad()
def row_norm(surface: Surface, read: Any, rows: Tensor, new: Weights) -> float:
    """Return the mean norm of live rows.

    A closed form has no rows. A row of random direction and norm `r` has scores of deviation
    `r rms|readout| / sqrt(F)`, so `r` is such that this is the deviation of the live scores.
    """
    live = surface.live().get("row")
    if live is not None:
        return float(live.flatten(1).norm(dim=1).mean())
    some = rows[:CHUNK]
    deviation = float(surface.logits(read, some).std(correction=0))
    size = float(surface.readout(read, some, new).square().mean().sqrt())  # already divided by sqrt(F)
    return deviation / size if deviation and size else 1.0


@torch.no_grad()
def regained(
    surface: Surface,
    read: Any,
    forget_rows: Tensor,
    retain_rows: Tensor,
    new: Weights,
    live: Weights | None = None,
) -> tuple[float, float]:
    """Return the share of forgotten inputs whose best column of `C + 1` is the new one, and that of retained inputs."""

    def share(rows: Tensor) -> float:
        won = [
            surface.logits(read, part, new, live).argmax(dim=1) == len(surface.labels)
            for part in rows.split(CHUNK)
        ]
        return float(torch.cat(won).double().mean())

    return share(forget_rows), share(retain_rows)
