"""Train the builtin backbone from random numbers on procedural images, and write it as a transformers folder.

    python scripts/train_builtin.py (--steps N | --minutes N) --seed 0 --out DIR [--threads 1] [--log FILE]

Every step draws fresh images, two views of each latent, from a generator seeded by (seed, step), so a run can be
cut and continued (`DIR/checkpoint.pt`). Losses: both views of a latent find each other in the batch (InfoNCE on
CLS and on the mean patch), CLS gives the family, the generator's numbers and a plan of the shape, and each patch
gives its clean pixels and object mask. At first half of the patches are dropped, busy ones kept with preference.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from builtin_model import Vit, export
from procedural import FAMILIES, PARAMS, Views, make_views


@dataclass
class Recipe:
    """Everything that decides the weights; `steps` 0 lets `minutes` end the run and drive the schedule."""

    steps: int = 0
    minutes: float = 0.0
    seed: int = 0
    latents: int = 48
    muon_rate: float = 0.006
    rate: float = 1.5e-3
    decay: float = 0.05
    warm_up: int = 100
    ease: float = 0.4  # share of the run over which views grow apart
    dense_from: float = 0.85  # share of the run after which all patches are shown
    cool_from: float = 0.6  # share of the run after which the rate falls to zero
    temperature: float = 0.1
    average: float = 0.997


def pair(out: int, hidden: int = 0, dim: int = 192) -> nn.ModuleList:
    """Two readouts of width `out`: one for CLS, one for the mean patch."""
    if not hidden:
        return nn.ModuleList(nn.Linear(dim, out) for _ in range(2))
    return nn.ModuleList(
        nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, out)) for _ in range(2)
    )


class Heads(nn.Module):
    """The parts that are thrown away after training: readouts of CLS, of the mean patch and of each patch."""

    def __init__(self, dim: int = 192) -> None:
        super().__init__()
        self.family, self.params = pair(len(FAMILIES)), pair(len(FAMILIES) * PARAMS)
        self.plan, self.project = pair(512, hidden=512), pair(128, hidden=512)
        self.patch = nn.Linear(dim, 3 * 8 * 8 + 2 * 4 * 4)


def keep_busy(images: Tensor, share: float, g: Generator) -> Tensor | None:
    """Indices [n, share * 64] of patches to show: a random draw that prefers patches with contrast."""
    if share >= 1:
        return None
    spread = F.unfold(images.float().mean(1, keepdim=True), 8, stride=8).std(1)  # [n, 64]
    gumbel = -(-torch.rand(spread.shape, generator=g).clamp(1e-6, 1 - 1e-6).log()).log()
    return ((spread + 4).log() + gumbel).topk(int(share * 64), 1).indices


def contrast(z: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """InfoNCE of neighbouring rows [2 n, d], and the share of rows whose nearest row is their partner."""
    z = F.normalize(z, dim=1)
    logits = (z @ z.T / temperature).fill_diagonal_(-1e4)
    partner = torch.arange(len(z)) ^ 1
    return F.cross_entropy(logits, partner), (logits.argmax(1) == partner).float().mean()


def losses(net: Vit, heads: Heads, v: Views, keep: Tensor | None, temperature: float) -> dict[str, Tensor]:
    """All terms for one batch of views."""
    tokens = net(v.images, keep)
    patches, n = tokens[:, 1:], len(tokens)
    terms: dict[str, list[Tensor]] = {}
    for i, x in enumerate((tokens[:, 0], patches.mean(1))):
        guess = heads.params[i](x).view(n, len(FAMILIES), PARAMS)[torch.arange(n), v.family]
        miss = F.smooth_l1_loss(guess, v.params, reduction="none") * v.params_weight
        plan = F.binary_cross_entropy_with_logits(heads.plan[i](x), v.plan.flatten(1), reduction="none")
        nce, hit = contrast(heads.project[i](x), temperature)
        parts = {
            "family": F.cross_entropy(heads.family[i](x), v.family),
            "params": miss.sum() / v.params_weight.sum(),
            "plan": (plan.mean(1) * v.plan_weight).sum() / v.plan_weight.sum(),
            "nce": nce,
            "hit": hit,
        }
        for k, term in parts.items():
            terms.setdefault(k, []).append(term)
    out = {k: (a + b) / 2 for k, (a, b) in terms.items()}
    core = F.interpolate(v.plan[:, 1:], size=v.mask.shape[1:]) * v.plan_weight[:, None, None, None]
    core[v.family == FAMILIES.index("strokes")] = 0  # their plan is not in the frame of the picture
    shape = F.unfold(torch.cat([v.mask[:, None], core], 1) * 2 - 1, 4, stride=4)
    target = torch.cat([F.unfold(v.clean * 2 - 1, 8, stride=8), shape], 1).transpose(1, 2)  # [n, 64, 224]
    if keep is not None:
        target = target.gather(1, keep[..., None].expand(-1, -1, target.shape[2]))
    out["patch"] = F.smooth_l1_loss(heads.patch(patches), target)
    return out


WEIGHTS = {"family": 0.5, "params": 10.0, "plan": 4.0, "patch": 4.0, "nce": 0.5}


class Muon:
    """Momentum with orthogonalised updates for the blocks' matrices (Jordan et al. 2024), batched by shape."""

    def __init__(self, matrices: list[nn.Parameter], parts: list[int]) -> None:
        self.matrices, self.parts = matrices, parts
        self.momentum = [torch.zeros_like(m) for m in matrices]

    @torch.no_grad()
    def step(self, rate: float, decay: float) -> None:
        """Apply one update from the gradients that the matrices hold."""
        groups: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        for m, parts, momentum in zip(self.matrices, self.parts, self.momentum, strict=True):
            momentum.lerp_(m.grad, 0.05)
            update = m.grad.lerp(momentum, 0.95)
            for weight, piece in zip(m.data.chunk(parts), update.chunk(parts), strict=True):
                wide = weight.shape[0] <= weight.shape[1]
                a, b = (weight, piece) if wide else (weight.T, piece.T)
                groups.setdefault(tuple(a.shape), []).append((a, b))
        for pairs in groups.values():
            x = torch.stack([b for _, b in pairs]).bfloat16()
            x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
            for _ in range(5):
                s = x @ x.transpose(1, 2)
                x = 3.4445 * x + (-4.7750 * s + 2.0315 * (s @ s)) @ x
            for (weight, _), u in zip(pairs, x.float(), strict=True):
                weight.mul_(1 - rate * decay).sub_(u, alpha=rate)


class Trainer:
    """The state of a run: network, heads, optimisers, running average, counters."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.step, self.seconds = recipe, 0, 0.0
        g = torch.Generator().manual_seed(recipe.seed)
        self.net, self.heads = Vit(g), Heads()
        for module in self.heads.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.03, generator=g)
                nn.init.zeros_(module.bias)
        self.muon = Muon(*self.net.matrices())
        taken = {id(m) for m in self.muon.matrices}
        rest = [p for p in [*self.net.parameters(), *self.heads.parameters()] if id(p) not in taken]
        groups = [
            {"params": [p for p in rest if p.ndim > 1]},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0},
        ]
        self.adam = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.decay)
        self.average = {k: v.clone() for k, v in self.net.state_dict().items()}

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0 to 1."""
        r = self.recipe
        return min(1.0, self.step / r.steps if r.steps else self.seconds / (60 * r.minutes))

    def train_step(self) -> dict[str, float]:
        """Draw a batch, take one step, and return the terms of the loss."""
        r, start, done = self.recipe, time.monotonic(), self.progress
        g = torch.Generator().manual_seed(r.seed * 1_000_003 + self.step + 1)
        views = make_views(r.latents, min(1.0, 0.15 + 0.85 * done / r.ease), g)
        keep = keep_busy(views.images, 0.5 if done < r.dense_from else 1.0, g)
        terms = losses(self.net, self.heads, views, keep, r.temperature)
        loss = sum(WEIGHTS[k] * terms[k] for k in WEIGHTS)
        loss.backward()
        norm = nn.utils.clip_grad_norm_([*self.net.parameters(), *self.heads.parameters()], 3.0)
        scale = min(1.0, (self.step + 1) / r.warm_up, (1 - done) / (1 - r.cool_from))
        for group in self.adam.param_groups:
            group["lr"] = r.rate * scale
        self.adam.step()
        self.muon.step(r.muon_rate * scale, r.decay)
        for p in [*self.net.parameters(), *self.heads.parameters()]:
            p.grad = None
        keep_share = min(r.average, (self.step + 1) / (self.step + 10))
        for k, v in self.net.state_dict().items():
            self.average[k].lerp_(v, 1 - keep_share)
        self.step += 1
        self.seconds += time.monotonic() - start
        return {"loss": loss.item(), "norm": norm.item()} | {k: t.item() for k, t in terms.items()}

    def save(self, out: Path) -> None:
        """Write `checkpoint.pt` and the exported weights, each by rename."""
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "seconds": self.seconds,
            "net": self.net.state_dict(),
            "heads": self.heads.state_dict(),
            "adam": self.adam.state_dict(),
            "muon": self.muon.momentum,
            "average": self.average,
        }
        torch.save(state, out / "checkpoint.tmp")
        (out / "checkpoint.tmp").replace(out / "checkpoint.pt")
        export(self.average, out)

    def restore(self, out: Path) -> None:
        """Continue from `checkpoint.pt`; raises ValueError where the recipe is another one."""
        state = torch.load(out / "checkpoint.pt", weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            raise ValueError(f"{out} holds a run of another recipe: {state['recipe']}")
        self.step, self.seconds, self.average = state["step"], state["seconds"], state["average"]
        self.net.load_state_dict(state["net"])
        self.heads.load_state_dict(state["heads"])
        self.adam.load_state_dict(state["adam"])
        self.muon.momentum = state["muon"]


def digits_probe(folder: Path) -> float:
    """Accuracy in per cent of a linear probe on digits; it watches the run and steers nothing."""
    from probe_builtin import accuracy, digits, load, states

    x, y, test_x, test_y = next(digits(1))
    model = load(folder)
    name = "4 blocks, CLS + mean"
    return accuracy(states(model, x)[name], y, states(model, test_x)[name], test_y)


def report(log: Path | None, line: dict[str, float]) -> None:
    """Print a line of JSON and append it to the log."""
    text = json.dumps(line)
    print(text, flush=True)
    if log:
        with log.open("a") as file:
            file.write(text + "\n")


def main() -> None:
    """Run the recipe from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=0, help="length of the run; wins over --minutes")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latents", type=int, default=Recipe.latents)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--probe-every", type=int, default=0, help="steps between probes on digits; 0: none")
    parser.add_argument("--save-every", type=int, default=200, help="steps between checkpoints")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    a.out.mkdir(parents=True, exist_ok=True)
    run = Trainer(Recipe(a.steps, 0.0 if a.steps else a.minutes, a.seed, a.latents))
    if (a.out / "checkpoint.pt").exists():
        run.restore(a.out)
    total: dict[str, float] = {}
    while run.progress < 1:
        for k, x in run.train_step().items():
            total[k] = total.get(k, 0.0) + x / 50
        if run.step % 50 == 0:
            where = {"step": run.step, "images": run.step * 2 * a.latents, "seconds": round(run.seconds)}
            report(
                a.log, where | {"done": round(run.progress, 4)} | {k: round(x, 4) for k, x in total.items()}
            )
            total = {}
        if run.step % a.save_every == 0:
            run.save(a.out)
        if a.probe_every and run.step % a.probe_every == 0:
            run.save(a.out)
            report(a.log, {"step": run.step, "digits": round(digits_probe(a.out), 2)})
    run.save(a.out)


if __name__ == "__main__":
    main()
