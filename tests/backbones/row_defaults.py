"""What rows say where `config.json` is silent, beside the defaults of transformers' own configurations."""

from __future__ import annotations

from typing import Any

from preforget.backbones.family import Family
from preforget.backbones.stored import Settings


def stated(row: Family) -> tuple[int, int, float, str]:
    """Return heads, layers, epsilon and function of a row."""
    return row.heads, row.depth, row.eps, row.act


def of_transformers(row: Family, kind: str) -> tuple[int, int, float, str]:
    """Return the same of a configuration without arguments; its own epsilon where the settings have none."""
    import transformers

    config: Any = getattr(transformers, f"{kind}Config")()
    names = Settings("", {}, row.names).names
    wanted = (
        ("num_attention_heads", 0),
        ("num_hidden_layers", 0),
        ("layer_norm_eps", row.eps),
        ("hidden_act", ""),
    )
    heads, layers, eps, act = (getattr(config, names.get(name, name), usual) for name, usual in wanted)
    return heads, layers, eps, act
