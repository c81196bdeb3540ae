from importlib.metadata import version

import preforget


def test_the_installed_version_is_the_package_s_own() -> None:
    assert preforget.__version__ == version("preforget")
