"""Print how well a linear probe reads digits and blood cells from the builtin backbone and from two controls.

    [PREFORGET_SHARED=DIR] python scripts/probe_builtin.py [--weights DIR] [--cells 4000] [--threads 1]

Controls: the same network with random weights, and the raw pixels. Features are standardised with the training
part; the probe is logistic regression. Blood cells are read from DIR/data/bloodcells-64/{train,val,test}/<class>.
"""

import argparse
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from transformers import ViTConfig, ViTModel

from builtin_model import Vit, to_transformers

WEIGHTS = Path(__file__).parents[1] / "src/preforget/backbones/builtin_weights"
SIDE = 64
Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def pictures(files: list[Path]) -> np.ndarray:
    """Read images as [n, 64, 64, 3] uint8, resized bicubic where they differ."""
    return np.stack(
        [
            np.asarray(Image.open(f).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
            for f in files
        ]
    )


def digits(seeds: int) -> Iterator[Split]:
    """Yield stratified halves of the 1,797 digits as (train x, train y, test x, test y), one per seed."""
    data = load_digits()
    grey = [Image.fromarray((a * 255 / 16).astype(np.uint8)) for a in data.images]
    x = np.stack([np.asarray(a.resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("RGB")) for a in grey])
    for seed in range(seeds):
        a, b = train_test_split(np.arange(len(x)), test_size=0.5, stratify=data.target, random_state=seed)
        yield x[a], data.target[a], x[b], data.target[b]


def cells(folder: Path, limit: int) -> Split:
    """Return a seeded subset of the training cells and all test cells."""
    parts = {}
    for part in ("train", "test"):
        files = sorted((folder / part).glob("*/*.jpg"))
        if part == "train" and limit < len(files):
            files = [files[i] for i in np.random.default_rng(0).permutation(len(files))[:limit]]
        parts[part] = pictures(files), np.array([f.parent.name for f in files])
    return *parts["train"], *parts["test"]


def load(folder: Path) -> ViTModel:
    """Load an exported folder in float32."""
    return ViTModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32).eval()


@torch.inference_mode()
def states(model: ViTModel, x: np.ndarray) -> dict[str, np.ndarray]:
    """Features of images [n, 64, 64, 3]: of the last block, CLS of every second block, and CLS and mean of those."""
    last, ladder, both = [], [], []
    for start in range(0, len(x), 64):
        batch = torch.from_numpy(x[start : start + 64]).permute(0, 3, 1, 2).float() / 127.5 - 1
        hidden = model(batch, output_hidden_states=True).hidden_states[1:]
        normal = [torch.nn.functional.layer_norm(h, h.shape[-1:]) for h in hidden]
        pairs = [torch.cat([h[:, 0], h[:, 1:].mean(1)], 1) for h in normal]
        last.append(pairs[-1])
        ladder.append(torch.cat([h[:, 0] for h in normal[1::2]], 1))
        both.append(torch.cat(pairs[1::2], 1))
    names = ("last block, CLS + mean", "4 blocks, CLS", "4 blocks, CLS + mean")
    return {k: torch.cat(v).numpy() for k, v in zip(names, (last, ladder, both), strict=True)}


def accuracy(x: np.ndarray, y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray) -> float:
    """Fit the probe and return its test accuracy in per cent."""
    scale = StandardScaler().fit(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe = LogisticRegression(C=0.03, max_iter=150).fit(scale.transform(x), y)
    return 100 * probe.score(scale.transform(test_x), test_y)


def raw(x: np.ndarray, grey: bool) -> np.ndarray:
    """Pixels as features: 8 x 8 grey, the size of the digits, or 32 x 32 colour."""
    side, channels = (8, 1) if grey else (32, 3)
    k = SIDE // side
    return (
        x[..., :channels].reshape(len(x), side, k, side, k, channels).mean((2, 4)).reshape(len(x), -1) / 255
    )


def table(model: ViTModel, untrained: ViTModel, splits: list[Split]) -> dict[str, list[float]]:
    """Accuracies per feature name, one entry per split."""
    rows: dict[str, list[float]] = {}
    for x, y, test_x, test_y in splits:
        for name, net in (("trained", model), ("untrained", untrained)):
            train, test = states(net, x), states(net, test_x)
            for k in train:
                rows.setdefault(f"{name}, {k}", []).append(accuracy(train[k], y, test[k], test_y))
        grey = bool((x[..., 0] == x[..., 2]).all())
        rows.setdefault("raw pixels", []).append(accuracy(raw(x, grey), y, raw(test_x, grey), test_y))
    return rows


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument(
        "--cells", type=int, default=4000, help="training images of blood cells; 0 leaves them out"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    model = load(a.weights)
    untrained = ViTModel(ViTConfig.from_pretrained(a.weights), add_pooling_layer=False).float().eval()
    untrained.load_state_dict(to_transformers(Vit(torch.Generator().manual_seed(0)).state_dict()))
    columns = {"digits": table(model, untrained, list(digits(a.seeds)))}
    shared = os.environ.get("PREFORGET_SHARED")
    if shared and a.cells:
        columns["blood cells"] = table(
            model, untrained, [cells(Path(shared) / "data/bloodcells-64", a.cells)]
        )
    print("| features | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
    for row in columns["digits"]:
        figures = (columns[c][row] for c in columns)
        print(
            f"| {row} | "
            + " | ".join(f"{np.mean(f):.1f}" + (f" ± {np.std(f):.1f}" if len(f) > 1 else "") for f in figures)
            + " |"
        )


if __name__ == "__main__":
    main()
