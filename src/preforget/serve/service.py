"""What one running service consists of; routes and the page ask this and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preforget.core.errors import PreforgetError
from preforget.serve.forgettings import Forgettings
from preforget.serve.metrics import Metrics
from preforget.serve.models import ServedModel, model_named
from preforget.serve.reports import Reports
from preforget.serve.settings import Settings
from preforget.serve.telling import Telling
from preforget.serve.tokens import Caller, Tokens
from preforget.serve.tracing import Tracing

if TYPE_CHECKING:
    from preforget.serve.oidc import Oidc  # needs a library that few have


@dataclass(eq=False)
class Service:
    """Models by name, the forgettings of each, the tokens that open them, and how answers are limited.

    `oidc`: who else issues tokens; `tracing`: what writes spans.
    `failed`: why it couldn't start; `ready`: whether everything that was cut off is finished; `draining`: whether it
    is about to end.
    """

    models: Mapping[str, ServedModel]
    forgettings: Mapping[str, Forgettings]
    tokens: Tokens
    settings: Settings = field(default_factory=Settings)
    metrics: Metrics = field(default_factory=Metrics)
    reports: Mapping[str, Reports] = field(default_factory=dict)
    oidc: Oidc | None = None
    tracing: Tracing | None = None
    failed: PreforgetError | None = None
    ready: bool = False
    draining: bool = False
    _keeping: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def telling(self) -> Telling:
        """How much answers tell."""
        return Telling.of(self.settings)

    def model(self, name: str | None) -> ServedModel:
        """Return a model by name, the only one for None; raises `Problem`."""
        return model_named(self.models, name)

    def caller(self, text: str) -> Caller | None:
        """Return whose bearer token a text is, None if it is nobody's."""
        if self.oidc is not None and text.count(".") == 2:
            return self.oidc.caller(text)
        return self.tokens.caller(text)

    async def start(self) -> None:
        """Finish what was cut off, then be ready."""
        try:
            for reports in self.reports.values():
                reports.read()
            for forgettings in self.forgettings.values():
                await forgettings.resume()
        except PreforgetError as error:
            self.failed = error
            raise
        for model in self.models.values():
            await model.batches.prepare()
        if self.oidc is not None:
            self._keeping = asyncio.create_task(self.oidc.keys.keep_fresh())
        self.ready = True

    def give_up(self) -> None:
        """Try nothing again that can't be done now."""
        for forgettings in self.forgettings.values():
            forgettings.give_up()

    async def stop(self) -> None:
        """Wait for forgettings that are under way, and let the threads end."""
        self.draining = True
        if self._keeping is not None:
            self._keeping.cancel()
        for forgettings in self.forgettings.values():
            await forgettings.stop()
        for reports in self.reports.values():
            await reports.stop()
        for model in self.models.values():
            model.close()
        if self.tracing is not None:
            await asyncio.to_thread(self.tracing.close)
