from __future__ import annotations

from pathlib import Path

import pytest

from preforget.backbones.licence import licence_of


@pytest.mark.parametrize(
    ("card", "config", "licence"),
    [
        ("---\ntags: [x]\nlicense: apache-2.0\n---\n# Card", "{}", "apache-2.0"),
        ("---\nlicense: 'cc-by-4.0' # as is\n---\n", None, "cc-by-4.0"),
        ("# Card\nlicense: mit in the text only", '{"license": "mit"}', "mit"),
        (None, '{"licence": "bsd"}', "bsd"),
        (None, '{"license": 3}', "unknown"),
        (None, "[", "unknown"),
        (None, None, "unknown"),
    ],
)
def test_the_card_comes_before_the_configuration(
    tmp_path: Path, card: str | None, config: str | None, licence: str
) -> None:
    for name, text in (("README.md", card), ("config.json", config)):
        if text is not None:
            (tmp_path / name).write_text(text)
    assert licence_of(str(tmp_path)) == licence


def test_what_is_not_here_is_unknown_and_ours_is_known() -> None:
    assert (
        licence_of("/nowhere/at/all") == licence_of("nobody/nothing-here") == licence_of("a b") == "unknown"
    )
    assert licence_of("builtin") == licence_of("builtin-audio") == "MIT"
