"""Judge the formulas of the exact engine on states that are read once: accuracy, and abstention by left-out class.

    python benchmarks/exact_states.py --data DATA --backbone VIT_TINY --image-size 96 --rows FOLDER --out A.jsonl
    python benchmarks/exact_states.py --data DATA ... --views h --rows FOLDER --out B.jsonl

`--rows` keeps what the engine reads of each split, so that another formula is judged in minutes; it holds personal data
as the images do. Each class is left out in turn, which in this engine is the same as forgetting it, and threshold and
AUROC are measured on test images. A run that was cut off goes on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import preforget as pf
from arguments import with_data
from preforget.backbones import Encoder, load_backbone
from preforget.data import Split
from preforget.engines.exact import ExactEngine
from preforget.engines.options import Exact
from preforget.engines.summing import HELD_OUT_ROWS
from preforget.metrics.roc import auc
from preforget.records.units import make_unit

PARTS = ("train", "validation", "test")
AT_ONCE = 128


class FromRows(ExactEngine):
    """The engine on rows that were read before."""

    rows: dict[str, Tensor]

    def take(self, labels: dict[str, np.ndarray[Any, Any]]) -> None:
        """Sum up every class, as learning does."""
        layout = self.bank.layout
        for label in sorted(set(labels["train"])):
            learned, held_out = (
                _of_inputs(self.rows[part], np.flatnonzero(labels[part] == label), layout.views)
                for part in PARTS[:2]
            )
            held_out = held_out[: HELD_OUT_ROWS * layout.views]
            self.bank.insert(make_unit(label, None, learned.split(2048), held_out, layout))
        self.derive()

    def judge(self, part: str, labels: list[str]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return scores and confidence of a split by the heads of `labels`."""
        heads, layout = self.heads(labels), self.bank.layout
        scores, sure = [], []
        for rows in self.rows[part].split(2048 * layout.views):
            read = layout.scored(rows)
            scores.append(heads.scores(read))
            sure.append(heads.confidence(read, self._derived.near_rows(rows)))
        return torch.cat(scores).numpy(), torch.cat(sure).float().numpy()


def _of_inputs(rows: Tensor, chosen: np.ndarray[Any, Any], views: int) -> Tensor:
    return rows[torch.from_numpy((chosen[:, None] * views + np.arange(views)).ravel())]


def read_rows(engine: ExactEngine, split: Split, file: Path) -> Tensor:
    """Return what the engine reads of a split, from a file if it was read before."""
    if not file.exists():
        parts = [
            engine.reading.rows(
                engine.encoder.read(split.inputs, range(start, min(start + AT_ONCE, len(split))))
            )
            for start in range(0, len(split), AT_ONCE)
        ]
        unfinished = file.with_suffix(".unfinished.npy")
        np.save(unfinished, torch.cat(parts).numpy())
        unfinished.rename(file)
    return torch.from_numpy(np.load(file))


def main() -> None:
    """Read, learn, and leave out each class in turn."""
    parser = with_data(__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--views", default="", choices=["", "h", "v", "hv"])
    parser.add_argument(
        "--options", type=json.loads, default={}, help="further options of the engine as JSON"
    )
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.rows.mkdir(parents=True, exist_ok=True)
    data = pf.load_data(args.data, seed=args.seed, allow_duplicates=True)
    encoder: Encoder = load_backbone(args.backbone, image_size=args.image_size, device="cpu", dtype="float32")
    engine = FromRows(encoder, Exact(views=args.views, **args.options))
    splits = {part: getattr(data, part) for part in PARTS}
    labels = {part: np.asarray(split.labels, dtype=str) for part, split in splits.items()}
    engine.rows = {
        part: read_rows(engine, split, args.rows / f"{part}-{args.seed}-{args.views or 'plain'}.npy")
        for part, split in splits.items()
    }
    engine.take(labels)
    names, test = engine.bank.labels, labels["test"]
    rows = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    done = {row["left_out"] for row in rows}
    for left_out in [None, *names]:
        if left_out in done:
            continue
        live = [name for name in names if name != left_out]
        scores, sure = engine.judge("test", live)
        retained, answered = test != left_out, sure >= engine.threshold(0.95, live)
        right = np.array(live)[scores.argmax(axis=1)] == test
        row = {"left_out": left_out, "accuracy": float(right[retained].mean())}
        row["answered"] = float(answered[retained].mean())
        if left_out is not None:
            row["auroc"] = auc(sure[retained], sure[~retained])
            row["turned_away"] = float(1 - answered[~retained].mean())
        rows.append(row)
        with args.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
    kept = [row for row in rows if row["left_out"] is not None]
    print(f"accuracy {rows[0]['accuracy']:.4f}, answered {rows[0]['answered']:.3f}")
    for what in ("auroc", "turned_away", "answered"):
        values = [row[what] for row in kept]
        print(f"{what:12} mean {np.mean(values):.4f}, lowest {np.min(values):.4f}")


if __name__ == "__main__":
    main()
