"""`preforget attach MODEL LABEL...`: take detached classes back into the answers."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console
from preforget.cli.detach import add_model_and_labels, switch
from preforget.cli.options import Commands, add_command


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "attach",
        "take a detached class back into the answers",
        "A class that was never detached stays as it is. The backbone is not needed.",
    )
    add_model_and_labels(parser).set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Check all labels, then attach them."""
    return switch(args, console, "attached")
