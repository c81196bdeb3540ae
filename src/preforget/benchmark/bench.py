"""The benchmark from Python: finish a matrix, write its tables and return them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from preforget.backbones.pinned import pinned
from preforget.benchmark.context import begin
from preforget.benchmark.headlines import summary
from preforget.benchmark.matrix import Matrix, overridden
from preforget.benchmark.matrix_file import SHIPPED, read_matrix
from preforget.benchmark.page import page
from preforget.benchmark.run import run
from preforget.benchmark.tables import Results, results_of
from preforget.benchmark.writers import to_csv, to_json, to_markdown
from preforget.core.errors import StoreError
from preforget.core.files import make_private
from preforget.core.targets import check_target, write_target
from preforget.jobs.executor import Executor, Here
from preforget.jobs.work import RESULTS

FILES = ("results.json", "results.csv", "results.md", "results.html")
"""What a benchmark writes into its folder."""


@pinned
def bench(
    matrix: str | Path | Matrix,
    out: str | Path,
    *,
    data: Mapping[str, str | Path] | None = None,
    seeds: int | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
    download: bool = True,
    executor: Executor | None = None,
    progress: bool = False,
) -> Results:
    """Compare the engines with retraining and with methods of unlearning, as `preforget bench` does.

    Finished cells stay in `out`. After an interruption, or on another machine that shares the folder, the same call
    continues with the cells that are left.

    Args:
        matrix: `"quick"`, `"paper"`, the path of a TOML file, or a `Matrix`.
        out: The folder of results; tables and a page are written there too.
        data: Paths of data sets of the matrix, by their names.
        seeds: Use the seeds 0 to `seeds` - 1 in place of the matrix's own.
        device: `"auto"`, `"cpu"`, `"cuda"`, `"cuda:<n>"` or `"mps"`.
        data_dir: Where downloads are kept.
        download: Whether data that are missing may be downloaded.
        executor: Where the work is done, by default in this process; `preforget.jobs.executor.Pool()` uses all cores
            and needs a program that guards its start with `if __name__ == "__main__"`.
        progress: Show progress and the time left on stderr.

    Returns:
        All rows of the matrix, one per data set, number of forgotten classes and contender.

    Raises:
        UsageError: The matrix or an option can't be used.
        DataError: A data set can't be used.
        StoreError: The folder can't be written.

    Example:
        >>> import numpy as np
        >>> import preforget as pf
        >>> from preforget.benchmark.matrix import DataEntry, EngineEntry, Matrix
        >>> draw, shades = np.random.default_rng(0), np.repeat([40, 120, 200], 10)
        >>> images = (shades[:, None, None] + draw.integers(0, 40, (3, 30, 8, 8))).astype(np.uint8)
        >>> parts = dict(zip(("train", "val", "test"), images))
        >>> arrays = {f"{part}_images": drawn for part, drawn in parts.items()}
        >>> np.savez("shades.npz", **arrays, **{f"{part}_labels": shades for part in parts})
        >>> data = DataEntry("shades", "shades.npz", image_size=16)
        >>> engine = EngineEntry("exact", "exact", {"levels": 1})
        >>> results = pf.bench(Matrix("small", (data,), (engine,), (), measures=("fa", "ra")), "out", device="cpu")
        >>> [row.who for row in results.rows], results.missing
        (['exact'], 0)
    """
    chosen = matrix if isinstance(matrix, Matrix) else read_matrix(SHIPPED.get(str(matrix), Path(matrix)))
    paths = {name: str(path) for name, path in (data or {}).items()}
    chosen, folder = overridden(chosen, data=paths, seeds=seeds), Path(out).expanduser()
    begin_results(folder)
    context = begin(
        chosen,
        folder,
        device=device,
        data_dir=None if data_dir is None else Path(data_dir).expanduser(),
        download=download,
    )
    run(context, executor or Here(), show=progress)
    results = results_of(context)
    write_results(results, folder, f"preforget bench {chosen.name}")
    return results


def write_results(results: Results, folder: Path, command: str) -> None:
    """Write the tables and the page of a benchmark; raises `StoreError`.

    `command`: the command line that repeats the benchmark, shown on the page.
    """
    overview = summary(results)
    texts = (
        *(to_json(results), to_csv(results)),
        *(to_markdown(results, overview), page(results, overview, command)),
    )
    for name, text in zip(FILES, texts, strict=True):
        write_target(folder / name, text.encode(), force=True)


def begin_results(folder: Path, *, force: bool = False) -> None:
    """Make the folder of a benchmark, or continue in an existing one.

    Raises `UsageError` if it holds files of the same names that no benchmark wrote, unless `force` allows replacing
    them, and `StoreError` if it can't be made.
    """
    may_replace = force or (folder / RESULTS).is_dir()
    try:
        make_private(folder)
    except OSError as error:
        raise StoreError(f"{folder} can't be written: {error.strerror or error}") from error
    for name in FILES:
        check_target(folder / name, force=may_replace)
