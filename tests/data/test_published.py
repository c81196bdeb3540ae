from __future__ import annotations

import http.server
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from preforget.core.errors import DataError
from preforget.data import load_data
from preforget.data.medmnist import PUBLISHED, known_md5, md5_of
from preforget.data.published import load_published

Arrays = dict[str, np.ndarray]


def test_a_published_set_that_is_missing_is_described(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_data("organsmnist", size=64, data_dir=tmp_path, download=False)
    for part in ("organsmnist_64.npz", known_md5("organsmnist", 64), "10519652", str(tmp_path)):
        assert part in str(caught.value)


def test_a_rebuilt_file_in_the_cache_is_not_taken_for_the_published_one(
    tmp_path: Path, medmnist_arrays: Arrays
) -> None:
    np.savez(tmp_path / "bloodmnist.npz", **medmnist_arrays)
    with pytest.raises(DataError, match="to use yours give its path"):
        load_data("bloodmnist", data_dir=tmp_path)


def test_a_published_set_comes_over_http(
    tmp_path: Path, medmnist_arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "served").mkdir()
    served = tmp_path / "served" / "octmnist_64.npz"
    np.savez(served, **medmnist_arrays)
    handler = partial(QuietHandler, directory=str(served.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{httpd.server_address[1]}"
        data = load_published("octmnist", 64, data_dir=tmp_path / "cache", base_url=url, md5=md5_of(served))
        httpd.shutdown()
        thread.join()
    np.testing.assert_array_equal(data.test.inputs, medmnist_arrays["test_images"])
    assert data.classes == PUBLISHED["octmnist"].classes[:3]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass
