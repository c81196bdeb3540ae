"""Pictures as SVG text, for pages that need no network and no script."""
