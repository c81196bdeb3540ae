"""Ask a service by NVIDIA's client; runs in a virtual environment of its own: `python triton.py HOST:PORT TOKEN`."""

import sys

import numpy as np
import tritonclient.http as triton

address, token = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}
client = triton.InferenceServerClient(address)
assert client.is_server_live()
assert client.is_server_ready()
assert client.is_model_ready("model", headers=dict(headers))
assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
assert client.get_model_metadata("model", headers=dict(headers))["inputs"][0]["shape"] == [-1, 4]
rows = np.repeat(np.array([[0.0], [4.0], [8.0]], np.float32), 4, axis=1)
seen = []
for binary in (True, False):
    asked = triton.InferInput("vectors", list(rows.shape), "FP32")
    asked.set_data_from_numpy(rows, binary_data=binary)
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("label", "probabilities")]
    said = client.infer("model", [asked], outputs=outputs, request_id="7", headers=dict(headers))
    assert said.get_response()["id"] == "7"
    labels = [v.decode() if isinstance(v, bytes) else v for v in said.as_numpy("label").tolist()]
    seen.append((labels, said.as_numpy("probabilities").tobytes()))
assert seen[0] == seen[1]
asked = triton.InferInput("vectors", [1, 3], "FP32")
asked.set_data_from_numpy(rows[:1, :3])
for model, expected in (("model", "features"), ("other", "no such model")):
    said = ""
    try:
        client.infer(model, [asked], headers=dict(headers))
    except triton.InferenceServerException as error:
        said = str(error)
    assert expected in said, said
print(seen[0][0])
