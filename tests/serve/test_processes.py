"""What holds between real processes: answers beside forgetting, the command line beside the service, kills."""

from __future__ import annotations

import base64
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from preforget.classifier import PreForgettableClassifier
from preforget.cli.main import main
from preforget.erasure.verify import verify_receipt

from ..forked import Forked
from .conftest import ROWS, tensor
from .running import PATIENCE, Running, running, until

Answer = tuple[str, int, str]
"""When it left, its epoch, and its text."""


@contextmanager
def asked_all_the_time(service: Running, clients: int = 3) -> Iterator[list[Answer]]:
    """Ask from several threads until the end; every answer must be one."""
    answers: list[Answer] = []
    refused: list[str] = []
    ended: list[BaseException] = []
    stop = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not stop.is_set():
                url = f"{service.url}/v2/models/model/infer"
                said = session.post(url, json=tensor(ROWS[::20]), headers=service.headers, timeout=60)
                if not said.ok:
                    refused.append(said.text)
                    return
                head = said.headers
                answers.append((head["preforget-left"], int(head["preforget-epoch"]), said.text))

    def ask_until_it_ends() -> None:
        try:
            ask()
        except (requests.RequestException, KeyError) as error:
            ended.append(error)

    def has_come_to(count: int) -> bool:
        assert not refused
        assert not ended
        return len(answers) >= count

    threads = [threading.Thread(target=ask_until_it_ends, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: has_come_to(clients), "the service answers nobody")
        yield answers
        count = len(answers)
        until(lambda: has_come_to(count + 2 * clients), "the service has stopped answering")
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert refused == []
    assert ended == []


def stated(receipt: bytes) -> dict[str, Any]:
    statement: dict[str, Any] = json.loads(base64.b64decode(json.loads(receipt)["payload"]))["predicate"]
    return statement


def check(answers: list[Answer], receipt: bytes, name: str) -> None:
    """No answer names somebody after the receipt, and none of an older epoch leaves after it."""
    finished, after = stated(receipt)["finished"], stated(receipt)["model"]["after"]["generation"]
    assert any(name in text for _, _, text in answers)
    assert any(left > finished for left, _, _ in answers)
    for left, epoch, text in answers:
        assert (epoch >= after) == (name not in text)
        if left > finished:
            assert epoch >= after


def test_the_service_forgets_while_it_answers_and_the_command_line_sees_it(
    model: Path, tmp_path: Path
) -> None:
    with running(model) as service:
        with asked_all_the_time(service) as answers:
            asked = requests.post(
                f"{service.url}/api/v1/forgettings",
                json={"label": "Grace"},
                headers=service.headers,
                timeout=60,
            )
            url = service.url + asked.headers["location"]

            def is_done() -> bool:
                asked = requests.get(url, headers=service.headers, timeout=60)
                return bool(asked.json()["status"] != "pending")

            until(is_done, "the request to forget stays pending")
            receipt = requests.get(f"{url}/receipt", headers=service.headers, timeout=60).content
        check(answers, receipt, "Grace")
        listed = Forked(lambda: main(["classes", str(model)]))
        assert "Grace" not in listed.said()[0]
    (tmp_path / "receipt.json").write_bytes(receipt)
    assert verify_receipt(tmp_path / "receipt.json", model).passed


def test_the_command_line_forgets_beside_a_service_that_answers(model: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    with running(model) as service, asked_all_the_time(service) as answers:
        forgetting = Forked(lambda: main(["forget", str(model), "Grace", "--yes", "--receipt", str(receipt)]))
        assert forgetting.wait() == 0
        forgetting.said()
    check(answers, receipt.read_bytes(), "Grace")


def test_killed_in_the_middle_of_a_forgetting_it_ends_it_before_it_is_ready(model: Path) -> None:
    with running(model) as service:
        headers = {**service.headers, "Idempotency-Key": "a-random-key"}
        url, request = f"{service.url}/api/v1/forgettings", {"label": "Mary", "reason": "r-1"}
        first = requests.post(url, json=request, headers=headers, timeout=60).json()
        service.child.send(signal.SIGKILL)
        service.child.said()
        service.again()
        again = requests.post(url, json=request, headers=headers, timeout=60).json()
        assert again == {"id": first["id"], "status": "done"}
        said = requests.post(
            f"{service.url}/v2/models/model/infer",
            json=tensor(ROWS[::20]),
            headers=service.headers,
            timeout=60,
        )
        assert "Mary" not in said.text
        receipt = requests.get(f"{url}/{first['id']}/receipt", headers=service.headers, timeout=60)
        assert receipt.ok
    assert PreForgettableClassifier.from_pretrained(model, device="cpu").labels == ["Ada", "Grace"]


def test_sigterm_lets_what_is_under_way_end(model: Path) -> None:
    with running(model) as service:
        asked = requests.post(
            f"{service.url}/api/v1/forgettings", json={"label": "Ada"}, headers=service.headers, timeout=60
        ).json()
        service.child.send(signal.SIGTERM)
        assert service.child.wait() == 0
    kept = json.loads((model.with_name("model.requests") / f"{asked['id']}.json").read_text())
    assert kept["request"]["status"] == "done"
