"""How a service is set up: limits, what answers may tell, and which names of hosts it answers to."""

from __future__ import annotations

from dataclasses import dataclass

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""Names by which a machine reaches itself."""


@dataclass(frozen=True)
class Settings:
    """The options of one service.

    `rows`: inputs per batch, or a size of batches with the same bits, so that answers have these alone and beside
    others. `top_k`, `labels_only`, `decimals`: what answers tell, against extraction of the model by its answers.
    `rate`: requests for answers per second of one caller, None for any number; `burst`: how many may come at once.
    `most_body`: bytes of a request; `most_inputs`: inputs of one request; `most_pixels`: of one image; `most_samples`:
    of all sounds of one request, channels counted apart; `most_text`: bytes of all its texts; `most_waiting`: inputs
    that may wait for their batch. `patience`: seconds in which a request must have arrived whole; `drain`:
    seconds in which requests that are under way may end after SIGTERM. `hosts`: names in the header `Host` that are
    answered; `open_reading`: whether who has no token may read and ask for answers.
    """

    rows: int = 8
    top_k: int | None = None
    labels_only: bool = False
    decimals: int | None = None
    rate: float | None = None
    burst: int = 20
    most_body: int = 32 * 2**20
    most_inputs: int = 256
    most_pixels: int = 50_000_000
    most_samples: int = 60_000_000
    most_text: int = 2**20
    most_waiting: int = 2048
    patience: float = 30.0
    drain: float = 30.0
    hosts: tuple[str, ...] = LOOPBACK
    open_reading: bool = False
