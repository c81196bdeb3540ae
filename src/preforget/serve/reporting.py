"""The process that audits or evaluates a model for a service: what to do comes by standard input, as one line.

The service leaves that input open as long as it runs, so its end is that of the service, however that came about.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from preforget.audit.report.page import page
from preforget.audit.result import hide_labels
from preforget.audit.run import audit
from preforget.audit.work_place import end_work
from preforget.classifier import PreForgettableClassifier
from preforget.core.canonical import canonical_json
from preforget.core.errors import DataError, PreforgetError, UnknownLabelError, UsageError
from preforget.core.files import write_atomic
from preforget.data import load_data
from preforget.serve.reports import (
    AUDIT,
    CANNOT_BE_OPENED,
    NAMES,
    NO_SUCH_CLASS,
    NOT_POSSIBLE,
    OTHER_DATA,
    PAGE,
    RESULT,
)
from preforget.white_box.open_model import surface_of

MOST = 2**20


class CannotBeOpenedError(UsageError):
    """A model whose weights no attack can use."""


REASONS = {
    CANNOT_BE_OPENED: CannotBeOpenedError,
    NO_SUCH_CLASS: UnknownLabelError,
    OTHER_DATA: DataError,
    NOT_POSSIBLE: UsageError,
    1: PreforgetError,
}
"""Exit codes; the first that fits says what went wrong."""
UNKNOWN = "not known to the model"
"""What all classes of the data are called that the model doesn't know: it may have forgotten them."""


def main(input_end: int | None = None) -> int:
    """Read the request, carry it out, and return the exit code.

    `input_end`: the descriptor with whose end the process ends, None to go on to the end of the work.
    """
    request = json.loads(sys.stdin.buffer.readline(MOST))
    if input_end is not None:
        end_with(input_end)
    try:
        carry_out(request)
    except PreforgetError as error:  # its message may name somebody
        return next(code for code, kind in REASONS.items() if isinstance(error, kind))
    return 0


def carry_out(request: dict[str, Any]) -> None:
    """Audit or evaluate, and write result and page into the folder `out`; raises `PreforgetError`."""
    model = PreForgettableClassifier.from_pretrained(request["model"], **request["options"])
    try:
        data = load_data(request["data"], seed=model.engine_.config.seed)
    except PreforgetError as error:
        raise DataError(str(error)) from error
    place = Path(request["out"])
    if request["kind"] == AUDIT:
        try:
            surface_of(model.engine_)
        except UsageError as error:
            raise CannotBeOpenedError(str(error)) from error
        work = place / "work"
        result = audit(model, data, request["forget"], suite=request["suite"], work=work)
        hidden = hide_labels(result)
        write_atomic(place / PAGE, page(hidden).encode())
        write_atomic(place / RESULT, canonical_json({**hidden.as_dict(), "passed": hidden.passed}))
        if model.folder is not None and model.folder.is_writable():
            model.refresh()
            model.folder.note_audit(f"attacks-{request['suite']}", hidden.passed, hidden.as_dict())
        end_work(work, model)
        return
    known = set(model.engine_.bank.labels)
    labels = np.array([label if label in known else UNKNOWN for label in data.test.labels], dtype=object)
    measured = model.evaluate(replace(data.test, labels=labels))
    write_atomic(place / NAMES, json.dumps(sorted(known)).encode())
    write_atomic(place / PAGE, measured.to_html("Evaluation").encode())
    write_atomic(place / RESULT, json.dumps(measured.as_dict()).encode())


def end_with(descriptor: int) -> None:
    """End this process, and all that it has started, as soon as nobody holds the other end of a pipe any more."""

    def watch() -> None:
        while os.read(descriptor, 1):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    raise SystemExit(main(0))
