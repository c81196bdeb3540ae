"""How far a student's answers are from a teacher's, for methods that learn from teachers."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def divergence(teacher: Tensor, student: Tensor, temperature: float = 1.0) -> Tensor:
    """Return `KL(softmax(teacher / T) || softmax(student / T))` of each row of logits `[batch, classes]`, `[batch]`."""
    expected = F.log_softmax(teacher / temperature, dim=1)
    student_log = F.log_softmax(student / temperature, dim=1)
    return F.kl_div(student_log, expected, reduction="none", log_target=True).sum(dim=1)
