from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from preforget.baselines.examples import Examples, columns, reading
from preforget.baselines.lora_head import LoraHead
from preforget.core.errors import DataError
from preforget.data.dataset import Split

from .conftest import seeded


def numbered(start: int, count: int) -> Examples:
    """Each state is its own number, `[1, 1]`."""
    states = torch.arange(start, start + count, dtype=torch.float32)[:, None, None]
    return Examples.of(lambda rows: states[rows], torch.arange(start, start + count))


def numbers(examples: Examples, indices: list[int]) -> list[float]:
    return examples.states(torch.tensor(indices))[:, 0, 0].tolist()


def test_by_hand_joined_and_selected() -> None:
    both = numbered(0, 3) + numbered(10, 2)
    assert len(both) == 5
    assert numbers(both, [4, 0, 3, 0]) == [11, 0, 10, 0]
    part = both.select(torch.tensor([3, 1, 3]))
    assert numbers(part, [0, 1, 2]) == [10, 1, 10]
    assert part.target.tolist() == [10, 1, 10]
    assert part.with_target(torch.tensor([7, 8, 9])).target.tolist() == [7, 8, 9]
    assert [target.tolist() for _, target in both.batches(2)] == [[0, 1], [2, 10], [11]]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_order_of_parts_and_of_picks_never_matters(sizes: list[int]) -> None:
    """Against a plain list, whatever the parts and the order."""
    parts, expected = [], []
    for place, size in enumerate(sizes):
        parts.append(numbered(100 * place, size))
        expected += list(range(100 * place, 100 * place + size))
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + part
    picks = torch.randint(len(expected), (7,), generator=seeded(len(expected)))
    states, target = joined.batch(picks)
    assert states[:, 0, 0].tolist() == target.tolist() == [expected[i] for i in picks.tolist()]


def test_a_sample_has_its_size_and_no_image_twice() -> None:
    sample = numbered(0, 10).sample(0.3, seeded())
    assert len(sample) == len(set(sample.target.tolist())) == 3
    assert len(numbered(0, 10).sample(0.0, seeded())) == 1
    assert sorted(numbered(0, 10).sample(1.0, seeded()).target.tolist()) == list(range(10))


def test_reading_gives_states_and_columns(original: LoraHead, forget: Split, retain: Split) -> None:
    with reading(original, forget, retain) as (gone, kept):
        assert set(gone.target.tolist()) == {original.labels.index("blue")}
        expected = original.encoder.embed(original.encoder.read(retain.inputs, range(len(retain))))
        torch.testing.assert_close(
            (gone + kept).states(torch.arange(len(gone), len(gone) + len(kept))), expected
        )


def test_says_what_is_wrong(forget: Split) -> None:
    with pytest.raises(DataError, match="'blue'"):
        columns(["red"], forget)
    with pytest.raises(DataError, match="no images"):
        columns(["blue"], forget.select([]))
