"""Families of text encoders as a table: a new family is a row; see `picture_families`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from preforget.backbones.family import enter
from preforget.backbones.rows import BlockRow
from preforget.backbones.text_family import TextFamily

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
    library="BertModel",
    block=BERT_BLOCK,
    known=f"{E}word_embeddings.weight",
    norm=f"{E}LayerNorm",
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
        depth=6,
        names={"num_attention_heads": "n_heads", "num_hidden_layers": "n_layers", "hidden_act": "activation"},
    ),
    "modernbert": TextFamily(
        library="ModernBertModel",
        block=MODERN_BLOCK,
        known=f"{E}tok_embeddings.weight",
        norm=f"{E}norm",
        last="final_norm",
        bases=("", "model.", "modernbert."),
        names={"hidden_act": "hidden_activation", "layer_norm_eps": "norm_eps"},
        pad=50283,
        depth=22,
        most=8192,
        eps=1e-5,
        turned=True,
    ),
}
"""By the `model_type` of `config.json`."""

enter(FAMILIES, __name__)
