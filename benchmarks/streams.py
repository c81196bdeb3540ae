"""How memory and time grow with the number of vectors in a Parquet table that is learned from.

    python benchmarks/streams.py --inputs 100000 1000000 --out streams.jsonl

A table of random vectors in row groups of 10,000 is written first, by a process of its own; then `preforget learn` of
the exact engine runs in another one, whose peak memory is what counts. `base` is that of a process that has imported
the same and learned nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

GROUP = 10_000


def write(path: Path, inputs: int, features: int, classes: int) -> None:
    """Write the table, a row group at a time."""
    import pyarrow
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    names = [f"n{number:03}" for number in range(features)]
    schema = pyarrow.schema([*((n, pyarrow.float32()) for n in names), ("label", pyarrow.string())])
    with parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, inputs, GROUP):
            count = min(GROUP, inputs - start)
            which = rng.integers(0, classes, size=count)
            rows = rng.normal(size=(count, features)).astype(np.float32)
            rows += 3 * np.eye(classes, features, dtype=np.float32)[which]
            columns = [*rows.T.copy(), np.array([f"class {number}" for number in which])]
            writer.write_table(pyarrow.table(columns, schema=schema))


def learn(path: Path, out: Path, send: Any) -> None:
    """Learn the table by the command line; send peak memory in MB, before and after, and seconds."""
    import pyarrow.parquet  # noqa: F401 - part of the base

    from preforget import classifier  # noqa: F401 - part of the base, too
    from preforget.cli.main import main as run

    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = time.perf_counter(), time.process_time()
    words = ["learn", str(path), "--out", str(out), "--engine", "exact", "--backbone", "features"]
    code = run(words)
    seconds, spent = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    send.send({"code": code, "base_mb": base, "peak_mb": peak, "seconds": seconds, "cpu": spent})


def main() -> None:
    """Print one JSON object for each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--out", type=Path, help="append results here")
    args = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    for inputs in args.inputs:
        with tempfile.TemporaryDirectory() as root:
            table = Path(root) / "vectors.parquet"
            writer = spawn.Process(target=write, args=(table, inputs, args.features, args.classes))
            writer.start()
            writer.join()
            receive, send = spawn.Pipe(duplex=False)
            learner = spawn.Process(target=learn, args=(table, Path(root) / "model", send))
            learner.start()
            send.close()
            result = receive.recv()
            learner.join()
            line = json.dumps(
                {"inputs": inputs, "features": args.features, "table_bytes": table.stat().st_size, **result}
            )
        print(line, flush=True)
        if args.out is not None:
            with args.out.open("a") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
