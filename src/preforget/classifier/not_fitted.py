"""The error of a classifier that has learned nothing, which scikit-learn's tools know; a file of its own, since its
import takes as long as torch's."""

from __future__ import annotations

from sklearn.exceptions import NotFittedError as SklearnNotFittedError

from preforget.core.errors import NotFittedError


class ClassifierNotFittedError(NotFittedError, SklearnNotFittedError):  # type: ignore[misc]
    """The classifier has learned nothing yet; also scikit-learn's error of that name."""
