"""How records are learned and scored: one file per engine, the same interface."""
