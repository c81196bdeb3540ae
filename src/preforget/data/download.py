"""Fetch published files into a cache: checked, resumed after a break, safe for several processes at once."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from preforget.core.errors import DataError
from preforget.core.files import exclusive
from preforget.core.paths import given_path
from preforget.data.medmnist import RECORD, md5_of

BASE_URL = f"https://zenodo.org/records/{RECORD}/files"
TIMEOUT = (10, 60)  # seconds to connect, seconds without a byte
BLOCK = 1 << 16


def cache_folder(data_dir: Path | None = None) -> Path:
    """Return the folder of downloads: `data_dir`, else `PREFORGET_DATA`, else the user's cache folder."""
    import platformdirs

    folder = data_dir or os.environ.get("PREFORGET_DATA")
    return given_path(folder) if folder else platformdirs.user_cache_path("preforget", False) / "data"


def fetch(
    name: str, md5: str, folder: Path, *, download: bool = True, base_url: str = BASE_URL, retries: int = 2
) -> Path:
    """Return `folder/name`, downloaded from `base_url` unless it is there already.

    The received part of a broken download stays in `name.part`, and the next try continues from there. An existing
    file with another checksum is never overwritten. Raises `DataError` without a network, for a wrong
    checksum, or if `download` is false and the file is missing; each message says which file belongs where.
    """
    target = folder / name
    remedy = (
        f"get {name} (md5 {md5}; MedMNIST, Zenodo record {RECORD}) elsewhere and put it there as {target}"
    )
    if _is_there(target, md5):
        return target
    if not download:
        raise DataError(f"{target} is missing and downloads are off; {remedy}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive(folder):
            if not _is_there(target, md5):
                _download(f"{base_url}/{name}?download=1", md5, target, remedy, retries)
    except OSError as error:
        raise DataError(f"{target}: can't be written: {error.strerror or error}; {remedy}") from error
    return target


def _is_there(target: Path, md5: str) -> bool:
    if not target.exists():
        return False
    try:
        actual = md5_of(target)
    except OSError as error:
        raise DataError(f"{target}: can't be read: {error.strerror}") from error
    if actual != md5:
        raise DataError(
            f"{target} has md5 {actual}, the published file {md5}; to use yours give its path, "
            "to fetch the published one move yours away"
        )
    return True


def _download(url: str, md5: str, target: Path, remedy: str, retries: int) -> None:
    import pooch
    import requests

    downloader = _Resuming(target.with_name(f"{target.name}.part"))
    for left in range(retries, -1, -1):
        try:
            pooch.retrieve(url, f"md5:{md5}", target.name, target.parent, downloader=downloader)
            return
        except requests.RequestException as error:
            status = error.response.status_code if error.response is not None else 0
            if left == 0 or (400 <= status < 500 and status not in (408, 416, 429)):
                cause = (
                    f"the server answered {status}" if status else f"no connection ({type(error).__name__})"
                )
                raise DataError(
                    f"{target.name} can't be downloaded: {cause}; try again later, or {remedy}"
                ) from error
            time.sleep(retries - left + 1)
        except ValueError as error:
            # the part of an older try may have been at fault; it is deleted now
            if left == 0 or not downloader.resumed:
                raise DataError(
                    f"{target.name}: the downloaded file had another md5 and was deleted; try later, or {remedy}"
                ) from error


class _Resuming:
    """A downloader for pooch that keeps the received bytes in `part` and requests only the rest."""

    def __init__(self, part: Path) -> None:
        self.part = part
        self.resumed = False

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        import requests

        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            content_range = response.headers.get("Content-Range", "")
            complete = response.status_code == 416 and content_range == f"bytes */{have}"
            if not complete:
                if response.status_code == 416:
                    self.part.unlink()
                response.raise_for_status()
            goes_on = response.status_code == 206 and content_range.startswith(f"bytes {have}-")
            self.resumed = complete or goes_on
            if not complete:
                with self.part.open("ab" if goes_on else "wb") as file:
                    for block in response.iter_content(BLOCK):
                        file.write(block)
        self.part.replace(output_file)
