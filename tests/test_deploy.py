"""The files for containers, Kubernetes and systemd are well formed and name options that there are; nothing is run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from preforget.cli.main import build_parser
from preforget.serve.metrics import Metrics

DEPLOY = Path(__file__).parents[1] / "deploy"


def commands() -> dict[str, list[str]]:
    """Return the arguments of `preforget serve` in each file."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    pods = [*yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())]
    deployment = next(each for each in pods if each["kind"] == "Deployment")
    unit = (DEPLOY / "preforget.service").read_text()
    container = re.search(r"^CMD (\[.*\])$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    started = re.search(r"^ExecStart=\S+ serve (.*)$", unit, re.MULTILINE)
    assert container
    assert started
    return {
        "Containerfile": json.loads(container[1]),
        "compose": compose["services"]["preforget"]["command"],
        "kubernetes": deployment["spec"]["template"]["spec"]["containers"][0]["args"],
        "systemd": started[1].split(),
    }


@pytest.mark.parametrize("file", ["Containerfile", "compose", "kubernetes", "systemd"])
def test_every_command_is_one(file: str) -> None:
    args = build_parser().parse_args(["serve", *commands()[file]])
    assert args.tokens is not None


def test_all_yaml_and_json_can_be_read() -> None:
    files = [path for path in DEPLOY.rglob("*") if path.suffix in (".yaml", ".yml", ".json")]
    for path in files:
        assert [*yaml.safe_load_all(path.read_text())]
    assert len(files) >= 6


def test_the_dashboard_shows_measures_that_there_are() -> None:
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "preforget.json").read_text())
    known = Metrics().text().decode()
    for panel in board["panels"]:
        for target in panel["targets"]:
            for name in re.findall(r"preforget_[a-z_]+", target["expr"]):
                base = re.sub(r"_(count|bucket|sum|total)$", "", name)
                assert f"# HELP {base}" in known, name


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here")
    unit = (DEPLOY / "preforget.service").read_text().replace("/opt/preforget/bin/preforget", "/bin/true")
    (tmp_path / "preforget.service").write_text(unit)
    done = subprocess.run(
        [analyze, "verify", str(tmp_path / "preforget.service")], capture_output=True, text=True
    )
    assert "preforget.service" not in done.stderr, done.stderr
