"""How Sphinx builds the documentation: `make docs`. Nothing is fetched while it builds."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE / "_extensions")]

from preforget.core.version import __version__ as release  # noqa: E402

project = "preforget"
author = "the preforget developers"
copyright = author
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "command_line",
    "option_table",
    "outer_links",
]
exclude_patterns = ["_build"]
root_doc = "index"

# A link or anchor that leads nowhere is an error, since `make docs` builds with -W.
nitpicky = True
# Not so the names of Python objects: signatures name types of other libraries and private ones of ours, which have no
# page here, and pages name objects as code, without a reference.
nitpick_ignore_regex = [("py:.*", ".*")]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

highlight_language = "none"
pygments_style = "friendly"
pygments_dark_style = "native"

default_role = "code"  # docstrings mark code by single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
python_display_short_literal_types = True

html_theme = "furo"
html_title = f"preforget {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
