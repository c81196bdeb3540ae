"""The parameters of the classifier, kept as they are given, in the way that scikit-learn's tools expect."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Self

from preforget.backbones.encoder import Encoder
from preforget.backbones.named import BUILTIN
from preforget.classifier.making import option_names
from preforget.core.errors import UsageError
from preforget.engines.options import DEFAULT_ENGINE, EngineOptions

INSIDE = "engine__"
"""What stands before the name of an option of the engine, in `get_params` and `set_params`."""


class Parameters:
    """Parameters as they were given; `fit` checks them and makes encoder and engine of them."""

    _options: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        backbone: str | Encoder = BUILTIN,
        engine: str | EngineOptions = DEFAULT_ENGINE,
        image_size: int | None = None,
        seed: int = 0,
        *,
        keep: float | Mapping[Any, float] = 0.95,
        on_unknown: str | None = None,
        shortlist: int = 0,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        **options: Any,
    ) -> None:
        self.backbone = backbone
        self.engine = engine
        self.image_size = image_size
        self.seed = seed
        self.keep = keep
        self.on_unknown = on_unknown
        self.shortlist = shortlist
        self.device = device
        self.dtype = dtype
        self.revision = revision
        if options:
            self._options = options

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name, those of the engine too that were given beside its name.

        `deep`: also the fields of an options object, as `engine__epochs`.

        Returns:
            The parameters by name.

        Example:
            >>> model.get_params()["backbone"]
            'features'
        """
        params = {name: getattr(self, name) for name in self._get_param_names()} | dict(self._options)
        if deep and isinstance(self.engine, EngineOptions):
            params |= {f"{INSIDE}{name}": value for name, value in self.engine.as_dict().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by the names of `get_params`; options of the engine by `epochs` or `engine__epochs`.

        They count from the next `fit` on. Raises `UsageError` for a name that is no parameter.

        Returns:
            This classifier.

        Example:
            >>> model.set_params(keep=0.9).keep
            0.9
        """
        own_names = [name for name in params if name in self._get_param_names()]
        for name in own_names:
            setattr(self, name, params[name])
        known = [*option_names(self.engine), *self._options]
        inside = ["seed"] if isinstance(self.engine, EngineOptions) else []
        for name, value in params.items():
            option = name.removeprefix(INSIDE)
            if name in own_names:
                continue
            if option not in known and not (name != option and option in inside):
                raise UsageError(
                    f"Invalid parameter {name!r} for {type(self).__name__}; there are: "
                    f"{', '.join(sorted([*self._get_param_names(), *known]))}"
                )
            if isinstance(self.engine, EngineOptions):
                self.engine = replace(self.engine, **{option: value})
            else:
                self._options = {**self._options, option: value}
        return self

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Return the names of the parameters that have one, as scikit-learn's classes do."""
        given = inspect.signature(cls.__init__).parameters.values()
        return sorted(one.name for one in given if one.name != "self" and one.kind != one.VAR_KEYWORD)
