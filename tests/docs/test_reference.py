"""The reference has a place for every public name."""

from __future__ import annotations

from pathlib import Path

import preforget as pf

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
NO_ENTRY = {"engine", "engine_"}  # what advanced users reach into; nothing of it is promised


def members() -> set[str]:
    """Return the public methods and properties of the classifier that this package defines."""
    ours = (base for base in pf.PreForgettableClassifier.__mro__ if base.__module__.startswith("preforget"))
    names = {name for base in ours for name in vars(base) if not name.startswith("_")} - NO_ENTRY
    return {name for name in names if not name.endswith("_request")}  # scikit-learn makes these


def test_every_member_of_the_classifier_has_an_entry() -> None:
    text = (REFERENCE / "classifier.md").read_text(encoding="utf-8")
    explained = {"keep", "shortlist", "folder", "classes_", "labels"}  # in the docstring of the class
    assert {name for name in members() - explained if f"Classifier.{name}\n" not in text} == set()


def test_every_public_name_has_an_entry() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md"))
    assert {name for name in pf.__all__ if name not in text and name != "__version__"} == set()
