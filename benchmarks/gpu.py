"""Images per second and seconds per epoch of all engines and of LoRA, beside the rate of a bfloat16 matrix product.

    python benchmarks/gpu.py

A ViT-B/16 at 224 px with random weights and images of noise, since speed doesn't depend on what either holds.
Scoring: pixels that are on the device, at the best of several batch sizes; and pixels in memory, as users give them.
Learning: hidden states are cached, an epoch is what `--epochs` more take longer than one, divided by their number; the
exact engine learns in one pass, which reads the images too. The share of the matrix rate counts the operations that run
(`torch.utils.flop_counter`), recomputed ones included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from preforget.backbones import Encoder, load_backbone
from preforget.baselines.lora_head import LoraHead, LoraHeadConfig
from preforget.data.dataset import Split
from preforget.engines import ENGINES
from preforget.engines.base import Engine, Session
from preforget.engines.prompted import PromptEngine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from random_vit import write_random_vit

ROUNDS = 5
LEARNED_WITH = {"isolated": (128, 512), "paper": (32, 128, 512), "lora_head": (32, 128, 512), "exact": (128,)}


def main() -> None:
    """Measure and print one JSON object, each row as soon as it is known on stderr too."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--classes", type=int, default=8)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128, 512])
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--matrix", type=int, default=8192)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        encoder = random_vit(Path(folder), args)
    rate = matrix_rate(encoder, args.matrix)
    train = noise(args.images, args.classes, args.image_size)
    rows = [*scoring(encoder, train, args.batches, rate), *learning(encoder, train, args.epochs, rate)]
    device = torch.cuda.get_device_name() if encoder.device.type == "cuda" else "CPU"
    figures = {"device": device, "torch": torch.__version__, "dtype": str(encoder.dtype)}
    shape = {"tokens": encoder.tokens, "width": encoder.dim, "blocks": encoder.depth}
    print(json.dumps({**figures, **shape, "matrix TFLOP/s": rate / 1e12, "rows": rows}, indent=1))


def random_vit(folder: Path, args: argparse.Namespace) -> Encoder:
    """Return a frozen transformer of ViT-B's proportions with random weights."""
    shape = {"width": args.width, "inner": 4 * args.width, "heads": args.width // 64, "blocks": 12}
    write_random_vit(folder, image_size=args.image_size, patch=16, spread=0.02, **shape)
    return load_backbone(str(folder), device=args.device, dtype=args.dtype)


def noise(count: int, classes: int, size: int) -> Split:
    """Return images of noise with labels in turn."""
    drawn = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return Split(drawn, np.array([f"class {i % classes}" for i in range(count)], dtype=object))


def matrix_rate(encoder: Encoder, size: int) -> float:
    """Return the operations per second of a square matrix product in the encoder's number format."""
    left, right = (torch.randn(size, size, device=encoder.device).to(encoder.dtype) for _ in range(2))
    return 2 * size**3 / timed(encoder, lambda: left @ right)


def timed(encoder: Encoder, work: Callable[[], Any]) -> float:
    """Return the median seconds of `ROUNDS` calls after two to warm up, all work of the device done."""
    for _ in range(2):
        work()
    return statistics.median(seconds_of(encoder, work) for _ in range(ROUNDS))


def wait(encoder: Encoder) -> None:
    """Return when the device has done all that it was given."""
    if encoder.device.type == "cuda":
        torch.cuda.synchronize()


def operations(work: Callable[[], Any]) -> int:
    """Return how many floating-point operations the matrix products and attentions of `work` take."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


@torch.no_grad()
def _logits(model: LoraHead, encoder: Encoder, pixels: torch.Tensor) -> torch.Tensor:
    return model.logits(model.parameters, encoder.embed(pixels))


def _scores(model: PromptEngine, pixels: torch.Tensor) -> torch.Tensor:
    return model.score_batch(pixels, model.bank.attached)


def scoring(encoder: Encoder, train: Split, batches: list[int], rate: float) -> list[dict[str, Any]]:
    """Return images per second of a plain pass, of every engine and of LoRA."""
    few = train.select(np.arange(16 * len(set(train.labels))))
    on_device: dict[str, Callable[[torch.Tensor], Any]] = {"plain pass": lambda p: list(encoder.walk(p))}
    in_memory: dict[str, Callable[[], Any]] = {}
    for name in LEARNED_WITH:
        model = learned(name, encoder, few, 1, 32)
        in_memory[name] = partial(model.scores, train.inputs)
        if isinstance(model, LoraHead):
            on_device[name] = partial(_logits, model, encoder)
        elif isinstance(model, PromptEngine):
            on_device[name] = partial(_scores, model)
    rows = []
    for name, score in on_device.items():
        found = []
        for batch in batches:
            work = partial(score, encoder.noise(batch))
            seconds = timed(encoder, work)
            found.append((batch / seconds, batch, operations(work)))
        speed, batch, counted = max(found)
        row = {"scoring": name, "batch": batch, "images per second": speed}
        rows.append(shown({**row, **shares(counted / batch, speed, rate)}))
    for name, whole in in_memory.items():
        speed = len(train) / timed(encoder, whole)
        rows.append(shown({"scoring, pixels in memory": name, "images per second": speed}))
    return rows


def learned(name: str, encoder: Encoder, train: Split, epochs: int, batch: int) -> Engine | LoraHead:
    """Return an engine, or the ordinary classifier, that has learned."""
    if name == LoraHead.name:
        model = LoraHead(encoder, LoraHeadConfig(epochs=epochs, batch_size=batch))
        model.learn(train, Session())
        return model
    kind = ENGINES[name]
    options = {} if name == "exact" else {"epochs": epochs, "batch_size": batch}
    engine = kind(encoder, kind.options_type.from_options(options))
    engine.learn(train, train.select(np.arange(2 * len(set(train.labels)))), Session())
    return engine


def learning(encoder: Encoder, train: Split, more: int, rate: float) -> list[dict[str, Any]]:
    """Return seconds per epoch of every engine and of LoRA, one row for each batch size."""
    rows = []
    for name, batches in LEARNED_WITH.items():
        for batch in batches:
            few = train.select(np.arange(min(batch, len(train))))
            once = partial(learned, name, encoder, train, 1, batch)
            several = partial(learned, name, encoder, train, 1 + more, batch)
            learned(name, encoder, few, 2, batch)
            first = seconds_of(encoder, once)
            row: dict[str, Any] = {"learning": name}
            if name == "exact":
                row |= {"seconds, one pass": first, "images per second": len(train) / first}
            else:
                seconds = (seconds_of(encoder, several) - first) / more
                one, two = (operations(partial(learned, name, encoder, few, n, batch)) for n in (1, 2))
                speed = len(train) / seconds
                row |= {"batch": batch, "seconds an epoch": seconds, "reading first": first - seconds}
                row |= {"images per second": speed, **shares((two - one) / len(few), speed, rate)}
            rows.append(shown(row))
    return rows


def seconds_of(encoder: Encoder, work: Callable[[], Any]) -> float:
    """Return the seconds of one call, all work of the device done."""
    wait(encoder)
    start = time.perf_counter()
    work()
    wait(encoder)
    return time.perf_counter() - start


def shares(an_image: float, speed: float, rate: float) -> dict[str, float]:
    """Return the operations of an image and the share of the matrix rate that so many images per second make."""
    return {"GFLOP an image": an_image / 1e9, "share of the matrix rate": an_image * speed / rate}


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Print a row on stderr and return it."""
    print(json.dumps(row), flush=True, file=sys.stderr)
    return row


if __name__ == "__main__":
    main()
