"""Checks of the machine and its settings, each with a word on what to do: what `preforget doctor` prints."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from preforget.core.clock import now
from preforget.core.files import may_write
from preforget.core.paths import given_path
from preforget.core.version import __version__

LIBRARIES = ("torch", "transformers", "numpy", "scikit-learn", "safetensors", "cryptography", "pillow")
LEAST_FREE = 1 << 30
"""Bytes on a disk below which a check fails."""

CLOCK_TOLERANCE = 5.0
"""Seconds by which the time of a new file may differ from the clock."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `remedy` says what to do where `ok` is false."""

    name: str
    ok: bool
    value: str
    remedy: str = ""


def surroundings(keyring: str | None = None) -> list[Check]:
    """Return all checks, in the order in which they are printed; none raises."""
    return [*versions(), *computing(), keyring_check(keyring), *disk(), cache(), clock()]


def versions() -> Iterator[Check]:
    """Say which versions are installed; one that is missing fails."""
    system = f"{platform.system()} {platform.machine()}"
    yield Check("preforget", True, f"{__version__}, Python {platform.python_version()}, {system}")
    for name in LIBRARIES:
        try:
            yield Check(name, True, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Check(name, False, "not installed", f"pip install {name}")


def computing() -> Iterator[Check]:
    """Say which number formats the CPU has and how many threads torch takes."""
    import torch

    from preforget.backbones.precision import choose_device, choose_dtype, dtype_name

    formats = {
        "AVX-512": "_is_avx512_supported",
        "bfloat16": "_is_avx512_bf16_supported",
        "AMX": "_is_amx_tile_supported",
    }
    available = [name for name, test in formats.items() if getattr(torch.cpu, test, bool)()]
    capability = torch.backends.cpu.get_cpu_capability()
    device = choose_device("auto")
    chosen = dtype_name(choose_dtype("auto", device))
    yield Check(
        "numbers",
        True,
        f"{capability}; {', '.join(available) or 'none of ' + ', '.join(formats)}; auto takes {chosen}",
    )
    yield Check("device", True, str(device))
    cores, threads = os.cpu_count() or 1, torch.get_num_threads()
    remedy = f"more threads than cores slow each other down: set OMP_NUM_THREADS={cores}"
    yield Check("threads", threads <= cores, f"{threads} of {cores} cores", remedy)


def keyring_check(location: str | None = None) -> Check:
    """Say where keys lie, whether they can be written there and whether they are encrypted."""
    from preforget.core.errors import PreforgetError
    from preforget.store.key_file import FileKeyring
    from preforget.store.keyring import open_keyring

    try:
        ring = open_keyring(location)
        if not isinstance(ring, FileKeyring):
            return Check("keyring", True, f"{ring.place}, {len(ring.models())} sealed models")
        state = (
            "encrypted"
            if ring.encrypted
            else "not encrypted: put it on an encrypted disk, or set a passphrase"
        )
        value = f"{ring.folder}, {state if ring.folder.exists() else 'made when it is needed'}"
        writable = _is_writable(ring.folder)
    except (PreforgetError, OSError) as error:
        return Check(
            "keyring", False, str(error), "give a place that you can write: --keyring or PREFORGET_KEYRING"
        )
    return Check(
        "keyring", writable, value, "it can't be written: change its rights, or set PREFORGET_KEYRING"
    )


def disk() -> Iterator[Check]:
    """Say how much is free where commands write by default: this folder, and temporary files."""
    for name, folder in (("disk", Path.cwd()), ("temporary", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        yield Check(
            name, free >= LEAST_FREE, f"{free / 2**30:.1f} GiB free in {folder}", "make room: at least 1 GiB"
        )


def cache() -> Check:
    """Say where downloaded data are kept, and how much there is."""
    from preforget.data.download import cache_folder

    folder = cache_folder()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    return Check(
        "data",
        _is_writable(folder),
        f"{size / 2**20:.1f} MiB in {folder}",
        "downloads can't be kept there: change its rights, or set PREFORGET_DATA",
    )


def clock(tolerance: float = CLOCK_TOLERANCE) -> Check:
    """Say the time in UTC, and whether it goes with the time of files: receipts and the ledger state it."""
    remedy = "set the clock: receipts and the ledger state its time"
    with tempfile.NamedTemporaryFile() as file:
        apart = abs(Path(file.name).stat().st_mtime - time.time())
    # nothing can have been installed in the future
    early = time.time() < Path(__file__).stat().st_mtime - tolerance
    value = f"{now()}" + (", before this program was installed" if early else "")
    value += f", {apart:.0f} s apart from the disk's" if apart > tolerance else ""
    return Check("clock", not early and apart <= tolerance, value, remedy)


def _is_writable(path: Path) -> bool:
    """Tell whether a folder, or the nearest folder above it that exists, can be written."""
    folder = given_path(path).absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return may_write(folder)
