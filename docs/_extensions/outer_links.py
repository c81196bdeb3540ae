"""Sphinx extension: write every link that leaves the documentation into `outer-links.txt`; none is fetched."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def list_outer_links(app: Sphinx, env: BuildEnvironment) -> None:
    """Write one line per link: the address, then the pages that have it."""
    pages: dict[str, set[str]] = {}
    for page in sorted(env.found_docs):
        for reference in env.get_doctree(page).findall(nodes.reference):
            address = str(reference.get("refuri", ""))
            if address.startswith(("http://", "https://")):
                pages.setdefault(address, set()).add(page)
    lines = [f"{address}\t{', '.join(sorted(names))}\n" for address, names in sorted(pages.items())]
    (Path(app.outdir).parent / "outer-links.txt").write_text("".join(lines), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("env-updated", list_outer_links)
    return {"parallel_read_safe": True}
