"""What is special beside a frozen image path: no class moves another."""

from __future__ import annotations

import numpy as np
import torch

from preforget.data import Split
from preforget.white_box.open_model import surface_of

from ..audit.conftest import Make, coloured


def test_a_live_class_put_in_again_scores_as_itself(make: Make, split: Split) -> None:
    surface = surface_of(make("isolated", coloured(6)))
    again = {name: tensor[1] for name, tensor in surface.live().items()}
    found = surface.logits(surface.read(split.inputs), torch.arange(len(split)), again)
    torch.testing.assert_close(found[:, 3], found[:, 1], rtol=1e-5, atol=1e-5)


def test_a_new_class_moves_no_score_of_the_exact_engine(make: Make, split: Split) -> None:
    model = make("exact", coloured(6))
    surface = surface_of(model)
    new = surface.start(1, torch.Generator().manual_seed(0))
    found = surface.logits(surface.read(split.inputs), torch.arange(len(split)), new)
    assert np.array_equal(found[:, :3].numpy(), model.scores(split.inputs))
    assert not found[:, 3].any()
