from __future__ import annotations

from preforget.data import Dataset, Split
from preforget.data.repeated import NEAR, SAME, Copy, Repeated
from preforget.data.summary import duplicates_table, summary


def dataset(labels: list[object], **more: object) -> Dataset:
    split = Split([None] * len(labels), labels)  # type: ignore[list-item, arg-type]
    return Dataset("x", split, split.select([0]), split.select([]), (), "", **more)  # type: ignore[arg-type]


def test_one_line_with_counts_and_reasons() -> None:
    groups = (Repeated(SAME, (Copy("1", "train", "a"), Copy("2", "test", "b"), Copy("3", "test", "b"))),)
    data = dataset(["b", "a", "b"], left_out=(("hidden", 2),), skipped=((None, "x"),), repeated=groups)
    assert summary(data) == (
        "read train 3 (a 1, b 2), validation 1 (b 1), test 0; left out: 2 hidden, 1 broken; 2 duplicates"
    )
    assert summary(data, named=False).startswith("read train 3 (2 classes of 1 to 2), validation 1")
    many = dataset([str(n) for n in range(20)])
    assert summary(many).startswith("read train 20 (20 classes of 1 to 1), ")
    assert summary(dataset([("a", "b"), ()])).startswith("read train 2 (a 1, b 1), ")


def test_the_table_of_copies() -> None:
    groups = [Repeated(NEAR, (Copy("1,x", "train", ("a", "b"), "p"), Copy("2", "test", "b\x1b")))]
    assert duplicates_table(groups).splitlines() == [
        "group,kind,part,class,person,place",
        '1,near,train,a|b,p,"1,x"',
        "1,near,test,b\\x1b,,2",
    ]
