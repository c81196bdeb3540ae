"""Both engines on texts of real people's making, against logistic regression with the row deleted.

    python benchmarks/texts.py DATA ENCODER [--set banking77|clinc150] [--cache FILE] [--seeds 1] [--forget 10]

DATA holds `banking77/{train,test}.csv` and `clinc150/{train,validation,test,out_of_scope_test}.csv` (columns text and
label); ENCODER is a sentence encoder, of which the mean of the last states at unit length is learned from (`--cache`
keeps these vectors). Classes are forgotten one at a time; AUROC is that of the confidence, test texts of retained
classes against those of the forgotten one. Logistic regression answers with its highest probability; its row is
deleted. Seconds are of one processor.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from preforget.backbones import load_backbone
from preforget.backbones.encoder import mean_of_tokens
from preforget.backbones.vectors import vector_encoder
from preforget.data import Split, Vectors, texts_of
from preforget.data.dataset import label_array
from preforget.data.hold_out import hold_out
from preforget.engines import ENGINES
from preforget.engines.base import Engine, Session

Rows = npt.NDArray[np.float32]
Scores = npt.NDArray[np.floating]
PARTS = {
    "banking77": ("train", None, "test", None),
    "clinc150": ("train", "validation", "test", "out_of_scope_test"),
}


@dataclass(frozen=True)
class Part:
    """Vectors and labels of a part."""

    rows: Rows
    labels: npt.NDArray[np.str_]


def read(path: Path, encoder: object) -> Part:
    """Return the texts of a table as vectors at unit length."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    texts, found = texts_of([line["text"] for line in lines]), []
    for start in range(0, len(texts), 64):
        numbers = encoder.read(texts, range(start, min(start + 64, len(texts))))  # type: ignore[attr-defined]
        states = encoder.states(numbers, slice(encoder.depth, encoder.depth + 1))[:, 0]  # type: ignore[attr-defined]
        found.append(mean_of_tokens(states, padded=True).numpy())
    rows = np.concatenate(found)
    return Part(
        rows / np.linalg.norm(rows, axis=1, keepdims=True), np.array([line["label"] for line in lines])
    )


def load(folder: Path, name: str, encoder: Path, cache: Path | None) -> list[Part | None]:
    """Return the parts of a set, from a file of vectors if there is one."""
    if cache is not None and cache.exists():
        with np.load(cache) as arrays:
            return [
                Part(arrays[f"{part}_x"], arrays[f"{part}_y"]) if part and f"{part}_x" in arrays else None
                for part in PARTS[name]
            ]
    model = load_backbone(str(encoder), device="cpu", dtype="float32", image_size=48)
    parts = [None if part is None else read(folder / name / f"{part}.csv", model) for part in PARTS[name]]
    if cache is not None:
        arrays = {}
        for part, own in zip(PARTS[name], parts, strict=True):
            if own is not None:
                arrays |= {f"{part}_x": own.rows, f"{part}_y": own.labels}
        np.savez(cache, **arrays)
    return parts


@dataclass
class Learned:
    """A method that has learned: scores `[n, classes]` of rows and their confidence, without a class."""

    classes: list[str]
    answer: Callable[[Rows, str | None], tuple[Scores, Scores]]
    seconds: float


def engine(name: str, train: Part, validation: Part | None, seed: int) -> Learned:
    """Learn with an engine on vectors; without a class: its record is forgotten in a copy."""
    kind = ENGINES[name]
    own: Engine = kind(vector_encoder(train.rows.shape[1]), kind.options_type(seed=seed))
    start = time.process_time()
    whole = Split(Vectors(train.rows), label_array(train.labels.tolist()))
    held = (
        None
        if validation is None
        else Split(Vectors(validation.rows), label_array(validation.labels.tolist()))
    )
    own.learn(*hold_out(whole, held, seed=seed), Session())
    seconds, classes = time.process_time() - start, sorted(set(train.labels.tolist()))

    def answer(rows: Rows, without: str | None) -> tuple[Scores, Scores]:
        return own.evaluate(Vectors(rows), [label for label in classes if label != without])

    return Learned(classes, answer, seconds)


def logistic(train: Part) -> Learned:
    """Learn logistic regression; without a class: its row is deleted."""
    start = time.process_time()
    model = LogisticRegression(C=10, max_iter=300).fit(train.rows, train.labels)
    seconds, classes = time.process_time() - start, model.classes_.tolist()

    def answer(rows: Rows, without: str | None) -> tuple[Scores, Scores]:
        scores = rows @ model.coef_.T + model.intercept_
        scores = scores[:, [column for column, label in enumerate(classes) if label != without]]
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores, 1 / odds.sum(axis=1)

    return Learned(classes, answer, seconds)


def row(name: str, own: Learned, test: Part, other: Part | None, forget: list[str]) -> str:
    """Return a line of the table: accuracy, AUROC over forgotten classes, abstained at 95 % answered, seconds."""
    scores, sure = own.answer(test.rows, None)
    right = np.array(own.classes)[scores.argmax(axis=1)] == test.labels
    curves, abstained = [], []
    for label in forget:
        _, confidence = own.answer(test.rows, label)
        gone = test.labels == label
        curves.append(roc_auc_score(~gone, confidence))
        abstained.append((confidence[gone] < np.quantile(confidence[~gone], 0.05)).mean())
    outside = ""
    if other is not None:
        confidence = own.answer(other.rows, None)[1]
        outside = (
            f"{roc_auc_score(np.repeat([1, 0], [len(sure), len(confidence)]), np.r_[sure, confidence]):.3f}"
        )
    return (
        f"| {name} | {100 * right.mean():.1f} | {np.mean(curves):.3f} ({np.min(curves):.3f}) | "
        f"{100 * np.mean(abstained):.0f} | {outside} | {own.seconds:.0f} |"
    )


def main() -> None:
    """Print the table of a set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--set", choices=PARTS, default="banking77")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--forget", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    torch.set_num_threads(1)
    train, validation, test, other = load(a.data, a.set, a.encoder, a.cache)
    if train is None or test is None:
        raise SystemExit("the set has no part to learn from or to test on")
    classes = sorted(set(train.labels.tolist()))
    forget = np.random.default_rng(a.seed).choice(classes, a.forget, replace=False).tolist()
    print(f"{a.set}: {len(train.rows):,} texts, {len(classes)} classes, {len(test.rows):,} to test")
    print(
        "| method | accuracy | AUROC, forgotten (lowest) | abstained of forgotten | AUROC, out of scope | seconds |"
    )
    print("|---|---|---|---|---|---|")
    print(row("logistic regression, row deleted", logistic(train), test, other, forget), flush=True)
    for name in ("exact", "isolated"):
        print(row(name, engine(name, train, validation, a.seed), test, other, forget), flush=True)


if __name__ == "__main__":
    main()
