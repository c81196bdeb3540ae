from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Terminal


def test_a_class_gets_another_name(model: Path, pets: Path, terminal: Terminal) -> None:
    before = terminal("predict", model, pets / "dog", "--json").json["predictions"]
    assert terminal("detach", model, "cat").code == 0
    assert terminal("attach", model, "cat").code == 0
    done = terminal("rename", model, "dog", "hound")
    assert (done.code, done.out) == (0, "renamed  dog to hound\n")
    after = terminal("predict", model, pets / "dog", "--json").json["predictions"]
    for old, new in zip(before, after, strict=True):
        assert new["probabilities"]["hound"] == old["probabilities"]["dog"]
        assert new["answer"] == ("hound" if old["answer"] == "dog" else old["answer"])
    back = terminal("rename", "--json", model, "hound", "dog").json
    assert (back["old"], back["new"], back["classes"]) == ("hound", "dog", ["cat", "dog", "owl"])
    assert terminal("ledger", "show", model).out.count("rename") == 2


@pytest.mark.parametrize(
    ("names", "code", "message"),
    [
        (("dog", "cat"), 2, "already has class 'cat'"),
        (("emu", "fly"), 5, "no class 'emu'"),
        (("dog", "CAT"), 1, "--keep-similar-names"),
        (("Dog", "hound"), 5, "one looks like it"),
    ],
)
def test_names_that_do_not_do(
    model: Path, terminal: Terminal, names: tuple[str, str], code: int, message: str
) -> None:
    done = terminal("rename", model, *names)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
