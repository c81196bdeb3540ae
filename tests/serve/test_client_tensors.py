from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from preforget.core.abstain import ABSTAIN
from preforget.core.errors import DataError
from preforget.serve import oip
from preforget.serve.client_tensors import answers_of, request_to_infer, tensors_of


def test_a_request_is_read_as_it_was_meant(tmp_path: Path) -> None:
    for X in (np.arange(6, dtype=np.uint8).reshape(2, 3), np.ones((2, 3))):
        head, blob = request_to_infer(X)
        content = json.dumps(head).encode()
        read = oip.parse(content + blob, str(len(content))).inputs[0]
        assert read.data.tolist() == X.tolist()
    (tmp_path / "a").write_bytes(b"text")
    head, blob = request_to_infer([tmp_path / "a"])
    content = json.dumps(head).encode()
    assert oip.parse(content + blob, str(len(content))).inputs[0].data.tolist() == [b"text"]
    with pytest.raises(DataError):
        request_to_infer([tmp_path / "none"])


@pytest.mark.parametrize("several", [True, False])
def test_an_answer_is_read_as_a_model_gives_it(several: bool) -> None:
    texts = ["a\\nb\nc", ""] if several else ["a\nb", ""]
    parameters = {"several": True} if several else {}
    outputs = [
        oip.Tensor("label", "BYTES", oip.texts(texts), parameters),
        oip.Tensor("confidence", "FP32", np.array([1, 2], np.float32)),
    ]
    content, headers = oip.render("m", "1", oip.InferRequest(None, [], None, True, {}), outputs, {})
    tensors = tensors_of(content, headers[oip.LENGTH])
    assert tensors["confidence"].tolist() == [1, 2]
    assert answers_of(tensors).tolist() == [("a\nb", "c") if several else "a\nb", ABSTAIN]
