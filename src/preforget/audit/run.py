"""The audit: learn the models to compare with, attack all of them, judge the gaps."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from preforget.audit import tasks
from preforget.audit.assemble import Findings, Setting, assemble
from preforget.audit.attacks.attack import Effort
from preforget.audit.attacks.registry import attack_on_scene
from preforget.audit.attacks.scene import ORIGINAL, RETRAIN, ROLES
from preforget.audit.chosen import Chosen, chosen_attacks
from preforget.audit.result import AuditResult
from preforget.audit.work_place import opened_work, passing_work
from preforget.backbones.pinned import pinned
from preforget.classifier import PreForgettableClassifier
from preforget.classifier.packing import as_arrays
from preforget.core.clock import now
from preforget.core.errors import DataError, UsageError
from preforget.core.hashing import value_digest
from preforget.core.names import as_names, same_name
from preforget.core.version import __version__
from preforget.data import Dataset
from preforget.data.dataset import names_of
from preforget.data.digest import split_digest
from preforget.data.inputs import VECTORS
from preforget.data.vectors import Vectors
from preforget.jobs.executor import Executor, Here, Job
from preforget.training.progress import counting

ROWS = {"quick": 120, "standard": 400, "full": 800}
"""The most inputs of a part that an attack on open weights uses."""

SEEDS = {"quick": 1, "standard": 3, "full": 5}
"""How many models of each kind."""

LEARNING, SHADOWING = 20, 20
"""The weight of learning a model in the progress bar; most attacks have 1."""


@pinned
def audit(
    model: PreForgettableClassifier,
    data: Dataset,
    forget: str | Sequence[str],
    *,
    suite: str = "quick",
    seeds: int | None = None,
    work: str | Path | None = None,
    attacks: Sequence[str] | None = None,
    shadows: int | None = None,
    executor: Executor | None = None,
    cache_dir: Path | None = None,
    command: str = "",
    show: bool = False,
) -> AuditResult:
    """Attack `model` without the classes `forget`, beside models retrained without them, and judge the gaps.

    Args:
        model: A fitted classifier with one label per input; it stays as it is.
        data: What the model was learned from, in the same parts, and a test part.
        forget: Classes that the model still knows, which a copy in memory then forgets, or that it has forgotten
            already.
        suite: How much is tried: `quick`, `standard` or `full`.
        seeds: How many models of each kind, the first with the model's own seed; by default 1, 3 or 5 by the suite. One
            decides nothing, but shows gaps beyond a margin.
        work: A folder for results and for models that know what is to be forgotten. It is in the model's list of
            copies before it is made, and encrypted if the model is sealed. Repeated with the same folder, the audit
            continues where it stopped, and `end_work` removes the folder in the end. By default they are in a
            temporary folder, encrypted with a key that exists only in memory.
        attacks: Names of the attacks to run, by default all of the suite.
        shadows: How many models to learn for attacks with shadow models, such as `lira`; by default 16 if one of them
            is run. With a number, all of them are run unless `attacks` names some; 0 leaves them out.
        executor: Where the work is done, by default in this process; `preforget.jobs.executor.Pool()` uses all cores
            and needs a program that guards its start with `if __name__ == "__main__"`.
        cache_dir: A folder for hidden states, which are kept in memory otherwise.
        command: The command line of the audit, for the report.
        show: Whether to show progress on stderr.

    Returns:
        Every measure beside its control, with gaps, intervals and verdicts; `audit.report.page.page` turns it into
        a page.

    Raises:
        UsageError: A name, a suite or a number can't be used.
        DataError: The data have no input of a class that is needed.

    Example:
        >>> import numpy as np
        >>> import preforget as pf
        >>> from preforget.data import Dataset, Split, Vectors
        >>> X = np.random.default_rng(0).normal(size=(180, 4)) + np.repeat([[0.0], [4.0], [8.0]], 60, axis=0)
        >>> y = np.repeat(["Ada", "Grace", "Mary"], 60)
        >>> train, held_out, test = (Split(Vectors(X[first::3]), y[first::3]) for first in range(3))
        >>> data = Dataset("people", train, held_out, test, classes=("Ada", "Grace", "Mary"), note="drawn")
        >>> model = pf.PreForgettableClassifier("features", "exact").fit(train, validation=held_out)
        >>> result = pf.audit(model, data, "Grace", attacks=["membership"])
        >>> result.passed, {measure.gap for measure in result.measures}
        (True, {0.0})
    """
    with contextlib.ExitStack() as held:
        passing = work is None
        if work is None:
            work = held.enter_context(tempfile.TemporaryDirectory(prefix="preforget-audit-"))
        work = Path(work)
        chosen = chosen_attacks(attacks, suite, shadows)
        context = _context(
            model, data, forget, suite, SEEDS.get(suite) if seeds is None else seeds, work, cache_dir
        )
        key = held.enter_context(passing_work(work) if passing else opened_work(work, model))
        context = replace(context, lock=key)
        results, executor = context.open_work(), executor or Here()
        _keep_given(context, model)
        lacking = [
            (role, seed)
            for seed in context.seeds
            for role in (ORIGINAL, RETRAIN)
            if context.made(role, seed) == (role, seed) and not tasks.is_learned(context, role, seed)
        ]
        threads = executor.threads_for(len(lacking))
        learning = [Job(f"learning {task[0]}", tasks.learn, (*task, threads), LEARNING) for task in lacking]
        shadowing = [
            Job("learning a shadow", tasks.shadow, (number, chosen.on_shadows), SHADOWING)
            for number in range(chosen.shadows)
            if not tasks.is_shadowed(context, number, chosen.on_shadows)
        ]
        looking = [
            Job("asking", tasks.look, (role, seed))
            for seed in context.seeds
            for role in (*ROLES, "untrained")
            if not tasks.is_seen(context, role, seed)
        ]
        attacking = [
            Job(name, tasks.attack, (name, role, seed), attack_on_scene(name).weight_in(suite))
            for seed in context.seeds
            for role in ROLES
            for name in chosen.on_scenes
            if role in attack_on_scene(name).roles
            and results.get(context.key, "attack", name, role, seed) is None
        ]
        stages = [learning, shadowing, looking, attacking]
        total = sum(job.weight for part in stages for job in part)
        try:
            with counting(total=total, what="auditing", unit="step", show=show) as count:
                for part in stages:
                    for job, _ in executor.run(part, context):
                        count(job.weight)
        finally:
            executor.close()
        return _result(context, model, data, chosen, suite, command)


def _context(
    model: PreForgettableClassifier,
    data: Dataset,
    forget: str | Sequence[str],
    suite: str,
    seeds: int | None,
    work: Path,
    cache_dir: Path | None,
) -> tasks.Context:
    """Check the arguments and return the context that all jobs share."""
    engine = model.engine_
    if not isinstance(data, Dataset):
        raise DataError(
            f"data to audit with are a Dataset of three parts, as load_data returns it, not {type(data).__name__}; of "
            "arrays make Dataset(name, train, validation, test, classes, note) with a Split(inputs, labels) for each "
            "part, whose inputs are images, or Vectors(X) for rows of numbers, see pf.audit"
        )
    for name, part in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        inputs = part.inputs
        if engine.encoder.kind == VECTORS and len(part) and not isinstance(inputs, Vectors):
            raise DataError(
                f"the {name} part holds {type(inputs).__name__}, and the model reads rows of numbers: write "
                "Split(Vectors(X), y), with Vectors of preforget.data"
            )
    if engine.multilabel:
        raise UsageError("the audit needs a model with one label per input; this one has several")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise UsageError(f"seeds must be a whole number of at least 1, got {seeds!r}")
    live = engine.bank.labels
    forgotten = tuple(sorted({same_name(label, live) or label for label in as_names(forget)}))
    if not forgotten:
        raise UsageError("name at least one class to forget")
    known = [label for label in forgotten if label in live]
    if known and len(known) < len(forgotten):
        raise engine.bank.unknown(next(label for label in forgotten if label not in live))
    detached = [label for label in live if engine.bank.is_detached(label)]
    if detached:
        raise UsageError(f"{len(detached)} classes of the model are detached; attach them first")
    retained = tuple(label for label in live if label not in forgotten)
    if len(retained) < 2:
        raise UsageError("at least two classes must stay, so that the model still has a choice")
    for label in (*forgotten, *retained):
        if label not in names_of(data.train.labels):
            raise DataError(
                f"the data hold no input of class {label!r} to learn from; "
                "give the data that the model was learned from"
            )
    parts = [part.only({*forgotten, *retained}) for part in (data.train, data.validation, data.test)]
    if not engine.knows_subjects:
        parts = [replace(part, subjects=None) for part in parts]
    effort = Effort(suite, ROWS[suite])
    model_seed = engine.config.seed
    ingredients = [
        *(__version__, engine.name, engine.config.as_dict(), engine.encoder.describe(), *model.keep_.plain()),
        *(sorted(record.digest() for record in engine.records()), [split_digest(part) for part in parts]),
        list(forgotten),
    ]
    recipe = value_digest(ingredients)
    return tasks.Context(
        recipe=recipe,
        key=value_digest([recipe, suite, effort.rows]),
        work=work,
        data=replace(data, train=parts[0], validation=parts[1], test=parts[2]),
        forgotten=forgotten,
        retained=retained,
        effort=effort,
        seeds=tuple(range(model_seed, model_seed + seeds)),
        device=str(engine.encoder.device),
        given_knows=bool(known),
        cache_dir=cache_dir,
    )


def _keep_given(context: tasks.Context, model: PreForgettableClassifier) -> None:
    """Write a copy of the model into the work folder, for the workers."""
    work = context.open_work()
    if work.get_arrays(context.recipe, "given") is None:
        work.put_arrays(as_arrays(model), context.recipe, "given")


def _result(
    context: tasks.Context,
    model: PreForgettableClassifier,
    data: Dataset,
    chosen: Chosen,
    suite: str,
    command: str,
) -> AuditResult:
    work, key = context.open_work(), context.key
    findings: Findings = {
        name: {
            role: [work.get(key, "attack", name, role, seed) for seed in context.seeds]
            for role in attack_on_scene(name).roles
        }
        for name in chosen.on_scenes
    }
    signals = {name: tasks.shadowed(context, name, chosen.shadows) for name in chosen.on_shadows}
    engine = model.engine_
    setting = Setting(
        suite=suite,
        seeds=list(context.seeds),
        made=now(),
        model={
            "id": None if model.folder is None else model.folder.manifest.model,
            "engine": engine.name,
            "guarantee": engine.guarantee.value,
            "backbone": {n: engine.encoder.describe()[n] for n in ("id", "revision", "digest", "image_size")},
            "options": engine.config.as_dict(),
            "classes": len(context.retained) + len(context.forgotten),
        },
        data={
            "name": data.name,
            "digest": value_digest([split_digest(p) for p in (data.train, data.validation, data.test)]),
            **{part: len(getattr(context.data, part)) for part in ("train", "validation", "test")},
        },
        forgotten=list(context.forgotten),
        machine=_machine(),
        command=command,
    )
    return assemble(setting, findings, signals)


def _machine() -> dict[str, Any]:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
    }
