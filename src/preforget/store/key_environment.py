"""`env:NAME`: keys that a secret store puts into an environment variable, for replicas that only predict."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from preforget.core.errors import UsageError
from preforget.store.head import Head
from preforget.store.key_service import (
    KEYRINGS,
    Keyring,
    ModelKeys,
    check_has_keys,
    check_model_id,
    check_record_ids,
)
from preforget.store.passphrase import Passphrase

if TYPE_CHECKING:
    from preforget.store.signing import SigningKeys


class EnvironmentModelKeys(ModelKeys):
    """The keys of one model from the environment; every method that would change them raises `UsageError`."""

    writable = False

    def __init__(self, model: str, keys: Mapping[str, bytes], place: str) -> None:
        self.model, self.place, self._keys = model, place, dict(keys)

    def get(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the 32-byte keys of records; raises `IntegrityError` for one that is not in the variable."""
        ids = check_record_ids(ids)
        check_has_keys(ids, self._keys, {}, self.place)
        return {i: self._keys[i] for i in ids}

    def holding(self, ids: Iterable[str]) -> set[str]:
        """Return those of some record ids that have a key."""
        return set(ids) & self._keys.keys()

    def made_for(self) -> str:
        """Return nothing: a variable doesn't note any place."""
        return ""

    def create(self, ids: Iterable[str], made_for: str = "") -> dict[str, bytes]:
        """Raise `UsageError`."""
        self._refuse("made")

    def destroy(self, ids: Iterable[str], erasure: str, head: Head | None = None) -> int:
        """Raise `UsageError`."""
        self._refuse("destroyed")

    def destroyed(self) -> dict[str, str]:
        """Return no tombstones: a variable has none."""
        return {}

    def pending(self) -> set[str]:
        """Return nothing: no keys are made in a variable."""
        return set()

    def head(self) -> Head | None:
        """Return None: a variable doesn't note where a ledger ends."""
        return None

    def note_head(self, head: Head) -> None:
        """Raise `UsageError`."""
        self._refuse("changed")

    def follow_restored(self, head: Head, ids: Iterable[str], erasure: str) -> None:
        """Raise `UsageError`."""
        self._refuse("changed")

    def begin(self, ids: Iterable[str], earlier: Iterable[str] = ()) -> dict[str, bytes]:
        """Raise `UsageError`."""
        self._refuse("made")

    def withdraw(self, ids: Iterable[str], made_for: str = "") -> None:
        """Raise `UsageError`."""
        self._refuse("destroyed")

    def _refuse(self, what: str) -> NoReturn:
        raise UsageError(
            f"keys given by the environment ({self.place}) can't be {what} there: do it on the machine that has "
            "the keyring (learn, add and forget work there), and take keys of forgotten records out of the secret"
        )


class EnvironmentKeyring(Keyring):
    """Reads `{"model": id, "keys": {record id: base64 of 32 bytes}}`, or a list of those, from a variable, at once.

    Raises `UsageError`, which names the variable and shows nothing of its value.
    """

    def __init__(self, name: str) -> None:
        self.place = f"env:{name}"
        if not name or name not in os.environ:
            raise UsageError(
                f"the keyring {self.place} needs the environment variable {name or 'NAME'}; "
                'set it to {"model": ID, "keys": {RECORD: BASE64}}'
            )
        try:
            value = json.loads(os.environ[name])
            models = [_model(entry) for entry in (value if isinstance(value, list) else [value])]
            if len({model for model, _ in models}) < len(models):
                raise ValueError("a model is in it twice")
        except (ValueError, RecursionError) as error:
            # what is wrong, without the text that is wrong: it may be a key
            reason = "it is no JSON" if isinstance(error, json.JSONDecodeError) else str(error)
            raise UsageError(f"the environment variable {name} holds no keys: {reason}") from None
        self._models = {model: EnvironmentModelKeys(model, keys, self.place) for model, keys in models}

    def model(self, model_id: str) -> ModelKeys:
        """Return the keys of one model, none for one that isn't in the variable."""
        if model_id not in self._models:
            return EnvironmentModelKeys(check_model_id(model_id), {}, self.place)
        return self._models[model_id]

    def models(self) -> list[str]:
        """Return the ids of the models in the variable, sorted."""
        return sorted(self._models)

    @property
    def signing(self) -> SigningKeys:
        """Raise `UsageError`: signing keys must be made, rotated and destroyed where they are kept."""
        raise UsageError(
            f"the keyring {self.place} holds no keys that sign; name a folder for them: --keyring FOLDER"
        )


@KEYRINGS.register("env")
def _open(name: str, passphrase: Passphrase | None) -> Keyring:
    del passphrase  # the secret store protects the variable
    return EnvironmentKeyring(name)


def _model(entry: Any) -> tuple[str, dict[str, bytes]]:
    """Return model id and keys; raises `ValueError`, whose text quotes nothing that could be a key."""
    if not isinstance(entry, dict) or set(entry) != {"model", "keys"}:
        raise ValueError('each model needs "model" and "keys", and nothing else')
    model, keys = entry["model"], entry["keys"]
    if not isinstance(model, str) or not isinstance(keys, dict):
        raise ValueError('"model" must be text, and "keys" must map record ids to base64')
    try:
        check_model_id(model)
        check_record_ids(keys)
        decoded = {i: base64.b64decode(text, validate=True) for i, text in keys.items()}
    except (ValueError, TypeError):
        raise ValueError("a model id, a record id or the base64 of a key is malformed") from None
    if any(len(key) != 32 for key in decoded.values()):
        raise ValueError("a key doesn't have 32 bytes")
    return model, decoded
