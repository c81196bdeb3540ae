from __future__ import annotations

from preforget.baselines import LoraHead
from preforget.baselines.retrain import Retrain
from preforget.data.dataset import Split
from preforget.engines.base import Session

from .conftest import same, seeded


def test_equals_learning_without_the_data(original: LoraHead, forget: Split, retain: Split) -> None:
    expected = LoraHead(original.encoder, original.config)
    expected.learn(retain, Session())
    found = Retrain().unlearn(original, forget, retain, seeded())
    assert found.labels == ["green", "red"]
    assert same(found, expected)


def test_the_original_is_not_where_it_starts(original: LoraHead, forget: Split, retain: Split) -> None:
    zero = original.changed({name: 0 * tensor for name, tensor in original.parameters.items()})
    assert same(
        Retrain().unlearn(zero, forget, retain, seeded()),
        Retrain().unlearn(original, forget, retain, seeded(1)),
    )
