"""Evidence about a model, always beside a model that was retrained without the forgotten data."""
