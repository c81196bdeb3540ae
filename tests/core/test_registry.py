from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from preforget.core.errors import UsageError
from preforget.core.registry import Registry


def test_entries_by_name() -> None:
    attacks: Registry[int] = Registry("attack")
    assert attacks.register("b")(2) == 2
    attacks.register("a")(1)
    assert attacks["b"] == 2
    assert list(attacks) == ["a", "b"]
    assert "a" in attacks
    assert "c" not in attacks


def test_a_name_is_entered_once() -> None:
    attacks: Registry[int] = Registry("attack")
    attacks.register("a")(1)
    with pytest.raises(ValueError, match="attack 'a' is registered twice"):
        attacks.register("a")(2)
    assert attacks["a"] == 1


def test_an_unknown_name_lists_the_known_ones() -> None:
    attacks: Registry[int] = Registry("attack")
    attacks.register("b")(2)
    attacks.register("a")(1)
    with pytest.raises(UsageError, match=r"unknown attack 'x'; choose one of: a, b"):
        attacks["x"]


def test_an_alias_is_found_and_not_listed() -> None:
    attacks: Registry[int] = Registry("attack")
    attacks.register("new", aliases=("old",))(1)
    assert attacks["old"] == 1
    assert "old" in attacks
    assert list(attacks) == ["new"]
    with pytest.raises(ValueError, match="'old' is registered twice"):
        attacks.register("old")(2)


def installed(site: Path, name: str, code: str, points: dict[str, str]) -> None:
    """Put a package with entry points into a folder, as an installer does."""
    (site / f"{name}.py").write_text(textwrap.dedent(code))
    info = site / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = "".join(f"{point} = {value}\n" for point, value in points.items())
    (info / "entry_points.txt").write_text(f"[preforget.things]\n{lines}")


def run(site: Path, code: str) -> str:
    start = f"import sys; sys.path.insert(0, {str(site)!r})\nfrom things import THINGS\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "things.py").write_text(
        "from preforget.core.registry import Registry\n"
        "THINGS = Registry('thing', package='ours', group='preforget.things')\n"
    )
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "__init__.py").write_text("")
    (tmp_path / "ours" / "a.py").write_text("from things import THINGS\nTHINGS.register('a')(1)\n")
    return tmp_path


def test_ours_are_found_where_they_lie(site: Path) -> None:
    assert run(site, "print(THINGS['a'], list(THINGS), 'b' in THINGS)") == "1 ['a'] False"


def test_an_extension_is_found_by_its_entry_point(site: Path) -> None:
    installed(site, "theirs", "from things import THINGS\nTHINGS.register('b')(print)", {"b": "theirs"})
    assert run(site, "print(THINGS['b'] is print, list(THINGS))") == "True ['a', 'b']"


def test_a_broken_extension_stops_only_who_asks_for_it(site: Path) -> None:
    installed(site, "broken", "1 / 0", {"c": "broken"})
    code = """
    print(THINGS['a'])
    for ask in (lambda: THINGS['c'], lambda: list(THINGS)):
        try: ask()
        except ValueError as error: print(error)
    """
    said = run(site, textwrap.dedent(code)).splitlines()
    assert said[0] == "1"
    assert said[1] == said[2]
    assert "thing 'c' of broken can't be loaded: ZeroDivisionError" in said[1]


def test_an_entry_point_must_enter_its_name(site: Path) -> None:
    installed(site, "other", "from things import THINGS\nTHINGS.register('e')(1)", {"d": "other"})
    code = "try: THINGS['d']\nexcept ValueError as error: print(error)"
    assert "enters no thing of that name" in run(site, code)


def test_modules_of_extensions_are_told(site: Path) -> None:
    code = "from things import THINGS\n@THINGS.register('f')\ndef f(): pass"
    installed(site, "module_of_f", code, {"f": "module_of_f"})
    assert run(site, "THINGS['f']; print(THINGS.extension_modules())") == "['module_of_f']"


def test_only_modules_that_can_be_imported_elsewhere_are_told(site: Path) -> None:
    code = """
    from preforget.core.registry import extension_modules
    import mine
    exec("@THINGS.register('g')\\ndef g(): pass", {"__name__": "run_by_hand", "THINGS": THINGS})
    THINGS.register("h", module="mine")(1)
    print(extension_modules())
    """
    (site / "mine.py").write_text("")
    assert run(site, textwrap.dedent(code)) == "['mine']"
