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

from preforget.core.errors import DataError, PreforgetError, UnknownLabelError, UsageError
from preforget.core.files import write_atomic
from preforget.core.paths import given_path
from preforget.serve.client_tensors import LENGTH, answers_of, request_to_infer, tensors_of

_TOKEN = re.compile("[!-~]+", re.ASCII)
PAUSE = 0.1
"""Seconds between two looks whether something is done."""
_AT_THE_FOLDER = "the model's folder is changed beside the service, which follows: see the command line"
_IN_ANSWERS = (
    "answers tell labels, confidence, threshold and probabilities; see predict, predict_proba and known_proba"
)
_LOCAL = "it belongs to a model in this process: PreForgettableClassifier.from_pretrained"
ELSEWHERE = {
    **dict.fromkeys(
        ("add", "add_subject", "fit", "merge", "refit", "rename", "forget_input"), _AT_THE_FOLDER
    ),
    **dict.fromkeys(("answer", "predict_with_confidence", "respond", "scores"), _IN_ANSWERS),
    **dict.fromkeys(
        (
            "copy",
            "from_engine",
            "from_pretrained",
            "get_params",
            "refresh",
            "save_pretrained",
            "set_params",
            "untrained",
        ),
        _LOCAL,
    ),
}
"""Methods of a model that a service doesn't offer, and why."""


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
        authority: A file of certificates (PEM) that may vouch for the service, in place of those that this machine
            trusts; such as the service's own, if nobody else has signed it.

    Example:
        >>> import preforget as pf
        >>> client = pf.Client("http://127.0.0.1:8080", "pf_...")
        >>> client.url
        'http://127.0.0.1:8080'
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        model: str | None = None,
        *,
        timeout: float = 60.0,
        authority: str | Path | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{url!r} is no address; give one such as http://127.0.0.1:8080")
        self.url, self.model, self.timeout = url.rstrip("/"), model, timeout
        self._session = requests.Session()
        if authority is not None:
            self._session.verify = str(given_path(authority))
            self._session.trust_env = False  # whose REQUESTS_CA_BUNDLE would come first
        if token is not None and not _TOKEN.fullmatch(token := token.strip()):
            raise UsageError("the token has characters that no token has; it begins with pf_")
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __getattr__(self, name: str) -> Any:
        """Say of a method that only a model has how its work is done for a service; nothing else is found here."""
        if name in ELSEWHERE:
            raise AttributeError(f"a service doesn't offer {name!r}: {ELSEWHERE[name]}", name=name, obj=self)
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}", name=name, obj=self)

    def __repr__(self) -> str:
        """Name the address alone."""
        return f"<Client of {self.url}>"

    @property
    def labels(self) -> list[str]:
        """The names of the classes that can be answered."""
        listed = self._get("/api/v1/classes")["classes"]
        return [each["label"] for each in listed if not each["detached"]]

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The names of the classes that can be answered, as an array; columns of `predict_proba` are in this order."""
        return np.array(self.labels, dtype=object)

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
        return answers_of(self._infer(X, without))

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the probability of each class, `float32 [n, classes]`, columns as `labels`; see `predict`."""
        answered = self._infer(X, ())
        if "probabilities" not in answered:
            raise ServiceError("this service tells no probabilities of all classes")
        return np.asarray(answered["probabilities"], dtype=np.float32)

    def known_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """Return how likely each input is of a class that the model knows, `float32 [n]`; see `predict`."""
        answered = self._infer(X, ())
        if "known" not in answered:
            raise ServiceError("this service doesn't tell how likely an input is of a known class")
        return np.asarray(answered["known"], dtype=np.float32)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of inputs with the right answer; an abstention is a wrong one.

        Args:
            X: As for `predict`.
            y: `n` labels, or tuples of labels where an input can have several.
            sample_weight: `n` numbers, how much each input counts.
        """
        answers = self.predict(X)
        truth = [label if isinstance(label, tuple) else str(label) for label in y]
        if len(truth) != len(answers):
            raise UsageError(f"{len(answers)} inputs but {len(truth)} labels; each input needs one")
        right = [bool(answer == label) for answer, label in zip(answers, truth, strict=True)]
        return float(np.average(right, weights=sample_weight))

    def evaluate(self) -> dict[str, Any]:
        """Have the model evaluated on the data that the service was given, and return all measures.

        Raises:
            ServiceError: The service was given no data, or can't carry it out.
        """
        return self._reported("evaluations", {})

    def audit(self, forget: Any, suite: str = "quick") -> dict[str, Any]:
        """Have a copy of the model forget classes and attacked beside retrained ones; return all measures.

        Args:
            forget: A class or several, which the copy forgets for the audit, or that the model has forgotten already.
            suite: How much is tried: `quick`, `standard` or `full`.

        Returns:
            The measures, and under `passed` whether none differs from retraining; classes are numbers in them.
        """
        names = [forget] if isinstance(forget, str) else [*forget]
        return self._reported("audits", {"forget": names, "suite": suite})

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

    def _reported(self, what: str, request: dict[str, Any]) -> dict[str, Any]:
        report = self._post(f"/api/v1/{what}", request)
        url = f"/api/v1/{what}/{report['id']}"
        while (state := self._get(url))["status"] == "running":
            time.sleep(PAUSE)
        if state["status"] == "failed":
            raise ServiceError(f"the service couldn't carry it out: {state['detail']}")
        measures: dict[str, Any] = self._get(f"{url}/report")
        return measures

    def _infer(self, X: Any, without: Any) -> dict[str, Any]:
        head, blob = request_to_infer(X)
        names = [without] if isinstance(without, str) else [str(name) for name in without]
        if names:
            head["parameters"]["without"] = names
        content = json.dumps(head).encode()
        headers = {LENGTH: str(len(content)), "Content-Type": "application/octet-stream"}
        name = self.model or self._only_model()
        said = self._ask("POST", f"/v2/models/{name}/infer", data=content + blob, headers=headers)
        return tensors_of(said.content, said.headers.get(LENGTH))

    def _only_model(self) -> str:
        try:
            listed = self._get("/api/v1/models")
        except ServiceError as error:
            if error.status != 403:
                raise
            raise ServiceError(
                "this token may not see which models there are; say which one: Client(url, token, model=NAME)",
                403,
            ) from error
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


def _detail(said: requests.Response) -> str:
    try:
        values = said.json()
        return str(values.get("detail", values.get("error")))
    except (ValueError, AttributeError):
        return f"HTTP {said.status_code}"
