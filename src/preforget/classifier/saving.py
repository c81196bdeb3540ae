"""Write a classifier to a model folder, and load it from one."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from preforget.backbones.precision import choose_device, choose_dtype
from preforget.classifier.binding import fill, manifest_of
from preforget.classifier.state import State
from preforget.core.errors import StoreError, UsageError
from preforget.engines.shortlist import whole_shortlist
from preforget.erasure import open_folder
from preforget.erasure.copies import add_copy
from preforget.store import ModelFolder
from preforget.store.folder import KeyringPlace


class Saving(State):
    """The part of the classifier that is bound to a model folder."""

    def save_pretrained(
        self, path: str | Path, *, sealed: bool = False, keyring: KeyringPlace = None
    ) -> None:
        """Write the model folder, whole or not at all, and bind the model to it.

        `sealed`: encrypt each record with a key of its own, kept in `keyring` outside the folder. Raises `StoreError`
        if something is there already; saving to its own folder changes nothing. A folder to which it was saved before
        stays as it is, and what is forgotten later is not forgotten there; it is listed as a copy, like a kept cache.
        """
        engine, place = self._fitted(), Path(path).expanduser()
        if self.folder is not None and place.resolve() == self.folder.path.resolve() and place.exists():
            return
        manifest = manifest_of(engine, self.keep, sealed)
        before, origin = self.folder, None
        if before is not None and before.path.exists():
            before.check_current()  # else a class that another process has forgotten would come back
            origin = {"model": before.manifest.model, **before.ledger.head().as_dict()}
        records, shared = engine.records(), engine.shared_tensors()
        self.folder = ModelFolder.create(place, manifest, records, shared, keyring, origin)
        if before is not None and origin is not None:
            if before.is_writable():
                before.commit("export", {"model": manifest.model})
            add_copy(self.folder, "export", str(before.path), sealed=False)
        session = self._session
        if session.cache_dir is not None and session.keep_cache and session.cache_dir.exists():
            add_copy(self.folder, "cache", str(session.cache_dir.absolute()))
        if session.checkpoint is not None:
            session.checkpoint.unlink(missing_ok=True)

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        *,
        backbone: str | None = None,
        device: str = "auto",
        dtype: str | None = None,
        shortlist: int = 0,
        keyring: KeyringPlace = None,
    ) -> Self:
        """Load a model folder and bind to it; `backbone` says where the checkpoint lies now, if it was moved.

        Ends an erasure that was cut off. Raises `IntegrityError` for a damaged folder, `StoreError` for a missing
        one, `BackboneError` if the backbone is another one.
        """
        folder = open_folder(Path(path).expanduser(), keyring)
        manifest, wanted = folder.manifest, folder.manifest.backbone
        # checked here, so that the manifest isn't blamed for the caller's slip
        choose_dtype(dtype or "auto", choose_device(device))
        whole_shortlist(shortlist)
        try:
            model = cls(
                backbone or wanted["id"],
                manifest.engine,
                wanted["image_size"],
                keep=manifest.keep,
                shortlist=shortlist,
                device=device,
                dtype=dtype or wanted["dtype"],
                revision=None if backbone else wanted["revision"],
                **manifest.options,
            )
        except (UsageError, TypeError) as error:
            raise StoreError(
                f"{path} doesn't fit its backbone, or its manifest is damaged: {error}"
            ) from error
        fill(model.engine_, folder, backbone)
        model.folder, model._learned = folder, True
        return model
