"""Learn the paper engine on a folder of images and measure what forgetting by deletion does, class set by class set.

    python benchmarks/paper_blood.py --data DATA --backbone CHECKPOINT --out FOLDER

Learns once (`model.safetensors`; a run that is cut off goes on from `learning.ckpt`), then takes the prompts of
k = 0, 1, C/2 and C-1 classes out, over all combinations or a sample of them, and writes one JSON line for each to
`combinations.jsonl`; lines that are there already are not computed again. All test images go through as one mixed
stream. `without_row`: prompt and head row are gone, as in this package, so the forgotten classes can't be answered.
`with_row`: the prompt alone is gone and the head still has its row, as in the paper's evaluation.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from preforget.backbones import Encoder, load_backbone
from preforget.core.hashing import file_digest
from preforget.data import Split, load_data
from preforget.engines.base import Session
from preforget.engines.options import Paper
from preforget.engines.paper import PaperEngine
from preforget.records import ClassRecord
from preforget.training.progress import track
from preforget.training.state_cache import StateCache

IMAGES_AT_ONCE = 64
MASKS_AT_ONCE = 8
RATES = ("forgotten_accuracy", "retained_accuracy")


def main() -> None:
    """Learn, or take up what was learned, then measure and write the summary."""
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    data, encoder = load_data(args.data, allow_duplicates=True), backbone(args)
    config = Paper(
        seed=args.seed, epochs=args.epochs, first_block=args.first_block, final_norm=args.final_norm
    )
    engine = PaperEngine(encoder, config)
    file = args.out / "model.safetensors"
    what = json.dumps([config.as_dict(), encoder.identity.digest, args.image_size, args.train_images])
    if file.is_file():
        take_up(engine, file, what)
    else:
        train = subset(data.train, args.train_images, args.seed)
        checkpoint = args.out / "learning.ckpt"
        before, start = epochs_done(checkpoint), time.perf_counter()
        engine.learn(train, data.validation, Session(checkpoint=checkpoint, show=True))
        seconds = time.perf_counter() - start
        write(engine, file, what)
        speed = {"seconds": round(seconds, 1), "epochs": args.epochs - before, "images": len(train)}
        (args.out / "learning.json").write_text(json.dumps(speed) + "\n", encoding="utf-8")
        print(json.dumps(speed))
    test = subset(data.test, args.test_images, args.test_seed)
    lines = measure(engine, test, args, file_digest(file))
    summary = table(lines, len(test))
    (args.out / "summary.md").write_text(summary, encoding="utf-8")
    print(summary)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = common_arguments(__doc__ or "")
    parser.add_argument(
        "--first-block", type=int, default=0, help="where prompts and LoRA start; 0: the paper"
    )
    parser.add_argument(
        "--final-norm", action="store_true", help="norm before the head; off: the paper's code"
    )
    parser.add_argument("--sample", type=int, default=0, help="combinations per k; 0: all")
    return parser.parse_args()


def common_arguments(about: str) -> argparse.ArgumentParser:
    """Return a parser with the options of both scripts."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="name, folder of images or .npz")
    parser.add_argument("--backbone", required=True, help="builtin, checkpoint folder or hub id")
    parser.add_argument("--out", type=Path, required=True, help="folder for all results")
    parser.add_argument("--image-size", type=int, default=96, help="pixels")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default="auto", help="auto, float32 or bfloat16")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--train-images", type=int, default=0, help="learn from this many; 0: all")
    parser.add_argument("--test-images", type=int, default=0, help="test on this many; 0: all")
    parser.add_argument("--test-seed", type=int, default=0, help="which ones")
    return parser


def backbone(args: argparse.Namespace) -> Encoder:
    """Load the encoder that the options name."""
    return load_backbone(args.backbone, image_size=args.image_size, device=args.device, dtype=args.dtype)


def subset(split: Split, count: int, seed: int) -> Split:
    """Return `count` images of a split, the same ones for the same seed; all of them for 0."""
    if not 0 < count < len(split):
        return split
    return split.select(np.sort(np.random.default_rng(seed).permutation(len(split))[:count]))


def epochs_done(checkpoint: Path) -> int:
    """Return how many epochs a run that was cut off had done, so that seconds can be told per epoch."""
    if not checkpoint.is_file():
        return 0
    with safe_open(checkpoint, framework="pt") as file:
        return int(file.metadata()["epochs"])


def write(engine: PaperEngine, path: Path, what: str) -> None:
    """Write adapter and records into one file, whole or not at all."""
    tensors = {f"shared/{name}": tensor for name, tensor in engine.shared_tensors().items()}
    for label in engine.bank.labels:
        for name, tensor in engine.bank[label].tensors.items():
            tensors[f"record/{label}/{name}"] = tensor
    part = path.with_suffix(".part")
    save_file({n: t.detach().cpu().clone() for n, t in tensors.items()}, part, metadata={"what": what})
    part.replace(path)


def take_up(engine: PaperEngine, path: Path, what: str) -> None:
    """Fill the engine from such a file, if it was learned with the same options."""
    with safe_open(path, framework="pt") as file:
        if file.metadata()["what"] != what:
            sys.exit(f"{path} was learned with other options; choose another --out")
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    shared: dict[str, torch.Tensor] = {}
    records: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        kind, rest = key.split("/", 1)
        if kind == "shared":
            shared[rest] = tensor
        else:
            label, name = rest.rsplit("/", 1)
            records.setdefault(label, {})[name] = tensor
    engine.restore([ClassRecord(label, records[label]) for label in sorted(records)], shared)


def chosen(classes: Sequence[str], sample: int, seed: int) -> Iterator[tuple[str, ...]]:
    """Yield the sets of classes to forget: none, one, half, all but one; at most `sample` sets of each size."""
    for k in sorted({0, 1, len(classes) // 2, len(classes) - 1}):
        every = list(combinations(classes, k))
        if 0 < sample < len(every):
            picks = np.random.default_rng([seed, k]).choice(len(every), sample, replace=False)
            every = [every[i] for i in sorted(picks)]
        yield from every


def measure(engine: PaperEngine, test: Split, args: argparse.Namespace, model: str) -> list[dict[str, Any]]:
    """Return one line per set of forgotten classes; new ones are appended to `combinations.jsonl` as they come."""
    path = args.out / "combinations.jsonl"
    classes = engine.bank.labels
    tied = {
        "model": model,
        "images": len(test),
        "test_seed": args.test_seed,
        "dtype": str(engine.encoder.dtype),
    }
    lines: dict[tuple[str, ...], dict[str, Any]] = {}
    for line in read_lines(path):
        if tied.items() <= line.items():
            lines[tuple(line["forgotten"])] = line
    wanted = list(chosen(classes, args.sample, args.seed))
    left = [forgotten for forgotten in wanted if forgotten not in lines]
    groups = [left[i : i + MASKS_AT_ONCE] for i in range(0, len(left), MASKS_AT_ONCE)]
    if groups:
        first = engine.config.first_block
        with (
            StateCache(engine.encoder, test, first_block=first, last_block=first, show=True) as cache,
            path.open("a", encoding="utf-8") as file,
        ):
            for group in track(
                groups, total=len(left), what="forgetting", unit="set", show=True, step=MASKS_AT_ONCE
            ):
                for forgotten, logits in zip(group, logits_of(engine, cache, group), strict=True):
                    line = {**tied, **rates(logits, classes, test.labels, forgotten)}
                    file.write(json.dumps(line) + "\n")
                    lines[forgotten] = line
                file.flush()
    return [lines[forgotten] for forgotten in wanted]


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file; a last line that was cut off is taken away."""
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    yield from map(json.loads, whole.splitlines())


def logits_of(
    engine: PaperEngine, cache: StateCache, group: Sequence[tuple[str, ...]]
) -> npt.NDArray[np.float32]:
    """Return `[sets, images, classes]`: all head rows, the prompts of each set of forgotten classes absent."""
    bank = engine.bank
    present = torch.zeros(len(group), bank.capacity, dtype=torch.bool, device=engine.encoder.device)
    for row, forgotten in zip(present, group, strict=True):
        row[bank.slots(label for label in bank.labels if label not in forgotten)] = True
    parts = []
    for indices in torch.arange(cache.size).split(IMAGES_AT_ONCE):
        states = cache.get(indices)[:, 0]
        logits = engine.logits_of_states(
            states.repeat(len(group), 1, 1), present.repeat_interleave(len(states), dim=0)
        )
        parts.append(logits.view(len(group), len(states), -1)[..., bank.slots(bank.labels)].cpu())
    found: npt.NDArray[np.float32] = torch.cat(parts, dim=1).numpy()
    return found


def rates(
    logits: npt.NDArray[np.float32],
    classes: Sequence[str],
    labels: npt.NDArray[Any],
    forgotten: tuple[str, ...],
) -> dict[str, Any]:
    """Return the accuracies on forgotten and retained images for logits `[images, classes]`."""
    names = np.array(classes, dtype=object)
    gone = np.isin(names.astype(str), forgotten)
    of_gone = np.isin(labels.astype(str), forgotten)
    live = np.where(gone, -np.inf, logits)
    found: dict[str, Any] = {"k": len(forgotten), "forgotten": list(forgotten)}
    for row, scores in (("with_row", logits), ("without_row", live)):
        right = names[scores.argmax(axis=1)] == labels
        shares = [float(right[part].mean()) if part.any() else None for part in (of_gone, ~of_gone)]
        found[row] = dict(zip(RATES, shares, strict=True))
    return found


def table(lines: Sequence[dict[str, Any]], images: int) -> str:
    """Return the summary as Markdown: mean, standard deviation and range over the sets of each size, in percent."""
    rows = [
        f"Paper engine, {images} test images in one mixed stream; mean ± standard deviation (lowest to highest) over",
        "the sets of forgotten classes, in percent. Head row kept: the prompt alone is taken out, as in the paper.",
        "",
        "| forgotten | sets | head row | forgotten accuracy | retained accuracy |",
        "|---|---|---|---|---|",
    ]
    for k in sorted({line["k"] for line in lines}):
        own = [line for line in lines if line["k"] == k]
        for row, said in (("with_row", "kept"), ("without_row", "deleted")):
            cells = [spread([line[row][rate] for line in own]) for rate in RATES]
            rows.append(f"| {k} | {len(own)} | {said} | {cells[0]} | {cells[1]} |")
    return "\n".join(rows) + "\n"


def spread(values: Sequence[float | None]) -> str:
    """Return `mean ± deviation (lowest to highest)` in percent, a dash if there is nothing."""
    found = 100 * np.array([v for v in values if v is not None])
    if len(found) == 0:
        return "–"
    if len(found) == 1:
        return f"{found[0]:.1f}"
    return f"{found.mean():.1f} ± {found.std(ddof=1):.1f} ({found.min():.1f} to {found.max():.1f})"


if __name__ == "__main__":
    main()
