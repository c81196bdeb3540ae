"""`preforget init-ast VIT --out FOLDER`: make an audio checkpoint from one for images."""

from __future__ import annotations

import argparse
from pathlib import Path

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command
from preforget.core.paths import given_path


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "init-ast",
        "make an Audio Spectrogram Transformer from a ViT, as the AST paper does; nothing is trained",
        "From an AST, change its frames and stride.",
    )
    parser.add_argument("source", metavar="ID-OR-PATH", help="checkpoint of a ViT, DeiT or AST, or builtin")
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="folder to make")
    parser.add_argument("--frames", type=int, default=1024, help="of 10 ms that it hears (default: 1024)")
    parser.add_argument("--bins", type=int, default=128, help="mel bins (default: 128)")
    parser.add_argument("--stride", type=int, help="of patches, on both axes (default: the patch size)")
    parser.add_argument("--kernel", default="sum", help="over colours: sum or mean (default: sum)")
    parser.add_argument(
        "--interpolate",
        action="store_true",
        help="interpolate all positions; by default they are cut where possible",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Write the checkpoint and print its shape."""
    from preforget.backbones.init_ast import AudioShape, init_ast
    from preforget.backbones.named import BUILTIN, BUILTIN_FOLDER

    shape = AudioShape(args.frames, args.bins, args.stride, args.kernel, cut=not args.interpolate)
    source = str(BUILTIN_FOLDER) if args.source == BUILTIN else args.source
    facts = {**init_ast(source, given_path(args.out), shape), "from": args.source}
    seconds = facts["frames"] / 100
    console.line(f"checkpoint  {printable(str(args.out))}")
    console.line(f"hears       {seconds:.2f} s: {facts['frames']} frames, {facts['mel_bins']} mel bins")
    console.line(f"tokens      {facts['tokens']}, of patches of {facts['patch']} x {facts['patch']}")
    console.line("trained     not on any sound: learn on it, or train it further elsewhere")
    console.result(facts)
    return 0
