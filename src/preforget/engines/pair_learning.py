"""Learns the prompts of pairs of classes of the exact engine, one pair after another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from preforget.backbones.encoder import Encoder
from preforget.core.errors import DataError
from preforget.data.dataset import Split
from preforget.engines.base import Session
from preforget.engines.pair_prompts import PREFIX, Recipe, learn_pair
from preforget.records import ClassRecord, UnitBank
from preforget.records.unit_bank import Pair
from preforget.training.progress import track
from preforget.training.state_cache import StateCache


def learn_prompts(
    encoder: Encoder,
    recipe: Recipe,
    bank: UnitBank,
    train: Split,
    pairs: Sequence[Pair],
    session: Session,
) -> None:
    """Learn the prompts of `pairs` and put them into their records; raises `DataError` if a class has no images."""
    needed = sorted({label for pair in pairs for label in pair})
    lacking = sorted(set(needed) - set(train.labels))
    if lacking:
        raise DataError(
            f"the prompts of {len(pairs)} pairs need inputs of {len(needed)} classes, and the data hold none of "
            f"{', '.join(map(repr, lacking[:3]))}; give the inputs that these classes were learned from"
        )
    with ExitStack() as stack:
        caches = {
            label: stack.enter_context(
                StateCache(
                    encoder,
                    train.only(label),
                    first_block=recipe.first_block,
                    last_block=encoder.depth - 1,
                    cache_dir=session.cache_dir,
                    keep=session.keep_cache,
                    show=session.show,
                )
            )
            for label in needed
        }
        for pair in track(pairs, total=len(pairs), what="learning", unit="pair", show=session.show):
            first, second = pair
            learned = learn_pair(encoder, recipe, pair, (caches[first], caches[second]))
            old = bank.pairs.pop(pair)
            both = {**old.tensors, **{PREFIX + name: tensor for name, tensor in learned.items()}}
            bank.insert(ClassRecord(first, both, partner=second))
