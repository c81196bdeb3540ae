"""Is the exact engine, after forgetting, bit for bit the engine that is learned without what was forgotten?

    python benchmarks/exactness.py --data digits --out exact-digits.jsonl
    python benchmarks/exactness.py --data FOLDER --backbone CHECKPOINT --image-size 96 --out exact-blood.jsonl
    python benchmarks/exactness.py --data synthetic --out exact-synthetic.jsonl

Every single class, random sets of classes in random orders, and random sets of subjects (drawn: each image gets one
of 20 people at random). The model is learned once and saved; a copy of the folder is loaded for each forgetting. The
retrained one computes all features anew each time. One JSON line per forgetting; what is there already is not done
again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import preforget as pf
from arguments import with_data
from preforget.audit.certificate import certify
from preforget.data import Split
from preforget.data.dataset import Dataset, label_array

PEOPLE = 20


def main() -> None:
    """Do what the output file lacks, and say how many of all are equal."""
    parser = with_data(__doc__, kinds=", or synthetic: 100 drawn classes")
    parser.add_argument("--options", type=json.loads, default={}, help="options of the engine, as JSON")
    parser.add_argument("--sets", type=int, default=3, help="random sets of classes, and of subjects")
    parser.add_argument("--singles", type=int, help="only so many single classes (default: all)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    data = synthetic() if args.data == "synthetic" else pf.load_data(args.data, allow_duplicates=True)
    lines = args.out.read_text().splitlines() if args.out.exists() else []
    done = {json.loads(line)["name"] for line in lines}
    rng = np.random.default_rng(0)
    work: list[tuple[str, list[str], bool]] = [
        (f"class {n}", [label], False) for n, label in enumerate(data.classes)
    ][: args.singles]
    for number in range(args.sets):
        size = int(rng.integers(2, len(data.classes) - 1))
        work.append((f"classes {number}", rng.permutation(data.classes)[:size].tolist(), False))
    for number in range(args.sets):
        people = [f"person {n}" for n in range(PEOPLE)]
        work.append((f"subjects {number}", rng.permutation(people)[: number + 1].tolist(), True))
    with tempfile.TemporaryDirectory() as folder:
        for name, gone, are_people in work:
            if name not in done:
                row = forget_and_compare(args, data, gone, are_people, Path(folder))
                row = {"name": name, "gone": len(gone), **row}
                with args.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(json.dumps(row), flush=True)
    rows = [json.loads(line) for line in args.out.read_text().splitlines()]
    print(f"{sum(row['equal'] for row in rows)} of {len(rows)} equal")


def forget_and_compare(
    args: argparse.Namespace, data: Dataset, gone: list[str], are_people: bool, folder: Path
) -> dict[str, Any]:
    """Load the model that learned all, forget, retrain without, and return the certificate with the seconds of each."""
    train, validation = data.train, data.validation
    if are_people:
        train, validation = (with_people(split, seed) for seed, split in enumerate((train, validation)))
    place = folder / ("people" if are_people else "classes")
    if not place.exists():
        first = pf.PreForgettableClassifier(args.backbone, "exact", args.image_size, **args.options)
        first.fit(train, validation=validation).save_pretrained(place)
    model = pf.PreForgettableClassifier.from_pretrained(shutil.copytree(place, folder / "copy"))
    start = time.perf_counter()
    for name in gone:
        if are_people:
            model.forget_subject(name)
        else:
            model.forget(name)
    forgotten = time.perf_counter() - start
    if are_people:
        model.refit(train, validation=validation)
    start = time.perf_counter()
    certificate = certify(model, train, validation)
    shutil.rmtree(folder / "copy")
    return {
        "forget_seconds": forgotten,
        "verify_seconds": time.perf_counter() - start,
        **certificate.as_dict(),
    }


def with_people(split: Split, seed: int) -> Split:
    """Return the images as if each were of one of `PEOPLE` people."""
    drawn = np.random.default_rng(seed).integers(0, PEOPLE, len(split))
    return Split(split.inputs, split.labels, label_array([f"person {n}" for n in drawn]))


def synthetic(classes: int = 100, each: int = 24) -> Dataset:
    """Return drawn classes: noisy copies of one random pattern each, 32 px."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 256, (classes, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
    names = [f"pattern {number:03}" for number in range(classes)]

    def part(count: int) -> Split:
        noise = rng.normal(0, 60, (classes, count, 32, 32, 3))
        images = (patterns[:, None] + noise).clip(0, 255).astype(np.uint8).reshape(-1, 32, 32, 3)
        return Split(images, label_array([name for name in names for _ in range(count)]))

    return Dataset("synthetic", part(each), part(6), part(6), tuple(names), "drawn patterns")


if __name__ == "__main__":
    main()
