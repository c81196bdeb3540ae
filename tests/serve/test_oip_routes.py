from __future__ import annotations

import json

import numpy as np
from fastapi.testclient import TestClient

from preforget.classifier.answering import Answers
from preforget.core.abstain import ABSTAIN
from preforget.serve import oip
from preforget.serve.oip_routes import outputs_of
from preforget.serve.telling import Telling, of_line

from .conftest import ROWS, Serve, labels, tensor


def test_metadata_and_health(client: TestClient) -> None:
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/models/model/versions/1/ready").json() == {"name": "model", "ready": True}
    described = client.get("/v2/models/model").json()
    assert described["inputs"] == [{"name": "vectors", "datatype": "FP32", "shape": [-1, 4]}]
    assert described["outputs"][0] == {"name": "label", "datatype": "BYTES", "shape": [-1]}


def test_an_answer_in_json_with_the_id_of_its_request(client: TestClient) -> None:
    said = client.post("/v2/models/model/infer", json={"id": "7", **tensor(ROWS[::20])}).json()
    assert said["id"] == "7"
    assert said["outputs"][0]["data"] == ["Ada", "Grace", "Mary"]
    assert [each["name"] for each in said["outputs"]] == [
        "label",
        "confidence",
        "threshold",
        "probabilities",
        "known",
    ]
    assert said["outputs"][3]["parameters"] == {"classes": ["Ada", "Grace", "Mary"]}


def test_an_answer_in_binary(client: TestClient) -> None:
    raw = ROWS[::20].astype("<f4").tobytes()
    first = {"name": "x", "datatype": "FP32", "shape": [3, 4], "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [first], "parameters": {"binary_data_output": True}}).encode()
    said = client.post("/v2/models/model/infer", content=head + raw, headers={oip.LENGTH: str(len(head))})
    size = int(said.headers[oip.LENGTH])
    outputs = json.loads(said.content[:size])["outputs"]
    shares = outputs[3]
    assert shares["shape"] == [3, 3]
    size_of = [output["parameters"]["binary_data_size"] for output in outputs]
    numbers = np.frombuffer(said.content[-size_of[3] - size_of[4] : -size_of[4]], "<f4")
    assert numbers.reshape(3, 3).argmax(axis=1).tolist() == [0, 1, 2]
    assert said.content[size:].startswith(b"\x03\x00\x00\x00Ada")


def test_errors_are_the_protocols_and_name_no_class(client: TestClient) -> None:
    for path, content in (
        ("/v2/models/nope/infer", tensor(ROWS[:1])),
        ("/v2/models/model/versions/2/infer", tensor(ROWS[:1])),
        ("/v2/models/model/infer", {}),
        ("/v2/models/model/infer", tensor(ROWS[:1, :2])),
        ("/v2/models/model/infer", {**tensor(ROWS[:1]), "parameters": {"without": "Eda"}}),
        ("/v2/models/model/infer", {**tensor(ROWS[:1]), "parameters": {"without": 1}}),
        ("/v2/nothing", {}),
    ):
        said = client.post(path, json=content)
        assert 400 <= said.status_code < 500
        assert list(said.json()) == ["error"]
        assert "Ada" not in said.text


def test_classes_left_out_of_one_request(client: TestClient) -> None:
    said = client.post("/v2/models/model/infer", json={**tensor(ROWS[:1]), "parameters": {"without": "Ada"}})
    assert "Ada" not in said.text
    assert labels(client, ROWS[:1]) == ["Ada"]


def test_less_is_told(serve: Serve) -> None:
    with serve(labels_only=True) as client:
        said = client.post("/v2/models/model/infer", json=tensor(ROWS[:1])).json()
        assert [each["name"] for each in said["outputs"]] == ["label"]
        assert len(client.get("/v2/models/model").json()["outputs"]) == 1
    with serve(top_k=2, decimals=1) as client:
        said = client.post("/v2/models/model/infer", json=tensor(ROWS[:1])).json()
        assert said["outputs"][3] == {
            "name": "top_labels",
            "datatype": "BYTES",
            "shape": [1, 2],
            "data": ["Ada", "Grace"],
        }
        assert said["outputs"][4]["data"] == [1.0, 0.0]


def test_too_many_inputs(serve: Serve) -> None:
    with serve(most_inputs=2) as client:
        assert client.post("/v2/models/model/infer", json=tensor(ROWS[:3])).status_code == 413


def test_numbers_of_any_size_are_refused_and_not_met(serve: Serve) -> None:
    with serve(most_inputs=4) as client:
        header = {oip.LENGTH: "9" * 5000}
        assert client.post("/v2/models/model/infer", content=b"{}", headers=header).status_code == 400
        for shape in ([2**31 - 1] * 5 + [0], [0], [1, 0], [1, 0, 2**31 - 1], [], [True]):
            wanted = {"inputs": [{"name": "x", "datatype": "FP32", "shape": shape, "data": []}]}
            assert client.post("/v2/models/model/infer", json=wanted).status_code in (400, 422), shape
        files = {"name": "x", "datatype": "BYTES", "shape": [1, 5], "data": ["a"] * 5}
        assert client.post("/v2/models/model/infer", json={"inputs": [files]}).status_code == 413


def test_labels_of_several_are_lines_whatever_they_hold_and_one_label_is_as_it_is() -> None:
    zeros, names = np.zeros(3, np.float32), ["a\nb", "c\\n"]
    answers = np.empty(3, dtype=object)
    answers[:] = [tuple(names), ("c\\n",), ABSTAIN]
    several = outputs_of(Answers(names, answers, np.zeros((3, 2)), None, zeros, zeros), Telling())[0]
    assert several.parameters == {"several": True}
    lines = [value.decode().split("\n") for value in several.data]
    assert [[*map(of_line, each)] for each in lines] == [names, ["c\\n"], [""]]
    answers[:] = ["a\nb", "c\\n", ABSTAIN]
    one = outputs_of(Answers(names, answers, np.zeros((3, 2)), zeros, zeros, zeros), Telling())[0]
    assert one.parameters == {}
    assert one.data.tolist() == [b"a\nb", b"c\\n", b""]
