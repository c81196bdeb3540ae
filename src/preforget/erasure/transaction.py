"""One erasure on disk, from its announcement to its receipt; a crash at any point is made good on the next opening."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from preforget.core.clock import now
from preforget.core.errors import IntegrityError, StoreError, UsageError
from preforget.core.files import make_private, write_atomic
from preforget.core.hashing import bytes_digest
from preforget.core.version import __version__
from preforget.engines.base import Engine
from preforget.erasure.copies import account_for_copies
from preforget.erasure.intent import Intent
from preforget.erasure.pieces import fingerprints
from preforget.erasure.plan import Plan, rewritten_in_folder
from preforget.erasure.receipt import Receipt, not_claimed, payload_of, receipt_digest, sign_receipt
from preforget.erasure.request import Request
from preforget.erasure.scan import scan, size_of, windows
from preforget.records import ClassRecord
from preforget.store import ModelFolder
from preforget.store.authority import check_may_begin, check_may_sign, is_row_of
from preforget.store.consistency import check_not_ahead, is_ahead, without
from preforget.store.layout import INTENT, RECEIPTS, receipt_name
from preforget.store.ledger import Entry, in_force

MOST_RECORDS = 10_000
"""Records of one erasure: the receipt that lists them must stay readable."""

_IN_LEDGER = ("id", "bytes", "digest", "name")
"""What the ledger says of a record that was erased, and a receipt too."""

ForgetInMemoryAndDerive = Callable[[], Sequence[ClassRecord]]
"""Forgets in memory, where a model is loaded, and returns the records that follow from those that are left."""


@dataclass(frozen=True)
class Ended:
    """What an erasure did on disk: its receipt as signed bytes and as values."""

    content: bytes
    receipt: Receipt


def erase_on_disk(
    folder: ModelFolder,
    plan: Plan,
    forget_in_memory_and_derive: ForgetInMemoryAndDerive,
    *,
    request: Request,
    delete_copies: bool = False,
) -> Ended:
    """Destroy the records of a plan, derive what follows from the others, and leave a signed receipt in the folder.

    `delete_copies`: delete the copies that are listed as to be deleted; an interrupted erasure leaves them.
    Nothing has happened if this raises before the erasure is announced. Afterwards the next opening ends it. Raises
    `StoreError`, and `UsageError` for a request that holds a name of the model.
    """
    request.check(plan.names)
    plan.engine.signed_meaning()  # who can't sign a receipt must not begin
    with folder.changing():
        folder.check_current()
        check_may_begin(folder, partial(Intent.read, folder.path))
        check_not_ahead(folder, "forget")
        # by random ids: in the order of a plan, the place of a record could tell whose it was
        ids = sorted({record.id for record in plan.records if folder.is_live(record.id)})
        if not ids:
            raise UsageError(
                f"none of the records to forget is in {folder.path}; plan again: they may be gone"
            )
        if len(ids) > MOST_RECORDS:
            raise UsageError(f"{len(ids)} records are too many for one receipt; forget in several steps")
        signer = folder.keyring.signing.current()
        folder.take_out_of_packs(ids)
        contents = {i: folder.read_file(i) for i in ids}
        size = size_of(folder.path) - sum(folder.unsearched().values())
        intent = Intent(
            erasure=secrets.token_hex(16),
            what=plan.what,
            begun=now(),
            records=folder.describe(contents),
            windows=[base64.b64encode(piece).decode() for piece in windows([*contents.values()], size)],
            reference=request.reference,
            grounds=request.grounds,
            before={"manifest": folder.manifest.state(), "generation": folder.manifest.generation},
            seq=(head := folder.ledger.head()).seq,
            hash=head.hash,
            targets=_on_disk(plan.listed, set(ids)),
        )
        intent = replace(intent, mac=signer.authenticate(intent.covered(folder.manifest.model)))
        intent.write(folder.path)
        ended = finish(
            folder,
            intent,
            plan.engine,
            forget_in_memory_and_derive,
            recovered=False,
            delete_copies=delete_copies,
            rewritten=plan.rewritten,
        )
        if ended is None:
            raise StoreError(f"the erasure {intent.erasure} was ended before; load the model again")
        return ended


def finish(
    folder: ModelFolder,
    intent: Intent,
    engine: type[Engine],
    forget_in_memory_and_derive: ForgetInMemoryAndDerive,
    *,
    recovered: bool,
    delete_copies: bool = False,
    rewritten: Sequence[ClassRecord] | None = None,
) -> Ended | None:
    """End an erasure that was announced, wherever it was cut off; raises `StoreError` if it can't be ended.

    `rewritten`: what takes the place of records that concern all classes; read from the folder if it isn't given.
    Nothing is signed, and None returned, if the ledger says that it was ended and its receipt isn't in the folder: it
    was moved elsewhere, and an old announcement put back.
    """
    try:
        return _finish(
            folder, intent, engine, forget_in_memory_and_derive, recovered, delete_copies, rewritten
        )
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(
            f"an erasure in {folder.path} has begun but can't be ended: {error.strerror or error}; "
            "make the folder and the keyring writable and open the model again"
        ) from error


def _finish(
    folder: ModelFolder,
    intent: Intent,
    engine: type[Engine],
    forget_in_memory_and_derive: ForgetInMemoryAndDerive,
    recovered: bool,
    delete_copies: bool,
    rewritten: Sequence[ClassRecord] | None,
) -> Ended | None:
    rows = in_force(folder.ledger.entries(intent.seq))
    row = next((e for e in rows if is_row_of(intent, e, "forget")), None)
    if recovered:
        intent = replace(intent, records=check_may_sign(folder, intent, row))
    if row is None:
        _write_rewritten(folder, intent, rewritten)
    without = _without(folder, intent.ids)
    if row is None:
        data = {
            "erasure": intent.erasure,
            "what": intent.what,
            "records": [{name: r[name] for name in _IN_LEDGER} for r in intent.records],
            "pieces": fingerprints([folder.read_file(i) for i in sorted(intent.ids)]),
            **({"targets": intent.targets} if intent.targets else {}),
        }
        row = folder.commit("forget", data, **without)
    elif any(map(folder.is_live, intent.ids)):  # cut off between ledger and manifest
        generation = folder.manifest.generation + 1
        folder.adopt_head(row.head, replace(folder.manifest, generation=generation, **without))
    folder.finish_erasing(intent.erasure)
    derived = forget_in_memory_and_derive()
    missing = [record for record in derived if not folder.is_live(record.id)]
    if missing:
        folder.change(add=missing, event="derive")
    rows = in_force(folder.ledger.entries(row.seq))
    done = next((e for e in rows if is_row_of(intent, e, "erased")), None)
    path = folder.path / receipt_name(intent.erasure)
    ended = None
    if done is not None:  # all was done, but for the last step; no second receipt may say that it ended later
        if path.exists():
            content = path.read_bytes()
            if receipt_digest(content) != done.data.get("receipt"):
                raise IntegrityError(
                    f"{path} is not the receipt that the ledger knows; restore it from a copy"
                )
            ended = Ended(content, Receipt.from_statement(payload_of(content)))
        if is_ahead(folder):
            folder.adopt_head(done.head, replace(folder.manifest, generation=folder.manifest.generation + 1))
    else:
        digests = {record["id"]: record["digest"] for record in intent.records}
        copies = account_for_copies(folder, digests, delete=delete_copies)
        receipt = _receipt(folder, intent, engine, row, copies, recovered)
        content = sign_receipt(receipt, folder.keyring.signing.current())
        make_private(path.parent)
        write_atomic(path, content)
        passed = all(check["passed"] for check in receipt.checks)
        facts = {
            "erasure": intent.erasure,
            "receipt": receipt_digest(content),
            "file": bytes_digest(content),
            "passed": passed,
        }
        folder.commit("erased", facts)
        ended = Ended(content, receipt)
    Intent.remove(folder.path)
    return ended


def _derived(folder: ModelFolder, after: int) -> list[str]:
    """Return the ids of records that were derived since a row of the ledger, also before a crash."""
    rows = in_force(folder.ledger.entries(after))
    derived = [e.data["records"] for e in rows if e.event == "derive"]
    return [str(record["id"]) for records in derived for record in records]


def _write_rewritten(folder: ModelFolder, intent: Intent, records: Sequence[ClassRecord] | None) -> None:
    """Write what takes the place of records that concern all classes, before those that it is made of are destroyed."""
    if _derived(folder, intent.seq):
        return  # written before the erasure was cut off
    if records is None:
        gone = folder.records(filter(folder.is_live, intent.ids))
        records = rewritten_in_folder(folder, gone)
    if records:
        folder.change(add=records, event="derive")


def _on_disk(targets: Sequence[dict[str, Any]], ids: set[str]) -> list[dict[str, Any]]:
    """Return targets with those of their records that lie in the folder."""
    return [{**target, "records": [i for i in target["records"] if i in ids]} for target in targets]


def _without(folder: ModelFolder, gone: set[str]) -> dict[str, Any]:
    """Return the manifest's entries without the records that go."""
    return {
        **without(folder.manifest, gone),
        "erasing": sorted(folder.name_of(i) for i in gone),
    }


def _receipt(
    folder: ModelFolder,
    intent: Intent,
    engine: type[Engine],
    row: Entry,
    copies: list[dict[str, Any]],
    recovered: bool,
) -> Receipt:
    manifest, time = folder.manifest, now()
    return Receipt(
        erasure=intent.erasure,
        what=intent.what,
        targets=intent.targets,
        model={
            "id": manifest.model,
            "engine": manifest.engine,
            "before": intent.before,
            "after": {"manifest": manifest.state(), "generation": manifest.generation},
        },
        guarantee={"name": engine.guarantee.value, "meaning": engine.signed_meaning()},
        records=intent.records,
        method=["key destroyed", "file deleted"] if manifest.sealed else ["file deleted"],
        derived=len(_derived(folder, intent.seq)),
        begun=intent.begun,
        finished=max(intent.begun, time),
        recovered=recovered,
        request={"reference": intent.reference, "grounds": intent.grounds},
        tool={"name": "preforget", "version": __version__},
        checks=_checks(folder, intent, recovered),
        copies=copies,
        audits=folder.audits,
        ledger=row.head.as_dict(),
        not_claimed=not_claimed(
            engine.not_claimed,
            manifest.sealed,
            recovered,
            stepped_back=time < intent.begun,
            architecture=str(manifest.backbone["architecture"]),
        ),
    )


def _checks(folder: ModelFolder, intent: Intent, recovered: bool) -> list[dict[str, Any]]:
    """Look for what must be gone: keys, files, and pieces of the files in the bytes of the folder.

    Those that `ModelFolder.unsearched` names are passed over.
    """
    names = [str(record["location"]) for record in intent.records]
    left = [name for name in names if (folder.path / name).exists()]
    checks = [
        {
            "name": "files",
            "passed": not left,
            "detail": f"{len(names) - len(left)} of {len(names)} files are gone",
        }
    ]
    if folder.keys is not None:
        destroyed = folder.keys.destroyed_of(intent.ids)
        checks.append(
            {
                "name": "keys",
                "passed": destroyed == intent.ids,
                "detail": f"{len(destroyed)} of {len(intent.ids)} keys are destroyed in the keyring",
            }
        )
    if not recovered:
        folder.read_unread()
    passed_over = {} if recovered else folder.unsearched()
    total, names_found = scan(folder.path, pieces := intent.pieces(), leave_out={INTENT, *passed_over})
    folder.note_searched()
    live = set(folder.live_names())
    odd = [name.encode("unicode_escape").decode()[:200] for name in names_found if name not in live]
    where = f"; found in {', '.join(odd[:5])}" if odd else "; none found where it must not be"
    shared = len(names_found) - len(odd)  # such as an input that was learned for two classes
    also = f"; {shared} live records of others hold the same bytes from their own data" if shared else ""
    others = (
        f"; {len(passed_over)} other files are as their digests say, and were not searched again"
        if passed_over
        else ""
    )
    searched = (
        f"{total:,} bytes of the folder searched for {len(pieces)} pieces of the files{where}{also}{others}"
    )
    checks.append({"name": "scan", "passed": not odd, "detail": searched})
    return checks


def refuse_failed(receipt: Receipt) -> None:
    """Raise `IntegrityError` if a check after the erasure has failed: something is still there."""
    failed = [check for check in receipt.checks if not check["passed"]]
    if failed:
        raise IntegrityError(
            f"the erasure {receipt.erasure} is done, but something is left: {failed[0]['detail']}; "
            f"the receipt in {RECEIPTS} says so"
        )
