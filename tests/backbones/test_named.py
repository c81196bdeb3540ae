"""Backbones by their names, each under the identity that a model folder notes."""

import pytest
import torch

from preforget.backbones import load_backbone
from preforget.backbones.named import BUILTIN, FEATURES, NAMED
from preforget.core.errors import BackboneError, UsageError

CPU = torch.device("cpu")


def test_names_are_identities() -> None:
    assert list(NAMED) == ["builtin", "builtin-audio", "builtin-text", "features"]
    assert NAMED[BUILTIN](None, CPU, "float32").identity.id == BUILTIN
    assert NAMED[FEATURES](3, CPU, "auto").identity.id == FEATURES


def test_features_are_computed_in_float32() -> None:
    assert NAMED[FEATURES](3, CPU, "auto").dtype == torch.float32
    with pytest.raises(UsageError, match="computes in float32"):
        NAMED[FEATURES](3, CPU, "bfloat16")


def test_files_of_a_named_backbone_are_not_given() -> None:
    with pytest.raises(BackboneError, match="comes with this package; leave files out"):
        load_backbone(BUILTIN, files={"config.json": "sha256:00"})
