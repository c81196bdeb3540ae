"""A quick bf16 ViT for training on CPUs, and its export in the layout of transformers' ViTModel."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Generator, Tensor, nn

DIM, DEPTH, HEADS, MLP, IMAGE, PATCH, EPS = 192, 8, 3, 768, 64, 8, 1e-6
CONFIG = {
    "architectures": ["ViTModel"],
    "model_type": "vit",
    "hidden_size": DIM,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "intermediate_size": MLP,
    "image_size": IMAGE,
    "patch_size": PATCH,
    "num_channels": 3,
    "hidden_act": "gelu",
    "layer_norm_eps": EPS,
    "qkv_bias": True,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.02,
    "dtype": "float16",
}
PREPROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5] * 3,
    "image_std": [0.5] * 3,
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"height": IMAGE, "width": IMAGE},
}


def linear(x: Tensor, layer: nn.Linear) -> Tensor:
    """Apply a layer in bfloat16, which AMX multiplies about six times faster than float32."""
    return F.linear(x, layer.weight.bfloat16(), layer.bias.bfloat16())


class Block(nn.Module):
    """A pre-norm transformer block; the residual stream stays float32."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(DIM, eps=EPS), nn.LayerNorm(DIM, eps=EPS)
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.fc1, self.fc2 = nn.Linear(DIM, MLP), nn.Linear(MLP, DIM)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens [n, t, DIM] to tokens of the same shape."""
        n, t, _ = x.shape
        q, k, v = linear(self.norm1(x).bfloat16(), self.qkv).view(n, t, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        weights = ((q @ k.transpose(-1, -2)).float() * (DIM // HEADS) ** -0.5).softmax(-1).bfloat16()
        x = x + linear((weights @ v).transpose(1, 2).reshape(n, t, DIM), self.out)
        return x + linear(F.gelu(linear(self.norm2(x).bfloat16(), self.fc1)), self.fc2)


def sine_positions() -> Tensor:
    """Sines and cosines of row and column for the 8 x 8 patches: [64, DIM], at most 1."""
    at = torch.arange(IMAGE // PATCH, dtype=torch.float32)
    angle = at[:, None] * 30 ** (-torch.arange(DIM // 4) / (DIM // 4))
    wave = torch.cat([angle.sin(), angle.cos()], 1)  # [8, DIM / 2]
    rows, columns = wave[:, None].expand(-1, len(at), -1), wave[None].expand(len(at), -1, -1)
    return torch.cat([rows, columns], -1).reshape(-1, DIM)


class Vit(nn.Module):
    """The encoder: images [n, 3, 64, 64] uint8 to normalised tokens [n, 1 + shown patches, DIM]."""

    def __init__(self, g: Generator) -> None:
        super().__init__()
        self.patch = nn.Linear(3 * PATCH * PATCH, DIM)
        self.cls = nn.Parameter(0.02 * torch.randn(DIM, generator=g))
        self.positions = nn.Parameter(torch.cat([torch.zeros(1, DIM), 0.3 * sine_positions()]))
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(DIM, eps=EPS)
        nn.init.orthogonal_(self.patch.weight, gain=0.6, generator=g)
        nn.init.zeros_(self.patch.bias)
        for block in self.blocks:
            for layer in (block.qkv, block.out, block.fc1, block.fc2):
                nn.init.normal_(layer.weight, std=0.03, generator=g)
                nn.init.zeros_(layer.bias)
            # keys begin close to queries, so that like attends to like (after Trockman and Kolter 2023)
            q, k, _ = block.qkv.weight.data.chunk(3)
            k.mul_(0.6).add_(q, alpha=0.8)
            q.mul_(2)
            k.mul_(2)

    def matrices(self) -> tuple[list[nn.Parameter], list[int]]:
        """The matrices of the blocks, and into how many stacked maps each falls."""
        pairs = [
            p
            for b in self.blocks
            for p in ((b.qkv.weight, 3), (b.out.weight, 1), (b.fc1.weight, 1), (b.fc2.weight, 1))
        ]
        return [m for m, _ in pairs], [k for _, k in pairs]

    def forward(self, images: Tensor, keep: Tensor | None = None) -> Tensor:
        """Encode images; `keep` [n, k] names the patches to show, None shows all."""
        x = images.float().div_(127.5).sub_(1)
        x = F.unfold(x, PATCH, stride=PATCH).transpose(
            1, 2
        )  # [n, 64, 192], channel first as in a convolution
        x = linear(x.bfloat16(), self.patch).float() + self.positions[1:]
        if keep is not None:
            x = x.gather(1, keep[..., None].expand(-1, -1, DIM))
        x = torch.cat([(self.cls + self.positions[0]).expand(len(x), 1, DIM), x], 1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def to_transformers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights of `Vit` to those of `ViTModel(config, add_pooling_layer=False)`."""
    out = {
        "embeddings.cls_token": state["cls"].view(1, 1, DIM),
        "embeddings.position_embeddings": state["positions"][None],
        "embeddings.patch_embeddings.projection.weight": state["patch.weight"].view(DIM, 3, PATCH, PATCH),
        "embeddings.patch_embeddings.projection.bias": state["patch.bias"],
        "layernorm.weight": state["norm.weight"],
        "layernorm.bias": state["norm.bias"],
    }
    names = {"out": "attention.o_proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}
    names |= {"norm1": "layernorm_before", "norm2": "layernorm_after"}
    for i in range(DEPTH):
        for end in ("weight", "bias"):
            parts = state[f"blocks.{i}.qkv.{end}"].chunk(3)
            for letter, part in zip("qkv", parts, strict=True):
                out[f"layers.{i}.attention.{letter}_proj.{end}"] = part
            for short, long in names.items():
                out[f"layers.{i}.{long}.{end}"] = state[f"blocks.{i}.{short}.{end}"]
    return out


def export(state: dict[str, Tensor], folder: Path) -> None:
    """Write config, preprocessor and float16 weights of a `Vit` state to the folder, each by rename."""
    tensors = {k: v.detach().half().contiguous().clone() for k, v in to_transformers(state).items()}
    save_file(tensors, folder / "model.tmp", metadata={"format": "pt"})
    (folder / "model.tmp").chmod(0o644)
    (folder / "model.tmp").replace(folder / "model.safetensors")
    for name, content in (("config.json", CONFIG), ("preprocessor_config.json", PREPROCESSOR)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
