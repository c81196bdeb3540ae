"""The demo: learn ten digits or sounds, forget one, learn it again, forget two more; measured at every step."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from preforget.backbones import load_backbone
from preforget.classifier import PreForgettableClassifier
from preforget.classifier.making import make_engine
from preforget.core.errors import StoreError
from preforget.core.files import make_private
from preforget.core.keep import as_keep
from preforget.core.targets import check_target, write_target
from preforget.data import load_data
from preforget.demo.forgetting import forget_and_measure, same_scores
from preforget.demo.look import look
from preforget.demo.modality import modality as modality_of
from preforget.demo.picture import draw
from preforget.demo.story import Story
from preforget.engines.options import DEFAULT_ENGINE
from preforget.records import unknown_label

RESULT, PICTURE = "demo.json", "demo.png"
EPOCHS = 8
BATCH_SIZE = 16
REASON = "demo"


def run(
    out: Path,
    *,
    say: Callable[[str], None],
    start: float,
    modality: str = "image",
    forget: str | None = None,
    seed: int = 0,
    backbone: str | None = None,
    image_size: int | None = None,
    epochs: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
) -> dict[str, Any]:
    """Run the demo, `say` each line of its story, write model, picture and `demo.json` to `out`; return all figures.

    `modality`: `image` shows digits, `audio` sounds, `text` messages; `forget` and `backbone` default to those of the
    modality. `start` is when the command began, as `time.perf_counter` counts. Raises `UnknownLabelError` for an
    unknown class, `StoreError` if `out` can't be written.
    """
    words = modality_of(modality)
    forget = words.forget if forget is None else forget
    data = load_data(words.data, seed=seed)
    if forget not in data.classes:
        raise unknown_label(forget, data.classes)
    model_folder = free_folder(out)
    options: dict[str, Any] = {"epochs": EPOCHS if epochs is None else epochs, "batch_size": BATCH_SIZE}
    encoder = load_backbone(backbone or words.backbone, image_size=image_size, device=device, dtype=dtype)
    make_engine(encoder, DEFAULT_ENGINE, seed, options)  # refuses options before the story begins
    model = PreForgettableClassifier(encoder, seed=seed, device=device, dtype=dtype, **options)
    story = Story(say, words)
    story.opening(data, float(as_keep(model.keep)))

    began = time.perf_counter()
    model.fit(data.train, validation=data.validation, progress=True)
    learn_seconds = time.perf_counter() - began
    model.save_pretrained(model_folder)
    first = look(model, data.test)
    story.learned(first, len(data.train), learn_seconds)

    gone = forget_and_measure(model, forget, data.test, first, REASON)
    story.forgotten(gone)

    began = time.perf_counter()
    model.add(forget, data.train, validation=data.validation, progress=True)
    add_seconds = time.perf_counter() - began
    again = look(model, data.test)
    untouched = same_scores(gone.after, again)
    story.added(forget, again, add_seconds, untouched)

    steps, last = [], again
    for label in [label for label in words.next_to_forget if label != forget][:2]:
        steps.append(forget_and_measure(model, label, data.test, last, REASON))
        story.forgotten(steps[-1])
        last = steps[-1].after

    reloaded = look(PreForgettableClassifier.from_pretrained(model_folder, device=device), data.test)
    picture = draw(gone, out / PICTURE, words)
    figures = gone.figures()
    result: dict[str, Any] = {
        "accuracy_before": first.accuracy(),
        "forgotten": figures.pop("label"),
        **figures,
        "accuracy_after_adding_back": again.accuracy(),
        "scores_identical_after_adding_back": untouched,
        "sequence": [step.figures() for step in steps],
        "classes": model.labels,
        "reloaded_scores_identical": reloaded.scores.tobytes() == last.scores.tobytes(),
        "learn_seconds": learn_seconds,
        "add_seconds": add_seconds,
        "seconds": time.perf_counter() - start,
        "peak_memory_mb": peak_memory_mb(),
        "modality": modality,
        "test_images": len(data.test),
        "keep": float(model.keep_),
        "engine": model.engine_.name,
        "guarantee": model.engine_.guarantee.value,
        "backbone": model.engine_.encoder.identity.id,
        "options": model.engine_.config.as_dict(),
        "model": str(model_folder),
        "picture": str(picture) if picture else None,
    }
    _write(out / RESULT, result)
    story.ending(result, out / RESULT)
    return result


def is_proven(result: dict[str, Any]) -> bool:
    """Tell whether, at every step, no forgotten class was answered and no other score changed by a bit."""
    steps = [result, *result["sequence"]]
    return (
        result["reloaded_scores_identical"]
        and result["scores_identical_after_adding_back"]
        and all(step["retained_scores_identical"] and step["forgotten_answered"] == 0 for step in steps)
    )


def free_folder(out: Path) -> Path:
    """Make `out` and return a free path for the model: `model`, or `model-2` and so on after earlier runs.

    Raises `StoreError` if `out` can't be made, `UsageError` if another file there has the name of a result.
    """
    try:
        make_private(out)
    except OSError as error:
        raise StoreError(f"{out} can't be made: {error.strerror}; choose another with --out") from error
    for name in (RESULT, PICTURE):  # those of an earlier run are replaced
        check_target(out / name, force=True)
    count, folder = 1, out / "model"
    while folder.exists() or folder.is_symlink():
        count += 1
        folder = out / f"model-{count}"
    return folder


def _write(path: Path, result: dict[str, Any]) -> None:
    write_target(path, json.dumps(result, indent=2, allow_nan=False).encode() + b"\n", force=True)


def peak_memory_mb() -> float | None:
    """Return the largest resident size of this process in MB (10^6 bytes), None on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
