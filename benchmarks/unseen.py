"""How well a model tells a class that it forgot from those it knows, beside a model that never saw that class.

    python benchmarks/unseen.py --data digits --engine isolated --classes 3 8 --out unseen-isolated.jsonl
    python benchmarks/unseen.py --data digits --engine exact --classes 3 8 --out unseen-exact.jsonl

AUROC of the confidence, retained against forgotten test images, of the model after forgetting and of one retrained
without the class. A gap means that something of the class is still there. One JSON line per class.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from sklearn.metrics import roc_auc_score

import preforget as pf


def main() -> None:
    """Measure the classes that the output file lacks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--backbone", default="builtin")
    parser.add_argument("--engine", default="isolated")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--classes", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    data = pf.load_data(args.data)
    lines = args.out.read_text().splitlines() if args.out.exists() else []
    done = {json.loads(line)["label"] for line in lines}
    wanted = [label for label in args.classes if label not in done]
    if not wanted:
        return
    whole = learn(args, data)
    for label in wanted:
        whole.detach(label)  # its answers are those of forget
        row = {
            "label": label,
            "engine": args.engine,
            "after forgetting": auroc(whole, data.test, label),
            "never seen": auroc(learn(args, data, label), data.test, label),
        }
        whole.attach(label)
        with args.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)


def learn(args: argparse.Namespace, data: Any, without: str | None = None) -> Any:
    """Return a model of all classes, or of all but one."""
    train, validation = data.train, data.validation
    if without is not None:
        train, validation = train.without(without), validation.without(without)
    model = pf.PreForgettableClassifier(args.backbone, args.engine, args.image_size)
    return model.fit(train, validation=validation)


def auroc(model: Any, test: Any, label: str) -> float:
    """Return the probability that a retained image is more confident than one of `label`."""
    _, confidence = model.engine.evaluate(test.inputs)
    return float(roc_auc_score(test.labels != label, confidence))


if __name__ == "__main__":
    main()
