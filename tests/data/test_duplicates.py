from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from preforget.core.errors import DataError
from preforget.data.duplicates import (
    groups_of_near,
    groups_of_same,
    refuse_across_parts,
    repeated,
    sentences,
)
from preforget.data.repeated import NEAR, PERSON, SAME, Copy, Repeated


def thumb(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L").resize((16, 16), Image.Resampling.BOX))


def scenes(count: int) -> list[Image.Image]:
    """Smooth random pictures, all different."""
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize(
            (64, 64), Image.Resampling.BICUBIC
        )
        for _ in range(count)
    ]


def saved_anew(picture: Image.Image) -> Image.Image:
    content = io.BytesIO()
    picture.resize((60, 60)).save(content, "JPEG", quality=80)
    return Image.open(content)


def test_the_same_content() -> None:
    assert groups_of_same([b"a", b"b", b"a", b"c", b"b", b"a"]) == [[0, 2, 5], [1, 4]]
    assert groups_of_same([]) == []


def test_copies_that_were_saved_anew_are_near_and_others_are_not() -> None:
    pictures = scenes(40)
    thumbs = [thumb(picture) for picture in [*pictures, *map(saved_anew, pictures[:5])]]
    digests = [bytes([number]) for number in range(45)]
    assert groups_of_near(thumbs, digests) == [[number, 40 + number] for number in range(5)]
    assert groups_of_near(thumbs[:40], digests) == []


def test_near_agrees_with_comparing_all_pairs() -> None:
    rng = np.random.default_rng(1)
    base = [rng.integers(0, 256, (16, 16)) for _ in range(12)]
    thumbs = [
        np.clip(one + rng.integers(-2, 3, one.shape), 0, 255).astype(np.uint8) for one in base for _ in "ab"
    ]
    groups = groups_of_near(thumbs, [bytes([i]) for i in range(24)])
    pairs = {
        (i, j)
        for i in range(24)
        for j in range(i + 1, 24)
        if np.abs(thumbs[i].astype(int) - thumbs[j]).mean() <= 2
    }
    assert {(g[0], g[1]) for g in groups} <= pairs
    assert len(groups) >= 10  # an equal quarter of the fingerprint is likely, not certain


def test_plain_pictures_and_sounds_are_never_near() -> None:
    flat = np.full((16, 16), 200, np.uint8)
    assert groups_of_near([flat, flat + 1, None, None], [b"a", b"b", b"c", b"d"]) == []


def test_what_is_said_and_what_is_refused() -> None:
    copies = [
        Copy("1.png", "train", "a", "p"),
        Copy("2.png", "test", "a", "p"),
        Copy("3.png", "train", "b", "q"),
        Copy("4.png", "train", "a", "r"),
    ]
    groups = repeated(copies, [b"x", b"x", b"y", b"y"])
    assert [len(group.copies) for group in groups] == [2, 2]
    (said,) = sentences(groups)
    assert said.startswith(
        "2 inputs are there more than once with the same content: 1 in several parts of the split, "
    )
    assert "1 in several classes" in said
    assert "1 of several persons" in said
    with pytest.raises(
        DataError, match=r"pets: 1 input is the same in several parts(?s:.*)1\.png and 2\.png(?s:.*)--allow"
    ):
        refuse_across_parts("pets", groups, allow=False)
    refuse_across_parts("pets", groups, allow=True)
    refuse_across_parts("pets", groups[1:], allow=False)
    assert "'a'" not in repr(groups)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (SAME, "1 input is the same in several parts"),
        (NEAR, "1 picture looks like others in another part"),
        (PERSON, "1 person is in several parts"),
    ],
)
@pytest.mark.parametrize("parts", [("train", "test"), ("train", "val"), ("val", "val", "test")])
def test_what_is_in_several_parts_is_refused(kind: str, said: str, parts: tuple[str, ...]) -> None:
    group = Repeated(kind, tuple(Copy(f"{n}.png", part, "a", "p") for n, part in enumerate(parts)))
    places = f"0.png and {len(parts) - 1}.png"
    with pytest.raises(DataError, match=rf"pets: {said} of the split:\n  {places}\nWhat is tested"):
        refuse_across_parts("pets", [group], allow=False)
    refuse_across_parts("pets", [group], allow=True)
    refuse_across_parts("pets", [Repeated(kind, group.copies[:1] * 2)], allow=False)
