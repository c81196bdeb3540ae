from preforget.data.repeated import SAME, Copy, Repeated


def test_what_copies_are_across() -> None:
    one, other = Copy("1", "train", "a", "p"), Copy("2", "train", ("a",), "p")
    assert not Repeated(SAME, (one, one)).across_classes
    both = Repeated(SAME, (one, other))
    assert (both.across_parts, both.across_classes, both.across_subjects) == (False, True, False)
