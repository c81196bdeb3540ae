"""A function of yours as a backbone: its outputs are the vectors that are learned from. It is used, and never stored.

A model notes what the function makes of a fixed probe, and is opened only with a function that makes the same of it.
Whether the function itself remembers anyone is not ours to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from preforget.backbones.encoder import Identity, Preprocessing
from preforget.backbones.vectors import VectorEncoder, vector_encoder
from preforget.core.errors import BackboneError, DataError, UsageError
from preforget.core.hashing import value_digest
from preforget.data.dataset import Images
from preforget.data.images import read_batch
from preforget.data.sounds import read_sounds
from preforget.data.texts import Texts
from preforget.data.vectors import Vectors

ARCHITECTURE = "outputs"
PREFIX = "outputs:"
"""Before the name of a function, in the place of a checkpoint's id."""

PROBES = 3
DIRECTIONS = 16
TOLERANCE = 1e-3
"""Largest difference of noted and new numbers, relative to the largest; another library version gives about 1e-6."""

SENTENCES = (
    "the quick brown fox jumps over the lazy dog",
    "how much does it cost to send money abroad",
    "patient with a small round lesion of the left arm",
)

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class OutputEncoder(VectorEncoder):
    """A backbone without blocks whose vectors a function makes; `what`: the kind of inputs that the function is given.

    `seen`: how the function took the probe, `PROBES * DIRECTIONS` numbers.
    """

    function: Function
    what: str
    side: int
    rate: int
    seconds: float
    width: int
    seen: tuple[float, ...] = ()

    @property
    def input_width(self) -> int:
        """How many numbers the function is given, where it is given vectors."""
        return self.width

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The kind of inputs that it reads."""
        return self.what

    def read(self, inputs: Images, rows: Sequence[int]) -> Tensor:
        """Return the function's outputs for the chosen inputs, `float64 [batch, d]`; raises `DataError`."""
        return self.vectors(self._given(inputs, rows), len(rows))

    def vectors(self, given: Any, count: int) -> Tensor:
        """Return what the function makes of inputs; raises `DataError` unless it is `count` rows of finite numbers."""
        found = _numbers(self.function, given)
        if found.shape != (count, self.dim):
            raise DataError(
                f"the function of the backbone returned {found.shape} for {count} inputs, not ({count}, {self.dim})"
            )
        if not np.isfinite(found).all():
            raise DataError("the function of the backbone returned numbers that are NaN or infinite")
        return torch.from_numpy(found)

    def describe(self) -> dict[str, Any]:
        """Return the encoder's identity and what the function made of the probe, as plain values."""
        return {**super().describe(), "probe": list(self.seen)}

    def __reduce__(self) -> Any:
        """Refuse to be pickled: a function is code, and what it holds is not ours to copy."""
        raise UsageError(
            "a backbone that is a function of yours isn't pickled; make it again there and give it as backbone="
        )

    def _given(self, inputs: Images, rows: Sequence[int]) -> Any:
        if self.what == "images":
            return read_batch(inputs, rows, self.side)
        if self.what == "sounds":
            return read_sounds(inputs, rows, self.rate, self.seconds)
        if self.what == "texts" and isinstance(inputs, Texts):
            return [str(inputs.values[int(row)]) for row in rows]
        if self.what == "vectors" and isinstance(inputs, Vectors):
            return inputs.values[np.asarray(rows, dtype=np.intp)]
        raise DataError(
            f"the function of the backbone reads {self.what}, and these inputs are something else"
        )


def encoder_from(
    function: Function | nn.Module,
    reads: str,
    *,
    name: str = "function",
    side: int = 224,
    rate: int = 16_000,
    seconds: float = 10.0,
    width: int | None = None,
) -> OutputEncoder:
    """Make a backbone of a function or module of yours: whatever it returns for an input is what is learned from.

    It is never stored or pickled. To open a model, give the same again: `from_pretrained(path, backbone=encoder)`;
    it is recognised by its outputs on a fixed probe.

    Args:
        function: Takes a batch of inputs and returns numbers `[n, d]` (numpy or torch). A `torch.nn.Module` is called
            in its evaluation mode, without gradients, and may return an output of transformers, of which the pooled
            state is taken, or else the mean of the last states.
        reads: What it is given: `"images"` (uint8 `[n, side, side, 3]`), `"texts"` (a list), `"sounds"` (a list of
            mono waves) or `"vectors"` (`[n, width]`).
        name: What the model folder calls it; not secret.
        side: Of images, in pixels; they are squashed to a square.
        rate: Of sounds, in Hz.
        seconds: The longest part of a sound.
        width: Of vectors that it is given.

    Returns:
        A backbone for `PreForgettableClassifier`.

    Raises:
        UsageError: It doesn't return numbers `[n, d]` for the probe.

    Example:
        >>> import preforget as pf
        >>> encoder = pf.encoder_from(lambda texts: [[len(t), t.count("a")] for t in texts], "texts")
        >>> model = pf.PreForgettableClassifier(encoder, "exact", on_unknown="best")
        >>> model.fit(["aa", "a", "aaa", "zzzzzz", "zzzzz", "zzzzzzz"], [0, 0, 0, 1, 1, 1]).predict(["aaaa"]).tolist()
        [0]
    """
    if reads not in ("images", "texts", "sounds", "vectors"):
        raise UsageError(f"reads must be images, texts, sounds or vectors, got {reads!r}")
    if reads == "vectors" and not width:
        raise UsageError("a function that reads vectors needs width, how many numbers each has")
    called = _of_module(function) if isinstance(function, nn.Module) else function
    try:
        found = _numbers(called, _probe(reads, side, rate, seconds, width or 0))
    except DataError as error:
        raise UsageError(f"the function can't be a backbone: {error}") from error
    if found.ndim != 2 or len(found) != PROBES or not found.shape[1] or not np.isfinite(found).all():
        raise UsageError(
            f"the function returned {found.shape} for {PROBES} inputs; it must return {PROBES} rows of finite numbers"
        )
    plain = vector_encoder(found.shape[1])
    known = value_digest([ARCHITECTURE, name, reads, side, rate, seconds, found.shape[1]])
    return OutputEncoder(
        plain.embedding,
        (),
        plain.norm_weight,
        plain.norm_bias,
        plain.eps,
        Preprocessing(found.shape[1], (0.0,) * 3, (1.0,) * 3),
        Identity(PREFIX + name, None, ARCHITECTURE, known),
        called,
        reads,
        side,
        rate,
        seconds,
        width or 0,
        _sketch(found),
    )


def same_probe(found: Sequence[float], noted: Sequence[float]) -> bool:
    """Tell whether two functions made the same of the probe, up to `TOLERANCE`."""
    a, b = np.asarray(found, dtype=np.float64), np.asarray(noted, dtype=np.float64)
    return a.shape == b.shape and bool(
        np.abs(a - b).max(initial=0) <= TOLERANCE * np.abs(b).max(initial=1e-12)
    )


def refuse_unknown(name: str) -> None:
    """Raise `BackboneError` for the name of a function: only whoever has it can give it."""
    if name.startswith(PREFIX):
        raise BackboneError(
            f"the backbone {name!r} is a function that isn't stored: make it with preforget.encoder_from and give "
            "it as backbone= in Python"
        )


def _of_module(module: nn.Module) -> Function:
    def call(given: Any) -> Any:
        module.eval()
        with torch.no_grad():
            found = module(torch.from_numpy(given) if isinstance(given, np.ndarray) else given)
        pooled = getattr(found, "pooler_output", None)
        last = getattr(found, "last_hidden_state", None)
        return pooled if pooled is not None else last.mean(dim=1) if last is not None else found

    return call


def _numbers(function: Function, given: Any) -> npt.NDArray[np.float64]:
    found = function(given)
    if isinstance(found, Tensor):
        found = found.detach().cpu().double().numpy()
    try:
        return np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the function of the backbone returned no array of numbers: {error}") from None


def _probe(reads: str, side: int, rate: int, seconds: float, width: int) -> Any:
    rng = np.random.default_rng(0)
    if reads == "images":
        return rng.integers(0, 256, (PROBES, side, side, 3), dtype=np.uint8)
    if reads == "sounds":
        waves = rng.uniform(-0.1, 0.1, (PROBES, round(rate * min(seconds, 1.0)))).astype(np.float32)
        return list(waves)
    return list(SENTENCES) if reads == "texts" else rng.standard_normal((PROBES, width))


def _sketch(found: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Return outputs `[PROBES, d]` along fixed directions, which tell functions apart without holding all of them."""
    directions = (
        np.random.default_rng(1).standard_normal((found.shape[1], DIRECTIONS)) / found.shape[1] ** 0.5
    )
    return tuple(float(f"{value:.6g}") for value in (found @ directions).ravel())
