"""The generator of training images: the same seed gives the same picture, and every picture shows something."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def procedural():
    names = set(sys.modules)
    sys.path.insert(0, str(SCRIPTS))
    try:
        spec = importlib.util.spec_from_file_location("procedural", SCRIPTS / "procedural.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["procedural"] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(SCRIPTS))
        for name in set(sys.modules) - names:
            if name.startswith("procedural"):
                del sys.modules[name]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def families() -> list[str]:
    return ["strokes", "cells", "contours", "fractals", "textures", "waves"]


def test_the_families_are_those_tested_here(procedural: ModuleType) -> None:
    assert list(procedural.FAMILIES) == families()
    assert sum(procedural.MIX.values()) == pytest.approx(1)


@pytest.mark.parametrize("family", families())
def test_shapes_and_ranges(procedural: ModuleType, family: str) -> None:
    v = procedural.draw_family(family, 5, 1.0, seeded())
    assert v.images.shape == (10, 3, 64, 64)
    assert v.images.dtype == torch.uint8
    assert v.clean.shape == (10, 3, 64, 64)
    assert v.mask.shape == (10, 32, 32)
    assert v.plan.shape == (10, 2, 16, 16)
    assert v.params.shape == v.params_weight.shape == (10, procedural.PARAMS)
    for unit in (v.clean, v.mask, v.plan):
        assert unit.min() >= 0
        assert unit.max() <= 1
    assert torch.isfinite(v.params).all()
    assert v.params.abs().max() < 20
    assert (v.params[v.params_weight == 0] == 0).all()


@pytest.mark.parametrize("family", families())
def test_pictures_and_numbers_vary(procedural: ModuleType, family: str) -> None:
    v = procedural.draw_family(family, 12, 1.0, seeded(1))
    within = v.images.float().flatten(1).std(1)
    assert (within > 1).float().mean() > 0.9
    between = v.images[::2].float().std(0).mean()
    assert between > 5
    known = v.params[:, v.params_weight[0] == 1]
    assert (known.std(0) > 0).float().mean() > 0.9


@pytest.mark.parametrize("family", families())
def test_the_same_seed_gives_the_same_pictures_whatever_was_drawn_before(procedural, family) -> None:
    torch.rand(3)
    before = torch.get_rng_state()
    a = procedural.draw_family(family, 3, 0.7, seeded(2))
    b = procedural.draw_family(family, 3, 0.7, seeded(2))
    c = procedural.draw_family(family, 3, 0.7, seeded(3))
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.params, b.params)
    assert not torch.equal(a.images, c.images)
    assert torch.equal(torch.get_rng_state(), before)


def test_views_of_one_latent_are_nearer_than_strangers(procedural: ModuleType) -> None:
    v = procedural.make_views(30, 0.1, seeded(4))
    assert len(v.images) == 60
    assert torch.equal(v.family[::2], v.family[1::2])
    x = v.clean.flatten(1)
    distance = torch.cdist(x, x).fill_diagonal_(torch.inf)
    found = distance.argmin(1) == torch.arange(60) ^ 1
    assert found.float().mean() > 0.6


def test_distance_to_a_segment_by_hand(procedural: ModuleType) -> None:
    strokes = sys.modules["procedural_strokes"]
    points = torch.tensor([[[[-1.0, 0.0], [1.0, 0.0]]]])
    rows = (torch.arange(4) + 0.5) / 4 * 2 - 1
    expected = rows.abs()[:, None].expand(4, 4)
    torch.testing.assert_close(strokes.segment_distance(points, 4)[0], expected)


def test_a_circle_is_positive_inside_and_its_level_is_the_distance(procedural: ModuleType) -> None:
    blobs = sys.modules["procedural_blobs"]
    level = blobs.radial_level(torch.zeros(1, 1, 2), torch.full((1, 1), 0.5), torch.zeros(1, 1, 0, 2), 8)
    axis = (torch.arange(8) + 0.5) / 8 * 2 - 1
    expected = 0.5 - torch.hypot(axis[None, :], axis[:, None])
    torch.testing.assert_close(level[0, 0], expected)


def test_random_fields_have_unit_variance(procedural: ModuleType) -> None:
    base = sys.modules["procedural_base"]
    field = base.noise_fields(3, seeded(), torch.full((3,), 2.0), torch.zeros(3, 2), torch.ones(3))
    torch.testing.assert_close(field.std((1, 2)), torch.ones(3))
