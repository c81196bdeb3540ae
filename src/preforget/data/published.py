"""Published MedMNIST sets by their names: downloaded once, checked, kept in a cache."""

from __future__ import annotations

from pathlib import Path

from preforget.core.errors import UsageError
from preforget.data.dataset import Dataset
from preforget.data.download import BASE_URL, cache_folder, fetch
from preforget.data.medmnist import PUBLISHED, SIZES, file_name, known_md5
from preforget.data.npz import load_npz
from preforget.data.registry import DATASETS, DataOptions, NamedSet


def load_published(
    name: str,
    size: int,
    data_dir: Path | None = None,
    download: bool = True,
    *,
    base_url: str = BASE_URL,
    md5: str | None = None,
) -> Dataset:
    """Return a published MedMNIST set with its official split.

    `base_url` and `md5` stand in for the published ones, for mirrors and tests. Raises `UsageError` for a size that
    isn't published, `DataError` for a file that can't be downloaded or read.
    """
    if size not in SIZES:
        raise UsageError(f"{name} has no size {size}; choose one of {', '.join(map(str, SIZES))}")
    checksum = md5 or known_md5(name, size)
    path = fetch(
        file_name(name, size), checksum, cache_folder(data_dir), download=download, base_url=base_url
    )
    return load_npz(path)


def _entry(name: str) -> type[NamedSet]:
    class PublishedSet(NamedSet):
        """One of the sets; the seed has no effect, since the split is official."""

        uses = frozenset({"size"})

        def load(self, options: DataOptions) -> Dataset:
            """Return the edition of the given size."""
            return load_published(name, options.size, options.data_dir, options.download)

    return PublishedSet


for _name in PUBLISHED:
    DATASETS.register(_name)(_entry(_name))
