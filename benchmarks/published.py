"""Check our methods against published figures: retained and forgotten accuracy after one class is unlearned.

    python benchmarks/published.py --data DATA --backbone CHECKPOINT --image-size 64 --forget LABEL --out FOLDER

Published by CMF: ViT-S/16 pretrained on ImageNet, CIFAR-10, one class. Here: whatever data and backbone are named, each
method at its own defaults. Writes a line of JSON for each to `published.jsonl`; what is there is not computed again.
"""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any

import numpy as np
import torch

from paper_blood import backbone, common_arguments, subset
from preforget.audit.attacks.probes import linear_probe
from preforget.baselines import METHODS, LoraHead, LoraHeadConfig
from preforget.data import Split, load_data
from preforget.engines.base import Session

PROBE = "linear probe on retrain"
PUBLISHED = {
    "original": (98.20, 98.20),
    "retrain": (98.46, 0.0),
    PROBE: (None, 97.71),
    "random_label": (98.50, 0.0),
    "salun": (98.46, 0.0),
    "neg_grad_plus": (98.00, 0.0),
}
"""Retained and forgotten test accuracy, %."""


def main() -> None:
    """Learn, unlearn, measure, write and print."""
    parser = common_arguments(__doc__ or "")
    parser.add_argument("--forget", required=True, help="the class to unlearn")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "published.jsonl"
    data, encoder = load_data(args.data, allow_duplicates=True), backbone(args)
    train = subset(data.train, args.train_images, args.seed)
    test = subset(data.test, args.test_images, args.test_seed)
    gone, kept = train.only([args.forget]), train.without([args.forget])

    @cache
    def learned(whole: bool) -> LoraHead:
        head = LoraHead(encoder, LoraHeadConfig(seed=args.seed, epochs=args.epochs))
        head.learn(train if whole else kept, Session(show=True))
        return head

    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    for name, published in PUBLISHED.items():
        if name in [line["name"] for line in lines]:
            continue
        start = time.perf_counter()
        if name == PROBE:
            features = {
                id(part): learned(False).surface().features(part.inputs)[-1] for part in (train, test)
            }
            answers = linear_probe(features[id(train)], train.labels, features[id(test)])
        else:
            model: Any = learned(name != "retrain")
            if name in METHODS and name != "retrain":
                model = METHODS[name]().unlearn(model, gone, kept, torch.Generator().manual_seed(args.seed))
            answers = np.array(model.labels, dtype=object)[model.scores(test.inputs).argmax(axis=1)]
        own = {"name": name, **shares(answers, test, args.forget), "published": published}
        own |= {"seconds": round(time.perf_counter() - start, 1), "train": len(train), "test": len(test)}
        lines.append({**own, "label": args.forget, "seed": args.seed, "dtype": str(encoder.dtype)})
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(lines[-1]) + "\n")
    print(table(lines))


def shares(answers: Any, test: Split, forgotten: str) -> dict[str, float]:
    """Return the shares of right answers in %, among retained and forgotten test images."""
    right, gone = answers == test.labels, test.labels == forgotten
    return {"retained": 100 * float(right[~gone].mean()), "forgotten": 100 * float(right[gone].mean())}


def table(lines: list[dict[str, Any]]) -> str:
    """Return Markdown."""
    rows = ["| | retained / forgotten, here | published |", "|---|---|---|"]
    for line in lines:
        told = " / ".join("–" if one is None else f"{one:.2f}" for one in line["published"])
        rows.append(f"| {line['name']} | {line['retained']:.1f} / {line['forgotten']:.1f} | {told} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
