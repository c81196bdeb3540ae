"""An encoder and an engine from the parameters of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from preforget.backbones import load_backbone
from preforget.backbones.encoder import Encoder
from preforget.core.errors import UsageError
from preforget.core.keep import as_keep
from preforget.core.options import is_whole
from preforget.engines import ENGINES, Engine, EngineOptions, choices
from preforget.engines.shortlist import whole_shortlist

ON_UNKNOWN = ("abstain", "uniform", "best")


def option_names(engine: str | EngineOptions) -> list[str]:
    """Return the names of the options of an engine, but the seed; none for an unknown engine, which `fit` refuses."""
    if not isinstance(engine, EngineOptions) and engine not in ENGINES:
        return []
    kind = type(engine) if isinstance(engine, EngineOptions) else ENGINES[engine].options_type
    return [each.name for each in fields(kind) if each.name != "seed"]


def engine_named(name: Any) -> type[Engine]:
    """Return an engine's class; raises `UsageError` that lists the engines to choose among."""
    if name not in ENGINES:
        raise UsageError(f"unknown engine {name!r}; choose one of: {', '.join(choices())}")
    return ENGINES[name]


def make_engine(
    encoder: Encoder, engine: str | EngineOptions, seed: Any, options: Mapping[str, Any]
) -> Engine:
    """Return an engine that has learned nothing; raises `UsageError` for options that can't be used.

    `engine`: a name, with `options` by name, or an object that holds them; its seed is taken where `seed` is 0.
    """
    if not isinstance(engine, EngineOptions):
        kind = engine_named(engine)
        check_options(kind, options)
        return kind(encoder, kind.options_type.from_options({"seed": seed, **options}))
    if options:
        raise UsageError(
            f"{next(iter(options))!r} is an option of the engine: give it to {type(engine).__name__}(...), or name "
            "the engine by text"
        )
    kind = ENGINES.of_options(engine)
    if seed != 0 and engine.seed not in (0, seed):
        raise UsageError(f"two seeds were given, {seed!r} and the engine's {engine.seed}; give one")
    return kind(encoder, engine if seed == 0 else replace(engine, seed=seed))


def check_options(kind: type[Engine], options: Mapping[str, Any]) -> None:
    """Raise `UsageError` for an option of other engines, which it names; others are left to `from_options`."""
    known = {each.name for each in fields(kind.options_type)}
    for name in options:
        others = [
            other for other in choices() if name in {f.name for f in fields(ENGINES[other].options_type)}
        ]
        if name not in known and others:
            raise UsageError(
                f"unknown option {name!r}; there are: {', '.join(sorted(known))}. "
                f"{name!r} is an option of {' and '.join(others)}, and the engine is {kind.name}"
            )


def make_encoder(
    backbone: str | Encoder,
    image_size: Any,
    device: str,
    dtype: str,
    revision: str | None,
    files: Mapping[str, str] | None = None,
) -> Encoder:
    """Return a backbone that was given, or load it; raises `UsageError` and `BackboneError` as `load_backbone`."""
    if isinstance(backbone, Encoder):
        if image_size is not None and image_size != backbone.preprocessing.image_size:
            raise UsageError(
                f"image_size is {image_size}, but the encoder given as backbone was loaded with "
                f"{backbone.preprocessing.image_size}; load it with image_size={image_size}"
            )
        return backbone
    size = int(image_size) if is_whole(image_size) else image_size
    return load_backbone(
        backbone, image_size=size, device=device, dtype=dtype, revision=revision, files=files
    )


def as_learned(encoder: Encoder, wanted: Mapping[str, Any]) -> Encoder:
    """Return an encoder as a manifest describes it; earlier versions squashed pictures to a square."""
    identity = replace(encoder.identity, checked=wanted.get("checked"), licence=wanted.get("licence"))
    p = encoder.preprocessing
    p = p if "steps" in wanted else replace(p, steps=None)
    steps = wanted.get("steps")
    read = replace(encoder, identity=identity, preprocessing=p)
    if not isinstance(steps, Mapping):
        return read
    return read.reading(steps.get("background"), steps.get("axis"))


def check_answering(keep: Any, on_unknown: Any, shortlist: Any) -> None:
    """Raise `UsageError` for parameters that answers can't be given with."""
    as_keep(keep)
    if on_unknown is not None and on_unknown not in ON_UNKNOWN:
        raise UsageError(f"on_unknown must be one of {', '.join(ON_UNKNOWN)} or None, got {on_unknown!r}")
    whole_shortlist(int(shortlist) if is_whole(shortlist) else shortlist)
