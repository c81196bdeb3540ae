from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from preforget.core.errors import UsageError
from preforget.erasure import forget, plan
from preforget.erasure.copies import KINDS, OF_FOLDER, account_for_copies, add_copy, note_key, remove_copy
from preforget.erasure.receipt import payload_of
from preforget.records import ClassRecord
from preforget.store import Manifest, ModelFolder
from preforget.store.keyring import open_keyring
from preforget.store.side_key import MARK, begin_key, key_of, new_owner

from ..rights import bound_by_rights

LABELS = ["Ada", "Grace", "Mary"]
BACKBONE = {
    **{"id": "x", "revision": None, "architecture": "vit", "digest": "sha256:0", "image_size": 32},
    **{"mean": [0, 0, 0], "std": [1, 1, 1], "dtype": "float32"},
}
MakeFolder = Callable[..., ModelFolder]


@pytest.fixture
def make(tmp_path: Path) -> MakeFolder:
    """Return what makes a folder of three classes, sealed or plain, with a keyring of its own."""

    def make(
        name: str = "model", sealed: bool = False, records: list[ClassRecord] | None = None
    ) -> ModelFolder:
        manifest = Manifest("isolated", "parametric", {}, BACKBONE, 0.9, sealed=sealed)
        drawn = [ClassRecord(label, {"row": torch.rand(200)}) for label in LABELS]
        ring = open_keyring(tmp_path / "keys")
        return ModelFolder.create(tmp_path / name, manifest, records or drawn, {}, ring)

    return make


@pytest.fixture
def folder(make: MakeFolder) -> ModelFolder:
    return make()


def id_of(folder: ModelFolder, label: str) -> str:
    return next(record.id for record in folder.records() if record.label == label)


def digest_of(folder: ModelFolder, label: str) -> dict[str, str]:
    record_id = id_of(folder, label)
    return {record_id: folder.manifest.records[record_id]}


def settled(folder: ModelFolder, label: str = "Grace") -> dict[str, str]:
    """Return what would become of the only copy if a class went."""
    (found,) = account_for_copies(folder, digest_of(folder, label), delete=True)
    assert set(found) == {"id", "kind", "status", "detail"}
    assert found["id"] in folder.manifest.copies
    return {"status": found["status"], "detail": found["detail"]}


# --- the list


@pytest.mark.parametrize("kind", KINDS)
def test_entered_and_struck_out(folder: ModelFolder, kind: str) -> None:
    generation, copy_id = folder.manifest.generation, add_copy(folder, kind, "somewhere/else")
    again = ModelFolder.open(folder.path).manifest
    assert again.generation > generation
    assert again.copies[copy_id] == folder.manifest.copies[copy_id]
    entry = dict(again.copies[copy_id])
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "kind": kind,
        "place": "somewhere/else",
        "expires": None,
        "sealed": False,
        "delete": False,
    }
    remove_copy(folder, copy_id)
    assert ModelFolder.open(folder.path).manifest.copies == {}
    with pytest.raises(UsageError, match=r"has no copy '[0-9a-f]{32}'; see: preforget copies MODEL"):
        remove_copy(folder, copy_id)


def test_the_ledger_holds_no_place(folder: ModelFolder) -> None:
    places = ["/home/ada/private place", "s3://bucket-of-grace/model"]
    ids = [add_copy(folder, "export", place) for place in (*places, places[0])]
    remove_copy(folder, ids[1])
    rows = [entry for entry in folder.ledger.entries() if entry.event == "copy"]
    assert [entry.data["known"] for entry in rows] == [True, True, True, False]
    assert [entry.data["copy"] for entry in rows] == [*ids, ids[1]]
    digests = [entry.data["place"] for entry in rows[:3]]
    assert len(set(digests)) == 3  # not even that two are the same
    assert all(digest.startswith("hmac-sha256:") for digest in digests)
    content = (folder.path / "ledger.sqlite3").read_bytes()
    for part in (b"/ada/", b"private", b"bucket", b"s3:"):
        assert part not in content


@pytest.mark.parametrize(
    ("kind", "place", "options", "message"),
    [
        ("tape", "/x", {}, "unknown kind of copy 'tape'; choose one of: export, hub"),
        ("", "/x", {}, "unknown kind"),
        ("export", "", {}, "must be one line of text"),
        ("export", "/a\nb", {}, "must be one line of text"),
        ("export", "/a\x1b[2J", {}, "must be one line of text"),
        ("export", "x" * 4097, {}, "must be one line of text"),
        ("export", "/x", {"expires": "tomorrow"}, "'tomorrow' is no day; write it like 2027-01-31"),
        ("export", "/x", {"expires": "2027-1-31"}, "is no day"),
        ("export", "/x", {"expires": "2027-01-31T12:00"}, "is no day"),
        ("export", "/x", {"expires": ""}, "is no day"),
        ("export", "/x", {"expires": "2027-02-30"}, "is no day"),
        ("export", "/x", {"expires": "2027-99-99"}, "is no day"),
        ("export", "copy", {"delete": True}, "only a file or folder on this machine can be deleted"),
        ("export", "../copy", {"delete": True}, "give its whole path"),
        ("hub", "/x", {"delete": True}, "only a file or folder on this machine"),
        ("backup", "/x", {"delete": True}, "only a file or folder on this machine"),
    ],
)
def test_what_can_not_be_entered(
    folder: ModelFolder, kind: str, place: str, options: dict[str, Any], message: str
) -> None:
    before = folder.manifest
    with pytest.raises(UsageError, match=message):
        add_copy(folder, kind, place, **options)
    assert Manifest.read(folder.path) == before


def test_the_model_itself_is_no_copy_to_delete(folder: ModelFolder, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder.path)
    places = [folder.path, tmp_path, Path("/"), link, folder.path / ".." / "model", link / "."]
    for place in [str(p) for p in places] + [f"{folder.path}/records/../"]:
        with pytest.raises(
            UsageError, match="must not be deleted when something is forgotten; name a copy elsewhere"
        ):
            add_copy(folder, "export", place, delete=True)
    assert folder.manifest.copies == {}


@pytest.mark.parametrize("inner", ["records", "ledger.sqlite3", "preforget.json", "records/new"])
def test_nor_is_a_part_of_the_model(folder: ModelFolder, inner: str) -> None:
    with pytest.raises(UsageError, match="must not be deleted when something is forgotten"):
        add_copy(folder, "export", str(folder.path / inner), delete=True)


def test_a_neighbour_whose_name_begins_alike_is_a_copy(folder: ModelFolder) -> None:
    add_copy(folder, "export", f"{folder.path}-copy", delete=True)
    assert len(folder.manifest.copies) == 1


# --- what becomes of a copy


def test_none_to_settle(folder: ModelFolder) -> None:
    assert account_for_copies(folder, digest_of(folder, "Grace"), delete=True) == []


def test_a_file_is_deleted(folder: ModelFolder, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    add_copy(folder, "onnx", str(tmp_path / "model.onnx"), delete=True)
    assert settled(folder) == {"status": "removed", "detail": "deleted as a whole"}
    assert not (tmp_path / "model.onnx").exists()
    assert settled(folder) == {
        "status": "not present",
        "detail": "nothing lies at its place on this machine now",
    }


def test_a_folder_is_deleted(folder: ModelFolder, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder.path, tmp_path / "copy"))
    (tmp_path / "outside").write_bytes(b"stays")
    (copy / "link").symlink_to(tmp_path / "outside")
    add_copy(folder, "export", str(copy), delete=True)
    assert settled(folder)["status"] == "removed"
    assert not copy.exists()
    assert (tmp_path / "outside").read_bytes() == b"stays"


def test_of_a_link_the_link_is_deleted_and_nothing_behind_it(folder: ModelFolder, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "file").write_bytes(b"stays")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    add_copy(folder, "export", str(link), delete=True)
    settled(folder)
    assert not link.is_symlink()
    assert (tmp_path / "target" / "file").read_bytes() == b"stays"


def test_a_copy_behind_a_link_is_not_said_to_be_removed(folder: ModelFolder, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder.path, tmp_path / "copy"))
    link = tmp_path / "latest"
    link.symlink_to(copy)
    add_copy(folder, "export", str(link), delete=True)
    assert settled(folder)["status"] == "out of our control"
    assert (copy / folder.name_of(id_of(folder, "Grace"))).exists()


def test_a_link_to_nowhere_is_not_passed_over(folder: ModelFolder, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    add_copy(folder, "export", str(link), delete=True)
    settled(folder)
    assert not link.is_symlink()


def test_what_can_not_be_deleted_is_out_of_control(folder: ModelFolder, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "file").write_bytes(b"x")
    add_copy(folder, "cache", str(tmp_path / "closed" / "file"), delete=True)
    (tmp_path / "closed").chmod(0o555)
    with bound_by_rights():
        found = settled(folder)
    (tmp_path / "closed").chmod(0o755)
    assert found == {
        "status": "out of our control",
        "detail": "it can't be looked at or deleted: Permission denied",
    }
    assert (tmp_path / "closed" / "file").exists()
    assert settled(folder)["status"] == "removed"  # the next forgetting tries again


def test_a_place_that_nobody_may_look_into_is_out_of_control(folder: ModelFolder, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    place = tmp_path / "closed" / "copy"
    shutil.copytree(folder.path, place)
    add_copy(folder, "export", str(place))
    for closed in (tmp_path / "closed", place / "records"):
        closed.chmod(0)
        try:
            with bound_by_rights():
                assert settled(folder)["status"] == "out of our control"
        finally:
            closed.chmod(0o700)


@pytest.mark.parametrize("delete", [False, True])
def test_a_name_that_no_file_can_have_does_not_stop_an_erasure(folder: ModelFolder, delete: bool) -> None:
    try:
        add_copy(folder, "export", "/" + "x" * 300, delete=delete)
    except UsageError:
        return  # refusing it at once would do as well
    erasure = forget(plan(folder, label="Grace"), folder=folder)
    assert erasure.copies[0]["status"] in {"not present", "out of our control"}


def test_the_model_is_not_deleted_if_it_has_moved_to_the_place_of_a_copy(
    folder: ModelFolder, tmp_path: Path
) -> None:
    place = tmp_path / "served"
    add_copy(folder, "export", str(place), delete=True)
    folder.path.rename(place)
    moved = ModelFolder.open(place, tmp_path / "keys")
    forget(plan(moved, label="Grace"), folder=moved)
    assert sorted(r.label for r in ModelFolder.open(place).records()) == ["Ada", "Mary"]


def test_a_copy_that_holds_none_of_the_records(folder: ModelFolder, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder.path, tmp_path / "copy"))
    add_copy(folder, "export", str(copy))
    assert settled(folder)["status"] == "out of our control"
    other = ModelFolder.open(copy, tmp_path / "keys")
    forget(plan(other, label="Grace"), folder=other)
    assert settled(folder) == {"status": "not present", "detail": "it holds none of these records"}
    assert settled(folder, "Mary")["status"] == "out of our control"


def test_nothing_is_claimed_of_other_machines(folder: ModelFolder) -> None:
    add_copy(folder, "hub", "somebody/model")
    assert settled(folder) == {
        "status": "out of our control",
        "detail": "it holds the records until somebody deletes it",
    }


def test_a_relative_place_is_never_looked_up_here(
    folder: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "copy").mkdir()
    add_copy(folder, "export", "copy")
    assert settled(folder)["status"] == "out of our control"
    (tmp_path / "copy").rmdir()
    assert settled(folder)["status"] == "out of our control"


def test_a_day_on_which_it_will_be_deleted(folder: ModelFolder, tmp_path: Path) -> None:
    place = Path(shutil.copytree(folder.path, tmp_path / "backup"))
    add_copy(folder, "backup", str(place), expires="2999-12-31")
    assert settled(folder) == {
        "status": "scheduled",
        "detail": "to be deleted on 2999-12-31; until then it holds the records",
    }
    shutil.rmtree(place)
    assert settled(folder)["status"] == "not present"


def test_a_day_that_has_passed_is_no_schedule(folder: ModelFolder) -> None:
    add_copy(folder, "backup", "tape 7", expires="2020-01-31")
    assert settled(folder)["status"] == "out of our control"


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_a_sealed_folder_are_unreadable(make: MakeFolder, kind: str) -> None:
    folder = make(sealed=True)
    if kind not in OF_FOLDER:  # an onnx file or a checkpoint was never encrypted
        with pytest.raises(UsageError, match=f"a copy of kind {kind} can be read without the keyring"):
            add_copy(folder, kind, "elsewhere", sealed=True)
        add_copy(folder, kind, "elsewhere", expires="2999-12-31" if kind == "cache" else None)
        assert settled(folder)["status"] == ("scheduled" if kind == "cache" else "out of our control")
        return
    add_copy(folder, kind, "elsewhere", sealed=True)
    assert settled(folder) == {
        "status": "removed",
        "detail": "entered as a copy of the sealed model, not looked into: its records are encrypted, "
        "their keys destroyed",
    }


@pytest.mark.parametrize("kind", sorted(OF_FOLDER))
def test_of_a_copy_that_cannot_be_looked_into_nothing_is_claimed_unless_it_is_stated(
    folder: ModelFolder, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(UsageError, match="isn't sealed, so no copy of it is"):
        add_copy(folder, kind, "elsewhere", sealed=True)
    before = shutil.make_archive(str(tmp_path / "before"), "tar", folder.path)
    folder.seal()
    for place in (before, "nas:/before.tar"):  # nobody can tell from the list when they were made
        add_copy(folder, kind, place)
    erasure = forget(plan(folder, label="Grace"), folder=folder)
    assert {copy["status"] for copy in erasure.copies} == {"out of our control"}
    shutil.unpack_archive(before, tmp_path / "again")
    assert "Grace" in [record.label for record in ModelFolder.open(tmp_path / "again").records()]


def test_a_copy_from_before_the_sealing_is_not_unreadable(folder: ModelFolder, tmp_path: Path) -> None:
    place = Path(shutil.copytree(folder.path, tmp_path / "backup"))
    add_copy(folder, "backup", str(place))
    add_copy(folder, "hub", "before")
    folder.seal()
    gone = digest_of(folder, "Grace")
    assert {found["status"] for found in account_for_copies(folder, gone, delete=True)} == {
        "out of our control"
    }
    add_copy(folder, "hub", "after", sealed=True)
    found = {
        folder.manifest.copies[c["id"]]["place"]: c["status"]
        for c in account_for_copies(folder, gone, delete=True)
    }
    assert found == {str(place): "out of our control", "before": "out of our control", "after": "removed"}


def test_a_plain_copy_that_was_entered_after_the_sealing_is_seen_to_be_plain(
    folder: ModelFolder, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(folder.path, tmp_path / "backup"))
    folder.seal()
    add_copy(folder, "backup", str(place))
    assert settled(folder)["status"] == "out of our control"


@pytest.mark.parametrize("sealed", [False, True])
def test_a_copy_with_keys_of_its_own_is_not_unreadable(
    make: MakeFolder, tmp_path: Path, sealed: bool
) -> None:
    before = make("before", sealed=sealed)  # as `save_pretrained` to a second place leaves it
    folder = make("after", sealed=True, records=before.records())
    add_copy(folder, "export", str(before.path))
    erasure = forget(plan(folder, label="Grace"), folder=folder)
    assert erasure.copies[0]["status"] == "out of our control"
    assert "Grace" in [record.label for record in ModelFolder.open(before.path, tmp_path / "keys").records()]


def test_a_copy_that_was_sealed_with_another_keyring_is_not_unreadable(
    folder: ModelFolder, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(folder.path, tmp_path / "backup"))
    other = ModelFolder.open(place, tmp_path / "other keys")
    other.seal()
    folder.seal()
    add_copy(folder, "backup", str(place))
    erasure = forget(plan(folder, label="Grace"), folder=folder)
    assert erasure.copies[0]["status"] == "out of our control"
    assert "Grace" in [record.label for record in other.records()]


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_a_copy_from_before_a_class_was_learned_anew_holds_it_in_another_record(
    make: MakeFolder, tmp_path: Path, sealed: bool
) -> None:
    folder = make(sealed=sealed)
    place = Path(shutil.copytree(folder.path, tmp_path / "backup"))
    add_copy(folder, "backup", str(place))
    old = next(record for record in folder.records() if record.label == "Grace")
    folder.change(add=[ClassRecord("Grace", old.tensors, old.slot)], erase=[old.id])
    # of the sealed copy the key of the former record is destroyed
    assert settled(folder)["status"] == ("not present" if sealed else "out of our control")


def test_a_copy_that_has_forgotten_by_itself_holds_nothing(make: MakeFolder, tmp_path: Path) -> None:
    folder = make(sealed=False)
    place = Path(shutil.copytree(folder.path, tmp_path / "copy"))
    add_copy(folder, "export", str(place))
    copy = ModelFolder.open(place, tmp_path / "keys")
    forget(plan(copy, label="Grace"), folder=copy)
    copy.change(add=[ClassRecord("Zoe", copy.records()[0].tensors, 7)])
    assert settled(folder)["status"] == "not present"


def test_a_copy_of_the_sealed_folder_is_unreadable(make: MakeFolder, tmp_path: Path) -> None:
    folder = make(sealed=True)
    place = Path(shutil.copytree(folder.path, tmp_path / "backup"))
    add_copy(folder, "backup", str(place))
    assert settled(folder) == {
        "status": "removed",
        "detail": "its records are encrypted, and their keys are destroyed",
    }


def test_only_the_key_that_the_list_names_goes_with_a_copy(make: MakeFolder, tmp_path: Path) -> None:
    folder = make(sealed=True)
    own, other = tmp_path / "cache", tmp_path / "bench"
    for place in (own, other):
        place.mkdir()
    foreign = begin_key(other, folder.keyring, "bench")
    copy_id = add_copy(folder, "cache", str(own), delete=True)
    shutil.copy(other / MARK, own / MARK)
    assert settled(folder)["status"] == "removed"
    assert key_of(other, folder.keyring) == foreign
    own.mkdir()
    owner = new_owner()
    note_key(folder, copy_id, owner)
    begin_key(own, folder.keyring, owner=owner)
    shutil.copy(other / MARK, own / MARK)
    assert owner in folder.keyring.models()
    assert ModelFolder.open(folder.path, tmp_path / "keys").manifest.copies[copy_id]["key"] == owner
    assert settled(folder)["status"] == "removed"
    assert owner not in folder.keyring.models()
    assert key_of(other, folder.keyring) == foreign
    own.mkdir()
    note_key(
        folder, copy_id, foreign.owner
    )  # by a list of which a restored folder's owner takes a stranger's word
    assert settled(folder)["status"] == "out of our control"
    assert key_of(other, folder.keyring) == foreign


def test_striking_out_a_copy_that_was_deleted_by_hand_destroys_its_key(
    make: MakeFolder, tmp_path: Path
) -> None:
    folder, place, other = make(sealed=True), tmp_path / "work", tmp_path / "bench"
    for path in (place, other):
        path.mkdir()
    foreign = begin_key(other, folder.keyring, "bench")
    copy_id, planted = add_copy(folder, "cache", str(place), delete=True), add_copy(folder, "cache", "/gone")
    owner = new_owner()
    note_key(folder, copy_id, owner)
    begin_key(place, folder.keyring, owner=owner)
    copies = {copy["id"]: copy for copy in forget(plan(folder, label="Grace"), folder=folder).copies}
    assert copies[copy_id]["status"] == "out of our control"
    assert "only --delete-copies" in copies[copy_id]["detail"]
    remove_copy(folder, copy_id)  # it lies there still
    assert owner in folder.keyring.models()
    copy_id = add_copy(folder, "cache", str(place), delete=True)
    note_key(folder, copy_id, owner)
    shutil.rmtree(place)
    remove_copy(folder, copy_id)
    assert owner not in folder.keyring.models()
    note_key(folder, planted, foreign.owner)
    remove_copy(folder, planted)
    assert key_of(other, folder.keyring) == foreign


def test_the_list_of_a_plain_model_destroys_no_key(make: MakeFolder, tmp_path: Path) -> None:
    """Anybody may have written it; of a sealed model it is signed with its row."""
    folder, own, other = make(sealed=False), tmp_path / "cache", tmp_path / "bench"
    for place in (own, other):
        place.mkdir()
    foreign = begin_key(other, folder.keyring, "bench")
    note_key(folder, add_copy(folder, "cache", str(own), delete=True), foreign.owner)
    assert settled(folder)["status"] == "removed"
    assert not own.exists()
    assert key_of(other, folder.keyring) == foreign


def test_the_receipt_says_it_without_a_place(folder: ModelFolder, tmp_path: Path) -> None:
    (tmp_path / "telling name").write_bytes(b"x")
    add_copy(folder, "cache", str(tmp_path / "telling name"), delete=True)
    add_copy(folder, "hub", "ada-lovelace/model")
    erasure = forget(plan(folder, label="Grace"), folder=folder, delete_copies=True)
    assert erasure.receipt is not None
    content = erasure.receipt.read_bytes()
    predicate = payload_of(content)["predicate"]
    assert sorted((c["kind"], c["status"]) for c in predicate["copies"]) == [
        ("cache", "removed"),
        ("hub", "out of our control"),
    ]
    assert [c["id"] for c in predicate["copies"]] == sorted(folder.manifest.copies)
    text = json.dumps(predicate)
    assert "telling" not in text
    assert "lovelace" not in text
    assert not (tmp_path / "telling name").exists()
