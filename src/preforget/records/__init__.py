"""What a model holds about its classes: one record each, live records in a bank."""

from preforget.records.bank import PromptBank, slot_block
from preforget.records.record import ClassRecord

__all__ = ["ClassRecord", "PromptBank", "slot_block"]
