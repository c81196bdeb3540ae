"""Several labels per input: mean average precision against a sigmoid head, and forgetting; one JSON line per set.

    python benchmarks/multilabel.py --data two-digits findings --engines exact isolated --out multilabel.jsonl

The head is logistic regression, one per condition, on the features of the exact engine, standardised by the training
images, its strength of regularisation chosen by mean average precision on the validation images.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

import preforget as pf
from preforget.data.multilabel import marks
from preforget.engines.features import unit_features
from preforget.metrics.conditions import mean_average_precision, per_condition

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
LEVELS = 4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=["two-digits", "findings"])
    parser.add_argument("--engines", nargs="+", default=["exact", "isolated"])
    parser.add_argument("--backbone", default="builtin")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    for name in args.data:
        data = pf.load_data(name, seed=args.seed)
        for engine in args.engines:
            found = {"data": name, "engine": engine, "seed": args.seed, **measure(args, engine, data)}
            with args.out.open("a") as file:
                file.write(json.dumps(found) + "\n")
            print(json.dumps({k: v for k, v in found.items() if k != "conditions"}), flush=True)


def measure(args: argparse.Namespace, engine: str, data: Any) -> dict[str, Any]:
    """Learn, measure, forget each condition in turn on a model of its own bits, and learn the head."""
    start = time.process_time()
    model = pf.PreForgettableClassifier(args.backbone, engine, seed=args.seed)
    model.fit(data.train, validation=data.validation)
    seconds = time.process_time() - start
    scores, labels, truth = model.scores(data.test.inputs), model.labels, data.test.labels
    quality = per_condition(labels, scores, marks(truth, labels))
    answers = scores >= model.engine_.thresholds(labels)
    found: dict[str, Any] = {
        "learn_cpu_seconds": seconds,
        "mean_average_precision": mean_average_precision(quality),
        "mean_auroc": float(np.mean([one.auroc for one in quality])),
        "conditions": [vars(one) for one in quality],
        "all_conditions_right": float((answers == marks(truth, labels)).all(axis=1).mean()),
    }
    if engine == "exact":
        found["sigmoid_head"] = head(model.engine_.encoder, data, labels)
    gone, identical = labels[: len(labels) // 2], True
    for place, label in enumerate(gone, start=1):
        model.forget(label)
        left = np.ascontiguousarray(scores[:, place:])
        identical &= model.scores(data.test.inputs).tobytes() == left.tobytes()
    return found | {"forgotten": len(gone), "others_bit_identical": bool(identical)}


def head(encoder: Any, data: Any, labels: list[str]) -> float | None:
    """Return the mean average precision of logistic heads on test images."""
    parts = {
        name: np.concatenate([chunk.numpy() for chunk in unit_features(encoder, getattr(data, name), LEVELS)])
        for name in ("train", "validation", "test")
    }
    mean, deviation = parts["train"].mean(axis=0), parts["train"].std(axis=0) + 1
    x = {name: (values - mean) / deviation for name, values in parts.items()}
    target = marks(data.train.labels, labels)
    best: tuple[float, float | None] = (-1.0, None)
    for strength in STRENGTHS:
        heads = [LogisticRegression(C=strength, max_iter=300).fit(x["train"], own) for own in target.T]
        held, test = (
            np.stack([h.decision_function(x[p]) for h in heads], axis=1) for p in ("validation", "test")
        )
        on_held = (
            mean_average_precision(per_condition(labels, held, marks(data.validation.labels, labels))) or 0.0
        )
        on_test = mean_average_precision(per_condition(labels, test, marks(data.test.labels, labels)))
        best = max(best, (on_held, on_test))
    return best[1]


if __name__ == "__main__":
    main()
