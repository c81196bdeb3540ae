"""Families of speech encoders as a table: a new family is a row; see `picture_families`."""

from __future__ import annotations

from collections.abc import Mapping

from preforget.backbones.family import Family, enter
from preforget.backbones.rows import BlockRow
from preforget.backbones.speech_family import FILTERS, WaveFamily, WhisperFamily

WHISPER_BLOCK = BlockRow(
    "layers.{}.",
    "self_attn_layer_norm",
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attn.out_proj",
    "final_layer_norm",
    (("fc1",),),
    ("fc2",),
)
WAVE_BLOCK = BlockRow(
    "encoder.layers.{}.",
    "layer_norm",
    ("attention.q_proj", "attention.k_proj", "attention.v_proj"),
    "attention.out_proj",
    "final_layer_norm",
    (("feed_forward.intermediate_dense",),),
    ("feed_forward.output_dense",),
    post=True,
)
WAVES = f"{FILTERS.format(0)}conv.weight"
FAMILIES: Mapping[str, Family] = {
    "whisper": WhisperFamily(
        library="WhisperModel",
        block=WHISPER_BLOCK,
        known="conv1.weight",
        bases=("", "encoder.", "model.encoder."),
        names={
            "num_attention_heads": "encoder_attention_heads",
            "num_hidden_layers": "encoder_layers",
            "hidden_act": "activation_function",
        },
        heads=6,
        depth=4,
        eps=1e-5,
    ),
    "wav2vec2": WaveFamily(
        library="Wav2Vec2Model", block=WAVE_BLOCK, known=WAVES, bases=("", "wav2vec2."), eps=1e-5
    ),
    "hubert": WaveFamily(
        library="HubertModel", block=WAVE_BLOCK, known=WAVES, bases=("", "hubert."), eps=1e-5
    ),
}
"""By the `model_type` of `config.json`."""

enter(FAMILIES, __name__)
