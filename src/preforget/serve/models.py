"""The models that a service answers with: loaded, followed when their folders change, and asked in batches."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from preforget.classifier import PreForgettableClassifier
from preforget.classifier.answering import Answers
from preforget.classifier.turns import reads
from preforget.core.errors import UsageError
from preforget.core.names import same_name
from preforget.data.inputs import IMAGES, VECTORS
from preforget.serve.batching import Batches, Watch
from preforget.serve.inputs import Batchable
from preforget.serve.membership import FolderMembership, Standing
from preforget.serve.problems import Problem
from preforget.serve.settings import Settings
from preforget.serve.tokens import Caller, Right

NamedWatch = Callable[[str, int, int, float], None]
"""Is told of every batch of a model by name, see `Watch`."""

MOST_NAMES = 1000
"""Classes that one request may leave out."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)


class ServedModel:
    """One model: its `name` in the interface, the classifier, and what everybody who answers for it must agree on.

    `changed`: is called once what is in memory has followed a change by another process.
    """

    def __init__(
        self,
        name: str,
        classifier: PreForgettableClassifier,
        settings: Settings,
        watch: Watch | None = None,
    ) -> None:
        if classifier.folder is None:
            raise UsageError("a model that is served is bound to a folder")
        self.name, self.classifier = name, classifier
        self.membership = FolderMembership(classifier.folder.path)
        draw = self._drawn if self.kind in (IMAGES, VECTORS) else None
        self.batches = Batches(self._respond, settings.rows, settings.most_waiting, watch, draw)
        self.changed: Callable[[], None] | None = None
        self._catching_up = asyncio.Lock()
        self._readers = ThreadPoolExecutor(2, "preforget-reading")
        self._changers = ThreadPoolExecutor(2, "preforget-changes")

    @property
    def kind(self) -> str:
        """What the model reads: `images`, `sounds`, `texts` or `vectors`."""
        return str(self.classifier.engine_.encoder.kind)

    @property
    def path(self) -> Path:
        """The model folder."""
        return self.membership.folder

    def standing(self) -> Standing:
        """Return the standing of what is in memory, once nobody changes it."""
        return _standing(self.classifier)

    async def check_known(self, names: Sequence[str], caller: Caller) -> None:
        """Raise `UnknownLabelError` for a class that the model doesn't know, to who may see its classes alone."""
        if len(names) > MOST_NAMES:
            raise Problem(422, f"a request leaves out at most {MOST_NAMES:,} classes")
        if names and Right.SEE in caller.rights:
            await self.call(_check_known, self.classifier, names)

    async def answer(self, inputs: Batchable, without: Sequence[str] = ()) -> tuple[Standing, Answers]:
        """Return the answers to inputs and the standing that they were made with; raises `PreforgetError`.

        `without`: classes that are in no answer; ones that the model doesn't know are none, anyway.
        """
        return await self.batches.answer(inputs, tuple(sorted(without)))

    async def call(self, do: Any, *args: Any) -> Any:
        """Call a function that reads in a thread of this model, beside its answers; return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, do, *args)

    async def change(self, do: Any, *args: Any) -> Any:
        """Call a function that changes or follows the folder, in a thread that no reader can keep waiting."""
        return await asyncio.get_running_loop().run_in_executor(self._changers, do, *args)

    async def catch_up(self, standing: Standing) -> None:
        """Bring what is in memory to the folder's standing; raises `StoreError` if the folder can't be read."""
        async with self._catching_up:
            if await self.change(self.standing) != standing:
                await self.change(self.classifier.refresh)
                if self.changed is not None:
                    await self.change(self.changed)

    def close(self) -> None:
        """Let the threads end."""
        self.batches.close()
        self._readers.shutdown(wait=False)
        self._changers.shutdown(wait=False)

    def _drawn(self, count: int) -> Any:
        """Return inputs with which sizes of batches are tried out; of sounds and texts lengths change the sums, too."""
        rng = np.random.default_rng(0)
        if self.kind == VECTORS:
            return rng.normal(size=(count, self.classifier.n_features_in_)).astype(np.float32)
        return rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)

    def _respond(self, inputs: Any, without: tuple[str, ...]) -> tuple[Standing, Answers]:
        return _respond(self.classifier, inputs, without)


@reads
def _respond(
    model: PreForgettableClassifier, inputs: Any, without: tuple[str, ...]
) -> tuple[Standing, Answers]:
    """Answer, and say with which standing: no change can come between the two."""
    # a class that was forgotten since it was asked for is in no answer, so there is nothing to leave out
    labels = model.engine_.bank.labels
    left_out = [name for name in without if same_name(name, labels) is not None]
    return _standing(model), model.respond(inputs, without=left_out)


@reads
def _check_known(model: PreForgettableClassifier, names: Sequence[str]) -> None:
    for name in names:
        model.engine_.bank.known_as(name)


@reads
def _standing(model: PreForgettableClassifier) -> Standing:
    assert model.folder is not None
    return Standing.of(model.folder.manifest)


def load_models(
    paths: Sequence[Path], settings: Settings, watch: NamedWatch | None = None, **options: Any
) -> dict[str, ServedModel]:
    """Load model folders by name, `NAME=PATH` or the folder's own name; raises as `from_pretrained`, and `UsageError`.

    `watch`: is told of batches; `options`: as `from_pretrained` takes them. Erasures that were cut off are ended first.
    """
    named: dict[str, Path] = {}
    for given in paths:
        name, _, rest = str(given).rpartition("=")
        path = Path(rest)
        name = name or path.resolve().name
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} can't be a model's name in addresses; give one of letters, digits, dots and dashes, as in "
                "NAME=PATH"
            )
        if name in named:
            raise UsageError(f"two models are called {name!r}; give names, as in NAME=PATH")
        named[name] = path
    return {
        name: ServedModel(
            name,
            PreForgettableClassifier.from_pretrained(path, **options),
            settings,
            None if watch is None else partial(watch, name),
        )
        for name, path in named.items()
    }


def model_named(models: Mapping[str, ServedModel], name: str | None) -> ServedModel:
    """Return a model by its name, the only one if none is given; raises `Problem`."""
    if name is None and len(models) == 1:
        return next(iter(models.values()))
    if name is None:
        raise Problem(422, "this service has several models; say which one: ?model=NAME")
    if name not in models:
        raise Problem(404, "there is no such model")
    return models[name]
