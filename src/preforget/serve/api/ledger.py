"""`/api/v1/ledger` and `/api/v1/keys`: what happened to a model, and the public keys of its receipts."""

from __future__ import annotations

from typing import Annotated, Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, Query
from pydantic import BaseModel

from preforget.serve.api.common import PROBLEMS, TheModel, Viewer
from preforget.store import ModelFolder

router = APIRouter(tags=["evidence"], responses=PROBLEMS)


class Row(BaseModel):
    """One row: rows count from 1, and each holds the hash of the one before; no name."""

    seq: int
    time: str
    event: str
    data: dict[str, Any]
    previous: str
    hash: str


class Key(BaseModel):
    """A public key, as PEM; the current one signs."""

    id: str
    current: bool
    pem: str


@router.get("/ledger")
async def ledger(
    model: TheModel,
    caller: Viewer,
    after: Annotated[int, Query(ge=0, le=10**15, description="Rows after this one")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Row]:
    """Return rows of the ledger."""
    return await model.call(rows_of, _folder(model), after, limit)  # type: ignore[no-any-return]


@router.get("/keys")
async def keys(model: TheModel, caller: Viewer) -> list[Key]:
    """List the public keys, for whoever checks receipts."""
    return await model.call(keys_of, _folder(model))  # type: ignore[no-any-return]


def rows_of(folder: ModelFolder, after: int, limit: int) -> list[Row]:
    """Return some rows of a folder's ledger."""
    rows = list[Row]()
    for entry in folder.ledger.entries(min(after, folder.ledger.head().seq)):
        if len(rows) == limit:
            break
        rows.append(Row(**entry.as_dict()))
    return rows


def keys_of(folder: ModelFolder) -> list[Key]:
    """Return the public keys of a folder's keyring."""
    signing = folder.keyring.signing
    known = signing.known()
    current = signing.current().key_id if known else None
    return [
        Key(
            id=key_id,
            current=key_id == current,
            pem=key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        )
        for key_id, key in known.items()
    ]


def _folder(model: TheModel) -> ModelFolder:
    folder = model.classifier.folder
    assert folder is not None
    return folder
