from __future__ import annotations

from types import SimpleNamespace

import pytest

from preforget.core.errors import UsageError
from preforget.engines.options import Isolated
from preforget.engines.options.isolated import STEPS


def test_the_schedule_follows_from_the_number_of_images() -> None:
    config = Isolated()
    assert config.schedule(64).batch_size == 16
    assert config.schedule(10**6).batch_size == 128
    chosen = Isolated(epochs=3, batch_size=7).schedule(100)
    assert (chosen.epochs, chosen.batch_size) == (3, 7)
    assert Isolated().schedule(1600).epochs == STEPS * 50 // 1600


@pytest.mark.parametrize("epochs", [0, 1.5, True])
def test_passes_are_whole_numbers_or_follow_from_the_data(epochs: object) -> None:
    with pytest.raises(UsageError, match="epochs must be a whole number of at least 1"):
        Isolated(epochs=epochs)  # type: ignore[arg-type]


def test_paths_begin_late_on_backbones_larger_than_vit_b() -> None:
    def of(dim: int, depth: int) -> int | None:
        return Isolated().resolved(SimpleNamespace(dim=dim, depth=depth)).first_block

    assert (of(192, 12), of(768, 12), of(1024, 24), of(1536, 40)) == (0, 0, 20, 36)
    assert Isolated(first_block=3).resolved(SimpleNamespace(dim=1536, depth=40)).first_block == 3
