"""Text encoders: BERT and its kin over the words of a text, all texts filled up to one length.

A text is read alone, at a length that no other text has a part in, so that its states have the same bits in any
company.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones.checkpoint import DAMAGE, find_file, first_line
from preforget.backbones.encoder import Encoder
from preforget.core.errors import BackboneError, DataError
from preforget.core.hashing import bytes_digest
from preforget.data.dataset import Images
from preforget.data.texts import Texts

PADDING = -1
"""In the place of a word's number where a text has ended."""

TOKENIZER = "tokenizer.json"
TOKENIZER_FILES = (TOKENIZER, "vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json")
"""Files that decide which words a text consists of: the first if it is there, else the others through transformers."""


@dataclass(frozen=True)
class WordEmbedding:
    """What a word becomes before block 0: its row of `words [V, d]` and that of its place, normed, projected to `D`.

    Args:
        words: `[V, d]`.
        places: `[N, d]`, with what all words get beside it; zeros where blocks turn words by their places.
        norm: Weight and bias of the norm of their sum.
        eps: Of that norm.
        project: Weight and bias from `d` to `D`, where they differ.
        pad: The number of the word that the library takes for padding.
    """

    words: Tensor
    places: Tensor
    norm: tuple[Tensor, Tensor]
    eps: float
    project: tuple[Tensor, Tensor] | None
    pad: int


@dataclass(frozen=True)
class Words:
    """Turns texts into numbers of words, cut at `length`; `digest`: of the tokenizer's file."""

    tokenizer: Any
    length: int
    digest: str

    def numbers(self, texts: Sequence[str]) -> Tensor:
        """Return `int64 [n, length]`, `PADDING` after the last word."""
        found = torch.full((len(texts), self.length), PADDING)
        for row, encoded in enumerate(self.tokenizer.encode_batch(list(texts))):
            found[row, : len(encoded.ids)] = torch.tensor(encoded.ids)
        return found

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many texts have more words than are read."""
        return sum(bool(encoded.overflowing) for encoded in self.tokenizer.encode_batch(list(texts)))


@dataclass(frozen=True)
class TextEncoder(Encoder):
    """A frozen text encoder; `preprocessing.image_size` counts the words of a text that it reads."""

    word_embedding: WordEmbedding
    reader: Words

    kind: ClassVar[str] = "texts"
    files_read: ClassVar[tuple[str, ...]] = TOKENIZER_FILES

    def read(self, inputs: Images, rows: Sequence[int]) -> Tensor:
        """Return the numbers of the chosen texts' words, `int64 [batch, N]`; raises `DataError` for other inputs."""
        return self.reader.numbers(self._texts(inputs, rows)).to(self.device)

    def remark(self, inputs: Images) -> str | None:
        """Return a sentence on texts that are longer than what is read of them, None if all are read whole."""
        count = self.reader.cut(self._texts(inputs, range(len(inputs))))
        if not count:
            return None
        return (
            f"{count:,} of {len(inputs):,} texts have more than the {self.tokens} words (tokens) that are read of "
            "each; the rest of them is left out. --image-size (image_size) sets how many are read"
        )

    def noise(self, count: int) -> Tensor:
        """Return texts of random words, every other one half as long; not data."""
        e, rng = self.word_embedding, np.random.default_rng(0)
        numbers = torch.from_numpy(rng.integers(0, len(e.words), (count, self.tokens)))
        numbers[numbers == e.pad] = (e.pad + 1) % len(e.words)
        numbers[1::2, self.tokens // 2 + 1 :] = PADDING
        return numbers.to(self.device)

    def embed(self, pixels: Tensor) -> Tensor:
        """Turn numbers of words `[batch, N]` into the states that enter block 0, `[batch, N, D]`; padding is zeros."""
        e, real = self.word_embedding, pixels != PADDING
        x = F.embedding(pixels.clamp_min(0), e.words) + e.places
        x = F.layer_norm(x, x.shape[-1:], *e.norm, e.eps)
        x = x if e.project is None else F.linear(x, *e.project)
        return x * real[..., None]

    def for_library(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return words and mask by the names that the library's own model takes them."""
        real = inputs != PADDING
        return {
            "input_ids": torch.where(real, inputs, self.word_embedding.pad),
            "attention_mask": real.long(),
        }

    def _texts(self, inputs: Images, rows: Sequence[int]) -> list[str]:
        if not isinstance(inputs, Texts):
            raise DataError("the backbone reads texts, and these inputs are something else")
        return [str(inputs.values[int(row)]) for row in rows]


def read_tokenizer(source: str, revision: str | None, length: int) -> Words:
    """Return what turns texts into words for a checkpoint; raises `BackboneError` if it has no usable tokenizer."""
    from tokenizers import Tokenizer

    path = find_file(source, TOKENIZER, revision)
    try:
        tokenizer: Any = _converted(source, revision) if path is None else Tokenizer.from_file(str(path))
        tokenizer.enable_truncation(length)
        tokenizer.no_padding()
    except (*DAMAGE, Exception) as error:  # tokenizers raises plain exceptions for damaged files
        raise BackboneError(f"the tokenizer of {source!r} can't be read: {first_line(error)}") from error
    content = tokenizer.to_str().encode() if path is None else Path(path).read_bytes()
    return Words(tokenizer, length, bytes_digest(content))


def _converted(source: str, revision: str | None) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(source, revision=revision, trust_remote_code=False).backend_tokenizer


def most_words(source: str, revision: str | None) -> int | None:
    """Return how many words a sentence encoder was made to read, None where its files don't say."""
    path = find_file(source, "sentence_bert_config.json", revision)
    try:
        most = None if path is None else json.loads(path.read_text(encoding="utf-8")).get("max_seq_length")
    except (OSError, ValueError, AttributeError) as error:
        raise BackboneError(f"sentence_bert_config.json of {source!r} is damaged: {error}") from None
    return most if isinstance(most, int) and most > 0 else None
