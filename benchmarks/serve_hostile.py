"""Send a service thousands of requests that nobody should send: no 500, no traceback, no name told.

    python benchmarks/serve_hostile.py --requests 10000

A quarter is drawn by schemathesis from the interface's own description; the others are broken images and tensors, odd
headers, hosts, methods and paths, lengths that lie, bodies beyond the limit, and clients that send a byte now and then.
The service has a model of images and one of rows of numbers. Requests without a token may tell no name at all; requests
with one may be answered, but no error may tell a name.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

import preforget as pf
from serving import CLASSES, Running, make_model, name_of

TELLTALE = ("Traceback", 'File "', ".py", "Error(")
SECRET = "Picture-of-Somebody-"


def make_pictures(path: Path) -> None:
    """Learn and save a model of small pictures on a tiny random transformer."""
    import runpy

    write = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "random_vit.py"))["write_random_vit"]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    labels = [f"{SECRET}{n % 4}" for n in range(40)]
    backbone = str(write(path.with_name("backbone")))
    model = pf.PreForgettableClassifier(
        backbone, "exact", image_size=32, device="cpu", dtype="float32", levels=2
    )
    model.fit(images, labels).save_pretrained(path)


class Attack:
    """Sends requests and judges what comes back."""

    def __init__(self, running: Running, seed: int) -> None:
        self.running, self.rng = running, random.Random(seed)
        self.codes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.names = [name_of(n) for n in range(CLASSES)] + [f"{SECRET}{n}" for n in range(4)]

    def judge(self, what: str, status: int, body: bytes, *, has_token: bool) -> None:
        """Count a response, and note what must not be."""
        self.codes[f"{what}: {status}"] += 1
        text = body.decode("utf-8", "replace")
        if status >= 500 and status not in (503, 507):
            self.wrong.append(f"{what}: {status} {text[:200]}")
        if status >= 400 and any(sign in text for sign in TELLTALE):
            self.wrong.append(f"{what}: {text[:200]}")
        if (status >= 400 or not has_token) and any(name in text for name in self.names):
            self.wrong.append(f"{what}: names somebody: {text[:200]}")

    def send(self, what: str, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        """Send one request of HTTP."""
        has_token = self.rng.random() < 0.7
        if has_token:
            headers.setdefault("Authorization", f"Bearer {self.running.predictor}")
        connection = http.client.HTTPConnection("127.0.0.1", self.running.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            self.judge(what, response.status, response.read(), has_token=has_token)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.codes[f"{what}: {type(error).__name__}"] += 1
        finally:
            connection.close()

    def raw(self, what: str, content: bytes) -> None:
        """Send bytes that may be no HTTP."""
        try:
            with socket.create_connection(("127.0.0.1", self.running.port), timeout=60) as connection:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                said = b""
                while part := connection.recv(65536):
                    said += part
        except OSError as error:
            self.codes[f"{what}: {type(error).__name__}"] += 1
            return
        status = int(said[9:12]) if said.startswith(b"HTTP/1.1 ") else 0
        self.judge(what, status, said.partition(b"\r\n\r\n")[2], has_token=False)

    def some_bytes(self, most: int) -> bytes:
        """Return random bytes."""
        return self.rng.randbytes(self.rng.randrange(most))

    def broken_image(self) -> bytes:
        """Return a picture with damage, a picture that claims to be enormous, or no picture."""
        file = io.BytesIO()
        kind = self.rng.choice(["PNG", "JPEG", "GIF", "TIFF", "WEBP"])
        Image.new("RGB", (8, 8), (1, 2, 3)).save(file, kind)
        content = bytearray(file.getvalue())
        for _ in range(self.rng.randrange(1, 9)):
            content[self.rng.randrange(len(content))] = self.rng.randrange(256)
        return (
            bytes(content[: self.rng.randrange(1, len(content) + 1)])
            if self.rng.random() < 0.3
            else bytes(content)
        )

    def image(self) -> None:
        """Send broken images, as a form or as a tensor."""
        content = self.broken_image()
        if self.rng.random() < 0.5:
            body = (
                b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
                + content
                + b"\r\n--x--\r\n"
            )
            self.send(
                "image, form", "POST", "/api/v1/predict?model=pictures", body,
                **{"Content-Type": "multipart/form-data; boundary=x"},
            )  # fmt: skip
            return
        blob = len(content).to_bytes(4, "little") + content
        tensor = {
            "name": "x",
            "datatype": "BYTES",
            "shape": [1],
            "parameters": {"binary_data_size": len(blob)},
        }
        head = json.dumps({"inputs": [tensor]}).encode()
        length = {"Inference-Header-Content-Length": str(len(head))}
        self.send("image, tensor", "POST", "/v2/models/pictures/infer", head + blob, **length)

    def tensor(self) -> None:
        """Send a request to infer that is wrong somewhere."""
        odd: list[Any] = [None, -1, 2**63, 1e308, "x", [], {}, [[1]], True, "\ud800", "a" * 2000, name_of(1)]
        tensor: dict[str, Any] = {"name": "x", "datatype": "FP32", "shape": [1, 16], "data": [0.5] * 16}
        request: dict[str, Any] = {"inputs": [tensor], "parameters": {}, "id": "1"}
        place = self.rng.choice([tensor, request, request["parameters"]])
        keys = [*place, "without", "binary_data_output", "binary_data_size", "outputs"]
        place[self.rng.choice(keys)] = self.rng.choice(odd)
        length = (
            {}
            if self.rng.random() < 0.7
            else {"Inference-Header-Content-Length": self.rng.choice(["-1", "7", "x", "99999"])}
        )
        self.send("tensor", "POST", "/v2/models/model/infer", json.dumps(request).encode(), **length)

    def header(self) -> None:
        """Send odd headers."""
        names = [
            "Host",
            "Authorization",
            "Content-Type",
            "Content-Length",
            "Origin",
            "Cookie",
            "Idempotency-Key",
            "X-Forwarded-Host",
        ]
        values = [
            "",
            "evil.example",
            "Bearer ",
            f"Bearer {'A' * 5000}",
            "a\tb",
            "é",
            "%00",
            "../../etc/passwd",
            "9" * 40,
        ]
        path = self.rng.choice(["/v2", "/api/v1/classes", "/api/v1/forgettings", "/metrics", "/"])
        self.send(
            "header",
            self.rng.choice(["GET", "POST"]),
            path,
            b"",
            **{self.rng.choice(names): self.rng.choice(values)},
        )

    def path(self) -> None:
        """Ask for odd addresses and methods."""
        parts = [
            "..",
            "%2e%2e",
            "%00",
            "v2",
            "models",
            "api",
            "v1",
            "é",
            name_of(2),
            "infer",
            "a" * 300,
            "model",
            "forgettings",
        ]
        path = "/" + "/".join(self.rng.choice(parts) for _ in range(self.rng.randrange(1, 7)))
        method = self.rng.choice(["GET", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "HACK", "HEAD"])
        self.send("path", method, path, self.some_bytes(50))

    def noise(self) -> None:
        """Send what is hardly HTTP."""
        host = b"\r\nHost: 127.0.0.1\r\n"
        self.raw(
            "noise",
            self.rng.choice(
                [
                    self.some_bytes(300),
                    b"GET / HTTP/9.9" + host + b"\r\n",
                    b"GET /" + b"a" * 70_000 + b" HTTP/1.1" + host + b"\r\n",
                    b"POST /v2/models/model/infer HTTP/1.1"
                    + host
                    + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n{}",
                    b"POST /v2 HTTP/1.1" + host + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
                    b"GET /v2 HTTP/1.1" + host + b"Host: evil.example\r\n\r\n",
                    b"GET /v2 HTTP/1.1" + host + b"X: " + b"a" * 40_000 + b"\r\n\r\n",
                    b"POST /v2/models/model/infer HTTP/1.1" + host + b"Content-Length: 99999999999\r\n\r\n{}",
                ]
            ),
        )

    def huge(self) -> None:
        """Send a body beyond the limit."""
        self.send("huge", "POST", "/v2/models/model/infer", b"[" * (2**20 + 1))

    def run(self, count: int) -> None:
        """Send so many requests of all kinds but schemathesis's."""
        kinds = [self.image] * 6 + [self.tensor] * 6 + [self.header] * 4 + [self.path] * 4 + [self.noise] * 3
        for number in range(count):
            (self.huge if number % 100 == 99 else self.rng.choice(kinds))()
            if number % 500 == 499:
                print(f"{number + 1} of {count} sent", file=sys.stderr, flush=True)


def slow(running: Running, seconds: float, outcome: Counter[str]) -> None:
    """Be a client that sends a byte now and then."""
    try:
        with socket.create_connection(("127.0.0.1", running.port), timeout=seconds + 60) as connection:
            connection.sendall(
                b"POST /v2/models/model/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
            )
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                connection.sendall(b" ")
                time.sleep(0.5)
            outcome[f"slow: {connection.recv(12)[9:12].decode()}"] += 1
    except OSError:
        outcome["slow: cut off"] += 1


def described(attack: Attack, count: int) -> None:
    """Send requests that schemathesis draws from the description."""
    import hypothesis
    import schemathesis
    from hypothesis import HealthCheck, Phase

    token = {"Authorization": f"Bearer {attack.running.officer}"}
    schema = schemathesis.openapi.from_url(f"{attack.running.url}/api/v1/openapi.json")
    operations: list[Any] = [cast(Any, result).ok() for result in schema.get_all_operations()]
    for number, operation in enumerate(operations):

        @hypothesis.seed(number)
        @hypothesis.settings(
            max_examples=-(-count // len(operations)),
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        )
        @hypothesis.given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.query = {**(case.query or {}), "model": "model"}
            said = case.call(headers=token)
            attack.judge("described", said.status_code, said.content, has_token=True)

        ask()


def main() -> int:
    """Attack, print the counts, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=18470)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    os.environ["PREFORGET_KEYRING"] = str(folder / "keyring")
    make_model(folder / "model")
    make_pictures(folder / "pictures")
    models = [folder / "model", folder / "pictures"]
    running = Running(models, folder, args.port, "--most-mib", "1", "--device", "cpu")
    running.start()
    attack, outcome = Attack(running, args.seed), Counter[str]()
    crawling = [threading.Thread(target=slow, args=(running, 35, outcome)) for _ in range(16)]
    for thread in crawling:
        thread.start()
    begun = time.monotonic()
    attack.run(args.requests - args.requests // 4)
    described(attack, args.requests // 4)
    for thread in crawling:
        thread.join()
    client = pf.Client(running.url, running.officer, model="model")
    alive = len(client.labels) == CLASSES
    code = running.end()
    log = (folder / "serve.log").read_text(errors="replace")
    leaks = [
        line for line in log.splitlines() if any(name in line for name in attack.names) or "Traceback" in line
    ]
    result = {
        "requests": sum(attack.codes.values()),
        "seconds": round(time.monotonic() - begun),
        "codes": dict(sorted(attack.codes.items())),
        "slow clients": dict(outcome),
        "wrong": attack.wrong[:50],
        "names and tracebacks in the log": leaks[:50],
        "answers afterwards": alive,
        "exit code after SIGTERM": code,
    }
    print(json.dumps(result, indent=2))
    return 1 if attack.wrong or leaks or not alive else 0


if __name__ == "__main__":
    sys.exit(main())
