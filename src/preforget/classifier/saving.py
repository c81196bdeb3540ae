"""Write a classifier to a model folder, load it from one, and send it to another process."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from preforget.backbones.encoder import Encoder
from preforget.backbones.pinned import pinned
from preforget.backbones.precision import choose_device, choose_dtype
from preforget.classifier.binding import keep_in, load_records, manifest_of
from preforget.classifier.bound import Begun, Bound
from preforget.classifier.making import as_learned, check_answering, engine_named, make_encoder
from preforget.classifier.sealed_checkpoint import SealedCheckpoint
from preforget.classifier.turns import changes, reads
from preforget.core.clock import now
from preforget.core.errors import ChangedError, StoreError, UsageError
from preforget.core.paths import absolute_path
from preforget.engines import Session
from preforget.erasure import open_folder
from preforget.erasure.copies import add_copy, copy_entry, remove_copy
from preforget.store import Manifest, ModelFolder
from preforget.store.confirmation import check_age
from preforget.store.record_files import KeyringPlace
from preforget.store.side_key import owner_of
from preforget.training.checkpoint import KEPT_DAYS, CheckpointFile

NOT_PICKLED = ("_locks", "_begun", "_ended")
"""What belongs to this process alone."""


@dataclass(frozen=True)
class _Save:
    """A saving: where to, of what manifest, with which keyring, and the folder and ledger row that it is a copy of."""

    path: Path
    manifest: Manifest
    keyring: KeyringPlace
    former: ModelFolder | None
    origin: dict[str, Any] | None


class Saving(Bound):
    """The part of the classifier that is bound to a model folder."""

    @changes
    def save_pretrained(
        self, path: str | Path, *, sealed: bool = False, keyring: KeyringPlace = None
    ) -> None:
        """Write the model folder, whole or not at all, and bind the model to it.

        Saving to its own folder changes nothing. A folder to which it was saved before stays as it is, and what is
        forgotten later is not forgotten there; it is listed as a copy, like a cache that was kept.

        Args:
            path: The folder to make; there must be nothing yet, or an empty folder.
            sealed: Encrypt each record with a key of its own, so that destroying the key is enough to forget it.
            keyring: Where these keys lie, outside the folder; by default where `PREFORGET_KEYRING` says, else in the
                user's data folder.

        Raises:
            NotFittedError: Nothing was learned yet.
            StoreError: Something is there already, or the folder can't be written; or the folder that the model is
                bound to was changed by another process, moved or deleted: what was forgotten there isn't known here.

        Example:
            >>> model.save_pretrained("model")
            >>> PreForgettableClassifier.from_pretrained("model").classes_.tolist()
            ['Ada', 'Grace', 'Mary']
        """
        engine, target, before = self._fitted(), absolute_path(path), self.folder
        origin = None
        if before is not None:
            with before.as_read():  # else a class that was forgotten in the folder since could come back
                check_age(before)
                if target.resolve() == before.path.resolve():
                    return
                origin = {"model": before.manifest.model, **before.ledger.head().as_dict()}
        session = self._session
        left = _left_of_learning(session)
        manifest = replace(manifest_of(engine, self.keep_, sealed, self._label_kind), copies=left)
        save = _Save(target, manifest, keyring, before, origin)
        self._all_or_nothing(Begun(end=partial(self._end_save, save)), partial(self._save, save))

    def _save(self, save: _Save) -> None:
        with contextlib.nullcontext() if save.former is None else save.former.as_read():
            records, shared = self.engine_.records(), self.engine_.shared_tensors()
            self.folder = ModelFolder.create(
                save.path, save.manifest, records, shared, save.keyring, save.origin
            )
            self._list_copies(save.former)

    def _end_save(self, save: _Save) -> None:
        """End a saving that was cut off: as if nothing had been, or with the whole folder and all that follows."""
        ModelFolder.discard_unfinished(save.path, save.manifest.model, save.keyring)
        if not (save.path.is_dir() and any(save.path.iterdir())):
            return
        if Manifest.read(save.path).model != save.manifest.model:
            return  # it was there before
        former = save.former
        self.folder = open_folder(save.path, save.keyring)
        self._list_copies(None if former is None else open_folder(former.path, former.keyring))

    def _list_copies(self, former: ModelFolder | None) -> None:
        """Enter into both folders that they know of each other, and a kept cache; remove the checkpoint."""
        folder = self.folder
        assert folder is not None
        listed = {(copy["kind"], copy["place"]) for copy in folder.manifest.copies.values()}
        if former is not None:
            told = any(
                e.event == "export" and e.data.get("model") == folder.manifest.model
                for e in former.ledger.entries()
            )
            if former.is_writable() and not told:
                entry = copy_entry("export", _one_line(str(folder.path)))  # it has keys of its own
                copies = {**former.manifest.copies, secrets.token_hex(16): entry}
                former.commit("export", {"model": folder.manifest.model}, copies=copies)
            former_place = _one_line(str(former.path))
            if ("export", former_place) not in listed:
                add_copy(folder, "export", former_place)
        session = self._session
        cache = session.cache_dir if session.keep_cache else None
        if cache is not None and cache.exists() and ("cache", str(cache)) not in listed:
            add_copy(folder, "cache", str(cache))
        if isinstance(session.checkpoint, CheckpointFile):
            session.checkpoint.remove()
            checkpoint_place = _one_line(str(session.checkpoint.path.absolute()))
            for copy_id in [i for i, c in folder.manifest.copies.items() if c["place"] == checkpoint_place]:
                remove_copy(folder, copy_id)

    @classmethod
    @pinned
    def from_pretrained(
        cls,
        path: str | Path,
        *,
        backbone: str | Encoder | None = None,
        device: str = "auto",
        dtype: str | None = None,
        shortlist: int = 0,
        on_unknown: str | None = None,
        keyring: KeyringPlace = None,
    ) -> Self:
        """Load a model folder and bind to it: what is forgotten, detached, attached or added changes both.

        An erasure that was cut off is ended first.

        Args:
            path: The model folder.
            backbone: Where the checkpoint lies now, if it was moved; or the encoder itself, such as one of
                `encoder_from`, which a folder doesn't hold.
            device: `"auto"`, `"cpu"`, `"cuda"`, `"cuda:<n>"` or `"mps"`.
            dtype: `"auto"`, `"float32"` or `"bfloat16"`, by default as it was learned.
            shortlist: As in the constructor.
            on_unknown: As in the constructor.
            keyring: Where the keys of a sealed model lie.

        Returns:
            The classifier, bound to its folder.

        Raises:
            IntegrityError: The folder is damaged.
            StoreError: The folder is missing or can't be read.
            BackboneError: The backbone is missing or is another one.

        Example:
            >>> model.save_pretrained("other")
            >>> PreForgettableClassifier.from_pretrained("other").score(X, y)
            1.0
        """
        folder = open_folder(absolute_path(path), keyring)
        manifest, wanted = folder.manifest, folder.manifest.backbone
        # checked here, so that the manifest isn't blamed for the caller's slip
        choose_dtype(dtype or "auto", choose_device(device))
        check_answering(0.5, on_unknown, shortlist)
        name, revision = backbone or wanted["id"], None if backbone else wanted["revision"]
        try:
            check_answering(manifest.keep, None, 0)
            kind = engine_named(manifest.engine)
            config = kind.options_type.of_folder(manifest.options, manifest.format)
            size, number_format, files = wanted["image_size"], dtype or wanted["dtype"], wanted.get("files")
            encoder = as_learned(make_encoder(name, size, device, number_format, revision, files), wanted)
            engine = kind(encoder, config)
        except (UsageError, TypeError) as error:
            raise StoreError(
                f"{path} doesn't fit its backbone, or its manifest is damaged: {error}"
            ) from error
        while True:
            try:
                with folder.as_read():
                    load_records(engine, folder, backbone if isinstance(backbone, str) else None)
                break
            except ChangedError:  # while the backbone was loaded
                folder = open_folder(absolute_path(path), keyring)
        model = cls(
            name,
            config,
            None if encoder.kind == "vectors" else wanted["image_size"],
            config.seed,
            keep=keep_in(manifest, engine) if manifest.keeps else manifest.keep,
            on_unknown=on_unknown,
            shortlist=shortlist,
            device=device,
            dtype=dtype or wanted["dtype"],
            revision=revision,
        )
        model._begin(engine, Session(), manifest.label_kind)
        model.folder = folder
        return model

    @reads
    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: of a model that is bound to a folder its path alone, else all of it.

        Whoever unpickles the former opens the folder as it is then, and needs its keyring if it is sealed. A pickle
        of a model in memory is a copy of all that it knows: what is forgotten later is not forgotten there.
        """
        if self.folder is None:
            return {name: value for name, value in vars(self).items() if name not in NOT_PICKLED}
        return {
            "path": str(self.folder.path),
            "backbone": self.backbone if isinstance(self.backbone, str) else None,
            "keyring": self.folder.keyring_place,
            **{name: getattr(self, name) for name in ("device", "dtype", "shortlist", "on_unknown")},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what was pickled; raises as `from_pretrained`."""
        if "path" in state:
            if not os.path.isdir(str(state["backbone"])) and state["backbone"] is not None:  # noqa: PTH112
                state = {**state, "backbone": None}
            state = dict(vars(type(self).from_pretrained(**state)))
        self.__dict__.update(state)


def _left_of_learning(session: Session) -> dict[str, dict[str, Any]]:
    """Return the copies that a new model has from the start: the checkpoint, until it is removed, and a kept cache."""
    copies = []
    checkpoint = session.checkpoint
    if isinstance(checkpoint, CheckpointFile) and checkpoint.path.exists():
        checkpoint_place, last_day = (
            str(checkpoint.path.absolute()),
            date.fromisoformat(now()[:10]) + timedelta(KEPT_DAYS),
        )
        key = owner_of(checkpoint.path) if isinstance(checkpoint, SealedCheckpoint) else None
        deletable = checkpoint_place.isprintable()
        copies.append(
            copy_entry(
                "checkpoint", checkpoint_place, expires=last_day.isoformat(), delete=deletable, key=key
            )
        )
    if session.cache_dir is not None and session.keep_cache and session.cache_dir.exists():
        copies.append(copy_entry("cache", str(session.cache_dir)))
    return {secrets.token_hex(16): {**copy, "place": _one_line(copy["place"])} for copy in copies}


def _one_line(place: str) -> str:
    return place if place.isprintable() else ascii(place)
