from __future__ import annotations

from preforget.benchmark.context import Context, key_of, stages
from preforget.benchmark.search import best, generator


def test_the_earliest_of_equals_is_chosen_and_failures_are_not() -> None:
    trials = [
        {"options": {"a": 1}, "tow": None},
        {"options": {"a": 2}, "tow": 0.5},
        {"options": {"a": 3}, "tow": 0.5},
    ]
    assert best(trials) == {"a": 2}
    assert best(trials[:1]) is None


def test_what_is_written_of_a_search(done: Context) -> None:
    searches = {task.who: task for task in stages(done)[1]}
    found = done.work().get(*key_of(done, searches["random_label"]))
    assert len(found["trials"]) == found["budget"] == 2
    assert found["chosen"] in [trial["options"] for trial in found["trials"]]
    assert found["chosen"] == max(found["trials"], key=lambda trial: trial["tow"])["options"]
    assert "learning_rate" in found["space"]
    nothing = done.work().get(*key_of(done, searches["drop_row"]))
    assert (nothing["trials"], nothing["chosen"]) == ([], {})


def test_streams(done: Context) -> None:
    tasks = [task for task in stages(done)[1] if task.who == "random_label"]
    first, other = tasks[0], next(task for task in tasks if task.seed != tasks[0].seed)
    assert generator(first).initial_seed() == generator(first).initial_seed()
    assert generator(first).initial_seed() != generator(other).initial_seed()
