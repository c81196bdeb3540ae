"""The engine of examples/extensions, as it stands: on the command line, and in a process that imports it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .extension import in_new_process, install


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three folders of twelve images, dark to light."""
    rng = np.random.default_rng(0)
    for label, level in (("dark", 0), ("grey", 80), ("light", 160)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(level, level + 90, (12, 12), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{number}.png")
    return tmp_path / "data"


def test_as_an_installed_package(tmp_path: Path, data: Path, tiny_vit: Path) -> None:
    site = install(tmp_path / "site", "nearest_mean", group="preforget.engines")
    data_, model, receipt = map(str, (data, tmp_path / "model", tmp_path / "receipt.json"))
    code = f"""
    import json
    from pathlib import Path
    import numpy as np
    import preforget as pf
    from preforget.cli.main import main
    from preforget.erasure.receipt import payload_of
    data = pf.load_data({data_!r}, seed=1)
    def learned(classes):
        model = pf.PreForgettableClassifier({str(tiny_vit)!r}, "nearest_mean", device="cpu", dtype="float32", scale=2.0)
        return model.fit(data.train.only(classes), validation=data.validation.only(classes))
    model = learned(["dark", "grey", "light"])
    scores = model.scores(data.test.inputs)
    truth = np.searchsorted(["dark", "grey", "light"], data.test.labels.astype(str))
    assert (scores.argmax(axis=1) == truth).mean() > 0.6
    model.save_pretrained({model!r})
    assert main(["forget", {model!r}, "grey", "--yes", "--receipt", {receipt!r}]) == 0
    left = pf.PreForgettableClassifier.from_pretrained({model!r})
    assert left.engine_.config.scale == 2.0
    for rest in (left, learned(["dark", "light"])):
        np.testing.assert_array_equal(rest.scores(data.test.inputs), scores[:, [0, 2]])
    assert main(["verify", {receipt!r}, {model!r}]) == 0
    print(json.dumps(payload_of(Path({receipt!r}).read_bytes())["predicate"]))
    """
    predicate = json.loads(in_new_process(site, code).splitlines()[-1])
    assert predicate["model"]["engine"] == "nearest_mean"
    assert predicate["guarantee"] == {
        "name": "parametric",
        "meaning": "The mean of the class is deleted, and nothing else was made from its data.",
    }
    assert predicate["notClaimed"][0].startswith("How far an input lies")
    assert len(predicate["records"]) == 1
