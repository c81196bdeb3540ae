"""Can the audit fail? Plant leaks in models that seem to have forgotten a class, and see which attack finds them.

    python benchmarks/planted.py

Models of the paper engine on scikit-learn's digits, each seed learned from another four fifths of the training images.
Each leak is put into them after 3 was forgotten, or instead of forgetting it, and attacked beside models that never
saw a 3; the same models honestly forgotten are the control. Prints a Markdown table (mean with the leak / retrained,
gap with Student's 95 % interval, verdict), then how many measures differ between models that were retrained twice.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

import preforget as pf
from audit_table import cell
from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.observe import Parts
from preforget.audit.examine import examine
from preforget.audit.result import Measure
from preforget.data import Split
from preforget.records.bank import PromptBank
from preforget.white_box.open_model import surface_of

GONE = "3"
RECIPE: dict[str, Any] = {"first_block": 6, "epochs": 4}
EFFORT = Effort("quick", 120)
MOST = 200
"""Images of a part that are asked about; classes lie mixed in it."""
Model = pf.PreForgettableClassifier


@dataclass
class Disguised:
    """A model whose scores are changed on the way out; its files are `model`'s."""

    model: Model
    change: Callable[[Any, Any], Any]

    @property
    def labels(self) -> list[str]:
        """Columns of `scores`."""
        return self.model.labels

    def scores(self, inputs: Any) -> Any:
        """Return `[n, classes]`."""
        return self.change(inputs, self.model.engine_.scores(inputs))

    def surface(self) -> Any:
        """Open the files."""
        return surface_of(self.model)


def main() -> None:
    """Learn, plant, attack and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=4)
    seeds = range(parser.parse_args().seeds)
    data = pf.load_data("digits")
    parts = [part for whole in (data.train, data.test) for part in (whole.only(GONE), whole.without(GONE))]
    gone_train, train, gone_test, test = (part.select(np.arange(min(MOST, len(part)))) for part in parts)
    splits = Parts(gone_train, gone_test, train, test)

    def learned(seed: int, drawn: int, known: bool) -> Model:
        chosen = np.random.default_rng(drawn).random(len(data.train)) < 0.8
        train, held = data.train.select(np.flatnonzero(chosen)), data.validation
        if not known:
            train, held = train.without(GONE), held.without(GONE)
        return Model(engine="paper", seed=seed, **RECIPE).fit(train, validation=held)

    whole = [learned(seed, seed, True) for seed in seeds]
    honest = [forgotten(model) for model in whole]
    retrain = [learned(seed, seed, False) for seed in seeds]
    again = [learned(seed + 100, seed + 100, False) for seed in seeds]
    print("| leak | found by | with the leak / retrained | honestly forgotten / retrained |")
    print("|---|---|---|---|")
    for title, attack, key, plant in leaks(splits):
        planted = [plant(*pair) for pair in zip(whole, honest, strict=True)]
        found = [measured(models, retrain, splits, attack, key) for models in (planted, honest)]
        print(f"| {title} | `{attack}: {key}` | {cell(found[0])} | {cell(found[1])} |", flush=True)
    found = examine(again, retrain, splits, original=whole, effort=EFFORT)
    judged = [one for one in found if one.verdict != "shown"]
    different = [f"{one.attack}: {one.key} {cell(one)}" for one in judged if one.verdict == "different"]
    print(f"retrained twice: {len(different)} of {len(judged)} differ", *different, sep="\n")


def measured(
    models: Sequence[Any], retrain: Sequence[Model], splits: Parts[Split], attack: str, key: str
) -> Measure:
    """Return one measure of an attack."""
    found = examine(models, retrain, splits, attacks=[attack], effort=EFFORT)
    return next(one for one in found if one.key == key)


def forgotten(model: Model) -> Model:
    """Return a copy that has forgotten the class."""
    other = copy.deepcopy(model)
    other.forget(GONE)
    return other


def leaks(splits: Parts[Split]) -> list[tuple[str, str, str, Callable[[Model, Model], Any]]]:
    """Return title, attack, its value, and what makes a leaking model of an original and an honest one."""
    members = {image.tobytes() for image in np.asarray(splits.forget_train.inputs)}

    def hide(whole: Model, _: Model) -> Disguised:
        column = whole.labels.index(GONE)

        def change(_: Any, scores: Any) -> Any:
            scores[:, column] = -1e9
            return scores

        return Disguised(whole, change)

    def keep(name: str) -> Callable[[Model, Model], Model]:
        def plant(whole: Model, honest: Model) -> Model:
            other = copy.deepcopy(honest)
            bank, leaking = cast(PromptBank, whole.engine_.bank), cast(PromptBank, other.engine_.bank)
            slot = bank.slot(GONE)
            leaking.packed[name][slot] = bank.packed[name][slot]
            return other

        return plant

    def mark(_: Model, honest: Model) -> Disguised:
        def change(inputs: Any, scores: Any) -> Any:
            known = np.array([image.tobytes() in members for image in inputs])
            return np.where(known[:, None], 1.5 * scores, scores)

        return Disguised(honest, change)

    def flatten(whole: Model, honest: Model) -> Disguised:
        def change(inputs: npt.NDArray[np.uint8], scores: Any) -> Any:
            best = np.array(whole.labels)[whole.engine_.scores(inputs).argmax(axis=1)]
            return np.where((best == GONE)[:, None], 0.01 * scores, scores)

        return Disguised(honest, change)

    return [
        ("nothing is deleted: the class still answers", "mixed_stream", "forget accuracy", lambda w, _: w),
        ("its logit is only hidden", "leftovers", "live", hide),
        ("its head row is kept in the files", "leftovers", "row", keep("row")),
        ("its prompt is kept in a buffer", "leftovers", "prompt", keep("prompt")),
        ("confidence marks members", "membership", "confidence distance", mark),
        ("uniform answers to forgotten inputs", "neighbours", "uniformity", flatten),
    ]


if __name__ == "__main__":
    main()
