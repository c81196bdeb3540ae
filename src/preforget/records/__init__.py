"""What a model holds about its classes: records, and banks of live ones."""

from preforget.records.bank import PromptBank, slot_block
from preforget.records.record import ClassRecord
from preforget.records.record_list import RecordList
from preforget.records.roster import Roster, unknown_label
from preforget.records.unit_bank import UnitBank, unknown_subject

__all__ = [
    "ClassRecord",
    "PromptBank",
    "RecordList",
    "Roster",
    "UnitBank",
    "slot_block",
    "unknown_label",
    "unknown_subject",
]
