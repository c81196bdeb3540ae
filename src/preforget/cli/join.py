"""`preforget join PART... --out MODEL`: make one model of the parts that several machines have learned."""

from __future__ import annotations

import argparse
from pathlib import Path

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_keyring, keyring
from preforget.core.errors import StoreError
from preforget.core.files import sync_folder
from preforget.core.paths import absolute_path


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
    """Join, save, list the parts as copies, and delete them."""
    from preforget.classifier.parts import join_parts
    from preforget.erasure.copies import add_copy, remove_copy
    from preforget.store.layout import check_free

    keys, parts = keyring(args), list(dict.fromkeys(absolute_path(part) for part in args.parts))
    check_free(absolute_path(args.out))
    model = join_parts(parts, device=args.device)
    model.save_pretrained(args.out, sealed=args.seal, keyring=keys)
    folder = model.folder
    assert folder is not None
    listed = [(part, add_copy(folder, "cache", str(part), delete=True)) for part in parts]
    console.line(f"joined {len(parts)} parts to {len(model.labels)} classes: {printable(str(args.out))}")
    if not args.keep_parts:
        for part, copy in listed:
            try:
                part.unlink()
                sync_folder(part.parent)
            except OSError as error:
                raise StoreError(
                    f"the model is saved, but {part} can't be deleted: {error.strerror or error}; delete it yourself, "
                    "it stays listed as a copy"
                ) from error
            remove_copy(folder, copy)
        console.line(f"deleted {len(parts)} parts")
    console.result(
        {"model": str(args.out), "parts": len(parts), "kept": args.keep_parts, "classes": model.labels}
    )
    return 0
