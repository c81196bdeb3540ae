"""The data sets of `engines_compare.py`: parts of them, drawn class by class, and how each is read."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import preforget as pf
from preforget.core.errors import DataError
from preforget.data import Split, Vectors
from preforget.data.dataset import label_array

VIT, AST, MINILM = "vit-tiny-patch16-224", "ast-tiny-from-vit", "all-MiniLM-L6-v2"
SENTENCES_AT_ONCE = 64
MOST_TOKENS = 32


@dataclass(frozen=True)
class SetOf:
    """One set: where it lies, what reads it, and how many inputs of each class are drawn for each part.

    `size`: pixels of a side, or frames of a sound; `counts`: to learn from, held out, to test on; `mirrors`: whether a
    mirrored input shows the same class; `top`: whether the folders at the top are the classes, whatever they hold.
    """

    name: str
    path: str
    backbone: str
    size: int | None
    counts: tuple[int, int, int]
    mirrors: bool = False
    fold: int | None = None
    top: bool = False

    @property
    def text(self) -> bool:
        """Whether inputs are sentences, read by a frozen encoder beforehand."""
        return self.backbone == MINILM

    @property
    def network(self) -> str:
        """What the set is read with, in words for a table."""
        sized = f" {self.size}" if self.size else ""
        kind = {VIT: "ViT-Ti px", AST: "AST-Ti frames", MINILM: "MiniLM vectors"}
        return kind.get(self.backbone, self.backbone) + sized


SETS = (
    SetOf("digits", "digits", "builtin", None, (40, 15, 25)),
    SetOf("banking77", "data/banking77", MINILM, None, (25, 10, 30)),
    SetOf("CLINC150", "data/clinc150", MINILM, None, (30, 10, 15)),
    SetOf("blood cells", "data/bloodcells-64", VIT, 64, (60, 20, 50), mirrors=True),
    SetOf("skin lesions", "data/dermamnist.npz", VIT, 48, (36, 12, 30), mirrors=True),
    SetOf("spoken digits", "data/spoken-digits", AST, 96, (40, 12, 30), top=True),
    SetOf("UrbanSound8K", "data/UrbanSound8K", AST, 128, (30, 10, 30), fold=10),
)


def parts_of(one: SetOf, shared: Path, seed: int, cache: Path) -> tuple[Split, Split, Split]:
    """Return disjoint parts to learn from, to hold out and to test on, with as many inputs of each class as are set."""
    rng = np.random.default_rng(seed)
    learned, held_out, tested = one.counts
    if one.text:
        train, test = (sentences(one, shared, cache, part) for part in ("train", "test"))
    elif one.path == "digits":
        data = pf.load_data(one.path, seed=0, allow_duplicates=True)
        train, test = joined(data.train, data.validation), data.test
    else:
        folds = None if one.fold is None else (1, 2, one.fold)
        data = pf.load_data(
            shared / one.path,
            seed=0,
            fold=one.fold,
            folds=folds,
            allow_duplicates=True,
            top_classes=one.top,
        )
        train, test = joined(data.train, data.validation), data.test
    first, second = drawn(train, (learned, held_out), rng)
    (third,) = drawn(test, (tested,), np.random.default_rng(0))  # the same for all seeds
    return first, second, third


def joined(first: Split, second: Split) -> Split:
    """Return two parts as one, without persons."""
    labels = label_array([*first.labels, *second.labels])
    if isinstance(first.inputs, np.ndarray):
        return Split(np.concatenate([first.inputs, second.inputs]), labels)
    if isinstance(first.inputs, list) and isinstance(second.inputs, list):
        return Split([*first.inputs, *second.inputs], labels)
    raise DataError("only images and files can be joined")


def drawn(split: Split, counts: Sequence[int], rng: np.random.Generator) -> Iterator[Split]:
    """Yield disjoint parts with so many inputs of every class; the last has fewer where a class lacks them."""
    parts: list[list[int]] = [[] for _ in counts]
    for label in sorted(set(split.labels)):
        places = rng.permutation(np.flatnonzero(split.labels == label)).tolist()
        if len(places) < sum(counts[:-1]) + 5:
            raise DataError(f"a class has {len(places)} inputs, {sum(counts)} are wanted")
        for part, count in zip(parts, counts, strict=True):
            part += places[:count]
            del places[:count]
    yield from (Split(split.inputs, split.labels).select(sorted(part)) for part in parts)


def sentences(one: SetOf, shared: Path, cache: Path, part: str) -> Split:
    """Return a part of a text set as vectors: the mean over tokens of the encoder's last state, of unit length."""
    kept = cache / f"{one.name}-{part}.npz"
    if not kept.exists():
        texts, labels = read_table(shared / one.path / f"{part}.csv")
        most = sum(one.counts[:2]) if part == "train" else one.counts[2]
        chosen = [*_first_of_each(labels, most)]
        vectors = encoded(shared / "backbones" / MINILM, [texts[i] for i in chosen])
        np.savez(kept, vectors=vectors, labels=np.array([labels[i] for i in chosen]))
    with np.load(kept) as arrays:
        return Split(Vectors(arrays["vectors"]), label_array(arrays["labels"].tolist()))


def read_table(path: Path) -> tuple[list[str], list[str]]:
    """Return texts and labels of a table with columns of a text and of its class."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    label = next(name for name in rows[0] if name != "text")
    return [row["text"] for row in rows], [row[label] for row in rows]


def encoded(folder: Path, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the vectors `[n, 384]` of texts."""
    from tokenizers import Tokenizer
    from transformers import AutoModel

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MOST_TOKENS)
    tokenizer.enable_padding()
    model: Any = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    order = np.argsort([len(text) for text in texts], kind="stable")
    out = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
    with torch.no_grad():
        for start in range(0, len(texts), SENTENCES_AT_ONCE):
            rows = order[start : start + SENTENCES_AT_ONCE]
            read = tokenizer.encode_batch([texts[i] for i in rows])
            mask = torch.tensor([one.attention_mask for one in read])
            ids = torch.tensor([one.ids for one in read])
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state
            mean = (states * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
            out[rows] = torch.nn.functional.normalize(mean, dim=1).numpy()
    return out


def _first_of_each(labels: Sequence[str], most: int) -> Iterator[int]:
    """Yield positions, in a drawn order, of at most so many of each class."""
    seen: dict[str, int] = {}
    for place in np.random.default_rng(0).permutation(len(labels)).tolist():
        seen[labels[place]] = seen.get(labels[place], 0) + 1
        if seen[labels[place]] <= most:
            yield place
