"""How learning, opening and forgetting grow with the number of persons, in a sealed model of the exact engine.

    python benchmarks/scale.py --persons 1000 10000 100000 --out scale.jsonl
    python benchmarks/scale.py --persons 100000 --forget 200 --out scale.jsonl

Random vectors of 64 numbers, 3 inputs of a person, 5 classes, each person's inputs of one class (or of several with
`--classes-each`). Every size runs in a process of its own, and a size that is in `--out` already is passed over, so
that a run that was cut off goes on. `cpu` is the processor's time in seconds, which other jobs change less than the
clock's; `forget` is from the call to the signed receipt on disk, in the loaded model. The folder is made where
`TMPDIR` says: on a disk, synchronising files takes most of the clock's time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import operator
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import preforget as pf
from preforget.erasure.verify import verify
from preforget.store.keyring import open_keyring

Spent = dict[str, list[float]]


def main() -> None:
    """Print one JSON object for each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--persons", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--inputs", type=int, default=3, help="of each person")
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--classes-each", type=int, default=1, help="classes that a person has inputs of")
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--forget", type=int, default=10, help="persons, one after another")
    parser.add_argument("--at-once", type=int, default=100, help="persons, in one call after that")
    parser.add_argument(
        "--compare",
        type=int,
        default=10_000,
        help="up to so many persons, learn anew without those who were forgotten, and compare",
    )
    parser.add_argument("--plain", action="store_true", help="a model that is not sealed")
    parser.add_argument("--out", type=Path, help="append results here, and pass over those that are there")
    args = parser.parse_args()
    done = [] if args.out is None or not args.out.exists() else args.out.read_text().splitlines()
    known = [json.loads(line)["settings"] for line in done]
    for persons in args.persons:
        settings = {name: value for name, value in vars(args).items() if name not in ("out", "persons")}
        settings |= {"persons": persons}
        if settings in known:
            continue
        receive, send = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(target=_run, args=(settings, send))
        process.start()
        send.close()
        result = receive.recv()
        process.join()
        line = json.dumps({"settings": settings, **result})
        print(line, flush=True)
        if args.out is not None:
            with args.out.open("a") as file:
                file.write(line + "\n")


def _run(settings: dict[str, Any], send: Any) -> None:
    send.send(measure(**{name.replace("-", "_"): value for name, value in settings.items()}))


def measure(
    persons: int,
    inputs: int,
    classes: int,
    classes_each: int,
    features: int,
    forget: int,
    at_once: int,
    compare: int,
    plain: bool,
) -> dict[str, Any]:
    """Return seconds, bytes and memory of one size."""
    rng, spent = np.random.default_rng(0), Spent()
    names = [f"person {number:07}" for number in range(persons)]
    first = np.repeat(rng.integers(0, classes, size=persons), inputs)
    which = (first + np.tile(np.arange(inputs), persons) % classes_each) % classes
    rows = rng.normal(size=(persons * inputs, features)).astype(np.float32)
    rows += 3 * np.eye(classes, features, dtype=np.float32)[which]
    labels = np.array([f"class {number}" for number in range(classes)])[which]
    with tempfile.TemporaryDirectory() as root:
        place, keyring = Path(root) / "model", Path(root) / "keyring"
        model = pf.PreForgettableClassifier("features", "exact", seed=0)
        with timed(spent, "learn"):
            model.fit(rows, labels, subjects=np.repeat(names, inputs))
        with timed(spent, "save"):
            model.save_pretrained(place, sealed=not plain, keyring=keyring)
        sizes = {path.name: path.stat().st_size for path in place.iterdir() if path.is_file()}
        packs = [path.stat().st_size for path in (place / "packs").glob("*")]
        ring = sum(path.stat().st_size for path in keyring.rglob("*") if path.is_file())
        del model
        with timed(spent, "open"):
            model = pf.PreForgettableClassifier.from_pretrained(place, keyring=keyring)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        order = [names[number] for number in rng.permutation(persons)[: forget + at_once]]
        for name in order[:forget]:
            with timed(spent, "forget"):
                last = model.forget_subject(name, reason="request 7")
        if at_once:
            with timed(spent, "forget_many"):
                last = model.forget_subject(order[forget:], reason="request 8")
        answers = model.predict(rows[:100])
        assert last.receipt is not None
        opened = open_keyring(keyring)
        with timed(spent, "verify"):
            checked = verify(last.receipt, place, opened.signing.known(), opened)
        stays = ~np.isin(np.repeat(names, inputs), order)
        again = pf.PreForgettableClassifier("features", "exact", seed=0)
        equal: bool | None = None
        if persons <= compare:  # learning twice takes long
            again.fit(rows[stays], labels[stays], subjects=np.repeat(names, inputs)[stays])
            twins = (sorted(record.digest() for record in each.engine_.records()) for each in (again, model))
            equal = operator.eq(*twins) and np.array_equal(again.scores(rows[:500]), model.scores(rows[:500]))
    result: dict[str, Any] = {"verified": checked.passed, "equals_retraining": equal, "answers": len(answers)}
    for what, values in spent.items():
        wall, processor = values[::2], values[1::2]
        result[what] = {"seconds": statistics.median(wall), "cpu": statistics.median(processor)}
        if len(wall) > 1:
            result[what] |= {"worst": max(wall), "worst_cpu": max(processor), "count": len(wall)}
    return {
        **result,
        "memory_mb": memory,
        "manifest_bytes": sizes["preforget.json"],
        "ledger_bytes": sizes["ledger.sqlite3"],
        "keyring_bytes": ring,
        "packs": len(packs),
        "pack_bytes": sum(packs),
    }


@contextmanager
def timed(spent: Spent, what: str) -> Iterator[None]:
    """Note the seconds by the clock and of the processor that something takes."""
    wall, processor = time.perf_counter(), time.process_time()
    yield
    spent.setdefault(what, []).extend([time.perf_counter() - wall, time.process_time() - processor])


if __name__ == "__main__":
    main()
