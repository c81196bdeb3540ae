"""Official folds in turn: learn on the others, test on one, forget each class in turn; one JSON line per fold.

    python benchmarks/urbansound.py --data UrbanSound8K --backbone CHECKPOINT --engine isolated --folds 1 2 10 \
        --out isolated.jsonl

`--engine lora_head` is the ordinary classifier, which forgets nothing: it gives accuracy alone. Forgetting is measured
by `detach`, whose answers are those of `forget`; "forget accuracy" is the share of a forgotten class's clips that are
answered with it, "retained" the best guess's accuracy on the other classes' clips before and after.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

import preforget as pf
from preforget.backbones.spectrogram import AudioEncoder
from preforget.baselines.lora_head import LoraHead, LoraHeadConfig
from preforget.engines.base import Session


def main() -> None:
    """Measure the folds that the output file lacks, and print their means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--engine", default="isolated")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 10])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache-dir")
    parser.add_argument("--options", type=json.loads, default={}, help="options of the engine, as JSON")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    for fold in args.folds:
        if not any(row["fold"] == fold for row in rows):
            rows.append(measure(args, fold))
            with args.out.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    for key, value in rows[0].items():
        if isinstance(value, float):
            values = [row[key] for row in rows]
            print(f"{key:28s} {np.mean(values):8.4f}   {'  '.join(f'{v:8.4f}' for v in values)}")


def measure(args: argparse.Namespace, fold: int) -> dict[str, Any]:
    """Return all figures of one test fold."""
    data = pf.load_data(args.data, fold=fold, folds=args.folds, seed=args.seed)
    found: dict[str, Any] = {
        "fold": fold,
        "engine": args.engine,
        "options": args.options,
        "frames": args.frames,
        "train": len(data.train),
        "validation": len(data.validation),
        "test": len(data.test),
    }
    start = time.perf_counter()
    if args.engine == "lora_head":
        encoder = pf.load_backbone(args.backbone, image_size=args.frames)
        plain = LoraHead(encoder, LoraHeadConfig(seed=args.seed, **args.options))
        plain.learn(data.train, Session(show=True))
        learned = time.perf_counter() - start
        guesses = np.array(plain.labels, dtype=object)[plain.scores(data.test.inputs).argmax(axis=1)]
        return found | {
            "dtype": str(encoder.dtype),
            "learn_seconds": learned,
            "accuracy": share(guesses == data.test.labels),
        }
    model = pf.PreForgettableClassifier(args.backbone, args.engine, args.frames, args.seed, **args.options)
    model.fit(data.train, validation=data.validation, cache_dir=args.cache_dir, progress=True)
    learned = time.perf_counter() - start
    model.engine_.encoder = remembering(model.engine_.encoder)
    labels, truth = model.labels, data.test.labels
    scores, _ = model.engine_.evaluate(data.test.inputs)
    guesses = np.array(labels, dtype=object)[scores.argmax(axis=1)]
    singles = []
    for label in labels:
        model.detach(label)
        singles.append(one_forgetting(model, data.test, label, guesses == truth))
        model.attach(label)
    means = {key: float(np.mean([s[key] for s in singles])) for key in singles[0] if key != "label"}
    return found | {
        "dtype": str(model.engine_.encoder.dtype),
        "learn_seconds": learned,
        "accuracy": share(guesses == truth),
        **means,
        "singles": singles,
    }


def one_forgetting(model: Any, test: Any, label: str, right_before: Any) -> dict[str, Any]:
    """Measure one mixed stream of all test clips with `label` left out."""
    scores, confidence = model.engine_.evaluate(test.inputs)
    forgotten = test.labels == label
    guesses = np.array(model.labels, dtype=object)[scores.argmax(axis=1)]
    threshold = model.engine_.threshold(model.keep)
    return {
        "label": label,
        "forget_accuracy": share((guesses == label)[forgotten]),
        "forgotten_abstained": share(confidence[forgotten] < threshold),
        "retained_before": share(right_before[~forgotten]),
        "retained_after": share((guesses == test.labels)[~forgotten]),
        "retained_abstained": share(confidence[~forgotten] < threshold),
        "auroc": float(roc_auc_score(~forgotten, confidence)),
    }


class Remembering(AudioEncoder):
    """An encoder that keeps what it has read and walked: the test clips are looked at once for each class."""

    def read(self, inputs: Any, rows: Any) -> Any:
        """Read once."""
        key = (id(inputs), rows.start, rows.stop)
        if key not in self.__dict__.setdefault("kept", {}):
            self.__dict__["kept"][key] = super().read(inputs, rows)
        return self.__dict__["kept"][key]

    def walk(self, pixels: Any) -> Any:
        """Walk once."""
        if id(pixels) not in self.__dict__.setdefault("walked", {}):
            self.__dict__["walked"][id(pixels)] = list(super().walk(pixels))
        return iter(self.__dict__["walked"][id(pixels)])


def remembering(encoder: Any) -> Remembering:
    """Return the same encoder, but one that remembers."""
    return Remembering(**{field.name: getattr(encoder, field.name) for field in fields(encoder)})


def share(mask: Any) -> float:
    """Return the mean of a mask."""
    return float(np.mean(mask))


if __name__ == "__main__":
    main()
