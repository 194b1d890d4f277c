"""Write the figures and the page of a result into its folder."""

from __future__ import annotations

from pathlib import Path

from neurolurie.report.figures import draw_all
from neurolurie.report.page import render_page
from neurolurie.result import Result

FIGURES, PAGE = "figures", "report.html"


def write_report(result: Result, folder: Path) -> None:
    """``figures/*.png``, for a recall ``figures/recall.gif``, and ``report.html``, which needs nothing beside it.

    Made for ``Result.save(folder, extras=lambda partial: write_report(result, partial))``.
    """
    folder = Path(folder)
    drawings = draw_all(result)
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    for drawing in drawings:
        (folder / FIGURES / drawing.file).write_bytes(drawing.content)
    (folder / PAGE).write_text(render_page(result, drawings), encoding="utf-8")
