"""What a classifier consists of: parameters, an engine that has learned, and the model folder it may be bound to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from preforget.backbones.encoder import Encoder
from preforget.backbones.vectors import VectorEncoder
from preforget.classifier.binding import keep_in
from preforget.classifier.labels import TEXT, labels_of, name_of, ordered
from preforget.classifier.making import make_encoder
from preforget.classifier.parameters import Parameters
from preforget.classifier.turns import Turns, reads
from preforget.core.errors import DataError, UsageError
from preforget.core.keep import Keep, as_keep
from preforget.core.paths import shortened
from preforget.data import as_inputs
from preforget.data.dataset import Images
from preforget.data.inputs import VECTORS
from preforget.data.vectors import Vectors
from preforget.engines.base import Engine, Session
from preforget.store import ModelFolder
from preforget.store.manifest import FORMAT


class State(Parameters):
    """The state that learning, answering, forgetting and saving share.

    `engine_`: the engine with its records, there once something was learned; `folder`: the model folder that changes
    are written to, None for a model in memory alone. `_label_kind`: what the text that names a class stands for;
    `_encoder`: a backbone that is loaded already, and the parameters it belongs to.
    """

    engine_: Engine
    n_features_in_: int
    folder: ModelFolder | None = None
    _session: Session = Session()
    _label_kind: str = TEXT
    _encoder: tuple[tuple[Any, ...], Encoder] | None = None

    def __getattr__(self, name: str) -> Any:
        """Raise `NotFittedError`, an `AttributeError` too, for what is there once something was learned."""
        if name in ("engine_", "n_features_in_") and "engine_" not in vars(self):
            from preforget.classifier.not_fitted import ClassifierNotFittedError

            raise ClassifierNotFittedError("the model has learned nothing yet; call fit() first")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether something was learned; all of it may be forgotten since."""
        return "engine_" in vars(self)

    @property
    def _turns(self) -> Turns:
        """The locks of this model."""
        turns: Turns = self.__dict__.setdefault("_locks", Turns())
        return turns

    def _end_begun(self, *, strict: bool) -> None:
        """Do nothing: a state that isn't changed has nothing to end."""

    @property
    @reads
    def classes_(self) -> npt.NDArray[Any]:
        """The labels that can be answered `[classes]`, of the type they were given with, as `numpy.unique` sorts them.

        Columns of `scores` and `predict_proba` follow them. It shrinks when a class is forgotten or detached.
        """
        return labels_of(self.labels, self._label_kind)

    @property
    @reads
    def labels(self) -> list[str]:
        """The names of the classes that can be answered, as text, in the order of `classes_`."""
        return ordered(self._fitted().bank.attached, self._label_kind)

    @property
    @reads
    def keep_(self) -> Keep:
        """The share of known inputs that is to be answered, as `keep` says, with the shares of single classes by name.

        Raises:
            UsageError: `keep` is no share, or names a class that the model doesn't know.
        """
        keep, labels = as_keep(self.keep, name_of), self._fitted().bank.labels
        for name in keep.classes:
            if name not in labels:
                raise UsageError(f"keep sets a share for {shortened(name)!r}, which is no class of the model")
        return keep

    def _drop_keep(self) -> None:
        """Drop shares that are set for classes that the model knows no more."""
        if isinstance(self.keep, Keep) or not isinstance(self.keep, float):
            keep = as_keep(self.keep, name_of)
            self.keep = keep.only(self._fitted().bank.labels) if keep.classes else self.keep

    def _fitted(self) -> Engine:
        return self.engine_

    def _inputs(self, X: Any) -> Images:
        """Return checked inputs of the kind that the encoder reads."""
        inputs = as_inputs(X, self._fitted().encoder.kind)
        if isinstance(inputs, Vectors) and inputs.width != self.n_features_in_:
            raise DataError(
                f"X has {inputs.width} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input"
            )
        return inputs

    def _columns(self) -> list[int]:
        """Return where the engine's scores have each of `labels`."""
        attached = self._fitted().bank.attached
        return [attached.index(name) for name in self.labels]

    def _load_encoder(self, width: int | None) -> Encoder:
        """Return the backbone that the parameters name; `width` is that of the vectors, if there are any."""
        if self._encoder is not None and self._encoder[0] == self._encoder_key(width):
            return self._encoder[1]
        size = width if self.image_size is None and width is not None else self.image_size
        return make_encoder(self.backbone, size, self.device, self.dtype, self.revision)

    def _encoder_key(self, width: int | None) -> tuple[Any, ...]:
        """Return the parameters that a loaded backbone belongs to."""
        backbone = self.backbone if isinstance(self.backbone, str) else id(self.backbone)
        return backbone, self.image_size, self.device, self.dtype, self.revision, width

    def _begin(self, engine: Engine, session: Session, label_kind: str) -> None:
        """Take an engine that has learned as this model's."""
        of = engine.encoder
        width = of.input_width if isinstance(of, VectorEncoder) and of.kind == VECTORS else None
        learned: dict[str, Any] = {"engine_": engine, "_session": session, "_label_kind": label_kind}
        learned |= {"_begun": None, "_ended": None}  # earlier forgettings say nothing of what is learned now
        learned["_encoder"] = self._encoder_key(width), engine.encoder
        if width is not None:
            learned["n_features_in_"] = width
        self.__dict__.update(learned)  # all of it or nothing, whatever is raised

    def _write(self, engine: Engine, event: str = "add", names: Mapping[str, str] | None = None) -> None:
        """Bring the folder, if there is one, to what an engine knows, as one step.

        `event`: what the ledger calls it; `names`: classes that are called otherwise from now on.
        """
        if self.folder is None:
            return
        records = {record.id: record for record in engine.records()}
        manifest, options = self.folder.manifest, engine.config.as_dict()
        old, bank = set(self.folder.live), engine.bank
        shares = {
            (names or {}).get(label, label): share
            for label, share in keep_in(manifest, self.engine_).classes.items()
        }
        self.folder.change(
            add=[record for i, record in records.items() if i not in old],
            erase=[i for i in old if i not in records],
            event=event,
            detached=[i for label in bank.labels if bank.is_detached(label) for i in bank.ids(label)],
            keeps={i: share for label, share in shares.items() if label in bank for i in bank.ids(label)},
            # a folder of an older format doesn't name them all
            options=options if manifest.format == FORMAT else None,
        )
