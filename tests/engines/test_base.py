"""What all engines share: sessions, and the sentence without which nothing is signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from preforget.core.errors import UsageError
from preforget.engines import ENGINES, Engine
from preforget.engines.base import Session
from preforget.engines.exact import ExactEngine


def test_a_session_from_what_a_user_gives(tmp_path: Path) -> None:
    session = Session.of(str(tmp_path), True, None, False)
    assert (session.cache_dir, session.checkpoint) == (tmp_path, None)
    with pytest.raises(UsageError, match="keep_cache needs cache_dir"):
        Session.of(None, True, None, False)


@pytest.mark.parametrize("name", list(ENGINES))
def test_every_engine_signs_sentences_of_its_own(name: str) -> None:
    kind = ENGINES[name]
    meanings = [other.signed_meaning() for _, other in ENGINES.items()]
    assert meanings.count(kind.signed_meaning()) == 1
    sentences = (kind.meaning, *kind.not_claimed)
    assert len(sentences) > 1
    assert all(one.endswith(".") and "\n" not in one and len(one) < 250 for one in sentences)


def test_an_engine_of_conditions_says_that_inputs_stay_for_the_others() -> None:
    for _, kind in ENGINES.items():
        if kind.multilabel_of is not None:
            assert "condition" in kind.meaning
            assert any("condition" in one and "stay" in one for one in kind.not_claimed)


def test_an_engine_without_a_sentence_signs_nothing() -> None:
    class Silent(ExactEngine):
        meaning = " "

    with pytest.raises(UsageError, match="Silent a class variable 'guarantee' and one 'meaning'"):
        Silent.signed_meaning()

    class Other(ExactEngine):
        guarantee = ExactEngine.guarantee

    # what it does with the records may be something else than what the sentence that it inherits says
    with pytest.raises(UsageError, match=r"another engine's promise isn't its own; give Other .* 'meaning'"):
        Other.signed_meaning()
    assert Other.own_meaning() == ""


def test_a_bank_of_records_and_nothing_derived_by_default() -> None:
    bank = Engine.bank_of([])
    assert (len(bank), Engine.derive_from(bank, {})) == (0, [])
