"""Words, errors, seeds and digests that every other room uses; nothing here imports torch."""
