"""The interface of all engines, and what they share: signed sentences, batches, checkpoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.core.abstain import ABSTAIN
from preforget.core.errors import UsageError
from preforget.core.guarantee import Guarantee
from preforget.core.hashing import value_digest
from preforget.core.keep import single_shares
from preforget.core.paths import absolute_path
from preforget.core.threads import ahead, allowed
from preforget.data.dataset import Images, Labels, Split
from preforget.engines.coverage import ClassCoverage
from preforget.engines.options import EngineOptions
from preforget.metrics.softmax import given_known
from preforget.records import ClassRecord, RecordList, Roster
from preforget.records.record import EVERY_CLASS, relabelled
from preforget.training.checkpoint import Checkpoint, CheckpointFile
from preforget.white_box.surface import Files

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Session:
    """How a learning runs on this machine; none of these options changes what is learned.

    `cache_dir`: keep hidden states in a file there instead of memory; `keep_cache`: leave that file for the next
    learning; `checkpoint`: the file of an unfinished learning, which the caller removes at the end; `show`:
    progress on stderr.
    """

    cache_dir: Path | None = None
    keep_cache: bool = False
    checkpoint: Path | CheckpointFile | None = None
    show: bool = False

    @classmethod
    def of(
        cls,
        cache_dir: str | Path | None,
        keep_cache: bool,
        checkpoint: str | Path | CheckpointFile | None,
        show: bool,
    ) -> Session:
        """Make one from what a user gives; raises `UsageError` for a cache to keep without a folder to keep it in."""
        if keep_cache and cache_dir is None:
            raise UsageError("keep_cache needs cache_dir: the folder where the hidden states are to stay")
        folder = None if cache_dir is None else absolute_path(cache_dir)
        if not isinstance(checkpoint, CheckpointFile | None):
            checkpoint = CheckpointFile(absolute_path(checkpoint))
        return cls(folder, keep_cache, checkpoint, show)


class Engine(ABC):
    """Learns records on a frozen encoder and scores inputs with the live ones.

    An engine is entered with `@ENGINES.register(name)`, which gives it its `name`. `bank` knows the classes; columns
    of `scores` follow `bank.attached`.

    What it promises: `guarantee`, the kind of promise; `meaning`, the promise in one plain sentence; `not_claimed`,
    sentences on what a forgetting leaves behind. All three are signed in every receipt; an engine that is made from
    another one says the first two itself, or can't sign. `adding`: what a class that is added later lacks, if anything.

    What it can do: `options_type`, the class of its options; `knows_subjects`, whether what is known of one person
    can be forgotten by itself; `leaves_share_to_abstain`, whether what its probabilities lack to 1 is that of "none
    of them"; `multilabel_of`, the name of the engine that this one replaces where an input can have several
    labels or none, each with its own probability and threshold; `one_record_per_class`, so that folders with many
    classes needn't be read to count them; `score_rows`, inputs per batch.
    """

    name: ClassVar[str] = ""
    guarantee: ClassVar[Guarantee]
    meaning: ClassVar[str] = ""
    not_claimed: ClassVar[tuple[str, ...]] = ()
    adding: ClassVar[str] = ""
    options_type: ClassVar[type[EngineOptions]] = EngineOptions
    knows_subjects: ClassVar[bool] = False
    multilabel_of: ClassVar[str | None] = None
    leaves_share_to_abstain: ClassVar[bool] = False
    one_record_per_class: ClassVar[bool] = False
    score_rows: ClassVar[int] = 128

    def __init__(self, encoder: Encoder, config: EngineOptions) -> None:
        self.encoder = encoder
        self.config = config

    @property
    def multilabel(self) -> bool:
        """Whether an input can have several labels, or none."""
        return self.multilabel_of is not None

    @classmethod
    def signed_meaning(cls) -> str:
        """Return the sentence that receipts sign; raises `UsageError` for an engine that has none of its own."""
        lacking = [name for name in ("guarantee", "meaning") if not str(vars(cls).get(name, "")).strip()]
        if lacking:
            raise UsageError(
                f"the {cls.name} engine can't sign a receipt: it doesn't say itself what its forgetting promises, and "
                f"another engine's promise isn't its own; give {cls.__name__} a class variable "
                f"{' and one '.join(map(repr, lacking))}"
            )
        return cls.meaning

    @classmethod
    def own_meaning(cls) -> str:
        """Return the sentence that the engine itself says of its promise, empty if it has none."""
        return str(vars(cls).get("meaning", "")).strip()

    @classmethod
    def bank_of(cls, records: Sequence[ClassRecord]) -> Roster:
        """Return the bank of a folder's records, without a backbone; raises `UsageError` if they don't fit together."""
        return RecordList(records)

    @classmethod
    def derive_from(cls, bank: Roster, options: Mapping[str, Any]) -> list[ClassRecord]:
        """Return the records that can be derived from a bank made by `bank_of` and are missing in it; none by default.

        `options` are the engine's, as a model folder holds them. Raises `UsageError` for records or options that
        can't be those of a model.
        """
        return []

    @property
    def needs_others(self) -> bool:
        """Whether `add` needs inputs of other classes, to tell the new one from them."""
        return True

    @property
    @abstractmethod
    def bank(self) -> Roster:
        """The classes that are known."""

    @abstractmethod
    def learn(self, train: Split, validation: Split, session: Session) -> None:
        """Learn every class of `train`; the bank must be empty."""

    @abstractmethod
    def add(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Learn more classes together; `train` holds their inputs and, as negatives, inputs of other live classes."""

    def add_more(self, labels: Sequence[str], train: Split, validation: Split, session: Session) -> None:
        """Learn more inputs of classes that are known; raises `UsageError` in an engine that can't, as by default."""
        raise UsageError(
            f"the {self.name} engine can't learn more inputs of a class that it knows; forget the class, then add it "
            "with all of its inputs"
        )

    def merge(self, into: str, label: str) -> None:
        """Make one class of two: `into` also has what is known of `label`, which is a class no more.

        Raises `UsageError` in an engine that can't, as by default.
        """
        raise UsageError(
            f"the {self.name} engine can't make one class of two: what it learned of each is no sum, and two of them "
            "don't add up to what would be learned of both. Forget both classes, then add one with the inputs of both"
        )

    @classmethod
    def renamed(cls, records: Sequence[ClassRecord], old: str, new: str) -> list[ClassRecord]:
        """Return all records of a model with a class named anew: those that held the name, with new ids, and the rest.

        Raises `UsageError` for records of several classes, in which an engine of its own may hold names, too.
        """
        if any(record.label == EVERY_CLASS or record.partner is not None for record in records):
            raise UsageError(
                f"the {cls.name} engine has records of several classes and doesn't say how a name changes in them"
            )
        return [relabelled(record, old, new) for record in records]

    @abstractmethod
    def evaluate(
        self, inputs: Images, labels: Sequence[str] | None = None, shortlist: int = 0
    ) -> tuple[Scores, Scores]:
        """Return scores `float32 [n, classes]` and confidences `[n]`: the higher, the surer that it is one of `labels`.

        Columns follow `labels`, all attached classes by default. `shortlist`: score only that many classes of each
        input, the others are `-inf`; 0 scores all.
        """

    def scores(self, inputs: Images, labels: Sequence[str] | None = None, shortlist: int = 0) -> Scores:
        """Return the scores alone, see `evaluate`."""
        return self.evaluate(inputs, labels, shortlist)[0]

    @abstractmethod
    def probabilities(self, scores: Scores) -> Scores:
        """Turn scores `[n, classes]` into probabilities of the classes; what a row lacks to 1 is that of abstaining."""

    @abstractmethod
    def threshold(self, keep: float, labels: Sequence[str] | None = None) -> float:
        """Return the confidence that about a share `keep` of the validation inputs of `labels` reaches.

        `labels` are the attached classes by default. It depends on their records alone, and is infinite where there
        is no class.
        """

    def thresholds(self, labels: Sequence[str]) -> Scores:
        """Return the lowest score at which each label is answered, `[labels]`, where an input can have several."""
        raise UsageError(f"the {self.name} engine answers one label per input and has one threshold for all")

    def limits(self, scores: Scores, labels: Sequence[str], keep: float) -> Scores:
        """Return the confidence that each input must reach to be answered, `[n]`: the `threshold` for its best class.

        `keep` may hold shares of single classes, see `core.keep`.
        """
        limits = np.full(len(scores), self.threshold(float(keep), labels), dtype=np.float32)
        for label, share in single_shares(keep).items():
            if label in labels:
                best = scores.argmax(axis=1) == list(labels).index(label)
                limits[best] = self.threshold(share, labels)
        return limits

    def answers(self, scores: Scores, confidence: Scores, labels: Sequence[str], keep: float) -> Labels:
        """Return the best of `labels` for each input `[n]`, or `ABSTAIN` below the limit for `keep`."""
        answers = np.full(len(scores), ABSTAIN, dtype=object)
        sure = confidence >= self.limits(scores, labels, keep)
        answers[sure] = np.array(labels, dtype=object)[scores[sure].argmax(axis=1)]
        return answers

    def class_probabilities(self, scores: Scores, labels: Sequence[str]) -> Scores:
        """Return the probability of each of `labels` given that an input is of one of them, `[n, labels]`.

        Rows sum to 1 where there is a class at all.
        """
        return given_known(self.probabilities(scores), scores)

    def known_probability(
        self, scores: Scores, confidence: Scores, labels: Sequence[str], keep: float
    ) -> Scores:
        """Return how likely each input is of one of `labels`, `[n]`; 0 where there is none.

        An engine whose probabilities leave a share to abstaining says it by that. Of the others it is the logistic
        function of the confidence less its limit: 1/2 where answers begin, and no calibrated probability.
        """
        if not labels:
            return np.zeros(len(scores), dtype=np.float32)
        if self.leaves_share_to_abstain:
            total: Scores = self.probabilities(scores).sum(axis=1).clip(max=1)
            return total
        margin = np.asarray(confidence, dtype=np.float64) - self.limits(scores, labels, keep)
        return np.asarray(0.5 * (1 + np.tanh(margin / 2)), dtype=np.float32)

    def coverage(self, keep: float, labels: Sequence[str] | None = None) -> list[ClassCoverage]:
        """Return how many held-out inputs of each of `labels` are answered; empty where an engine keeps none."""
        return []

    def recalibrate(self, validation: Split) -> None:
        """Form abstention and probabilities anew from held-out inputs; does nothing by default."""
        del validation

    @abstractmethod
    def records(self) -> list[ClassRecord]:
        """Return all that the model holds about its classes, in an order that says nothing about earlier ones."""

    def affected_records(self, label: str | None = None, subject: str | None = None) -> list[ClassRecord]:
        """Return the records that are destroyed when a class or a subject is forgotten.

        Raises `UnknownLabelError` for a name that the model doesn't hold, `UsageError` for a subject in an engine
        that knows none.
        """
        if subject is not None and not self.knows_subjects:
            raise self.no_subjects()
        return self.bank.affected_records(label, subject)

    def affected_by(self, labels: Sequence[str], subjects: Sequence[str] = ()) -> list[ClassRecord]:
        """Return the records that are destroyed when several classes and subjects are forgotten at once."""
        if subjects and not self.knows_subjects:
            raise self.no_subjects()
        records = [record for label in labels for record in self.affected_records(label)]
        records += self.bank.affected_by(labels, subjects)
        return [*{record.id: record for record in records}.values()]

    @classmethod
    def inputs_in(cls, record: ClassRecord) -> int | None:
        """Return how many inputs a record sums up, None for one that isn't a sum."""
        return None

    @abstractmethod
    def forget(self, label: str) -> None:
        """Destroy in memory all that the model holds about a class; raises `UnknownLabelError`."""

    def forget_subject(self, subject: str) -> None:
        """Destroy in memory all that the model holds about a subject; raises `UnknownLabelError`."""
        raise self.no_subjects()

    def add_subject(self, train: Split, validation: Split, session: Session) -> None:
        """Learn inputs of new subjects of classes that are known."""
        raise self.no_subjects()

    @property
    def prompted(self) -> int:
        """How many records hold learned prompts, which a forgetting may drop and `refit` learns again."""
        return 0

    def retained(self, split: Split) -> Split:
        """Return the inputs of `split` whose subject the model still knows; all where it knows none."""
        return split

    def refit(self, train: Split, session: Session) -> int:
        """Learn the prompts again that a forgetting dropped, as they had seen its data; return how many those were."""
        return 0

    @classmethod
    def rewritten(cls, gone: Sequence[ClassRecord]) -> list[ClassRecord]:
        """Return what takes the place of records that concern all classes when all of `gone` is destroyed.

        It may hold nothing of the classes whose own records are in `gone`. None by default. Raises `UsageError` for
        records that can't be those of a model.
        """
        return []

    def take_rewritten(self, records: Sequence[ClassRecord]) -> None:
        """Hold these, which `rewritten` returned, instead of what `forget` made in their place; nothing by default."""
        del records

    @classmethod
    def lacks(cls, options: Mapping[str, Any], records: Sequence[ClassRecord]) -> tuple[str, ...]:
        """Return what a folder of an older format lacks that only data can give, a sentence each; nothing by default.

        Until `renew` or `refit` the model answers by the rules of that format. `options` are as the folder holds them.
        """
        del options, records
        return ()

    def renew(self, train: Split, validation: Split, session: Session) -> bool:
        """Read anew what `lacks` says, from the data that the model was learned from; tell whether there was any."""
        del train, validation, session
        return False

    def derive(self) -> list[ClassRecord]:
        """Derive from the live records those that are missing after a change, insert and return them."""
        return []

    @classmethod
    def no_subjects(cls) -> UsageError:
        """Return the error for an engine that can't tell one person's inputs from another's."""
        return UsageError(
            f"the {cls.name} engine can forget classes, not subjects; learn with engine 'exact' and subjects"
        )

    def shared_tensors(self) -> dict[str, Tensor]:
        """Return the learned tensors that belong to no single class, by name; empty where nothing shared is trained."""
        return {}

    @abstractmethod
    def restore(self, records: Sequence[ClassRecord], shared: dict[str, Tensor]) -> None:
        """Fill an empty engine from records and shared tensors of a model folder; raises `UsageError`."""

    def twin(self) -> Self:
        """Return an engine that has learned the same and can learn more by itself; records may share their tensors.

        What learns more never writes into the tensors of a record that is there already.
        """
        twin = type(self)(self.encoder, self.config)
        twin.restore(self.records(), self.shared_tensors())
        for label in self.bank.labels:
            if self.bank.is_detached(label):
                twin.bank.detach(label)
        return twin

    def surface(self) -> Files:
        """Return the open weights for white-box attacks; raises `UsageError` if the engine has no way to open them."""
        raise UsageError(
            f"the {self.name} engine can't be opened for attacks; choose attacks that need scores alone"
        )

    def clear(self) -> None:
        """Destroy in memory all that was learned."""
        for label in self.bank.labels:
            self.forget(label)

    def pixel_batches(self, inputs: Images) -> Iterator[tuple[int, Tensor]]:
        """Yield start index and normalised pixels of consecutive batches; one is read while another is scored."""
        rows = self.encoder.at_once(self.score_rows)
        parts = (range(start, min(start + rows, len(inputs))) for start in range(0, len(inputs), rows))
        yield from ahead(((part.start, self.encoder.read(inputs, part)) for part in parts), allowed())

    def checkpoint(self, session: Session, digest: str) -> Checkpoint | None:
        """Return the session's checkpoint, if it has one, tied to `digest` and to how the encoder sees inputs."""
        if session.checkpoint is None:
            return None
        seen = [asdict(self.encoder.preprocessing), str(self.encoder.dtype)]
        return Checkpoint(session.checkpoint, value_digest([digest, *seen]))
