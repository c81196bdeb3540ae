"""A backbone family of your own, as a row of a table: ViT-MSN checkpoints of transformers (Assran et al., arXiv
2204.07141).

A row says by which names a checkpoint's files keep the parts of an encoder, and what its `config.json` means where it
is silent. MSN has the names of MAE and another epsilon. To have the family in every process and on the command line,
put this file into a package of yours and name it in its pyproject.toml:

    [project.entry-points."preforget.backbones"]
    vit_msn = "your_package.vit_msn"

Then `preforget learn DATA --backbone facebook/vit-msn-small --out model` works. In a program of yours `import vit_msn`
is enough. The name of the entry is the `model_type` in the checkpoint's `config.json`. A family that computes
something else than `preforget.backbones.block.Block` needs a loader of its own that returns an `Encoder`.
"""

from __future__ import annotations

from dataclasses import replace

from preforget.backbones.families import BACKBONES
from preforget.backbones.picture_families import FAMILIES

VIT_MSN = replace(FAMILIES["vit_mae"], library="ViTMSNModel", eps=1e-6)

BACKBONES.register("vit_msn", module=__name__)(VIT_MSN)
