"""Write a small random vision transformer in transformers' format: a backbone for tests, campaigns and golden folders.

    python scripts/random_vit.py FOLDER

Its weights are what `transformers.ViTModel` draws after `torch.manual_seed(0)`; importing that would take seconds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor


def write_random_vit(
    folder: Path,
    *,
    image_size: int = 32,
    patch: int = 8,
    width: int = 32,
    blocks: int = 3,
    heads: int = 2,
    inner: int | None = None,
    spread: float = 0.1,
) -> Path:
    """Write a checkpoint and return its folder, which is made if it is missing.

    `image_size` and `patch`: pixels of a side; `inner`: width of the MLPs, twice that of the tokens by default;
    `spread`: standard deviation of the weights. All vary around 0; images are scaled to -1..1.
    """
    inner = 2 * width if inner is None else inner
    config = {"model_type": "vit", "image_size": image_size, "patch_size": patch, "hidden_size": width}
    config |= {"num_hidden_layers": blocks, "num_attention_heads": heads, "intermediate_size": inner}
    config |= {"hidden_act": "gelu", "layer_norm_eps": 1e-12, "num_channels": 3, "qkv_bias": True}
    values = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
    tokens = 1 + (image_size // patch) ** 2
    save_file(
        random_weights(tokens, patch, width, blocks, inner, spread),
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    return folder


def random_weights(
    tokens: int, patch: int, width: int, blocks: int, inner: int, spread: float
) -> dict[str, Tensor]:
    """Return the tensors of a `ViTModel` by name."""
    shapes = {
        **dict.fromkeys(("attention.attention.query", "attention.attention.key"), (width, width)),
        **dict.fromkeys(("attention.attention.value", "attention.output.dense"), (width, width)),
        **{"intermediate.dense": (width, inner), "output.dense": (inner, width)},
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.randn(1, 1, width)  # drawn when the model is made, and drawn anew below
        patches = torch.nn.Conv2d(3, width, patch, patch)
        torch.randn(1, tokens, width)
        layers = {
            f"encoder.layer.{i}.{name}": torch.nn.Linear(*shape)
            for i in range(blocks)
            for name, shape in shapes.items()
        }
        drawn = {"embeddings.patch_embeddings.projection.weight": patches.weight.detach().normal_(0, spread)}
        for name, shape in (("position_embeddings", (1, tokens, width)), ("cls_token", (1, 1, width))):
            drawn[f"embeddings.{name}"] = torch.nn.init.trunc_normal_(torch.empty(shape), std=spread)
        drawn |= {
            f"{name}.weight": layer.weight.detach().normal_(0, spread) for name, layer in layers.items()
        }
    norms = [f"encoder.layer.{i}.layernorm_{side}" for i in range(blocks) for side in ("before", "after")]
    for name in ("layernorm", *norms):
        drawn[f"{name}.weight"] = torch.ones(width)
    biases = {name.removesuffix("weight") + "bias": t for name, t in drawn.items() if name.endswith("weight")}
    return drawn | {name: torch.zeros(len(tensor)) for name, tensor in biases.items()}


if __name__ == "__main__":
    write_random_vit(Path(sys.argv[1]))
