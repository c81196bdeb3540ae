"""What is derived from units, and kept in memory or as records of pairs: discriminants, covariances, energies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Generic, TypeVar

import torch
from torch import Tensor

from preforget.core.errors import UsageError
from preforget.engines import few_inputs
from preforget.engines.covariance import FullCovariance
from preforget.engines.discriminant import Gaussian, between_removed, pair, pooled, ridge, shrunk
from preforget.engines.heads import Heads, PairHeads, PooledHeads, RidgeHead
from preforget.records import ClassRecord, UnitBank
from preforget.records.moments import Moments, summed
from preforget.records.units import unit_moments

FLOOR_SHARE = 1e-3
"""The least variance that energies see, as a share of that of a normalised state."""

ESTIMATED = 1.0
"""The strength of shrinkage that estimating a covariance asks for; classifying needs more."""

MOST_PAIRED = 32
"""Up to so many classes have a discriminant per pair; more share one covariance."""

PAIR_ROW = "pair_row"
PAIR_BIAS = "pair_bias"
KEPT_BYTES = 2**30

RIDGE_PENALTY = 1e-5
"""What is added to the scatter of the regression, as a share of its mean variance."""

MANY_FEATURES = 1536
"""From so many features on the regression to all classes counts as much as its inputs allow."""


Kept = TypeVar("Kept")

MOST_STRENGTH = 1e6
"""Upper bound of how much more than estimated the covariance may be shrunk."""


def missing_pairs(
    bank: UnitBank, labels: Sequence[str], strength: float, by_rows: bool = True
) -> list[ClassRecord]:
    """Return records of the discriminants of pairs of `labels` that are not in the bank; none for many labels.

    They need no backbone. A pair's bits depend on the units of its two classes alone, the form that it is solved in on
    their counts; `by_rows=False`, for folders of format 2, always takes moments. Raises `UsageError` for units or a
    strength that can't be those of a model.
    """
    if isinstance(strength, bool) or not 0 < strength < MOST_STRENGTH:
        raise UsageError("the strength of the shrinkage is out of range")
    if len(labels) > MOST_PAIRED:
        return []
    missing = [names for names in combinations(sorted(labels), 2) if names not in bank.pairs]
    moments = _Cached(bank.moments, max(2, KEPT_BYTES // (8 * bank.features**2)))
    rows = _Cached(bank.scored_rows, max(2, KEPT_BYTES // (2 * bank.features**2)))
    made = []
    for names in missing:
        first, second = names
        try:
            if by_rows and few_rows(bank, names, bank.features):
                row, bias = few_inputs.pair(*rows.both(names), strength)
            else:
                row, bias = pair(*moments.both(names), strength)
        except (ArithmeticError, torch.linalg.LinAlgError) as error:  # type: ignore[attr-defined]
            raise UsageError(
                "no discriminant follows from the units of two classes: they are damaged"
            ) from error
        made.append(ClassRecord(first, {PAIR_ROW: row, PAIR_BIAS: bias}, partner=second))
    return made


def few_rows(bank: UnitBank, labels: Sequence[str], width: int) -> bool:
    """Return whether classes have fewer rows than `width`, so that their rows are solved for instead of moments."""
    return sum(map(bank.count, labels)) < width


def regression_share(inputs: int, features: int) -> float:
    """Return how much of its weight a regression of `features` numbers deserves that was fitted to so many inputs.

    `|n - F| / min(n, F)`, at most 1: noise adds the inverse of that times its variance to what least squares say of new
    inputs, which is most where there are as many inputs as features and little where there are many more or many fewer
    (Hastie et al., Annals of Statistics 50, 2022). `F / 1536`, at most 1: where features are few, a straight line from
    them to one number per class is nowhere highest for a class that lies between others ("masking": Hastie, Tibshirani
    and Friedman, The Elements of Statistical Learning, section 4.2). Both depend on live classes alone.

    >>> [round(regression_share(n, f), 3) for n, f in [(100, 4), (12000, 1536), (640, 384), (1536, 1536), (480, 1536)]]
    [0.003, 1.0, 0.167, 0.0, 1.0]
    """
    apart = abs(inputs - features) / max(1, min(inputs, features))
    return min(1.0, apart) * min(1.0, features / MANY_FEATURES)


class _Cached(Generic[Kept]):
    """The last `most` of what `make` returned of labels."""

    def __init__(self, make: Callable[[str], Kept], most: int) -> None:
        self._make, self._most = make, most
        self._kept: dict[str, Kept] = {}

    def both(self, names: tuple[str, str]) -> tuple[Kept, Kept]:
        for name in names:
            if name not in self._kept:
                if len(self._kept) >= self._most:
                    del self._kept[next(old for old in self._kept if old not in names)]
                self._kept[name] = self._make(name)
        return self._kept[names[0]], self._kept[names[1]]


@dataclass(frozen=True)
class Rules:
    """How heads follow from units.

    `strength`: how much more than estimated the covariance of a pair is shrunk; `near`: how many of the first numbers
    for energies are used; `ridge`: how much the regression to all classes counts; `floor`: the least variance that
    energies see, in units of rounding, None in folders of format 2, whose energies are shrunk as pairs are.
    """

    strength: float
    near: int
    ridge: float = 0.0
    floor: float | None = None

    @property
    def by_rows(self) -> bool:
        """Whether fewer rows than features are solved for themselves: not in folders of format 2."""
        return self.floor is not None


class Derived:
    """Heads of the classes that are scored, made by `rules` when they are first needed."""

    def __init__(self, bank: UnitBank, rules: Rules) -> None:
        self.bank, self.rules = bank, rules
        self._gaussians: dict[str, Gaussian] = {}
        self._whole: Moments | None = None
        self._heads: dict[tuple[str, ...], Heads] = {}

    def near_rows(self, rows: Tensor) -> Tensor:
        """Return what energies are computed from, `float64 [n versions, near]`, of rows as units hold them."""
        return self.bank.layout.near_rows(rows)[:, : self.rules.near]

    def heads(self, labels: Sequence[str]) -> Heads:
        """Return the heads of `labels`, sorted; they depend on the units of these classes alone."""
        key, known = (
            tuple(labels),
            self._heads,
        )  # one dictionary for this call: another thread may make a new one
        if key not in known:
            few = len(labels) <= MOST_PAIRED
            heads = self._paired(labels) if few else self._pooled(labels)
            self._heads = {key: heads}
            return heads
        return known[key]

    def changed(self, labels: Iterable[str]) -> None:
        """Drop what was derived from the units of `labels`."""
        for heads in self._heads.values():
            heads.wipe()  # freed memory keeps its content
        self._heads = {}
        for label in labels:
            if label in self._gaussians:
                self._gaussians.pop(label).wipe()

    def start_from(self, other: Derived) -> None:
        """Take over the sum over all classes from one that has seen the same units; what is derived is made anew."""
        whole = other._whole
        if whole is not None:
            self._whole = replace(whole, total=whole.total.clone(), scatter=whole.scatter.clone())

    def wipe(self) -> None:
        """Overwrite all that was derived."""
        self.changed([*self._gaussians])
        if self._whole is not None:
            self._whole.total.zero_()
            self._whole.scatter.zero_()
            self._whole = None

    def joining(self, units: Iterable[ClassRecord]) -> None:
        """Add new units to the sum over all classes, if there is one; exact, as if they had always been in it."""
        for unit in units:
            if self._whole is not None:
                self._whole = self._whole + unit_moments(unit)

    def leaving(self, units: Iterable[ClassRecord]) -> None:
        """Subtract units that are about to be erased from the sum over all classes; exact, so no bit of them stays."""
        for unit in units:
            if self._whole is not None:
                part, whole = unit_moments(unit), self._whole
                self._whole = replace(whole, count=whole.count - part.count)
                whole.total.sub_(part.total)
                whole.scatter.sub_(part.scatter)

    def _paired(self, labels: Sequence[str]) -> PairHeads:
        made = missing_pairs(self.bank, labels, self.rules.strength, self.rules.by_rows)
        known = {**self.bank.pairs, **{(r.label, str(r.partner)): r for r in made}}
        tensors = [known[names].tensors for names in combinations(labels, 2)]
        none = torch.zeros(0, dtype=torch.float64)
        rows = torch.stack([t[PAIR_ROW] for t in tensors]) if tensors else none.view(0, self.bank.features)
        biases = torch.stack([t[PAIR_BIAS] for t in tensors]) if tensors else none
        heads = PairHeads(
            rows,
            biases,
            [self._gaussian(label) for label in labels],
            self._ridge(labels) if len(labels) > 1 else None,
        )
        if self.rules.floor is not None:
            layout = self.bank.layout
            heads.measure([layout.scored(self.bank.held_out(label)) for label in labels])
        return heads

    def _gaussian(self, label: str) -> Gaussian:
        if label not in self._gaussians:
            self._gaussians[label] = self._fit(label)
        return self._gaussians[label]

    def _fit(self, label: str) -> Gaussian:
        bank, floor = self.bank, self.rules.floor
        if floor is None:
            return Gaussian.of(self._nearest(bank.near_moments(label)), self.rules.strength)
        if few_rows(bank, [label], min(self.rules.near, bank.layout.near or bank.features)):
            return few_inputs.gaussian(bank.near_rows(label)[:, : self.rules.near], floor=floor)
        return Gaussian.typical_of(self._nearest(bank.near_moments(label)), floor)

    def _ridge(self, labels: Sequence[str]) -> RidgeHead | None:
        share = regression_share(self._inputs(labels), self.bank.features)
        if not share * self.rules.ridge:
            return None
        if self._few(labels):
            solved = few_inputs.ridge([self.bank.scored_rows(label) for label in labels], RIDGE_PENALTY)
        else:
            solved = ridge(*self._sums(labels), RIDGE_PENALTY)
        return RidgeHead(*solved, share * self.rules.ridge)

    def _inputs(self, labels: Sequence[str]) -> int:
        return sum(map(self.bank.count, labels)) // self.bank.layout.views

    def _few(self, labels: Sequence[str]) -> bool:
        return self.rules.by_rows and few_rows(self.bank, labels, self.bank.features)

    def _sums(self, labels: Sequence[str]) -> tuple[Moments, list[tuple[int, Tensor]]]:
        """Return the moments of all images of `labels`, and count and total of each; exact, however they are summed."""
        parts = [self.bank.total(label) for label in labels]
        if self._whole is None and 2 * len(labels) < len(self.bank.labels):
            return summed(map(self.bank.moments, labels), self.bank.features), parts
        if self._whole is None:
            self._whole = summed(map(self.bank.moments, self.bank.labels), self.bank.features)
        whole = self._whole
        for label in set(self.bank.labels) - set(labels):
            whole = whole - self.bank.moments(label)
        return whole, parts

    def _pooled(self, labels: Sequence[str]) -> PooledHeads:
        strength = self.rules.strength
        added = self._ridge(labels)
        if self._few(labels):
            of = [self.bank.scored_rows(label) for label in labels]
            rows, biases = few_inputs.pooled(of, strength)
            means, _ = few_inputs.means_and_centred(of)
            background = few_inputs.gaussian(torch.cat(of))
            return PooledHeads(
                rows, biases, means, few_inputs.spread_within(of, ESTIMATED), added, background
            )
        whole, parts = self._sums(labels)
        rows, biases = pooled(whole, parts, strength)
        if self.rules.floor is not None:
            means = torch.stack([total / count for count, total in parts])
            spread = shrunk(between_removed(whole, parts), whole.count, ESTIMATED)
            spread_of_images = Gaussian(means[0], FullCovariance(spread))
            return PooledHeads(rows, biases, means, spread_of_images, added, Gaussian.of(whole, ESTIMATED))
        close, near = self._nearest(whole), self.rules.near
        near_parts = [(count, total[:near]) for count, total in parts]
        means = torch.stack([total / count for count, total in near_parts])
        covariance = shrunk(between_removed(close, near_parts), close.count, strength)
        return PooledHeads(rows, biases, means, Gaussian(means[0], FullCovariance(covariance)), added)

    def _nearest(self, moments: Moments) -> Moments:
        near = self.rules.near
        return Moments(moments.count, moments.total[:near], moments.scatter[:near, :near])
