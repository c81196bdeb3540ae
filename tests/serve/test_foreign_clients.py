"""Clients of other people, each in a virtual environment of its own without this project's constraints.

`PREFORGET_FOREIGN_CLIENTS` names the folder of these environments, which `.ci/run` makes.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .running import running

HERE = Path(__file__).parent / "foreign"
VARIABLE, REQUIRED = "PREFORGET_FOREIGN_CLIENTS", "PREFORGET_REQUIRE_FOREIGN_CLIENTS"


@pytest.mark.cluster
@pytest.mark.parametrize(("environment", "script"), [("triton", "triton.py"), ("kserve", "kserve_client.py")])
def test_they_get_answers_in_json_and_in_binary(model: Path, environment: str, script: str) -> None:
    python = Path(os.environ.get(VARIABLE, "/nonexistent")) / environment / "bin" / "python"
    if not python.exists():
        reason = f"{VARIABLE} names no folder with the environment {environment}; .ci/run makes it"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    with running(model) as service:
        address, clean = f"127.0.0.1:{service.port}", {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
        command = [python, HERE / script, address, service.token]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=clean, timeout=120
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['Ada', 'Grace', 'Mary']"
