from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from preforget.baselines import LoraHead
from preforget.baselines.drop_row_and_refit import DropRowAndRefit, DropRowAndRefitConfig
from preforget.baselines.examples import reading
from preforget.data.dataset import Split

from .conftest import seeded


def test_the_adapter_stays_and_the_head_is_fresh(original: LoraHead, forget: Split, retain: Split) -> None:
    config = DropRowAndRefitConfig(epochs=1, batch_size=8, learning_rate=1e-9)
    found = DropRowAndRefit(config).unlearn(original, forget, retain, seeded())
    kept = [original.labels.index(label) for label in found.labels]
    for name, tensor in original.parameters.items():
        if name.startswith("adapter."):
            assert torch.equal(found.parameters[name], tensor)
    # at a rate of about nothing the head is where it started: not at the old rows
    assert (found.parameters["head.weight"] - original.parameters["head.weight"][kept]).abs().max() > 0.01


def test_old_rows_leave_no_trace(original: LoraHead, forget: Split, retain: Split) -> None:
    other = {
        name: 7 * tensor if name.startswith("head.") else tensor
        for name, tensor in original.parameters.items()
    }
    method = DropRowAndRefit(DropRowAndRefitConfig(epochs=1, batch_size=8))
    one = method.unlearn(original, forget, retain, seeded())
    two = method.unlearn(original.changed(other), forget, retain, seeded())
    assert torch.equal(one.parameters["head.weight"], two.parameters["head.weight"])


def test_answers_as_logistic_regression_on_the_same_readout(
    original: LoraHead, forget: Split, retain: Split, test_part: Split
) -> None:
    config = DropRowAndRefitConfig(epochs=20, batch_size=8, learning_rate=1e-2)
    found = DropRowAndRefit(config).unlearn(original, forget, retain, seeded())
    part = test_part.without("blue")

    def readout(split: Split) -> np.ndarray:
        with reading(original, split) as (examples,), torch.no_grad():
            return original.readout(original.parameters, examples.states(torch.arange(len(split)))).numpy()

    reference = LogisticRegression().fit(readout(retain), retain.labels.tolist())
    answers = np.array(found.labels)[found.scores(part.inputs).argmax(axis=1)]
    assert (answers == reference.predict(readout(part))).mean() >= 0.9
