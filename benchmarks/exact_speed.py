"""How long the exact engine takes: learning beside plain feature extraction, and forgetting in a saved model.

    python benchmarks/exact_speed.py fit --data FOLDER --backbone CHECKPOINT --image-size 96
    python benchmarks/exact_speed.py forget --data FOLDER --backbone CHECKPOINT --image-size 96
    python benchmarks/exact_speed.py forget --classes 1000
    python benchmarks/exact_speed.py persons --images 1000

`persons` prints how much longer images take that are of a person each than those of one person, in one run, and how
many inputs are read in a second of one processor; `fit`
prints a ratio of two runs in one process; `forget` prints medians in milliseconds, `answer` being the first answer
after a forgetting, when all that depends on the forgotten class is derived anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import preforget as pf
from arguments import with_data
from preforget.backbones import Encoder, load_backbone
from preforget.data import as_split, read_batch
from preforget.engines import Exact
from preforget.engines.exact import ExactEngine
from preforget.records.units import make_unit

DRAWN_IMAGES = 20


def main() -> None:
    """Measure and print one JSON object."""
    parser = with_data(__doc__, "digits")
    parser.add_argument("what", choices=["fit", "forget", "persons"])
    parser.add_argument("--classes", type=int, help="drawn features of so many classes instead of data")
    parser.add_argument("--times", type=int, default=5, help="how many classes are forgotten")
    parser.add_argument("--images", type=int, default=1000, help="drawn images for persons")
    args = parser.parse_args()
    what = {"fit": fit, "forget": forget, "persons": persons}[args.what]
    print(json.dumps(what(args), indent=2))


def persons(args: argparse.Namespace) -> dict[str, Any]:
    """Return seconds of learning images of one person and of as many persons, one after the other, and their ratio."""
    encoder = load_backbone(args.backbone, image_size=args.image_size)
    X = np.random.default_rng(0).integers(0, 256, (args.images, 32, 32, 3), dtype=np.uint8)
    y = np.array(["ant", "bee"] * (args.images // 2))
    validation = as_split(X[:40], y[:40], ["anybody"] * 40)

    def learned(subjects: list[str]) -> tuple[float, float]:
        model = pf.PreForgettableClassifier(encoder, "exact")
        start, processor = time.perf_counter(), time.process_time()
        model.fit(X, y, validation, subjects=subjects)
        return time.perf_counter() - start, time.process_time() - processor

    one = ["anybody"] * len(X)
    each = [f"person {number}" for number in range(len(X))]
    seconds, spent = zip(*(learned(names) for names in (one, each, one, each)), strict=True)
    ratio = (spent[1] + spent[3]) / (spent[0] + spent[2])
    return {
        "images": len(X),
        "threads": torch.get_num_threads(),
        "seconds_of_one": seconds[::2],
        "seconds_of_each": seconds[1::2],
        "processor_seconds_of_one": spent[::2],
        "processor_seconds_of_each": spent[1::2],
        "each : one, of the processor": ratio,
        "inputs_per_processor_second": (len(X) + 40) / min(spent[::2]),
    }


def fit(args: argparse.Namespace) -> dict[str, Any]:
    """Return seconds of learning, of nothing but a forward pass over the same images, and their ratio."""
    data = pf.load_data(args.data, allow_duplicates=True)
    encoder = load_backbone(args.backbone, image_size=args.image_size)
    size = encoder.preprocessing.image_size

    def plain() -> float:
        start = time.perf_counter()
        for part in (data.train, data.validation):
            for first in range(0, len(part), 128):
                batch = read_batch(part.inputs, range(first, min(first + 128, len(part))), size)
                for _ in encoder.walk(encoder.pixels(batch)):
                    pass
        return time.perf_counter() - start

    before = plain()
    start = time.perf_counter()
    model = pf.PreForgettableClassifier(args.backbone, "exact", args.image_size)
    model.fit(data.train, validation=data.validation)
    learned = time.perf_counter() - start
    after = plain()
    return {
        "images": len(data.train) + len(data.validation),
        "learn_seconds": learned,
        "forward_seconds": [before, after],
        "learn : forward": learned / ((before + after) / 2),
    }


def forget(args: argparse.Namespace) -> dict[str, Any]:
    """Return medians over some forgettings in a saved model."""
    if args.classes:
        model = draw(pf.load_backbone(args.backbone, image_size=args.image_size), args.classes)
    else:
        model = pf.PreForgettableClassifier(args.backbone, "exact", args.image_size)
        data = pf.load_data(args.data, allow_duplicates=True)
        model.fit(data.train, validation=data.validation)
    classes = len(model.labels)
    image = as_split(np.zeros((1, 32, 32), dtype=np.uint8), ["none"]).inputs
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(Path(folder) / "model")
        size = sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())
        start = time.perf_counter()
        model = pf.PreForgettableClassifier.from_pretrained(Path(folder) / "model", backbone=args.backbone)
        loaded = time.perf_counter() - start
        model.predict(image)
        rows = []
        for label in model.labels[: args.times]:
            start = time.perf_counter()
            erasure = model.forget(label)
            whole = (time.perf_counter() - start) * 1e3
            start = time.perf_counter()
            model.predict(image)
            answer = (time.perf_counter() - start) * 1e3
            rows.append((erasure.memory_ms, erasure.disk_ms, erasure.derive_ms, whole, answer))
    names = ("memory_ms", "disk_ms", "derive_ms", "forget_ms", "answer_ms")
    medians = {n: statistics.median(v) for n, v in zip(names, zip(*rows, strict=True), strict=True)}
    return {"classes": classes, "megabytes": size / 1e6, "load_seconds": loaded, **medians}


def draw(encoder: Encoder, classes: int) -> pf.PreForgettableClassifier:
    """Return a model with classes of random features."""
    engine = ExactEngine(encoder, Exact())
    generator = torch.Generator().manual_seed(0)
    for number in range(classes):
        layout = engine.bank.layout
        drawn = torch.randn(DRAWN_IMAGES + 3, layout.width, generator=generator) * 2000
        rows = drawn.round().clamp(-32767, 32767).to(torch.int16)
        engine.bank.insert(
            make_unit(f"{number:04}", None, [rows[:DRAWN_IMAGES]], rows[DRAWN_IMAGES:], layout)
        )
    engine.derive()
    return pf.PreForgettableClassifier.from_engine(engine)


if __name__ == "__main__":
    main()
