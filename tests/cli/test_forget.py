from __future__ import annotations

import json
import os
import pty
import select
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.engines.isolated import IsolatedEngine
from preforget.erasure import transaction
from preforget.erasure.receipt import payload_of
from preforget.store import ModelFolder

from .conftest import Keyboard, Terminal, with_manifest

Files = Callable[[Path], dict[str, bytes]]


def record_of(model: Path, label: str) -> Path:
    record = PreForgettableClassifier.from_pretrained(model).engine_.bank[label]
    return model / "records" / f"{record.id}.safetensors"


def test_the_record_goes_and_nothing_else_changes(
    model: Path, pets: Path, terminal: Terminal, files_in: Files
) -> None:
    file, before = record_of(model, "dog"), files_in(model)
    images = sorted((pets / "cat").iterdir())
    scores = PreForgettableClassifier.from_pretrained(model).scores(images)
    done = terminal("forget", model, "dog", "--yes", "--reason", "request 7", "--json")
    assert done.code == 0
    (erasure,) = done.json["forgotten"]
    assert erasure["label"] == "dog"
    (scores_of_all,) = set(erasure["records"]) - {file.stem}  # of validation inputs, written anew
    old = {f"records/{file.name}", f"records/{scores_of_all}.safetensors"}
    assert erasure["reason"] == "request 7"
    assert erasure["guarantee"] == "parametric"
    assert erasure["meaning"] == IsolatedEngine.meaning
    assert erasure["bytes_removed"] == sum(len(before[name]) for name in old)
    assert erasure["classes_left"] == 2
    assert erasure["memory_ms"] is None  # the folder alone was opened, no model was loaded
    assert erasure["disk_ms"] > 0
    assert done.json["classes"] == ["cat", "owl"]
    after = files_in(model)
    assert set(before) - set(after) == old
    assert all(
        after[name] == before[name] for name in set(after) & set(before) if name.startswith("records/")
    )
    left = PreForgettableClassifier.from_pretrained(model).scores(images)
    assert left.tobytes() == scores[:, [0, 2]].tobytes()


def test_it_says_first_what_it_will_do(model: Path, terminal: Terminal) -> None:
    file = record_of(model, "dog")
    size = file.stat().st_size
    done = terminal("forget", model, "dog", "--yes")
    assert done.code == 0
    plan = done.err
    for part in (
        "of the 3 classes in",
        "class      dog",
        f"records/{file.name}, {size:,} bytes",
        f"parametric: {IsolatedEngine.meaning}",
        "left       2 classes",
        "This can't be undone.",
    ):
        assert part in plan
    words = [line.split()[0] for line in done.out.splitlines()]
    assert words == ["forgotten", "records", "took", "derived", "time", "guarantee", "left", "receipt"]


def test_a_class_can_be_forgotten_once(model: Path, terminal: Terminal) -> None:
    assert terminal("forget", model, "dog", "--yes").code == 0
    done = terminal("forget", model, "dog", "--yes")
    assert (done.code, done.out) == (5, "")
    assert "no class 'dog' (never learned, or already forgotten); it knows: cat, owl" in done.err
    assert done.err.count("\n") == 1


def test_all_labels_are_checked_before_the_first_erasure(
    model: Path, terminal: Terminal, files_in: Files
) -> None:
    before = files_in(model)
    done = terminal("forget", model, "dog", "cow", "--yes")
    assert (done.code, done.out) == (5, "")
    assert "no class 'cow'" in done.err
    assert files_in(model) == before


def test_several_at_once_and_one_named_twice(model: Path, terminal: Terminal) -> None:
    done = terminal("forget", model, "owl", "cat", "owl", "--yes", "--json").json
    assert [entry["label"] for entry in done["forgotten"]] == ["owl", "cat"]
    assert [entry["classes_left"] for entry in done["forgotten"]] == [1, 1]
    assert len({entry["receipt"] for entry in done["forgotten"]}) == 1
    receipt = payload_of(Path(done["forgotten"][0]["receipt"]).read_bytes())["predicate"]
    assert [target["what"] for target in receipt["targets"]] == ["class", "class"]
    assert done["classes"] == ["dog"]


def test_a_detached_class_can_be_forgotten(model: Path, terminal: Terminal) -> None:
    assert terminal("detach", model, "dog").code == 0
    assert terminal("forget", model, "dog", "--yes").code == 0
    assert [entry["label"] for entry in terminal("classes", model, "--json").json["classes"]] == [
        "cat",
        "owl",
    ]


def test_without_a_terminal_it_needs_yes(model: Path, terminal: Terminal, files_in: Files) -> None:
    before = files_in(model)
    done = terminal("forget", model, "dog")
    assert (done.code, done.out) == (2, "")
    assert done.err == "preforget: there is no terminal to ask at; give --yes to forget without being asked\n"
    assert files_in(model) == before


@pytest.mark.parametrize("answer", ["no\n", "y\n", "\n", "\x04"])
def test_anything_but_yes_forgets_nothing(
    answer: str, model: Path, terminal: Terminal, files_in: Files, keyboard: Keyboard
) -> None:
    before = files_in(model)
    keyboard(answer)
    done = terminal("forget", model, "dog")
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("Type yes to forget: preforget: nothing was forgotten\n")
    assert files_in(model) == before


def test_yes_at_the_terminal(model: Path, terminal: Terminal, keyboard: Keyboard) -> None:
    keyboard("yes\n")
    done = terminal("forget", model, "dog", "--json")
    assert done.code == 0
    assert done.json["classes"] == ["cat", "owl"]


def test_ctrl_c_at_the_question_forgets_nothing(
    model: Path, terminal: Terminal, files_in: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_in(model)
    screen, slave = pty.openpty()

    shown: list[bytes] = []

    def interrupt() -> None:
        while b"Type yes to forget: " not in b"".join(shown):
            shown.append(os.read(screen, 4096))
        while b"nothing was forgotten" not in b"".join(shown):
            # once more for a signal that came between Python's look for signals and its wait for the keyboard
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            while b"nothing was forgotten" not in b"".join(shown) and select.select([screen], [], [], 5)[0]:
                shown.append(os.read(screen, 4096))

    person = threading.Thread(target=interrupt, daemon=True)
    before_it = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background jobs ignore it
    with (
        os.fdopen(os.dup(slave), "r") as stdin,
        os.fdopen(slave, "w") as stderr,
        monkeypatch.context() as patch,
    ):
        patch.setattr("sys.stdin", stdin)
        patch.setattr("sys.stderr", stderr)
        person.start()
        try:
            done = terminal("forget", model, "dog")
            stderr.flush()
            person.join()
        finally:
            signal.signal(signal.SIGINT, before_it)
    os.close(screen)
    assert (done.code, done.out) == (130, "")
    assert b"".join(shown).decode().splitlines()[-1] == "preforget: interrupted; nothing was forgotten"
    assert files_in(model) == before


def test_ctrl_c_after_the_erasure_says_what_is_gone(
    model: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("preforget.cli.forget.show_erasure", interrupt)
    done = terminal("forget", model, "owl", "cat", "--yes")
    assert (done.code, done.out) == (130, "")
    assert done.err.splitlines()[-1] == "preforget: interrupted; forgotten already: 'owl', 'cat'"
    assert [c["label"] for c in terminal("classes", model, "--json").json["classes"]] == ["dog"]


def test_a_full_disk_leaves_the_class_where_it_was(
    model: Path, terminal: Terminal, files_in: Files, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    before = files_in(model)
    with full_disk(100):
        done = terminal("forget", model, "dog", "--yes")
    assert (done.code, done.out) == (1, "")
    assert "File too large" in done.err or "the disk is full" in done.err
    assert files_in(model) == before
    assert terminal("forget", model, "dog", "--yes").code == 0


def test_a_folder_without_the_right_to_write(
    model: Path, terminal: Terminal, read_only: Callable[[Path], None]
) -> None:
    read_only(model)
    read_only(model / "records")
    done = terminal("forget", model, "dog", "--yes")
    assert (done.code, done.out) == (1, "")
    assert "can't be written: Permission denied" in done.err


def test_no_model(tmp_path: Path, terminal: Terminal) -> None:
    done = terminal("forget", tmp_path / "none", "dog", "--yes")
    assert (done.code, done.out) == (2, "")
    assert "does not exist" in done.err


def test_a_lost_backbone_does_not_prevent_an_erasure(model: Path, pets: Path, terminal: Terminal) -> None:
    backbone = ModelFolder.open(model).manifest.backbone
    with_manifest(model, backbone={**backbone, "id": str(model.parent / "was-deleted")})
    assert terminal("predict", model, pets / "cat").code == 1
    assert terminal("detach", model, "cat").code == 0
    assert terminal("attach", model, "cat").code == 0
    assert terminal("forget", model, "dog", "--yes", "--json").json["classes"] == ["cat", "owl"]


def test_persons_from_a_file(terminal: Terminal, tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(24, 3)) + np.repeat([[0.0], [6.0]], 12, axis=0)
    learned = PreForgettableClassifier("features", "exact")
    learned.fit(X, ["cat"] * 12 + ["dog"] * 12, subjects=["kim", "lee", "pat", "sam"] * 6)
    learned.save_pretrained(tmp_path / "m")
    names = tmp_path / "names"
    names.write_text("\ufeffkim\n\n lee \n", encoding="utf-8")
    done = terminal("forget", tmp_path / "m", "--subjects-from", names, "--yes", "--json")
    assert [entry["subject"] for entry in done.json["forgotten"]] == ["kim", "lee"]
    assert {entry["targets"] for entry in done.json["forgotten"]} == {2}
    assert "warning" in done.err
    names.write_bytes(b"\xff")
    assert "no UTF-8 text" in terminal("forget", tmp_path / "m", "--subjects-from", names, "--yes").err
    assert "can't be read" in terminal("forget", tmp_path / "m", "--subjects-from", tmp_path, "--yes").err


def test_what_is_announced_for_the_future_is_ended_only_by_who_says_yes(
    model: Path, terminal: Terminal, keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "now", lambda: "2099-01-01T00:00:00.000Z")
        patch.setattr(transaction, "_finish", die)
        assert terminal("forget", model, "owl", "--yes").code == 130
    before = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    done = terminal("forget", model, "dog", "--dry-run")
    assert (done.code, "which is in the future" in done.err) == (3, True)
    keyboard("no\n")
    done = terminal("forget", model, "dog")
    assert done.code == 1
    assert done.err.endswith("Type yes to go on: preforget: nothing was forgotten\n")
    assert {path: path.read_bytes() for path in model.rglob("*") if path.is_file()} == before
    assert terminal("forget", model, "dog", "--yes").code == 0
    assert [c["label"] for c in terminal("classes", model, "--json").json["classes"]] == ["cat"]


def test_a_dry_run_and_the_answer_no_end_no_erasure_that_was_cut_off(
    model: Path, terminal: Terminal, keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "_finish", die)
        assert terminal("forget", model, "owl", "--yes").code == 130
    before = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    done = terminal("forget", model, "dog", "--dry-run")
    erasure = json.loads((model / "erasing.json").read_bytes())["erasure"]
    assert (done.code, f"the erasure {erasure}" in done.err, "owl" in done.err) == (1, True, False)
    keyboard("no\n")
    done = terminal("forget", model, "dog")
    assert (done.code, f"the erasure {erasure}" in done.err) == (1, True)
    assert done.err.endswith("Type yes to go on: preforget: nothing was forgotten\n")
    assert {path: path.read_bytes() for path in model.rglob("*") if path.is_file()} == before
    assert [c["label"] for c in terminal("classes", model, "--json").json["classes"]] == ["cat", "dog"]
    assert terminal("forget", model, "dog", "--dry-run").code == 0
