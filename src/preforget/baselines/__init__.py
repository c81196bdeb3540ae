"""What the engines are compared with: ordinary classifiers, and unlearning after the fact.

`METHODS` names every method; importing this room enters those below, and `@METHODS.register` enters another.
"""

from preforget.baselines import (
    bad_teacher,
    boundary_shrink,
    drop_row,
    drop_row_and_refit,
    fine_tune,
    fisher,
    l1_sparse,
    neg_grad_plus,
    random_label,
    retrain,
    ridge_head,
    salun,
    scrub,
    ssd,
    unsir,
)
from preforget.baselines.lora_head import LoraHead, LoraHeadConfig
from preforget.baselines.method import METHODS, Classifier, Method
from preforget.baselines.read_once import read_once

__all__ = [
    "METHODS",
    "Classifier",
    "LoraHead",
    "LoraHeadConfig",
    "Method",
    "bad_teacher",
    "boundary_shrink",
    "drop_row",
    "drop_row_and_refit",
    "fine_tune",
    "fisher",
    "l1_sparse",
    "neg_grad_plus",
    "random_label",
    "read_once",
    "retrain",
    "ridge_head",
    "salun",
    "scrub",
    "ssd",
    "unsir",
]
