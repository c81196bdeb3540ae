"""Frozen pretrained encoders: embed, blocks, norm."""

from preforget.backbones.encoder import Encoder
from preforget.backbones.load import load_backbone
from preforget.backbones.outputs import encoder_from

__all__ = ["Encoder", "encoder_from", "load_backbone"]
