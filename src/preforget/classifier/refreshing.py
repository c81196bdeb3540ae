"""Take over what other processes have changed in the model folder."""

from __future__ import annotations

from preforget.classifier.binding import keep_in, load_records
from preforget.classifier.bound import Bound
from preforget.classifier.turns import changes
from preforget.core.errors import ChangedError, StoreError, UsageError
from preforget.erasure import open_folder


class Refreshing(Bound):
    """The part of the classifier that follows its folder."""

    @changes
    def refresh(self) -> bool:
        """Read the model folder again if another process has changed it, without loading the backbone anew.

        An erasure that was cut off is ended first. What the model held in memory before is overwritten.

        Returns:
            Whether anything had changed.

        Raises:
            UsageError: The model is bound to no folder.
            StoreError: The folder is gone, is damaged, or holds another model now: load it with `from_pretrained`.

        Example:
            >>> model.save_pretrained("model")
            >>> another = PreForgettableClassifier.from_pretrained("model")
            >>> another.forget("Grace").classes_left, model.refresh(), model.classes_.tolist()
            (2, True, ['Ada', 'Mary'])
        """
        before = self.folder
        if before is None:
            raise UsageError("the model is bound to no folder, so nobody else can have changed it")
        try:
            with before.as_read():
                if not before.has_intent():
                    return False
        except ChangedError:
            pass
        while True:
            folder = open_folder(before.path, before.keyring)
            manifest, kind = folder.manifest, type(self.engine_)
            if (manifest.model, manifest.engine) != (before.manifest.model, kind.name):
                raise StoreError(
                    f"{folder.path} holds another model now; load it with PreForgettableClassifier.from_pretrained"
                )
            config = kind.options_type.of_folder(manifest.options, manifest.format)
            engine = kind(self.engine_.encoder, config)
            try:
                with folder.as_read():
                    load_records(engine, folder, None)
                break
            except ChangedError:
                continue
        self.keep = keep_in(manifest, engine) if manifest.keeps else manifest.keep
        self.folder, self._label_kind = folder, manifest.label_kind
        self._exchange(engine)
        return True
