"""The engines by name: those of this package, and those of extensions."""

from __future__ import annotations

from collections.abc import Callable

from preforget.core.errors import UsageError
from preforget.core.guarantee import Guarantee
from preforget.core.registry import Registry
from preforget.engines.base import Engine
from preforget.engines.options import EngineOptions


class EngineRegistry(Registry[type[Engine]]):
    """Engines by name; an engine gets its `name` where it is registered."""

    def register(
        self, name: str, *, aliases: tuple[str, ...] = (), module: str | None = None
    ) -> Callable[[type[Engine]], type[Engine]]:
        """Return a decorator that enters an engine and gives it its name.

        Raises `ValueError` if the name is taken, if the engine doesn't say what kind of promise it makes, and if
        another engine has the same class of options.
        """
        enter = super().register(name, aliases=aliases, module=module)

        def named(kind: type[Engine]) -> type[Engine]:
            if not isinstance(getattr(kind, "guarantee", None), Guarantee):
                kinds = ", ".join(f"Guarantee.{one.name}" for one in Guarantee)
                raise ValueError(f"the engine {name!r} needs a class variable 'guarantee', one of: {kinds}")
            if kind.multilabel_of is None and (other := self._of_options(kind.options_type)):
                raise ValueError(
                    f"the engines {other!r} and {name!r} have the same options, {kind.options_type.__name__}, which "
                    f"say what engine is meant; give {name!r} a subclass of its own"
                )
            enter(kind)
            kind.name = name
            return kind

        return named

    def of_options(self, options: EngineOptions) -> type[Engine]:
        """Return the engine that an options object is of; raises `UsageError` if it is of none."""
        names = choices()  # finds extensions, too
        name = self._of_options(type(options))
        if name is None:
            raise UsageError(
                f"{type(options).__name__} is the options of no engine; there are: {', '.join(names)}"
            )
        return self[name]

    def _of_options(self, options_type: type[EngineOptions]) -> str | None:
        for name, kind in self._entries.items():
            if kind.options_type is options_type and kind.multilabel_of is None:
                return name
        return None


ENGINES = EngineRegistry("engine", package="preforget.engines", group="preforget.engines")


def choices() -> list[str]:
    """Return the names that users choose among, sorted.

    For data with several labels per input, the multilabel engine that replaces the chosen one is taken.
    """
    return [name for name, kind in ENGINES.items() if kind.multilabel_of is None]


def for_multilabel(engine: Engine) -> Engine:
    """Return an engine that has learned nothing, for several labels per input; raises `UsageError` if there is none."""
    if engine.multilabel:
        return engine
    stand_ins = {kind.multilabel_of: kind for _, kind in ENGINES.items() if kind.multilabel_of is not None}
    if engine.name not in stand_ins:
        raise UsageError(
            f"the {engine.name} engine learns one label per input; for several choose "
            f"{' or '.join(sorted(stand_ins, reverse=True))}"
        )
    return stand_ins[engine.name](engine.encoder, engine.config)
