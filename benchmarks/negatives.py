"""What the isolated engine's other records keep of a forgotten class, and what it costs to let them see less of it.

    python benchmarks/negatives.py --data digits --classes 3 8 --shares 1 0.5 0.25 --out negatives.jsonl
    python benchmarks/negatives.py --data digits --classes 3 8 --public 1000 --out public.jsonl

Each record learns from images of its own class and of a seeded share of the other classes; images of the rest reach
it with no gradient. With `--public N` it learns from images of its own class and of N strokes drawn by formula, of no
other class, each record by itself. Printed for each class and share: accuracy on all classes; AUROC of confidence,
retained against forgotten test images, after forgetting and of a model that never saw the class. Their gap is what is
kept. With public images also: whether the others' scores are the same bits where noise stood for every training image
of the class, so that the two differ in which images shared a batch, and in nothing that was seen. One JSON line per
class, share (null: public images) and seed; lines that are there are not made again.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor

import preforget as pf
from arguments import with_data
from preforget.core.seeds import derive_seed
from preforget.data import Split
from preforget.engines.base import Session
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.options import Isolated

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
PUBLIC = "drawn by formula"


class FewerNegatives(IsolatedEngine):
    """The isolated engine, but for gradients of images whose class a record is not to see."""

    share = 1.0
    columns: tuple[str, ...] = ()

    def loss(self, scores: Tensor, cheap: Tensor | None, target: Tensor) -> Tensor:
        """Return the loss with the same value and fewer gradients."""
        seen = self._seen().to(scores.device)[target]
        few = None if cheap is None else torch.where(seen, cheap, cheap.detach())
        return super().loss(torch.where(seen, scores, scores.detach()), few, target)

    def _seen(self) -> Tensor:
        """Return `bool [class of the image, record]`: drawn for each pair of names, so no third class moves it."""
        names = self.columns
        drawn = [
            [
                derive_seed(0, "negative", own, record) / 2**63 < self.share or own == record
                for record in names
            ]
            for own in names
        ]
        return torch.tensor(drawn)


class PublicNegatives(FewerNegatives):
    """The isolated engine, but each record tells its class from public images alone, as a question of its own."""

    def loss(self, scores: Tensor, cheap: Tensor | None, target: Tensor) -> Tensor:
        """Return binary cross-entropy of each record over the images that it is to see."""
        own = F.one_hot(target, scores.shape[1]).float()
        parts = (scores,) if cheap is None else (scores, cheap)
        terms = torch.stack([F.binary_cross_entropy_with_logits(s, own, reduction="none") for s in parts])
        return (terms.sum(dim=0) * self._seen().to(scores.device)[target]).sum(dim=1).mean()

    def _seen(self) -> Tensor:
        """Return `bool [class of the image, record]`."""
        return torch.tensor([[own in (record, PUBLIC) for record in self.columns] for own in self.columns])


def main() -> None:
    """Measure what the output file lacks."""
    parser = with_data(__doc__)
    parser.add_argument("--classes", nargs="+", required=True)
    parser.add_argument("--shares", type=float, nargs="+", default=[1.0, 0.5, 0.25])
    parser.add_argument("--public", type=int, metavar="N", help="instead of shares: N public images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    data = pf.load_data(args.data, allow_duplicates=True)
    lines = args.out.read_text().splitlines() if args.out.exists() else []
    done = {(row["label"], row["share"], row["seed"]) for row in map(json.loads, lines)}
    for share in args.shares if args.public is None else [None]:
        wanted = [label for label in args.classes if (label, share, args.seed) not in done]
        whole = learn(args, data, share) if wanted else None
        for label in wanted:
            assert whole is not None
            accuracy = float((best(whole, data.test) == data.test.labels).mean())
            whole.detach(label)  # its answers are those of forget
            row = {
                "label": label,
                "share": share,
                "seed": args.seed,
                "accuracy": round(accuracy, 4),
                "retained accuracy": round(retained(whole, data.test, label), 4),
                "after forgetting": round(auroc(whole, data.test, label), 4),
            }
            if share is None:
                noise = learn(args, with_noise(data, label), share)
                noise.detach(label)
                one, other = (model.scores(data.test.inputs) for model in (whole, noise))
                row["same with noise"] = bool(np.array_equal(one, other))
            whole.attach(label)
            row["never seen"] = round(auroc(learn(args, data, share, label), data.test, label), 4)
            with args.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)


def learn(args: argparse.Namespace, data: Any, share: float | None, without: str | None = None) -> Any:
    """Return a model of all classes, or of all but one."""
    gone = () if without is None else (without,)
    train, validation = data.train.without(gone), data.validation.without(gone)
    kind = FewerNegatives if share is not None else PublicNegatives
    encoder = pf.load_backbone(args.backbone, image_size=args.image_size)
    engine = kind(encoder, Isolated(seed=args.seed))
    if share is not None:
        engine.share = share
    else:
        train, validation = (with_strokes(s, args.public, n) for n, s in enumerate((train, validation)))
    engine.columns = tuple(sorted(set(train.labels)))
    engine.learn(train, validation, Session())
    model = pf.PreForgettableClassifier.from_engine(engine)
    if share is None:
        model.forget(PUBLIC)
    return model


def with_strokes(split: Split, count: int, seed: int) -> Split:
    """Return a split of grey images with as many strokes drawn by formula, of a class of their own."""
    from procedural import make_views

    generator = torch.Generator().manual_seed(seed)
    drawn = make_views(count, 1.0, generator, views=1, mix={"strokes": 1.0}).images.float().mean(dim=1)
    inputs = np.asarray(split.inputs)
    size = inputs.shape[1:3]
    grey = F.interpolate(drawn[:, None], size=size, mode="area")[:, 0].round().to(torch.uint8).numpy()
    labels = np.array([*split.labels, *[PUBLIC] * count], dtype=object)
    return Split(np.concatenate([inputs, grey]), labels)


def with_noise(data: Any, label: str) -> Any:
    """Return the data with a noise image for each training and validation image of one class."""

    def replaced(split: Split) -> Split:
        inputs = np.array(split.inputs)
        own = split.labels == label
        inputs[own] = np.random.default_rng(0).integers(0, 256, inputs[own].shape, dtype=np.uint8)
        return Split(inputs, split.labels)

    return replace(data, train=replaced(data.train), validation=replaced(data.validation))


def best(model: Any, test: Any) -> Any:
    """Return the best guess for each image."""
    names = np.array(model.engine_.bank.attached, dtype=object)
    return names[model.scores(test.inputs).argmax(axis=1)]


def retained(model: Any, test: Any, label: str) -> float:
    """Return the accuracy of best guesses on all but one class."""
    rest = test.without(label)
    return float((best(model, rest) == rest.labels).mean())


def auroc(model: Any, test: Any, label: str) -> float:
    """Return the probability that a retained image is more confident than one of `label`."""
    _, confidence = model.engine_.evaluate(test.inputs)
    return float(roc_auc_score(test.labels != label, confidence))


if __name__ == "__main__":
    main()
