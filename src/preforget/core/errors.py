"""Errors that are written for the person at the terminal: what was wrong, which value, what to do next."""

from __future__ import annotations


class PreforgetError(Exception):
    """Base of all errors that this package raises on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


class UsageError(PreforgetError, ValueError):
    """An argument or an option has a value that can't be used."""

    exit_code = 2


class DataError(PreforgetError, ValueError):
    """Inputs or labels can't be used for learning or predicting."""


class BackboneError(PreforgetError, ValueError):
    """A checkpoint is missing, incomplete or of an architecture that isn't supported."""


class StoreError(PreforgetError, OSError):
    """A model folder is missing, damaged or can't be written."""


class MissingError(StoreError):
    """There is no model at the path that was given."""

    exit_code = 2


class ChangedError(StoreError):
    """Another process has changed a model folder since it was read."""


class IntegrityError(StoreError):
    """Something is not what was written: a byte, a signature, a link of a chain, or a file's place."""

    exit_code = 3


class UnknownLabelError(PreforgetError, LookupError):
    """The label is none of the model's classes: never learned, or already forgotten."""

    exit_code = 5


class NotFittedError(PreforgetError, RuntimeError):
    """The model has learned nothing yet."""


class InputsCutWarning(UserWarning):
    """Some inputs are longer than what the encoder reads of each."""
