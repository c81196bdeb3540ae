"""`preforget copies MODEL`: the list of a model's copies, by which `forget` reports what happens to each."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_folder, open_model_folder
from preforget.core.errors import UsageError


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "copies",
        "list, enter or strike out known copies of a model",
        "Kinds: export, hub, onnx, checkpoint, cache, replica, backup.",
    )
    add_folder(parser)
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--add", nargs=2, metavar=("KIND", "PLACE"), help="enter a copy")
    change.add_argument("--remove", metavar="ID", help="strike out a copy that no longer exists")
    parser.add_argument(
        "--expires", metavar="DAY", help="with --add: when it will be deleted, like 2027-01-31"
    )
    parser.add_argument(
        "--delete", action="store_true", help="with --add: forget --delete-copies deletes it as a whole"
    )
    parser.add_argument(
        "--keys",
        action="store_true",
        help="with --add: it holds the keys, such as a backup of the keyring, so that it can be read after an erasure",
    )
    parser.add_argument(
        "--sealed",
        action="store_true",
        help="with --add: it was made after the model was sealed and holds no keys; where forget can't look into a "
        "copy, only then does its receipt say that it is removed",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Change the list if asked, then print it."""
    from preforget.erasure.copies import add_copy, remove_copy

    if args.add is None and (args.expires is not None or args.delete or args.keys or args.sealed):
        raise UsageError(
            "--expires, --delete, --keys and --sealed say something of a new copy; give --add KIND PLACE with them"
        )
    if args.keys and args.sealed:
        raise UsageError("a copy that holds the keys can be read; give --keys or --sealed, not both")
    folder = open_model_folder(args)
    if args.add is not None:
        add_copy(folder, *args.add, expires=args.expires, delete=args.delete, sealed=args.sealed)
    if args.remove is not None:
        remove_copy(folder, args.remove)
    copies = folder.manifest.copies
    for copy_id, copy in sorted(copies.items(), key=lambda item: str(item[1]["time"])):
        until = "" if copy["expires"] is None else f"  until {copy['expires']}"
        end = "  deleted by forget --delete-copies" if copy["delete"] else ""
        console.line(f"{copy_id}  {copy['kind']:10}  {printable(copy['place'])}{until}{end}")
    console.result(
        {"model": str(args.model), "copies": [{"id": i, **copy} for i, copy in sorted(copies.items())]}
    )
    return 0
