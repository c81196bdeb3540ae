"""A classifier as arrays of bytes, for work that other processes do with it: without a folder, a ledger or a key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from preforget.classifier.making import as_learned, engine_named, make_encoder
from preforget.classifier.model import Model
from preforget.core.canonical import canonical_json
from preforget.core.errors import BackboneError
from preforget.core.keep import Keep
from preforget.engines.base import Engine, Session
from preforget.store.tensors import record_from_bytes, record_to_bytes, tensors_from_bytes, tensors_to_bytes

if TYPE_CHECKING:
    from preforget.classifier.public import PreForgettableClassifier

SHARED, FACTS = "shared", "facts"

Arrays = dict[str, npt.NDArray[Any]]
"""Bytes as `uint8 [n]`, by name."""


def records_as_arrays(engine: Engine) -> Arrays:
    """Return all that an engine has learned as byte arrays, by the ids of its records."""
    contents = {record.id: record_to_bytes(record) for record in engine.records()}
    contents[SHARED] = tensors_to_bytes(engine.shared_tensors())
    return {name: np.frombuffer(content, dtype=np.uint8) for name, content in contents.items()}


def fill_from_arrays(engine: Engine, arrays: Arrays) -> None:
    """Fill an engine that has learned nothing with what `records_as_arrays` gave."""
    named = {name: array.tobytes() for name, array in arrays.items() if name not in (SHARED, FACTS)}
    records = [record_from_bytes(name, content) for name, content in named.items()]
    engine.restore(records, tensors_from_bytes(arrays[SHARED].tobytes(), "what no class owns"))


def as_arrays(model: Model) -> Arrays:
    """Return all that a model knows, and how its backbone is loaded; it holds names of classes in the clear."""
    engine = model.engine_
    bank = engine.bank
    facts = {
        "engine": engine.name,
        "options": engine.config.as_dict(),
        "backbone": engine.encoder.describe(),
        "keep": float(model.keep_),
        "keep_by_class": dict(model.keep_.classes),
        "label_kind": model._label_kind,
        "detached": [label for label in bank.labels if bank.is_detached(label)],
    }
    return {FACTS: np.frombuffer(canonical_json(facts), dtype=np.uint8), **records_as_arrays(engine)}


def from_arrays(arrays: Arrays, *, device: str = "auto") -> PreForgettableClassifier:
    """Return the model that `as_arrays` was given, in memory; raises `BackboneError` if its backbone isn't there."""
    from preforget.classifier.public import PreForgettableClassifier

    facts = json.loads(arrays[FACTS].tobytes())
    kind, wanted = engine_named(facts["engine"]), facts["backbone"]
    config = kind.options_type.from_options(facts["options"])
    encoder = make_encoder(wanted["id"], wanted["image_size"], device, wanted["dtype"], wanted["revision"])
    encoder = as_learned(encoder, wanted)
    if encoder.describe()["digest"] != wanted["digest"]:
        raise BackboneError(f"{wanted['id']!r} is no longer the backbone that the model was learned on")
    engine = kind(encoder, config)
    fill_from_arrays(engine, arrays)
    for label in facts["detached"]:
        engine.bank.detach(label)
    model = PreForgettableClassifier(
        wanted["id"],
        config,
        None if encoder.kind == "vectors" else wanted["image_size"],
        config.seed,
        keep=Keep(facts["keep"], facts["keep_by_class"]) if facts["keep_by_class"] else facts["keep"],
        device=device,
        dtype=wanted["dtype"],
        revision=wanted["revision"],
    )
    model._begin(engine, Session(), facts["label_kind"])
    return model
