from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from preforget.cli.console import Console, OutputError, note, percent


def test_lines_are_for_people_and_results_for_machines() -> None:
    for as_json, expected in ((False, "hello\n"), (True, '{\n  "a": 1\n}\n')):
        stream = io.StringIO()
        console = Console(stream, as_json)
        console.line("hello")
        console.result({"a": 1})
        assert stream.getvalue() == expected


def test_a_stream_that_lacks_a_letter_gets_an_escape() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Console(stream, False).line("größer")
    assert raw.getvalue() == b"gr\\xf6\\xdfer\n"


def test_no_number_that_is_none() -> None:
    with pytest.raises(ValueError, match="JSON"):
        Console(io.StringIO(), True).result({"a": float("nan")})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_once() -> None:
    with Path("/dev/full").open("w") as stream:
        console = Console(stream, False)
        with pytest.raises(OutputError, match="standard output can't be written: No space left on device"):
            console.line("hello")
        console.line("what follows vanishes, and closing doesn't fail")


def test_a_reader_who_has_gone_needs_no_message() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream, pytest.raises(OutputError) as caught:
        Console(stream, False).line("hello")
    assert str(caught.value) == ""
    assert caught.value.exit_code == 1


def test_nothing_that_is_written_can_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Console(sys.stdout, as_json=False).line("a\tb\n\x1b[31m\x9b\udcff")
    note("\x1b]0;title\x07")
    assert capsys.readouterr() == ("a\tb\n\\x1b[31m\\x9b\\udcff\n", "\\x1b]0;title\\x07\n")


def test_percent_is_aligned() -> None:
    assert [percent(share) for share in (0, 0.9733, 1)] == ["  0.0 %", " 97.3 %", "100.0 %"]


def test_note_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    note("hello")
    assert capsys.readouterr() == ("", "hello\n")
