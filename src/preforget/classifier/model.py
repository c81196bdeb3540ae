"""All that a classifier does, for programs that need no scikit-learn, whose import takes as long as torch's."""

from __future__ import annotations

from preforget.classifier.copying import Copying
from preforget.classifier.evaluating import Evaluating
from preforget.classifier.forgetting import Forgetting
from preforget.classifier.refreshing import Refreshing
from preforget.classifier.renaming import Renaming
from preforget.classifier.saving import Saving


class Model(Renaming, Evaluating, Forgetting, Refreshing, Saving, Copying):
    """What `PreForgettableClassifier` is without being a class of scikit-learn."""

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Name engine, backbone and the number of classes, no label."""
        engine = self.engine if isinstance(self.engine, str) else type(self.engine).__name__
        if not self.__sklearn_is_fitted__():
            backbone = self.backbone if isinstance(self.backbone, str) else self.backbone.identity.id
            return f"<PreForgettableClassifier {engine} on {backbone}: 0 classes>"
        e = self.engine_
        return f"<PreForgettableClassifier {e.name} on {e.encoder.identity.id}: {len(e.bank)} classes>"
