"""The report of an audit: figures, charts, one page."""
