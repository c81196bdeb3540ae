"""The table of `engines_compare.py`, in Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from compare_sets import SetOf

COLUMNS = ("accuracy", "worst class", "ECE (floor)", "answered", "AUROC", "turned away", "at 95 %", "s", "MB")


def table(found: list[dict[str, Any]], sets: Mapping[str, SetOf]) -> None:
    """Print one line per set and kind of model: means over seeds and drawn classes."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        name, engine, version, _, without, views = row["key"]
        groups[name, engine, version, views, bool(without)].append(row)
    print("| set | model | learnings | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 3) + "|")
    for key in sorted(groups, key=lambda key: ([*sets].index(key[0]), key[1:])):
        name, engine, version, views, retrained = key
        of = groups[key]
        called = engine + (f" (format {version})" if version else "") + (f", views {views}" if views else "")
        called += " retrained" if retrained else ""
        print(f"| {name} | {called} | {len(of)} | " + " | ".join(cells(of)) + " |")
    print()
    same_classes(found, sets)


def same_classes(found: list[dict[str, Any]], sets: Mapping[str, SetOf]) -> None:
    """Print AUROC on the classes that a model was retrained without, of that model and of the others."""
    print("| set | classes | AUROC retrained | of the others, same classes |\n|---|---|---|---|")
    for name in sets:
        again = {
            r["key"][4]: r["forgotten"][0]["auroc"] for r in found if r["key"][0] == name and r["key"][4]
        }
        if not again:
            continue
        others: dict[str, list[float]] = defaultdict(list)
        for row in found:
            _, engine, version, _, without, views = row["key"]
            if row["key"][0] == name and not without:
                called = f"{engine} {version or ''}{views}".strip()
                others[called] += [o["auroc"] for o in row["forgotten"] if o["label"] in again]
        told = ", ".join(f"{engine} {fmean(values):.3f}" for engine, values in sorted(others.items()))
        print(f"| {name} | {len(again)} | {fmean(again.values()):.3f} | {told} |")


def cells(of: list[dict[str, Any]]) -> Iterable[str]:
    """Return the cells of one line."""

    def mean(name: str) -> float:
        return fmean(row[name] for row in of)

    def over(name: str) -> float:
        return fmean(one[name] for row in of for one in row["forgotten"])

    yield f"{100 * mean('accuracy'):.1f}"
    yield f"{100 * mean('worst'):.0f}"
    yield f"{mean('ece'):.3f} ({mean('floor'):.3f})"
    yield f"{100 * mean('answered'):.1f}"
    yield f"{over('auroc'):.3f}"
    yield f"{100 * over('turned away'):.0f}"
    yield f"{100 * over('turned away at 95 %'):.0f}"
    yield f"{mean('seconds'):.0f}"
    yield f"{mean('bytes') / 1e6:.1f}"
