"""The public class: a frozen backbone, an engine with its records, and a model folder."""

from __future__ import annotations

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags

from preforget.backbones.vectors import FEATURES
from preforget.classifier.model import Model


class PreForgettableClassifier(Model, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # it has no types
    """A classifier on a frozen encoder whose classes can be forgotten, detached, attached and added one by one.

    It is a classifier of scikit-learn: parameters are kept as they are given, checked and used in `fit`. Once saved or
    loaded, the model stays bound to its folder: `forget`, `detach`, `attach` and `add` change both.

    Pickled, a model that is bound to a folder is its path, and opening the pickle opens the folder; the pickle of a
    model in memory is a copy of all that it knows, where nothing is forgotten later.

    Args:
        backbone: The frozen encoder: `"builtin"`, `"builtin-audio"`, the folder of a checkpoint, an id on the hub, an
            encoder of `load_backbone`; or `"features"` for inputs that are rows of numbers `[n, d]` already.
        engine: How classes are learned: `"isolated"`, `"exact"`, `"paper"`, the name of an extension's engine, or an
            object with its options such as `preforget.engines.Isolated(epochs=20)`.
        image_size: Pixels, a multiple of the patch, None for the checkpoint's own; frames of sounds.
        seed: Of everything that is drawn.
        keep: The share of known inputs that is to be answered, from which the threshold of abstention follows; or a
            dictionary with the shares of single classes, where None stands for all others (0.95).
        on_unknown: What is said of an input of no known class: `"abstain"`: `predict` says `ABSTAIN`; `"uniform"`:
            also, and `predict_proba` gives all classes the same; `"best"`: always the best class. None is `"best"`
            on rows of numbers, where scikit-learn's tools expect it, else `"abstain"`.
        shortlist: For very many classes, let `predict` score only that many promising classes of each input; 0 for all.
        device: `"auto"`, `"cpu"`, `"cuda"`, `"cuda:<n>"` or `"mps"`.
        dtype: `"auto"`, `"float32"` or `"bfloat16"`.
        revision: Of a checkpoint on the hub: a branch, a tag or a commit.
        **options: The engine's own where it is named by text, such as `epochs=20`.

    Attributes:
        classes_: The labels that can be answered, of the type they were given with; columns of probabilities follow.
        labels: Their names as text, in the same order.
        engine_: The engine with its records.
        folder: The model folder that it is bound to, or None.
        n_features_in_: How many numbers an input has; only with the backbone `"features"`.

    The examples of methods go on from this one: `X`, `y` and a `model` that knows all three classes.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(60, 4)) + np.repeat([[0.0], [4.0], [8.0]], 20, axis=0)
        >>> y = np.repeat(["Ada", "Grace", "Mary"], 20)
        >>> model = PreForgettableClassifier("features", "exact").fit(X, y)
        >>> model.forget("Grace").classes_left
        2
        >>> model.classes_.tolist()
        ['Ada', 'Mary']
    """

    def __sklearn_tags__(self) -> Tags:
        """Say what is learned from: rows of numbers with the backbone `features`, else images."""
        tags = super().__sklearn_tags__()
        on_vectors = (
            self.backbone if isinstance(self.backbone, str) else self.backbone.identity.id
        ) == FEATURES
        tags.input_tags.two_d_array = on_vectors
        tags.input_tags.three_d_array = not on_vectors
        tags.input_tags.string = not on_vectors  # paths of files
        return tags
