"""What a model knows, read at once: all of it is true of one standing."""

from __future__ import annotations

from dataclasses import dataclass, field

from preforget.backbones.licence import licence_of
from preforget.classifier import PreForgettableClassifier
from preforget.classifier.labels import ordered
from preforget.classifier.turns import reads
from preforget.serve.membership import Standing


@dataclass(frozen=True)
class Known:
    """One class: whether it is left out of answers for now."""

    label: str = field(repr=False)
    detached: bool


@dataclass(frozen=True)
class Knowledge:
    """What a model is and holds; names are left out of the repr."""

    classes: list[Known] = field(repr=False)
    subjects: list[str] = field(repr=False)
    records: int
    epoch: int
    engine: str
    guarantee: str
    meaning: str
    forgets_subjects: bool
    encoder: str
    licence: str
    keep: float
    sealed: bool
    copies: list[str]
    kind: str

    @property
    def detached(self) -> int:
        """How many classes are left out of answers."""
        return sum(known.detached for known in self.classes)


@reads
def knowledge_of(model: PreForgettableClassifier) -> tuple[Standing, Knowledge]:
    """Return what a model knows, and the standing that this is true of."""
    folder, engine = model.folder, model.engine_
    assert folder is not None
    manifest, bank = folder.manifest, engine.bank
    encoder = manifest.backbone
    knowledge = Knowledge(
        classes=[Known(label, bank.is_detached(label)) for label in ordered(bank.labels, model._label_kind)],
        subjects=list(bank.subjects),
        records=len(folder.live),
        epoch=manifest.generation,
        engine=engine.name,
        guarantee=engine.guarantee.value,
        meaning=engine.signed_meaning(),
        forgets_subjects=engine.knows_subjects,
        encoder=str(encoder["id"]),
        licence=str(encoder.get("licence") or licence_of(str(encoder["id"]), encoder.get("revision"))),
        keep=float(manifest.keep),
        sealed=bool(manifest.sealed),
        copies=sorted(str(copy["kind"]) for copy in manifest.copies.values()),
        kind=str(engine.encoder.kind),
    )
    return Standing.of(manifest), knowledge
