"""What a classifier consists of: an engine, the model folder that it may be bound to, and how it answers."""

from __future__ import annotations

from typing import Any

from preforget.backbones import load_backbone
from preforget.core.errors import NotFittedError, UsageError
from preforget.engines import ENGINES, choices
from preforget.engines.base import Engine, Session
from preforget.engines.shortlist import whole_shortlist
from preforget.store import ModelFolder


class State:
    """The state that learning, answering, forgetting and saving share.

    `engine_`: the engine with its records; `folder`: the model folder that changes are written to, None for a model
    in memory alone.
    """

    keep: float
    shortlist: int
    engine_: Engine
    folder: ModelFolder | None = None
    _learned: bool = False
    _session: Session = Session()

    def __init__(
        self,
        backbone: str = "builtin",
        engine: str = "isolated",
        image_size: int | None = None,
        seed: int = 0,
        *,
        keep: float = 0.95,
        shortlist: int = 0,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        **options: Any,
    ) -> None:
        if engine not in ENGINES:
            raise UsageError(f"unknown engine {engine!r}; choose one of: {', '.join(choices())}")
        if isinstance(keep, bool) or not isinstance(keep, (int, float)) or not 0 < keep < 1:
            raise UsageError(f"keep must be a share between 0 and 1, got {keep!r}")
        self.keep = float(keep)
        self.shortlist = whole_shortlist(shortlist)
        kind = ENGINES[engine]
        config = kind.options_type.from_options({"seed": seed, **options})
        encoder = load_backbone(
            backbone, image_size=image_size, device=device, dtype=dtype, revision=revision
        )
        self.engine_ = kind(encoder, config)

    @property
    def engine(self) -> Engine:
        """The same as `engine_`."""
        return self.engine_

    @engine.setter
    def engine(self, engine: Engine) -> None:
        self.engine_ = engine

    @property
    def classes_(self) -> list[str]:
        """The labels that can be answered, sorted; columns of `scores` and `predict_proba` follow them."""
        return self.labels

    @property
    def labels(self) -> list[str]:
        """The names of the classes that can be answered, as text, in the order of `classes_`."""
        return self.engine_.bank.attached

    def _fitted(self) -> Engine:
        if not self._learned and not len(self.engine_.bank):
            raise NotFittedError("the model has learned nothing yet; call fit() first")
        return self.engine_

    def _write(self) -> None:
        """Bring the folder, if there is one, to what is in memory, as one step."""
        if self.folder is None:
            return
        records = {record.id: record for record in self.engine_.records()}
        old = self.folder.manifest.records
        self.folder.change(
            add=[record for i, record in records.items() if i not in old],
            erase=[i for i in old if i not in records],
        )
