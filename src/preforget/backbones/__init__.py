"""Frozen pretrained encoders: embed, blocks, norm."""

from preforget.backbones.encoder import Encoder
from preforget.backbones.load import load_backbone

__all__ = ["Encoder", "load_backbone"]
