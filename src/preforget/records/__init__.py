"""What a model holds about its classes: one record each, live records in a bank."""

from preforget.records.bank import SLOT_BLOCK, PromptBank
from preforget.records.record import ClassRecord

__all__ = ["SLOT_BLOCK", "ClassRecord", "PromptBank"]
