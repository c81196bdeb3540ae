"""Only what an attempt of one's own left may go from a keyring; the keys of a model that lives stay."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from preforget.core.errors import IntegrityError, StoreError
from preforget.core.files import sync_folder
from preforget.records import ClassRecord
from preforget.store import ModelFolder
from preforget.store.attempt import clear_unfinished, ids_of
from preforget.store.head import Head
from preforget.store.keyring import open_keyring
from preforget.store.layout import LEDGER, RECORDS, unfinished_name
from preforget.store.ledger import Entry
from preforget.store.manifest import NAME, Manifest

from .conftest import MakeFolder, make_record, manifest

LABELS = ["Ada", "Grace"]


def labels(path: Path) -> list[str]:
    return sorted(record.label for record in ModelFolder.open(path).records())


def killed_at(folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Seal until a method is called, and leave all as a SIGKILL would."""

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ModelFolder, method, die)
        patch.setattr("preforget.store.seal_folder.recover", die)
        with pytest.raises(Killed):
            folder.seal()


def test_sealing_an_old_copy_leaves_the_keys_of_the_sealed_model(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    folder = make_folder(*LABELS)
    old = Path(shutil.copytree(folder.path, tmp_path / "old"))
    folder.seal()
    with pytest.raises(IntegrityError, match=r"knows its model as a sealed one.* Use the sealed folder"):
        ModelFolder.open(old).seal()
    assert labels(folder.path) == LABELS


def test_two_copies_that_are_sealed_at_once(
    make_folder: MakeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(*LABELS)
    other = ModelFolder.open(Path(shutil.copytree(folder.path, tmp_path / "old")))
    killed_at(folder, monkeypatch, "commit")  # it has made its keys
    other.seal()
    with pytest.raises(IntegrityError, match="knows its model as a sealed one"):
        ModelFolder.open(folder.path).seal()
    assert labels(other.path) == LABELS


@pytest.mark.parametrize("method", ["_update", "commit", "_write", "finish_erasing"])
def test_a_sealing_that_was_cut_off_is_done_again(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    folder = make_folder(*LABELS)
    killed_at(folder, monkeypatch, method)
    again = ModelFolder.open(folder.path)
    if not again.manifest.sealed:
        again.seal()
    assert labels(folder.path) == LABELS
    assert {path.suffix for path in (folder.path / RECORDS).iterdir()} == {".sealed"}


def test_a_sealing_whose_row_came_to_nothing(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(*LABELS)
    killed_at(folder, monkeypatch, "adopt_head")
    keys = open_keyring().model(folder.manifest.model)
    assert keys.head() is None
    again = ModelFolder.open(folder.path)
    assert ids_of(again.ledger) == set(folder.manifest.records)
    again.change(erase=[sorted(again.manifest.records)[0]])  # its key of that attempt is there
    again.seal()
    assert keys.head() == again.ledger.head()
    assert len(labels(folder.path)) == 1


@pytest.mark.parametrize("damaged", [False, True])
def test_a_planted_old_copy_with_the_live_ledger_is_not_sealed(
    make_folder: MakeFolder, tmp_path: Path, damaged: bool
) -> None:
    """Its ledger ends with the row that the keyring noted; nothing of the live model's may change."""
    folder = make_folder(*LABELS)
    old = Path(shutil.copytree(folder.path, tmp_path / "old"))
    folder.seal()
    shutil.copy(folder.path / LEDGER, old / LEDGER)
    record = next((old / RECORDS).iterdir())
    record.write_bytes(record.read_bytes() + b"x" * damaged)
    before = open_keyring().model(folder.manifest.model)
    noted = before.head()
    with pytest.raises(IntegrityError, match="knows its model as a sealed one"):
        ModelFolder.open(old).seal()
    assert before.head() == noted
    assert labels(folder.path) == LABELS


@pytest.mark.parametrize("attempted", [False, True])
def test_a_sealing_that_fails_leaves_the_keyring_as_it_was(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch, attempted: bool
) -> None:
    folder = make_folder(*LABELS)
    keys = open_keyring().model(folder.manifest.model)
    if attempted:
        keys.begin(folder.manifest.records)
    held, adopt = keys.holding(folder.manifest.records), ModelFolder.adopt_head

    def fail(folder: ModelFolder, head: Head, manifest: Manifest) -> None:
        if manifest.sealed:
            raise StoreError("no space left on device")
        adopt(folder, head, manifest)

    with monkeypatch.context() as patch:
        patch.setattr(ModelFolder, "adopt_head", fail)
        with pytest.raises(StoreError, match="no space"):
            folder.seal()
    assert (keys.head(), keys.holding(folder.manifest.records)) == (None, held)
    assert ModelFolder.open(folder.path).seal() == len(LABELS)


def test_a_sealing_whose_head_can_not_be_noted_is_noted_by_the_next_opening(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(*LABELS)
    keys = open_keyring().model(folder.manifest.model)

    def full(*_: object) -> None:
        raise StoreError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(keys), "note_head", full)
        with pytest.raises(StoreError, match="no space"):
            folder.seal()
        assert labels(folder.path) == LABELS  # nor by an opening that can't
    assert keys.head() is None
    assert labels(folder.path) == LABELS
    assert keys.head() == folder.ledger.head()
    assert {path.suffix for path in (folder.path / RECORDS).iterdir()} == {".sealed"}


def records() -> list[ClassRecord]:
    return [make_record(label, slot) for slot, label in enumerate(LABELS)]


@pytest.mark.parametrize("killed", ["FileModelKeys.create", "write_files"])
def test_a_creation_that_was_killed_leaves_no_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    keyring, sealed = tmp_path / "keyring", replace(manifest(), sealed=True)
    with monkeypatch.context() as patch:
        module = "key_file" if "." in killed else "record_files"
        patch.setattr(f"preforget.store.{module}.{killed}", die)
        patch.setattr("preforget.store.attempt.clear_unfinished", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            ModelFolder.create(tmp_path / "m", sealed, records(), {}, keyring)
    assert len(open_keyring(keyring).models()) == (killed == "write_files")
    made = ModelFolder.create(tmp_path / "m", replace(manifest(), sealed=True), records(), {}, keyring)
    assert open_keyring(keyring).models() == [made.manifest.model]


def test_a_planted_unfinished_folder_takes_no_keys_of_a_live_model(tmp_path: Path) -> None:
    live = ModelFolder.create(tmp_path / "live", replace(manifest(), sealed=True), records(), {})
    for erasing in ([], [live.name_of(i) for i in live.manifest.records]):
        planted = Path(shutil.copytree(live.path, tmp_path / unfinished_name("m")))
        replace(live.manifest, records={}, erasing=erasing).write(planted)
        made = ModelFolder.create(tmp_path / "m", manifest(), records(), {})
        shutil.rmtree(made.path)
        assert not planted.exists()
        assert labels(live.path) == LABELS


@pytest.mark.parametrize("beside", [False, True])
def test_a_planted_leftover_takes_no_keys_of_a_model_that_is_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    """Whoever can read its first manifest puts it into another folder, where another command clears leftovers."""
    model, keyring, elsewhere = tmp_path / "model", tmp_path / "keyring", tmp_path / "elsewhere"
    left = (tmp_path if beside else elsewhere) / unfinished_name("model")
    ring = open_keyring(keyring)

    def plant(folder: Path) -> None:
        sync_folder(folder)
        if (model / NAME).exists() and not left.exists():
            (left / RECORDS).mkdir(parents=True)
            shutil.copy(model / NAME, left)
            clear_unfinished(left, ring.model)

    with monkeypatch.context() as patch:
        patch.setattr("preforget.store.folder.sync_folder", plant)
        records = [make_record(label, slot) for slot, label in enumerate(LABELS)]
        if beside:  # who may write there can delete the model, too; but nobody is told that it was made
            with pytest.raises(IntegrityError, match=r"its keys were removed .* delete .* and make it again"):
                ModelFolder.create(model, replace(manifest(), sealed=True), records, {}, keyring)
            return
        ModelFolder.create(model, replace(manifest(), sealed=True), records, {}, keyring)
    assert not left.exists()
    assert sorted(record.label for record in ModelFolder.open(model, keyring).records()) == LABELS


def test_a_planted_leftover_takes_no_keys_of_a_model_that_is_being_sealed(
    make_folder: MakeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(*LABELS)
    left, commit = tmp_path / "elsewhere" / unfinished_name("model"), ModelFolder.commit

    def plant(self: ModelFolder, event: str, *args: object, **changes: object) -> Entry:
        (left / RECORDS).mkdir(parents=True)
        names = [f"{RECORDS}/{i}.sealed" for i in self.manifest.records]
        replace(self.manifest, sealed=True, records={}, erasing=names).write(left)
        clear_unfinished(left, self.keyring.model)
        return commit(self, event, *args, **changes)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ModelFolder, "commit", plant)
        folder.seal()
    assert not left.exists()
    assert labels(folder.path) == LABELS
