"""Does LiRA find what one threshold for all examples misses? A small, overfitted net on few digits says.

    python benchmarks/lira.py
    python benchmarks/lira.py --shadows 16 --noise 0

Each shadow is a two-layer net, trained to the end on a random half of a pool of scikit-learn digits; the signal is the
logit of the true class's probability. `--noise` is the share of the pool whose labels are drawn at random: those must
be learned by heart. Carlini et al. (arXiv 2112.03570) find it clearly ahead; so must we. One JSON line.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from preforget.audit.attacks.lira import lira, logit_confidence
from preforget.audit.attacks.shadows import pooled, scores_of
from preforget.core.seeds import derive_seed

CLASSES = 10


def main() -> None:
    """Train the shadows, attack each with the others, and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shadows", type=int, default=32)
    parser.add_argument("--pool", type=int, default=400, help="examples; each shadow learns half of them")
    parser.add_argument("--noise", type=float, default=0.0, help="share of labels that are drawn at random")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--steps", type=int, default=200, help="of Adam, each over all the examples")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    start = time.perf_counter()
    inputs, targets = pool(args.pool, args.noise, args.seed)
    member = halves(args.shadows, args.pool, args.seed)
    signals, accuracy, held_out = shadows(inputs, targets, member, args.width, args.steps, args.seed)
    found = {
        "shadows": args.shadows,
        "pool": args.pool,
        "noise": args.noise,
        "train_accuracy": accuracy,
        "test_accuracy": held_out,
        **pooled(scores_of(lira, signals, member), member).values,
        "seconds": time.perf_counter() - start,
    }
    print(json.dumps(found))


def pool(count: int, noise: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return digits `float32 [count, 64]` and their classes `[count]`, a share of them drawn at random."""
    from sklearn.datasets import load_digits

    images, classes = load_digits(return_X_y=True)
    rng = np.random.default_rng(derive_seed(seed, "pool"))
    chosen = rng.permutation(len(images))[:count]
    targets = np.where(rng.random(count) < noise, rng.integers(0, CLASSES, count), classes[chosen])
    return torch.from_numpy(images[chosen] / 16).float(), torch.from_numpy(targets).long()


def halves(shadows: int, count: int, seed: int) -> npt.NDArray[np.bool_]:
    """Return a random half of the pool for each shadow, `[shadows, count]`, drawn apart from one another."""
    rng = np.random.default_rng(derive_seed(seed, "halves"))
    return np.stack([rng.permutation(count) < count // 2 for _ in range(shadows)])


def shadows(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    member: npt.NDArray[np.bool_],
    width: int,
    steps: int,
    seed: int,
) -> tuple[npt.NDArray[np.float64], float, float]:
    """Train a net on each shadow's half; return logits of true classes `[shadows, count]` and both accuracies."""
    signals, right = [], []
    for number, chosen in enumerate(torch.from_numpy(member)):
        generator = torch.Generator().manual_seed(derive_seed(seed, "net", number))
        net = [
            torch.randn(inputs.shape[1], width, generator=generator) * (2 / inputs.shape[1]) ** 0.5,
            torch.zeros(width),
            torch.randn(width, CLASSES, generator=generator) * width**-0.5,
            torch.zeros(CLASSES),
        ]
        optimizer = torch.optim.Adam([weight.requires_grad_() for weight in net], lr=1e-2)
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(scores(net, inputs[chosen]), targets[chosen]).backward()
            optimizer.step()
        with torch.no_grad():
            found = scores(net, inputs)
        p = torch.softmax(found.double(), dim=1).numpy()
        rows, true = np.arange(len(p)), targets.numpy()
        others = np.array(p)
        others[rows, true] = 0
        signals.append(logit_confidence(p[rows, true], others.sum(axis=1)))
        right.append((found.argmax(dim=1) == targets).numpy())
    hit = np.stack(right)
    return np.stack(signals), float(hit[member].mean()), float(hit[~member].mean())


def scores(net: list[torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """Return the net's scores `[n, CLASSES]`."""
    return F.relu(inputs @ net[0] + net[1]) @ net[2] + net[3]


if __name__ == "__main__":
    main()
