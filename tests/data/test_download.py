from __future__ import annotations

import hashlib
import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data.download import cache_folder, fetch

CONTENT = np.random.default_rng(0).bytes(400_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


@dataclass
class Server:
    """A real HTTP server on 127.0.0.1: `cuts` are the bytes after which each first answer breaks off."""

    url: str = ""
    content: bytes = CONTENT
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    redirects: int = 0
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            if state.redirects:
                state.redirects -= 1
                self.send_response(302)
                self.send_header("Location", "/elsewhere/" + self.path.rpartition("/")[2])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if state.statuses:
                self.send_error(state.statuses.pop(0))
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            if start and start >= len(state.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(state.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            rest = state.content[start:]
            self.send_response(206 if start else 200)
            if start:
                end = len(state.content) - 1
                self.send_header("Content-Range", f"bytes {start}-{end}/{len(state.content)}")
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: state.cuts.pop(0)] if state.cuts else rest)

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state.url = f"http://127.0.0.1:{httpd.server_address[1]}/files"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        httpd.shutdown()
        thread.join()


def closed_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/files"


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "new" / "cache"
    path = fetch("set.npz", MD5, folder, base_url=server.url)
    assert path == folder / "set.npz"
    assert path.read_bytes() == CONTENT
    assert fetch("set.npz", MD5, folder, base_url=server.url) == path
    assert server.asked == [None]
    assert files_in(folder) == ["set.npz"]


def test_a_file_that_is_there_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "set.npz").write_bytes(CONTENT)
    assert fetch("set.npz", MD5, tmp_path, base_url=closed_port(), download=False) == tmp_path / "set.npz"


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path, server: Server) -> None:
    server.cuts = [200_000]
    path = fetch("set.npz", MD5, tmp_path, base_url=server.url, retries=1)
    assert path.read_bytes() == CONTENT
    assert server.asked[0] is None
    assert server.asked[1] is not None
    assert 100_000 < int(server.asked[1].removeprefix("bytes=").rstrip("-")) <= 200_000
    assert files_in(tmp_path) == ["set.npz"]


def test_a_redirect_is_followed_also_when_a_broken_download_goes_on(tmp_path: Path, server: Server) -> None:
    server.cuts, server.redirects = [150_000], 1
    path = fetch("cells.npz", MD5, tmp_path, base_url=server.url)
    assert path.read_bytes() == CONTENT
    assert server.asked[:2] == [None, None]
    assert server.asked[2] == "bytes=131072-"  # what came in whole blocks


def test_a_later_call_goes_on_too(tmp_path: Path, server: Server) -> None:
    server.cuts = [200_000]
    with pytest.raises(DataError, match=r"set\.npz can't be downloaded: no connection"):
        fetch("set.npz", MD5, tmp_path, base_url=server.url, retries=0)
    assert files_in(tmp_path) == ["set.npz.part"]
    assert fetch("set.npz", MD5, tmp_path, base_url=server.url, retries=0).read_bytes() == CONTENT
    assert len(server.asked) == 2
    assert server.asked[1] is not None


def test_a_server_without_ranges_starts_anew(tmp_path: Path, server: Server) -> None:
    server.cuts, server.ranges = [200_000], False
    assert fetch("set.npz", MD5, tmp_path, base_url=server.url, retries=1).read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_taken(tmp_path: Path, server: Server) -> None:
    (tmp_path / "set.npz.part").write_bytes(CONTENT)
    assert fetch("set.npz", MD5, tmp_path, base_url=server.url, retries=0).read_bytes() == CONTENT


@pytest.mark.parametrize("left_over", [b"x" * 100_000, b"x" * 400_000])
def test_a_part_of_another_file_is_thrown_away(tmp_path: Path, server: Server, left_over: bytes) -> None:
    (tmp_path / "set.npz.part").write_bytes(left_over)
    assert fetch("set.npz", MD5, tmp_path, base_url=server.url, retries=1).read_bytes() == CONTENT
    assert files_in(tmp_path) == ["set.npz"]


def test_a_part_that_is_too_long_is_thrown_away(tmp_path: Path, server: Server) -> None:
    (tmp_path / "set.npz.part").write_bytes(CONTENT + b"more")
    assert fetch("set.npz", MD5, tmp_path, base_url=server.url, retries=1).read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing_behind(tmp_path: Path, server: Server) -> None:
    server.content = b"an error page"
    with pytest.raises(
        DataError, match=rf"set\.npz: the downloaded file had another md5.*md5 {MD5}.*put it there as"
    ):
        fetch("set.npz", MD5, tmp_path, base_url=server.url)
    assert len(server.asked) == 1
    assert files_in(tmp_path) == []


def test_another_file_of_that_name_is_never_overwritten(tmp_path: Path, server: Server) -> None:
    (tmp_path / "set.npz").write_bytes(b"mine")
    with pytest.raises(
        DataError, match=rf"set\.npz has md5 \w+, the published file {MD5}; to use yours give its path"
    ):
        fetch("set.npz", MD5, tmp_path, base_url=server.url)
    assert (tmp_path / "set.npz").read_bytes() == b"mine"
    assert server.asked == []


def test_without_a_network_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DataError) as caught:
        fetch("set.npz", MD5, tmp_path, base_url=closed_port(), retries=0)
    assert str(caught.value) == (
        "set.npz can't be downloaded: no connection (ConnectionError); try again later, or get set.npz "
        f"(md5 {MD5}; MedMNIST, Zenodo record 10519652) elsewhere and put it there as {tmp_path / 'set.npz'}"
    )


def test_downloads_may_be_off(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"downloads are off; get set\.npz \(md5 {MD5}"):
        fetch("set.npz", MD5, tmp_path / "cache", download=False)
    assert not (tmp_path / "cache").exists()


def test_a_refusal_is_final_and_a_busy_server_is_asked_again(tmp_path: Path, server: Server) -> None:
    server.statuses = [404]
    with pytest.raises(DataError, match="the server answered 404"):
        fetch("set.npz", MD5, tmp_path, base_url=server.url)
    server.statuses = [503]
    assert fetch("set.npz", MD5, tmp_path, base_url=server.url, retries=1).read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"set\.npz: can't be written"):
        fetch("set.npz", MD5, tmp_path / "file" / "cache")


def test_two_processes_at_once_fetch_once(tmp_path: Path, server: Server) -> None:
    command = (
        "import sys; from pathlib import Path; from preforget.data.download import fetch;"
        "fetch('set.npz', sys.argv[1], Path(sys.argv[2]), base_url=sys.argv[3], retries=0)"
    )
    arguments = [sys.executable, "-c", command, MD5, str(tmp_path), server.url]
    running = [subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], errors
    assert (tmp_path / "set.npz").read_bytes() == CONTENT
    assert server.asked == [None]


def test_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFORGET_DATA", str(tmp_path / "env"))
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    assert cache_folder() == tmp_path / "env"
    monkeypatch.delenv("PREFORGET_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert "preforget" in cache_folder().parts
