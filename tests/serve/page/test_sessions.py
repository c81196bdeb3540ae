from __future__ import annotations

from preforget.serve.page.sessions import IDLE, LONGEST, MOST_SESSIONS, Sessions, is_cookie


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_session_ends_by_itself_when_it_is_not_used() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    cookie = sessions.begin("pf_token")
    clock.now = IDLE - 1
    assert sessions.token(cookie) == "pf_token"
    clock.now += IDLE - 1
    assert sessions.token(cookie) == "pf_token"
    clock.now += IDLE + 1
    assert sessions.token(cookie) is None
    assert sessions.token(cookie) is None


def test_a_session_ends_however_much_it_is_used() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    cookie = sessions.begin("pf_token")
    while clock.now + IDLE / 2 <= LONGEST:
        clock.now += IDLE / 2
        assert sessions.token(cookie) == "pf_token"
    clock.now = LONGEST + 1
    assert sessions.token(cookie) is None


def test_it_ends_when_asked_and_the_oldest_make_room() -> None:
    sessions = Sessions()
    first, second = sessions.begin("a"), sessions.begin("b")
    sessions.end(first)
    assert (sessions.token(first), sessions.token(second)) == (None, "b")
    for _ in range(MOST_SESSIONS):
        last = sessions.begin("c")
    assert (sessions.token(second), sessions.token(last)) == (None, "c")


def test_a_csrf_token_belongs_to_one_cookie_of_one_process() -> None:
    sessions, others = Sessions(), Sessions()
    one, two = sessions.new_cookie(), sessions.new_cookie()
    assert is_cookie(one)
    assert not is_cookie("x" * 42)
    assert sessions.is_csrf(one, sessions.csrf(one))
    assert not sessions.is_csrf(one, sessions.csrf(two))
    assert not sessions.is_csrf(one, others.csrf(one))
    assert not sessions.is_csrf(one, "ä")


def test_neither_token_nor_cookie_is_in_a_repr() -> None:
    sessions = Sessions()
    cookie = sessions.begin("pf_secret")
    text = repr(vars(sessions))
    assert "pf_secret" not in text
    assert cookie not in text
