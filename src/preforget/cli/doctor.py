"""`preforget doctor`: check the machine and its settings, and name the remedies."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_keyring


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "doctor",
        "check versions, number formats, keyring, disk and clock of this machine",
        "Exit code 1 if a check fails.",
    )
    add_keyring(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print one line per check, and the remedy of each that fails."""
    from preforget.cli.surroundings import surroundings

    checks = surroundings(args.keyring)
    width = max(len(check.name) for check in checks)
    for check in checks:
        console.line(f"{'ok  ' if check.ok else 'MEND'}  {check.name:{width}}  {printable(check.value)}")
        if not check.ok:
            console.line(f"{'':{width + 6}}  {printable(check.remedy)}")
    ok = all(check.ok for check in checks)
    console.result({"ok": ok, "checks": [asdict(check) for check in checks]})
    return 0 if ok else 1
