"""Tensors of the Open Inference Protocol, version 2, as JSON and in its binary extension."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from preforget.serve.problems import Problem

DATATYPES: Mapping[str, Any] = {
    "BOOL": np.bool_,
    **{f"UINT{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
}
"""Of numbers, by the protocol's names; `BYTES` are objects."""

BYTES = "BYTES"
LENGTH = "inference-header-content-length"
BINARY = "binary_tensor_data"
"""The name of the extension, as the server's metadata list it."""
MOST_NESTED = 6
MOST_VALUES = 2**40
"""Of one input, sides of no length left out: numpy makes no array of a longer shape, not even an empty one."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor: `data` is an array of its shape, of objects (`bytes`) for the datatype BYTES."""

    name: str
    datatype: str
    data: np.ndarray
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class InferRequest:
    """One request: the tensors, and which outputs are wanted, by name, each binary or not; None for all."""

    id: str | None
    inputs: list[Tensor]
    wanted: dict[str, bool] | None
    binary: bool
    parameters: Mapping[str, Any]


def parse(body: bytes, header: str | None) -> InferRequest:
    """Read a request; `header`: its `Inference-Header-Content-Length`. Raises `Problem` for what is none."""
    if header is None:
        head, blob = body, memoryview(b"")
    else:
        if not (header.isascii() and header.isdigit() and len(header) < 20) or int(header) > len(body):
            raise _bad("Inference-Header-Content-Length is no length within the body")
        head, blob = body[: int(header)], memoryview(body)[int(header) :]
    values = _json(head)
    given = _list(values.get("inputs"), "inputs")
    tensors = []
    for each in given:
        tensor, blob = _tensor(each, blob)
        tensors.append(tensor)
    if len(blob):
        raise _bad("the body is longer than the tensors in it")
    parameters = _mapping(values.get("parameters", {}), "parameters")
    binary = parameters.get("binary_data_output") is True
    wanted: dict[str, bool] | None = None
    if values.get("outputs"):
        wanted = {}
        for output in _list(values["outputs"], "outputs"):
            own = _mapping(output.get("parameters", {}), "the parameters of an output")
            wanted[_text(output.get("name"), "the name of an output")] = bool(own.get("binary_data", binary))
    request_id = values.get("id")
    return InferRequest(
        None if request_id is None else _text(request_id, "the id"), tensors, wanted, binary, parameters
    )


def render(
    model: str, version: str, request: InferRequest, outputs: Sequence[Tensor], parameters: Mapping[str, Any]
) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the response; raises `Problem` for an output that there isn't."""
    wanted = request.wanted
    if wanted is not None and set(wanted) - {output.name for output in outputs}:
        raise _bad("there is no output of a name that is asked for")
    listed, tail = list[dict[str, Any]](), list[bytes]()
    for output in outputs:
        if wanted is not None and output.name not in wanted:
            continue
        entry: dict[str, Any] = {
            "name": output.name,
            "datatype": output.datatype,
            "shape": list(output.data.shape),
        }
        own = dict(output.parameters)
        if request.binary if wanted is None else wanted[output.name]:
            raw = to_bytes(output)
            own["binary_data_size"] = len(raw)
            tail.append(raw)
        else:
            flat = output.data.reshape(-1)
            entry["data"] = [v.decode() for v in flat] if output.datatype == BYTES else flat.tolist()
        listed.append({**entry, **({"parameters": own} if own else {})})
    head: dict[str, Any] = {"model_name": model, "model_version": version}
    if request.id is not None:
        head["id"] = request.id
    content = json.dumps({**head, "parameters": dict(parameters), "outputs": listed}).encode()
    if not tail:
        return content, {"content-type": "application/json"}
    headers = {"content-type": "application/octet-stream", LENGTH: str(len(content))}
    return content + b"".join(tail), headers


def to_bytes(tensor: Tensor) -> bytes:
    """Return a tensor's binary form: little-endian numbers; BYTES each with its length before it."""
    if tensor.datatype != BYTES:
        return np.ascontiguousarray(tensor.data.astype(tensor.data.dtype.newbyteorder("<"))).tobytes()
    return b"".join(struct.pack("<I", len(value)) + value for value in tensor.data.reshape(-1))


def texts(values: Sequence[str]) -> np.ndarray:
    """Return texts as the array of a tensor of BYTES."""
    array = np.empty(len(values), dtype=object)
    array[:] = [value.encode() for value in values]
    return array


def _tensor(values: Any, blob: memoryview) -> tuple[Tensor, memoryview]:
    values = _mapping(values, "an input")
    name, datatype = _text(values.get("name"), "the name of an input"), values.get("datatype")
    if not isinstance(datatype, str) or (datatype != BYTES and datatype not in DATATYPES):
        raise _bad("an input has no datatype of the protocol")
    shape = values.get("shape")
    if not isinstance(shape, list) or not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        raise _bad("the shape of an input is no list of whole numbers")
    if len(shape) > MOST_NESTED:
        raise _bad(f"an input has more than {MOST_NESTED} dimensions")
    if prod(size for size in shape if size) > MOST_VALUES:
        raise _bad(f"an input has more than {MOST_VALUES:,} values")
    count, own = prod(shape), _mapping(values.get("parameters", {}), "the parameters of an input")
    size = own.get("binary_data_size")
    if size is None:
        data = _from_json(values.get("data"), datatype, count)
    else:
        if type(size) is not int or not 0 <= size <= len(blob):
            raise _bad("the binary data of an input are longer than the body")
        data, blob = _from_binary(blob[:size], datatype, count), blob[size:]
    return Tensor(name, datatype, data.reshape(shape), own), blob


def _from_json(data: Any, datatype: str, count: int) -> np.ndarray:
    if not isinstance(data, list):
        raise _bad("an input has no data")
    flat = _flat(data)
    if len(flat) != count:
        raise _bad(f"an input has {len(flat)} values, which is not what its shape says")
    if datatype == BYTES:
        if not all(isinstance(value, str) for value in flat):
            raise _bad("the values of an input are no texts")
        try:
            return texts(flat)
        except UnicodeEncodeError:
            raise _bad("the values of an input are no UTF-8") from None
    if not all(type(value) in (int, float, bool) for value in flat):
        raise _bad("the values of an input are no numbers")
    dtype = np.dtype(DATATYPES[datatype])
    if dtype.kind in "iu" and not all(type(value) is int for value in flat):
        raise _bad("the values of an input are no whole numbers")
    try:
        return np.array(flat, dtype=dtype)
    except (OverflowError, ValueError):
        raise _bad("a value of an input doesn't fit its datatype") from None


def _flat(data: list[Any]) -> list[Any]:
    """Return nested lists as one list."""
    for _ in range(MOST_NESTED):
        if not any(isinstance(value, list) for value in data):
            break
        data = [inner for value in data for inner in (value if isinstance(value, list) else [value])]
    return data


def _from_binary(raw: memoryview, datatype: str, count: int) -> np.ndarray:
    if datatype != BYTES:
        dtype = np.dtype(DATATYPES[datatype]).newbyteorder("<")
        if len(raw) != count * dtype.itemsize:
            raise _bad("the binary data of an input are not what its shape says")
        return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))
    values, at = list[bytes](), 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4], "little") if at + 4 <= len(raw) else len(raw)
        if at + 4 + length > len(raw):
            raise _bad("the binary data of an input end within a value")
        values.append(bytes(raw[at + 4 : at + 4 + length]))
        at += 4 + length
    if len(values) != count:
        raise _bad(f"an input has {len(values)} values, which is not what its shape says")
    array = np.empty(count, dtype=object)
    array[:] = values
    return array


def _json(content: bytes) -> dict[str, Any]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        raise _bad("the body is no JSON") from None
    return _mapping(values, "the body")


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad(f"{what} must be a JSON object")
    return value


def _list(value: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value or len(value) > 100:
        raise _bad(f"{what} must be a list with at least one entry")
    return [_mapping(entry, f"an entry of {what}") for entry in value]


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value or len(value) > 1000:
        raise _bad(f"{what} must be a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _bad(f"{what} must be a text") from None
    return value


def _bad(detail: str) -> Problem:
    return Problem(400, detail)
