from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import UsageError
from preforget.core.registry import Registry
from preforget.data import DataFormat, DataOptions, Dataset, NamedSet, load_data, registry
from preforget.data.registry import formats, named_set, names_of_sets


def test_a_format_is_no_set_of_its_name() -> None:
    assert "folder" not in names_of_sets()
    assert named_set("folder") is None
    assert named_set(Path("digits")) is None
    assert isinstance(named_set("digits"), NamedSet)


def test_ours_are_asked_from_the_most_special_to_the_folder() -> None:
    known = [type(one).__name__ for one in formats()]
    assert known[0] == "OfficialFolds"
    assert known[-1] == "ClassFolders"
    assert [one.order for one in formats()] == sorted(one.order for one in formats())


@pytest.fixture
def extended(monkeypatch: pytest.MonkeyPatch) -> Registry[type[NamedSet] | type[DataFormat]]:
    """A registry with ours and whatever a test enters, in place of the real one."""
    copy: Registry[type[NamedSet] | type[DataFormat]] = Registry("data set")
    for name, entry in registry.DATASETS.items():
        copy.register(name)(entry)
    monkeypatch.setattr(registry, "DATASETS", copy)
    return copy


@pytest.mark.parametrize(("order", "claims"), [(0, True), (100, True), (101, False)])
def test_an_extension_claims_a_path_before_ours_of_the_same_order(
    extended: Registry[type[NamedSet] | type[DataFormat]], tmp_path: Path, order: int, claims: bool
) -> None:
    class Theirs(DataFormat):
        what = "a folder of theirs"

        def reads(self, path: Path) -> bool:
            return path.is_dir()

        def load(self, path: Path, options: DataOptions) -> Dataset:
            raise NotImplementedError(f"theirs, seed {options.seed}")

    Theirs.order, Theirs.__module__ = order, "theirs"
    extended.register("theirs")(Theirs)
    with pytest.raises(
        NotImplementedError if claims else ValueError, match="theirs, seed 4" if claims else "no sub-folders"
    ):
        load_data(tmp_path, seed=4)
    if claims:
        with pytest.raises(UsageError, match="doesn't name the subjects of its inputs; leave subjects=1 out"):
            load_data(tmp_path, subjects=1)


def test_options_that_a_source_does_not_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="doesn't name the subjects of its inputs; leave subjects='who' out"):
        load_data("digits", subjects="who")
    with pytest.raises(UsageError, match="'digits' is no folder of classes; leave top_classes"):
        load_data("digits", top_classes=True)
    with pytest.raises(UsageError, match="needs to know whom each input is of"):
        load_data(tmp_path, split_by="subject")
    with pytest.raises(UsageError, match="'digits' has no official folds"):
        load_data("digits", folds=(1, 2))
