"""`preforget join PART... --out MODEL`: make one model of the parts that several machines have learned."""

from __future__ import annotations

import argparse
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_keyring, keyring
from preforget.core.errors import StoreError
from preforget.core.files import sync_folder
from preforget.core.paths import absolute_path

if TYPE_CHECKING:
    from preforget.store import ModelFolder
    from preforget.store.key_service import Keyring


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "join",
        "make one model of parts that 'learn --shards' wrote",
        "The model has the bits of one that was learned on a single machine. The parts are deleted once it is saved; "
        "until then the model lists them as copies, which 'forget --delete-copies' deletes.",
    )
    parser.add_argument(
        "parts", metavar="PART", nargs="+", type=Path, help="the files of all parts, in any order"
    )
    parser.add_argument("--out", metavar="MODEL", type=Path, required=True, help="folder to make")
    parser.add_argument(
        "--seal", action="store_true", help="encrypt each class with a key of its own, kept in the keyring"
    )
    parser.add_argument(
        "--keep-parts", action="store_true", help="don't delete the parts; they stay listed as copies"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:<n> or mps (default: auto)")
    add_keyring(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Join, save, list the parts as copies, and delete them; go on where a run before was cut off."""
    from preforget.erasure.copies import add_copy, remove_copy

    keys, parts = keyring(args), list(dict.fromkeys(absolute_path(part) for part in args.parts))
    folder, labels, there = _joined(args, parts, keys)
    known = {copy["place"]: i for i, copy in folder.manifest.copies.items()}
    listed = {
        part: known.get(str(part)) or add_copy(folder, "cache", str(part), delete=True)
        for part in parts
        if str(part) in known or part.exists()
    }
    how = "these parts were joined before" if there else f"joined {len(parts)} parts"
    console.line(f"{how} to {len(labels)} classes: {printable(str(args.out))}")
    if not args.keep_parts:
        for part, copy in listed.items():
            try:
                part.unlink(missing_ok=True)
                sync_folder(part.parent)
            except OSError as error:
                raise StoreError(
                    f"the model is saved, but {part} can't be deleted: {error.strerror or error}; delete it yourself, "
                    "it stays listed as a copy"
                ) from error
            remove_copy(folder, copy)
        console.line(f"deleted {len(listed)} parts")
    console.result({"model": str(args.out), "parts": len(parts), "kept": args.keep_parts, "classes": labels})
    return 0


def _joined(
    args: argparse.Namespace, parts: Sequence[Path], keys: Keyring
) -> tuple[ModelFolder, list[str], bool]:
    """Return the folder of the model, saved now or by a run before, its classes, and whether it was there.

    Raises `StoreError` if another model is there.
    """
    from preforget.classifier.parts import join_parts
    from preforget.store.layout import check_free

    target = absolute_path(args.out)
    before = _cut_off(target, parts, keys)
    if before is not None and not all(part.exists() for part in parts):
        return before, sorted({record.label for record in before.records()}), True
    if before is None:
        check_free(target)
    model = join_parts(parts, device=args.device, key=lambda: keys.signing.current().parts_key())
    if before is not None:
        twins = (
            sorted(record.digest() for record in each) for each in (before.records(), model.engine_.records())
        )
        if operator.ne(*twins):
            check_free(target)
        return before, model.labels, True
    model.save_pretrained(args.out, sealed=args.seal, keyring=keys)
    assert model.folder is not None
    return model.folder, model.labels, False


def _cut_off(target: Path, parts: Sequence[Path], keys: Keyring) -> ModelFolder | None:
    """Return the model that a run before may have made: some parts are listed there, or none is deleted."""
    from preforget.erasure import open_folder
    from preforget.store.layout import LEDGER

    if not (target / LEDGER).is_file():
        return None
    folder = open_folder(target, keys)
    places = {copy["place"] for copy in folder.manifest.copies.values()}
    left = [part for part in parts if part.exists()]
    if len(left) == len(parts) or (
        places & {str(part) for part in parts} and {str(p) for p in left} <= places
    ):
        return folder
    return None
