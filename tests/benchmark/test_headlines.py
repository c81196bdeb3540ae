from __future__ import annotations

from dataclasses import replace

from preforget.benchmark.headlines import SINGLE, Beaten, beaten, headlines, summary
from preforget.benchmark.tables import Value

from .examples import results, row

OURS = row("exact", engine=True, ra=0.95, forget_seconds=0.1, learn_seconds=50.0, auroc=0.7)


def test_ratios_by_hand() -> None:
    found = headlines(
        [OURS, row("retrain", forget_seconds=80.0), row("drop_row", forget_seconds=0.2), row("scrub")]
    )
    assert found.rows == (("blobs, k = 1, exact", "0.5", "0.01 (scrub)", "0.5", "0.950", "+0.040", "+0.050"),)
    assert {len(one) for one in found.rows} == {len(found.head)}


def test_who_has_not_forgotten_does_not_count() -> None:
    bad = row("fine_tune", fa=0.06, ra=1.0, forget_seconds=0.001)
    assert headlines([OURS, bad]).rows == (("blobs, k = 1, exact", "–", "–", "–", "0.950", "+0.040", "–"),)
    assert beaten([OURS, bad]) == []


def test_where_a_baseline_is_better() -> None:
    lost = beaten([OURS, row("scrub", forget_seconds=1.0), row("ssd", auroc=0.75, forget_seconds=2.0)])
    assert lost == [Beaten("blobs", 1, "auroc", "exact", "scrub", 0.8, 0.7, SINGLE)]


def test_retraining_cannot_win_what_is_measured_against_it() -> None:
    ours = row("exact", engine=True, tow=0.5, gap=0.5)
    names = [one.column for one in beaten([ours, row("retrain", tow=1.0, gap=0.0, ra=0.99)])]
    assert names == ["ra"]


def test_intervals_that_overlap_are_called_so() -> None:
    ours, other = row("exact", engine=True, spread=0.02), row("scrub", ra=0.93, spread=0.02)
    assert "retain accuracy (intervals overlap)" in summary(results(ours, other)).sentences[0]
    clear = row("scrub", ra=0.95, spread=0.02)
    assert "retain accuracy (intervals apart)" in summary(results(ours, clear)).sentences[0]
    fixed = [Value(value, value, value, 3) for value in (0.9, 0.95)]
    still = [
        replace(one, values={**one.values, "ra": ra}) for one, ra in zip((ours, other), fixed, strict=True)
    ]
    assert "retain accuracy; no intervals." in summary(results(*still)).sentences[0]
    more = [replace(one, k=2) for one in (ours, clear)]
    said = summary(results(ours, other, *more)).sentences[0]
    assert said.startswith("Of 2 tables, baselines beat exact in retain accuracy (2, 1 with intervals apart)")


def test_the_first_sentence_says_who_beats_us_and_the_grid_where() -> None:
    found = summary(results(OURS, row("scrub")))
    assert found.sentences == ("Baselines beat exact in abstention AUROC; no intervals.",)
    more = [replace(one, k=2) for one in (OURS, row("scrub", auroc=0.9))]
    found = summary(results(OURS, row("scrub"), *more))
    assert found.sentences == ("Of 2 tables, baselines beat exact in abstention AUROC (2); no intervals.",)
    assert found.grids[0].head == ("", "exact")
    assert found.grids[0].rows == (("abstention AUROC", "0.700, scrub 0.900 (blobs, k = 2)"),)
    best = summary(results(row("exact", engine=True, ra=0.99), row("scrub")))
    assert best.sentences == ("No baseline that forgets beats exact in any column.",)
    assert [grid.title for grid in best.grids] == ["Headlines"]
