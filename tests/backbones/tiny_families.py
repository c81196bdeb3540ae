"""Random checkpoints of two blocks, one for each family, in which every tensor is random so that a slip shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch

SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}
PATCHES = {"image_size": 32, "patch_size": 8}
SMALL = {**SIZES, **PATCHES}
DINO = {**SMALL, "mlp_ratio": 2, "layerscale_value": 0.3}
DINO3 = {**SMALL, "layerscale_value": 0.3, "num_attention_heads": 2, "num_register_tokens": 2}
PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "vit": ("ViT", SMALL),
    "vit unbiased": ("ViT", {**SMALL, "qkv_bias": False}),
    "deit": ("DeiT", SMALL),
    "vit_mae": ("ViTMAE", {**SMALL, "decoder_hidden_size": 8, "decoder_num_hidden_layers": 1}),
    "ijepa": ("IJepa", SMALL),
    "dinov2": ("Dinov2", DINO),
    "dinov2 swiglu": ("Dinov2", {**DINO, "use_swiglu_ffn": True}),
    "dinov2_with_registers": ("Dinov2WithRegisters", {**DINO, "num_register_tokens": 2}),
    "dinov3_vit": ("DINOv3ViT", DINO3),
    "dinov3_vit gated": ("DINOv3ViT", {**DINO3, "use_gated_mlp": True, "hidden_act": "silu"}),
    "clip_vision_model": ("CLIPVision", SMALL),
    "siglip_vision_model": ("SiglipVision", {**SMALL, "vision_use_head": False}),
}
MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]


TEXT = {**SIZES, "vocab_size": 60, "max_position_embeddings": 40, "pad_token_id": 0}
MODERN = {**TEXT, "local_attention": 4, "num_hidden_layers": 3, "num_attention_heads": 2}
TEXTS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", TEXT),
    "roberta": ("Roberta", {**TEXT, "pad_token_id": 1}),
    "xlm-roberta": ("XLMRoberta", {**TEXT, "pad_token_id": 1}),
    "camembert": ("Camembert", {**TEXT, "pad_token_id": 1}),
    "electra": ("Electra", {**TEXT, "embedding_size": 16}),
    "distilbert": (
        "DistilBert",
        {"dim": 24, "n_layers": 2, "n_heads": 3, "hidden_dim": 40, "vocab_size": 60},
    ),
    "modernbert": (
        "ModernBert",
        {**MODERN, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2},
    ),
}


CONVOLUTIONS = {"conv_dim": (8,) * 7, "num_conv_pos_embeddings": 6, "num_conv_pos_embedding_groups": 3}
WAVE = {**SIZES, **CONVOLUTIONS}
STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
WHISPER = {
    "d_model": 24,
    "encoder_layers": 2,
    "encoder_attention_heads": 3,
    "encoder_ffn_dim": 40,
    "num_mel_bins": 8,
}
SPECTROGRAM = {**SIZES, "max_length": 48, "num_mel_bins": 32, "patch_size": 8}
SPEECH: dict[str, tuple[str, dict[str, Any]]] = {
    "whisper": ("Whisper", {**WHISPER, "max_source_positions": 30, "vocab_size": 60, "pad_token_id": 0}),
    "wav2vec2": ("Wav2Vec2", WAVE),
    "wav2vec2 stable": ("Wav2Vec2", {**WAVE, **STABLE}),
    "audio-spectrogram-transformer": ("AST", SPECTROGRAM),
    "hubert": ("Hubert", WAVE),
    "hubert stable": ("Hubert", {**WAVE, **STABLE, "feat_proj_layer_norm": False}),
}


LAYERS = {
    "Dinov2": "encoder.layer",
    "Dinov2WithRegisters": "encoder.layer",
    "DINOv3ViT": "model.layer",
    "CLIPVision": "encoder.layers",
    "SiglipVision": "encoder.layers",
    "DistilBert": "transformer.layer",
    "Wav2Vec2": "encoder.layers",
    "Hubert": "encoder.layers",
    **dict.fromkeys(("Bert", "Roberta", "XLMRoberta", "Camembert", "Electra"), "encoder.layer"),
}
"""Where the library's model has its layers, `layers` elsewhere."""


def layers_of(name: str, model: Any) -> torch.nn.ModuleList:
    """Return the library's own layers."""
    kind, _ = {**PICTURES, **TEXTS, **SPEECH}[name]
    layers: torch.nn.ModuleList = attrgetter(LAYERS.get(kind, "layers"))(model)
    return layers


def write_tiny(folder: Path, name: str) -> tuple[Path, Any]:
    """Write a checkpoint of a family and return its folder and the library's own model."""
    import transformers

    kind, values = {**PICTURES, **TEXTS, **SPEECH}[name]
    config = getattr(transformers, f"{kind}Config")(**values)
    if kind == "Whisper":
        from transformers.models.whisper.modeling_whisper import WhisperEncoder as Library

        model = Library(config).eval()
    else:
        model = getattr(transformers, f"{kind}Model")(config).eval()
    randomise(model)
    model.save_pretrained(folder)
    if name in TEXTS:
        write_tokenizer(folder)
    elif kind == "AST" or name in PICTURES:
        preprocessor: dict[str, Any] = {"image_mean": MEAN, "image_std": STD}
        if kind == "AST":
            preprocessor = {"sampling_rate": 16_000, "num_mel_bins": 32, "mean": -4.3, "std": 4.6}
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    return folder, model


WORDS = ["pad", "mask", "cls", "sep", "odd", *(f"{a}{b}" for a in "abcdefghij" for b in "xyz")]


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer whose words are `ax`, `ay` ... `jz`, between `cls` and `sep`."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    numbers = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="odd"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [("cls", numbers["cls"]), ("sep", numbers["sep"])]
    tokenizer.post_processor = processors.TemplateProcessing(single="cls $A sep", special_tokens=special)
    tokenizer.save(str(folder / "tokenizer.json"))


def randomise(
    model: torch.nn.Module, spread: float = 0.3, keep: Callable[[str], bool] = lambda _: False
) -> None:
    """Draw every weight anew from a normal distribution, without touching the global random state."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            drawn = spread * torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + drawn if keep(name) else drawn)
