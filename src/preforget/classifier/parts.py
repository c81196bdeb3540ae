"""Learn in parts, each on a machine of its own, and join them to the bits of one pass (exact engine).

A part is one file with the sums of the inputs of one shard. It is a copy of personal data, like a model that isn't
sealed, unless it is encrypted for the machine that joins it: delete it once it is joined.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from safetensors import SafetensorError
from safetensors.numpy import load, save

from preforget.classifier.packing import FACTS, SHARED, Arrays, as_arrays, from_arrays
from preforget.classifier.public import PreForgettableClassifier
from preforget.classifier.spread import check_sums
from preforget.core.canonical import canonical_json
from preforget.core.errors import DataError, IntegrityError, StoreError, UsageError
from preforget.core.files import read_regular, write_new
from preforget.core.paths import absolute_path
from preforget.data.dataset import Split
from preforget.engines.base import Engine, Session
from preforget.engines.shards import Shard
from preforget.engines.summing import HELD_OUT_ROWS, sum_up
from preforget.records import ClassRecord, UnitBank
from preforget.records.joined_units import put_together
from preforget.records.units import unit_inputs
from preforget.store.for_reader import is_for_reader, seal_for, unseal_for
from preforget.store.tensors import record_from_bytes, record_to_bytes

FORMAT = "preforget-part-1"
PART = "part"
MAX_BYTES = 2**36
"""The most bytes of a part's file; a larger one isn't read."""


def learn_part(
    model: PreForgettableClassifier,
    path: str | Path,
    shard: Shard,
    X: Any,
    y: Any = None,
    validation: Any = None,
    *,
    subjects: Any = None,
    keep_similar_names: bool = False,
    reader: X25519PublicKey | None = None,
    progress: bool = False,
) -> int:
    """Read one shard of the inputs and write what they sum up to as one file; the model itself learns nothing.

    Args:
        model: A model with the exact engine and the same parameters in every part.
        path: The file to make; there must be none yet.
        shard: Which one of how many, as `Shard(2, 7)`.
        X: See `PreForgettableClassifier.fit`; all inputs in the same order for every part, of which this reads a share.
        y: See `fit`.
        validation: See `fit`.
        subjects: See `fit`.
        keep_similar_names: See `fit`.
        reader: For whose private key the file is encrypted, see `store.for_reader`; by default it is not.
        progress: Show progress on stderr.

    Returns:
        How many inputs this part sums up or holds out.

    Raises:
        UsageError: The engine learns no sums, or prompts of pairs are asked for, which need all inputs.
        DataError: As in `fit`.
        StoreError: The file can't be written, or is there already.
    """
    engine, train, held_out, label_kind = model._to_learn(
        X, y, validation, subjects, None, keep_similar_names
    )
    exact = check_sums(engine, "in parts")
    for unit in sum_up(exact.reading, train, held_out, Session(show=progress), shard):
        exact.bank.insert(unit)
    twin = model.untrained()
    twin._begin(engine, Session(), label_kind)
    header = {
        "format": FORMAT,
        "number": shard.number,
        "count": shard.count,
        "job": learning_digest(engine, train, held_out),
        "probe": exact.reading.probe(),
    }
    content = save(as_arrays(twin), metadata={"part": canonical_json(header).decode()})
    if reader is not None:
        content = seal_for(content, reader, what=PART)
    target = absolute_path(path)
    try:
        write_new(target, content)
    except FileExistsError:
        raise StoreError(f"{target} is there already; give the name of a new file") from None
    except OSError as error:
        raise StoreError(f"{target} can't be written: {error.strerror or error}") from error
    views = exact.bank.layout.views
    return sum(unit_inputs(unit) + len(unit.tensors["held_out"]) // views for unit in exact.bank.records())


def join_parts(
    paths: Sequence[str | Path], *, device: str = "auto", key: Callable[[], X25519PrivateKey] | None = None
) -> PreForgettableClassifier:
    """Return the model, in memory, that one machine would have learned from the inputs of all parts.

    Args:
        paths: The files of all parts, in any order.
        device: Where the model answers.
        key: Returns the private key that decrypts parts, asked for where one is encrypted.

    Returns:
        The model, bound to no folder; the parts stay as they are.

    Raises:
        StoreError: A file can't be read or is no part.
        UsageError: A part is missing, is there twice, or was learned from other data or options.
        DataError: The parts were read by machines that compute other bits.
        BackboneError: The backbone isn't on this machine.
    """
    parts = sorted((_read(absolute_path(path), key) for path in paths), key=lambda part: part.number)
    _check_complete(parts)
    banks = [UnitBank.of(part.units()) for part in parts]
    whole = UnitBank(banks[0].layout)
    for bank in banks:
        put_together(whole, bank.records(), HELD_OUT_ROWS)
    joined = {record.id: np.frombuffer(record_to_bytes(record), np.uint8) for record in whole.records()}
    first = parts[0].arrays
    return from_arrays({FACTS: first[FACTS], SHARED: first[SHARED], **joined}, device=device)


@dataclass(frozen=True)
class _Part:
    path: Path
    number: int
    count: int
    job: str
    probe: str
    arrays: Arrays

    def units(self) -> list[ClassRecord]:
        packed = {name: array for name, array in self.arrays.items() if name not in (FACTS, SHARED)}
        return [record_from_bytes(name, array.tobytes()) for name, array in packed.items()]


def _read(path: Path, key: Callable[[], X25519PrivateKey] | None) -> _Part:
    try:
        content = read_regular(path, MAX_BYTES, follow=True)
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror or error}") from error
    if is_for_reader(content):
        if key is None:
            raise UsageError(f"{path} is encrypted; give the key of the machine that it was made for")
        try:
            content = unseal_for(content, key(), what=PART)
        except IntegrityError as error:
            raise IntegrityError(f"{path} can't be decrypted: {error}; give the right --keyring") from None
    try:
        length = int.from_bytes(content[:8], "little")
        header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["part"])
        if header["format"] != FORMAT:
            raise ValueError(f"its format is {header['format']!r}")
        arrays = load(content)
        return _Part(
            path, int(header["number"]), int(header["count"]), header["job"], header["probe"], arrays
        )
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is no part of a learning, or is damaged: {error}") from error


def _check_complete(parts: Sequence[_Part]) -> None:
    if not parts:
        raise UsageError("no parts are given")
    first = parts[0]
    for part in parts[1:]:
        if (part.job, part.count) != (first.job, first.count):
            raise UsageError(
                f"{part.path} and {first.path} are parts of two learnings: their data, options, encoder or number of "
                "parts differ"
            )
        if part.probe != first.probe:
            raise DataError(
                f"{part.path} and {first.path} were read by machines that compute other bits; learn all parts on the "
                "same kind of processor with the same libraries and number of threads"
            )
    numbers = [part.number for part in parts]
    twice = next((n for n in numbers if numbers.count(n) > 1), None)
    if twice is not None:
        raise UsageError(f"part {twice} of {first.count} is given twice")
    missing = sorted({*range(1, first.count + 1)} - {*numbers})
    if missing:
        raise UsageError(f"part {missing[0]} of {first.count} is missing")


def learning_digest(engine: Engine, train: Split, held_out: Split) -> str:
    """Return the digest of what all parts must have in common: options, encoder, and the list of all inputs."""
    encoder = engine.encoder.describe()
    facts = [engine.name, engine.config.as_dict(), encoder["digest"], encoder["dtype"], encoder["image_size"]]
    return hashlib.sha256(canonical_json([*facts, _listed(train), _listed(held_out)])).hexdigest()


def _listed(split: Split) -> list[Any]:
    names = [path.name for path in split.inputs] if isinstance(split.inputs, list) else len(split.inputs)
    subjects = None if split.subjects is None else [str(name) for name in split.subjects]
    return [names, [str(label) for label in split.labels], subjects]
