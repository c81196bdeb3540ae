"""The table of engines: names, earlier names, and what stands in where there are several labels per input."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import preforget.engines
from preforget.backbones.encoder import Encoder
from preforget.core.errors import UsageError
from preforget.engines import ENGINES, Engine, Exact, Paper, choices, for_multilabel
from preforget.engines.exact import ExactEngine
from preforget.engines.isolated import IsolatedEngine
from preforget.engines.multilabel_exact import MultilabelExactEngine
from preforget.engines.multilabel_isolated import MultilabelIsolatedEngine
from preforget.engines.paper import PaperEngine


def test_names_and_choices() -> None:
    assert choices() == ["exact", "isolated", "paper"]
    assert list(ENGINES) == ["exact", "exact-multilabel", "isolated", "isolated-multilabel", "paper"]
    assert {name: kind.name for name, kind in ENGINES.items()} == {name: name for name in ENGINES}


def test_folders_of_earlier_versions_find_their_engines() -> None:
    assert ENGINES["isolated-several"] is MultilabelIsolatedEngine
    assert ENGINES["exact-several"] is MultilabelExactEngine
    assert MultilabelExactEngine.name == "exact-multilabel"


def test_what_stands_in_for_several_labels(
    tiny_encoder: Encoder, make_engine: Callable[..., IsolatedEngine]
) -> None:
    assert type(for_multilabel(make_engine())) is MultilabelIsolatedEngine
    exact = for_multilabel(ExactEngine(tiny_encoder, Exact(levels=1)))
    assert type(exact) is MultilabelExactEngine
    assert for_multilabel(exact) is exact
    with pytest.raises(UsageError, match=r"paper engine learns one label per input.*isolated or exact"):
        for_multilabel(PaperEngine(tiny_encoder, Paper()))


def test_the_room_shows_its_public_names() -> None:
    assert dir(preforget.engines) == sorted(preforget.engines.__all__)
    for name in dir(preforget.engines):
        assert getattr(preforget.engines, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Izolated'; it has: ENGINES"):
        preforget.engines.Izolated  # noqa: B018


def test_an_engine_says_what_kind_of_promise_it_makes() -> None:
    with pytest.raises(ValueError, match=r"'guarantee', one of: Guarantee\.BEHAVIOURAL"):
        ENGINES.register("mine")(Engine)
    assert "mine" not in ENGINES


def test_options_say_which_engine_is_meant() -> None:
    assert ENGINES.of_options(Exact()) is ExactEngine

    class Twin(ExactEngine):
        """Another engine with the options of exact."""

    with pytest.raises(ValueError, match="'exact' and 'twin' have the same options, Exact"):
        ENGINES.register("twin")(Twin)
    assert "twin" not in ENGINES
    assert ExactEngine.name == "exact"
