from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.serve import oip
from preforget.serve.oip import BYTES, DATATYPES, InferRequest, Tensor, parse, render, texts, to_bytes
from preforget.serve.problems import Problem

ALL = InferRequest(None, [], None, False, {})


def body(**values: Any) -> bytes:
    first = {"name": "x", "datatype": "INT32", "shape": [2], "data": [1, 2], **values}
    return json.dumps({"inputs": [first]}).encode()


def test_json_numbers_nested_or_not() -> None:
    nested = body(shape=[2, 2], data=[[1, 2], [3, 4]])
    flat = body(shape=[2, 2], data=[1, 2, 3, 4])
    for content in (nested, flat):
        assert parse(content, None).inputs[0].data.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("datatype", DATATYPES)
def test_binary_numbers_are_little_endian(datatype: str) -> None:
    raw = np.array([1, 0, 1], np.dtype(DATATYPES[datatype]).newbyteorder("<")).tobytes()
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "x",
                    "datatype": datatype,
                    "shape": [3],
                    "parameters": {"binary_data_size": len(raw)},
                }
            ]
        }
    ).encode()
    tensor = parse(head + raw, str(len(head))).inputs[0]
    assert tensor.data.tolist() == [1, 0, 1]
    assert to_bytes(tensor) == raw


@given(st.lists(st.text()))
def test_texts_come_back_in_binary_form(values: list[str]) -> None:
    values = [value.encode(errors="replace").decode() for value in values]
    raw = to_bytes(Tensor("x", BYTES, texts(values)))
    back, rest = oip._tensor(
        {
            "name": "x",
            "datatype": BYTES,
            "shape": [len(values)],
            "parameters": {"binary_data_size": len(raw)},
        },
        memoryview(raw),
    )
    assert [value.decode() for value in back.data] == values
    assert not len(rest)


def test_what_is_wanted_is_returned_in_the_form_it_is_wanted_in() -> None:
    outputs = [Tensor("label", BYTES, texts(["a"])), Tensor("p", "FP32", np.array([0.5], np.float32))]
    content, headers = render(
        "m", "1", InferRequest("7", [], {"p": False, "label": True}, False, {}), outputs, {}
    )
    head = json.loads(content[: int(headers[oip.LENGTH])])
    assert head["id"] == "7"
    assert head["outputs"][0]["parameters"]["binary_data_size"] == 5
    assert content[int(headers[oip.LENGTH]) :] == b"\x01\x00\x00\x00a"
    assert head["outputs"][1]["data"] == [0.5]
    with pytest.raises(Problem):
        render("m", "1", InferRequest(None, [], {"q": False}, False, {}), outputs, {})
    assert json.loads(render("m", "1", ALL, outputs, {})[0])["outputs"][0]["data"] == ["a"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"inputs": []}',
        b'{"inputs": [1]}',
        b"[" * 100_000,
        body(name=""),
        body(name="\ud800"),
        body(datatype="COMPLEX"),
        body(datatype=["FP32"]),
        body(shape="2"),
        body(shape=[-1]),
        body(shape=[2.0]),
        body(shape=[1] * 9),
        body(shape=[3]),
        body(data=None),
        body(data=["a", "b"]),
        body(data=[1.5, 2]),
        body(data=[2**40, 1]),
        body(datatype="BYTES"),
        body(parameters={"binary_data_size": 8}),
        body(parameters=[]),
    ],
)
def test_what_is_no_request(content: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse(content, None)
    assert refused.value.status == 400


@pytest.mark.parametrize("header", ["-1", "x", "99999", "²"])
def test_a_length_that_isnt_one(header: str) -> None:
    with pytest.raises(Problem):
        parse(body(), header)


@given(st.binary(max_size=40), st.integers(0, 20))
def test_no_bytes_are_a_fault(raw: bytes, size: int) -> None:
    head = body(datatype="BYTES", parameters={"binary_data_size": size})
    with contextlib.suppress(Problem):
        parse(head + raw, str(len(head)))
