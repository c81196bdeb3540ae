from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from preforget.backbones import Encoder, load_backbone
from preforget.backbones.text_encoder import PADDING
from preforget.core.errors import BackboneError, DataError
from preforget.data import texts_of

from .tiny_families import write_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("bert"), "bert")[0]


@pytest.fixture
def encoder(folder: Path) -> Encoder:
    return load_backbone(str(folder), device="cpu", dtype="float32", image_size=6)


TEXTS = texts_of(["ax by", "cz unknown ax", "ax by cz dx ey fz gx"])


def test_words_between_marks_and_padding(encoder: Encoder) -> None:
    assert encoder.read(TEXTS, [0, 1]).tolist() == [
        [2, 5, 9, 3, PADDING, PADDING],
        [2, 13, 4, 5, 3, PADDING],
    ]


def test_longer_texts_are_cut_and_it_is_said(encoder: Encoder) -> None:
    assert encoder.read(TEXTS, [2]).tolist() == [[2, 5, 9, 13, 14, 3]]
    assert encoder.remark(TEXTS[:2]) is None
    assert str(encoder.remark(TEXTS)).startswith("1 of 3 texts have more than the 6 words")


def test_a_text_has_the_same_bits_in_any_company(encoder: Encoder) -> None:
    whole = encoder.states(encoder.read(TEXTS, [0, 1, 2]), slice(0, None))
    alone = encoder.states(encoder.read(TEXTS, [0]), slice(0, None))
    assert (whole[:1] - alone).abs().max() < 1e-6
    assert not whole[0, :, 4:].any()  # padding is zeros at every depth
    assert whole[0, :, :4].any(dim=-1).all()


def test_padding_has_no_part_in_a_text(folder: Path, encoder: Encoder) -> None:
    longer = load_backbone(str(folder), device="cpu", dtype="float32", image_size=20)
    short, long = (e.states(e.read(TEXTS, [0, 1]), slice(0, None)) for e in (encoder, longer))
    assert (short - long[:, :, :6]).abs().max() < 1e-6
    mean = encoder.states(encoder.read(TEXTS, [0]), slice(2, 3))[0, 0, :4].mean(dim=0)
    from preforget.backbones.encoder import mean_of_tokens

    assert torch.allclose(mean_of_tokens(long[:1, 2], padded=True)[0], mean, atol=1e-6)


def test_other_inputs_are_refused(encoder: Encoder, tiny_encoder: Encoder) -> None:
    with pytest.raises(DataError, match="reads texts"):
        encoder.read(np.zeros((1, 4, 4), dtype=np.uint8), [0])
    with pytest.raises(DataError, match="reads images, and these are texts"):
        tiny_encoder.read(TEXTS, [0])


def test_the_tokenizer_is_part_of_the_encoder(tmp_path: Path) -> None:
    place, _ = write_tiny(tmp_path, "bert")
    first = load_backbone(str(place), device="cpu")
    assert "tokenizer.json" in first.identity.files
    path = place / "tokenizer.json"
    path.write_text(path.read_text().replace('"ax": 5', '"zz": 5'))
    assert load_backbone(str(place), device="cpu").identity.digest != first.identity.digest
    with pytest.raises(BackboneError, match=r"tokenizer\.json differs"):
        load_backbone(str(place), device="cpu", files=first.identity.files)
    path.write_text("{}")
    with pytest.raises(BackboneError, match=r"the tokenizer of .* can't be read"):
        load_backbone(str(place), device="cpu")
