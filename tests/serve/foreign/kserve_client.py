"""Ask a service by KServe's client, in a virtual environment of its own: `python kserve_client.py HOST:PORT TOKEN`."""

import asyncio
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

address, token = sys.argv[1:]
url, headers = f"http://{address}", {"Authorization": f"Bearer {token}"}
rows = np.repeat(np.array([[0.0], [4.0], [8.0]], np.float32), 4, axis=1)


async def main() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
    assert await client.is_server_live(url)
    assert await client.is_server_ready(url)
    assert await client.is_model_ready(url, "model")
    seen = []
    for binary in (False, True):
        asked = InferInput("vectors", list(rows.shape), "FP32")
        asked.set_data_from_numpy(rows, binary_data=binary)
        request = InferRequest(model_name="model", infer_inputs=[asked], request_id="9")
        said = await client.infer(url, request, model_name="model", headers=dict(headers))
        assert said.id == "9"
        outputs = {output.name: output.as_numpy() for output in said.outputs}
        labels = [v.decode() if isinstance(v, bytes) else v for v in outputs["label"].tolist()]
        seen.append((labels, np.asarray(outputs["probabilities"], np.float32).tobytes()))
    assert seen[0] == seen[1]
    asked = InferInput("vectors", [1, 3], "FP32")
    asked.set_data_from_numpy(rows[:1, :3], binary_data=False)
    request = InferRequest(model_name="model", infer_inputs=[asked])
    said = ""
    try:
        await client.infer(url, request, model_name="model", headers=dict(headers))
    except httpx.HTTPStatusError as error:
        said = str(error)
    assert "features" in said, said
    await client.close()
    print(seen[0][0])


asyncio.run(main())
