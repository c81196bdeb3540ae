from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preforget.erasure.receipt import payload_of

from .conftest import COLOURS, Terminal

PEOPLE = ("Ada", "Bob", "Cy")
EXACT = ("--engine", "exact", "--levels", "1", "--device", "cpu", "--dtype", "float32", "--subjects", "1")


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, in each a folder for each of three people with 8 images."""
    root = tmp_path_factory.mktemp("data") / "people"
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for person in PEOPLE:
            (root / name / person).mkdir(parents=True)
            for number in range(8):
                noise = rng.normal(0, 30, (8, 8, 3)) + colour
                place = root / name / person / f"{number}.png"
                Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(place)
    return root


@pytest.fixture
def of_people(people: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal) -> Path:
    done = terminal("learn", people, "--out", tmp_path / "m", "--backbone", tiny_vit, *EXACT)
    assert done.code == 0, done.err
    return tmp_path / "m"


def test_names_are_shown_only_when_asked_for(of_people: Path, terminal: Terminal) -> None:
    done = terminal("subjects", of_people)
    assert done.code == 0
    assert len(done.out.splitlines()) == 3
    assert not any(name in done.out + done.err for name in PEOPLE)
    rows = terminal("subjects", of_people, "--json").json["subjects"]
    assert all(set(row) == {"pseudonym", "classes", "images"} for row in rows)
    assert [row["classes"] for row in rows] == [3, 3, 3]
    shown = terminal("subjects", of_people, "--reveal")
    assert [line.split("\t")[0] for line in shown.out.splitlines()] == list(PEOPLE)


def test_a_person_is_forgotten_and_the_rest_equals_retraining(
    of_people: Path, people: Path, terminal: Terminal
) -> None:
    done = terminal("forget", of_people, "--subject", "Bob", "--yes", "--json")
    assert done.code == 0, done.err
    (erasure,) = done.json["forgotten"]
    assert (erasure["subject"], erasure["what"], erasure["derived"]) == ("Bob", "subject", 3)
    assert len(erasure["records"]) == 6
    receipt = Path(erasure["receipt"])
    assert b"Bob" not in json.dumps(payload_of(receipt.read_bytes())).encode()  # base64 has any three letters
    assert not any(b"Bob" in p.read_bytes() for p in of_people.rglob("*") if p.is_file() and p != receipt)
    assert len(terminal("subjects", of_people).out.splitlines()) == 2
    again = terminal("forget", of_people, "--subject", "Bob", "--yes")
    assert again.code == 5
    assert "holds nothing of subject 'Bob'" in again.err
    checked = terminal("verify", of_people, "--against-retrain", people, "--subjects", "1", "--device", "cpu")
    assert checked.code == 0, checked.out
    assert checked.out.splitlines()[-1] == "EQUAL to retraining"


def test_a_person_and_a_class_at_once(of_people: Path, people: Path, terminal: Terminal) -> None:
    done = terminal("forget", of_people, "owl", "--subject", "Ada", "--yes")
    assert done.code == 0, done.err
    assert " records anew from what is left" in done.out
    checked = terminal(
        "verify", of_people, "--against-retrain", people, "--subjects", "1", "--device", "cpu", "--json"
    )
    assert checked.code == 0, checked.out
    assert checked.json["equal"] is True


def test_a_model_without_subjects(model: Path, terminal: Terminal) -> None:
    done = terminal("subjects", model)
    assert (done.code, done.out) == (0, "")
    assert "holds nothing by subject" in done.err
    done = terminal("forget", model, "--subject", "Ada", "--yes")
    assert done.code == 2
    assert "can forget classes, not subjects" in done.err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0", "how many levels below its class"),
        ("patient", "how many levels"),
        ("3", "no folder of a subject"),
    ],
)
def test_where_subjects_are_must_be_right(
    people: Path, tmp_path: Path, terminal: Terminal, given: str, message: str
) -> None:
    done = terminal("learn", people, "--out", tmp_path / "m", "--engine", "exact", "--subjects", given)
    assert done.code in (1, 2)
    assert message in done.err
    assert not (tmp_path / "m").exists()


def test_the_isolated_engine_refuses_subjects(
    people: Path, tiny_vit: Path, tmp_path: Path, terminal: Terminal
) -> None:
    done = terminal(
        "learn", people, "--out", tmp_path / "m", "--backbone", tiny_vit, "--subjects", "1", "--device", "cpu"
    )
    assert done.code == 2
    assert "the isolated engine can forget classes, not subjects" in done.err
