"""Learns the prompts of pairs of classes of the exact engine, one pair after another, and goes on where it was cut off.

A pair is learned by itself, from streams that its two classes and the seed determine, so those that a checkpoint
holds and those that are learned after it are the same as in a learning that nothing interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict

from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.core.errors import DataError
from preforget.core.hashing import value_digest
from preforget.data.dataset import Split
from preforget.data.digest import split_digest
from preforget.engines.base import Session
from preforget.engines.pair_prompts import PREFIX, Recipe, learn_pair
from preforget.engines.pair_records import has_prompt, prompt_of
from preforget.records import ClassRecord, UnitBank
from preforget.records.unit_bank import Pair
from preforget.training.checkpoint import Checkpoint
from preforget.training.progress import track
from preforget.training.state_cache import StateCache

WRITTEN_PER = 16
"""A checkpoint is written when a 16th of what it holds has been added, at least one pair: it is written as a whole."""


def work_digest(encoder: Encoder, recipe: Recipe, train: Split, pairs: Sequence[Pair]) -> str:
    """Return what a checkpoint is tied to: all that the prompts of `pairs` follow from."""
    names = [[*pair] for pair in pairs]
    return value_digest(["pair prompts", asdict(recipe), encoder.identity.digest, names, split_digest(train)])


def learn_prompts(
    encoder: Encoder,
    recipe: Recipe,
    bank: UnitBank,
    train: Split,
    pairs: Sequence[Pair],
    session: Session,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Learn the prompts of `pairs` and put them into their records.

    Raises `DataError` if a class has no images, `StoreError` for a checkpoint that can't be read or written.
    """
    needed = sorted({label for pair in pairs for label in pair})
    lacking = sorted(set(needed) - set(train.labels))
    if lacking:
        raise DataError(
            f"the prompts of {len(pairs)} pairs need inputs of {len(needed)} classes, and the data hold none of "
            f"{', '.join(map(repr, lacking[:3]))}; give the inputs that these classes were learned from"
        )
    if checkpoint is not None and pairs:
        for number, learned in _numbered(checkpoint.read()[0]).items():
            _put(bank, pairs[number], learned)
    waiting = [pair for pair in pairs if not has_prompt(bank.pairs[pair])]
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
            for label in sorted({label for pair in waiting for label in pair})
        }
        added = 0
        for done, pair in enumerate(
            track(waiting, total=len(waiting), what="learning", unit="pair", show=session.show),
            start=len(pairs) - len(waiting) + 1,
        ):
            _put(bank, pair, learn_pair(encoder, recipe, pair, (caches[pair[0]], caches[pair[1]])))
            added += 1
            if checkpoint is not None and added >= max(1, done // WRITTEN_PER):
                checkpoint.write(_flat([prompt_of(bank.pairs[pair]) for pair in pairs]))
                added = 0


def _put(bank: UnitBank, pair: Pair, learned: Mapping[str, Tensor]) -> None:
    """Put the prompt of a pair into its record."""
    prompt = {PREFIX + name: tensor for name, tensor in learned.items()}
    bank.insert(ClassRecord(pair[0], {**bank.pairs.pop(pair).tensors, **prompt}, partner=pair[1]))


def _flat(prompts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of prompts as a checkpoint has them, which numbers pairs and doesn't name their classes."""
    return {
        f"{number}.{name}": tensor for number, prompt in enumerate(prompts) for name, tensor in prompt.items()
    }


def _numbered(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Return what `_flat` was made of, by number."""
    prompts: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        prompts.setdefault(int(number), {})[name] = tensor
    return prompts
