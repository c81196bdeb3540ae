from __future__ import annotations

from preforget.serve.settings import LOOPBACK, Settings


def test_without_options_only_this_machine_is_answered_and_only_with_a_token() -> None:
    assert Settings().hosts == LOOPBACK
    assert not Settings().open_reading
