"""Learn, then forget each class in turn: accuracy, abstention, time and memory, one JSON line per seed.

    python benchmarks/forgetting.py --data digits --seeds 0 1 2 --out digits.jsonl
    python benchmarks/forgetting.py --data FOLDER --backbone CHECKPOINT --image-size 96 --out blood.jsonl

Accuracy is that of the best guess, without abstention. A single forgetting is measured by `detach`, whose answers
are those of `forget`; "at 95 % kept" sets the threshold on the test images themselves, "calibrated" is the model's.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

import preforget as pf
from arguments import with_data


def main() -> None:
    """Run the seeds that the output file lacks, and print a table of all."""
    parser = with_data(__doc__)
    parser.add_argument("--engine", default="isolated")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--cache-dir")
    parser.add_argument("--accuracy-only", action="store_true", help="leave the forgettings out")
    parser.add_argument("--options", type=json.loads, default={}, help="options of the engine, as JSON")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    done = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    for seed in args.seeds:
        if not any(row["seed"] == seed for row in done):
            row = measure(args, seed)
            with args.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            done.append(row)
    print_table(done)


def measure(args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Return all figures of one seed."""
    data = pf.load_data(args.data, seed=seed, allow_duplicates=True)  # digits are split anew for each seed
    start = time.perf_counter()
    model = pf.PreForgettableClassifier(
        args.backbone, args.engine, args.image_size, seed, **args.options
    ).fit(data.train, validation=data.validation, cache_dir=args.cache_dir, progress=True)
    learned = time.perf_counter() - start
    truth, labels = data.test.labels, model.labels
    before = accuracy(model, data.test, labels)
    singles = []
    for label in [] if args.accuracy_only else labels:
        model.detach(label)
        singles.append(one_forgetting(model, data.test, label, truth))
        model.attach(label)
    keys = [key for key in singles[0] if key != "label"] if singles else []
    means = {key: float(np.mean([s[key] for s in singles])) for key in keys}
    return {
        "data": Path(args.data).name,
        "backbone": Path(args.backbone).name,
        "engine": args.engine,
        "options": args.options,
        "seed": seed,
        "cache": "disk" if args.cache_dir else "memory",
        "learn_seconds": round(learned, 1),
        "accuracy": before,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        **means,
        "singles": singles,
    }


def accuracy(model: Any, split: Any, labels: list[str]) -> float:
    """Return the share of images whose best-scoring class is theirs."""
    guesses = np.array(labels, dtype=object)[model.scores(split.inputs).argmax(axis=1)]
    return float((guesses == split.labels).mean())


def one_forgetting(model: Any, test: Any, label: str, truth: Any) -> dict[str, Any]:
    """Measure one mixed stream of all test images with `label` left out."""
    scores, confidence = model.engine_.evaluate(test.inputs)
    forgotten = truth == label
    guesses = np.array(model.labels, dtype=object)[scores.argmax(axis=1)]
    calibrated = model.engine_.threshold(model.keep)
    at_95 = np.quantile(confidence[~forgotten], 0.05)
    return {
        "label": label,
        "answered_with_it": int((model.predict(test.inputs) == label).sum()),
        "retained_accuracy": float((guesses == truth)[~forgotten].mean()),
        "auroc": float(roc_auc_score(~forgotten, confidence)),
        "forgotten_abstained_at_95_kept": float((confidence[forgotten] < at_95).mean()),
        "forgotten_abstained_calibrated": float((confidence[forgotten] < calibrated).mean()),
        "retained_abstained_calibrated": float((confidence[~forgotten] < calibrated).mean()),
    }


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print mean and range over the seeds."""
    for key, value in rows[0].items():
        if isinstance(value, float):
            values = [row[key] for row in rows]
            print(f"{key:34s} {np.mean(values):8.4f}   {min(values):8.4f} .. {max(values):8.4f}")


if __name__ == "__main__":
    main()
