"""What a model holds about its classes: records, and banks of live ones."""

from preforget.records.bank import PromptBank, slot_block
from preforget.records.membership import Membership, unknown_label
from preforget.records.record import ClassRecord
from preforget.records.unit_bank import UnitBank

__all__ = ["ClassRecord", "Membership", "PromptBank", "UnitBank", "slot_block", "unknown_label"]
