"""`preforget keys make|show|rotate|passphrase|backup|restore`: the keys that sign receipts, and the whole keyring."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from preforget.cli.console import Console, note, printable
from preforget.cli.options import Commands, add_command, add_force, add_keyring, keyring
from preforget.core.errors import UsageError
from preforget.core.paths import given_path
from preforget.core.targets import check_target, write_target

if TYPE_CHECKING:
    from preforget.store.key_file import FileKeyring

NEW_VARIABLE = "PREFORGET_NEW_PASSPHRASE"
ACTIONS = ("make", "show", "rotate", "passphrase", "backup", "restore")


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "keys",
        "make, show or rotate the key that signs receipts; change the keyring's passphrase, back it up, restore it",
        "Give the public key to everyone who checks receipts. No private key is ever printed. A backup holds the keys "
        "that are destroyed later: list it with --model, and delete it in time.",
    )
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="backup, restore: the backup")
    add_keyring(parser)
    parser.add_argument(
        "--passphrase",
        action="store_true",
        help="make: encrypt the keyring with a passphrase that is asked for",
    )
    parser.add_argument(
        "--short-passphrase",
        action="store_true",
        help="make, passphrase: take a new passphrase of fewer than 12 characters, which can be guessed",
    )
    parser.add_argument("--public", metavar="FILE", type=Path, help="also write the current public key there")
    parser.add_argument(
        "--parts-key",
        metavar="FILE",
        type=Path,
        help="also write the public key there for which 'learn --shards I/N --seal --for FILE' encrypts parts; "
        "rotating the key makes such parts unreadable",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        type=Path,
        action="append",
        default=[],
        help="backup: a model whose keys it holds; enter it into the model's list of copies; may be repeated",
    )
    parser.add_argument(
        "--expires", metavar="DAY", help="with --model: when it will be deleted, like 2027-01-31"
    )
    add_force(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Do one of them."""
    if args.passphrase and args.action != "make":
        raise UsageError("--passphrase goes with 'make'; to change it: preforget keys passphrase")
    if args.short_passphrase and args.action not in ("make", "passphrase"):
        raise UsageError("--short-passphrase goes with 'make' and 'passphrase'")
    if (args.file is None) == (args.action in ("backup", "restore")):
        raise UsageError("'backup' and 'restore' need the FILE of the backup, the others take none")
    if (args.model or args.expires) and args.action != "backup":
        raise UsageError("--model and --expires go with 'backup'")
    if args.expires and not args.model:
        raise UsageError("--expires is entered into lists of copies; give --model with it")
    if args.action in ("passphrase", "backup", "restore"):
        if args.public is not None or args.parts_key is not None:
            raise UsageError("--public and --parts-key go with 'make', 'show' and 'rotate'")
        return {"passphrase": change, "backup": back_up, "restore": restore}[args.action](args, console)
    return sign(args, console)


def sign(args: argparse.Namespace, console: Console) -> int:
    """Make, rotate or only show the key that signs."""
    from preforget.store.for_reader import public_pem
    from preforget.store.keyring import open_keyring

    if args.passphrase and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; set PREFORGET_PASSPHRASE instead of --passphrase")
    for target in (args.public, args.parts_key):
        if target is not None:
            check_target(target, force=args.force)
    if args.passphrase:
        new = ask_twice(short=args.short_passphrase)
        ring = open_keyring(args.keyring, lambda: new, short=True)
    else:
        ring = keyring(args, short=args.short_passphrase)
    signing = ring.signing
    if args.action == "make":
        signing.make()
    elif args.action == "rotate":
        signing.rotate()
    known = signing.known()
    if not known:
        raise UsageError(f"{ring.place} has no signing key yet; make one with: preforget keys make")
    current = signing.current()
    for key_id in known:
        console.line(f"{key_id}  {'current' if key_id == current.key_id else 'former'}")
    console.line(current.public_pem.decode().rstrip())
    models = ring.models()
    console.line(f"{len(models)} models have something in {ring.place}")
    if args.public is not None:
        write_target(args.public, current.public_pem, force=args.force)
    if args.parts_key is not None:
        write_target(args.parts_key, public_pem(current.parts_key().public_key()), force=args.force)
    console.result(
        {
            "keyring": ring.place,
            "current": current.key_id,
            "public": current.public_pem.decode(),
            "known": sorted(known),
            "models": models,
        }
    )
    return 0


def change(args: argparse.Namespace, console: Console) -> int:
    """Change the passphrase of the keyring, or give it its first one."""
    ring = folder_of(args)
    if not ring.folder.is_dir():
        raise UsageError(
            f"there is no keyring in {ring.place}; make one with: preforget keys make --passphrase"
        )
    had_one = ring.encrypted
    if NEW_VARIABLE in os.environ:
        new = os.environ[NEW_VARIABLE]
    elif sys.stdin.isatty():
        new = ask_twice(short=args.short_passphrase)
        ring = folder_of(args, short=True)  # it was confirmed
    else:
        raise UsageError(f"there is no terminal to ask at; set {NEW_VARIABLE} to the new passphrase")
    ring.change_passphrase(lambda: new)
    console.line(f"changed  the passphrase of {printable(ring.place)}")
    if had_one:
        note("backups of the keyring that were made before still open with the former passphrase")
    else:
        note(
            "backups of the keyring that were made before, and blocks of the disk, hold its keys unencrypted"
        )
    console.result({"keyring": ring.place, "encrypted_before": had_one, "models": ring.models()})
    return 0


def back_up(args: argparse.Namespace, console: Console) -> int:
    """Write the keyring into a file, after entering that file into the lists of copies."""
    from preforget.erasure import open_folder
    from preforget.erasure.copies import add_copy
    from preforget.store import key_backup

    ring, target = folder_of(args), given_path(args.file).absolute()
    key_backup.check_target(ring, target)
    listed = [open_folder(given_path(model), ring) for model in args.model]
    for folder in listed:
        if not folder.manifest.sealed:
            raise UsageError(f"{folder.path} isn't sealed, so the keyring holds no keys of its records")
    for folder in listed:
        add_copy(folder, "backup", str(target), expires=args.expires)
    backup = key_backup.back_up(ring, target)
    console.line(
        f"backed up  {len(backup.files)} files, keys of {len(backup.models)} models, "
        f"in {printable(str(target))}"
    )
    if not ring.encrypted:
        note("the keyring has no passphrase, so whoever can read the backup can use its keys")
    note(
        "it holds every key of today, also those that are destroyed later: an erasure reaches old copies of a model "
        "only when this backup is deleted"
    )
    missing = len(set(backup.models) - {folder.manifest.model for folder in listed})
    if missing:
        note(
            f"{missing} models have keys in it and don't list it; enter it: "
            "preforget copies MODEL --add backup PLACE --keys"
        )
    console.result(
        {"keyring": ring.place, "backup": str(target), "time": backup.time, "models": backup.models}
    )
    return 0


def restore(args: argparse.Namespace, console: Console) -> int:
    """Make a keyring of a backup, in a folder that is not there or empty."""
    from preforget.store import key_backup

    ring = folder_of(args)
    backup = key_backup.read_backup(given_path(args.file))
    key_backup.put_back(backup, ring.folder)
    console.line(
        f"restored  {len(backup.files)} files, keys of {len(backup.models)} models, "
        f"in {printable(ring.place)}"
    )
    note(
        f"keys that were destroyed after {backup.time} are back. Destroy them again in every sealed model: "
        "preforget restore MODEL, best with --replay and its newest ledger"
    )
    console.result({"keyring": ring.place, "time": backup.time, "models": backup.models})
    return 0


def folder_of(args: argparse.Namespace, *, short: bool | None = None) -> FileKeyring:
    """Return the keyring if it is a folder; raises `UsageError` for another kind, which is kept elsewhere."""
    from preforget.store.key_file import FileKeyring

    ring = keyring(args, short=args.short_passphrase if short is None else short)
    if not isinstance(ring, FileKeyring):
        raise UsageError(
            f"{ring.place} is no folder; its keys are kept, moved and protected where they come from"
        )
    return ring


def ask_twice(*, short: bool = False) -> str:
    """Ask for a new passphrase, twice, and once more for a short one, unless that is taken as confirmed.

    Raises `UsageError` if the answers differ or are empty, or a short one isn't confirmed.
    """
    from preforget.store.passphrase import SHORTEST, is_short

    try:
        first = getpass.getpass("New passphrase of the keyring: ")
        again = getpass.getpass("Once more: ") if first else ""
        if not first or first != again:
            raise UsageError("the passphrases differ or are empty; nothing was made")
        if is_short(first) and not short:
            note(
                f"warning: it has fewer than {SHORTEST} characters. Whoever copies the keyring can try billions of "
                "short passphrases, and reads every sealed model with the right one."
            )
            print("Type yes to take it all the same: ", end="", file=sys.stderr, flush=True)  # noqa: T201
            if sys.stdin.readline().strip().lower() != "yes":
                raise UsageError("the passphrase was not confirmed; nothing was made")
    except EOFError:
        raise UsageError("no passphrase was given; nothing was made") from None
    note("without this passphrase nothing sealed with the keyring can be read again")
    return first
