"""`preforget tokens add|list|revoke FILE`: who may ask a service, and what."""

from __future__ import annotations

import argparse
from pathlib import Path

from preforget.cli.console import Console, note
from preforget.cli.options import Commands, add_command
from preforget.core.errors import UsageError
from preforget.core.paths import given_path

ROLES = ("viewer", "predictor", "operator", "officer")


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "tokens",
        "make, list or revoke the tokens of a service",
        "A token is shown once, when it is made; the file holds its digest. viewer: sees classes, ledger and reports; "
        "predictor: asks for answers; operator: both, and detaches classes and starts audits; officer: all of it, and "
        "forgets. A running service follows the file.",
    )
    parser.add_argument("action", choices=("add", "list", "revoke"), help="what to do")
    parser.add_argument("file", metavar="FILE", type=Path, help="file of the tokens; add makes it")
    parser.add_argument(
        "what", metavar="ROLE|ID", nargs="?", help="add: the role; revoke: the id of the token"
    )
    parser.add_argument("--note", default="", help="add: what the token is for; no name of a person")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Do one of them."""
    from preforget.serve.tokens import Tokens

    path = given_path(args.file)
    if (args.what is None) == (args.action != "list"):
        raise UsageError("'add' needs a ROLE, 'revoke' the ID of a token, 'list' neither")
    if args.action == "add":
        if args.what not in ROLES:
            raise UsageError(f"{args.what!r} is no role; there are: {', '.join(ROLES)}")
        tokens = Tokens(path if path.exists() else None)
        tokens.path = path
        text = tokens.add(args.what, args.note)
        note("preforget: this token is shown once; give it to whom it is for")
        console.line(text)
        console.result({"token": text, "role": args.what})
        return 0
    tokens = Tokens(path)
    if args.action == "revoke":
        tokens.revoke(args.what)
        console.line(f"revoked {args.what}")
    else:
        for token in tokens.tokens():
            console.line(f"{token.id}  {token.role:10} {token.made}  {token.note}")
    console.result(
        {
            "tokens": [
                {"id": token.id, "role": token.role, "made": token.made, "note": token.note}
                for token in tokens.tokens()
            ]
        }
    )
    return 0
