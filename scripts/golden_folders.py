"""Write golden model folders: `python scripts/golden_folders.py FOLDER [NAME...]`, with the checkout of a format.

    PYTHONPATH=OLD-CHECKOUT/src python scripts/golden_folders.py /golden/format2
    cp -r /golden/format2 tests/golden/
    python scripts/golden_folders.py /golden/format3 exact-packs

The manifests hold the whole path of the backbone, hence a neutral one. Each folder holds a tiny model of one engine,
plain or sealed, in which one class was forgotten, with its keyring and with what it answered then; `backbone` is the
random transformer that all were learned on. `exact-packs`, of vectors, has so many persons that their records lie in a
pack; one person was forgotten in it. The keys in these keyrings are in the repository, so a signature by them
proves nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import preforget as pf
from preforget.data import Split
from preforget.data.dataset import label_array
from random_vit import write_random_vit

LABELS = ("ant", "bee", "cat", "dog")
FORGOTTEN = "dog"
PER_CLASS = 8
SIDE = 16
ENGINES: dict[str, dict[str, Any]] = {
    "isolated": {"epochs": 6, "lora_rank": 2},
    "exact": {"levels": 1},
    "paper": {"epochs": 6},
    "isolated-several": {"epochs": 6, "lora_rank": 2},
    "exact-several": {"levels": 1},
    "isolated-scored": {"epochs": 6, "lora_rank": 2},
    "exact-prompted": {"levels": 1, "pair_prompts": True, "steps": 4, "lora_rank": 2, "images_per_class": 4},
}
"""Options by the engine's name in format 2, and what else the folder shows: `scored` holds scores of validation inputs
by class pairs, which folders have had since the last weeks of format 2, `prompted` learned prompts of pairs."""

SHOWN = ("scored", "prompted")
PACKS = "exact-packs"
PERSONS = [f"person {number:02}" for number in range(66)]
FAINT = 20
"""How much brighter a class's quarter is where pairs are to be confused, so that they get prompts."""


def pictures(seed: int, several: bool, subjects: bool, brighter: int = 150) -> Split:
    """Return noise with one bright quarter for each class of an image; subjects take turns."""
    rng = np.random.default_rng(seed)
    count = PER_CLASS * len(LABELS)
    inputs = rng.integers(0, 60, (count, SIDE, SIDE), dtype=np.uint8)
    half, names = SIDE // 2, []
    for number in range(count):
        shown = [number % len(LABELS)]
        if several and number % 3 == 0:
            shown.append((number + 1) % len(LABELS))
        for place in shown:
            top, left = divmod(place, 2)
            inputs[number, top * half :, left * half :][:half, :half] += brighter
        own = tuple(sorted(LABELS[place] for place in shown))
        names.append(own if several else own[0])
    people = label_array([f"person {number // len(LABELS) % 2}" for number in range(count)])
    return Split(inputs, label_array(names), people if subjects else None)


def write(place: Path, name: str, sealed: bool) -> None:
    """Learn, save and forget a class; keep what the model answers for a few inputs."""
    several, engine = name.endswith("-several"), name.removesuffix("-several")
    engine, shown = [*engine.rsplit("-", 1), ""][:2]
    exact, brighter = engine == "exact", FAINT if shown == "prompted" else 150
    model = pf.PreForgettableClassifier(
        "backbone", engine, SIDE, seed=0, device="cpu", dtype="float32", **ENGINES[name]
    )
    train, validation = (pictures(k, several, exact, brighter) for k in (0, 1))
    model.fit(train, validation=validation)
    if shown == "prompted" and not model.engine_.prompted:
        raise SystemExit("no pair got a prompt: make the classes fainter")
    model.save_pretrained(place / "model", sealed=sealed, keyring=place / "keyring")
    model.forget(FORGOTTEN, reason="request 7")
    inputs = np.asarray(pictures(2, several, exact, brighter).inputs[:8])
    answers = [repr(answer) for answer in model.predict(inputs).tolist()]
    np.savez_compressed(
        place / "expected.npz",
        inputs=inputs,
        scores=model.scores(inputs),
        labels=np.array(list(model.classes_)),
        answers=np.array(answers),
    )


def write_packs(place: Path, sealed: bool) -> None:
    """Learn a vector of one of three classes from each of many persons, save, and forget a person."""
    rng, kinds = np.random.default_rng(0), LABELS[:3]
    rows = rng.normal(size=(len(PERSONS), 3)).astype(np.float32)
    rows += 5 * np.tile(np.eye(3, dtype=np.float32), (len(PERSONS) // 3, 1))
    model = pf.PreForgettableClassifier("features", "exact", seed=0)
    model.fit(rows, np.tile(kinds, len(PERSONS) // 3), subjects=PERSONS)
    model.save_pretrained(place / "model", sealed=sealed, keyring=place / "keyring")
    model.forget_subject(PERSONS[0], reason="request 7")
    np.savez_compressed(place / "expected.npz", inputs=rows[:8], scores=model.scores(rows[:8]))


def main() -> int:
    """Write all folders into a new one."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(sys.argv[1])
    root.mkdir(parents=True)
    os.chdir(root)
    names = sys.argv[2:] or [*ENGINES]
    if names != [PACKS]:
        write_random_vit(Path("backbone"), image_size=SIDE, width=16, blocks=2, spread=0.2)
    for name in names:
        for sealed in (False, True):
            place = Path(f"{name}-{'sealed' if sealed else 'plain'}")
            if name == PACKS:
                write_packs(place, sealed)
            else:
                write(place, name, sealed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
