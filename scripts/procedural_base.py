"""What all families of procedural images share: the frame, random fields, palettes.

Frame: x and y run from -1 to 1, x to the right, y down; angles in radians.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

SIZE = 64
GRID = 32  # shapes are evaluated on a GRID x GRID raster of signed distances and enlarged
Latent = dict[str, Tensor]


def uniform(g: Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Draw a tensor of the shape, uniform between low and high."""
    return torch.rand(shape, generator=g) * (high - low) + low


def raster(size: int) -> tuple[Tensor, Tensor]:
    """Pixel centres as x [1, 1, 1, size] and y [1, 1, size, 1]."""
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    return axis.view(1, 1, 1, size), axis.view(1, 1, size, 1)


def enlarge(x: Tensor, size: int = SIZE) -> Tensor:
    """Enlarge maps [n, k, h, w] to size x size pixels, bilinear."""
    return F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)


def turn_matrix(angle: Tensor) -> Tensor:
    """Rotation matrices [n, 2, 2] of angles [n]."""
    c, s = angle.cos(), angle.sin()
    return torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)


def noise_fields(n: int, g: Generator, slope: Tensor, centre: Tensor, width: Tensor) -> Tensor:
    """Gaussian random fields [n, 64, 64] of unit variance; power falls as |f|**-slope around centre [n, 2]."""
    fy, fx = torch.fft.fftfreq(SIZE, 1 / SIZE).view(1, -1, 1), torch.arange(SIZE // 2 + 1.0).view(1, 1, -1)
    cx, cy = centre[:, 0].view(-1, 1, 1), centre[:, 1].view(-1, 1, 1)
    radius = ((fx - cx) ** 2 + (fy - cy) ** 2).add(width.view(-1, 1, 1) ** 2)
    amplitude = radius.pow(-slope.view(-1, 1, 1) / 2) * ((fx > 0) | (fy != 0))
    white = torch.view_as_complex(torch.randn(n, SIZE, SIZE // 2 + 1, 2, generator=g))
    out = torch.fft.irfft2(white * amplitude, s=(SIZE, SIZE))
    return out / out.std((1, 2), keepdim=True).clamp_min(1e-6)


def clouds(n: int, g: Generator) -> Tensor:
    """Soft random fields [n, 64, 64] of unit variance and random slope."""
    return noise_fields(
        n, g, uniform(g, n, low=1.5, high=4), torch.zeros(n, 2), uniform(g, n, low=0.5, high=3)
    )


def palettes(n: int, colours: int, g: Generator, each: int = 7) -> Tensor:
    """Draw palettes [n, colours, 3] of which about `each` rows share one, so that colour alone tells few apart."""
    k = max(1, n // each)
    base = uniform(g, k, 1, 3) + uniform(g, k, colours, 3, low=-0.5, high=0.5)
    grey = base.mean(-1, keepdim=True)
    base = grey + uniform(g, k, 1, 1, low=0.2) * (base - grey)
    chosen = base[torch.randint(0, k, (n,), generator=g)]
    return (chosen + 0.12 * torch.randn(n, colours, 3, generator=g)).clamp(0, 1)


def over(picture: Tensor, cover: Tensor, colour: Tensor) -> Tensor:
    """Lay a colour, broadcast to [n, 3, h, w], over a picture where the cover [n, h, w] is 1."""
    return picture + cover[:, None] * (colour - picture)
