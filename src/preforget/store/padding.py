"""Give files of records sizes that tell nothing of names and little of how much was learned: powers of two."""

from __future__ import annotations

HEADER_STEP = 1024
"""The header fills a multiple of so many bytes, so that the length of the names in it has no part in the size."""

MOST_PADDING = 2**26
"""From twice this size on, files fill a multiple of it: safetensors reads no header of 100 MB."""


def padded(content: bytes, added: int = 0) -> bytes:
    """Return a safetensors file with blanks at the end of its header, so that its size is a power of two.

    Every reader of safetensors passes over them. `added`: by how many bytes sealing makes the file longer; the power
    of two is then that of the sealed file. Blanks that are there already are taken away first.

    >>> header = b'{"__metadata__":{"label":"cat"}}'
    >>> content = len(header).to_bytes(8, "little") + header
    >>> len(padded(content)), len(padded(content, 47))
    (1024, 2001)
    """
    length = int.from_bytes(content[:8], "little")
    header, tensors = content[8 : 8 + length].rstrip(b" "), content[8 + length :]
    size = -(-(8 + len(header)) // HEADER_STEP) * HEADER_STEP + len(tensors)
    header = header.ljust(padded_size(size + added) - added - len(tensors) - 8)
    return len(header).to_bytes(8, "little") + header + tensors


def padded_size(size: int) -> int:
    """Return the least power of two, or the least multiple of `MOST_PADDING`, that isn't below `size`.

    >>> padded_size(1024), padded_size(1025), padded_size(2**27 + 1) == 3 * 2**26
    (1024, 2048, True)
    """
    step = min(1 << (size - 1).bit_length(), MOST_PADDING)
    return -(-size // step) * step
