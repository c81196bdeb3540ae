"""Both engines on real texts and recordings, with real encoders, against logistic regression.

    python benchmarks/real_encoders.py --data DATA --text MINILM --speech WHISPER --out real_encoders.jsonl

DATA holds the folders `banking77`, `clinc150` (tables of texts; its out-of-scope texts are asked about and never
learned) and `spoken-digits/DIGIT/SPEAKER/` (recordings); MINILM and WHISPER are checkpoints. All is read as
`preforget learn` reads it. Cases:

- `banking77`, `clinc150`: vectors, the mean of the last states at unit length (`--cache` keeps them);
- `banking20`: 20 drawn intents, 40 texts each to learn from, through the blocks of the text encoder;
- `banking20-vectors`: the same texts as vectors;
- `digits`, `speakers`: recordings through the blocks of the speech encoder; digits or speakers are the classes;
- `persons`: digits are the classes, speakers persons, of whom one is forgotten, and what is left is
  compared with a retrained model.

Classes are forgotten one at a time. AUROC: of the confidence, test inputs of the other classes against those of the
forgotten one; turned away: forgotten inputs where 95 % of the others are answered. Logistic regression reads the mean
of the last states and answers with its highest probability: with the row of the class deleted, or retrained without it.
Seconds of one processor, to read, encode and learn; for vectors to learn alone.

One JSON line for each row; rows that are there are not made again. The table is printed at the end.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import preforget as pf
from preforget.backbones.encoder import Encoder, mean_of_tokens
from preforget.backbones.vectors import vector_encoder
from preforget.data import Split, Vectors, texts_of
from preforget.data.hold_out import hold_out
from preforget.engines import ENGINES
from preforget.engines.base import Engine, Session
from preforget.engines.exact import ExactEngine
from preforget.engines.features import near_count
from preforget.engines.prompted import PromptEngine

Rows = npt.NDArray[np.float32]
Scores = npt.NDArray[np.floating]
Answering = Callable[[Any, str | None], tuple[Scores, Scores]]
VECTOR_CASES = ("banking77", "clinc150", "banking20-vectors")
TEXT_CASES = (*VECTOR_CASES, "banking20")
CASES = ("persons", "speakers", "digits", *TEXT_CASES)
METHODS = ("logistic, row deleted", "logistic, retrained", "exact", "isolated")
WORDS = {"banking77": 32, "banking20": 32, "banking20-vectors": 32, "clinc150": 24}
FRAMES = 100
"""A second: 50 states."""

PERSONS = 1
"""How many persons are forgotten: each takes two learnings."""


@dataclass(frozen=True)
class Parts:
    """What is learned from, held out, tested on, and asked about though it is of no class."""

    train: Split
    validation: Split | None
    test: Split
    outside: Any = None

    def cut(self, each: int) -> Parts:
        """Return the same with so many inputs of a class to learn from, the first of a drawn order."""
        order = np.random.default_rng(0).permutation(len(self.train))
        labels = self.train.labels[order]
        kept = np.concatenate([order[labels == label][:each] for label in sorted(set(labels))])
        return replace(self, train=self.train.select(np.sort(kept)))

    def only(self, labels: Sequence[str]) -> Parts:
        """Return the inputs of some classes."""
        validation = None if self.validation is None else self.validation.only(labels)
        return Parts(self.train.only(labels), validation, self.test.only(labels), self.outside)


@dataclass(frozen=True)
class Learned:
    """A method that has learned: scores `[n, classes]` and confidence of inputs, without a class."""

    classes: list[str]
    answer: Answering


def main() -> None:
    """Make the rows that are missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True, help="sentence encoder")
    parser.add_argument("--speech", type=Path, required=True, help="Whisper checkpoint")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--cache", type=Path, help="folder for vectors")
    parser.add_argument("--forget", type=int, default=10, help="classes that are forgotten, of vectors")
    parser.add_argument(
        "--recordings", type=int, default=50, help="of each digit and speaker, of 50; fewer take less time"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    known = rows(args.out)
    for case in args.cases:
        done = {row["method"] for row in known if row["case"] == case}
        for row in measured(args, case, [method for method in args.methods if method not in done]):
            with args.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
    table(rows(args.out))


def measured(args: argparse.Namespace, case: str, methods: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each method."""
    if case == "persons":
        if "exact" in methods:
            yield {"case": case, "method": "exact", **persons(args)}
        return
    for method in methods:
        encoder, parts = material(args, case, method)
        start = time.process_time()
        learned = learn(encoder, parts, method)
        seconds = time.process_time() - start
        row = figures(learned, parts, forgotten(args, case, learned.classes))
        yield {
            "case": case,
            "method": method,
            "train": len(parts.train),
            "test": len(parts.test),
            **row,
            "seconds": seconds,
        }


def material(args: argparse.Namespace, case: str, method: str) -> tuple[Encoder, Parts]:
    """Return the encoder of a case and its inputs, as vectors where the case or the method reads vectors."""
    if case in TEXT_CASES:
        encoder = pf.load_backbone(str(args.text), image_size=WORDS[case], device="cpu", dtype="float32")
        parts = texts(args.data / ("clinc150" if case == "clinc150" else "banking77"))
        if case.startswith("banking20"):
            classes = sorted(set(parts.train.labels))
            drawn = np.random.default_rng(0).choice(classes, 20, replace=False).tolist()
            parts = parts.only(drawn).cut(40)
    else:
        encoder = pf.load_backbone(str(args.speech), image_size=FRAMES, device="cpu", dtype="float32")
        splits = spoken(args).values()
        kept = [split.subjects if case == "speakers" else split.labels for split in splits]
        parts = Parts(*(Split(s.inputs, names) for s, names in zip(splits, kept, strict=True)))  # type: ignore[arg-type]
    through_blocks = case not in VECTOR_CASES and method in ENGINES
    if through_blocks:
        return encoder, parts
    shared = (
        case.removesuffix("-vectors") if case in TEXT_CASES else "spoken-digits"
    )  # whatever the classes are
    cache = None if args.cache is None else args.cache / f"{shared}.npz"
    return encoder, encoded(encoder, parts, cache)


def texts(folder: Path) -> Parts:
    """Return the texts of a folder, and those out of scope if there are any."""
    data = pf.load_data(folder, allow_duplicates=True)
    outside, table = None, folder / "out_of_scope_test.csv"
    if table.exists():
        import csv

        with table.open(encoding="utf-8", newline="") as file:
            outside = texts_of([line["text"] for line in csv.DictReader(file)])
    return Parts(data.train, data.validation, data.test, outside)


def spoken(args: argparse.Namespace) -> dict[str, Split]:
    """Return the recordings of digits with their speakers by part: so many of each, in the order of their names."""
    data = pf.load_data(args.data / "spoken-digits", subjects=1)
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    numbers = {part: [int(path.stem) for path in split.paths] for part, split in parts.items()}
    return {part: split.select(np.array(numbers[part]) < args.recordings) for part, split in parts.items()}


def encoded(encoder: Encoder, parts: Parts, cache: Path | None) -> Parts:
    """Return vectors at unit length in the place of inputs."""
    named = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    if cache is not None and cache.exists():
        with np.load(cache) as arrays:
            vectors = dict(arrays)
    else:
        vectors = {name: vectors_of(encoder, split.inputs) for name, split in named.items() if split}
        if parts.outside is not None:
            vectors["outside"] = vectors_of(encoder, parts.outside)
        if cache is not None:
            cache.parent.mkdir(parents=True, exist_ok=True)
            np.savez(cache, **vectors)
    held_out = parts.validation and Split(Vectors(vectors["validation"]), parts.validation.labels)
    outside = Vectors(vectors["outside"]) if "outside" in vectors else None
    train = Split(Vectors(vectors["train"]), parts.train.labels)
    return Parts(train, held_out, Split(Vectors(vectors["test"]), parts.test.labels), outside)


def vectors_of(encoder: Encoder, inputs: Any) -> Rows:
    """Return the mean of the last states of inputs, at unit length."""
    vectors = []
    for start in range(0, len(inputs), 64):
        read = encoder.read(inputs, range(start, min(start + 64, len(inputs))))
        states = encoder.states(read, slice(encoder.depth, encoder.depth + 1))[:, 0]
        vectors.append(mean_of_tokens(states, padded=encoder.padded).numpy())
    stacked: Rows = np.concatenate(vectors)
    stacked /= np.linalg.norm(stacked, axis=1, keepdims=True)
    return stacked


def learn(encoder: Encoder, parts: Parts, method: str) -> Learned:
    """Learn with an engine, or with logistic regression."""
    if method not in ENGINES:
        return logistic(parts.train, retrained=method.endswith("retrained"))
    kind = ENGINES[method]
    if isinstance(parts.train.inputs, Vectors):
        encoder = vector_encoder(parts.train.inputs.values.shape[1])
    options = {"first_block": encoder.depth // 2} if method == "isolated" and encoder.depth else {}
    engine = kind(encoder, kind.options_type(**options))
    engine.learn(*hold_out(parts.train, parts.validation, seed=0), Session())
    return Learned(sorted(set(parts.train.labels)), answering(engine))


def answering(engine: Engine) -> Answering:
    """Return what answers without a class as `evaluate` does, and reads the same inputs through the blocks once."""
    classes = sorted(engine.bank.attached)
    kept: dict[int, Any] = {}

    def answer(inputs: Any, without: str | None) -> tuple[Scores, Scores]:
        left = [label for label in classes if label != without]
        if isinstance(engine, ExactEngine):
            if id(inputs) not in kept:
                batches = [engine.reading.rows(batch) for _, batch in engine.pixel_batches(inputs)]
                kept[id(inputs)] = torch.cat(batches)
            rows, layout, heads = kept[id(inputs)], engine.bank.layout, engine.heads(left)
            read = layout.scored(rows)
            scores = heads.scores(read, None).numpy()
            near = layout.near_rows(rows)[:, : near_count(engine.encoder)]
            return scores, heads.confidence(read, near).numpy()
        assert isinstance(engine, PromptEngine)
        if id(inputs) not in kept:
            kept[id(inputs)] = engine.evaluate(inputs, classes)[0]
        scores = kept[id(inputs)][:, [label != without for label in classes]]
        return scores, engine.confidence(scores, left)

    return answer


def logistic(train: Split, *, retrained: bool) -> Learned:
    """Learn logistic regression; without a class: its row is deleted, or the rest is learned again."""

    def fitted(split: Split) -> LogisticRegression:
        vectors: Any = split.inputs
        return LogisticRegression(C=10, max_iter=300).fit(vectors.values, split.labels.astype(str))

    model = fitted(train)
    classes = model.classes_.tolist()

    def answer(inputs: Any, without: str | None) -> tuple[Scores, Scores]:
        again = fitted(train.without(without)) if retrained and without is not None else model
        scores = inputs.values @ again.coef_.T + again.intercept_
        scores = scores[:, [i for i, label in enumerate(again.classes_) if label != without]]
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores, 1 / odds.sum(axis=1)

    return Learned(classes, answer)


def forgotten(args: argparse.Namespace, case: str, classes: list[str]) -> list[str]:
    """Return the classes that are forgotten: all speakers, five where inputs go through blocks, else `--forget`."""
    few = {"speakers": len(classes), "digits": 5, "banking20": 5, "banking20-vectors": 5}
    count = few.get(case, args.forget)
    drawn: list[str] = (
        np.random.default_rng(0).choice(classes, min(count, len(classes)), replace=False).tolist()
    )
    return drawn


def figures(learned: Learned, parts: Parts, forget: Sequence[str]) -> dict[str, Any]:
    """Return accuracy, and AUROC and turned away of each forgotten class."""
    scores, sure = learned.answer(parts.test.inputs, None)
    right = np.array(learned.classes)[scores.argmax(axis=1)] == parts.test.labels
    curves, turned = [], []
    for label in forget:
        _, confidence = learned.answer(parts.test.inputs, label)
        gone = parts.test.labels == label
        curves.append(float(roc_auc_score(~gone, confidence)))
        turned.append(float((confidence[gone] < np.quantile(confidence[~gone], 0.05)).mean()))
    outside = None
    if parts.outside is not None:
        confidence = learned.answer(parts.outside, None)[1]
        known = np.repeat([1, 0], [len(sure), len(confidence)])
        outside = float(roc_auc_score(known, np.r_[sure, confidence]))
    return {"accuracy": float(right.mean()), "auroc": curves, "turned_away": turned, "outside": outside}


def persons(args: argparse.Namespace) -> dict[str, Any]:
    """Forget single speakers in a model of digits, and compare what is left with a model learned without them.

    What a forgotten speaker says is then asked about as a stranger's words are.
    """
    train, validation, test = spoken(args).values()
    start = time.process_time()
    model = pf.PreForgettableClassifier(
        str(args.speech), "exact", image_size=FRAMES, device="cpu", dtype="float32", on_unknown="best"
    ).fit(train, validation=validation)
    seconds = time.process_time() - start
    whole = float((model.predict(test.inputs) == test.labels).mean())
    equal: list[bool] = []
    own, others = [], []
    for person in sorted(set(train.subjects if train.subjects is not None else ()))[:PERSONS]:
        copy = model.untrained().fit(train, validation=validation) if equal else model
        copy.forget_subject(person)
        equal.append(bool(pf.certify(copy, train, validation).equal))
        right = copy.predict(test.inputs) == test.labels
        theirs = test.subjects == person
        own.append(float(right[theirs].mean()))
        others.append(float(right[~theirs].mean()))
    return {
        "train": len(train),
        "test": len(test),
        "accuracy": whole,
        "equal": equal,
        "own_digits": own,
        "others_digits": others,
        "seconds": seconds,
    }


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows that a file has."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(lines: Sequence[dict[str, Any]]) -> None:
    """Print all rows as a table."""
    print(
        "| case | method | learned from, tested on | accuracy | AUROC (lowest) | turned away | outside | s |"
    )
    print("|---" * 8 + "|")
    for row in sorted(lines, key=lambda row: (CASES.index(row["case"]), METHODS.index(row["method"]))):
        start = f"| {row['case']} | {row['method']} | {row['train']:,}, {row['test']:,} "
        start += f"| {100 * row['accuracy']:.1f} "
        if row["case"] == "persons":
            equal = "equal" if all(row["equal"]) else "NOT EQUAL"
            own, others = (100 * np.mean(row[name]) for name in ("own_digits", "others_digits"))
            told = f"{len(row['equal'])} forgotten, each {equal}; own {own:.1f}, others {others:.1f}"
            print(f"{start}| {told} | | | {row['seconds']:.0f} |")
            continue
        curves, outside = row["auroc"], row["outside"]
        print(
            f"{start}| {np.mean(curves):.3f} ({np.min(curves):.3f}) | {100 * np.mean(row['turned_away']):.0f} "
            f"| {'' if outside is None else f'{outside:.3f}'} | {row['seconds']:.0f} |"
        )


if __name__ == "__main__":
    main()
