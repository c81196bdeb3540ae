"""Inputs as a request to infer, and the tensors of its answer, as `Client` writes and reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError
from preforget.core.paths import given_path
from preforget.serve.telling import of_line

LENGTH = "Inference-Header-Content-Length"
SEVERAL = ""
"""Where `tensors_of` says whether an input can have several labels."""


def request_to_infer(X: Any) -> tuple[dict[str, Any], bytes]:
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


def tensors_of(content: bytes, length: str | None) -> dict[str, Any]:
    """Return the tensors of a response by name; `length`: its header `Inference-Header-Content-Length`."""
    size = len(content) if length is None else int(length)
    rest, tensors = content[size:], dict[str, Any]({SEVERAL: False})
    for output in json.loads(content[:size])["outputs"]:
        taken = output["parameters"]["binary_data_size"]
        raw, rest = rest[:taken], rest[taken:]
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


def answers_of(tensors: dict[str, Any]) -> npt.NDArray[Any]:
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
