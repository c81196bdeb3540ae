"""Measures as pure functions: one idea, one file; nothing here knows a model."""
