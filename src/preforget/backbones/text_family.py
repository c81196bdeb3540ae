"""Text encoders by the row of their family: words, places, blocks; a text is read by the checkpoint's own tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from preforget.backbones.block import Block
from preforget.backbones.encoder import Embedding, Preprocessing
from preforget.backbones.family import Checkpoint, Family
from preforget.backbones.stored import Settings
from preforget.backbones.text_encoder import TextEncoder, WordEmbedding, most_words, read_tokenizer
from preforget.core.errors import BackboneError, UsageError
from preforget.core.hashing import value_digest

DEFAULT_WORDS = 64
"""How many words of a text are read where nothing else is asked for: a few sentences."""


@dataclass(frozen=True, kw_only=True)
class TextFamily(Family):
    """Where a family keeps what a `TextEncoder` is made of; `known` is the table of words.

    Args:
        norm: The norm of the embedding.
        places: The table of places, if there is one; `first`: the row of the first word.
        kinds: A table whose first row all words get.
        project: From the width of the embedding to that of the blocks.
        last: The norm after the last block, if there is one.
        pad: The number of the word that stands for padding.
        most: How many places there are.
        turned: Whether blocks turn words by their places, in windows but for every third (ModernBERT).
    """

    norm: str
    places: str | None = None
    first: int = 0
    kinds: str | None = None
    project: str | None = None
    last: str | None = None
    pad: int = 0
    most: int = 512
    turned: bool = False

    def build(self, checkpoint: Checkpoint, image_size: int | None, commit: str | None) -> TextEncoder:
        """Return the encoder of an opened checkpoint; `image_size` counts the words of a text that are read."""
        source, revision = checkpoint.source, checkpoint.revision
        length = self.words_read(checkpoint.settings, most_words(source, revision), image_size)
        reader = read_tokenizer(source, revision, length)
        embedding = self._embedding(checkpoint, length)
        blocks = [replace(block, padded=True) for block in checkpoint.blocks()]
        if self.turned:
            values = checkpoint.settings.values
            blocks = [turned(block, number, values, length) for number, block in enumerate(blocks)]
        last = None if self.last is None else checkpoint.stored.norm(self.last)
        dim, none = blocks[0].dim, torch.zeros(0)
        weight, bias = (torch.ones(dim), torch.zeros(dim)) if last is None else last
        return TextEncoder(
            Embedding(none, none, torch.zeros(1, 0), torch.zeros(length, 0), 1),
            checkpoint.moved(blocks),
            checkpoint.put(weight),
            checkpoint.put(bias),
            blocks[0].eps,
            Preprocessing(length, (0.0,) * 3, (1.0,) * 3),
            checkpoint.identity(commit, value_digest([checkpoint.stored.digest(), reader.digest])),
            embedding,
            reader,
            final_norm=last is not None,
        )

    def words_read(self, settings: Settings, usual: int | None, asked: int | None) -> int:
        """Return how many words of a text are read; raises `UsageError` for more than there are places for."""
        most = settings.whole("max_position_embeddings", self.most) - self.first
        if asked is None:
            return min(DEFAULT_WORDS, usual or most, most)
        if isinstance(asked, bool) or not isinstance(asked, int) or not 3 <= asked <= most:
            raise UsageError(f"{asked!r} words of a text can't be read; give a whole number from 3 to {most}")
        return asked

    def _embedding(self, checkpoint: Checkpoint, length: int) -> WordEmbedding:
        stored, values = checkpoint.stored, checkpoint.settings.values
        if values.get("position_embedding_type", "absolute") != "absolute":
            raise BackboneError(
                f"{stored.source!r} has positions of a kind that isn't read: only absolute ones are"
            )
        words = stored.get(self.known)
        places = torch.zeros(length, words.shape[1])
        if self.places is not None:
            places = stored.get(self.places)[self.first : self.first + length]
        if self.kinds is not None and stored.has(self.kinds):
            places = places + stored.get(self.kinds)[0]
        project = None
        if self.project is not None and stored.has(f"{self.project}.weight"):
            project = checkpoint.pair(stored.linear(self.project))
        pad = values.get("pad_token_id", self.pad)
        pad = pad if isinstance(pad, int) and 0 <= pad < len(words) else 0
        norm = checkpoint.pair(stored.norm(self.norm))
        return WordEmbedding(
            checkpoint.put(words), checkpoint.put(places), norm, checkpoint.eps, project, pad
        )


def turned(block: Block, number: int, values: Mapping[str, Any], length: int) -> Block:
    """Return a block of ModernBERT (arXiv 2412.13663, section 2.1): every third sees all, the others a window."""
    given = values.get("layer_types")
    every = values.get("global_attn_every_n_layers", 3)
    kind = given[number] if given else ("sliding_attention" if number % every else "full_attention")
    whole = kind == "full_attention"
    older = values.get("global_rope_theta", 160_000.0) if whole else values.get("local_rope_theta", 10_000.0)
    theta = (values.get("rope_parameters") or {}).get(kind, {}).get("rope_theta", older)
    width = block.dim // block.heads
    frequencies = 1 / theta ** (torch.arange(0, width, 2, dtype=torch.float32) / width)
    angles = (torch.arange(length, dtype=torch.float32)[:, None] * frequencies).tile(2)
    window = 0 if whole else values.get("local_attention", 128) // 2
    return replace(block, rope=(angles.cos(), angles.sin()), window=window)
