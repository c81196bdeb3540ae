from __future__ import annotations

from preforget.core.guarantee import Guarantee


def test_each_guarantee_has_its_own_sentence() -> None:
    meanings = [guarantee.meaning for guarantee in Guarantee]
    assert len(set(meanings)) == len(Guarantee)
    assert all(meaning.endswith(".") for meaning in meanings)


def test_the_behavioural_one_says_that_the_adapter_stays() -> None:
    assert "adapter that all classes share" in Guarantee.BEHAVIOURAL.meaning


def test_values_are_what_manifests_hold() -> None:
    assert [guarantee.value for guarantee in Guarantee] == ["behavioural", "parametric", "exact"]
