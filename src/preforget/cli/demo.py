"""`preforget demo`: learn digits, sounds or texts, forget one, keep the others; with a picture."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from preforget.cli.console import Console, note
from preforget.cli.options import Commands, add_command, add_machine

VERIFICATION_FAILED = 3


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands, "demo", "learn ten digits, sounds or kinds of text, forget one and measure the rest"
    )
    parser.add_argument(
        "--modality",
        default="image",
        help="image: digits; audio: synthesised sounds; text: messages (default: image)",
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("demo-output"), help="default: demo-output"
    )
    parser.add_argument("--seed", type=int, default=0, help="of learning and of the split (default: 0)")
    parser.add_argument("--forget", metavar="CLASS", help="the class to forget (default: 3, siren or card)")
    parser.add_argument(
        "--backbone",
        metavar="ID-OR-PATH",
        help="frozen encoder (default: builtin, builtin-audio or builtin-text)",
    )
    parser.add_argument(
        "--image-size", type=int, metavar="N", help="pixels, a multiple of the patch; frames of sounds"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the data")
    add_machine(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Tell the story on stdout, under `--json` its figures; exit code 3 if a promise was not kept."""
    start = time.perf_counter()
    from preforget.demo.run import is_proven
    from preforget.demo.run import run as run_demo

    result = run_demo(
        args.out,
        say=console.line,
        start=start,
        modality=args.modality,
        forget=args.forget,
        seed=args.seed,
        backbone=args.backbone,
        image_size=args.image_size,
        epochs=args.epochs,
        device=args.device,
        dtype=args.dtype or "auto",
    )
    console.result(result)
    if result["picture"] is None:
        note("preforget: no picture, since matplotlib is missing; get it with: pip install 'preforget[plot]'")
    if not is_proven(result):
        note("preforget: a forgotten class was answered or another score moved; please report this")
        return VERIFICATION_FAILED
    return 0
