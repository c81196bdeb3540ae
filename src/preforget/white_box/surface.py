"""What an attacker who holds a model's files can compute and train: the interface of white-box attacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from preforget.data.dataset import Images

Weights = Mapping[str, Tensor]
Features = list[npt.NDArray[np.float32]]


class Surface(Protocol):
    """A model whose weights lie open. `n` inputs, `C` live classes, `D` width, `F` width of what a row reads.

    A class is `prompt [T, D]` (and, in some engines, more that belongs to the prompt, see `prompt_names`), a `row` of
    `F` numbers in some shape, and a `bias ()`; `score = readout . row + bias`. Nothing here changes the model.
    """

    labels: tuple[str, ...]
    prompt_names: tuple[str, ...]
    """Names of the weights of a class that are its prompt; the others are `row` and `bias`."""

    def read(self, inputs: Images) -> Any:
        """Return what the other calls take for `n` inputs; done once, without gradients."""

    def start(self, tokens: int, generator: Any) -> dict[str, Tensor]:
        """Return the untrained weights of one more class with a prompt of `tokens`, its row and bias zero.

        `generator`: a `torch.Generator`. Prompts start as the model's own recipe starts them.
        """

    def logits(
        self, read: Any, rows: Tensor, new: Weights | None = None, live: Weights | None = None
    ) -> Tensor:
        """Return `float32 [len(rows), C]`, and one column more for the class `new`, with gradients to both.

        `rows`: positions among the inputs; `live`: take the place of the model's own weights, as `live()` gives them.
        """

    def readout(self, read: Any, rows: Tensor, new: Weights) -> Tensor:
        """Return what the row of the class `new` acts on, `float32 [len(rows), F]`, without gradients.

        The score of `new` is `readout @ new["row"].flatten() + new["bias"]`.
        """

    def live(self) -> dict[str, Tensor]:
        """Return copies of all learned weights, each `[C, ...]` by the names of a class, or `adapter.*` if shared.

        Empty where nothing was learned by gradient (closed form): then there are no prompts to take.
        """

    def features(self, inputs: Images) -> Features:
        """Return the CLS state after every block of the model's own image path, `[blocks][n, D]`."""

    def open(self, pixels: Tensor) -> Tensor:
        """Return the scores of live classes `[batch, C]` with gradients to `pixels [batch, ...]`."""

    def pixels(self, inputs: Images, rows: Tensor) -> Tensor:
        """Return what `open` takes for some of the inputs."""


class Files(Surface, Protocol):
    """An open model that also shows its files."""

    def stored(self) -> dict[str, Tensor]:
        """Return everything that the model's files hold, by any names, including what no score depends on."""
