"""Which engine should be the default? Isolated, exact, LoRA + head and logistic regression on the same parts of sets.

    python benchmarks/engines_compare.py --shared FOLDER --cache FOLDER --out rows.jsonl
    python benchmarks/engines_compare.py --out rows.jsonl --table

One JSON line per learning: accuracy, ECE with its floor, the worst class's recall, processor seconds and bytes, and for
each drawn class, left out of the answers as if it had been forgotten: how well confidence tells it from the others
(AUROC), what share of it is turned away by the model's own threshold and by one that keeps 95 % of the other test
inputs, and how many of the others the model's own threshold answers. `without`: the class that a model was retrained
without. A line that is there is not made again; rows of the exact engine carry the format of its records, so that a
new version of it is measured anew.

Ordinary classifiers, whose rows of a forgotten class are deleted: their confidence is the highest probability;
`odds` is the AUROC by the statistic that the isolated engine uses. Their probabilities are calibrated like the isolated
engine's. Logistic regression reads what the exact engine of format 2 reads, standardised.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import preforget as pf
from compare_sets import SETS, SetOf, parts_of
from compare_table import table
from preforget.backbones.encoder import Encoder
from preforget.baselines.lora_head import LoraHead, LoraHeadConfig
from preforget.data import Split, Vectors
from preforget.engines import features
from preforget.engines.abstention import Abstention
from preforget.engines.base import Session
from preforget.engines.coverage import one_limit
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.options import Isolated
from preforget.engines.pair_scores import PairScores
from preforget.metrics.debiased_calibration import debiased_error, equal_mass_bins, floor_of
from preforget.metrics.roc import auc
from preforget.metrics.softmax import softmax
from preforget.store.manifest import FORMAT

KEEP = 0.95
FORGOTTEN = 5
LEVELS = 4
SEEDS = {"exact": (0, 1, 2), "logistic": (0, 1, 2), "isolated": (0,), "lora": (0,)}

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Told:
    """What a model says of test inputs if it knows `labels`: scores, probabilities, confidence, and its limit."""

    scores: Floats
    probabilities: Floats
    confidence: Floats
    limit: Floats
    odds: Floats | None = None


Teller = Callable[[Sequence[str]], Told]


@dataclass(frozen=True)
class Job:
    """One learning."""

    data: SetOf
    engine: str
    seed: int
    without: str = ""
    views: str = ""

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from others."""
        version = FORMAT if self.engine == "exact" else 0
        return self.data.name, self.engine, version, self.seed, self.without, self.views


def main() -> None:
    """Make the lines that are missing, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--shared", type=Path, default=Path("shared"), help="the folder of data and backbones"
    )
    parser.add_argument("--cache", type=Path, default=Path("compare-cache"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=[one.name for one in SETS])
    parser.add_argument("--engines", nargs="+", default=[*SEEDS], choices=[*SEEDS])
    parser.add_argument("--steps", type=int, default=800, help="of the isolated engine, but on vectors")
    parser.add_argument("--epochs", type=int, default=10, help="of LoRA")
    parser.add_argument(
        "--views", nargs="+", default=[], help="the exact engine with such mirrored copies, too"
    )
    parser.add_argument(
        "--retrained", type=int, default=FORGOTTEN, help="of how many drawn classes to learn without each"
    )
    parser.add_argument("--table", action="store_true", help="print what is there, make nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.cache.mkdir(parents=True, exist_ok=True)
    for job in () if args.table else jobs(args):
        if job.key not in {tuple(row["key"]) for row in rows(args.out)}:
            row = {"key": job.key, **measured(job, args)}
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(job.key, f"accuracy {row['accuracy']:.3f}, {row['seconds']:.0f} s", flush=True)
    table(rows(args.out), {one.name: one for one in SETS})


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the lines that are there."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def jobs(args: argparse.Namespace) -> Iterator[Job]:
    """Yield what is to be learned: cheap engines first, then one retraining of each set after another."""
    sets = [one for one in SETS if one.name in args.sets]
    for engines in (("exact", "logistic"), ("isolated",), ("lora",)):
        for data in sets:  # these two share what the backbone says
            for engine in engines:
                if engine in args.engines and not (engine == "lora" and data.text):
                    for seed in SEEDS[engine]:
                        yield Job(data, engine, seed)
                        if engine == "exact" and data.mirrors:
                            for views in args.views:
                                yield Job(data, engine, seed, views=views)
    if "isolated" in args.engines:
        for number in range(min(args.retrained, FORGOTTEN)):
            for data in sets:
                labels = sorted(set(parts_of(data, args.shared, 0, args.cache)[0].labels))
                yield Job(data, "isolated", 0, without=classes_to_forget(labels)[number])


def classes_to_forget(labels: Sequence[str]) -> list[str]:
    """Return the drawn classes; the first of them are those to retrain without."""
    order = np.random.default_rng(20).permutation(len(labels))
    return [labels[i] for i in order[:FORGOTTEN]]


def measured(job: Job, args: argparse.Namespace) -> dict[str, Any]:
    """Learn once, and return what is to be known."""
    train, held_out, test = parts_of(job.data, args.shared, job.seed, args.cache)
    labels = sorted(set(train.labels))
    forgotten = classes_to_forget(labels)
    if job.without:
        train, held_out = train.without(job.without), held_out.without(job.without)
        labels, forgotten = sorted(set(train.labels)), [job.without]
    start = time.process_time()
    learn = {"lora": lora, "logistic": logistic}.get(job.engine, ours)
    tell, size = learn(job, args, train, held_out, test)
    seconds = time.process_time() - start
    whole = tell(labels)
    known = np.isin(test.labels, labels)
    place = np.array([labels.index(label) if label in labels else -1 for label in test.labels])
    right = whole.scores.argmax(axis=1) == place
    recalls = [float(right[place == column].mean()) for column in range(len(labels))]
    return {
        "inputs": [len(train), len(held_out), len(test)],
        "classes": len(labels),
        "accuracy": float(right[known].mean()),
        "worst": min(recalls),
        **calibrated(whole, right, known),
        "answered": float((whole.confidence >= whole.limit)[known].mean()),
        "seconds": seconds,
        "bytes": size,
        "forgotten": [gone(tell, labels, label, test) for label in forgotten],
    }


def gone(tell: Teller, labels: Sequence[str], label: str, test: Split) -> dict[str, Any]:
    """Return how a model without a class tells its inputs from the others."""
    live = [name for name in labels if name != label]
    told = tell(live)
    known = test.labels != label
    place = np.array([live.index(name) if name in live else -1 for name in test.labels])
    right = told.scores.argmax(axis=1) == place
    answered = told.confidence >= told.limit
    cut = np.quantile(told.confidence[known].astype(np.float64), 1 - KEEP)
    return {
        "label": label,
        "auroc": auc(told.confidence[known], told.confidence[~known]),
        "odds": None if told.odds is None else auc(told.odds[known], told.odds[~known]),
        "turned away": float((~answered)[~known].mean()),
        "turned away at 95 %": float((told.confidence[~known] < cut).mean()),
        "answered": float(answered[known].mean()),
        "accuracy": float(right[known].mean()),
        **calibrated(told, right, known),
    }


def calibrated(told: Told, right: Any, known: Any) -> dict[str, float]:
    """Return the debiased calibration error of known inputs, and what chance alone would show undebiased."""
    bins = equal_mass_bins(told.probabilities[known].max(axis=1), right[known])
    return {"ece": debiased_error(bins)[0], "floor": floor_of(bins)}


def ours(
    job: Job, args: argparse.Namespace, train: Split, held_out: Split, test: Split
) -> tuple[Teller, int]:
    """Learn with one of our engines."""
    backbone: Any = "features" if job.data.text else encoder_of(job, args)
    if job.engine == "exact" and not job.data.text:
        backbone = remembering(
            backbone, states_of(job.data.name)
        )  # pairs have no prompts here, which would need keys and values
    options: dict[str, Any] = {"views": job.views} if job.views else {}
    if job.engine == "isolated" and not job.data.text:
        config = Isolated()
        batch = config.schedule(len(train)).batch_size
        options["epochs"] = -(-args.steps * batch // len(train))
    model = pf.PreForgettableClassifier(
        backbone, job.engine, job.data.size, job.seed, keep=KEEP, device="cpu", dtype="float32", **options
    )
    engine = model.fit(train, validation=held_out).engine_
    every = engine.bank.attached
    tensors = [tensor for record in engine.records() for tensor in record.tensors.values()]
    size = sum(t.numel() * t.element_size() for t in tensors)
    scored = engine.evaluate(test.inputs, every)[0] if isinstance(engine, IsolatedEngine) else None

    def tell(labels: Sequence[str]) -> Told:
        if scored is not None and isinstance(engine, IsolatedEngine):
            scores = scored[:, [every.index(label) for label in labels]]
            confidence = engine.confidence(scores, labels)
        else:
            scores, confidence = engine.evaluate(test.inputs, labels)
        shares = engine.class_probabilities(scores, labels)
        return Told(scores, shares, confidence, engine.limits(scores, labels, KEEP))

    return tell, size


def lora(
    job: Job, args: argparse.Namespace, train: Split, held_out: Split, test: Split
) -> tuple[Teller, int]:
    """Learn an ordinary classifier: LoRA in every block and a linear head."""
    encoder = encoder_of(job, args)
    model = LoraHead(encoder, LoraHeadConfig(seed=job.seed, batch_size=16, epochs=args.epochs))
    model.learn(train, Session())
    size = sum(t.numel() * t.element_size() for t in model.parameters.values())
    return ordinary(model.labels, model.scores(held_out.inputs), held_out, model.scores(test.inputs)), size


def logistic(
    job: Job, args: argparse.Namespace, train: Split, held_out: Split, test: Split
) -> tuple[Teller, int]:
    """Fit logistic regression on frozen features; its strength is the best of three on the held-out inputs."""
    tables = [read(job, args, split) for split in (train, held_out, test)]
    fitted = [
        make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=200, tol=1e-3)).fit(
            tables[0], train.labels.astype(str)
        )
        for c in (1e-3, 1e-2, 1e-1)
    ]
    best = max(fitted, key=lambda one: one.score(tables[1], held_out.labels.astype(str)))
    labels = best.classes_.tolist()
    scores = [best.decision_function(x).astype(np.float32) for x in tables[1:]]
    return ordinary(labels, scores[0], held_out, scores[1]), int(best[-1].coef_.size * 4)


def encoder_of(job: Job, args: argparse.Namespace) -> Encoder:
    """Return the frozen backbone, on the CPU in float32."""
    name = job.data.backbone
    path = name if name == "builtin" else str(args.shared / "backbones" / name)
    return pf.load_backbone(path, image_size=job.data.size, device="cpu", dtype="float32")


STATES: dict[str, dict[bytes, torch.Tensor]] = {}
"""States of inputs of one set, by the digest of each."""


def states_of(name: str) -> dict[bytes, torch.Tensor]:
    """Return what is kept of one set, and drop that of others."""
    if name not in STATES:
        STATES.clear()
        STATES[name] = {}
    return STATES[name]


def remembering(encoder: Encoder, kept: dict[bytes, torch.Tensor]) -> Encoder:
    """Return the same encoder, but one that walks once through equal inputs, whose states it keeps.

    All drawn classes and all seeds share the test inputs.
    """
    kind, depth = type(encoder), encoder.depth

    def walk(self: Any, pixels: torch.Tensor) -> Iterator[Any]:
        keys = [hashlib.sha256(one.contiguous().numpy().tobytes()).digest() for one in pixels]
        missing = [row for row, key in enumerate(keys) if key not in kept]
        if missing:
            states = [h for h, _, _ in kind.walk(self, pixels[missing])]
            kept.update({keys[row]: torch.stack([h[i] for h in states]) for i, row in enumerate(missing)})
        none = pixels.new_empty(0)
        for number in range(depth + 1):
            yield torch.stack([kept[key][number] for key in keys]), none, none

    changed = type(kind.__name__, (kind,), {"walk": walk})
    made: Encoder = changed(**{field.name: getattr(encoder, field.name) for field in fields(encoder)})
    return made


def read(job: Job, args: argparse.Namespace, split: Split) -> Floats:
    """Return the features of a part."""
    if isinstance(split.inputs, Vectors):
        return split.inputs.values
    encoder = remembering(encoder_of(job, args), states_of(job.data.name))
    table: Floats = torch.cat(list(features.unit_features(encoder, split, LEVELS))).numpy().astype(np.float32)
    return table


def ordinary(labels: Sequence[str], held: Floats, held_out: Split, scores: Floats) -> Teller:
    """Return what a classifier with a row per class says when the rows of all but some are deleted."""

    def tell(live: Sequence[str]) -> Told:
        columns = [labels.index(label) for label in live]
        rows = np.isin(held_out.labels, live)
        truth = np.array([live.index(label) for label in held_out.labels[rows]])
        formed = Abstention.of(PairScores.of(live, truth, held[rows][:, columns]))
        mine = scores[:, columns]
        sure, of_held = (softmax(x.astype(np.float64)).max(axis=1) for x in (mine, held[rows][:, columns]))
        limit = np.full(len(mine), one_limit(of_held, KEEP))
        return Told(mine, formed.class_probabilities(mine), sure, limit, formed.confidence(mine))

    return tell


if __name__ == "__main__":
    main()
