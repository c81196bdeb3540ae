from __future__ import annotations

import pytest

from preforget.core.errors import UsageError
from preforget.engines.shards import Shard


@pytest.mark.parametrize("count", [1, 2, 3, 7, 30])
def test_every_batch_is_of_one_shard_in_order(count: int) -> None:
    sizes = [128, 5, 128, 128, 0, 60, 1, 128]
    shards = [Shard(number, count).chosen(sizes) for number in range(1, count + 1)]
    owners = [[n for n, chosen in enumerate(shards) if chosen[i]] for i, size in enumerate(sizes) if size]
    assert all(len(owner) == 1 for owner in owners)
    assert owners == sorted(owners)


def test_what_a_shard_is_called() -> None:
    assert Shard.parse("2/7") == Shard(2, 7)
    assert str(Shard(2, 7)) == "2/7"
    for text in ("2", "2/x", "1/2/3", ""):
        with pytest.raises(UsageError, match="is no shard: give i/n"):
            Shard.parse(text)
    for text in ("0/3", "4/3", "1/10001"):
        with pytest.raises(UsageError, match=f"{text} is no shard"):
            Shard.parse(text)
