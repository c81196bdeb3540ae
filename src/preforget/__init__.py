"""Classifiers on a frozen encoder that can forget a class at once, and prove it."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from preforget.core.abstain import ABSTAIN
from preforget.core.lazy import lazily
from preforget.core.version import __version__

if TYPE_CHECKING:
    from preforget import engines
    from preforget.audit.certificate import certify
    from preforget.audit.examine import examine
    from preforget.audit.run import audit
    from preforget.backbones import encoder_from, load_backbone
    from preforget.benchmark.bench import bench
    from preforget.classifier import PreForgettableClassifier
    from preforget.core.errors import PreforgetError
    from preforget.data import load_data
    from preforget.erasure.verify import verify_receipt
    from preforget.serve.client import Client

__all__ = [
    "ABSTAIN",
    "Client",
    "PreForgettableClassifier",
    "PreforgetError",
    "__version__",
    "audit",
    "bench",
    "certify",
    "encoder_from",
    "engines",
    "examine",
    "load_backbone",
    "load_data",
    "verify_receipt",
]

__getattr__, _ = lazily(
    __name__,
    {
        "Client": ".serve.client",
        "PreForgettableClassifier": ".classifier",
        "PreforgetError": ".core.errors",
        "bench": ".benchmark.bench",
        "certify": ".audit.certificate",
        "encoder_from": ".backbones",
        "engines": ".engines",
        "examine": ".audit.examine",
        "load_backbone": ".backbones",
        "load_data": ".data",
        "verify_receipt": ".erasure.verify",
    },
)


class _Package(ModuleType):
    """This package, whose `audit` is always the function, though a package of that name lies in it."""

    def __dir__(self) -> list[str]:
        return sorted({*__all__, *(name for name in vars(self) if name.startswith("__"))})

    @property
    def audit(self) -> Any:
        """The function, with the package's modules as attributes: `import preforget.audit.run as x` reads them."""
        function = import_module("preforget.audit.run").audit
        vars(function).update(
            {
                name: value
                for name, value in vars(sys.modules["preforget.audit"]).items()
                if type(value) is ModuleType
            }
        )
        return function

    @audit.setter
    def audit(self, module: ModuleType) -> None:
        """Drop what the import system sets here when it has imported the package of that name."""


sys.modules[__name__].__class__ = _Package
