"""The public class: a frozen backbone, an engine with its records, and a model folder."""

from __future__ import annotations

from preforget.classifier.adding import Adding
from preforget.classifier.answering import Answering
from preforget.classifier.copying import Copying
from preforget.classifier.forgetting import Forgetting
from preforget.classifier.saving import Saving


class PreForgettableClassifier(Adding, Answering, Forgetting, Saving, Copying):
    """A classifier on a frozen encoder whose classes can be forgotten, detached, attached and added one by one.

    `backbone`: `builtin`, a checkpoint folder or a hub id; `engine`: `isolated`, `exact` or `paper`; `image_size`:
    pixels, a multiple of the patch, None for the checkpoint's own; `keep`: the share of known inputs that is to be
    answered, from which the abstention threshold follows; `shortlist`: for large banks, let `predict` score only that
    many promising classes of each image, 0 for all; `device`, `dtype`: `auto` chooses; further options are
    the engine's (`epochs`, `tokens_per_class`, ...). Raises `UsageError` and `BackboneError`.

    Once saved or loaded, the model stays bound to its folder: `forget`, `detach`, `attach` and `add` change both.
    """

    def __repr__(self) -> str:
        """Name engine, backbone and the number of classes, no label."""
        e = self.engine_
        return f"<PreForgettableClassifier {e.name} on {e.encoder.identity.id}: {len(e.bank)} classes>"
