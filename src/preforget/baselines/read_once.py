"""Hidden states that are computed once for several methods that read the same inputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from preforget.backbones.encoder import Encoder
from preforget.data.dataset import Split
from preforget.engines.base import Session
from preforget.training.state_cache import StateCache


@dataclass(frozen=True, eq=False)
class ReadSplit(Split):
    """A split whose states before block 0 are in an open `cache`; a part of it is an ordinary split again."""

    cache: StateCache | None = None


@contextmanager
def read_once(
    encoder: Encoder, *splits: Split, cache_dir: Path | None = None, show: bool = False
) -> Iterator[tuple[ReadSplit, ...]]:
    """Read splits once for all methods and learnings inside the `with` block; in memory, or in `cache_dir`."""
    with ExitStack() as stack:
        session = Session(cache_dir=cache_dir, show=show)
        caches = [stack.enter_context(opened(encoder, split, session)) for split in splits]
        yield tuple(
            ReadSplit(split.inputs, split.labels, split.subjects, cache)
            for split, cache in zip(splits, caches, strict=True)
        )


def opened(encoder: Encoder, split: Split, session: Session) -> AbstractContextManager[StateCache]:
    """Return a split's own cache if it was made with this encoder, else a new one."""
    if isinstance(split, ReadSplit) and split.cache is not None and split.cache.encoder is encoder:
        return nullcontext(split.cache)
    return StateCache(
        encoder,
        split,
        first_block=0,
        last_block=0,
        cache_dir=session.cache_dir,
        keep=session.keep_cache,
        show=session.show,
    )
