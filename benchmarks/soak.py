"""Ask a service for a long time while it forgets, learns back, is killed and meets a full disk.

    python benchmarks/soak.py --minutes 30 --out soak

Eight clients of two kinds ask all the time: four by `pf.Client` (binary tensors), four in JSON over connections that
they keep, which also read the list of classes. Every ten seconds a class is forgotten, over the service or by the
command line beside it, or one is learned back in another process. In the first two thirds of the time the service is
killed (SIGKILL) at random moments, half of them within a forgetting, and now and then no file of more than 2 KiB can be
written for some seconds, as on a full disk. In the last third it is left alone, and its memory is watched.

What must never be is counted: an answer that left after a receipt and names who was forgotten; a class that is lost; a
receipt that doesn't verify. `soak.json` in the folder holds all counts; the folder can be deleted afterwards.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import requests

import preforget as pf
from preforget.erasure.receipt import read_bounded
from serving import CLASSES, EACH, Running, make_model, name_of, rows_of

PERIOD = 10.0
ENDLESS = "9"
Answer = tuple[str, int, frozenset[str]]
"""When it left, its epoch, and the classes that it names."""


class World:
    """What is true, as whoever orders things knows it: who is there, and from when to when somebody was forgotten."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.present = {name_of(n) for n in range(CLASSES)}
        self.gone: dict[str, list[tuple[str, str]]] = {}
        self.answers: list[tuple[float, Answer]] = []
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self.seconds: list[float] = []
        self.stopping = threading.Event()

    def said(self, kind: str, left: str, epoch: int, names: frozenset[str]) -> None:
        """Keep an answer until it can be judged."""
        with self.lock:
            self.counts[f"answers of {kind}"] += 1
            self.answers.append((time.monotonic(), (left, epoch, names)))

    def judge(self, *, older_than: float = 30.0) -> None:
        """Judge answers that are so old that every receipt of their time is known."""
        limit = time.monotonic() - older_than
        with self.lock:
            ripe = [answer for at, answer in self.answers if at <= limit]
            self.answers = [(at, answer) for at, answer in self.answers if at > limit]
        for left, epoch, names in ripe:
            for name in names:
                for begin, end in self.gone.get(name, []):
                    if begin < left < end:
                        self.violations.append(
                            f"{name} at {left} in epoch {epoch}, forgotten {begin} to {end}"
                        )


def ask_in_binary(world: World, url: str, token: str, seed: int) -> None:
    """Be a client that uses the library's own."""
    client, rng = pf.Client(url, token, model="model", timeout=60), random.Random(seed)
    said: dict[str, Any] = {}
    client._session.hooks["response"].append(lambda response, **_: said.update(response.headers))
    while not world.stopping.is_set():
        rows = np.concatenate([rows_of(rng.randrange(CLASSES), 1, rng.randrange(9)) for _ in range(4)])
        try:
            answers = client.predict(rows)
        except (pf.PreforgetError, requests.RequestException) as error:
            world.counts[f"refused: {getattr(error, 'status', None) or 'no connection'}"] += 1
            time.sleep(0.2)
            continue
        names = frozenset(str(answer) for answer in answers if answer is not pf.ABSTAIN)
        world.said("pf.Client", said["preforget-left"], int(said["preforget-epoch"]), names)


def ask_in_json(world: World, port: int, token: str, seed: int) -> None:
    """Be a client that speaks HTTP and JSON, and now and then reads the list of classes."""
    rng, connection = random.Random(seed), http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}
    while not world.stopping.is_set():
        try:
            if rng.random() < 0.2:
                connection.request("GET", "/api/v1/classes", headers=headers)
            else:
                rows = rows_of(rng.randrange(CLASSES), 2, rng.randrange(9))
                tensor = {
                    "name": "x",
                    "datatype": "FP32",
                    "shape": [*rows.shape],
                    "data": rows.reshape(-1).tolist(),
                }
                connection.request(
                    "POST", "/v2/models/model/infer", json.dumps({"inputs": [tensor]}), headers
                )
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            world.counts["refused: no connection"] += 1
            time.sleep(0.2)
            continue
        if response.status != 200:
            world.counts[f"refused: {response.status}"] += 1
            time.sleep(0.2)
            continue
        values = json.loads(body)
        if "classes" in values:
            names = frozenset(each["label"] for each in values["classes"])
        else:
            outputs = {output["name"]: output for output in values["outputs"]}
            names = frozenset(outputs["probabilities"]["parameters"]["classes"]) | frozenset(
                outputs["label"]["data"]
            )
        left, epoch = response.headers["preforget-left"], int(response.headers["preforget-epoch"])
        world.said("JSON", left, epoch, names - {""})


class Orders:
    """Who has classes forgotten and learned back, kills the service and fills the disk."""

    def __init__(self, world: World, running: Running, folder: Path, rng: random.Random) -> None:
        self.world, self.running, self.folder, self.rng = world, running, folder, rng
        self.model = folder / "model"
        self.receipts = folder / "receipts"
        self.receipts.mkdir(exist_ok=True)
        self.headers = {"Authorization": f"Bearer {running.officer}"}

    def forget(self, *, kill: bool, full: bool) -> None:
        """Have a class forgotten over the service, with a kill or a full disk within it."""
        name, key = self.rng.choice(sorted(self.world.present)), f"key-{self.rng.random()}"
        begun, killed = time.monotonic(), False
        if full:
            self.limit(2048)
            self.world.counts["full disks"] += 1
        body = {"label": name, "reason": f"r-{self.world.counts['asked']}"}
        self.world.counts["asked"] += 1
        if kill:
            timer = threading.Timer(self.rng.uniform(0, 0.6), self.running.kill)
            timer.start()
        state: dict[str, Any] = {}
        while state.get("status") not in ("done", "failed"):
            try:
                if kill and not killed and timer.finished.is_set():
                    timer.join()
                    killed = True
                    self.world.counts["kills within a forgetting"] += 1
                    self.running.start()
                if "id" not in state:
                    said = requests.post(
                        f"{self.running.url}/api/v1/forgettings",
                        json=body,
                        headers={**self.headers, "Idempotency-Key": key},
                        timeout=60,
                    )
                else:
                    url = f"{self.running.url}/api/v1/forgettings/{state['id']}"
                    said = requests.get(url, headers=self.headers, timeout=60)
                if said.status_code in (200, 202):
                    state = said.json()
                elif said.status_code == 507 or (said.status_code == 503 and full):
                    self.world.counts["refused for a full disk"] += 1
                    break
                elif said.status_code not in (503,):
                    raise RuntimeError(f"{said.status_code}: {said.text}")
            except requests.RequestException:
                time.sleep(0.05)
            if full and time.monotonic() - begun > 3:
                self.limit(resource.RLIM_INFINITY)
            time.sleep(0.02)
        if kill and not killed:
            timer.join()
            self.world.counts["kills after a forgetting"] += 1
            self.running.start()
        self.limit(resource.RLIM_INFINITY)
        if state.get("status") != "done":
            self.world.counts["forgettings that failed, nothing forgotten"] += 1
            return
        if not kill and not full:
            self.world.seconds.append(time.monotonic() - begun)
        url = f"{self.running.url}/api/v1/forgettings/{state['id']}/receipt"
        content = requests.get(url, headers=self.headers, timeout=60).content
        (self.receipts / f"{state['erasure']}.json").write_bytes(content)
        self.took_note(name, content, "over the service")

    def forget_beside(self) -> None:
        """Have a class forgotten by the command line, beside the service."""
        name = self.rng.choice(sorted(self.world.present))
        copy = self.receipts / f"beside-{self.world.counts['beside']}.json"
        self.world.counts["beside"] += 1
        code = "from preforget.cli.main import main; raise SystemExit(main())"
        command = [
            sys.executable,
            "-c",
            code,
            "forget",
            str(self.model),
            name,
            "--yes",
            "--receipt",
            str(copy),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.took_note(name, read_bounded(copy), "by the command line")

    def add_back(self) -> None:
        """Learn a forgotten class in another process."""
        name = self.rng.choice(sorted(set(map(name_of, range(CLASSES))) - self.world.present))
        number = int(name.split("-")[1])
        np.save(self.folder / "back.npy", rows_of(number, EACH))
        intervals = self.world.gone[name]
        intervals[-1] = intervals[-1][0], now()
        code = (
            "import sys, numpy as np, preforget as pf; rows = np.load(sys.argv[2]);"
            "pf.PreForgettableClassifier.from_pretrained(sys.argv[1]).add(sys.argv[3], rows, [sys.argv[3]] * len(rows))"
        )
        subprocess.run(
            [sys.executable, "-c", code, str(self.model), str(self.folder / "back.npy"), name], check=True
        )
        self.world.present.add(name)
        self.world.counts["learned back"] += 1

    def took_note(self, name: str, receipt: bytes, how: str) -> None:
        """Keep in mind since when somebody is forgotten, by the receipt's own time."""
        import base64

        finished = json.loads(base64.b64decode(json.loads(receipt)["payload"]))["predicate"]["finished"]
        self.world.gone.setdefault(name, []).append((finished, ENDLESS))
        self.world.present.discard(name)
        self.world.counts[f"forgotten {how}"] += 1

    def limit(self, size: int) -> None:
        """Let the service write no file of more bytes."""
        process = self.running.process
        if process is not None and process.poll() is None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def check_present(self) -> None:
        """Count classes that are lost, or there though they were forgotten."""
        listed = requests.get(f"{self.running.url}/api/v1/classes", headers=self.headers, timeout=60).json()
        known = {each["label"] for each in listed["classes"]}
        for name in self.world.present - known:
            self.world.violations.append(f"{name} is lost")
        for name in known - self.world.present:
            self.world.violations.append(f"{name} is there, though forgotten")


def now() -> str:
    """Return the time as the service writes it."""
    from preforget.core.clock import now as written

    return written()


def soak(folder: Path, minutes: float, seed: int, port: int) -> dict[str, Any]:
    """Run it, and return the counts."""
    os.environ["PREFORGET_KEYRING"] = str(folder / "keyring")
    make_model(folder / "model")
    rng, world = random.Random(seed), World()
    running = Running([folder / "model"], folder, port)
    running.start()
    clients = [
        threading.Thread(target=ask_in_binary, args=(world, running.url, running.predictor, n))
        for n in range(4)
    ]
    clients += [
        threading.Thread(target=ask_in_json, args=(world, port, running.officer, 10 + n)) for n in range(4)
    ]
    for client in clients:
        client.start()
    orders, begun, memory = Orders(world, running, folder, rng), time.monotonic(), list[tuple[float, float]]()
    try:
        while (passed := time.monotonic() - begun) < minutes * 60:
            until, quiet = time.monotonic() + PERIOD, passed > minutes * 40
            if (len(world.present) < CLASSES * 2 // 3 and rng.random() < 0.7) or len(
                world.present
            ) < CLASSES // 2:
                orders.add_back()
            elif rng.random() < 0.3:
                orders.forget_beside()
            else:
                drawn = 1.0 if quiet else rng.random()
                orders.forget(kill=drawn < 0.3, full=0.3 <= drawn < 0.5)
            if not quiet and rng.random() < 0.1:
                running.kill()
                world.counts["kills between"] += 1
                running.start()
            orders.check_present()
            world.judge()
            if quiet:
                memory.append((round(passed, 1), round(running.resident(), 1)))
            time.sleep(max(0.0, until - time.monotonic()))
    finally:
        world.stopping.set()
        for client in clients:
            client.join()
    world.judge(older_than=-1)
    code = running.end()
    bad = [
        path.name
        for path in sorted(orders.receipts.iterdir())
        if not pf.verify_receipt(path, folder / "model").passed
    ]
    return {
        "minutes": minutes,
        "seed": seed,
        "counts": dict(sorted(world.counts.items())),
        "answers naming a forgotten class after the receipt, and classes lost": world.violations,
        "receipts": len([*orders.receipts.iterdir()]),
        "receipts that don't verify": bad,
        "starts": running.starts,
        "exit code after SIGTERM": code,
        "seconds from asking to receipt": figures(world.seconds),
        "memory (seconds, MiB) in the last third": memory,
    }


def figures(seconds: list[float]) -> dict[str, float]:
    """Return median, ninth decile and longest."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    middle = statistics.median(ordered)
    return {
        "count": len(ordered),
        "median": round(middle, 3),
        "p90": round(ordered[int(0.9 * (len(ordered) - 1))], 3),
        "longest": round(ordered[-1], 3),
    }


def main() -> int:
    """Soak, write the counts, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=18450)
    parser.add_argument(
        "--out", type=Path, help="folder for the model, logs and soak.json (default: a temporary one)"
    )
    args = parser.parse_args()
    folder = args.out or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    result = soak(folder.resolve(), args.minutes, args.seed, args.port)
    text = json.dumps(result, indent=2)
    (folder / "soak.json").write_text(text + "\n")
    print(text)
    wrong = result["answers naming a forgotten class after the receipt, and classes lost"]
    return 1 if wrong or result["receipts that don't verify"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
