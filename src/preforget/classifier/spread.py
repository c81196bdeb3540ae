"""Learn with the help of other processes or machines, to the bits of one pass (exact engine).

The inputs are cut into shares as by `learn --shards`, but the shares are jobs of an executor, and what they sum up to
comes back to this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from preforget.backbones.pinned import pinned
from preforget.classifier.making import as_learned, engine_named, make_encoder
from preforget.classifier.public import PreForgettableClassifier
from preforget.core.canonical import canonical_json, read_canonical
from preforget.core.errors import BackboneError, DataError, UsageError
from preforget.data.dataset import Split
from preforget.engines.base import Engine, Session
from preforget.engines.exact import ExactEngine
from preforget.engines.shards import MOST, Shard
from preforget.engines.shared_batches import shares_batches
from preforget.engines.summing import HELD_OUT_ROWS, Share
from preforget.jobs.executor import Executor, Job
from preforget.records import UnitBank
from preforget.records.joined_units import put_together
from preforget.store.tensors import record_from_bytes, record_to_bytes
from preforget.training.progress import counting

AT_ONCE = 4096
"""About how many inputs a job reads: one whose worker dies is read anew."""

SMALLEST = 16
"""Fewer inputs for each worker are read by fewer of them."""


@dataclass(frozen=True)
class Recipe:
    """How a worker makes the engine that reads: engine and options, and the encoder as manifests describe it."""

    content: bytes
    device: str

    @classmethod
    def of(cls, engine: Engine, device: str) -> Recipe:
        """Return the recipe of an engine that has learned nothing."""
        facts = {
            "engine": engine.name,
            "options": engine.config.as_dict(),
            "encoder": engine.encoder.describe(),
        }
        return cls(canonical_json(facts), device)


def fit_over(
    model: PreForgettableClassifier,
    executor: Executor,
    X: Any,
    y: Any = None,
    validation: Any = None,
    *,
    subjects: Any = None,
    keep_similar_names: bool = False,
    progress: bool = False,
) -> PreForgettableClassifier:
    """Learn as `fit` does, with the inputs read by the workers of an executor: the same bits.

    Workers read files themselves, so each needs them under the same paths; inputs in memory are sent to them.

    Args:
        model: A model with the exact engine that has learned nothing yet.
        executor: Where inputs are read, such as `preforget.jobs.executor.Pool()` or
            `preforget.jobs.ray_executor.RayExecutor()`.
        X: See `PreForgettableClassifier.fit`.
        y: See `fit`.
        validation: See `fit`.
        subjects: See `fit`.
        keep_similar_names: See `fit`.
        progress: Show progress on stderr.

    Returns:
        The model itself.

    Raises:
        UsageError: The engine learns no sums, or prompts of pairs are asked for, which need all inputs.
        DataError: As in `fit`, or a worker computes other bits than this process.
        BackboneError: A worker doesn't have the backbone.
        ExecutorError: Workers are lost.
    """
    model._check_unlearned()
    engine, train, held_out, label_kind = model._to_learn(
        X, y, validation, subjects, None, keep_similar_names
    )
    exact = check_sums(engine, "over several machines")
    exact.restore(_read_all(exact, executor, train, held_out, model.device, show=progress).records(), {})
    model._begin(exact, Session(), label_kind)
    return model


def check_sums(engine: Engine, how: str) -> ExactEngine:
    """Return the engine if what it learns can be added up; raises `UsageError`."""
    if not isinstance(engine, ExactEngine) or engine.config.pair_prompts:
        raise UsageError(
            f"the {engine.name} engine can't learn {how}: only sums of the exact engine without prompts of pairs "
            "add up to what one machine would learn"
        )
    return engine


@pinned
def _read_all(
    engine: ExactEngine, executor: Executor, train: Split, held_out: Split, device: str, *, show: bool
) -> UnitBank:
    """Return the units of all inputs, put together in the order of their shares, each of which counts once."""
    reading = engine.reading
    whole = Share.whole(train, held_out)
    count = min(MOST, max(1, -(-whole.inputs // AT_ONCE), min(executor.workers, whole.inputs // SMALLEST)))
    shares = {number: whole.of(Shard(number, count)) for number in range(1, count + 1)}
    jobs = [
        Job(f"part {number} of {count}", read_share, (number, share.to_send()), share.inputs)
        for number, share in shares.items()
        if share.inputs
    ]
    probe, bank = bits_of(engine), UnitBank(reading.layout)
    early: dict[int, list[tuple[str, bytes]]] = {}
    numbers = [int(job.arguments[0]) for job in jobs]
    with counting(total=whole.inputs, what="reading", unit="input", show=show) as counted:
        for job, (other_probe, units) in executor.run(jobs, Recipe.of(engine, device)):
            if other_probe != probe:
                raise DataError(
                    "a worker computes other bits than this process: all need the same kind of processor, the same "
                    "libraries and the same number of threads; set OMP_NUM_THREADS=1 for this process, or learn "
                    "without other machines"
                )
            early[int(job.arguments[0])] = units
            while numbers and numbers[0] in early:
                made = [record_from_bytes(i, content) for i, content in early.pop(numbers.pop(0))]
                put_together(bank, made, HELD_OUT_ROWS)
            counted(job.weight)
    return bank


@pinned
def read_share(recipe: Recipe, number: int, share: Share) -> tuple[str, list[tuple[str, bytes]]]:
    """Read a share in a worker; return the digest of how it reads noise, and the units' ids and bytes."""
    engine = _engine(recipe)
    units = share.sum_up(engine.reading, Session())
    return bits_of(engine), [(unit.id, record_to_bytes(unit)) for unit in units]


def bits_of(engine: ExactEngine) -> str:
    """Return what differs between machines that read the same inputs to other bits."""
    return f"{engine.reading.probe()} {shares_batches(engine.reading)}"


@lru_cache(maxsize=1)
def _engine(recipe: Recipe) -> ExactEngine:
    facts = read_canonical(recipe.content)
    kind, wanted = engine_named(facts["engine"]), facts["encoder"]
    encoder = make_encoder(
        wanted["id"], wanted["image_size"], recipe.device, wanted["dtype"], wanted["revision"]
    )
    encoder = as_learned(encoder, wanted)
    if encoder.describe()["digest"] != wanted["digest"]:
        raise BackboneError(f"{wanted['id']!r} is another backbone in a worker than in this process")
    return check_sums(
        kind(encoder, kind.options_type.from_options(facts["options"])), "over several machines"
    )
