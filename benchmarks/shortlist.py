"""What a shortlist costs in accuracy: 1,000 drawn classes, all scored against the best 32 of each image.

    python benchmarks/shortlist.py --classes 1000 --out shortlist.json

A class is a smooth pattern of colours; its images are that pattern shifted, turned, dimmed and made noisy. The class
path begins at `--first-block`, so that learning 1,000 classes ends in minutes on two cores; the cheap score, which
decides what a shortlist loses, is the same wherever the path begins.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

import preforget as pf
from preforget.core.seeds import derive_seed

SIDE = 32


def main() -> None:
    """Learn, score the test images with and without a shortlist, and write one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--train-images", type=int, default=8, help="per class, two of them for calibration")
    parser.add_argument("--test-images", type=int, default=2, help="per class")
    parser.add_argument("--first-block", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--shortlist", type=int, default=32)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    names = [f"{number:04d}" for number in range(args.classes)]
    train, test = (
        np.concatenate([draw(name, count, part) for name in names])
        for part, count in (("train", args.train_images), ("test", args.test_images))
    )
    model = pf.PreForgettableClassifier(
        image_size=SIDE, first_block=args.first_block, epochs=args.epochs, batch_size=128
    )
    start = time.perf_counter()
    model.fit(train, np.repeat(names, args.train_images), progress=True)
    figures = {
        "classes": args.classes,
        "shortlist": args.shortlist,
        "learn_seconds": time.perf_counter() - start,
    }
    truth, labels = np.repeat(names, args.test_images), np.array(model.labels)
    for what, size in (("all", 0), ("shortlist", args.shortlist)):
        start = time.perf_counter()
        scores = model.engine_.scores(test, shortlist=size)
        figures[f"seconds_{what}"] = time.perf_counter() - start
        figures[f"accuracy_{what}"] = float((labels[scores.argmax(axis=1)] == truth).mean())
    figures["accuracy_lost"] = figures["accuracy_all"] - figures["accuracy_shortlist"]
    args.out.write_text(json.dumps(figures, indent=2))
    print(json.dumps(figures, indent=2))


def draw(name: str, count: int, part: str) -> npt.NDArray[np.uint8]:
    """Return `count` images of a class, `uint8 [count, SIDE, SIDE, 3]`."""
    pattern = np.random.default_rng(derive_seed(0, "pattern", name)).integers(
        0, 256, (4, 4, 3), dtype=np.uint8
    )
    big = Image.fromarray(pattern).resize((2 * SIDE, 2 * SIDE), Image.Resampling.BICUBIC)
    rng = np.random.default_rng(derive_seed(0, part, name))
    images = []
    for _ in range(count):
        turned = big.rotate(rng.uniform(-20, 20), Image.Resampling.BICUBIC)
        left, top = rng.integers(SIDE // 2 - 5, SIDE // 2 + 6, 2)
        cut = np.asarray(turned.crop((left, top, left + SIDE, top + SIDE)), dtype=np.float64)
        noisy = cut * rng.uniform(0.6, 1.1) + rng.normal(0, 20, cut.shape)
        images.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return np.stack(images)


if __name__ == "__main__":
    main()
