"""The demo's words: a short report that a newcomer understands, line by line as things happen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from preforget.data import Dataset
from preforget.demo.forgetting import Forgetting
from preforget.demo.look import Look
from preforget.demo.modality import IMAGE, Modality


class Story:
    """Tells the demo line by line to `say`, in the words of its modality; chapters are numbered."""

    def __init__(self, say: Callable[[str], None], words: Modality = IMAGE) -> None:
        self.say = say
        self.words = words
        self._chapter = 0

    def opening(self, data: Dataset, keep: float) -> None:
        """Introduce the data and the measures."""
        images = len(data.train) + len(data.validation) + len(data.test)
        w = self.words
        self.say(f"{images:,} {w.inputs} of {w.what}. {len(data.test)} of them are kept for testing.")
        self.say(
            'Accuracy is that of the best guess. Abstention, the answer "I don\'t know", is counted separately:'
        )
        self.say(
            f"its threshold is set on other {w.inputs}, so that about {percent(keep)} of known {w.units} are answered."
        )

    def learned(self, view: Look, images: int, seconds: float) -> None:
        """Tell the first learning."""
        self._begin(f"Learn {len(view.classes)} {self.words.units}")
        self._row("time", f"{seconds:.1f} s", f"{images:,} {self.words.inputs}")
        self._row("accuracy", percent(view.accuracy()))
        self._row("abstained", percent(float(view.abstained.mean())))

    def forgotten(self, step: Forgetting) -> None:
        """Tell one erasure and its effects."""
        w = self.words
        figures, name = step.figures(), f"'{step.label}'"
        classes, images = len(step.after.classes), len(step.after.truth)
        before = percent(figures["accuracy_retained_before"])
        self._begin(f"Forget {name}: its record is deleted, nothing is trained")
        self._row("time in memory", f"{figures['forget_ms']:.3f} ms")
        self._row(
            "time on disk", f"{figures['forget_disk_ms']:.1f} ms", f"{figures['bytes_removed']:,} bytes"
        )
        self._row(
            f"answered {name}",
            f"{figures['forgotten_answered']} times",
            f"in {images} {w.inputs} of all {w.units}",
        )
        self._row(f"{w.inputs} of {name} abstained", percent(figures["forgotten_abstained"]))
        self._row(f"told from known {w.units}", f"{figures['auroc']:.3f}", "AUROC: 1 always, 0.5 by chance")
        self._row(
            "scores of the others", same(figures["retained_scores_identical"]), f"{classes} {w.units} left"
        )
        self._row("accuracy on the others", percent(figures["accuracy_retained_after"]), f"before: {before}")
        self._row("the others abstained", percent(figures["retained_abstained"]))

    def added(self, label: str, view: Look, seconds: float, identical: bool) -> None:
        """Tell how a forgotten class was learned again."""
        self._begin(f"Learn '{label}' again from its {self.words.inputs}; the other records are not touched")
        self._row("time", f"{seconds:.1f} s")
        self._row("accuracy", percent(view.accuracy()), f"on all {len(view.classes)} {self.words.units}")
        self._row("scores of the others", same(identical))

    def ending(self, result: dict[str, Any], figures: Path) -> None:
        """Say where model, picture and figures were written."""
        same_scores = "the same scores" if result["reloaded_scores_identical"] else "OTHER SCORES"
        self.say("")
        self.say(f"Read from disk again, the model gives {same_scores}.")
        self.say("")
        self.say(f"model    {result['model']}")
        if result["picture"]:
            self.say(f"picture  {result['picture']}")
        self.say(f"figures  {figures}")
        self.say(f"seconds  {result['seconds']:.1f}")

    def _begin(self, title: str) -> None:
        self._chapter += 1
        self.say("")
        self.say(f"{self._chapter}. {title}")

    def _row(self, name: str, value: str, remark: str = "") -> None:
        self.say(f"   {name:25}{value:>13}   {remark}".rstrip())


def percent(share: float) -> str:
    """Return a share with one decimal.

    >>> percent(0.9733)
    '97.3 %'
    """
    return f"{100 * share:.1f} %"


def same(identical: bool) -> str:
    """Say whether scores are the same; a failure is in capitals."""
    return "bit-identical" if identical else "CHANGED"
