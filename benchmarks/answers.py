"""Do answers mean what they say? Abstention, coverage and calibration where a model is right in 60 to 75 % of cases.

    python benchmarks/answers.py --data DERMAMNIST.NPZ --backbone VIT_TINY --image-size 48 --out answers.jsonl

From the training part a balanced set of few images a class is drawn, another as validation data, and a test set from
the test part. Each engine learns it. Then each class in turn is forgotten in a copy: how many of the others are
answered, how many of the forgotten are turned away, how well confidence tells them apart (AUROC), and how far
probabilities are from shares. For `--retrain` classes the same stands beside it of a model that never saw the class.
`old rule`: the same isolated model without its validation scores, which abstains by quantiles of each class's own
score.

One JSON line per engine, seed and class; lines that are there are not made again. With `--table` the means are printed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

import preforget as pf
from arguments import with_data
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError
from preforget.data import Split
from preforget.engines.isolated import IsolatedEngine
from preforget.metrics.shares import share_interval

ENGINES = ("isolated", "exact")


def main() -> None:
    """Read the arguments, make what is missing, print the table."""
    parser = with_data(__doc__)
    parser.add_argument("--train", type=int, default=60, help="images a class to learn from")
    parser.add_argument("--validation", type=int, default=30, help="images a class that are held out")
    parser.add_argument("--test", type=int, default=60, help="test images a class")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--engines", nargs="+", default=[*ENGINES], choices=ENGINES)
    parser.add_argument("--retrain", type=int, default=2, help="for how many classes to retrain without them")
    parser.add_argument("--epochs", type=int, help="of the isolated engine")
    parser.add_argument("--keep", type=float, default=0.95)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = pf.load_data(args.data, seed=0, allow_duplicates=True)
    for seed in args.seeds:
        for engine in args.engines:
            measure(args, data, engine, seed)
    table(rows(args.out))


def measure(args: argparse.Namespace, data: Any, engine: str, seed: int) -> None:
    """Learn a set with one engine, forget each class in a copy, and write what is missing."""
    wanted = [(kind, label) for label in ("", *data.classes) for kind in kinds(args, data.classes, label)]
    there = {(r["kind"], r["label"]) for r in rows(args.out) if (r["engine"], r["seed"]) == (engine, seed)}
    missing = [one for one in wanted if one not in there and (one[0] != "old rule" or engine == "isolated")]
    if not missing:
        return
    rng = np.random.default_rng(seed)
    train, validation = drawn(data.train, [args.train, args.validation], rng)
    (test,) = drawn(data.test, [args.test], rng)
    start = time.perf_counter()
    whole = learned(args, engine, seed, train, validation)
    seconds = time.perf_counter() - start
    for kind, label in missing:
        if kind == "retrained":
            model = learned(args, engine, seed, train.without(label), validation.without(label))
        else:
            model = whole.copy()
        if kind == "old rule":
            of_isolated(model)._held_out.take([])
        if label and kind != "retrained":
            model.forget(label)
        row = {
            "engine": engine,
            "seed": seed,
            "kind": kind,
            "label": label,
            "seconds": seconds,
            **facts(model, test),
        }
        with args.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True)


def kinds(args: argparse.Namespace, classes: list[str], label: str) -> list[str]:
    """Return what is measured of a class, or of the whole model for the empty name."""
    every = classes[:: max(1, len(classes) // max(1, args.retrain))][: args.retrain]
    return ["ours", "old rule", *(["retrained"] if label in every else [])]


def drawn(split: Split, counts: list[int], rng: np.random.Generator) -> Iterator[Split]:
    """Yield disjoint parts with so many images of every class; raises `DataError` if a class has too few."""
    parts: list[list[int]] = [[] for _ in counts]
    for label in sorted(set(split.labels)):
        places = rng.permutation(np.flatnonzero(split.labels == label)).tolist()
        if len(places) < sum(counts):
            raise DataError(f"a class has {len(places)} images, {sum(counts)} are needed; ask for fewer")
        for part, count in zip(parts, counts, strict=True):
            part += places[:count]
            del places[:count]
    yield from (split.select(sorted(part)) for part in parts)


def learned(
    args: argparse.Namespace, engine: str, seed: int, train: Split, validation: Split
) -> PreForgettableClassifier:
    """Return a model that has learned, on the CPU in float32."""
    model = PreForgettableClassifier(
        args.backbone,
        engine,
        args.image_size,
        seed,
        keep=args.keep,
        on_unknown="abstain",
        device="cpu",
        dtype="float32",
        **({"epochs": args.epochs} if engine == "isolated" and args.epochs else {}),
    )
    return model.fit(train, validation=validation)


def of_isolated(model: PreForgettableClassifier) -> IsolatedEngine:
    """Return the engine, which is the isolated one."""
    assert isinstance(model.engine_, IsolatedEngine)
    return model.engine_


def facts(model: PreForgettableClassifier, test: Split) -> dict[str, Any]:
    """Return the measures of one model, and the interval of the share that is answered."""
    found = model.evaluate(test)
    known = sum(one.count for one in found.classes)
    answered = sum(one.answered for one in found.classes)
    assert found.calibration is not None
    assert found.classwise is not None
    covered = model.engine_.coverage(model.keep_)
    return {
        "accuracy": found.accuracy,
        "answered": answered / known,
        "interval": share_interval(answered, known),
        "lowest class answered": min(one.answered / one.count for one in found.classes),
        "classes off": sum(not one.interval[0] <= model.keep_ <= one.interval[1] for one in found.classes),
        "turned away": found.unknown_abstained,
        "auroc": found.auroc,
        "ece": found.calibration.error,
        "ece plain": found.calibration.plain,
        "floor": found.calibration.floor,
        "classwise ece": found.classwise.error,
        "held out": sum(one.held_out for one in covered),
    }


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the lines that are there."""
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )


def table(found: list[dict[str, Any]]) -> None:
    """Print means over classes and seeds; those of classes that were retrained without once more."""
    both = {(r["engine"], r["seed"], r["label"]) for r in found if r["kind"] == "retrained"}
    for engine in sorted({r["engine"] for r in found}):
        for kind in ("ours", "old rule", "retrained"):
            for which, chosen in (
                ("whole", [r for r in found if not r["label"]]),
                ("all forgotten", [r for r in found if r["label"]]),
                ("same classes", [r for r in found if (r["engine"], r["seed"], r["label"]) in both]),
            ):
                of = [r for r in chosen if (r["engine"], r["kind"]) == (engine, kind)]
                if of:
                    print(f"{engine:9} {kind:10} {which:14} n={len(of):<3}", "  ".join(_means(of)))


def _means(of: list[dict[str, Any]]) -> Iterator[str]:
    for name in ("accuracy", "answered", "lowest class answered", "turned away", "auroc", "ece", "floor"):
        values = [r[name] for r in of if r[name] is not None]
        if values:
            yield f"{name} {fmean(values):.3f}"


if __name__ == "__main__":
    main()
