"""What the campaigns of kills, faults and pairs share: models, commands, and what must be true after each run.

A `Case` is a command on a kind of model. A `Scene` is one that was prepared and run whole once: it knows the state
before and after, every change that the command makes, and judges what a run that was harmed has left.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import mmap
import os
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from preforget.cli.main import main as preforget
from preforget.core.errors import IntegrityError, PreforgetError
from preforget.erasure import open_folder
from preforget.erasure.verify import verify
from preforget.store.key_service import Keyring
from preforget.store.keyring import open_keyring
from preforget.store.keyring_lock import LOCK, KeyringLock
from preforget.store.layout import RECEIPTS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "erasure"))
from tracing import Change, changes_of  # type: ignore[import-not-found]

FORMER, PRESENT = "the former passphrase", "the present passphrase"
"""Of the keyring whose passphrase is changed."""

FOREIGN = 99
"""The exit code that stands for an exception that isn't ours."""


@dataclass(frozen=True)
class Place:
    """A folder with everything that one run may touch: data, model, keyring, files."""

    root: Path
    said: list[str] = field(default_factory=list, compare=False)
    """What the commands printed as errors and notes."""

    @property
    def model(self) -> Path:
        """Return the model's folder."""
        return self.root / "model"

    @property
    def keyring(self) -> Path:
        """Return the folder of keys."""
        return self.root / "keyring"

    def run(self, *args: object) -> int:
        """Run one command in this process, with this place's keyring; return its exit code."""
        said = io.StringIO()
        try:
            with (
                contextlib.chdir(self.root),
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(said),
            ):
                return preforget([str(arg) for arg in (*args, "--keyring", self.keyring)])
        finally:
            self.said.append(said.getvalue())

    def keys(self) -> Keyring:
        """Return the keyring, opened with whichever of the two passphrases opens it, if it has one."""
        if not (self.keyring / LOCK).exists():
            return open_keyring(self.keyring)
        for passphrase in (PRESENT, FORMER):
            if KeyringLock(self.keyring, partial(str, passphrase)).opens():
                return open_keyring(self.keyring, partial(str, passphrase))
        raise AssertionError("neither passphrase opens the keyring")


@dataclass(frozen=True)
class View:
    """What of a model must be as before or as after: no random id, no time, nothing but what was asked for."""

    live: tuple[str, ...]
    scores: bool
    detached: tuple[str, ...]
    sealed: bool
    keep: float
    copies: tuple[str, ...]
    receipts: int
    format: int = 0


CLOSED = ("end this with: preforget restore", "is not in the keyring")
"""Why nobody reads a sealed model: it is an old copy, until `restore`; its keyring is lost, until `keys restore`."""
SHUT = View(("nobody can read it",), False, (), True, 0.0, (), 0)


def view(place: Place) -> tuple[View | None, dict[str, str]]:
    """Open the model, as any command does, and return what it holds, None where there is none, and digests by id."""
    if not place.model.exists():
        return None, {}
    keys = place.keys()
    try:
        folder = open_folder(place.model, keys)
        records = {record.id: record for record in folder.records()}
    except IntegrityError as error:
        if not any(text in str(error) for text in CLOSED):
            raise
        return SHUT, {}
    names = {i: f"{r.label} {r.subject or ''} {r.partner or ''}" for i, r in records.items()}
    receipts = sorted((place.model / RECEIPTS).glob("*.json"))
    if receipts:
        known = keys.signing.known()
        for receipt in receipts:
            done = verify(receipt, place.model, known)
            if not done.passed:
                raise AssertionError(f"a receipt doesn't verify: {done.checks}")
    manifest = folder.manifest
    places = ((copy["kind"], Path(copy["place"]).name) for copy in manifest.copies.values())
    copies = tuple(sorted(f"{kind} {re.sub('[0-9a-f]{32}', 'ID', name)}" for kind, name in places))
    seen = View(
        tuple(sorted(name for name in names.values() if name.strip())),
        any(not name.strip() for name in names.values()),
        tuple(sorted(names[i] for i in manifest.detached)),
        manifest.sealed,
        manifest.keep,
        copies,
        len(receipts),
        manifest.format,
    )
    return seen, {i: record.digest() for i, record in records.items()}


@dataclass(frozen=True)
class Case:
    """One command on one kind of model: what prepares it, what it is, and which exit codes its repetition may have."""

    name: str
    engine: str
    sealed: bool
    kills: int
    command: Callable[[Place], int]
    prepare: Callable[[Place], object] = lambda place: None
    again: frozenset[int] = frozenset({0})
    """Exit codes of the command where its work has been done before."""
    check: Callable[[Place, bool], None] = lambda place, repeated: None
    may_leave: frozenset[str] = frozenset()
    """Copies that stay listed, as documented: a checkpoint, until `learn --discard` or seven days have passed."""

    @property
    def model(self) -> str:
        """Return the kind of model that it needs."""
        return f"{self.engine}-{'sealed' if self.sealed else 'plain'}"

    @property
    def key(self) -> str:
        """Return the name under which its runs are kept."""
        return f"{self.name} {self.engine} {'sealed' if self.sealed else 'plain'}"

    def same(self, seen: View | None, wanted: View | None) -> bool:
        """Compare two views, but for what this command may list while it runs."""
        if seen is None or wanted is None:
            return seen is wanted
        if set(seen.copies) ^ set(wanted.copies) <= self.may_leave:
            seen = replace(seen, copies=wanted.copies)
        return seen == wanted


class Told:
    """What a command in a child tells without a system call that could be counted or fail: in shared memory."""

    def __init__(self, size: int = 1 << 20) -> None:
        self._memory = mmap.mmap(-1, size)
        self._size = size

    def tell(self, *values: object) -> None:
        """Replace what was told; to be called in a child."""
        content = json.dumps(values).encode()
        if len(content) > self._size:
            content = json.dumps([values[0], "too long to be told"]).encode()
        self._memory[: self._size] = content.ljust(self._size)

    def get(self) -> list[object]:
        """Return what was told last, nothing if the child was killed before."""
        return list(json.loads(self._memory[:].strip() or b"[]"))

    def clear(self) -> None:
        """Forget what was told."""
        self._memory[:] = b" " * self._size


def telling(command: Callable[[Place], int], place: Place, told: Told) -> None:
    """Run a command in this child; tell its exit code, what it said and which modules it has needed."""
    told.clear()
    gc.disable()  # it would touch, and so copy, all that the child shares with its parent
    try:
        code, said = command(place), place.said[-1] if place.said else ""
    except BaseException:  # noqa: BLE001 - told to the parent, for whom any exception is a finding
        code, said = FOREIGN, traceback.format_exc()
    told.tell(code, said[-4000:], [name for name in sys.modules if "." in name or name == "sklearn"])


def preload(modules: Sequence[str]) -> None:
    """Import what a child has imported, so that later children needn't."""
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(ImportError, AttributeError):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()


MADE_ANEW = frozenset({"seal", "refit", "add --more"})
"""Commands that give a record another id or content without a change that a `View` shows."""


@dataclass(frozen=True)
class Scene:
    """A case that was prepared and run whole once."""

    case: Case
    root: Path
    before: View | None
    digests: dict[str, str]
    after: View | None
    new_digests: dict[str, str]
    changes: tuple[Change, ...]
    code: int
    told: Told

    def copy(self) -> Place:
        """Return a fresh copy of everything, in which the command can be run."""
        place = Place(self.root / "run")
        shutil.rmtree(place.root, ignore_errors=True)
        shutil.copytree(self.root / "start", place.root)
        return place

    def command(self, place: Place) -> Callable[[], None]:
        """Return what runs the command in a child."""
        return partial(telling, self.case.command, place, self.told)

    def judge(self, place: Place, *, look: bool = True) -> tuple[str, list[str]]:
        """Look at what a run has left, run the command again, look again; return the state and what is wrong.

        `look`: whether to open the model before the command is run again.
        """
        case, problems, state = self.case, list[str](), "not looked at"
        try:
            if look:
                seen, left = view(place)
                state = self.state_of(seen)
                if state == "neither":
                    problems.append(f"neither before nor after: {seen}")
                stays = self.digests.keys() & (self.digests if state == "before" else self.new_digests).keys()
                if case.name not in MADE_ANEW and any(left.get(i) != self.digests[i] for i in stays):
                    problems.append("a record that stays has changed or is gone")
                case.check(place, False)
            forked(self.command(place))
            code, said, *_ = self.told.get() or [FOREIGN, ""]
            undone = state == "before" and self.before != self.after
            if code not in ({self.code} if undone else case.again | {self.code}):
                problems.append(f"run again it ends with exit code {code}: {str(said).strip()[-1000:]}")
            seen, left = view(place)
            if not case.same(seen, self.after):
                problems.append(f"run again it ends in another state: {seen}")
            stays = self.digests.keys() & self.new_digests.keys()
            if case.name not in MADE_ANEW and any(left.get(i) != self.digests[i] for i in stays):
                problems.append("run again, a record that stays has changed or is gone")
            if (rest := unfinished_files(place)) and not (rest == ["model.learning"] and case.may_leave):
                problems.append(f"left behind: {rest}")
            case.check(place, True)
        except (PreforgetError, AssertionError) as error:
            problems.append(f"{type(error).__name__}: {str(error)[:300]}")
        return state, problems

    def state_of(self, seen: View | None) -> str:
        """Tell whether a state is that of before or of after the command."""
        if self.case.same(seen, self.before):
            return "before"
        return "after" if self.case.same(seen, self.after) else "neither"


def prepared(case: Case, root: Path, base: Place) -> Scene:
    """Prepare a case in a folder, from a model of its kind, and run its command once without harm."""
    start = Place(root / "start")
    shutil.rmtree(start.root, ignore_errors=True)
    shutil.copytree(base.root, start.root)
    if forked(lambda: case.prepare(start)) != 0:
        raise SystemExit(f"{case.key}: preparing it failed")
    before, digests = view(start)
    scene = Scene(case, root, before, digests, None, {}, (), 0, Told())
    whole = scene.copy()
    changes, _ = changes_of(scene.command(whole))
    code, said, modules = scene.told.get() or [FOREIGN, "", []]
    if code not in (0, 4):
        raise SystemExit(f"{case.key}: the command fails without any harm: exit code {code}\n{said}")
    preload([str(name) for name in list(modules)])  # type: ignore[call-overload]
    after, new_digests = view(whole)
    return replace(scene, after=after, new_digests=new_digests, changes=tuple(changes), code=int(str(code)))


def unfinished_files(place: Place) -> list[str]:
    """Return what only a run that was cut off leaves."""
    return sorted(
        str(path.relative_to(place.root))
        for path in place.root.rglob("*")
        if path.name.startswith(".writing-") or path.name.endswith((".unfinished", ".learning", ".erasing"))
    )


def forked(do: Callable[[], object]) -> int:
    """Run something in a child and return its exit code, 99 for an exception."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = int(do() or 0)  # type: ignore[call-overload]
        except BaseException:  # noqa: BLE001 - a child must not go on as a second campaign
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
