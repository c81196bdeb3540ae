"""The keyring folder: every change is whole, durable and private, and every changed byte is noticed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import secrets
import signal
import stat
import sys
import tempfile
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError, PreforgetError, StoreError, UsageError
from preforget.store.head import Head
from preforget.store.key_file import FileKeyring, FileModelKeys
from preforget.store.key_service import place_of

from ..forked import Forked, at_once
from .conftest import ordinary_user

MODEL, OTHER = "a" * 32, "b" * 32
IDS = [f"{number:032x}" for number in range(1000)]
ONE, TWO, THREE = IDS[1:4]
HEAD = Head(3, f"sha256:{'c' * 64}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keyring"


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(0o700, exist_ok=True)
    path.touch(0o600)
    path.write_bytes(content)


def traces(folder: Path, key: bytes) -> list[str]:
    """Return the files under a folder in which a key is found, raw, as hex or as base64."""
    needles = (key, key.hex().encode(), key.hex().upper().encode(), base64.b64encode(key)[:-2])
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(needle in path.read_bytes() for needle in needles)]


def test_the_file_is_what_the_documents_say(folder: Path) -> None:
    keys = FileKeyring(folder).model(MODEL)
    made = keys.create([ONE, TWO])
    assert keys.destroy([TWO, THREE], "e1", HEAD) == 1
    values = {
        "format": 1,
        "model": MODEL,
        "head": {"seq": 3, "hash": HEAD.hash},
        "keys": {ONE: base64.b64encode(made[ONE]).decode()},
        "destroyed": {TWO: "e1", THREE: "e1"},
    }
    values["checksum"] = f"sha256:{hashlib.sha256(canonical_json(values)).hexdigest()}"
    assert (folder / f"{MODEL}.keys").read_bytes() == canonical_json(values)


def test_keys_are_made_kept_and_destroyed(folder: Path) -> None:
    keys = FileKeyring(folder).model(MODEL)
    made = keys.create([ONE, TWO])
    assert {len(key) for key in made.values()} == {32}
    assert len(set(made.values())) == 2
    again = FileKeyring(folder).model(MODEL)
    assert again.get([TWO, ONE]) == made
    assert again.writable
    assert keys.destroy([ONE], "e1", None) == 1
    assert again.get([TWO]) == {TWO: made[TWO]}  # what another object wrote is seen
    assert again.destroyed() == {ONE: "e1"}
    with pytest.raises(IntegrityError, match=f"{ONE} was destroyed by erasure e1"):
        again.get([TWO, ONE])
    with pytest.raises(IntegrityError, match=f"{THREE} is not in the keyring {folder}; .*--keyring"):
        again.get([THREE])
    assert FileKeyring(folder).models() == [MODEL]


def test_no_id_gets_a_second_key(folder: Path) -> None:
    keys = FileKeyring(folder).model(MODEL)
    keys.create([ONE, TWO])
    keys.destroy([TWO, THREE], "e1", None)
    before = (folder / f"{MODEL}.keys").read_bytes()
    with pytest.raises(UsageError, match=f"{ONE} has a key"):
        keys.create([IDS[7], ONE])
    for gone in (TWO, THREE):
        with pytest.raises(IntegrityError, match=f"{gone} was destroyed by erasure e1"):
            keys.create([IDS[7], gone])
    with pytest.raises(UsageError, match="no record id"):
        keys.create(["../x"])
    assert (folder / f"{MODEL}.keys").read_bytes() == before  # all or nothing


def test_destroying_again_changes_nothing_and_keeps_the_first_erasure(folder: Path) -> None:
    keys = FileKeyring(folder).model(MODEL)
    keys.create([ONE, TWO])
    assert keys.destroy([ONE, TWO], "e1", HEAD) == 2
    before = (folder / f"{MODEL}.keys").read_bytes()
    assert keys.destroy([ONE, TWO], "e2", HEAD) == 0
    assert keys.destroy([], "e3", None) == 0
    assert (folder / f"{MODEL}.keys").read_bytes() == before
    with pytest.raises(UsageError, match="no erasure id"):
        keys.destroy([ONE], 'e"', None)


def test_heads_never_go_back(folder: Path) -> None:
    keys = FileKeyring(folder).model(MODEL)
    keys.create([ONE])
    assert keys.head() is None
    keys.note_head(HEAD)
    keys.note_head(HEAD)
    later = Head(5, f"sha256:{'d' * 64}")
    keys.note_head(later)
    for head in (HEAD, Head(5, HEAD.hash)):
        with pytest.raises(IntegrityError, match="row 5 that"):
            keys.note_head(head)
        with pytest.raises(IntegrityError, match="row 5 that"):
            keys.destroy([ONE], "e1", head)
    assert FileKeyring(folder).model(MODEL).head() == later
    assert keys.get([ONE])


def test_a_restored_folder_is_followed_back_and_its_keys_are_destroyed_in_one_write(folder: Path) -> None:
    keys = FileKeyring(folder).model(MODEL)
    keys.create([ONE, TWO])
    keys.note_head(Head(5, f"sha256:{'d' * 64}"))
    for _ in range(2):
        keys.follow_restored(HEAD, [ONE], "e1")
        there = FileKeyring(folder).model(MODEL)
        assert (there.head(), there.destroyed()) == (HEAD, {ONE: "e1"})
        assert there.get([TWO])


def test_a_model_that_was_never_finished_leaves_nothing(folder: Path) -> None:
    ring = FileKeyring(folder)
    made = ring.model(MODEL).create([ONE])
    ring.model(OTHER).create([ONE])
    for _ in range(2):
        ring.model(MODEL).withdraw([ONE])
        assert ring.models() == [OTHER]
    assert traces(folder, made[ONE]) == []
    assert ring.model(MODEL).create([ONE]) != made


def test_what_lives_is_neither_begun_anew_nor_withdrawn(folder: Path) -> None:
    keys = FileKeyring(folder).model(MODEL)
    made = keys.begin([ONE])
    assert keys.begin([ONE, TWO])[ONE] == made[ONE]  # taken over, not replaced
    with pytest.raises(IntegrityError, match="a sealed copy of this model lives by"):
        keys.begin([ONE])
    assert set(keys.begin([ONE], earlier=[TWO])) == {ONE}
    keys.note_head(HEAD)
    for refused in (
        lambda: keys.begin([ONE, TWO]),
        lambda: keys.withdraw([ONE, TWO]),
    ):
        with pytest.raises(IntegrityError, match="they stay as they are: use that copy"):
            refused()
    assert keys.head() == HEAD
    keys.destroy([TWO], "e1")
    with pytest.raises(IntegrityError, match="they stay as they are"):
        keys.withdraw([ONE, TWO])
    assert keys.get([ONE]) == {ONE: made[ONE]}


Steps = st.lists(st.tuples(st.booleans(), st.sets(st.sampled_from(IDS[:6]), max_size=4)), max_size=8)


@settings(deadline=None, max_examples=60)
@given(Steps)
def test_it_does_what_a_plain_dictionary_would(steps: list[tuple[bool, set[str]]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        keys, gone = {}, {}
        for number, (create, ids) in enumerate(steps):
            model = FileKeyring(Path(name)).model(MODEL)
            if create and ids & (keys.keys() | gone.keys()):
                with pytest.raises(PreforgetError):
                    model.create(ids)
            elif create:
                keys |= model.create(ids)
            else:
                assert model.destroy(ids, f"e{number}", None) == len(ids & keys.keys())
                gone = dict.fromkeys(ids, f"e{number}") | gone
                lost = [keys.pop(i) for i in ids & keys.keys()]
                assert [traces(Path(name), key) for key in lost] == [[]] * len(lost)
            assert model.get(keys) == keys
            assert model.destroyed() == gone


def test_files_and_folders_are_private_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        FileKeyring(folder).model(MODEL).create([ONE])
        FileKeyring(folder).signing.make()
        FileKeyring(folder).signing.rotate()
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert len(modes) == 7


def test_files_that_others_may_use_and_links_are_refused(folder: Path) -> None:
    path = folder / f"{MODEL}.keys"
    FileKeyring(folder).model(MODEL).create([ONE])
    path.chmod(0o640)
    with pytest.raises(StoreError, match=f"chmod 600 {path}"):
        FileKeyring(folder).model(MODEL).get([ONE])
    path.chmod(0o600)
    path.rename(folder / "moved")
    path.symlink_to(folder / "moved")
    for change in (FileModelKeys.get, FileModelKeys.create):
        with pytest.raises(StoreError, match=f"{path} is a symbolic link"):
            change(FileModelKeys(folder, MODEL), [ONE])
    assert path.is_symlink()


def test_every_single_bit_of_a_key_file_is_guarded(folder: Path) -> None:
    keys = FileKeyring(folder).model(MODEL)
    keys.create([ONE, TWO])
    keys.destroy([TWO], "e1", HEAD)
    path = folder / f"{MODEL}.keys"
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(StoreError, match=str(path)):
            FileModelKeys(folder, MODEL, lambda: "open").get([ONE])
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(IntegrityError, match=str(path)):
            FileModelKeys(folder, MODEL).head()


def test_every_single_bit_of_an_encrypted_key_file_is_guarded(folder: Path) -> None:
    keys = FileKeyring(folder).model(MODEL)
    made = keys.create([ONE])
    path = folder / f"{MODEL}.keys"
    kdf = {"name": "scrypt", "n": 2, "r": 1, "p": 1, "salt": base64.b64encode(bytes(16)).decode()}
    outer = {"format": 1, "kdf": kdf, "nonce": base64.b64encode(bytes(12)).decode()}
    key = hashlib.scrypt(b"open", salt=bytes(16), n=2, r=1, p=1, dklen=32)
    sealed = AESGCM(key).encrypt(bytes(12), path.read_bytes(), canonical_json({**outer, "model": MODEL}))
    content = canonical_json({**outer, "ciphertext": base64.b64encode(sealed).decode()})
    path.write_bytes(content)
    assert FileModelKeys(folder, MODEL, lambda: "open").get([ONE]) == made
    for bit in range(0, 8 * len(content), 3):  # every byte, and every place in a byte
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(IntegrityError, match=str(path)):
            FileModelKeys(folder, MODEL, lambda: "open").get([ONE])


def checked(values: object) -> bytes:
    """Return canonical JSON with the right checksum, as somebody would write it who knows how."""
    content = canonical_json(values)
    if isinstance(values, dict):
        content = canonical_json({**values, "checksum": f"sha256:{hashlib.sha256(content).hexdigest()}"})
    return content


GOOD = {"format": 1, "model": MODEL, "head": None, "keys": {}, "destroyed": {}}


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {},
        {**GOOD, "format": 2},
        {**GOOD, "format": True},
        {**GOOD, "more": 1},
        {**GOOD, "model": "../x"},
        {**GOOD, "model": 7},
        {**GOOD, "model": OTHER},
        {**GOOD, "keys": []},
        {**GOOD, "keys": {ONE: "AAAA"}},
        {**GOOD, "keys": {ONE: None}},
        {**GOOD, "keys": {"x": "A" * 43 + "="}},
        {**GOOD, "keys": {ONE: "A" * 43 + "="}, "destroyed": {ONE: "e1"}},
        {**GOOD, "destroyed": {ONE: 'e"'}},
        {**GOOD, "destroyed": {ONE: []}},
        {**GOOD, "head": {"seq": 1}},
        {**GOOD, "head": {"seq": 1, "hash": "x"}},
        {**GOOD, "head": {"seq": "1", "hash": HEAD.hash}},
        {**GOOD, "head": 3},
    ],
)
def test_a_file_of_another_form_or_model_is_refused(folder: Path, values: object) -> None:
    put(folder / f"{MODEL}.keys", checked(GOOD))
    assert FileModelKeys(folder, MODEL).destroyed() == {}
    put(folder / f"{MODEL}.keys", checked(values))
    with pytest.raises(IntegrityError, match=f"{folder}/{MODEL}.keys "):
        FileModelKeys(folder, MODEL).destroyed()


def test_the_file_of_another_model_is_refused_when_it_is_encrypted_too(folder: Path) -> None:
    FileKeyring(folder, lambda: "open").model(OTHER).create([ONE])
    (folder / f"{OTHER}.keys").rename(folder / f"{MODEL}.keys")
    with pytest.raises(IntegrityError, match=f"{MODEL}.keys can't be opened"):
        FileKeyring(folder, lambda: "open").model(MODEL).get([ONE])


def test_a_passphrase_guards_everything_and_is_asked_for_once(folder: Path) -> None:
    asked = []
    ring = FileKeyring(folder, lambda: asked.append(1) or "open")
    made = {model: ring.model(model).create([ONE, TWO]) for model in (MODEL, OTHER)}
    ring.model(MODEL).destroy([TWO], "e1", HEAD)
    assert len(asked) == 1
    assert ring.encrypted
    for path in folder.glob("*.keys"):
        assert ONE.encode() not in path.read_bytes()
        assert set(json.loads(path.read_bytes())) == {"format", "nonce", "ciphertext"}
    assert [traces(folder, key) for keys in made.values() for key in keys.values()] == [[]] * 4
    again = FileKeyring(folder, lambda: "open").model(MODEL)
    assert (again.get([ONE]), again.destroyed(), again.head()) == ({ONE: made[MODEL][ONE]}, {TWO: "e1"}, HEAD)
    for change in (FileModelKeys.get, FileModelKeys.create):
        with pytest.raises(IntegrityError, match="the passphrase is wrong or the file was changed"):
            change(FileModelKeys(folder, MODEL, lambda: "shut"), [ONE])
        with pytest.raises(
            UsageError, match="is encrypted; set PREFORGET_PASSPHRASE, or answer the question"
        ):
            change(FileModelKeys(folder, MODEL), [ONE])


def test_an_encrypted_file_is_changed_many_times(folder: Path) -> None:
    FileKeyring(folder, lambda: "open").model(MODEL).create(IDS[:50])
    keys = FileKeyring(folder, lambda: "open").model(MODEL)
    for number in range(10):
        keys.destroy([IDS[number]], "e1", None)
        keys.get([IDS[40]])
    assert len(FileKeyring(folder, lambda: "open").model(MODEL).destroyed()) == 10


def test_a_plain_file_is_encrypted_at_the_next_change(folder: Path) -> None:
    made = FileKeyring(folder).model(MODEL).create([ONE])
    keys = FileKeyring(folder, lambda: "open").model(MODEL)
    assert keys.get([ONE]) == made
    assert traces(folder, made[ONE]) == [f"{MODEL}.keys"]
    made |= keys.create([TWO])
    assert traces(folder, made[ONE]) == []
    assert FileKeyring(folder, lambda: "open").model(MODEL).get([ONE, TWO]) == made


def test_a_keyring_has_one_passphrase(folder: Path) -> None:
    FileKeyring(folder, lambda: "open").model(MODEL).create([ONE])
    for ring in (FileKeyring(folder, lambda: "typo"), FileKeyring(folder, question=lambda: "typo")):
        with pytest.raises(IntegrityError, match="the passphrase is wrong"):
            ring.model(OTHER).create([ONE])
        with pytest.raises(IntegrityError, match="the passphrase is wrong"):
            ring.signing.current()
    assert FileKeyring(folder).models() == [MODEL]
    FileKeyring(folder, question=lambda: "open").signing.make()
    (folder / f"{MODEL}.keys").unlink()
    with pytest.raises(IntegrityError, match="the passphrase is wrong"):
        FileKeyring(folder, question=lambda: "typo").model(OTHER).create([ONE])
    FileKeyring(folder, question=lambda: "open").model(OTHER).create([ONE])


def test_destroyed_keys_are_nowhere_in_the_folder_not_even_in_leftovers(folder: Path) -> None:
    keys = FileKeyring(folder).model(MODEL)
    made = keys.create(IDS[:20])
    (folder / ".writing-killed").write_bytes((folder / f"{MODEL}.keys").read_bytes())
    keys.destroy(IDS[:10], "e1", None)
    assert [i for i in IDS[:10] if traces(folder, made[i])] == []
    assert [i for i in IDS[10:20] if traces(folder, made[i]) == [f"{MODEL}.keys"]] == IDS[10:20]


def test_two_processes_that_make_keys_at_once_lose_none(folder: Path) -> None:
    def make(ids: list[str]) -> None:
        keys = FileKeyring(folder).model(MODEL)
        for i in ids:
            print(i, keys.create([i])[i].hex())

    made = {}
    for said in at_once(lambda: make(IDS[:60]), lambda: make(IDS[60:120])):
        made |= dict(line.split() for line in said.splitlines())
    assert sorted(made) == IDS[:120]
    assert {i: key.hex() for i, key in FileKeyring(folder).model(MODEL).get(made).items()} == made


def make_and_destroy(folder: Path, out: int) -> None:
    """Do it over and over, and write what is done once it is."""
    keys = FileKeyring(folder).model(MODEL)
    while True:
        ids = [secrets.token_hex(16) for _ in range(3)]
        made = keys.create(ids)
        os.write(out, "".join(f"made {i} {made[i].hex()}\n" for i in ids).encode())
        keys.destroy(ids[:2], "e1", None)
        os.write(out, "".join(f"destroyed {i} e1\n" for i in ids[:2]).encode())


def test_a_process_killed_at_any_point_loses_nothing_that_was_acknowledged(folder: Path) -> None:
    random_ = random.Random(0)
    made, gone = {}, {}
    for _ in range(12):
        reading, writing = os.pipe()
        child = Forked(lambda out=writing: make_and_destroy(folder, out))
        os.close(writing)
        seen, enough = 0, random_.randrange(4)  # killed after so many keys were destroyed, and a moment
        with os.fdopen(reading) as lines:
            for what, name, value in map(str.split, lines):
                if what == "made":
                    made[name] = bytes.fromhex(value)
                else:
                    gone[name] = value
                    seen += 1
                if seen >= enough:
                    time.sleep(0.02 * random_.random())
                    child.send(signal.SIGKILL)
                    enough = sys.maxsize
        assert child.wait() == -signal.SIGKILL
        child.said()
        keys = FileKeyring(folder).model(MODEL)
        assert gone.items() <= keys.destroyed().items()
        left = made.keys() - keys.destroyed().keys()  # what was being destroyed may be gone or not
        assert keys.get(left) == {i: made[i] for i in left}
    assert len(gone) > 12
    FileKeyring(folder).model(MODEL).note_head(HEAD)  # the next change clears what was cut off
    assert [path.name for path in folder.iterdir()] == [f"{MODEL}.keys"]
    content = (folder / f"{MODEL}.keys").read_bytes()
    assert [i for i in gone if base64.b64encode(made[i]) in content] == []


def test_a_keyring_in_a_read_only_folder_says_so() -> None:
    with ordinary_user() as folder:
        keys = FileKeyring(folder).model(MODEL)
        made = keys.create([ONE])
        folder.chmod(0o500)
        for change in (
            lambda: keys.create([TWO]),
            lambda: keys.destroy([ONE], "e1", HEAD),
            lambda: keys.note_head(HEAD),
            lambda: keys.withdraw([ONE]),
            lambda: FileKeyring(folder / "below").model(MODEL).create([ONE]),
        ):
            with pytest.raises(
                StoreError, match=r"keyring .* can't be written: Permission denied; make it writ"
            ):
                change()
        assert FileKeyring(folder).model(MODEL).get([ONE]) == made
        folder.chmod(0o000)
        with pytest.raises(StoreError, match="can't be read: Permission denied"):
            FileKeyring(folder).models()
        with pytest.raises(StoreError, match="can't be read: Permission denied"):
            FileKeyring(folder).model(MODEL).get([ONE])
        folder.chmod(0o700)


def test_a_file_in_the_place_of_the_folder_is_an_error(folder: Path) -> None:
    folder.touch()
    with pytest.raises(StoreError, match="can't be read: Not a directory"):
        FileKeyring(folder).model(MODEL).create([ONE])
    with pytest.raises(StoreError, match="can't be read"):
        FileKeyring(folder).models()


def test_other_files_in_the_folder_are_no_models(folder: Path) -> None:
    put(folder / "notes.txt", b"")
    put(folder / "Not A Model.keys", b"")
    assert FileKeyring(folder).models() == []
    with pytest.raises(UsageError, match="no model id"):
        FileKeyring(folder).model("../x")


def test_keys_of_an_attempt_are_withdrawn_only_from_its_place(folder: Path, tmp_path: Path) -> None:
    keys, here = FileKeyring(folder).model(MODEL), place_of(tmp_path / ".model.unfinished")
    assert keys.made_for() == ""
    keys.create([ONE], here)
    keys.create([TWO])
    again = FileKeyring(folder).model(MODEL)
    assert again.made_for() == here
    for other in ("", place_of(tmp_path / "other" / ".model.unfinished")):
        with pytest.raises(IntegrityError, match="were made for another place"):
            again.withdraw([ONE, TWO], other)
    assert again.holding([ONE, TWO]) == {ONE, TWO}
    again.withdraw([ONE, TWO], here)
    assert (again.holding([ONE, TWO]), FileKeyring(folder).models()) == (set(), [])


def test_a_place_is_the_same_through_links_and_never_that_of_what_is_linked(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert place_of(tmp_path / "link" / "file") == place_of(tmp_path / "real" / "file")
    assert place_of(tmp_path / "link") != place_of(tmp_path / "real")
