from __future__ import annotations

import pytest
import torch

from preforget.engines import derive
from preforget.engines.derive import MOST_PAIRED, Derived, Rules, missing_pairs, regression_share
from preforget.engines.discriminant import pair
from preforget.engines.heads import PairHeads, PooledHeads
from preforget.records import UnitBank
from preforget.records.units import make_unit

SIZE, NEAR = 6, 2
RULES = Rules(3.0, NEAR, ridge=20.0, floor=256.0)


def bank(classes: int, seed: int = 0) -> UnitBank:
    found = UnitBank(SIZE)
    for number in range(classes):
        generator = torch.Generator().manual_seed(100 * seed + number)
        rows = torch.randint(-999, 999, (7, SIZE), generator=generator).to(torch.int16)
        found.insert(make_unit(f"c{number:03}", None, [rows[:5]], rows[5:]))
    return found


def test_only_what_is_missing_is_made_and_each_from_its_two_classes() -> None:
    units = bank(4)
    made = missing_pairs(units, units.labels, 3.0)
    assert [(r.label, r.partner) for r in made] == [
        ("c000", "c001"),
        ("c000", "c002"),
        ("c000", "c003"),
        ("c001", "c002"),
        ("c001", "c003"),
        ("c002", "c003"),
    ]
    row, bias = pair(units.moments("c001"), units.moments("c003"), 3.0)
    assert torch.equal(made[4].tensors["pair_row"], row)
    assert torch.equal(made[4].tensors["pair_bias"], bias)
    for record in made[:5]:
        units.insert(record)
    assert [(r.label, r.partner) for r in missing_pairs(units, units.labels, 3.0)] == [("c002", "c003")]


def test_little_room_for_moments_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    units = bank(5)
    plenty = missing_pairs(units, units.labels, 3.0)
    monkeypatch.setattr(derive, "KEPT_BYTES", 1)
    scarce = missing_pairs(units, units.labels, 3.0)
    assert [r.digest() for r in plenty] == [r.digest() for r in scarce]


def test_many_classes_share_a_covariance() -> None:
    units = bank(MOST_PAIRED + 1)
    assert missing_pairs(units, units.labels, 3.0) == []
    derived = Derived(units, RULES)
    assert isinstance(derived.heads(units.labels), PooledHeads)
    assert isinstance(derived.heads(units.labels[1:]), PairHeads)


def test_the_running_sum_is_as_if_the_gone_had_never_been_there() -> None:
    units, x = bank(40), torch.randn(3, SIZE, dtype=torch.float64)
    derived = Derived(units, RULES)
    before = derived.heads(units.labels).scores(x)
    for label in ("c005", "c000", "c039"):
        derived.leaving(units.units(label))
        units.erase(label)
        derived.changed([label])
    rest = bank(40)
    for label in ("c000", "c005", "c039"):
        rest.erase(label)
    fresh = Derived(rest, RULES)
    one, other = derived.heads(units.labels), fresh.heads(rest.labels)
    assert torch.equal(one.scores(x), other.scores(x))
    assert torch.equal(one.confidence(x, x[:, :NEAR]), other.confidence(x, x[:, :NEAR]))
    back = [unit for label in ("c005", "c000", "c039") for unit in bank(40).units(label)]
    for unit in back:
        units.insert(unit)
    derived.joining(back)
    derived.changed(["c005", "c000", "c039"])
    assert torch.equal(derived.heads(units.labels).scores(x), before)


def test_leaving_out_is_like_forgetting() -> None:
    units, x = bank(40), torch.randn(3, SIZE, dtype=torch.float64)
    left_out = Derived(units, RULES).heads([label for label in units.labels if label != "c007"])
    rest = bank(40)
    rest.erase("c007")
    assert torch.equal(left_out.scores(x), Derived(rest, RULES).heads(rest.labels).scores(x))


def test_a_regression_counts_by_its_inputs_and_features() -> None:
    assert regression_share(3072, 1536) == 1
    assert regression_share(2304, 1536) == 0.5
    assert regression_share(1536, 1536) == 0
    assert regression_share(1024, 1536) == 0.5
    assert regression_share(700, 1536) == 1
    assert regression_share(10**6, 384) == 0.25


def test_a_class_between_others_is_not_masked() -> None:
    """On few features a linear regression to one number per class hardly ever gives the middle of three the highest."""
    generator = torch.Generator().manual_seed(0)
    units, middle = UnitBank(2), torch.empty(0)
    for label, place in {"left": -900, "middle": 0, "right": 900}.items():
        x = torch.randn(600, 2, generator=generator).mul(250).add(torch.tensor([place, 0])).round()
        units.insert(make_unit(label, None, [x[:300].to(torch.int16)], x[:9].to(torch.int16)))
        middle = x[300:].double() if label == "middle" else middle
    heads = Derived(units, Rules(3.0, 2, ridge=40.0, floor=256.0)).heads(units.labels)
    assert (heads.scores(middle).argmax(dim=1) == 1).float().mean() > 0.9
