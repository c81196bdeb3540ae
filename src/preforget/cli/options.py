"""Arguments that several commands share, and the model that they name."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from preforget.core.errors import UsageError
from preforget.core.keep import Keep
from preforget.core.paths import given_path

if TYPE_CHECKING:
    from preforget.classifier import PreForgettableClassifier
    from preforget.classifier.model import Model
    from preforget.data import Dataset
    from preforget.records import ClassRecord
    from preforget.store import ModelFolder
    from preforget.store.key_service import Keyring

    Loaded = TypeVar("Loaded", bound=Model)

Commands = argparse._SubParsersAction
"""The table of commands, for which argparse has no public name."""

DATA_HELP = "name of a data set (digits, bloodmnist, ...), folder of images or sounds, .npz or .csv file"


def add_command(
    commands: Commands[argparse.ArgumentParser], name: str, summary: str, details: str = ""
) -> argparse.ArgumentParser:
    """Enter a command that prints data and return its parser."""
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {details}", allow_abbrev=False
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return parser


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add MODEL, which is opened without its backbone, and its keyring."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="model folder")
    add_keyring(parser)


def add_keyring(parser: argparse.ArgumentParser) -> None:
    """Add the option for the keyring."""
    parser.add_argument(
        "--keyring",
        metavar="DIR",
        help="folder of the keys of sealed models and of signing keys, or env:NAME (default: "
        "PREFORGET_KEYRING, else the user's data folder)",
    )


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add the permission to replace existing files."""
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def add_public_keys(parser: argparse.ArgumentParser) -> None:
    """Add whose signatures to trust."""
    parser.add_argument(
        "--public-key",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="whose signatures to trust, a PEM file; may be repeated (default: the keys of the keyring)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add MODEL and the options of loading it."""
    add_folder(parser)
    parser.add_argument("--backbone", metavar="PATH", help="path of the model's checkpoint, if it was moved")
    add_machine(parser)


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the options of device and number format."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:<n> or mps (default: auto)")
    parser.add_argument("--dtype", help="auto, float32 or bfloat16")


def add_data(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add DATA and the options of reading it; `optional`: whether it may be left out."""
    parser.add_argument("data", metavar="DATA", nargs="?" if optional else None, help=DATA_HELP)
    add_data_options(parser)


def add_similar_names(parser: argparse.ArgumentParser) -> None:
    """Add the option for names that look alike."""
    parser.add_argument(
        "--keep-similar-names",
        action="store_true",
        help="take names that differ only in case, in invisible characters or in compatible forms of characters for "
        "different ones; without it they are refused",
    )


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of finding and reading DATA."""
    parser.add_argument(
        "--size", type=int, default=28, help="pixels of a published set: 28, 64, 128 or 224 (default: 28)"
    )
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="folder of downloads")
    parser.add_argument("--no-download", action="store_true", help="use only data that are on this machine")
    parser.add_argument(
        "--subjects",
        metavar="WHERE",
        help="the person of each input: in a folder, how many levels below its class a person's folder is (1 is the "
        "next); in a table, the column; in an .npz, the array, as in train_WHERE; 'each' makes every input a subject "
        "of its own, which 'forget --input FILE' forgets",
    )
    parser.add_argument(
        "--column",
        metavar="WHAT=NAME",
        action="append",
        help="of a table of pictures, sounds, texts or vectors: the column of its path, label, split, subject or text, "
        "where it has no usual name; label=diagnosis, say; may be repeated",
    )
    parser.add_argument(
        "--fold",
        metavar="N",
        type=int,
        help="of a sound set with official folds, the one to test on (the last)",
    )
    parser.add_argument("--folds", metavar="N", type=int, nargs="+", help="use only these folds (all)")
    parser.add_argument(
        "--split-by",
        choices=("subject",),
        help="of a split that is made: no person in two parts (default: each person in all parts)",
    )
    parser.add_argument(
        "--top-classes",
        action="store_true",
        help="of a folder: the folders at its top are the classes, whatever they are called and hold",
    )
    parser.add_argument(
        "--skip-broken", action="store_true", help="leave out files that can't be used, and list them"
    )
    own_meaning = "--strict" in parser._option_string_actions  # in `audit`, where it is about measures
    parser.add_argument(
        "--strict-data" if own_meaning else "--strict",
        dest="strict_data",
        action="store_true",
        help="take every file of the data that is left out, for whatever reason, or is there twice, as an error",
    )
    parser.add_argument(
        "--allow-duplicates",
        action="store_true",
        help="take copies, pictures that look alike, and persons in several parts of a given split as they are",
    )
    parser.add_argument(
        "--duplicates",
        metavar="FILE",
        type=Path,
        help="write a table of the inputs that are there more than once, and of persons in several parts",
    )
    parser.add_argument(
        "--cache-dir",
        metavar="DIR",
        type=Path,
        help="keep hidden states in a file there, not in memory; it derives from the data and is removed at the end",
    )


def share(text: str) -> float:
    """Read a share above 0 and below 1; raises `argparse.ArgumentTypeError`."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share above 0 and below 1, such as 0.95")
    return value


def add_shortlist(parser: argparse.ArgumentParser) -> None:
    """Add the option to score few classes of each input."""
    parser.add_argument(
        "--shortlist",
        metavar="N",
        type=int,
        default=0,
        help="for many classes: score only each input's N most promising ones (default: all)",
    )


def share_of(text: str) -> tuple[str | None, float]:
    """Read a share, or `CLASS=SHARE`, as the class or None, and the share; raises `argparse.ArgumentTypeError`."""
    label, sign, number = text.rpartition("=")
    return (label if sign else None), share(number)


def add_keep(parser: argparse.ArgumentParser, when: str, usual: str = "the model's") -> None:
    """Add the option for the share to be answered; `usual`: the default, in words."""
    parser.add_argument(
        "--keep",
        metavar="SHARE",
        type=share_of,
        action="append",
        default=[],
        help=f"share of known inputs to be answered {when}, or CLASS=SHARE for one class; may be repeated "
        f"(default: {usual})",
    )


def changed_keep(keep: Keep, given: Sequence[tuple[str | None, float]], known: Collection[str]) -> Keep:
    """Return what `SHARE` and `CLASS=SHARE` make of shares: one for all replaces all, then come those of classes."""
    from preforget.cli.naming import find_name

    for_all = [number for label, number in given if label is None]
    changed = Keep(for_all[-1]) if for_all else keep
    single = {find_name("class", label, known, may_ask=False): n for label, n in given if label is not None}
    return Keep(float(changed), {**changed.classes, **single})


def read_data(args: argparse.Namespace, seed: int, *, named: bool = False) -> Dataset:
    """Load DATA, and say what was read and what was not.

    `seed` makes the splits that DATA lacks; `named`: whether the line on what was read names classes.
    """
    from preforget.cli.console import note, printable
    from preforget.core.targets import check_target, write_target
    from preforget.data import load_data
    from preforget.data.columns import parsed_columns
    from preforget.data.duplicates import refuse_across_parts
    from preforget.data.summary import duplicates_table, summary

    listed = None if args.duplicates is None else given_path(args.duplicates)
    if listed is not None:
        check_target(listed, force=getattr(args, "force", False))
    data = load_data(
        args.data,
        size=args.size,
        seed=seed,
        data_dir=args.data_dir,
        download=not args.no_download,
        subjects=args.subjects,
        fold=args.fold,
        folds=args.folds,
        skip_broken=args.skip_broken,
        strict=args.strict_data,
        allow_duplicates=args.allow_duplicates or listed is not None,
        split_by=args.split_by,
        top_classes=args.top_classes,
        columns=parsed_columns(args.column),
    )
    if listed is not None:
        content = duplicates_table(data.repeated).encode("utf-8", "backslashreplace")
        write_target(listed, content, force=getattr(args, "force", False))
        refuse_across_parts(args.data, data.repeated, args.allow_duplicates)
    for path, why in data.skipped:
        note(printable(f"skipped {path}: {why}"))
    for remark in data.remarks:
        note(printable(remark))
    note(printable(summary(data, named=named)))
    return data


def keyring(args: argparse.Namespace, *, short: bool = False) -> Keyring:
    """Open the keyring; the passphrase of an encrypted one comes from PREFORGET_PASSPHRASE or is asked for.

    It is opened once for a command, so that the passphrase is asked for once. `short`: see `open_keyring`.
    """
    from preforget.store.keyring import open_keyring

    opened: dict[bool, Keyring] = vars(args).setdefault("opened_keyrings", {})
    if short not in opened:
        question = ask_passphrase if sys.stdin.isatty() else None
        opened[short] = open_keyring(args.keyring, question=question, short=short)
    return opened[short]


def ask_passphrase() -> str:
    """Ask for the keyring's passphrase without showing it."""
    try:
        return getpass.getpass("Passphrase of the keyring: ")
    except EOFError:
        raise UsageError("no passphrase was given") from None


def open_model_folder(args: argparse.Namespace, *, to_forget: bool = False) -> ModelFolder:
    """Open the folder MODEL alone, after ending an interrupted change; `to_forget` as in `open_folder`."""
    from preforget.erasure import open_folder

    return open_folder(given_path(args.model), keyring(args), to_forget=to_forget)


def read_model_folder(
    args: argparse.Namespace, *, to_forget: bool = False
) -> tuple[ModelFolder, list[ClassRecord]]:
    """Open the folder MODEL as `open_model_folder`, and read its records before another process can change it."""
    from preforget.erasure import read_folder

    return read_folder(given_path(args.model), keyring(args), to_forget=to_forget)


def load_model(args: argparse.Namespace, shortlist: int = 0) -> PreForgettableClassifier:
    """Load MODEL and bind to it; `--keep`, if the command has it, counts for this process alone."""
    from preforget.classifier import PreForgettableClassifier

    return _loaded(PreForgettableClassifier, args, shortlist)


def load_to_answer(args: argparse.Namespace, shortlist: int = 0) -> Model:
    """Load MODEL as `load_model` does, without scikit-learn, which answering doesn't need."""
    from preforget.classifier.model import Model

    return _loaded(Model, args, shortlist)


def _loaded(kind: type[Loaded], args: argparse.Namespace, shortlist: int) -> Loaded:
    model = kind.from_pretrained(
        args.model,
        backbone=args.backbone,
        device=args.device,
        dtype=args.dtype,
        shortlist=shortlist,
        keyring=keyring(args),
    )
    if getattr(args, "keep", None):
        model.keep = changed_keep(model.keep_, args.keep, model.engine_.bank.labels)
    return model
