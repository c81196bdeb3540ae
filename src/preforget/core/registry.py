"""Tables of named things: ours, found in a package, and those of installed extensions, found by entry points."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakSet

from preforget.core.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

T = TypeVar("T")

NOT_SENT = ("preforget", "__main__", "__mp_main__")
"""Modules that every process has: this package, and the program that was started."""

_registries: WeakSet[Registry[Any]] = WeakSet()


def extension_modules() -> list[str]:
    """Return the modules by which extensions of all kinds came in: what another process must import first."""
    return sorted({module for registry in _registries for module in registry.extension_modules()})


@lru_cache(maxsize=32)
def _installed(group: str, paths: tuple[tuple[str, int], ...]) -> EntryPoints:
    """Return what installed packages offer; `paths`: the folders that are searched, and when each changed last.

    Every package's metadata is read for it, so it is read again only after something was installed.
    """
    from importlib.metadata import entry_points  # late: it takes as long as all that the command line needs

    return entry_points(group=group)


def _changed(folder: str) -> int:
    """Return when a folder changed last, 0 for the one a program works in: its own files change all the time."""
    try:
        return Path(folder).stat().st_mtime_ns if folder else 0
    except OSError:
        return 0


class Registry(Generic[T]):
    """Maps names to things of one kind; an unknown name lists the known ones, a second entry is an error.

    `kind` is what an entry is called in messages. `package`: where our own entries lie, each in a module that enters
    it by `register`; `group`: the entry points of extensions, each named as what it enters. Both are read when a
    name is looked up that isn't there yet, or when names are listed: in a worker process too. A broken extension
    stops only who asks for it by name or lists all.
    """

    def __init__(self, kind: str, *, package: str | None = None, group: str | None = None) -> None:
        self.kind = kind
        self.package, self.group = package, group
        self._entries: dict[str, T] = {}
        self._aliases: dict[str, str] = {}
        self._modules: dict[str, str] = {}
        self._found_ours = package is None
        self._loaded: set[str] = set()
        _registries.add(self)

    def register(
        self, name: str, *, aliases: tuple[str, ...] = (), module: str | None = None
    ) -> Callable[[T], T]:
        """Return a decorator that enters its argument under `name`; raises `ValueError` if the name is taken.

        `aliases`: names of earlier versions, which are found and not listed; `module`: where the entry is made, for
        one that can't tell by `__module__`.
        """

        def enter(entry: T) -> T:
            for entry_name in (name, *aliases):
                if entry_name in self._entries or entry_name in self._aliases:
                    raise ValueError(f"{self.kind} {entry_name!r} is registered twice")
            self._entries[name] = entry
            self._aliases.update(dict.fromkeys(aliases, name))
            self._modules[name] = module or str(getattr(entry, "__module__", ""))
            return entry

        return enter

    def __getitem__(self, name: str) -> T:
        if not self._finds(name):
            self._load_extensions()
            known = ", ".join(self)
            raise UsageError(f"unknown {self.kind} {name!r}; choose one of: {known}")
        return self._entries[self._aliases.get(name, name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._finds(name)

    def __iter__(self) -> Iterator[str]:
        self._load_extensions()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self) -> list[tuple[str, T]]:
        """Return names and entries, sorted by name."""
        return [(name, self._entries[name]) for name in self]

    def extension_modules(self) -> list[str]:
        """Return the modules outside this package that have entered something and that can be imported by name."""
        modules = {m for m in self._modules.values() if m and m.split(".")[0] not in NOT_SENT}
        # Code that was run from a file has no spec, nor has a script: whoever ran it must run it again elsewhere.
        return sorted(m for m in modules if getattr(sys.modules.get(m), "__spec__", None) is not None)

    def _finds(self, name: str) -> bool:
        if self._has(name):
            return True
        self._load_ours()
        for point in self._entry_points():
            if point.name == name and not self._has(name):
                self._load(point)
        return self._has(name)

    def _has(self, name: str) -> bool:
        return name in self._entries or name in self._aliases

    def _load_ours(self) -> None:
        if self._found_ours:
            return
        self._found_ours = True  # before the imports: a module may look a name up while it is imported
        assert self.package is not None
        for module in pkgutil.iter_modules(import_module(self.package).__path__):
            import_module(f"{self.package}.{module.name}")

    def _load_extensions(self) -> None:
        self._load_ours()
        for point in self._entry_points():
            self._load(point)

    def _entry_points(self) -> list[EntryPoint]:
        if self.group is None:
            return []
        points = _installed(self.group, tuple((path, _changed(path)) for path in sys.path))
        return sorted(points, key=lambda point: point.name)

    def _load(self, point: EntryPoint) -> None:
        if point.value in self._loaded:
            return
        try:
            point.load()
        except Exception as error:
            package = "an installed package" if point.dist is None else point.dist.name
            raise UsageError(
                f"the {self.kind} {point.name!r} of {package} can't be loaded: {type(error).__name__}: {error}; "
                "mend or uninstall it"
            ) from error
        self._loaded.add(point.value)
        if not self._has(point.name):
            raise UsageError(
                f"the entry point {point.name!r} of {self.group} enters no {self.kind} of that name; "
                f"write @….register({point.name!r}) above what {point.value} names"
            )
