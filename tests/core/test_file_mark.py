"""What tells a file from what it was before."""

from __future__ import annotations

import os
from pathlib import Path

from preforget.core.file_mark import SETTLED, mark_of


def test_a_file_that_was_replaced_written_to_or_given_other_rights_has_another_mark(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert mark_of(path) is None
    path.write_bytes(b"one")
    marks = [mark_of(path)]
    os.utime(path, ns=(0, 0))
    marks.append(mark_of(path))
    path.write_bytes(b"more")
    marks.append(mark_of(path))
    path.chmod(0o400)
    marks.append(mark_of(path))
    (tmp_path / "other").write_bytes(b"more")
    (tmp_path / "other").replace(path)
    marks.append(mark_of(path))
    assert len(set(marks)) == 5


def test_a_mark_is_settled_once_the_file_is_older_than_a_clock_of_a_file_system_ticks(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    mark = mark_of(path)
    assert mark is not None
    assert mark._replace(modified=0, changed=0).is_settled()
    assert not mark._replace(changed=mark.changed + 100 * SETTLED**2).is_settled()
