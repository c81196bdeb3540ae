from __future__ import annotations

import runpy
from pathlib import Path

from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]


def test_it_writes_what_the_golden_folders_were_learned_on(tmp_path: Path) -> None:
    write = runpy.run_path(str(ROOT / "scripts" / "random_vit.py"))["write_random_vit"]
    written = load_file(
        write(tmp_path / "vit", image_size=16, width=16, blocks=2, spread=0.2) / "model.safetensors"
    )
    golden = load_file(ROOT / "tests" / "golden" / "format2" / "backbone" / "model.safetensors")
    assert sorted(t.double().sum().item() for t in written.values()) == sorted(
        t.double().sum().item() for t in golden.values()
    )
