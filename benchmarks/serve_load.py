"""How much slower a service answers than the model alone: throughput at 16 clients, and what a request waits longer.

    python benchmarks/serve_load.py                # the builtin backbone on 8 x 8 digits, float32, binary input
    python benchmarks/serve_load.py --engine isolated --each 8

Both are measured in one run, one after the other and twice over, on as many processors as there are. First the bare
model: `predict` in batches of 128. Then the service, asked by 16 clients over connections that they keep, each request
with `--each` images; clients are processes of their own, whose processor time is reported apart and is not taken off.
Last the time that one request alone takes: by the service, by `respond` of the bare model with the same number of
inputs, and by `respond` of a whole batch of the service's shape, whose difference is what HTTP adds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import preforget as pf
from serving import Running


def digits_model(folder: Path, engine: str, model: Path | None) -> tuple[Path, np.ndarray]:
    """Return a model of digits, learned if none is given, and images to ask."""
    data = pf.load_data("digits")
    if model is None:
        model = folder / "model"
        options: dict[str, Any] = {"epochs": 1} if engine == "isolated" else {}
        made = pf.PreForgettableClassifier(
            "builtin", engine, device="cpu", dtype="float32", seed=0, **options
        )
        few = data.train.select(range(200))
        made.fit(few, validation=data.validation.select(range(100)))
        made.save_pretrained(model)
    return model, np.asarray(data.test.inputs)


def bare(model: Path, images: np.ndarray, seconds: float) -> float:
    """Return inputs per second of `predict` in batches of 128."""
    classifier = pf.PreForgettableClassifier.from_pretrained(model, device="cpu", dtype="float32")
    many = np.concatenate([images] * 4)[:128]
    classifier.predict(many[:8])
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        classifier.predict(many)
        count += len(many)
    return count / (time.perf_counter() - begun)


def client(url: str, token: str, images: np.ndarray, until: float, results: Any) -> None:
    """Ask until a time, and report inputs answered and processor seconds taken."""
    asking = pf.Client(url, token, model="model", timeout=600)
    count = 0
    before = resource.getrusage(resource.RUSAGE_SELF)
    while time.time() < until:
        asking.predict(images)
        if time.time() < until:
            count += len(images)
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    results.put((count, spent))


def served(running: Running, images: np.ndarray, clients: int, each: int, seconds: float) -> dict[str, float]:
    """Return inputs per second of the service, and processor time per input of both sides."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    begin = time.time() + 20  # programs need a while to start
    until, cpu = begin + seconds, 0.0
    parts = [images[(n * each) % (len(images) - each) :][:each] for n in range(clients)]
    arguments = [(running.url, running.predictor, part, until, results) for part in parts]
    processes = [context.Process(target=waiting, args=(begin, *argument)) for argument in arguments]
    for process in processes:
        process.start()
    time.sleep(max(0.0, begin - time.time()))
    cpu = running.cpu_seconds()
    told = [results.get(timeout=seconds + 600) for _ in processes]
    cpu = running.cpu_seconds() - cpu
    for process in processes:
        process.join()
    count = sum(inputs for inputs, _ in told)
    return {
        "inputs per second": count / seconds,
        "service's processor ms per input": 1e3 * cpu / max(1, count),
        "clients' processor ms per input": 1e3 * sum(spent for _, spent in told) / max(1, count),
    }


def waiting(begin: float, *arguments: Any) -> None:
    """Be a client from a moment on."""
    time.sleep(max(0.0, begin - time.time()))
    client(*arguments)


def median_ms(do: Any, times: int) -> float:
    """Return the median time of a call in milliseconds."""
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        do()
        spent.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(spent)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default="exact")
    parser.add_argument("--model", type=Path, help="a saved model of digits, instead of learning one")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--each", type=int, default=8, help="images of one request (default: 8)")
    parser.add_argument("--rows", type=int, default=8, help="inputs of a batch of the service (default: 8)")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--port", type=int, default=18460)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="load-"))
    os.environ.setdefault("PREFORGET_KEYRING", str(folder / "keyring"))
    model, images = digits_model(folder, args.engine, args.model)
    options = ("--device", "cpu", "--dtype", "float32", "--rows", str(args.rows))
    running = Running([Path(f"model={model.resolve()}")], folder, args.port, *options)
    rounds = []
    for _ in range(args.rounds):
        alone = bare(model, images, args.seconds)
        running.start()
        figures = served(running, images, args.clients, args.each, args.seconds)
        running.end()
        ratio = figures["inputs per second"] / alone
        rounds.append({"bare inputs per second": alone, **figures, "ratio": ratio})
        print(json.dumps(rounds[-1]), file=sys.stderr, flush=True)
    running.start()
    asking = pf.Client(running.url, running.predictor, model="model")
    asking.predict(images[:1])
    by_service = median_ms(lambda: asking.predict(images[:1]), 31)
    running.end()
    classifier = pf.PreForgettableClassifier.from_pretrained(model, device="cpu", dtype="float32")
    classifier.respond(images[:1])
    one = median_ms(lambda: classifier.respond(images[:1]), 31)
    whole = median_ms(lambda: classifier.respond(images[: args.rows]), 31)
    result = {
        "engine": args.engine,
        "clients": args.clients,
        "images per request": args.each,
        "rounds": rounds,
        "one request alone, ms at the median": by_service,
        "respond of one input, ms": one,
        f"respond of {args.rows} inputs, ms": whole,
        "added by HTTP, ms": by_service - whole,
        "added in all, ms": by_service - one,
        "processors": os.cpu_count(),
        "load average": os.getloadavg()[0],
    }
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
