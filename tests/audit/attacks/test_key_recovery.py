"""Key recovery finds a class that a model can still tell apart, and no more than chance where it can't."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.few_shot import open_shots, open_test, ranks, relabelled, train_class
from preforget.audit.attacks.key_recovery import ABOUT, Setting, attack, fewest, recover, settings
from preforget.audit.attacks.observe import Parts
from preforget.core.errors import UsageError
from preforget.core.seeds import derive_seed
from preforget.data.dataset import label_array

from ..toy_surface import ToySurface, learned, parts


def test_settings_by_hand() -> None:
    assert [one.key for one in settings("quick")] == ["0 shots", "5 shots"]
    assert [one.key for one in settings("standard")] == [
        *("0 shots", "1 shot", "5 shots", "10 shots", "50 shots"),
        *("5 shots, 5 tokens", "5 shots, 10 tokens", "5 shots, key alone", "5 shots, row alone"),
        *("5 shots, shuffled labels", "5 shots, random labels"),
    ]
    full = settings("full")
    # 3 tokens x 3 parts, with 3 kinds of labels for four numbers of shots and one for none
    assert len(full) == len({one.key for one in full}) == 9 * (4 * 3 + 1)
    assert full[:11] == settings("standard")
    assert set(ABOUT.titles) == {one.key for one in full}
    assert (ABOUT.margin_of("5 shots, key alone"), ABOUT.margin_of("50 shots")) == (0.10, 0.05)
    with pytest.raises(UsageError, match="'slow'"):
        settings("slow")


def test_the_class_with_the_fewest_counts() -> None:
    assert fewest(label_array([*"aabab", "c"])) == 1
    assert fewest(label_array([])) == 0


@pytest.fixture(scope="module")
def attacked() -> tuple[Any, ToySurface, dict[str, float]]:
    """Data, a model of them, and what the attack found with seed 7."""
    data = parts(each=20)
    surface = learned(data.retain_train)
    return data, surface, attack(surface, data, Effort("standard"), 7).values


@pytest.mark.parametrize(
    "setting", [Setting(5), Setting(1), Setting(0), Setting(5, part="key"), Setting(5, labels="random")]
)
def test_a_value_is_the_mean_share_over_draws(
    setting: Setting, attacked: tuple[Any, ToySurface, dict[str, float]]
) -> None:
    (data, surface, found), seed, shares = attacked, 7, []
    for draw in range(2):
        own = derive_seed(seed, "key recovery", draw)
        inputs, targets = [], []
        for part, least in ((data.forget_train, 0), (data.retain_train, 5)):
            for place, rank in enumerate(ranks(part.labels, own)):
                if rank < max(setting.shots, least):
                    inputs.append(part.inputs[place])
                    targets.append("bcda".index(part.labels[place]))
        known = relabelled(
            torch.tensor(targets),
            setting.labels,
            4,
            torch.Generator().manual_seed(derive_seed(own, "labels")),
        )
        generator = torch.Generator().manual_seed(derive_seed(own, "start"))
        read, rows = surface.read(np.array(inputs)), torch.arange(len(inputs))
        new = train_class(surface, read, rows, known, setting.part, setting.tokens, 60, generator)
        won = 0
        for x in data.forget_test.inputs:
            scores = surface.logits(surface.read(x[None]), torch.tensor([0]), new)[0].tolist()
            won += all(scores[3] > score for score in scores[:3])
        shares.append(won / len(data.forget_test))
    assert found[setting.key] == pytest.approx(sum(shares) / 2)
    if setting == Setting(5):  # the same shots, whatever else the suite asks; quick draws once
        assert attack(surface, data, Effort("quick"), seed).values["5 shots"] == pytest.approx(shares[0])


def test_the_grid_is_drawn_once_and_the_plain_attackers_three_times() -> None:
    data, seed = parts(each=3), 5
    surface = learned(data.retain_train, steps=50)
    found = attack(surface, data, Effort("full"), seed).values
    assert len(found) == 9 + 9 * 3  # none with 5, 10 or 50 shots, of which there aren't so many
    assert all(key.startswith(("0 shots", "1 shot")) for key in found)
    test = open_test(surface, data, seed)
    for setting, draws in ((Setting(1), 3), (Setting(1, 5, "key"), 1), (Setting(1, 10, "row", "random"), 1)):
        shares = []
        for draw in range(draws):
            own = derive_seed(seed, "key recovery", draw)
            shares.append(recover(surface, open_shots(surface, data, 1, own), test, setting, own)[0])
        assert found[setting.key] == pytest.approx(sum(shares) / draws)


def test_it_finds_a_class_that_shows_and_not_one_that_does_not() -> None:
    data = parts()
    seeing = attack(learned(data.retain_train), data, Effort("standard"), 0)
    blind = attack(learned(data.retain_train, blind=True), data, Effort("quick"), 0)
    assert seeing.values["5 shots"] > 0.9
    assert blind.values["5 shots"] < 0.7  # one of two classes that look the same
    assert seeing.values["5 shots"] - blind.values["5 shots"] > 4 * ABOUT.margin_of("5 shots")
    for labels in ("shuffled", "random"):
        assert seeing.values[f"5 shots, {labels} labels"] < seeing.values["5 shots"] - 0.3
    curve = seeing.figures
    assert curve["shots"] == [0, 1, 5, 10, 50]
    assert curve["regained"][-1] == pytest.approx(seeing.values["50 shots"], abs=1e-4)
    assert np.all(np.diff(curve["regained"]) > -0.1)  # more shots take back no less
    assert max(curve["stolen"][1:]) < 0.1
    assert all(0 <= value <= 1 for value in [*seeing.values.values(), *blind.values.values()])


def test_two_models_that_are_the_same_show_no_gap_and_seeds_differ() -> None:
    data = parts(each=20)
    one = learned(data.retain_train)
    other = ToySurface(one.labels, one.weights)
    first = attack(one, data, Effort("quick"), 3)
    assert first.values == attack(other, data, Effort("quick"), 3).values
    assert first.figures == attack(other, data, Effort("quick"), 3).figures


def test_no_shot_at_all_gives_only_the_value_without_any() -> None:
    data = parts(each=7)
    surface = learned(data.retain_train, steps=20)
    bare = Parts(data.forget_train.select([]), data.forget_test, data.retain_train, data.retain_test)
    assert set(attack(surface, bare, Effort("quick"), 0).values) == {"0 shots"}
