"""Let the disk fail under every command that writes, then look at what is left and run it again.

    python benchmarks/faults.py --out faults          # all cases; stopped, the same command goes on
    python benchmarks/faults.py --out faults --share 0.1 --models exact-sealed

Faults of the system's calls, by ptrace, as `strace -e inject` makes them (Linux on x86-64): a call that writes,
creates, renames, deletes or syncs fails with EIO, once; from one call on whatever needs room fails with ENOSPC; from
one call on all such calls fail with EROFS. Each kind of call on each kind of file comes up. As root, also real full
disks (a small tmpfs with some bytes left) and read-only mounts of model, keyring or both. The command must end with
an error of ours, or with success in the state of a run without a fault. Then, without the fault, the same is required
as after a kill, see `scenes.Scene.judge`; half of the time the command is run again at once, without an opening.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from campaign import Results, run_campaign
from scenes import FOREIGN, Place, Scene, forked, unfinished_files

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "erasure"))
from tracing import CALLS, ROOM, run_and_fail  # type: ignore[import-not-found]

ALL = frozenset(CALLS.values())
ROOM_LEFT = (0, 4096, 8192, 20480, 65536, 262144)
"""Bytes that are left on a small disk."""
READ_ONLY = ("model", "keyring", "all")


def harms(scene: Scene, results: Results) -> list[str]:
    """Return the names of faults: the fault and the number of the change, the bytes left, or what is read-only."""
    rng, kinds = random.Random(scene.case.key), dict[str, list[int]]()
    for number, change in enumerate(scene.changes, 1):
        kinds.setdefault(change.kind, []).append(number)
    chosen = [(rng.choice(numbers), kind.split()[0]) for kind, numbers in kinds.items()]
    once = [f"EIO {number}" for number, _ in chosen]
    full = [f"ENOSPC {number}" for number, name in chosen if name in ROOM]
    fixed = [
        f"EROFS {number}"
        for number in rng.sample(range(1, len(scene.changes) + 1), min(4, len(scene.changes)))
    ]
    real = [f"left {size}" for size in ROOM_LEFT] + [f"read-only {what}" for what in READ_ONLY]
    if results.share < 1:
        once, full, fixed, real = (
            rng.sample(some, min(len(some), max(1, round(len(some) * results.share))))
            for some in (once, full, fixed, real)
        )
    return [*once, *full, *fixed, *(real if os.getuid() == 0 else [])]


def fail(scene: Scene, results: Results) -> None:
    """Run one command with drawn faults; write a line for each."""
    case = scene.case
    for harm in results.left(case.key, harms(scene, results)):
        name, _, what = harm.partition(" ")
        scene.told.clear()
        if name in ("EIO", "ENOSPC", "EROFS"):
            lasting = {"EIO": None, "ENOSPC": ROOM, "EROFS": ALL}[name]
            place = scene.copy()
            failed, _ = run_and_fail(scene.command(place), int(what), getattr(errno, name), lasting=lasting)
            if not failed:
                continue  # this run made fewer calls
            look_at(scene, results, harm, place)
        else:
            with small_disk(scene, int(what)) if name == "left" else read_only(scene, what) as place:
                look_at(scene, results, harm, place)


def look_at(scene: Scene, results: Results, harm: str, place: Place) -> None:
    """Judge what a command has left and said; write a line."""
    case, (name, _, what) = scene.case, harm.partition(" ")
    code, said, *_ = scene.told.get() or [FOREIGN, "the process ended without a word"]
    left = unfinished_files(place)
    problems = []
    if code == FOREIGN:
        problems.append(f"an exception that isn't ours: {str(said).strip()[-1000:]}")
    elif code and code != scene.code and "preforget: " not in str(said):
        problems.append(f"exit code {code} without an error of ours: {said!r}")
    if left and name == "EIO" and left != ["model.learning"]:
        problems.append(f"left behind at once: {left}")
    look = code == scene.code or random.Random(harm + case.key).random() < 0.5
    state, found = scene.judge(place, look=look)
    if code == scene.code and state != "after" and scene.before != scene.after:
        problems.append(f"it ended as if nothing had failed, but the state is: {state}")
    kind = scene.changes[int(what) - 1].kind if name in ("EIO", "ENOSPC", "EROFS") else what
    words = str(said).strip().splitlines()[-1:]
    results.add(case.key, harm, kind=kind, code=code, said=words, state=state, problems=[*problems, *found])


@contextlib.contextmanager
def small_disk(scene: Scene, left: int) -> Iterator[Place]:
    """Run the command in a real file system with so many bytes left; yield what it left, with room again."""
    place = Place(scene.root / "run")
    shutil.rmtree(place.root, ignore_errors=True)
    with mounted(place.root, ["-t", "tmpfs", "-o", "size=32m", "tmpfs"]):
        shutil.copytree(scene.root / "start", place.root, dirs_exist_ok=True)
        ballast = place.root / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        os.truncate(ballast, max(0, ballast.stat().st_size - left))
        forked(scene.command(place))
        ballast.unlink()
        yield place


@contextlib.contextmanager
def read_only(scene: Scene, what: str) -> Iterator[Place]:
    """Run the command while model, keyring or all is mounted read-only; yield what it left."""
    place = scene.copy()
    folder = {"model": place.model, "keyring": place.keyring, "all": place.root}[what]
    new = not folder.exists()
    with mounted(folder, ["--bind", str(folder)]):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        forked(scene.command(place))
    if new:
        folder.rmdir()
    yield place


@contextlib.contextmanager
def mounted(folder: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Mount something there meanwhile."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *arguments, str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign."""
    return run_campaign(__doc__, "faults", fail, argv)


if __name__ == "__main__":
    sys.exit(main())
