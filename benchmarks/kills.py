"""Kill every command that writes before its system calls, then look at what is left and run it again.

    python benchmarks/kills.py --out kills            # all cases; stopped, the same command goes on
    python benchmarks/kills.py --out kills --share 0.02 --only forget seal

Each kill is a real `SIGKILL` of a real process, given by ptrace before one system call that writes, creates, renames,
deletes or syncs (Linux on x86-64). The commands are run as `preforget` runs them, in processes forked from this one.
After each kill the folder is opened as every command opens it. It must be in the state from before or from after the
command, receipts must verify, and the command, run again, must end in the state of a run that nobody killed. What is
found goes to `kills.jsonl`, a line per kill; the table is printed from it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

from campaign import Results, run_campaign
from scenes import Scene

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "erasure"))
from tracing import run_and_kill  # type: ignore[import-not-found]


def kill(scene: Scene, results: Results) -> None:
    """Kill one command before drawn changes; write a line for each kill."""
    case, calls = scene.case, len(scene.changes)
    number = max(1, min(calls, round(case.kills * results.share)))
    drawn = sorted(random.Random(case.key).sample(range(1, calls + 1), number))
    for at in results.left(case.key, [str(at) for at in drawn]):
        place = scene.copy()
        _, code = run_and_kill(scene.command(place), int(at))
        if code is not None:
            continue  # this run made fewer calls: nothing was killed
        state, problems = scene.judge(place)
        results.add(case.key, at, calls=calls, state=state, problems=problems)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign."""
    return run_campaign(__doc__, "kills", kill, argv)


if __name__ == "__main__":
    sys.exit(main())
