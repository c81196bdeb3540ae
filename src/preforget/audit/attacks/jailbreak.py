"""Attempts to bring the forgotten class back, or to get its inputs accepted, without any training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from preforget.audit.attacks.attack import About, Effort, Finding
from preforget.audit.attacks.observe import Array, Parts
from preforget.audit.attacks.pgd import BATCH, Accepts, attack_pixels, drawn, share_of
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.scene import Scene
from preforget.backbones.spectrogram import AudioEncoder
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError, UsageError
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.engines.prompted import PromptEngine
from preforget.white_box.surface import Surface, Weights

ATTEMPTS = {
    "no_prompt": "untrained prompt, mean row",
    "others": "record of another class",
    "shuffled": "prompt of one class, row of another",
    "mixed": "convex mix of records",
    "scaled": "scaled mean record",
    "stolen": "record from another model",
}
ABOUT = About(
    name="jailbreak",
    title="Jailbreaks",
    asks="Can forged class records in the forgotten one's place, or changed pixels, make the model take its inputs? "
    "The control does the same to a retained class whose record is left out: what catches everything says nothing of "
    "the forgotten class. Shares of few inputs: the margin is 0.10.",
    source="claim of arXiv 2509.15230; ForgetGate; PGD: Madry et al., arXiv 1706.06083, equation 1",
    margin=0.10,
    titles={
        **{key: f"{title}: forgotten inputs caught" for key, title in ATTEMPTS.items()},
        "pgd": "PGD on the input: forgotten inputs accepted",
        **{f"{key}_steals": f"{title}: retained inputs stolen" for key, title in ATTEMPTS.items()},
        **{
            f"{key}_control": f"control: {title}: a retained class's inputs"
            for key, title in ATTEMPTS.items()
        },
        "pgd_before": "before PGD: forgotten inputs accepted",
        "pgd_control": "control: PGD: retained inputs whose answer changes",
    },
    unjudged=frozenset(
        [f"{key}_{what}" for key in ATTEMPTS for what in ("steals", "control")]
        + ["pgd_before", "pgd_control"]
    ),
)

SIZES = {"quick": (4, 20, 40), "standard": (8, 50, 120), "full": (16, 100, 200)}
"""By suite: candidates of an attempt, rows to choose the best of them, rows to report."""

PGD_SIZES = {"quick": (20, 10), "standard": (60, 20), "full": (60, 20)}
"""By suite: inputs of each part, steps."""

PIXEL_STEP = 8 / 255
"""The largest change of a pixel by PGD, on a scale of 1."""
SOUND_STEP = 0.1
"""The largest change of a spectrogram by PGD, in its normalised units."""
KEPT = 0.95
"""The share of retained inputs that a model without its own threshold is assumed to answer."""

FACTORS = (0.5, 2.0, 5.0)
MOST_COPIES = 16
"""How many records are tried unchanged, in every suite: with up to that many classes no kept record is missed."""

TIE = 1e-4

Record = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs that were read: `search` rows choose among candidates, `report` rows measure the chosen one."""

    read: Any
    search: Tensor
    report: Tensor


def attack(
    surface: Surface,
    parts: Parts[Split],
    effort: Effort,
    seed: int,
    stolen: Weights | None = None,
    accepts: Accepts | None = None,
    eps: float | Tensor | None = None,
    threshold: float = 0.5,
) -> Finding:
    """Forge records from live ones and attack pixels.

    `stolen`: the record of the forgotten class from a model of another seed; `accepts`: the model's own rule from
    scores `[n, C]` to `bool [n]`, by default that the largest softmax reaches `threshold`; `eps`: the largest change of
    a normalised pixel, 8/255 divided by the deviation of its channel, broadcast to `pixels`; None leaves PGD out.
    An attempt's value is that of its best candidate: chosen on one half of the test rows by what it catches less what
    it steals, measured on the other. Records compete with the classes that stay, so that Original's own record can be
    found. Raises `DataError` for too few test inputs, `UsageError` for a `stolen` record that doesn't fit.
    """
    most, searched, reported = SIZES[effort.suite]
    sizes = min(searched, effort.rows), min(reported, effort.rows)
    columns = range(len(surface.labels))
    gone = {*parts.forget_train.labels, *parts.forget_test.labels}
    rivals = [column for column in columns if surface.labels[column] not in gone]
    retained, forgotten = parts.retain_test, parts.forget_test
    if not rivals or min(len(retained), len(forgotten)) < 2:
        raise DataError("jailbreaks need a retained class and two test inputs of each part; give more data")
    stolen = None if stolen is None else _fitting(surface, stolen)
    values = {}
    own_inputs, other_inputs = (_read(surface, part, sizes, seed) for part in (forgotten, retained))
    for key, records in forged(surface, columns, most, seed, stolen).items():
        values[key], values[f"{key}_steals"] = _best(surface, records, rivals, own_inputs, other_inputs)
    known = sorted(set(retained.labels) & {surface.labels[column] for column in rivals})
    label = known[derive_seed(seed, "jailbreak", "control") % len(known)] if known else ""
    attacked, stay = retained.only(label), retained.without(label)
    if len(rivals) > 1 and min(len(attacked), len(stay)) > 1:
        columns_left, rivals_left = (
            [c for c in cs if surface.labels[c] != label] for cs in (columns, rivals)
        )
        own_inputs, other_inputs = (_read(surface, part, sizes, seed) for part in (attacked, stay))
        for key, records in forged(surface, columns_left, most, seed, stolen).items():
            values[f"{key}_control"], _ = _best(surface, records, rivals_left, own_inputs, other_inputs)
    if eps is not None:
        rule = accepts or (lambda scores: scores.softmax(dim=1).max(dim=1).values >= threshold)
        values |= attack_pixels(surface, parts, rule, eps, PGD_SIZES[effort.suite], seed)
    attempts = [key for key in [*ATTEMPTS, "pgd"] if key in values]
    shown = {"caught": "", "steals": "_steals", "control": "_control"}
    bars = {
        name: [round(values[k + end], 4) if k + end in values else None for k in attempts]
        for name, end in shown.items()
    }
    return Finding(values, {"attempt": attempts, **bars})


@register_attack(ABOUT, weight=4, open_weights=True)
def attack_scene(scene: Scene) -> Finding:
    """Forge records for a model with open weights, and move its inputs."""
    return attack(
        scene.surface,
        scene.splits,
        scene.effort,
        scene.seed,
        stolen=scene.stolen(),
        accepts=rule_of(scene),
        eps=step_of(scene),
    )


def rule_of(scene: Scene) -> Accepts:
    """Return the model's own rule for answering, from scores `[n, C]`; a quantile of softmax if it has none."""
    model = scene.model
    if isinstance(model, PreForgettableClassifier) and isinstance(model.engine_, PromptEngine):
        return partial(_accepted, model.engine_, model.engine_.bank.attached, model.keep_)
    known = scene.surface.logits(
        scene.surface.read(scene.splits.retain_test.inputs), torch.arange(len(scene.splits.retain_test))
    )
    limit = float(torch.quantile(torch.softmax(known.double(), dim=1).max(dim=1).values, 1 - KEPT))
    return lambda scores: torch.softmax(scores.detach().double(), dim=1).max(dim=1).values >= limit


def _accepted(engine: PromptEngine, labels: Sequence[str], keep: float, scores: Tensor) -> Tensor:
    values = scores.detach().cpu().numpy()
    return torch.from_numpy(engine.confidence(values, labels) >= engine.limits(values, labels, keep))


def step_of(scene: Scene) -> float | Tensor:
    """Return the largest change of an input, in the units of the encoder's input."""
    encoder = getattr(getattr(scene.model, "engine_", scene.model), "encoder", None)
    if encoder is None or isinstance(encoder, AudioEncoder):
        return SOUND_STEP
    return PIXEL_STEP / torch.tensor(encoder.preprocessing.std).view(3, 1, 1)


def forged(
    surface: Surface, sources: Sequence[int], most: int, seed: int, stolen: Weights | None = None
) -> dict[str, list[Record]]:
    """Return at most `most` candidates of each attempt, made from the live records at `sources`.

    There are up to `MOST_COPIES` copies of whole records. Without live prompts there is nothing to forge: only
    untrained prompts with random rows `N(0, 1 / F)`.
    """
    live = surface.live()
    generator = torch.Generator().manual_seed(derive_seed(seed, "jailbreak", "start"))
    rng = np.random.default_rng(derive_seed(seed, "jailbreak", "forge"))
    start = surface.start(live["prompt"].shape[1] if "prompt" in live else 1, generator)
    records: dict[str, list[Record]] = {}
    if not live:
        shape, device = start["row"].shape, start["row"].device
        rows = torch.randn(most, *shape, generator=generator) / shape.numel() ** 0.5
        records["no_prompt"] = [{**start, "row": row.to(device)} for row in rows]
    elif sources:
        live_records = [class_record(live, source) for source in sources]
        mean = mix(live_records, np.full(len(live_records), 1 / len(live_records)))
        bare = {name: tensor for name, tensor in start.items() if name in live}
        records["no_prompt"] = [{**bare, "row": mean["row"], "bias": mean["bias"]}]
        order = rng.permutation(len(live_records))
        records["others"] = [live_records[column] for column in order[:MOST_COPIES]]
        if len(live_records) > 1:
            if set(live_records[0]) > {"row", "bias"}:
                pairs = list(zip(order, np.roll(order, 1), strict=True))[:most]
                records["shuffled"] = [
                    {
                        **live_records[first],
                        "row": live_records[second]["row"],
                        "bias": live_records[second]["bias"],
                    }
                    for first, second in pairs
                ]
            records["mixed"] = [
                mix(live_records, rng.dirichlet(np.ones(len(live_records)))) for _ in range(most)
            ]
        records["scaled"] = [{name: factor * tensor for name, tensor in mean.items()} for factor in FACTORS]
    if stolen is not None:
        records["stolen"] = [dict(stolen)]
    return records


def class_record(live: Weights, column: int) -> Record:
    """Return the weights of one class out of `live [C, ...]`, without shared weights."""
    return {name: tensor[column] for name, tensor in live.items() if not name.startswith("adapter.")}


def mix(records: Sequence[Record], weights: Array) -> Record:
    """Return `sum_i weights_i record_i`; `weights [records]`."""
    shares = torch.as_tensor(weights)
    return {
        name: torch.tensordot(shares.to(first), torch.stack([r[name] for r in records]), dims=1)
        for name, first in records[0].items()
    }


def caught(live: Tensor, new: Tensor) -> Tensor:
    """Return which inputs the new class's scores `[n]` win over `live [n, C]`, `bool [n]`; it wins ties.

    A copied record has the score of its original up to rounding, so a near tie counts as a tie.
    """
    best = live.max(dim=1).values
    return new >= best - TIE * (1 + best.abs())


def _best(
    surface: Surface, records: Sequence[Record], rivals: list[int], own_inputs: Inputs, other_inputs: Inputs
) -> tuple[float, float]:
    """Return the shares of `own_inputs` and of `other_inputs` that the best record catches."""

    def share(record: Record, inputs: Inputs, rows: Tensor) -> float:
        shares = [caught(*_scores(surface, inputs.read, part, record, rivals)) for part in rows.split(BATCH)]
        return share_of(shares)

    gains = [
        share(r, own_inputs, own_inputs.search) - share(r, other_inputs, other_inputs.search) for r in records
    ]
    best = records[int(np.argmax(gains))]
    return share(best, own_inputs, own_inputs.report), share(best, other_inputs, other_inputs.report)


@torch.no_grad()
def _scores(
    surface: Surface, read: Any, rows: Tensor, record: Record, rivals: list[int]
) -> tuple[Tensor, Tensor]:
    """Return scores of the rivals `[n, rivals]` and of the record `[n]`, other classes' prompts taken out."""
    live = surface.live()
    # a closed form has no weights to remove, only a column
    if len(rivals) == len(surface.labels) or not live:
        logits = surface.logits(read, rows, record)
        return logits[:, rivals], logits[:, -1]
    kept = {name: t if name.startswith("adapter.") else t[rivals] for name, t in live.items()}
    logits = surface.logits(read, rows, record, kept)
    return logits[:, :-1], logits[:, -1]


def _read(surface: Surface, split: Split, sizes: tuple[int, int], seed: int) -> Inputs:
    """Read a seeded choice of inputs, up to half of them for the search, the others for the report."""
    order = drawn(len(split), len(split), seed)
    search, report = order[: len(order) // 2][: sizes[0]], order[len(order) // 2 :][: sizes[1]]
    read = surface.read(split.select(torch.cat([search, report]).numpy()).inputs)
    rows = torch.arange(len(search) + len(report))
    return Inputs(read, rows[: len(search)], rows[len(search) :])


def _fitting(surface: Surface, stolen: Weights) -> Record:
    """Return a foreign record on the model's device; raises `UsageError` if the model can't hold it."""
    start = surface.start(1, torch.Generator().manual_seed(0))
    live = surface.live()
    needed = {name for name in start if name in live or not live}
    row = stolen.get("row")
    if needed - set(stolen) or row is None or row.shape != start["row"].shape:
        raise UsageError(
            f"the stolen record has {sorted(stolen)}, and the model needs {sorted(needed)} with a row of shape "
            f"{tuple(start['row'].shape)}; take it from a model of the same engine, backbone and options"
        )
    return {name: tensor.detach().to(start["row"].device) for name, tensor in stolen.items()}
