"""Light, dark, or as the visitor's system has it: kept in a cookie, so that it works without script."""

from __future__ import annotations

from fastapi import Request

THEMES = ("system", "light", "dark")
COOKIE = "preforget-theme"


def theme_of(request: Request) -> str:
    """Return the theme that a visitor has chosen."""
    given = request.cookies.get(COOKIE, "")
    return given if given in THEMES else THEMES[0]


def set_theme(theme: str) -> str:
    """Return the header that keeps a theme for a year."""
    return f"{COOKIE}={theme}; Path=/; Max-Age=31536000; SameSite=Strict"
