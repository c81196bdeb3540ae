from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from preforget.classifier import PreForgettableClassifier
from preforget.core.errors import StoreError
from preforget.core.files import exclusive
from preforget.serve.membership import UNFINISHED, FolderMembership
from preforget.serve.tokens import NOBODY, Caller
from preforget.store.layout import INTENT


def test_the_epoch_counts_changes_of_the_folder_whoever_makes_them(model: Path) -> None:
    membership = FolderMembership(model)
    before = membership.standing()
    assert membership.standing() == before
    erasure = PreForgettableClassifier.from_pretrained(model, device="cpu").forget("Ada")
    assert membership.standing().epoch == erasure.generation
    assert membership.standing() != before


def test_an_announced_erasure_is_a_standing_that_no_answer_has(model: Path) -> None:
    (model / INTENT).write_text("{}")
    assert FolderMembership(model).standing() == UNFINISHED


def test_nobody_changes_the_folder_while_an_answer_leaves_and_the_other_way_round(model: Path) -> None:
    membership = FolderMembership(model)

    async def both() -> None:
        async with membership.leaving(), membership.leaving():
            with pytest.raises(BlockingIOError), exclusive(model, wait=False):
                pass
        left = asyncio.Event()

        async def leave() -> None:
            async with membership.leaving():
                left.set()

        with exclusive(model, wait=False):
            task = asyncio.create_task(leave())
            await asyncio.sleep(0.02)
            assert not left.is_set()
        await task

    asyncio.run(both())


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be read"):
        FolderMembership(tmp_path / "gone").standing()


def test_only_an_officer_may_forget(model: Path) -> None:
    membership = FolderMembership(model)
    assert membership.may_forget(Caller.of("a", "officer"))
    assert not membership.may_forget(Caller.of("a", "operator"))
    assert not membership.may_forget(NOBODY)
