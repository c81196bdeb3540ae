"""What a person should know before something is forgotten, beside what goes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from preforget.core.names import printable
from preforget.erasure.plan import Plan
from preforget.records import ClassRecord

FEW_INPUTS = 5
"""Of fewer inputs, whoever has a model from before and after can work out what they were."""
MOST_SHOWN = 10


def forewarnings(planned: Plan, records: Sequence[ClassRecord]) -> list[str]:
    """Return warnings as sentences, which may name classes; `records`: all of the model."""
    sentences = []
    few = fewest_inputs(planned)
    if few is not None and few < FEW_INPUTS:
        sentences.append(
            f"as few as {few} inputs go: whoever has this model or its scores from before and after can "
            f"work them out; forget at least {FEW_INPUTS} at once if requests can wait for each other"
        )
    nobodys = {r.label for r in records if r.label and r.subject is None and r.partner is None}
    if nobodys and any(target.what == "subject" for target in planned.targets):
        sentences.append(
            f"{len(nobodys)} classes have inputs that were learned without a person: {_listed(nobodys)}; "
            "whether some of them are of a person to be forgotten, the model can't tell"
        )
    return sentences


def fewest_inputs(planned: Plan) -> int | None:
    """Return of how few inputs a sum changes in which what is forgotten had a part; None without sums."""
    by_class: dict[str, int] = {}
    for record in planned.records:
        count = planned.engine.inputs_in(record)
        if count:
            by_class[record.label] = by_class.get(record.label, 0) + count
    return min(by_class.values(), default=None)


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(printable(name) for name in sorted(names)[:MOST_SHOWN])
    return shown + (" …" if len(names) > MOST_SHOWN else "")
