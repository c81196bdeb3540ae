"""Which configurations a method may try: its defaults first, then a seeded sample of its search space."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from preforget.baselines import Method
from preforget.core.errors import UsageError
from preforget.core.seeds import derive_seed

Options = dict[str, Any]
Space = Mapping[str, tuple[Any, ...]]


def space_of(kind: type[Method], fixed: Mapping[str, Any], search: Space | None) -> Space:
    """Return the options and values that are searched: the method's own or `search`, without those in `fixed`."""
    full_space = kind.search if search is None else search
    return {name: tuple(values) for name, values in full_space.items() if name not in fixed}


def candidates(
    kind: type[Method], fixed: Mapping[str, Any], search: Space | None, trials: int, seed: int
) -> list[Options]:
    """Return at most `trials` different configurations, all options spelled out: defaults, then a sample of the grid.

    The defaults are those of the method's paper if it names them. Every method has the same number of trials; one with
    a smaller space tries all of it. A larger budget continues where a smaller one ended.
    """
    space = space_of(kind, fixed, search)
    grid: list[Options] = [dict(zip(space, values, strict=True)) for values in product(*space.values())]
    order = np.random.default_rng(derive_seed(seed, "trials", kind.name)).permutation(len(grid))
    in_order = [{}, *(grid[index] for index in order)]
    chosen: list[Options] = []
    for options in in_order:
        complete = kind.config_type.from_options({**fixed, **options}).as_dict()
        if complete not in chosen:
            chosen.append(complete)
        if len(chosen) == trials:
            break
    return chosen


def check_space(kind: type[Method], fixed: Mapping[str, Any], search: Space | None) -> None:
    """Raise `UsageError` for options or values that the method can't use, or that are both fixed and searched."""
    both = sorted(set(fixed) & set(search or {}))
    if both:
        raise UsageError(
            f"{both[0]} of {kind.name} is both fixed and searched; leave it out of one of the two"
        )
    kind.config_type.from_options(fixed)
    for name, values in space_of(kind, fixed, search).items():
        for value in values:
            kind.config_type.from_options({**fixed, name: value})
