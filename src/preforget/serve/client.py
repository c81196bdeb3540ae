"""Ask a service from another program, with the methods that a model has."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import requests

from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError, PreforgetError, UnknownLabelError, UsageError
from preforget.core.files import write_atomic
from preforget.core.paths import given_path
from preforget.serve.telling import of_line

SEVERAL = ""
"""Where `_tensors` says whether an input can have several labels."""
LENGTH = "Inference-Header-Content-Length"
_TOKEN = re.compile("[!-~]+", re.ASCII)
PAUSE = 0.1
"""Seconds between two looks whether a forgetting is done."""


class ServiceError(PreforgetError):
    """A service couldn't be reached, or refused a request; `status` is HTTP's, None where there was no answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Forgotten:
    """What a service has forgotten: the request's `id`, the `receipt` as signed bytes, and the `epoch`.

    No answer of this epoch or a later one names what was forgotten.
    """

    id: str
    erasure: str
    epoch: int
    receipt: bytes

    def save(self, path: str | Path) -> Path:
        """Write the receipt to a file, which `pf.verify_receipt` checks."""
        place = given_path(path)
        write_atomic(place, self.receipt)
        return place


class Client:
    """Asks one model of a service.

    Args:
        url: The service's address, such as `http://127.0.0.1:8080`.
        token: A bearer token, where the service wants one.
        model: The model's name, needed where the service has several.
        timeout: Seconds after which a request is given up.

    Example:
        >>> import preforget as pf
        >>> client = pf.Client("http://127.0.0.1:8080", "pf_...")
        >>> client.url
        'http://127.0.0.1:8080'
    """

    def __init__(
        self, url: str, token: str | None = None, model: str | None = None, *, timeout: float = 60.0
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{url!r} is no address; give one such as http://127.0.0.1:8080")
        self.url, self.model, self.timeout = url.rstrip("/"), model, timeout
        self._session = requests.Session()
        if token is not None and not _TOKEN.fullmatch(token := token.strip()):
            raise UsageError("the token has characters that no token has; it begins with pf_")
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __repr__(self) -> str:
        """Name the address alone."""
        return f"<Client of {self.url}>"

    @property
    def labels(self) -> list[str]:
        """The names of the classes that can be answered."""
        listed = self._get("/api/v1/classes")["classes"]
        return [each["label"] for each in listed if not each["detached"]]

    @property
    def epoch(self) -> int:
        """The number of the model's state, which grows with every change."""
        return int(self._get("/api/v1/classes")["epoch"])

    def predict(self, X: Any, *, without: Any = ()) -> npt.NDArray[Any]:
        """Return the best class of each input as text, or `ABSTAIN`; several as tuples where inputs can have several.

        Args:
            X: Numbers `[n, ...]` as the model takes them (`uint8` images, `float32` rows), or a list of paths.
            without: A class or several to leave out of this request alone.

        Returns:
            The answers `[n]`.

        Raises:
            ServiceError: The service can't be reached or refuses.
            DataError: The inputs can't be used.
            UnknownLabelError: A class to leave out is none of the model's.
        """
        return _answers(self._infer(X, without))

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the probability of each class, `float32 [n, classes]`, columns as `labels`; see `predict`."""
        answered = self._infer(X, ())
        if "probabilities" not in answered:
            raise ServiceError("this service tells no probabilities of all classes")
        return np.asarray(answered["probabilities"], dtype=np.float32)

    def forget(
        self, label: Any, reason: str | None = None, grounds: str | None = None, *, key: str | None = None
    ) -> Forgotten:
        """Have a class forgotten, or several at once, and wait for the receipt; it can't be undone.

        Args:
            label: The class, or a list of several.
            reason: Such as a request's number; it stays in the receipt, so it must not name anybody.
            grounds: Legal grounds.
            key: An Idempotency-Key: asked again with it, it is the same request. By default a new one, with which
                the request is repeated if the connection is lost.

        Returns:
            The receipt, and the epoch from which on no answer names the class.

        Raises:
            ServiceError: The service refuses, or the forgetting has failed.
            UnknownLabelError: The model holds nothing of the class.
        """
        return self._forget({"label": label}, reason, grounds, key)

    def forget_subject(
        self, subject: Any, reason: str | None = None, grounds: str | None = None, *, key: str | None = None
    ) -> Forgotten:
        """Have a person forgotten in all classes; as `forget`."""
        return self._forget({"subject": subject}, reason, grounds, key)

    def detach(self, label: str) -> None:
        """Leave a class out of all answers until `attach`; nothing is destroyed."""
        self._post("/api/v1/detachments", {"label": label, "detached": True})

    def attach(self, label: str) -> None:
        """Take a detached class back into the answers."""
        self._post("/api/v1/detachments", {"label": label, "detached": False})

    def _forget(
        self, whom: dict[str, Any], reason: str | None, grounds: str | None, key: str | None
    ) -> Forgotten:
        names = {what: [*name] if not isinstance(name, str) else name for what, name in whom.items()}
        headers = {"Idempotency-Key": key or secrets.token_urlsafe(24)}
        request = {**names, "reason": reason, "grounds": grounds}
        asked = self._post("/api/v1/forgettings", request, headers)
        url = f"/api/v1/forgettings/{asked['id']}"
        while (state := self._get(url))["status"] == "pending":
            time.sleep(PAUSE)
        if state["status"] == "failed":
            raise ServiceError(f"the forgetting has failed: {state['detail']}")
        receipt = self._ask("GET", f"{url}/receipt").content
        return Forgotten(asked["id"], state["erasure"], int(state["epoch"]), receipt)

    def _infer(self, X: Any, without: Any) -> dict[str, Any]:
        head, blob = _request(X)
        names = [without] if isinstance(without, str) else [str(name) for name in without]
        if names:
            head["parameters"]["without"] = names
        content = json.dumps(head).encode()
        headers = {LENGTH: str(len(content)), "Content-Type": "application/octet-stream"}
        name = self.model or self._only_model()
        said = self._ask("POST", f"/v2/models/{name}/infer", data=content + blob, headers=headers)
        return _tensors(said)

    def _only_model(self) -> str:
        listed = self._get("/api/v1/models")
        if len(listed) != 1:
            raise UsageError("the service has several models; say which one: Client(url, token, model=NAME)")
        self.model = str(listed[0]["name"])
        return self.model

    def _get(self, path: str) -> Any:
        return self._ask("GET", path).json()

    def _post(self, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        return self._ask("POST", path, json=body, headers=headers).json()

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        parameters = {} if self.model is None or path.startswith("/v2") else {"model": self.model}
        try:
            said = self._session.request(
                method,
                f"{self.url}{path}",
                params=parameters,
                timeout=self.timeout,
                allow_redirects=False,  # names and inputs go to this address and to no other
                **options,
            )
        except requests.RequestException as error:
            raise ServiceError(f"{self.url} can't be reached: {type(error).__name__}") from error
        if said.is_redirect:
            raise ServiceError(
                f"{self.url} sends on to another address; give that one to Client if it is the service's",
                said.status_code,
            )
        if said.ok:
            return said
        detail = _detail(said)
        if said.status_code == 422:
            kind = UnknownLabelError if "no class or subject" in detail else DataError
            raise kind(f"{self.url} says: {detail}")
        raise ServiceError(f"{self.url} says: {detail}", said.status_code)


def _request(X: Any) -> tuple[dict[str, Any], bytes]:
    """Return inputs as a request to infer, and the bytes of its tensor."""
    if isinstance(X, list | tuple) and X and all(isinstance(item, str | Path) for item in X):
        try:
            contents = [given_path(item).read_bytes() for item in X]
        except OSError as error:
            raise DataError(f"{error.filename} can't be read: {error.strerror}") from error
        blob = b"".join(len(content).to_bytes(4, "little") + content for content in contents)
        datatype, shape = "BYTES", [len(contents)]
    else:
        array = np.asarray(X)
        array = array if array.dtype == np.uint8 else array.astype("<f4")
        blob, shape = np.ascontiguousarray(array).tobytes(), [*array.shape]
        datatype = "UINT8" if array.dtype == np.uint8 else "FP32"
    tensor = {
        "name": "inputs",
        "datatype": datatype,
        "shape": shape,
        "parameters": {"binary_data_size": len(blob)},
    }
    return {"inputs": [tensor], "parameters": {"binary_data_output": True}}, blob


def _tensors(said: requests.Response) -> dict[str, Any]:
    """Return the tensors of a response by name."""
    size = int(said.headers.get(LENGTH, len(said.content)))
    rest, tensors = said.content[size:], dict[str, Any]({SEVERAL: False})
    for output in json.loads(said.content[:size])["outputs"]:
        length = output["parameters"]["binary_data_size"]
        raw, rest = rest[:length], rest[length:]
        if output["datatype"] == "BYTES":
            values = list[bytes]()
            while raw:
                end = 4 + int.from_bytes(raw[:4], "little")
                values.append(raw[4:end])
                raw = raw[end:]
            if output["name"] == "label":
                tensors[SEVERAL] = output["parameters"].get("several") is True
            tensors[output["name"]] = values
        else:
            tensors[output["name"]] = np.frombuffer(raw, "<f4").reshape(output["shape"])
    return tensors


def _answers(tensors: dict[str, Any]) -> npt.NDArray[Any]:
    """Return the labels of a response as a model answers: names, tuples where an input can have several, `ABSTAIN`."""
    texts = [label.decode() for label in tensors["label"]]
    if tensors[SEVERAL]:
        given = [tuple(map(of_line, text.split("\n"))) if text else ABSTAIN for text in texts]
    else:
        given = [text or ABSTAIN for text in texts]
    answers = np.empty(len(given), dtype=object)
    for row, answer in enumerate(given):
        answers[row] = answer
    return answers


def _detail(said: requests.Response) -> str:
    try:
        values = said.json()
        return str(values.get("detail", values.get("error")))
    except (ValueError, AttributeError):
        return f"HTTP {said.status_code}"
