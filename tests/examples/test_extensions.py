"""Attacks and a baseline from outside the package, each one file as it stands: by import, by entry point, in workers.

Each test is a process of its own, so that the tables of this one stay as they are.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ..forked import program

EXTENSIONS = Path(__file__).parents[2] / "examples" / "extensions"


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """Noisy images of three colours, in MedMNIST's layout."""
    rng, arrays = np.random.default_rng(0), {}
    for part in ("train", "val", "test"):
        labels = np.repeat(np.arange(3), 12)
        means = 60.0 + 120.0 * np.eye(3)[labels][:, None, None]
        images = np.clip(means + rng.normal(0, 30, (len(labels), 8, 8, 3)), 0, 255)
        arrays |= {f"{part}_images": images.astype(np.uint8), f"{part}_labels": labels[:, None]}
    np.savez(tmp_path / "colours.npz", **arrays)
    return tmp_path / "colours.npz"


def test_installed_attacks_on_the_command_line(tmp_path: Path, colours: Path, tiny_vit: Path) -> None:
    info = tmp_path / "site" / "relabel_rate-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: relabel_rate\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[preforget.attacks]\nrelabel_rate = relabel_rate\nshadow_share = shadow_share\n"
    )
    code = """
    import sys
    from preforget.cli.main import main
    backbone, data, model = sys.argv[1:]
    device = ["--device", "cpu", "--dtype", "float32"]
    learn = ["--backbone", backbone, "--engine", "exact", "--levels", "1", *device]
    attack = ["--attacks", "relabel_rate", "mixed_stream", "shadow_share", "--shadows", "4", "--workers", "1", *device]
    assert main(["learn", data, "--out", model, *learn]) == 0
    sys.exit(main(["audit", model, "--data", data, "--forget", "0", *attack]))
    """
    program(code, tiny_vit, colours, tmp_path / "model", paths=[EXTENSIONS, tmp_path / "site"])
    result = json.loads((tmp_path / "model.audit" / "audit.json").read_bytes())
    assert [attack["name"] for attack in result["attacks"]] == [
        "mixed_stream",
        "relabel_rate",
        "shadow_share",
    ]
    (measure,) = [one for one in result["measures"] if one["attack"] == "relabel_rate"]
    assert measure["title"] == "forgotten test images: share of the commonest best guess"
    assert measure["gap"] == 0.0
    judged = next(one for one in result["measures"] if one["attack"] == "shadow_share")
    assert judged["unlearned"] == [0.5] * 4  # what is left equals retraining: all shadows answer alike
    assert "Commonest new answer" in (tmp_path / "model.audit" / "audit.html").read_text()


def test_imported_ones_here_and_in_a_worker(tmp_path: Path, colours: Path, tiny_vit: Path) -> None:
    (tmp_path / "asking.py").write_text(
        "from preforget.audit.attacks import ATTACKS\n"
        "from preforget.baselines import METHODS\n"
        "def known(context):\n    return [n in t for t, n in ((ATTACKS, 'relabel_rate'), (METHODS, 'neg_grad'))]\n"
    )
    code = """
    import sys
    import asking, numpy as np, torch
    from preforget import load_backbone, load_data
    from preforget.audit.attacks import Seen
    from preforget.baselines import LoraHead, LoraHeadConfig
    from preforget.benchmark.matrix_file import matrix_of
    from preforget.engines.base import Session
    from preforget.jobs.executor import Job, Pool
    from pathlib import Path

    backbone, path = sys.argv[1:]
    pool, values = Pool(1, 1), {"data": [{"name": "colours", "path": path, "backbone": backbone}]}
    print([found for _, found in pool.run([Job("before", asking.known)], None)])
    import neg_grad, relabel_rate
    print([found for _, found in pool.run([Job("after", asking.known)], None)])
    pool.close()
    print(matrix_of({**values, "methods": ["neg_grad"]}, "own.toml", "own", Path()).methods[0].name)

    scores = np.eye(3)[[0, 0, 1, 2]]
    truth = np.array(["gone"] * 4, dtype=object)
    print(relabel_rate.largest_share(Seen(("a", "b", "c"), truth, scores, scores, scores.max(axis=1), truth)))

    data = load_data(path)
    encoder = load_backbone(backbone, image_size=16, device="cpu", dtype="float32")
    config = LoraHeadConfig(epochs=8, batch_size=8, learning_rate=1e-2)
    original = LoraHead(encoder, config)
    original.learn(data.train, Session())
    method = neg_grad.NegGrad(neg_grad.NegGradConfig(epochs=20, learning_rate=1e-2))
    parts = data.train.only("0"), data.train.without("0")
    after = method.unlearn(original, *parts, torch.Generator().manual_seed(0))
    print([float((m.scores(parts[0].inputs).argmax(axis=1) == 0).mean()) for m in (original, after)])
    """
    said = program(code, tiny_vit, colours, paths=[EXTENSIONS, tmp_path]).splitlines()
    assert said[:4] == ["[[False, False]]", "[[True, True]]", "neg_grad", "0.5"]
    before, after = json.loads(said[4])
    assert before > 0.8
    assert after == 0.0
