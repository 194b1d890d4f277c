"""Drawing: one picture of the report with its words; and the look that all of them share."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito 2008: told apart with every common kind of colour vision, and in print.
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#B0558A"
INK, GREY, PALE, PAPER = "#1d2733", "#66707a", "#d5dade", "#ffffff"
CYCLE = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY)
# A pixel's value from low to high: paper to ink.
PIXELS = ("#fbf9f4", "#1d2733")
WIDTH = 9.0  # inches: every figure is as wide as the page's column
DPI = 144

_LOOK = {
    "font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": GREY,
    "axes.titlesize": 10.5, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.spines.top": False,
    "axes.spines.right": False, "axes.linewidth": 0.8, "xtick.color": GREY, "ytick.color": GREY,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "lines.linewidth": 1.2, "legend.frameon": False,
    "legend.fontsize": 9, "figure.facecolor": PAPER, "axes.facecolor": PAPER,
}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A picture: ``file`` (its name under figures/), its bytes, and the words that go with it.

    ``caption`` says what one sees; ``alt`` says it to who cannot see it.
    """

    file: str
    title: str
    caption: str
    alt: str
    content: bytes

    @property
    def media_type(self) -> str:
        return "image/gif" if self.file.endswith(".gif") else "image/png"


@contextmanager
def look():
    """Draw inside this: the shared fonts and colours, without leaving a trace in the user's matplotlib."""
    import matplotlib

    with matplotlib.rc_context(_LOOK):
        yield


def new_figure(height: float) -> Figure:
    """An empty figure of the common width (inches); no pyplot, so nothing global is opened or kept."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height))


def png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    return stream.getvalue()


def time_unit(times: np.ndarray) -> tuple[float, str]:
    """Factor and unit in which a run's times read best.

    >>> time_unit(np.array([0.0, 0.2])), time_unit(np.array([0.0, 30.0]))
    ((1000.0, 'ms'), (1.0, 's'))
    """
    return (1e3, "ms") if times[-1] < 1.0 else (1.0, "s")


def mosaic(axes: Axes, images: list[list[np.ndarray | None]], low: float, high: float, gap: float = 1.5):
    """Rows of small images in one axes, as one picture; returns ``place(row, column) -> (x, y, width, height)``.

    The y axis points down, one unit is one pixel of the images.
    """
    from matplotlib.colors import LinearSegmentedColormap

    height, width = next(image.shape for row in images for image in row if image is not None)
    ramp = LinearSegmentedColormap.from_list("pixels", PIXELS)
    for r, row in enumerate(images):
        for c, image in enumerate(row):
            if image is not None:
                x, y = c * (width + gap), r * (height + gap)
                axes.imshow(
                    image, cmap=ramp, vmin=low, vmax=high, extent=(x, x + width, y + height, y), interpolation="nearest"
                )
                frame(axes, (x, y, width, height), PALE, 0.8)
    columns = max(len(row) for row in images)
    axes.set_xlim(-0.2, columns * (width + gap) - gap + 0.2)
    axes.set_ylim(len(images) * (height + gap) - gap + 0.2, -0.2)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return lambda row, column: (column * (width + gap), row * (height + gap), width, height)


def frame(axes: Axes, box: tuple[float, float, float, float], colour: str, line: float) -> None:
    """A rectangle (x, y, width, height) without filling."""
    from matplotlib.patches import Rectangle

    x, y, width, height = box
    axes.add_patch(
        Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=line, clip_on=False, zorder=4)
    )


def dots(axes: Axes, box: tuple[float, float, float, float], mask: np.ndarray, colour: str) -> None:
    """A dot on every pixel of an image where the mask (rows, columns) is true."""
    rows, columns = np.nonzero(mask)
    axes.plot(box[0] + columns + 0.5, box[1] + rows + 0.5, ".", color=colour, markersize=3.2, zorder=5)
