"""Public names of a package that are imported when they are first asked for, so that programs start fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package; `modules`: for each name the module that has it.

    Modules that begin with a dot lie in the package; a module of the name itself is returned as a whole.

    >>> attribute, names = lazily("xml", {"sax": ".sax", "dumps": "json"})
    >>> attribute("sax").__name__, attribute("dumps").__module__, names()
    ('xml.sax', 'json', ['dumps', 'sax'])
    """

    def attribute(name: str) -> Any:
        if name not in modules:
            known = ", ".join(sorted(modules))
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it has: {known}")
        module = import_module(modules[name], package)
        return module if module.__name__ == f"{package}.{name}" else getattr(module, name)

    return attribute, lambda: sorted(modules)
