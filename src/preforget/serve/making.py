"""Put a service together from model folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.serve.forgettings import Forgettings
from preforget.serve.metrics import Metrics
from preforget.serve.models import load_models
from preforget.serve.reports import Reports
from preforget.serve.service import Service
from preforget.serve.settings import Settings
from preforget.serve.tokens import Tokens
from preforget.serve.tracing import Tracing

if TYPE_CHECKING:
    from preforget.serve.oidc import Issuer  # needs a library that few have


def make_service(
    paths: Sequence[Path],
    tokens: Tokens | None = None,
    settings: Settings | None = None,
    data: str | None = None,
    *,
    issuer: Issuer | None = None,
    tracing: Tracing | None = None,
    **options: Any,
) -> Service:
    """Load models, which ends erasures that were cut off, and return a service.

    `data`: what the models were learned from, for audits and evaluations; `issuer`: who else issues tokens; `tracing`:
    what writes spans; `options`: as `from_pretrained` takes.
    Raises as `from_pretrained`, and `UsageError` for names that can't be used.
    """
    settings = settings or Settings()
    metrics = Metrics()
    models = load_models(paths, settings, metrics.saw_batch, **options)
    reports = {name: Reports(model, data, options) for name, model in models.items()}

    def ended(model: str, seconds: float, *, done: bool) -> None:
        metrics.saw_forgetting(model, seconds, done=done)
        if tracing is not None:
            tracing.saw_forgetting(model, seconds, done=done)
        reports[model].sweep()

    for name, model in models.items():
        model.changed = reports[name].sweep
    forgettings = {name: Forgettings(model, ended) for name, model in models.items()}
    oidc = None
    if issuer is not None:
        from preforget.serve.oidc import Oidc

        oidc = Oidc(issuer)
    return Service(models, forgettings, tokens or Tokens(), settings, metrics, reports, oidc, tracing)
