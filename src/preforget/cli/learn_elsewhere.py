"""`preforget learn --on WHERE`: inputs are read by other processes or machines, to the bits of one."""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console
from preforget.cli.elsewhere import TORCHRUN, executor_of, list_cluster
from preforget.cli.quality import show_learned
from preforget.core.errors import InputsCutWarning

if TYPE_CHECKING:
    from preforget.classifier import PreForgettableClassifier
    from preforget.data import Dataset
    from preforget.store.key_service import Keyring


def learn_elsewhere(
    model: PreForgettableClassifier,
    data: Dataset,
    target: Path,
    keys: Keyring,
    args: argparse.Namespace,
    console: Console,
) -> int:
    """Learn, save and measure; of several processes of torchrun, the first alone saves and measures."""
    options = {
        "validation": data.validation,
        "subjects": data.train.subjects,
        "keep_similar_names": args.keep_similar_names,
    }
    start = time.perf_counter()
    with warnings.catch_warnings(action="ignore", category=InputsCutWarning):  # said at the end
        saves = _fit(model, data, target, keys, args, options)
    return show_learned(model, data, time.perf_counter() - start, args, console) if saves else 0


def _fit(
    model: PreForgettableClassifier,
    data: Dataset,
    target: Path,
    keys: Keyring,
    args: argparse.Namespace,
    options: dict[str, Any],
) -> bool:
    """Learn and save; return whether this process is the one that goes on."""
    if args.on == TORCHRUN:
        from preforget.classifier.together import fit_together, process_group

        with process_group("nccl" if args.device.startswith("cuda") else "gloo") as rank:
            fit_together(model, data.train, **options, progress=rank == 0)
        if rank == 0:
            model.save_pretrained(target, sealed=args.seal, keyring=keys)
        return rank == 0
    from preforget.classifier.spread import fit_over

    executor = executor_of(args)
    try:
        fit_over(model, executor, data.train, **options, progress=True)
        model.save_pretrained(target, sealed=args.seal, keyring=keys)
        list_cluster(executor, model.folder)
    finally:
        executor.close()
    return True
