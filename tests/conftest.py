"""A tiny random vision transformer that every room can use, and one thread so that tests don't fight for cores."""

from __future__ import annotations

import gc
import os
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

from preforget.backbones import Encoder, load_backbone
from preforget.core.registry import extension_modules

from .sharing import pytest_collection_modifyitems, pytest_configure, pytest_xdist_make_scheduler

__all__ = ["pytest_collection_modifyitems", "pytest_configure", "pytest_xdist_make_scheduler"]

WRITE = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "random_vit.py"))

torch.set_num_threads(1)
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")
os.environ["OMP_NUM_THREADS"] = (
    "1"  # of programs that tests start: more threads than cores wait for each other
)

MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30
"""Where folders of tests lie if it has so many bytes of room: on a disk, writing a model and forgetting take three
times as long. Set PYTEST_DEBUG_TEMPROOT to take another place."""

if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(autouse=True, scope="session")
def own_keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A keyring for the whole run, so that nobody's own is touched."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("keys") / "keyring"
        patch.setenv("PREFORGET_KEYRING", str(place))
        patch.delenv("PREFORGET_PASSPHRASE", raising=False)
        yield place


@pytest.fixture(autouse=True)
def no_extension_stays() -> Iterator[None]:
    """Fail the test that leaves an entry in a registry: every worker process of later tests would import it."""
    before = extension_modules()
    yield
    if extension_modules() != before:
        gc.collect()  # a registry of the test's own is gone once nothing refers to it
        assert extension_modules() == before


@pytest.fixture(scope="session")
def tiny_vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved `ViTModel`: images of 32 px, patches of 8, width 32, 3 blocks, 2 heads, seeded weights."""
    written: Path = WRITE["write_random_vit"](tmp_path_factory.mktemp("tiny-vit"))
    return written


@pytest.fixture(scope="session")
def tiny_encoder(tiny_vit: Path) -> Encoder:
    """The tiny transformer as a frozen encoder in float32, on the CPU."""
    return load_backbone(str(tiny_vit), device="cpu", dtype="float32")
