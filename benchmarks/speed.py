"""Ratios of times, each pair measured in one run: learning, scoring with banks of many classes, forgetting.

    python benchmarks/speed.py epoch   --data FOLDER --backbone CHECKPOINT --image-size 96
    python benchmarks/speed.py bank    --backbone CHECKPOINT --image-size 96
    python benchmarks/speed.py forget  --data digits

`epoch`: seconds of a training epoch on the first images of every class, hidden states already cached: an epoch is
what two epochs take longer than one. `bank`: a plain forward pass of the backbone against the same with a bank;
records are random, since speed doesn't depend on what they hold. `forget`: against learning without the class.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import preforget as pf
from arguments import with_data
from preforget.backbones import load_backbone
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.options import Isolated
from preforget.records import ClassRecord

ROUNDS = 5


def main() -> None:
    """Run one of the three and print one JSON object."""
    parser = with_data(__doc__, "digits")
    parser.add_argument("what", choices=["epoch", "bank", "forget"])
    parser.add_argument("--images", type=int, default=1536, help="for epoch: how many images")
    parser.add_argument("--batch", type=int, default=64, help="for bank: images per batch")
    args = parser.parse_args()
    figures = {"epoch": epoch, "bank": bank, "forget": forget}[args.what](args)
    print(json.dumps({"threads": torch.get_num_threads(), **figures}, indent=2))


def epoch(args: argparse.Namespace) -> dict[str, Any]:
    """Return seconds per epoch of the paper engine from block 0 and of the isolated engine."""
    data = pf.load_data(args.data, allow_duplicates=True)
    each = args.images // len(data.classes)
    chosen = np.concatenate([np.flatnonzero(data.train.labels == c)[:each] for c in data.classes])
    train = data.train.select(chosen)
    few = data.validation.select(
        np.concatenate([np.flatnonzero(data.validation.labels == c)[:2] for c in data.classes])
    )

    def seconds(engine: str, epochs: int, dtype: str, **options: Any) -> float:
        model = pf.PreForgettableClassifier(
            args.backbone, engine, args.image_size, epochs=epochs, dtype=dtype, **options
        )
        start = time.perf_counter()
        model.fit(train, validation=few)
        return time.perf_counter() - start

    seconds("isolated", 1, "auto")
    rows: dict[str, float] = {}
    for name, engine, dtype, options in (
        ("isolated", "isolated", "auto", {"batch_size": 128}),
        ("paper", "paper", "auto", {}),
        ("isolated float32", "isolated", "float32", {"batch_size": 128}),
        ("paper float32", "paper", "float32", {}),
    ):
        rows[name] = seconds(engine, 2, dtype, **options) - seconds(engine, 1, dtype, **options)
    return {
        "images": len(train),
        "seconds": rows,
        "paper : isolated": rows["paper"] / rows["isolated"],
        "paper : isolated, both float32": rows["paper float32"] / rows["isolated float32"],
        "paper float32 : isolated": rows["paper float32"] / rows["isolated"],
    }


def bank(args: argparse.Namespace) -> dict[str, Any]:
    """Return how many times longer a batch takes with a bank than a plain forward pass, and the tokens' bound."""
    encoder = load_backbone(args.backbone, image_size=args.image_size)
    generator = torch.Generator().manual_seed(0)
    size = encoder.preprocessing.image_size
    pixels = torch.randn(args.batch, 3, size, size, generator=generator).to(encoder.device, encoder.dtype)

    rows = [
        bank_row(encoder, pixels, classes, rank, generator) for classes in (8, 100, 1000) for rank in (0, 4)
    ]
    return {"batch": args.batch, "tokens": encoder.tokens, "rows": rows}


def bank_row(
    encoder: Any, pixels: torch.Tensor, classes: int, rank: int, generator: torch.Generator
) -> dict[str, Any]:
    """Return the figures of one bank of random records."""
    engine = IsolatedEngine(encoder, Isolated(lora_rank=rank))
    for number in range(classes):
        tensors = {n: torch.randn(s, generator=generator) * 0.02 for n, s in engine.record_shapes().items()}
        engine.bank.insert(ClassRecord(f"{number:04d}", tensors))
    labels = engine.bank.attached

    def plain() -> None:
        for _ in encoder.walk(pixels):
            pass

    full, alone = in_turn(lambda: engine.score_batch(pixels, labels), plain)
    row = {
        "classes": classes,
        "lora_rank": rank,
        "plain images per second": len(pixels) / alone,
        "with bank : plain": full / alone,
        "bound of the tokens": 1 + classes / encoder.tokens,
    }
    if classes > 32:
        short, alone = in_turn(lambda: engine.score_shortlist(pixels, labels, 32), plain)
        row["with shortlist of 32 : plain"] = short / alone
    return row


def in_turn(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[float, float]:
    """Return the median seconds of two functions, called in turn after one call to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    first()
    second()
    for _ in range(ROUNDS):
        for function, seconds in zip((first, second), times, strict=True):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def forget(args: argparse.Namespace) -> dict[str, Any]:
    """Return milliseconds to forget each class, in memory and in a saved model, against learning without one."""
    data = pf.load_data(args.data, allow_duplicates=True)
    memory, disk = [], []
    model = pf.PreForgettableClassifier(args.backbone, image_size=args.image_size)
    model.fit(data.train, validation=data.validation)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(Path(folder) / "model")
        for label in list(model.labels):
            erasure = model.forget(label)
            memory.append(erasure.memory_ms or 0.0)
            disk.append(erasure.disk_ms or 0.0)
    gone = data.classes[0]
    retrained = pf.PreForgettableClassifier(args.backbone, image_size=args.image_size)
    start = time.perf_counter()
    retrained.fit(data.train.without(gone), validation=data.validation.without(gone))
    retrain_ms = (time.perf_counter() - start) * 1e3
    return {
        "forget_memory_ms": statistics.median(memory),
        "forget_memory_and_disk_ms": statistics.median(m + d for m, d in zip(memory, disk, strict=True)),
        "retrain_ms": retrain_ms,
        "retrain : forget in memory": retrain_ms / statistics.median(memory),
        "retrain : forget on disk": retrain_ms
        / statistics.median(m + d for m, d in zip(memory, disk, strict=True)),
    }


if __name__ == "__main__":
    main()
