from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import StoreError, UsageError
from preforget.serve.tokens import ROLES, Caller, Right, Tokens


def test_only_the_officer_may_forget() -> None:
    assert [role for role, rights in ROLES.items() if Right.FORGET in rights] == ["officer"]


def test_a_token_is_known_until_it_is_revoked_in_every_process(tmp_path: Path) -> None:
    path = tmp_path / "private" / "tokens.json"
    first = Tokens()
    first.path = path
    text = first.add("viewer", "the dashboard")
    running = Tokens(path)
    caller = running.caller(text)
    assert caller == Caller.of(first.tokens()[0].id, "viewer")
    assert caller is not None
    assert text.split("_")[2] not in path.read_text()
    first.revoke(caller.id)
    assert running.caller(text) is None


def test_another_secret_under_the_same_id(tmp_path: Path) -> None:
    tokens = Tokens()
    text = tokens.add("officer")
    assert tokens.caller(text[:-1] + ("A" if text[-1] != "A" else "B")) is None
    assert tokens.caller("") is None


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format": "another"}', '{"format": "preforget-tokens-1", "tokens": [{}]}']
)
def test_a_file_that_holds_no_tokens(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokens").write_text(content)
    with pytest.raises(StoreError, match="holds no tokens"):
        Tokens(tmp_path / "tokens")


def test_roles_notes_and_ids_that_there_are_not() -> None:
    with pytest.raises(UsageError, match="is no role"):
        Tokens().add("king")
    with pytest.raises(UsageError, match="a note"):
        Tokens().add("viewer", "für Ada\n")
    with pytest.raises(UsageError, match="there is no token"):
        Tokens().revoke("0" * 12)


def test_a_file_into_which_others_can_write_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "private" / "tokens.json"
    tokens = Tokens()
    tokens.path = path
    text = tokens.add("officer")
    for mode in (0o620, 0o602):
        path.chmod(mode)
        with pytest.raises(StoreError, match="others can write"):
            tokens.caller(text)
    path.chmod(0o644)
    assert tokens.caller(text) is not None
