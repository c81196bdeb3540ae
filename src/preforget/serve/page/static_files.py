"""Style, script and icon, each at an address that changes with its content, so that browsers may keep them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from preforget.serve.problems import Problem

FOLDER = Path(__file__).with_name("static")
TYPES = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
CONTENTS = {name: (FOLDER / name).read_bytes() for name in TYPES}
DIGESTS = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in CONTENTS.items()}

router = APIRouter(include_in_schema=False)


def address(name: str) -> str:
    """Return where a file is."""
    return f"/static/{DIGESTS[name]}/{name}"


@router.get("/static/{digest}/{name}")
async def static(digest: str, name: str) -> Response:
    """Return a file."""
    if DIGESTS.get(name) != digest:
        raise Problem(404, "there is no such file")
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(CONTENTS[name], media_type=TYPES[name], headers=headers)
