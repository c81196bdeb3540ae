"""What wide encoders cost the exact engine, in the shapes of ViT-B and RAD-DINO with random weights.

    python benchmarks/wide_encoders.py --shape vit-b
    python benchmarks/wide_encoders.py --shape rad-dino --images 4

Drawn images of three classes are learned, one class is forgotten, and the rest is compared with a model that never had
it. Prints seconds, the most memory that the process held, and how long one pair takes in both forms. The answers of
random weights mean nothing; memory, time and equality do.
"""

from __future__ import annotations

import argparse
import json
import resource
import runpy
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import preforget as pf
from preforget.engines import discriminant, few_inputs
from preforget.engines.exact import ExactEngine
from preforget.records.moments import Moments
from preforget.records.units import sorted_rows

SHAPES = {
    "tiny": {"image_size": 32, "patch": 8, "width": 32, "blocks": 4, "heads": 2},
    "vit-b": {"image_size": 224, "patch": 16, "width": 768, "blocks": 12, "heads": 12, "inner": 3072},
    "rad-dino": {"image_size": 518, "patch": 14, "width": 768, "blocks": 12, "heads": 12, "inner": 3072},
}
CLASSES = ("ant", "bee", "cat")


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=sorted(SHAPES), default="vit-b")
    parser.add_argument("--images", type=int, default=24, help="of each class")
    args = parser.parse_args()
    print(json.dumps(measured(args.shape, args.images), indent=2))


def measured(shape: str, count: int) -> dict[str, Any]:
    """Return what learning and forgetting took."""
    write = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "random_vit.py"))["write_random_vit"]
    size = SHAPES[shape]["image_size"]
    X = np.random.default_rng(0).integers(0, 256, (3 * count, size, size, 3), dtype=np.uint8)
    y = np.repeat(CLASSES, count)
    kept = y != "bee"
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = write(Path(folder) / "checkpoint", **SHAPES[shape], spread=0.02)
        made = pf.PreForgettableClassifier(str(checkpoint), "exact", dtype="float32")
        model, learned = timed(lambda: made.fit(X, y))
        model.save_pretrained(Path(folder) / "model")
        _, answered = timed(lambda: model.predict(X[:1]))
        _, forgotten = timed(lambda: model.forget("bee"))
        _, again = timed(lambda: model.predict(X[:1]))
        retrained = model.untrained().fit(X[kept], y[kept])
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        engine = model.engine_
        assert isinstance(engine, ExactEngine)
        return {
            "shape": shape,
            "features": engine.bank.features,
            "tokens": model.engine_.encoder.tokens,
            "images": len(X),
            "threads": torch.get_num_threads(),
            "processor_seconds": time.process_time() - start,
            "learn_seconds": learned,
            "first_answer_seconds": answered,
            "forget_seconds": forgotten,
            "first_answer_after_seconds": again,
            "equal": sorted(r.digest() for r in engine.records())
            == sorted(r.digest() for r in retrained.engine_.records()),
            "most_gigabytes": held,
            "pair": both_forms(engine),
        }


def timed(work: Any) -> tuple[Any, float]:
    """Return what `work` returns, and the seconds that it took."""
    start = time.perf_counter()
    done = work()
    return done, time.perf_counter() - start


def both_forms(engine: ExactEngine) -> dict[str, float]:
    """Return processor seconds of one pair from its inputs and from its moments, and how far they are apart."""
    rows = [sorted_rows(engine.bank.scored_rows(label)) for label in engine.bank.labels]
    strength = engine.config.shrinkage
    start = time.process_time()
    dual, _ = few_inputs.pair(rows[0], rows[1], strength)
    middle = time.process_time()
    primal, _ = discriminant.pair(Moments.of(rows[0]), Moments.of(rows[1]), strength)
    end = time.process_time()
    return {
        "by_inputs_seconds": middle - start,
        "by_moments_seconds": end - middle,
        "relative_difference": float((dual - primal).norm() / primal.norm()),
    }


if __name__ == "__main__":
    main()
