"""What the engines are compared with: ordinary classifiers, and unlearning after the fact.

`METHODS` has every method by name: those of this package, each in its own file, and those of extensions. A method
of your own is a class, registered by `@METHODS.register(name)`, in a file that imports what it needs from here.
"""

from preforget.baselines.descent import cross_entropy, descend
from preforget.baselines.examples import Examples, reading
from preforget.baselines.lora_head import LoraHead, LoraHeadConfig
from preforget.baselines.method import METHODS, Classifier, DescentConfig, Grid, Method
from preforget.baselines.read_once import read_once
from preforget.core.options import Options

__all__ = [
    "METHODS",
    "Classifier",
    "DescentConfig",
    "Examples",
    "Grid",
    "LoraHead",
    "LoraHeadConfig",
    "Method",
    "Options",
    "cross_entropy",
    "descend",
    "read_once",
    "reading",
]
