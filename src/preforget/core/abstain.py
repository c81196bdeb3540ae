"""The answer "none of the classes that I know"."""

from __future__ import annotations

from typing import Final


class Abstain:
    """The one value that stands for abstention; it equals only itself and is false.

    It sorts after every label, so that `sorted` and `numpy.unique` work on answers, and prints as `ABSTAIN`. For tools
    that know text alone, such as JSON and the metrics of scikit-learn, turn the answers into text:
    `answers.astype(str)`, beside `y.astype(str)`, or `json.dumps(answers.tolist(), default=str)`. It is no `str`
    itself: numpy would copy it as plain text, which equals a class of that name and is no longer `ABSTAIN`.

    >>> sorted(["b", ABSTAIN, "a"]), ABSTAIN == "ABSTAIN", bool(ABSTAIN)
    (['a', 'b', ABSTAIN], False, False)
    """

    _instance: Abstain | None = None

    def __new__(cls) -> Abstain:
        """Return the one instance."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "ABSTAIN"

    def __bool__(self) -> bool:
        return False

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return self is other

    def __gt__(self, other: object) -> bool:
        return self is not other

    def __ge__(self, other: object) -> bool:
        return True

    def __reduce__(self) -> tuple[type[Abstain], tuple[()]]:
        return (Abstain, ())


ABSTAIN: Final = Abstain()
