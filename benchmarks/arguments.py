"""The options that most of these programs have: data, encoder and size of images."""

from __future__ import annotations

import argparse


def with_data(description: str | None, data: str | None = None, kinds: str = "") -> argparse.ArgumentParser:
    """Return a parser with `--data`, required without a default, `--backbone` and `--image-size`.

    `kinds`: what else than a data set's name, a folder or an .npz file may be given as data.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", default=data, required=data is None, help=f"data set, folder or .npz{kinds}"
    )
    parser.add_argument("--backbone", default="builtin", help="builtin, checkpoint folder or hub id")
    parser.add_argument("--image-size", type=int, help="pixels; by default the encoder's")
    return parser
