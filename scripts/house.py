"""Print what docs/architecture.md says about the rooms of the package: their sizes, and that no import points back.

python scripts/house.py               one Markdown table: lines, share, files, median and longest file of each room
python scripts/house.py --extensions  how many files each of the example extensions takes
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import statistics
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
EXTENSIONS = ROOT / "examples" / "extensions"
LIMITS = {"lines of a file": 400, "median file": 120, "share of a room, %": 15}


def checker() -> ModuleType:
    """Return `tests/test_rooms.py`, which holds the order of the rooms and finds circles."""
    spec = importlib.util.spec_from_file_location("test_rooms", ROOT / "tests" / "test_rooms.py")
    if spec is None or spec.loader is None:
        raise SystemExit("tests/test_rooms.py is missing; run this in a checkout")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sizes(sources: dict[str, str], rooms: ModuleType) -> dict[str, list[int]]:
    """Return the number of lines of every file, by room, in the order of the rooms."""
    lines: dict[str, list[int]] = {name: [] for name in rooms.ROOMS}
    for module, source in sources.items():
        room = rooms.room_of(module)
        if room is not None:
            lines[room].append(len(source.splitlines()))
    return {room: counts for room, counts in lines.items() if counts}


def table(lines: dict[str, list[int]]) -> str:
    """Return the sizes as Markdown, and one line about the whole house."""
    total = sum(map(sum, lines.values()))
    rows = ["| room | lines | share | files | median | longest |", "|---|---|---|---|---|---|"]
    rows += [
        f"| `{room}` | {sum(counts):,} | {100 * sum(counts) / total:.1f} % | {len(counts)} "
        f"| {statistics.median(counts):.0f} | {max(counts)} |"
        for room, counts in lines.items()
    ]
    every = [count for counts in lines.values() for count in counts]
    rows.append(f"| all | {total:,} | 100 % | {len(every)} | {statistics.median(every):.0f} | {max(every)} |")
    return "\n".join(rows)


def broken(lines: dict[str, list[int]], circles: list[list[str]]) -> list[str]:
    """Return one sentence for every limit that the house breaks."""
    every = [count for counts in lines.values() for count in counts]
    faults = [f"files import each other in a circle: {', '.join(ring)}" for ring in circles]
    if max(every) > LIMITS["lines of a file"]:
        faults.append(f"the longest file has {max(every)} lines, over {LIMITS['lines of a file']}")
    if statistics.median(every) > LIMITS["median file"]:
        faults.append(
            f"the median file has {statistics.median(every):.0f} lines, over {LIMITS['median file']}"
        )
    for room, counts in lines.items():
        share = 100 * sum(counts) / sum(every)
        if share > LIMITS["share of a room, %"]:
            faults.append(f"{room} holds {share:.1f} % of the lines, over {LIMITS['share of a room, %']} %")
    return faults


def extensions() -> str:
    """Return the example extensions as Markdown: file, lines, and the first sentence of its docstring."""
    rows = ["| file | lines | what it is |", "|---|---|---|"]
    for path in sorted(EXTENSIONS.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        said = (ast.get_docstring(ast.parse(source)) or "").split("\n")[0]
        rows.append(f"| `{path.relative_to(ROOT)}` | {len(source.splitlines())} | {said} |")
    return "\n".join(rows)


def main(argv: list[str] | None = None) -> int:
    """Print one of the tables; exit code 1 if the house breaks a limit of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--extensions", action="store_true", help="the example extensions instead")
    if parser.parse_args(argv).extensions:
        print(extensions())
        return 0
    rooms = checker()
    sources = {name: path.read_text(encoding="utf-8") for name, path in rooms.modules().items()}
    files = {name: source for name, source in sources.items() if not name.endswith("__init__")}
    lines = sizes(sources, rooms)
    circles = rooms.circles(rooms.arrows_between(files))
    print(table(lines))
    faults = broken(lines, circles)
    print("\n" + ("\n".join(faults) if faults else "No circle of imports; every limit is kept."))
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
