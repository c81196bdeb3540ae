"""How the numbers of one input lie in the records of the exact engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

NAME = "layout"
MOST_VIEWS = 8
"""More versions of one input than this can't be those of a model."""


@dataclass(frozen=True)
class Layout:
    """An input is `views` rows, one after another; a row is `features` numbers for scores, then `near` for energies.

    Where `near` is 0, energies use the numbers for scores.
    """

    features: int
    near: int = 0
    views: int = 1

    @property
    def width(self) -> int:
        """How many numbers a row has."""
        return self.features + self.near

    def scored(self, rows: Tensor) -> Tensor:
        """Return what scores are computed from, `float64 [n, features]`, the mean of the versions of each input.

        >>> Layout(1, 1, 2).scored(torch.tensor([[1, 9], [2, 9]], dtype=torch.int16)).tolist()
        [[1.5]]
        """
        wide = rows[:, : self.features].double()
        return wide if self.views == 1 else wide.view(-1, self.views, self.features).mean(dim=1)

    def near_rows(self, rows: Tensor) -> Tensor:
        """Return what energies are computed from, `float64 [n views, near or features]`."""
        return (rows[:, self.features :] if self.near else rows).double()

    def averaged(self, values: Tensor) -> Tensor:
        """Return the mean over the versions of each input, `[n]` of `[n views]`."""
        return values if self.views == 1 else values.view(-1, self.views).mean(dim=1)

    def tensors(self) -> dict[str, Tensor]:
        """Return what a record needs to say of the layout: nothing where it is the plainest, as in older folders."""
        plain = (self.near, self.views) == (0, 1)
        return {} if plain else {NAME: torch.tensor([self.near, self.views])}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], width: int) -> Layout | None:
        """Return the layout of a record whose rows have a width; None for what can't be one."""
        given = tensors.get(NAME)
        if given is None:
            return cls(width)
        if given.shape != (2,) or given.dtype != torch.int64:
            return None
        near, views = given.tolist()
        fits = 0 <= near < width and 1 <= views <= MOST_VIEWS and (near, views) != (0, 1)
        return cls(width - near, near, views) if fits else None
