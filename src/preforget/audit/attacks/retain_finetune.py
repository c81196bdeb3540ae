"""Fine-tuning on retained data: whether forgotten knowledge comes back without a single forgotten input."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.audit.attacks import row_recovery
from preforget.audit.attacks.attack import About, Effort, Finding
from preforget.audit.attacks.few_shot import (
    CHUNK,
    Opened,
    descend,
    drawn,
    inputs_to_test,
    live_bias,
    open_inputs,
    open_test,
    row_norm,
)
from preforget.audit.attacks.observe import Parts
from preforget.audit.attacks.registry import register_attack
from preforget.audit.attacks.row_recovery import Numbers, Sight
from preforget.audit.attacks.scene import Scene
from preforget.core.errors import DataError, UsageError
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.data.dataset import Images
from preforget.metrics.roc import auc
from preforget.white_box.surface import Features, Surface, Weights

STEPS = {"quick": 30, "standard": 200, "full": 400}
RATE, BATCH, ROWS = 1e-3, 32, 500
PROMPTS, DIRECTIONS = 2, 64
"""How many classes of random start are tried: prompts, and rows under each."""
SHOTS = 5

ABOUT = About(
    name="retain_finetune",
    title="Fine-tuning on retained data",
    asks="After more training on retained data alone, do inputs of the forgotten class stand out again? The margin of "
    "5-shot prototypes is 0.10, since few draws differ.",
    source="relearning without forgotten data: arXiv 2505.22310; prototypes: arXiv 2506.01318",
    margin=0.05,
    titles={
        "returned without samples": "forgotten inputs taken by a class of random start, after fine-tuning",
        "5-shot prototypes after fine-tuning": "forgotten inputs taken back by 5-shot prototypes, after fine-tuning",
        "auroc after": "confidence, retained against forgotten: AUROC after fine-tuning",
        "auroc before": "confidence, retained against forgotten: AUROC before",
    },
    margins={"5-shot prototypes after fine-tuning": 0.10},
    unjudged=frozenset({"auroc before"}),
)


class Tuned:
    """A surface with `live` in place of its own weights, for `read`, `logits` and `readout`."""

    def __init__(self, surface: Surface, live: Weights) -> None:
        self.labels, self.prompt_names = surface.labels, surface.prompt_names
        self._surface, self._live = surface, {name: tensor.detach() for name, tensor in live.items()}

    def read(self, inputs: Images) -> Any:
        """Return what the surface reads, which no learned weight changes."""
        return self._surface.read(inputs)

    def start(self, tokens: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Return untrained weights of one more class."""
        return self._surface.start(tokens, generator)

    def logits(
        self, read: Any, rows: Tensor, new: Weights | None = None, live: Weights | None = None
    ) -> Tensor:
        """Return scores under the tuned weights."""
        return self._surface.logits(read, rows, new, live or self._live)

    def readout(self, read: Any, rows: Tensor, new: Weights) -> Tensor:
        """Return what the row acts on under the tuned weights: the slope of a score that is linear in the row."""
        row = new["row"].detach().clone().requires_grad_()
        with torch.enable_grad():
            logit = self.logits(read, rows, {**new, "row": row})[:, -1]
            slopes = [torch.autograd.grad(score, row, retain_graph=True)[0].flatten() for score in logit]
        return torch.stack(slopes)

    def live(self) -> dict[str, Tensor]:
        """Return copies of the tuned weights."""
        return {name: tensor.clone() for name, tensor in self._live.items()}

    def features(self, inputs: Images) -> Features:
        """Refuse: the interface can't compute features under other weights."""
        raise UsageError("a tuned copy has only scores and readouts; take features of the model itself")

    def open(self, pixels: Tensor) -> Tensor:
        """Refuse: the interface can't go back to pixels under other weights."""
        raise UsageError("a tuned copy has only scores and readouts; attack pixels of the model itself")

    def pixels(self, inputs: Images, rows: Tensor) -> Tensor:
        """Return pixels as the surface does."""
        return self._surface.pixels(inputs, rows)


def attack(surface: Surface, parts: Parts[Split], effort: Effort, seed: int) -> Finding:
    """Fine-tune copies of all live weights on retained data, then measure how much of the forgotten class came back.

    A model that learned nothing by gradient can't be tuned: its values are those of the untouched model, and the
    figures say so. Raises `DataError` for parts without inputs.
    """
    live, losses = surface.live(), list[float]()
    tuned: Surface = surface
    if live:
        pool = parts.retain_train
        if not len(pool):
            raise DataError("retain_train holds no input to fine-tune on")
        chosen = drawn(len(pool), ROWS, derive_seed(seed, "retain finetune", "rows"))
        opened = open_inputs(surface, None, pool.select(chosen))
        live, losses = fine_tuned(surface, opened, STEPS[effort.suite], seed)
        tuned = Tuned(surface, live)
    test = open_test(surface, parts, seed)
    before, after = (auc(*_confidence(model_surface, test)) for model_surface in (surface, tuned))
    values = {
        "returned without samples": _random_start(tuned, parts, seed),
        "auroc before": before,
        "auroc after": after,
    }
    draws = row_recovery.DRAWS[effort.suite]
    for by_kind in row_recovery.recovered(tuned, parts, (SHOTS,), draws, seed).values():
        values["5-shot prototypes after fine-tuning"] = row_recovery.better(by_kind)
    figures: dict[str, Any] = {"tuned": bool(live)}
    if losses:
        every = max(1, len(losses) // 100)
        figures |= {
            "step": list(range(1, len(losses) + 1, every)),
            "loss": [round(x, 5) for x in losses[::every]],
        }
    return Finding(values, figures)


@register_attack(ABOUT, weight=4, open_weights=True)
def attack_scene(scene: Scene) -> Finding:
    """Tune a model with open weights on retained data."""
    return attack(scene.surface, scene.splits, scene.effort, scene.seed)


def fine_tuned(
    surface: Surface, pool: Opened, steps: int, seed: int
) -> tuple[dict[str, Tensor], list[float]]:
    """Return copies of all live weights after `steps` of Adam on retained inputs, and the loss of each step.

    Cross-entropy over live classes; the model itself stays as it is.
    """
    live, losses = surface.live(), list[float]()
    trained = [tensor.requires_grad_() for tensor in live.values()]

    def loss(chosen: Tensor) -> Tensor:
        logits = surface.logits(pool.read, pool.retained[chosen], live=live)
        value = F.cross_entropy(logits, pool.targets[pool.retained[chosen]].to(logits.device))
        losses.append(float(value.detach()))
        return value

    generator = torch.Generator().manual_seed(derive_seed(seed, "retain finetune", "order"))
    for _ in descend(trained, loss, len(pool.retained), steps, generator, RATE, BATCH):
        pass
    return {name: tensor.detach() for name, tensor in live.items()}, losses


def taken_at_random(sight: Sight, norm: float, bias: float, directions: Numbers) -> float:
    """Return the mean share of inputs taken by classes whose rows have `directions [d, F]`, this norm and this bias."""
    rows = directions / np.linalg.norm(directions, axis=1, keepdims=True) * norm
    return float((sight.readout @ rows.T + bias > sight.best[:, None]).mean())


def _random_start(surface: Surface, parts: Parts[Split], seed: int) -> float:
    """Return the share of forgotten test inputs taken by classes of random prompts and rows."""
    forget, _ = inputs_to_test(parts, seed)
    shares = []
    for number in range(PROMPTS):
        start_seed = derive_seed(seed, "retain finetune", "start", number)
        new = surface.start(1, torch.Generator().manual_seed(start_seed))
        few = forget.select(np.arange(min(CHUNK, len(forget))))
        norm = row_norm(surface, surface.read(few.inputs), torch.arange(len(few)), new)
        forget_sight = row_recovery.sight(surface, forget, new)
        directions = np.random.default_rng(start_seed).standard_normal(
            (DIRECTIONS, forget_sight.readout.shape[1])
        )
        shares.append(taken_at_random(forget_sight, norm, live_bias(surface), directions))
    return float(np.mean(shares))


@torch.no_grad()
def _confidence(surface: Surface, test: Opened) -> tuple[Numbers, Numbers]:
    """Return how sure the model is of retained and of forgotten inputs, in float64.

    `log (p / (1 - p))` of the largest softmax `p` over live classes: the same order without its rounding to 1.
    """

    def of(rows: Tensor) -> Numbers:
        scores = torch.cat([surface.logits(test.read, part).double() for part in rows.split(CHUNK)])
        top, column = scores.max(dim=1)
        rest = scores.scatter(1, column[:, None], -torch.inf).logsumexp(dim=1)
        confidence: Numbers = torch.nan_to_num(top - rest).cpu().numpy()  # a single class is always sure
        return confidence

    return of(test.retained), of(test.forgotten)
