from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from preforget.backbones import Encoder, load_backbone
from preforget.core.errors import DataError, StoreError
from preforget.data import Split
from preforget.data.dataset import label_array
from preforget.training import state_cache
from preforget.training.state_cache import ENCODE_BATCH, StateCache

COUNT = ENCODE_BATCH + 5


@pytest.fixture
def split() -> Split:
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 16, 16), dtype=np.uint8)
    return Split(images, label_array([str(number % 3) for number in range(COUNT)]))


@pytest.fixture(params=["float32", "bfloat16"])
def encoder(request: pytest.FixtureRequest, tiny_vit: Path) -> Encoder:
    return load_backbone(str(tiny_vit), device="cpu", dtype=request.param, image_size=16)


def cache(encoder: Encoder, split: Split, **options: Any) -> StateCache:
    return StateCache(encoder, split, **{"first_block": 1, "last_block": 2, **options})


def everything(states: StateCache) -> torch.Tensor:
    return states.get(torch.arange(COUNT))


def test_all_places_give_the_states_of_the_encoder(encoder: Encoder, split: Split, tmp_path: Path) -> None:
    assert isinstance(split.inputs, np.ndarray)
    first = split.inputs[:ENCODE_BATCH, :, :, None].repeat(3, axis=3)
    wanted = encoder.states(encoder.pixels(first), slice(1, 3))
    with cache(encoder, split) as memory:
        whole = everything(memory)
    assert whole.shape == (COUNT, 2, 5, 32)
    assert whole.dtype == encoder.dtype
    assert torch.equal(whole[:ENCODE_BATCH], wanted)
    for keep in (False, True, True):
        with cache(encoder, split, cache_dir=tmp_path / "c", keep=keep) as disk:
            assert torch.equal(everything(disk), whole)
            some = torch.tensor([7, COUNT - 1, 0, 7])
            assert torch.equal(disk.get(some), whole[some])


def test_a_file_that_is_not_kept_has_no_name(tiny_encoder: Encoder, split: Split, tmp_path: Path) -> None:
    with cache(tiny_encoder, split, cache_dir=tmp_path):
        assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_kept_file_is_taken_up_again(tiny_encoder: Encoder, split: Split, tmp_path: Path) -> None:
    with cache(tiny_encoder, split, cache_dir=tmp_path, keep=True):
        pass
    (file,) = tmp_path.iterdir()
    before = file.stat()
    with cache(tiny_encoder, split, cache_dir=tmp_path, keep=True):
        pass
    assert list(tmp_path.iterdir()) == [file]
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_other_images_blocks_or_formats_get_a_file_of_their_own(
    tiny_vit: Path, tiny_encoder: Encoder, split: Split, tmp_path: Path
) -> None:
    half = load_backbone(str(tiny_vit), device="cpu", dtype="bfloat16")
    small = load_backbone(str(tiny_vit), device="cpu", dtype="float32", image_size=16)
    runs: list[tuple[Encoder, Split, dict[str, int]]] = [
        (tiny_encoder, split, {}),
        (tiny_encoder, split.select(range(1, COUNT)), {}),
        (tiny_encoder, split, {"first_block": 2}),
        (tiny_encoder, split, {"first_block": 0, "last_block": 1}),
        (half, split, {}),
        (small, split, {}),
    ]
    for encoder, part, options in runs:
        with cache(encoder, part, cache_dir=tmp_path, keep=True, **options):
            pass
    assert len(list(tmp_path.iterdir())) == len(runs)


def test_a_kept_file_of_another_size_is_written_anew(
    tiny_encoder: Encoder, split: Split, tmp_path: Path
) -> None:
    with cache(tiny_encoder, split, cache_dir=tmp_path, keep=True) as states:
        wanted = everything(states)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    with cache(tiny_encoder, split, cache_dir=tmp_path, keep=True) as states:
        assert torch.equal(everything(states), wanted)


def test_a_file_that_shrinks_while_it_is_read(tiny_encoder: Encoder, split: Split, tmp_path: Path) -> None:
    with cache(tiny_encoder, split, cache_dir=tmp_path, keep=True) as states:
        (file,) = tmp_path.iterdir()
        with file.open("r+b") as shrinking:
            shrinking.truncate(file.stat().st_size - 1)
        with pytest.raises(StoreError, match="ends too early"):
            everything(states)


def test_a_closed_cache_says_so(tiny_encoder: Encoder, split: Split, tmp_path: Path) -> None:
    for place in (None, tmp_path):
        states = cache(tiny_encoder, split, cache_dir=place)
        states.close()
        states.close()
        with pytest.raises(ValueError, match="closed"):
            everything(states)


@pytest.mark.parametrize("keep", [False, True])
def test_a_corrupt_image_leaves_nothing(tiny_encoder: Encoder, tmp_path: Path, keep: bool) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("RGB", (8, 8)).save(good)
    bad.write_bytes(b"no image")
    split = Split([good, bad], label_array(["a", "b"]))
    with pytest.raises(DataError, match=r"bad\.png"):
        cache(tiny_encoder, split, cache_dir=tmp_path / "c", keep=keep)
    assert list((tmp_path / "c").iterdir()) == []


def test_an_image_that_vanishes_is_not_blamed_on_the_cache(tiny_encoder: Encoder, tmp_path: Path) -> None:
    split = Split([tmp_path / "gone.png"], label_array(["a"]))
    for place in (None, tmp_path / "c"):
        with pytest.raises(DataError, match=r"gone\.png"):
            cache(tiny_encoder, split, cache_dir=place)


def test_a_place_that_is_no_folder(tiny_encoder: Encoder, split: Split, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="can't be written"):
        cache(tiny_encoder, split, cache_dir=tmp_path / "file")


def test_a_full_disk_says_how_much_is_needed_and_leaves_nothing(tiny_vit: Path, tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
import numpy as np
from preforget.backbones import load_backbone
from preforget.core.errors import StoreError
from preforget.data import as_split
from preforget.training import state_cache
from preforget.training.state_cache import StateCache
encoder = load_backbone(sys.argv[1], device="cpu", dtype="float32")
split = as_split(np.zeros((300, 8, 8), dtype=np.uint8), [0, 1, 2] * 100)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
for keep in (False, True):
    try: StateCache(encoder, split, first_block=0, last_block=2, cache_dir=Path(sys.argv[2]), keep=keep)
    except StoreError as error: print(error)
"""
    folder = tmp_path / "cache"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tiny_vit), str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("File too large; it needs 0.0 GB there") == 2
    assert "Warning" not in done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_states_stay_there_if_they_fit(tiny_vit: Path, split: Split, tmp_path: Path) -> None:
    encoder = load_backbone(str(tiny_vit), device="cuda", image_size=16)
    with cache(encoder, split) as memory, cache(encoder, split, cache_dir=tmp_path) as disk:
        assert memory._memory is not None
        assert memory._memory.device.type == "cuda"
        some = torch.tensor([7, COUNT - 1, 0, 7])
        for states in (memory.get(some), disk.get(some)):
            assert states.device == encoder.device
            assert torch.equal(states, everything(disk)[some])


def test_large_caches_are_said_and_kept_with_16_bits(
    encoder: Encoder,
    split: Split,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    plain = everything(cache(encoder, split))
    monkeypatch.setattr(state_cache, "LARGE", 1000)
    monkeypatch.setattr(state_cache, "WORTH_SAYING", 1000)
    for folder in (None, tmp_path):
        with cache(encoder, split, cache_dir=folder, show=True) as states:
            kept = everything(states)
        assert kept.dtype == encoder.dtype
        assert torch.equal(kept, plain.bfloat16().to(encoder.dtype))
        said = capsys.readouterr().err
        assert f"hidden states of {COUNT} inputs: 0.0 GB in {folder or 'memory'}" in said
        assert ("shortened to 16 bits" in said) is (encoder.dtype == torch.float32)
