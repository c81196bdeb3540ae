from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from preforget.core.errors import StoreError, UnknownLabelError, UsageError
from preforget.engines.derive import missing_pairs
from preforget.erasure import forget, plan
from preforget.erasure.plan import bank_of, derive_in_folder
from preforget.records import ClassRecord, UnitBank
from preforget.records.units import make_unit
from preforget.store import Manifest, ModelFolder

SIZE = 4
BACKBONE = {
    **{"id": "x", "revision": None, "architecture": "vit", "digest": "sha256:0", "image_size": 32},
    **{"mean": [0, 0, 0], "std": [1, 1, 1], "dtype": "float32"},
}


def unit(label: str, subject: str | None = None) -> ClassRecord:
    seed = sum(map(ord, f"{label}{subject}"))
    rows = torch.randint(-99, 99, (6, SIZE), generator=torch.Generator().manual_seed(seed))
    return make_unit(label, subject, [rows[:4].to(torch.int16)], rows[4:].to(torch.int16))


def folder_of(path: Path, bank: UnitBank, **options: object) -> ModelFolder:
    manifest = Manifest("exact", "exact", {"shrinkage": 3.0, **options}, BACKBONE, 0.9)
    return ModelFolder.create(path / "m", manifest, bank.records(), {})


@pytest.fixture
def bank() -> UnitBank:
    bank = UnitBank(SIZE)
    for record in (
        unit("cat", "Ada"),
        unit("cat", "Bob"),
        unit("dog", "Ada"),
        unit("dog", "Cy"),
        unit("owl"),
    ):
        bank.insert(record)
    for record in missing_pairs(bank, bank.labels, 3.0):
        bank.insert(record)
    return bank


def test_what_goes_with_a_class_and_with_a_subject(bank: UnitBank, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, bank)
    affected = plan(folder, label="owl").records
    assert sorted((r.label, r.partner) for r in affected) == sorted(
        [("cat", "owl"), ("dog", "owl"), ("owl", None)], key=str
    )
    affected = plan(folder, subject="Ada").records
    assert sum(r.partner is None for r in affected) == 2
    assert sum(r.partner is not None for r in affected) == 3
    for wrong in ({"label": "cow"}, {"subject": "Zoe"}):
        with pytest.raises(UnknownLabelError):
            plan(folder, **wrong)  # type: ignore[arg-type]


def test_a_subject_goes_from_the_folder_and_pairs_are_derived_from_what_is_left(
    bank: UnitBank, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, bank)
    erasure = forget(plan(folder, subject="Ada"), folder=folder)
    assert (erasure.what, erasure.derived, erasure.classes_left) == ("subject", 3, 3)
    rest = UnitBank(SIZE)
    for record in (unit("cat", "Bob"), unit("dog", "Cy"), unit("owl")):
        rest.insert(record)
    for record in missing_pairs(rest, rest.labels, 3.0):
        rest.insert(record)
    left = UnitBank.of(ModelFolder.open(folder.path).records())
    assert [r.digest() for r in left.records()] == [r.digest() for r in rest.records()]
    assert not any(b"Ada" in p.read_bytes() for p in folder.path.rglob("*") if p.is_file())


def test_a_class_goes_and_nothing_has_to_be_derived(bank: UnitBank, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, bank)
    kept = {r.id for r in bank.records() if not r.concerns("owl")}
    erasure = forget(plan(folder, label="owl"), folder=folder)
    assert erasure.derived == 0
    assert set(folder.manifest.records) == kept
    assert derive_in_folder(folder, bank_of(folder, folder.records())) == []


def test_other_engines_know_no_subjects(tmp_path: Path) -> None:
    record = ClassRecord("cat", {"prompt": torch.ones(2)}, 0)
    manifest = Manifest("isolated", "parametric", {}, BACKBONE, 0.9)
    folder = ModelFolder.create(tmp_path / "m", manifest, [record], {})
    assert [r.id for r in plan(folder, label="cat").records] == [record.id]
    with pytest.raises(UsageError, match="can forget classes, not subjects"):
        plan(folder, subject="Ada")
    with pytest.raises(UnknownLabelError, match="no class 'cow'"):
        plan(folder, label="cow")


def test_damage_is_named(bank: UnitBank, tmp_path: Path) -> None:
    records = bank.records()
    folder = folder_of(tmp_path, bank, shrinkage="much")
    with pytest.raises(StoreError, match="don't belong together"):
        bank_of(folder, [*records, unit("cat", "Ada")])
    with pytest.raises(StoreError, match="shrinkage is no number"):
        derive_in_folder(folder, bank_of(folder, records))


def test_an_engine_that_is_not_installed_is_named(bank: UnitBank, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, bank)
    folder.manifest = replace(folder.manifest, engine="nearest-star")
    with pytest.raises(StoreError, match=r"unknown engine 'nearest-star'.*install its package"):
        plan(folder, label="cat")


def test_several_subjects_at_once_take_the_class_that_nobody_else_has(bank: UnitBank, tmp_path: Path) -> None:
    held_out_only = make_unit("cat", "Dee", [], torch.ones(2, SIZE, dtype=torch.int16))
    bank.insert(held_out_only)
    folder = folder_of(tmp_path, bank)
    one = plan(folder, subject="Ada")
    assert held_out_only.id not in {record.id for record in one.records}  # Bob's images are left in the class
    assert one.listed == []
    both = plan(folder, subject=["Ada", "Bob", "Ada"])
    units = {(record.label, record.subject) for record in both.records if record.partner is None}
    assert units == {("cat", "Ada"), ("cat", "Bob"), ("cat", "Dee"), ("dog", "Ada")}
    assert [(target.what, target.name) for target in both.targets] == [("subject", "Ada"), ("subject", "Bob")]
    assert sorted(len(target["records"]) for target in both.listed) == [1, 2]


def test_classes_and_subjects_at_once(bank: UnitBank, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, bank)
    planned = plan(folder, label=["owl"], subject=["Cy"])
    assert planned.what == "several"
    erasure = forget(planned, folder=folder)
    assert (erasure.what, erasure.targets, erasure.classes_left) == ("several", 2, 2)
    with pytest.raises(UsageError, match="give a class or a subject"):
        plan(folder)
