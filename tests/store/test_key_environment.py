"""Keys that come with an environment variable."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preforget.core.errors import IntegrityError, UsageError
from preforget.store.head import GENESIS, Head
from preforget.store.key_environment import EnvironmentKeyring
from preforget.store.key_file import FileKeyring
from preforget.store.key_service import ModelKeys
from preforget.store.keyring import open_keyring

MODEL, OTHER = "a" * 32, "b" * 32
ONE, TWO = "1" * 32, "2" * 32
KEY = base64.b64encode(bytes(range(32))).decode()


def put(monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    monkeypatch.setenv("KEYS", value if isinstance(value, str) else json.dumps(value))


def test_keys_of_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, {"model": MODEL, "keys": {ONE: KEY}})
    ring = open_keyring("env:KEYS")
    keys = ring.model(MODEL)
    assert ring.place == "env:KEYS"
    assert ring.models() == [MODEL]
    assert keys.get([ONE]) == {ONE: bytes(range(32))}
    assert (keys.writable, keys.head(), keys.destroyed()) == (False, None, {})


def test_keys_of_several_models(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, [{"model": OTHER, "keys": {}}, {"model": MODEL, "keys": {TWO: KEY}}])
    ring = open_keyring("env:KEYS")
    assert ring.models() == [MODEL, OTHER]
    assert ring.model(MODEL).get([TWO]) == {TWO: bytes(range(32))}


@given(st.dictionaries(st.integers(0, 2**128 - 1).map("{:032x}".format), st.binary(min_size=32, max_size=32)))
def test_what_is_put_in_comes_out(keys: dict[str, bytes]) -> None:
    text = json.dumps({"model": MODEL, "keys": {i: base64.b64encode(k).decode() for i, k in keys.items()}})
    with pytest.MonkeyPatch.context() as monkeypatch:
        put(monkeypatch, text)
        assert EnvironmentKeyring("KEYS").model(MODEL).get(keys) == keys


def test_a_key_that_is_not_there_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, {"model": MODEL, "keys": {ONE: KEY}})
    ring = open_keyring("env:KEYS")
    for model, record in ((MODEL, TWO), (OTHER, ONE)):
        with pytest.raises(IntegrityError, match=f"{record} is not in the keyring env:KEYS; .*--keyring"):
            ring.model(model).get([record])


CHANGES: dict[str, Callable[[ModelKeys], object]] = {
    "create": lambda keys: keys.create([TWO]),
    "destroy": lambda keys: keys.destroy([ONE], "e1", None),
    "note_head": lambda keys: keys.note_head(Head(0, GENESIS)),
    "follow_restored": lambda keys: keys.follow_restored(Head(0, GENESIS), [ONE], "e1"),
    "begin": lambda keys: keys.begin([ONE]),
    "withdraw": lambda keys: keys.withdraw([ONE]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_can_be_changed(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    put(monkeypatch, {"model": MODEL, "keys": {ONE: KEY}})
    keys = open_keyring("env:KEYS").model(MODEL)
    with pytest.raises(UsageError, match=r"\(env:KEYS\) can't be .* on the machine that has the keyring"):
        CHANGES[change](keys)
    assert keys.get([ONE])


def test_it_signs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, {"model": MODEL, "keys": {}})
    with pytest.raises(UsageError, match="holds no keys that sign; name a folder"):
        open_keyring("env:KEYS").signing  # noqa: B018


@pytest.mark.parametrize("name", ["", "PREFORGET_NOT_SET"])
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=f"env:{name} needs the environment variable"):
        open_keyring(f"env:{name}")


@pytest.mark.parametrize(
    "value",
    [
        "",
        KEY,
        f'"{KEY}"',
        "[" * 100_000,
        "null",
        [{"model": MODEL}],
        {"model": MODEL, "keys": {}, "more": 1},
        {"model": 7, "keys": {}},
        {"model": KEY, "keys": {}},
        {"model": MODEL, "keys": []},
        {"model": MODEL, "keys": {KEY: KEY}},
        {"model": MODEL, "keys": {ONE: KEY[:-4]}},
        {"model": MODEL, "keys": {ONE: f"{KEY}!"}},
        {"model": MODEL, "keys": {ONE: 1}},
        {"model": MODEL, "keys": {ONE: "é"}},
        [{"model": MODEL, "keys": {}}, {"model": MODEL, "keys": {ONE: KEY}}],
    ],
)
def test_what_holds_no_keys_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    put(monkeypatch, value)
    with pytest.raises(UsageError, match="the environment variable KEYS holds no keys") as caught:
        open_keyring("env:KEYS")
    assert KEY[:8] not in str(caught.value)


def test_the_key_file_of_the_keyring_can_be_given_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys = FileKeyring(tmp_path / "keyring").model(MODEL).create([ONE, TWO])
    content = json.loads((tmp_path / "keyring" / f"{MODEL}.keys").read_bytes())
    put(monkeypatch, {name: content[name] for name in ("model", "keys")})
    assert open_keyring("env:KEYS").model(MODEL).get([ONE, TWO]) == keys
