"""Forged records and PGD: by hand, beside closed forms, on a small model where leaks are planted, on real engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.jailbreak import ABOUT, ATTEMPTS, attack, caught, class_record, forged, mix
from preforget.audit.attacks.observe import Parts
from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import DataError, UsageError
from preforget.data import Split
from preforget.data.dataset import Images, label_array
from preforget.white_box.open_model import surface_of

D = 8
CENTRES = {"a": 0, "b": 2, "c": 4, "d": 6}
"""Where each class of vectors has its two high numbers."""


class Toy:
    """A surface on vectors `x [n, D]` about 0..1: `score = (x * mean_T prompt) . row + bias`."""

    prompt_names = ("prompt",)

    def __init__(self, labels: str, closed: bool = False) -> None:
        self.labels = tuple(labels)
        self._live = {} if closed else stacked([true_record(label) for label in labels])
        self._scores = stacked([true_record(label) for label in labels])

    def read(self, inputs: Images) -> Tensor:
        return torch.from_numpy(np.asarray(inputs)).float() / 255

    def start(self, tokens: int, generator: torch.Generator) -> dict[str, Tensor]:
        drawn = 1 + 0.02 * torch.randn(tokens, D, generator=generator)
        return {"prompt": drawn, "row": torch.zeros(D), "bias": torch.zeros(())}

    def logits(
        self, read: Tensor, rows: Tensor, new: Mapping[str, Tensor] | None = None, live: Any = None
    ) -> Tensor:
        found = scored(read[rows], live or self._scores)
        if new is None:
            return found
        return torch.cat([found, scored(read[rows], {n: t[None] for n, t in new.items()})], dim=1)

    def readout(self, read: Tensor, rows: Tensor, new: Mapping[str, Tensor]) -> Tensor:
        return read[rows] * new["prompt"].mean(dim=0)

    def live(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self._live.items()}

    def features(self, inputs: Images) -> list[np.ndarray]:
        return [self.read(inputs).numpy()]

    def pixels(self, inputs: Images, rows: Tensor) -> Tensor:
        return self.read(inputs)[rows]

    def open(self, pixels: Tensor) -> Tensor:
        return scored(pixels, self._scores)


def scored(x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    rows = weights["prompt"].mean(dim=1) * weights["row"]
    return x @ rows.T + weights["bias"]


def true_record(label: str) -> dict[str, Tensor]:
    row = torch.full((D,), -1.0)
    row[CENTRES[label] : CENTRES[label] + 2] = 3.0
    return {"prompt": torch.ones(2, D), "row": 4 * row, "bias": torch.tensor(0.0)}


def stacked(records: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([record[name] for record in records]) for name in records[0]}


def vectors(each: int, seed: int = 0) -> Split:
    rng = np.random.default_rng(seed)
    labels = [label for _ in range(each) for label in CENTRES]
    x = np.full((len(labels), D), 60.0)
    for place, label in enumerate(labels):
        x[place, CENTRES[label] : CENTRES[label] + 2] = 200
    return Split(np.clip(x + rng.normal(0, 10, x.shape), 0, 255).astype(np.uint8), label_array(labels))


def parts_of(train: Split, test: Split, label: str) -> Parts[Split]:
    return Parts(train.only(label), test.only(label), train.without(label), test.without(label))


PARTS = parts_of(vectors(4), vectors(20, seed=1), "a")
QUICK = Effort("quick")


def test_a_forged_class_wins_by_hand() -> None:
    live = torch.tensor([[1.0, 2.0], [1.0, 2.0], [-4.0, -5.0], [1.0, 2.0]])
    # higher, lower, equal up to rounding, a copy
    new = torch.tensor([2.5, 1.9, -4.0001, 2.0])
    assert caught(live, new).tolist() == [True, False, True, True]


def test_a_mix_by_hand() -> None:
    one, other = (
        {"row": torch.tensor([1.0, 0.0]), "bias": torch.tensor(2.0)},
        {"row": torch.tensor([0.0, 4.0])},
    )
    other["bias"] = torch.tensor(0.0)
    found = mix([one, other], np.array([0.75, 0.25]))
    assert found["row"].tolist() == [0.75, 1.0]
    assert float(found["bias"]) == 1.5
    swapped = mix([other, one], np.array([0.25, 0.75]))
    assert all(torch.equal(found[name], swapped[name]) for name in found)


def test_what_is_forged() -> None:
    surface = Toy("bcd")
    found = forged(surface, range(3), 4, 0, stolen=true_record("a"))
    assert {key: len(records) for key, records in found.items()} == {
        "no_prompt": 1,
        "others": 3,
        "shuffled": 3,
        "mixed": 4,
        "scaled": 3,
        "stolen": 1,
    }
    live = surface.live()
    torch.testing.assert_close(found["no_prompt"][0]["row"], live["row"].mean(dim=0))
    mean = live["row"].mean(dim=0)
    assert [
        bool(torch.allclose(r["row"], f * mean)) for r, f in zip(found["scaled"], (0.5, 2, 5), strict=True)
    ]
    rows = [class_record(live, place)["row"] for place in range(3)]
    copies = [[bool(torch.equal(r["row"], row)) for row in rows] for r in found["others"]]
    assert np.array(copies).sum(axis=0).tolist() == [1, 1, 1]
    low, high = live["row"].amin(dim=0) - 1e-5, live["row"].amax(dim=0) + 1e-5
    assert all(((r["row"] >= low) & (r["row"] <= high)).all() for r in found["mixed"])
    again = forged(surface, range(3), 4, 0)
    assert all(torch.equal(x["row"], y["row"]) for x, y in zip(found["mixed"], again["mixed"], strict=True))


def test_a_shuffled_record_has_the_prompt_of_one_class_and_the_row_of_another() -> None:
    surface = Toy("bcd")
    surface._live["prompt"] += torch.arange(3.0)[:, None, None]
    rows = surface.live()["row"]
    for record in forged(surface, range(3), 4, 0)["shuffled"]:
        prompt = int(record["prompt"][0, 0] - 1)
        assert [bool(torch.equal(record["row"], row)) for row in rows].index(True) != prompt


def test_what_is_shared_is_no_part_of_a_record() -> None:
    live = {"row": torch.eye(3), "bias": torch.zeros(3), "adapter.down": torch.ones(5, 2)}
    record = class_record(live, 1)
    assert set(record) == {"row", "bias"}
    assert record["row"].tolist() == [0, 1, 0]


def test_nothing_is_found_where_nothing_leaks_and_a_stolen_key_opens() -> None:
    found = attack(Toy("bcd"), PARTS, QUICK, 0, stolen=true_record("a"))
    assert found.values["stolen"] == 1.0
    assert found.values["stolen_steals"] == 0.0
    assert (
        found.values["stolen_control"] < 0.7
    )  # a class that is left out is as near to it as to the other two
    other = attack(Toy("bcd"), PARTS, QUICK, 0, stolen={**true_record("a"), "row": -true_record("a")["row"]})
    assert other.values["stolen"] == 0.0


def test_a_record_that_was_kept_is_found_among_the_others() -> None:
    kept, gone = (attack(Toy(labels), PARTS, Effort("standard"), 0) for labels in ("abcd", "bcd"))
    assert kept.values["others"] == 1.0
    assert kept.values["others_steals"] == 0.0
    assert gone.values["others"] < 0.8  # one of three classes that are as far from it


def test_what_catches_everything_is_seen_by_its_control() -> None:
    record = {**true_record("a"), "bias": torch.tensor(1e4)}
    found = attack(Toy("bcd"), PARTS, QUICK, 0, stolen=record)
    assert [found.values[f"stolen{end}"] for end in ("", "_steals", "_control")] == [1.0, 1.0, 1.0]


def test_copies_of_other_classes_take_what_a_naive_loop_says() -> None:
    test = vectors(20, seed=1)
    looks = test.select([place for place, label in enumerate(test.labels) if label == "b"])
    twins = Split(looks.inputs, label_array(["a"] * len(looks)))  # all forgotten inputs look like class b
    data = Parts(PARTS.forget_train, twins, PARTS.retain_train, PARTS.retain_test)
    found = attack(Toy("bcd"), data, Effort("full"), 0)
    assert found.values["others"] == 1.0
    answers = Toy("bcd").open(torch.from_numpy(PARTS.retain_test.inputs).float() / 255).argmax(dim=1)
    share = sum(int(answer) == 0 for answer in answers) / len(answers)
    assert found.values["others_steals"] == pytest.approx(share, abs=0.15)  # of one half of them


@pytest.mark.parametrize("suite", ["quick", "standard"])
def test_every_attempt_has_its_control_and_titles(suite: str) -> None:
    found = attack(Toy("bcd"), PARTS, Effort(suite), 0, stolen=true_record("a"), eps=0.05)
    assert set(found.values) == set(ABOUT.titles)
    assert ABOUT.unjudged <= set(found.values)
    assert all(0 <= value <= 1 for value in found.values.values())
    assert found.figures["attempt"] == [*ATTEMPTS, "pgd"]
    assert attack(Toy("bcd"), PARTS, Effort(suite), 0, stolen=true_record("a"), eps=0.05) == found


def test_pgd_has_inputs_accepted_the_more_the_farther_it_may_go() -> None:
    def accepts(scores: Tensor) -> Tensor:
        return scores.max(dim=1).values >= 1.0  # forgotten inputs score about -6.6, retained ones about 6.6

    found = [attack(Toy("bcd"), PARTS, QUICK, 0, accepts=accepts, eps=eps).values for eps in (0.0, 0.2, 0.6)]
    assert [one["pgd_before"] for one in found] == [0.0, 0.0, 0.0]
    assert found[0]["pgd"] == 0.0
    assert found[0]["pgd"] <= found[1]["pgd"] <= found[2]["pgd"] == 1.0
    assert found[0]["pgd_control"] == 0.0
    assert found[2]["pgd_control"] == 1.0


def test_without_an_own_rule_the_largest_softmax_counts() -> None:
    low, high = (attack(Toy("bcd"), PARTS, QUICK, 0, eps=0.0, threshold=t).values for t in (0.0, 1.1))
    assert (low["pgd_before"], low["pgd"]) == (1.0, 1.0)
    assert (high["pgd_before"], high["pgd"]) == (0.0, 0.0)


def test_a_closed_form_has_untrained_prompts_alone() -> None:
    found = attack(Toy("bcd", closed=True), PARTS, QUICK, 0)
    assert set(found.values) == {"no_prompt", "no_prompt_steals", "no_prompt_control"}


def test_one_live_class_has_no_control() -> None:
    found = attack(Toy("b"), PARTS, QUICK, 0, eps=0.1)
    assert not any(key.endswith("_control") for key in found.values)
    assert "shuffled" not in found.values


def test_every_engine_can_be_attacked_and_stays_as_it_is(
    model: PreForgettableClassifier, split: Split, make: Callable[..., PreForgettableClassifier]
) -> None:
    before = [record.digest() for record in model.engine_.records()]
    surface = surface_of(model)
    live = surface.live()
    stolen = class_record(live, surface.labels.index("red")) if live else None
    found = attack(surface, parts_of(split, split, "red"), QUICK, 0, stolen=stolen, eps=0.05)
    expected = [*ATTEMPTS] if live else ["no_prompt"]
    for key in expected:
        assert {key, f"{key}_steals", f"{key}_control"} <= set(found.values)
    assert {"pgd", "pgd_before", "pgd_control"} <= set(found.values)
    assert all(0 <= value <= 1 for value in found.values.values())
    assert [record.digest() for record in model.engine_.records()] == before


def test_what_cannot_be_attacked_is_refused() -> None:
    with pytest.raises(UsageError, match="same engine"):
        attack(Toy("bcd"), PARTS, QUICK, 0, stolen={"row": torch.zeros(D)})
    with pytest.raises(UsageError, match="same engine"):
        attack(Toy("bcd"), PARTS, QUICK, 0, stolen={**true_record("a"), "row": torch.zeros(3)})
    with pytest.raises(DataError, match="two test inputs"):
        attack(Toy("bcd"), parts_of(vectors(4), vectors(1), "a"), QUICK, 0)
    with pytest.raises(DataError, match="retained class"):
        attack(Toy("a"), PARTS, QUICK, 0)
