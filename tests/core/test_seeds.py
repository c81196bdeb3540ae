from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from preforget.core.seeds import derive_seed

PATHS = st.lists(st.text(alphabet="ab1\x1f", max_size=3) | st.integers(0, 20), max_size=3).map(tuple)


def test_it_is_the_same_on_every_machine() -> None:
    assert derive_seed(0, "order", 1) == 1142075107914471745


@given(st.integers(), PATHS)
def test_it_fits_every_generator(seed: int, path: tuple[str | int, ...]) -> None:
    assert 0 <= derive_seed(seed, *path) < 2**63


@given(st.integers(0, 3), PATHS, st.integers(0, 3), PATHS)
def test_other_paths_give_other_seeds(
    seed: int, path: tuple[str | int, ...], other_seed: int, other: tuple[str | int, ...]
) -> None:
    same = (seed, path) == (other_seed, other)
    assert (derive_seed(seed, *path) == derive_seed(other_seed, *other)) == same
