from __future__ import annotations

import numpy as np
import torch

from preforget.baselines import LoraHead
from preforget.baselines.drop_row import DropRow, without_rows
from preforget.data.dataset import Split

from .conftest import seeded


def test_by_hand_rows_go_and_nothing_else() -> None:
    parameters = {
        "adapter.query_up": torch.ones(2),
        "head.weight": torch.tensor([[1.0], [2.0], [3.0]]),
        "head.bias": torch.tensor([4.0, 5.0, 6.0]),
    }
    found = without_rows(parameters, [0, 2])
    assert found["head.weight"].tolist() == [[1.0], [3.0]]
    assert found["head.bias"].tolist() == [4.0, 6.0]
    assert found["adapter.query_up"] is parameters["adapter.query_up"]
    assert len(parameters["head.bias"]) == 3


def test_other_scores_stay_and_no_number_of_the_row_is_left(
    original: LoraHead, train: Split, test_part: Split
) -> None:
    gone = ("blue", "red")
    found = DropRow().unlearn(original, train.only(gone), train.without(gone), seeded())
    column = original.labels.index("green")
    # a matrix product may round differently when its shape changes
    np.testing.assert_allclose(
        found.scores(test_part.inputs)[:, 0],
        original.scores(test_part.inputs)[:, column],
        rtol=1e-4,
        atol=1e-5,
    )
    assert found.parameters["head.weight"].shape[0] == found.parameters["head.bias"].shape[0] == 1
    for name, tensor in original.parameters.items():
        if name.startswith("adapter."):
            assert torch.equal(found.parameters[name], tensor)
            assert found.parameters[name].data_ptr() != tensor.data_ptr()
