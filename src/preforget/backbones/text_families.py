"""Families of text encoders as a table: a new family is a row; see `picture_families`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from preforget.backbones.block import ACTIVATIONS, Block
from preforget.backbones.checkpoint import read_settings
from preforget.backbones.encoder import Embedding, Identity, Preprocessing
from preforget.backbones.families import BACKBONES, Loader
from preforget.backbones.rows import BlockRow, put
from preforget.backbones.stored import Settings, Stored, read_stored
from preforget.backbones.text_encoder import TextEncoder, WordEmbedding, most_words, read_tokenizer
from preforget.core.errors import BackboneError, UsageError
from preforget.core.hashing import value_digest

DEFAULT_WORDS = 64
"""How many words of a text are read where nothing else is asked for: a few sentences."""


@dataclass(frozen=True)
class TextFamily:
    """Where a family keeps what a `TextEncoder` is made of, and its settings where `config.json` is silent.

    Args:
        library: The class of transformers that computes the same.
        block: The names in a layer.
        words: The table of words.
        norm: The norm of the embedding.
        places: The table of places, if there is one; `first`: the row of the first word.
        kinds: A table whose first row all words get.
        project: From the width of the embedding to that of the blocks.
        last: The norm after the last block, if there is one.
        bases: What may stand before all names in a file.
        names: Other names of settings than BERT's, in `config.json`.
        heads: Number of heads.
        pad: The number of the word that stands for padding.
        most: How many places there are.
        eps: Of all norms.
        turned: Whether blocks turn words by their places, in windows but for every third (ModernBERT).
    """

    library: str
    block: BlockRow
    words: str
    norm: str
    places: str | None = None
    first: int = 0
    kinds: str | None = None
    project: str | None = None
    last: str | None = None
    bases: tuple[str, ...] = ("",)
    names: Mapping[str, str] | None = None
    heads: int = 12
    pad: int = 0
    most: int = 512
    eps: float = 1e-12
    turned: bool = False


E = "embeddings."
BERT_BLOCK = BlockRow(
    "encoder.layer.{}.",
    "attention.output.LayerNorm",
    ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.output.dense",
    "output.LayerNorm",
    (("intermediate.dense",),),
    ("output.dense",),
    post=True,
)
DISTIL_BLOCK = BlockRow(
    "transformer.layer.{}.",
    "sa_layer_norm",
    ("attention.q_lin", "attention.k_lin", "attention.v_lin"),
    "attention.out_lin",
    "output_layer_norm",
    (("ffn.lin1",),),
    ("ffn.lin2",),
    post=True,
)
MODERN_BLOCK = BlockRow(
    "layers.{}.",
    "attn_norm",
    ("attn.Wqkv",),
    "attn.Wo",
    "mlp_norm",
    (("mlp.Wi",),),
    ("mlp.Wo",),
    gates=(True,),
)
BERT = TextFamily(
    "BertModel",
    BERT_BLOCK,
    f"{E}word_embeddings.weight",
    f"{E}LayerNorm",
    places=f"{E}position_embeddings.weight",
    kinds=f"{E}token_type_embeddings.weight",
    bases=("", "bert."),
)
ROBERTA = replace(BERT, library="RobertaModel", bases=("", "roberta."), first=2, pad=1)
FAMILIES: Mapping[str, TextFamily] = {
    "bert": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": replace(ROBERTA, library="XLMRobertaModel"),
    "camembert": replace(ROBERTA, library="CamembertModel"),
    "electra": replace(
        BERT, library="ElectraModel", bases=("", "electra."), project="embeddings_project", heads=4
    ),
    "distilbert": replace(
        BERT,
        library="DistilBertModel",
        block=DISTIL_BLOCK,
        kinds=None,
        bases=("", "distilbert."),
        names={"num_attention_heads": "n_heads", "num_hidden_layers": "n_layers", "hidden_act": "activation"},
    ),
    "modernbert": TextFamily(
        "ModernBertModel",
        MODERN_BLOCK,
        f"{E}tok_embeddings.weight",
        f"{E}norm",
        last="final_norm",
        bases=("", "model.", "modernbert."),
        names={"hidden_act": "hidden_activation", "layer_norm_eps": "norm_eps"},
        pad=50283,
        most=8192,
        eps=1e-5,
        turned=True,
    ),
}
"""By the `model_type` of `config.json`."""


def loader_of(family: TextFamily) -> Loader:
    """Return what loads the checkpoints of a family, to be entered in `BACKBONES` under a `model_type`.

    `image_size` counts the words of a text that are read.
    """

    def load(
        source: str,
        *,
        image_size: int | None,
        device: torch.device,
        dtype: torch.dtype,
        revision: str | None = None,
    ) -> TextEncoder:
        values = read_settings(source, revision)
        stored = read_stored(source, revision, family.bases, family.words)
        length = words_read(family, Settings(source, values), most_words(source, revision), image_size)
        reader = read_tokenizer(source, revision, length)
        embedding, blocks, last = _frozen(family, Settings(source, values), stored, length)
        dim = blocks[0].dim
        weight, bias = (torch.ones(dim), torch.zeros(dim)) if last is None else last
        none, model_type = torch.zeros(0), str(values["model_type"])
        digest = value_digest([stored.digest(), reader.digest])
        identity = Identity(source, values.get("_commit_hash") or revision, model_type, digest)
        return TextEncoder(
            Embedding(none, none, torch.zeros(1, 0), torch.zeros(length, 0), 1),
            tuple(block.to(device, dtype) for block in blocks),
            put(weight, device, dtype),
            put(bias, device, dtype),
            blocks[0].eps,
            Preprocessing(length, (0.0,) * 3, (1.0,) * 3),
            identity,
            _moved(embedding, device, dtype),
            reader,
            final_norm=last is not None,
        )

    return load


def words_read(family: TextFamily, settings: Settings, usual: int | None, asked: int | None) -> int:
    """Return how many words of a text are read; raises `UsageError` for more than the checkpoint has places for."""
    most = settings.whole("max_position_embeddings", family.most) - family.first
    if asked is None:
        return min(DEFAULT_WORDS, usual or most, most)
    if isinstance(asked, bool) or not isinstance(asked, int) or not 3 <= asked <= most:
        raise UsageError(f"{asked!r} words of a text can't be read; give a whole number from 3 to {most}")
    return asked


def _frozen(
    family: TextFamily, settings: Settings, stored: Stored, length: int
) -> tuple[WordEmbedding, list[Block], tuple[Tensor, Tensor] | None]:
    """Return the embedding, the blocks and the last norm of a checkpoint, in float32."""

    def name(plain: str) -> str:
        return (family.names or {}).get(plain, plain)

    if settings.values.get("position_embedding_type", "absolute") != "absolute":
        raise BackboneError(
            f"{stored.source!r} has positions of a kind that isn't read: only absolute ones are"
        )
    eps = settings.number(name("layer_norm_eps"), family.eps)
    heads = settings.whole(name("num_attention_heads"), family.heads)
    act = settings.one_of(name("hidden_act"), "gelu", ACTIVATIONS)
    words = stored.get(family.words)
    places = torch.zeros(length, words.shape[1])
    if family.places is not None:
        places = stored.get(family.places)[family.first : family.first + length]
    if family.kinds is not None and stored.has(family.kinds):
        places = places + stored.get(family.kinds)[0]
    project = None
    if family.project is not None and stored.has(f"{family.project}.weight"):
        project = stored.linear(family.project)
    count = family.block.check_depth(stored, settings.whole(name("num_hidden_layers"), 12))
    blocks = [replace(family.block.block(stored, i, heads, eps, act), padded=True) for i in range(count)]
    if family.turned:
        blocks = [_turned(block, i, settings.values, length) for i, block in enumerate(blocks)]
    last = None if family.last is None else stored.norm(family.last)
    pad = settings.values.get("pad_token_id", family.pad)
    pad = pad if isinstance(pad, int) and 0 <= pad < len(words) else 0
    return WordEmbedding(words, places, stored.norm(family.norm), eps, project, pad), blocks, last


def _turned(block: Block, number: int, values: Mapping[str, Any], length: int) -> Block:
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


def _moved(e: WordEmbedding, device: torch.device, dtype: torch.dtype) -> WordEmbedding:
    norm = put(e.norm[0], device, dtype), put(e.norm[1], device, dtype)
    project = (
        None if e.project is None else (put(e.project[0], device, dtype), put(e.project[1], device, dtype))
    )
    return replace(
        e, words=put(e.words, device, dtype), places=put(e.places, device, dtype), norm=norm, project=project
    )


for _name in FAMILIES:
    BACKBONES.register(_name, module=__name__)(loader_of(FAMILIES[_name]))
