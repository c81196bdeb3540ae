"""Audits and evaluations: each runs in a process of its own beside the service, and leaves a report.

The names of what an audit is to forget go to that process by its standard input, and stand nowhere else. An evaluation
names the classes it has measured, so it is destroyed once the model doesn't know one of them any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any

from preforget.core.clock import now
from preforget.core.errors import PreforgetError, StoreError
from preforget.core.files import make_private, read_regular, write_atomic
from preforget.serve.beside import own_folder
from preforget.serve.models import ServedModel
from preforget.serve.problems import Problem

AUDIT, EVALUATION = "audit", "evaluation"
RUNNING, DONE, FAILED = "running", "done", "failed"
RESULT, PAGE, NAMES, STATE = "result.json", "report.html", "names.json", "state.json"
CANNOT_BE_OPENED, NO_SUCH_CLASS, OTHER_DATA, NOT_POSSIBLE = 2, 3, 4, 5
DETAILS = {
    CANNOT_BE_OPENED: "the attacks of a suite open a model, and this one can't be opened; run those that need scores "
    "alone, with: preforget audit --attacks",
    NO_SUCH_CLASS: "a class to forget is none of the model's",
    OTHER_DATA: "the data don't fit; --data must name what the model was learned from",
    NOT_POSSIBLE: "it isn't possible with this model: at least two classes must stay, none may be detached, and inputs "
    "have one label each",
}
"""What the exit codes of the process mean."""
MOST_BYTES = 2**28
CUT_OFF = "the service ended before it was done; start it again"
_ID = re.compile("[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True)
class Report:
    """One audit or evaluation, and how far it is."""

    id: str
    kind: str
    status: str
    asked: str
    ended: str | None = None
    passed: bool | None = None
    detail: str | None = None


class Reports:
    """The reports of one model, a folder each; `data`: what the model was learned from, None if that isn't known."""

    def __init__(self, model: ServedModel, data: str | None, options: dict[str, Any]) -> None:
        self.model, self.data = model, data
        self._options = options
        self.folder = model.path.with_name(f"{model.path.name}.reports")
        self.entries: dict[str, Report] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._processes: set[asyncio.subprocess.Process] = set()

    def read(self) -> None:
        """Read what is there; what was under way when the service ended has failed, and leaves nothing.

        Raises `StoreError` if the folder isn't this user's own.
        """
        if self.folder.exists() or self.folder.is_symlink():
            own_folder(self.folder)
        for path in sorted(self.folder.glob(f"*/{STATE}")):
            if _ID.fullmatch(path.parent.name):
                with contextlib.suppress(OSError, ValueError, TypeError):
                    self.entries[path.parent.name] = Report(**json.loads(read_regular(path, MOST_BYTES)))
        for report in [*self.entries.values()]:
            if report.status == RUNNING:
                self._keep(replace(report, status=FAILED, ended=now(), detail=CUT_OFF))
        for report in self.entries.values():
            if report.status == FAILED:
                self._clear(report)
        self.sweep()

    def sweep(self) -> None:
        """Destroy the reports that name a class which the model doesn't know any more."""
        for report in [*self.entries.values()]:
            if report.status == DONE:
                with contextlib.suppress(Problem, OSError):
                    self._check_names(report)

    def report(self, kind: str, report_id: str) -> Report:
        """Return one; raises `Problem`."""
        report = self.entries.get(report_id)
        if report is None or report.kind != kind:
            raise Problem(404, f"there is no such {kind}")
        return report

    def start(self, kind: str, **request: Any) -> Report:
        """Begin one; raises `Problem` if the service has no data, or one is under way."""
        if self.data is None:
            raise Problem(409, f"this service has no data for an {kind}; its operator gives them with --data")
        if any(report.status == RUNNING for report in self.entries.values()):
            raise Problem(409, "an audit or an evaluation of this model is under way")
        report = Report(secrets.token_hex(16), kind, RUNNING, now())
        try:
            own_folder(self.folder)
            make_private(self.folder / report.id)
            self._keep(report)
        except OSError as error:
            raise Problem(507, "the report can't be kept: the disk is full or can't be written") from error
        task = asyncio.create_task(self._run(report, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return report

    def content(self, report: Report, name: str) -> bytes:
        """Return a file of a report that is done; raises `Problem`."""
        if report.status != DONE:
            raise Problem(409, f"there is no report: the {report.kind} is {report.status}")
        self._check_names(report)
        try:
            return read_regular(self.folder / report.id / name, MOST_BYTES)
        except OSError:
            raise Problem(404, "the report isn't there any more") from None

    async def stop(self) -> None:
        """End what is under way."""
        for process in [*self._processes]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with all that it has started itself
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _check_names(self, report: Report) -> None:
        """Destroy a report that names a class which the model doesn't know any more, and raise `Problem`."""
        if report.kind != EVALUATION:
            return  # it names nobody
        place, names = self.folder / report.id, None
        with contextlib.suppress(OSError, ValueError):
            names = json.loads(read_regular(place / NAMES, MOST_BYTES))
        known = set(self.model.classifier.engine_.bank.labels)
        if not isinstance(names, list) or not {*map(str, names)} <= known:
            for name in (RESULT, PAGE, NAMES):
                (place / name).unlink(missing_ok=True)
            raise Problem(410, "the report named what was forgotten since, and is gone; ask for a new one")

    async def _run(self, report: Report, request: dict[str, Any]) -> None:
        place = self.folder / report.id
        options = {name: value for name, value in self._options.items() if isinstance(value, str | None)}
        keyring = None if self.model.classifier.folder is None else self.model.classifier.folder.keyring_place
        told = {
            "kind": report.kind,
            "model": str(self.model.path),
            "data": self.data,
            "out": str(place),
            "options": {**options, "keyring": None if keyring is None else str(keyring)},
            **request,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "preforget.serve.reporting",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes.add(process)
        try:
            await self._tell(process, told)
        finally:
            self._processes.discard(process)
        detail = DETAILS.get(process.returncode or 0, "it could not be carried out; see the data")
        outcome = replace(report, status=FAILED, ended=now(), detail=detail)
        if process.returncode == 0:
            with contextlib.suppress(OSError, ValueError):
                passed = json.loads(read_regular(place / RESULT, MOST_BYTES)).get("passed")
                outcome = replace(report, status=DONE, ended=now(), passed=passed)
        else:
            await asyncio.to_thread(shutil.rmtree, place / "work", ignore_errors=True)
        with contextlib.suppress(StoreError, OSError):
            self._keep(outcome)

    async def _tell(self, process: asyncio.subprocess.Process, told: dict[str, Any]) -> None:
        """Tell the process what to do, and wait for its end; it ends as soon as its standard input does."""
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError):
            process.stdin.write(json.dumps(told).encode() + b"\n")
            await process.stdin.drain()
        await process.wait()
        process.stdin.close()

    def _clear(self, report: Report) -> None:
        """Delete what one that was cut off has left: models that know what is to be forgotten among it."""
        from preforget.audit.work_place import end_work  # brings the whole room of audits

        place, classifier = self.folder / report.id, self.model.classifier
        if (place / "work").is_dir():
            with contextlib.suppress(PreforgetError):
                classifier.refresh()
                end_work(place / "work", classifier)
        for path in [*place.iterdir()]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != STATE:
                path.unlink(missing_ok=True)

    def _keep(self, report: Report) -> None:
        write_atomic(self.folder / report.id / STATE, json.dumps(asdict(report)).encode())
        self.entries[report.id] = report
