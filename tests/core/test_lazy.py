from __future__ import annotations

import subprocess
import sys

import pytest

from preforget.core.lazy import lazily


def test_a_module_is_imported_only_when_its_name_is_asked_for() -> None:
    code = (
        "import sys; from preforget.core.lazy import lazily; "
        "attribute, names = lazily('wave', {'Chunk': 'colorsys', 'hls_to_rgb': 'colorsys'}); "
        "assert names() == ['Chunk', 'hls_to_rgb'] and 'colorsys' not in sys.modules; "
        "assert attribute('hls_to_rgb') is sys.modules['colorsys'].hls_to_rgb"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_name_is_answered_with_those_that_exist() -> None:
    attribute, _ = lazily("pets", {"dog": "json", "cat": "json"})
    with pytest.raises(AttributeError, match="module 'pets' has no attribute 'cow'; it has: cat, dog"):
        attribute("cow")
