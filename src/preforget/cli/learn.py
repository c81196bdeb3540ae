"""`preforget learn DATA --out MODEL`: learn all classes, save the model, say how good it is."""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, note, printable
from preforget.cli.elsewhere import TORCHRUN, add_on
from preforget.cli.engine_options import add_engine_options, given_options
from preforget.cli.options import (
    DATA_HELP,
    Commands,
    add_command,
    add_data_options,
    add_keep,
    add_keyring,
    add_machine,
    add_similar_names,
    changed_keep,
    keyring,
    read_data,
)
from preforget.cli.quality import show_learned
from preforget.core.errors import InputsCutWarning, UsageError
from preforget.core.keep import USUAL, Keep
from preforget.core.paths import given_path
from preforget.engines.options import DEFAULT_ENGINE, OPTIONS

if TYPE_CHECKING:
    from preforget.backbones.encoder import Encoder
    from preforget.classifier import PreForgettableClassifier
    from preforget.data import Dataset
    from preforget.engines.shards import Shard


def add_to(commands: Commands[argparse.ArgumentParser], engine: str = DEFAULT_ENGINE) -> None:
    """Enter the command; `engine`: the one that the command line names, whose options are listed with ours."""
    parser = add_command(
        commands,
        "learn",
        "learn the classes of a data set into a new model folder",
        "After an interruption the same command continues from a checkpoint, which is removed by "
        "--discard, or after 7 days by any command on a model in the same folder.",
    )
    parser.add_argument("data", metavar="DATA", nargs="?", help=DATA_HELP)
    add_data_options(parser)
    add_similar_names(parser)
    parser.add_argument("--keep-cache", action="store_true", help="leave the file in --cache-dir there")
    parser.add_argument("--out", metavar="MODEL", type=Path, required=True, help="folder to make")
    parser.add_argument(
        "--engine",
        default=DEFAULT_ENGINE,
        metavar="NAME",
        help=f"{', '.join(OPTIONS)} or an extension's (default: {DEFAULT_ENGINE})",
    )
    parser.add_argument(
        "--backbone", default="builtin", metavar="ID-OR-PATH", help="frozen encoder (default: builtin)"
    )
    parser.add_argument(
        "--image-size",
        type=int,
        metavar="N",
        help="pixels, a multiple of the patch; frames of sounds; words (tokens) of texts",
    )
    parser.add_argument(
        "--background",
        metavar="COLOUR",
        help="under transparent pixels of pictures, a name or #rrggbb; the model remembers it (default: white, or "
        "black where what is visible is nearly white)",
    )
    parser.add_argument(
        "--volume-axis",
        type=int,
        choices=(0, 1, 2),
        help="of NIfTI volumes: across which axis the middle slice is taken; the model remembers it (default: 2)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of learning, and of splits that are made (default: 0)"
    )
    add_keep(parser, "later on", f"{USUAL:g}")
    add_machine(parser)
    parser.add_argument(
        "--seal", action="store_true", help="encrypt each class with a key of its own, kept in the keyring"
    )
    parser.add_argument(
        "--shards",
        metavar="I/N",
        help="read only the I-th of N shares of the inputs, here, and write what they sum up to as the file MODEL, for "
        "'preforget join' (exact engine)",
    )
    parser.add_argument(
        "--for",
        dest="reader",
        metavar="FILE",
        type=Path,
        help="with --shards and --seal: the public key of the machine that joins the parts, which encrypts them",
    )
    add_on(parser, torchrun=True)
    parser.add_argument(
        "--discard",
        action="store_true",
        help="remove what an interrupted learning of MODEL left, instead of learning",
    )
    add_keyring(parser)
    add_engine_options(parser, engine)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Learn, save and measure."""
    from preforget.classifier import PreForgettableClassifier
    from preforget.classifier.unfinished import checkpoint_beside
    from preforget.data import check_counts
    from preforget.store.layout import check_free

    target = Path(os.path.abspath(given_path(args.out)))  # noqa: PTH100 - resolve() would follow a link
    if args.discard:
        return _discard(target, args, console)
    if args.data is None:
        raise UsageError("the following arguments are required: DATA")
    shard = _shard(args)
    options, keys = given_options(args, args.engine), keyring(args)
    check_free(target)
    data = read_data(args, args.seed, named=True)
    check_counts(data)
    _judge_views(data, args.engine, options)
    model = PreForgettableClassifier(
        _backbone(args),
        args.engine,
        args.image_size,
        args.seed,
        keep=changed_keep(Keep(USUAL), args.keep, data.classes),
        device=args.device,
        dtype=args.dtype or "auto",
        **options,
    )
    if shard is not None:
        return _learn_part(model, data, target, shard, args, console)
    if args.on is not None:
        from preforget.cli.learn_elsewhere import learn_elsewhere

        return learn_elsewhere(model, data, target, keys, args, console)
    start = time.perf_counter()
    with (
        warnings.catch_warnings(action="ignore", category=InputsCutWarning),  # said below
        checkpoint_beside(target, note, sealed=args.seal, keyring=keys) as checkpoint,
    ):
        model.fit(
            data.train,
            validation=data.validation,
            subjects=data.train.subjects,
            cache_dir=args.cache_dir,
            keep_cache=args.keep_cache,
            checkpoint=checkpoint,
            keep_similar_names=args.keep_similar_names,
            progress=True,
        )
        model.save_pretrained(target, sealed=args.seal, keyring=keys)
    return show_learned(model, data, time.perf_counter() - start, args, console)


def _shard(args: argparse.Namespace) -> Shard | None:
    """Return the shard that is asked for; raises `UsageError`."""
    from preforget.engines.shards import Shard

    if args.workers is not None and args.on in (None, TORCHRUN):
        raise UsageError("--workers is about --on processes and --on ray; leave it out")
    if args.shards is None:
        if args.reader is not None:
            raise UsageError("--for encrypts parts; give --shards I/N with it")
        return None
    if args.on is not None:
        raise UsageError("--shards reads one share here, and --on hands all shares out; give one of them")
    if args.seal != (args.reader is not None):
        raise UsageError(
            "a part is encrypted for the machine that joins it: give --seal and --for FILE, the public key that "
            "'preforget keys show --parts-key FILE' writes there; or neither, and keep the part on an encrypted disk"
        )
    return Shard.parse(args.shards)


def _learn_part(
    model: PreForgettableClassifier,
    data: Dataset,
    target: Path,
    shard: Shard,
    args: argparse.Namespace,
    console: Console,
) -> int:
    """Read one shard of the inputs into a file, and say what to do with it."""
    from preforget.classifier.parts import learn_part
    from preforget.store.for_reader import read_public_key

    reader = None if args.reader is None else read_public_key(given_path(args.reader))
    inputs = learn_part(
        model,
        target,
        shard,
        data.train,
        validation=data.validation,
        subjects=data.train.subjects,
        keep_similar_names=args.keep_similar_names,
        reader=reader,
        progress=True,
    )
    console.line(
        f"part {shard.number} of {shard.count} sums up {inputs:,} inputs: {printable(str(args.out))}"
    )
    how = "in the clear" if reader is None else "encrypted for the machine that joins it"
    note(f"it is a copy of personal data {how}; 'preforget join' deletes it once the model is saved")
    console.result({"part": str(args.out), "number": shard.number, "count": shard.count, "images": inputs})
    return 0


def _judge_views(data: Dataset, engine: str, options: Mapping[str, Any]) -> None:
    """Refuse mirrored copies of what has a right way round, warn of them or suggest them; `options`: those given."""
    from preforget.data.mirroring import mirroring

    if engine not in OPTIONS or all(each.name != "views" for each in fields(OPTIONS[engine])):
        return
    said = mirroring(data)
    if options.get("views") and said.refused:
        raise UsageError(f"--views can't be used here: {said.refused}; leave it out")
    if options.get("views") and said.doubtful:
        note(f"warning: --views reads mirrored copies, but {said.doubtful}")
    if "views" not in options and said.suggested:
        note(
            f"hint: {said.suggested}; if a mirrored one still shows its class, --views h (or hv) reads mirrored copies "
            "too, which often helps and takes twice (three times) as long"
        )


def _backbone(args: argparse.Namespace) -> str | Encoder:
    """Return the name of the backbone, or the backbone where pictures are to be read in a way of their own."""
    from preforget.backbones import load_backbone

    if args.background is None and args.volume_axis is None:
        return str(args.backbone)
    return load_backbone(
        args.backbone,
        image_size=args.image_size,
        device=args.device,
        dtype=args.dtype or "auto",
        background=args.background,
        volume_axis=args.volume_axis,
    )


def _discard(target: Path, args: argparse.Namespace, console: Console) -> int:
    """Remove the checkpoint of an interrupted `learn`, and say so."""
    from preforget.classifier.unfinished import discard

    if args.data is not None:
        raise UsageError("--discard removes what was left and learns nothing; leave DATA out")
    gone = [str(folder) for folder in discard(target, keyring(args))]
    for folder in gone:
        console.line(f"removed    {printable(folder)}")
    if not gone:
        console.line("nothing is left of an interrupted learning")
    console.result({"model": str(args.out), "removed": gone})
    return 0
