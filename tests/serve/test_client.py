from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import uvicorn

import preforget as pf
from preforget.core.errors import DataError, UnknownLabelError, UsageError
from preforget.serve.app import make_app
from preforget.serve.client import ELSEWHERE, Client, ServiceError
from preforget.serve.making import make_service
from preforget.serve.settings import Settings

from .conftest import NAMES, ROWS


@pytest.fixture
def served(model: Path) -> Callable[..., AbstractContextManager[Client]]:
    """A client of a server on a port of its own, with the data that it is given."""
    return lambda data=None: serving(model, data)


@pytest.fixture
def client(model: Path) -> Iterator[Client]:
    with serving(model, None) as client:
        yield client


@contextmanager
def serving(model: Path, data: str | None) -> Iterator[Client]:
    service = make_service([model], settings=Settings(open_reading=True), data=data, device="cpu")
    token = service.tokens.add("officer")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(32)
        config = uvicorn.Config(
            make_app(service),
            log_config=None,
            access_log=False,
            http="h11",
            ws="none",
            timeout_graceful_shutdown=10,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield Client(f"http://127.0.0.1:{listener.getsockname()[1]}", token)
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


def test_it_has_the_methods_of_a_model(client: Client, model: Path, tmp_path: Path) -> None:
    assert client.labels == ["Ada", "Grace", "Mary"]
    assert client.predict(ROWS[::20]).tolist() == ["Ada", "Grace", "Mary"]
    known = pf.PreForgettableClassifier.from_pretrained(model, device="cpu")
    assert np.allclose(client.predict_proba(ROWS), known.predict_proba(ROWS), atol=1e-5)
    assert np.allclose(client.known_proba(ROWS), known.known_proba(ROWS), atol=1e-5)
    assert client.score(ROWS, np.repeat(NAMES, 20)) == known.score(ROWS, np.repeat(NAMES, 20))
    assert client.classes_.tolist() == known.classes_.tolist()
    client.detach("Ada")
    assert client.labels == ["Grace", "Mary"]
    client.attach("Ada")
    assert "Ada" not in client.predict(ROWS[:1], without="Ada").tolist()
    done = client.forget("Grace", reason="r-1")
    assert client.epoch >= done.epoch
    assert "Grace" not in client.predict(ROWS).tolist()
    assert pf.verify_receipt(done.save(tmp_path / "receipt.json"), model).passed
    client.forget_subject(["Kim"])
    with pytest.raises(UnknownLabelError):
        client.forget("Grace")
    with pytest.raises(DataError):
        client.predict(ROWS[:, :2])
    with pytest.raises(DataError, match="can't be read"):
        client.predict([tmp_path / "none.png"])
    assert "Ada" not in repr(client)


def test_what_a_model_has_and_a_service_hasnt_says_where_it_is(client: Client) -> None:
    model = {name for name in dir(pf.PreForgettableClassifier) if not name.startswith(("_", "set_", "get_"))}
    assert model - {*dir(Client)} - {*ELSEWHERE} <= {"folder", "keep_"}
    assert not {*ELSEWHERE} & {*dir(Client)}
    with pytest.raises(AttributeError, match=r"doesn't offer 'fit'.*command line"):
        client.fit  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        client.nothing  # noqa: B018


def test_an_evaluation_to_its_end(
    model: Path, tmp_path: Path, served: Callable[..., AbstractContextManager[Client]]
) -> None:
    shifts = zip(("train", "val", "test"), (0.0, 0.01, 0.02), strict=True)
    arrays = {f"{part}_X": ROWS + shift for part, shift in shifts}
    np.savez(
        tmp_path / "data.npz", **arrays, **{f"{p}_y": np.repeat(NAMES, 20) for p in ("train", "val", "test")}
    )
    with served(str(tmp_path / "data.npz")) as client:
        assert client.evaluate()["inputs"] == 60
    with served() as client, pytest.raises(ServiceError, match="--data"):
        client.evaluate()


def test_a_service_that_isnt_there_and_an_address_that_is_none() -> None:
    with pytest.raises(ServiceError, match="can't be reached"):
        _ = Client("http://127.0.0.1:9", timeout=1).labels
    with pytest.raises(UsageError, match="no address"):
        Client("127.0.0.1:9")


def test_it_follows_nobody_to_another_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)

        def answer() -> None:
            connection, _ = listener.accept()
            connection.settimeout(60)
            with connection:
                connection.recv(2**16)
                connection.sendall(
                    b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                )

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(ServiceError, match="another address"):
            Client(f"http://127.0.0.1:{listener.getsockname()[1]}", "pf_x").detach("Ada")
        thread.join(60)


def test_a_token_that_is_none_is_not_told() -> None:
    with pytest.raises(UsageError) as failure:
        Client("http://127.0.0.1:1", "pf_secret\nX: y")
    assert "secret" not in str(failure.value)
