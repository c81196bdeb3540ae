"""Attacks and measures, one per file, and what each is given."""
