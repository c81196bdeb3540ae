from __future__ import annotations

from dataclasses import replace

from preforget.benchmark.headlines import SINGLE, Beaten, beaten, headlines, sentences

from .examples import results, row

OURS = row("exact", engine=True, ra=0.95, forget_seconds=0.1, learn_seconds=50.0, auroc=0.7)


def test_ratios_by_hand() -> None:
    found = headlines(
        [OURS, row("retrain", forget_seconds=80.0), row("drop_row", forget_seconds=0.2), row("scrub")]
    )
    assert found == [
        "blobs, k = 1, exact: forgetting takes 0.5 times as long as drop_row and 0.01 times as long as scrub; "
        "learning takes 0.5 times as long as LoRA; retained accuracy 0.950, +0.040 to its own retrain and "
        "+0.050 to LoRA retrained."
    ]


def test_who_has_not_forgotten_does_not_count() -> None:
    bad = row("fine_tune", fa=0.06, ra=1.0, forget_seconds=0.001)
    assert "no baseline forgets" in headlines([OURS, bad])[0]
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
    assert "retain accuracy (0.900, scrub 0.930; intervals overlap)" in sentences(results(ours, other))[0]
    clear = row("scrub", ra=0.95, spread=0.02)
    assert "retain accuracy (0.900, scrub 0.950)" in sentences(results(ours, clear))[0]


def test_the_first_sentence_says_who_beats_us() -> None:
    assert sentences(results(OURS, row("scrub")))[0].startswith(
        "Baselines beat exact in abstention AUROC (0.700, scrub 0.800); all single values."
    )
    more = [replace(one, k=2) for one in (OURS, row("scrub", auroc=0.9))]
    assert (
        "AUROC (in 2 of 2 tables, most on blobs, k = 2: 0.700, scrub 0.900)"
        in (sentences(results(OURS, row("scrub"), *more))[0])
    )
    best = row("exact", engine=True, ra=0.99)
    assert sentences(results(best, row("scrub")))[0] == "No baseline that forgets beats exact in any column."
