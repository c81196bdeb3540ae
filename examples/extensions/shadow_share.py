"""An attack of your own with shadow models: which inputs of the forgotten class was the model learned from?

The audit learns the shadows, each from a random half of the inputs to forget, and makes them forget the class. This
file says what the attacker reads from a shadow's answers, and how the others show whether a target knew an input.

To use it from the command line, install this file with the entry point

    [project.entry-points."preforget.attacks"]
    shadow_share = "shadow_share"

and name it: `preforget audit MODEL --data DATA --forget LABEL --attacks shadow_share --shadows 16`. From Python,
importing this file is enough.
"""

from __future__ import annotations

from preforget.audit.attacks import About, Array, Mask, Seen, register_shadow_attack

ABOUT = About(
    name="shadow_share",
    title="Share of shadow models",
    asks="Does a model abstain on what it has forgotten more surely than models that never learned it?",
    source="attack R: Ye et al., arXiv 2111.09679",
    margin=0.05,
    titles={"auc": "AUC"},
)


def doubt(answers: Seen) -> Array:
    """Return for each input `[m]` how little it looks like one of the known classes."""
    return -answers.confidence


@register_shadow_attack(ABOUT, signal=doubt)
def shadow_share(observed: Array, signals: Array, member: Mask) -> dict[str, Array]:
    """Return for each input `[m]` the share of shadows without it that doubt it less than the target does."""
    without = ~member
    less = ((signals < observed) + 0.5 * (signals == observed)) * without
    return {"share": (less.sum(axis=0) + 0.5) / (without.sum(axis=0) + 1)}
