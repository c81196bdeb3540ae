"""How long a durable forgetting takes on a sealed model, from the call to the signed receipt on disk.

    python benchmarks/erasure_speed.py --classes 8
    python benchmarks/erasure_speed.py --classes 1000

Records have the shapes of the isolated engine on the builtin backbone and random values. Median over forgettings, each
of one more class of the same model; also the same without a loaded model, and what opening the folder takes.
`cpu_ms` is the processor's time of a forgetting in the loaded model, which other jobs change less than the clock's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch

import preforget as pf
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.options import Isolated
from preforget.erasure import forget, open_folder, plan
from preforget.records import ClassRecord


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--classes", type=int, default=8)
    parser.add_argument(
        "--forgettings", type=int, default=6, help="of a loaded model, and as many of a folder"
    )
    parser.add_argument("--plain", action="store_true", help="a model that is not sealed")
    args = parser.parse_args()
    engine = IsolatedEngine(pf.load_backbone("builtin"), Isolated())
    generator = torch.Generator().manual_seed(0)
    for number in range(args.classes):
        shapes = engine.record_shapes()
        tensors = {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}
        engine.bank.insert(ClassRecord(f"class {number:04}", tensors))
    model = pf.PreForgettableClassifier.from_engine(engine)
    with tempfile.TemporaryDirectory() as root:
        place, keyring = Path(root) / "model", Path(root) / "keyring"
        model.save_pretrained(place, sealed=not args.plain, keyring=keyring)
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        loaded, processor, disk, opening = [], [], [], []
        for label in model.labels[: args.forgettings]:
            start, used = time.perf_counter(), time.process_time()
            model.forget(label, reason="request 7")
            processor.append((time.process_time() - used) * 1e3)
            loaded.append((time.perf_counter() - start) * 1e3)
        for number in range(args.forgettings):
            if args.forgettings + number >= args.classes:
                break
            start = time.perf_counter()
            folder = open_folder(place, keyring)
            opening.append((time.perf_counter() - start) * 1e3)
            planned = plan(folder, label=f"class {args.forgettings + number:04}")
            start = time.perf_counter()
            forget(planned, folder=folder, reason="request 7")
            disk.append((time.perf_counter() - start) * 1e3)
        result = {
            "classes": args.classes,
            "sealed": not args.plain,
            "megabytes": size / 1e6,
            "first_ms": loaded[0],
            "loaded_ms": statistics.median(loaded),
            "cpu_ms": statistics.median(processor),
            "folder_ms": statistics.median(disk) if disk else None,
            "open_ms": statistics.median(opening) if opening else None,
        }
        print(json.dumps(result))


if __name__ == "__main__":
    main()
