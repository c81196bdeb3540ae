"""An attack of your own: do forgotten inputs all get the same new answer?

Unlearning by random or by one fixed label leaves such a mark; a model retrained without the class spreads its answers.

To use it from the command line, install this file with the entry point

    [project.entry-points."preforget.attacks"]
    relabel_rate = "relabel_rate"

and name it: `preforget audit MODEL --data DATA --forget LABEL --attacks relabel_rate`. From Python, importing this
file is enough: `pf.audit(model, data, forget="3", attacks=["relabel_rate"])`, in worker processes too.
"""

from __future__ import annotations

import numpy as np

from preforget import PreforgetError
from preforget.audit.attacks import ROLES, About, Finding, Scene, Seen, register_attack

ABOUT = About(
    name="relabel_rate",
    title="Commonest new answer",
    asks="Do forgotten images all get the same new answer, as relabelling leaves them?",
    source="random-label unlearning: Golatkar et al., arXiv 1911.04933",
    margin=0.05,
    titles={"largest share": "forgotten test images: share of the commonest best guess"},
)


def largest_share(seen: Seen) -> float:
    """Return the share of inputs that have the commonest best guess; raises `PreforgetError` without inputs."""
    if not len(seen):
        raise PreforgetError("there are no forgotten test inputs; give data with at least one")
    _, counts = np.unique(seen.best_guesses().astype(str), return_counts=True)
    return float(counts.max() / counts.sum())


@register_attack(ABOUT, roles=ROLES)
def relabel_rate(scene: Scene) -> Finding:
    """Measure the answers of one model to forgotten test inputs."""
    return Finding({"largest share": largest_share(scene.seen.forget_test)})
