"""recall.gif: images emerge from damaged cues, the energy falls, a frame turns green when a trial is certified."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neurolurie.report.drawing import BLUE, GREEN, GREY, INK, PALE, PAPER, PIXELS, VERMILLION, Drawing, time_unit
from neurolurie.report.recall import choose_trials, memory_states, motion, verdict
from neurolurie.result import Run

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

SHOWN, COLUMNS = 12, 4
FRAMES, FRAME_MS, PAUSE_MS = 44, 60, 1600
WIDTH, HEIGHT, FINE = 860, 470, 2  # pixels; everything is drawn FINE times larger and reduced, for smooth lines
CELL, LEFT, TOP, ACROSS, DOWN = 88, 24, 74, 114, 128
PLOT = (560, 84, 836, 400)  # the curves' box: left, top, right, bottom


def cells(count: int) -> list[tuple[int, int, int, int]]:
    """The boxes (left, top, right, bottom; pixels of the GIF) of the images shown."""
    corner = [(LEFT + ACROSS * (i % COLUMNS), TOP + DOWN * (i // COLUMNS)) for i in range(count)]
    return [(x, y, x + CELL, y + CELL) for x, y in corner]


def draw_animation(run: Run, prefix: str = "") -> Drawing | None:
    """The GIF of a recall, or None if the states along the way were not recorded."""
    states = memory_states(run)
    if states is None or states.shape[1] < 2:
        return None
    arrays = run.findings.arrays
    trials = choose_trials(run, min(SHOWN, len(arrays["target"])))
    stop = film_length(run, trials, states)
    steps = frame_steps(arrays["times"][: stop + 1], states[trials, : stop + 1], FRAMES)
    curves, label = (
        (arrays["energy"], "energy (1/s)")
        if "energy" in arrays
        else (arrays["overlap"], "overlap with the cued pattern")
    )
    background = _background(run, curves[trials], stop, label)
    pictures = [_picture(run, background.copy(), states, curves[:, : stop + 1], trials, step) for step in steps]
    pictures.append(_picture(run, background.copy(), states, curves[:, : stop + 1], trials, None))
    entered = arrays.get("entered")
    green = 0 if entered is None else int(np.isfinite(entered[trials]).sum())
    recalled = int(arrays["exact"][trials].sum())
    caption = (
        f"{len(trials)} trials at once; a number is the pattern that was cued. The images emerge while the "
        f"{'energy falls' if 'energy' in arrays else 'overlap with the cued pattern rises'}. "
    )
    if entered is not None:
        caption += (
            "A frame turns green when the trial enters a certified region around a resting state: where it ends is "
            f"settled if nothing disturbs it, even at the wrong pattern. {green} of these {len(trials)} did; "
        )
    caption += f"{recalled} recalled exactly what was cued (check mark at the end)."
    alt = (
        f"Animation: {len(trials)} damaged images turn into stored ones; at the end {green} have a green frame and "
        f"{recalled} are right."
    )
    return Drawing(f"{prefix}recall.gif", "Recall as it happens", caption, alt, _gif(pictures))


def film_length(run: Run, trials: np.ndarray, states: np.ndarray) -> int:
    """The recorded time at which the film stops: when nearly all motion is over and no trial shown will turn green."""
    arrays = run.findings.arrays
    last = len(arrays["times"]) - 1
    stop = int(np.searchsorted(motion(states[trials]), 0.99))
    entered = arrays.get("entered", np.array([]))
    if entered.size and np.isfinite(entered[trials]).any():
        stop = max(stop, int(np.searchsorted(arrays["times"], entered[trials][np.isfinite(entered[trials])].max())))
    return min(last, max(2, int(np.ceil(1.15 * stop))))


def frame_steps(times: np.ndarray, states: np.ndarray, count: int) -> list[int]:
    """Which recorded times are shown: half by the clock, half by how much moves, so that nothing is missed or dull."""
    share = 0.5 * (times - times[0]) / (times[-1] - times[0]) + 0.5 * motion(states)
    return [int(np.argmin(np.abs(share - part))) for part in np.linspace(0.0, 1.0, count)]


def _picture(run: Run, image: Image.Image, states, curves, trials, step: int | None) -> Image.Image:
    """One frame; ``step`` None is the last one: the end of the run, with the verdict on every trial."""
    from PIL import Image, ImageDraw

    arrays, draw = run.findings.arrays, ImageDraw.Draw(image)
    times, entered = arrays["times"], arrays.get("entered")
    shape, low, high = tuple(arrays["image_shape"]), arrays["patterns"].min(), arrays["patterns"].max()
    final, step = step is None, len(times) - 1 if step is None else step
    ramp = _ramp()
    for trial, box in zip(trials, cells(len(trials)), strict=True):
        share = np.clip((states[trial, step].reshape(shape) - low) / (high - low), 0, 1)
        small = Image.fromarray(ramp[(share * (len(ramp) - 1)).round().astype(int)])
        image.paste(small.resize((CELL * FINE, CELL * FINE), Image.Resampling.NEAREST), (box[0] * FINE, box[1] * FINE))
        inside = entered is not None and entered[trial] <= times[step]
        _outline(draw, box, GREEN if inside else PALE, 4 if inside else 2)
        _caption(draw, run, trial, box, final)
    for trial in trials:
        _curve(
            draw,
            curves[trial],
            times[: curves.shape[1]],
            step,
            np.inf if entered is None else entered[trial],
            _limits(curves[trials]),
        )
    factor, unit = time_unit(times)
    digits = 0 if unit == "ms" and times[-1] >= 0.02 else 1
    _text(
        draw,
        (WIDTH - 24, 24),
        f"{'end, ' if final else ''}{factor * times[step]:.{digits}f} {unit}",
        22,
        INK,
        "ra",
        bold=True,
    )
    return image.reduce(FINE)


def _background(run: Run, curves: np.ndarray, stop: int, label: str) -> Image.Image:
    """What does not change: title, axes, key."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), PAPER)
    draw = ImageDraw.Draw(image)
    _text(draw, (LEFT, 24), "From damaged cues to stored patterns", 20, INK, "la", bold=True)
    left, top, right, bottom = PLOT
    factor, unit = time_unit(run.findings.arrays["times"])
    last = factor * run.findings.arrays["times"][stop]
    _text(draw, (left, top - 10), label, 14, INK, "ld")
    _line(draw, [(left, top), (left, bottom), (right, bottom)], GREY, 1.4)
    for value in _ticks(0.0, last):
        x = left + value / last * (right - left)
        _line(draw, [(x, bottom), (x, bottom + 5)], GREY, 1.4)
        _text(draw, (x, bottom + 8), f"{value:g}", 13, INK, "ma")
    _text(draw, ((left + right) / 2, bottom + 26), f"time ({unit})", 14, INK, "ma")
    low, high = _limits(curves)
    for value in _ticks(low, high):
        y = bottom - (value - low) / (high - low) * (bottom - top)
        _line(draw, [(left - 5, y), (left, y)], GREY, 1.4)
        _text(draw, (left - 8, y), f"{value:g}".replace("-", "−"), 12, INK, "rm")
    if "entered" in run.findings.arrays:
        _outline(draw, (LEFT, HEIGHT - 22, LEFT + 14, HEIGHT - 8), GREEN, 3)
        _text(draw, (LEFT + 22, HEIGHT - 15), "inside a certified region: where it ends is settled", 13, INK, "lm")
    return image


def _caption(draw: ImageDraw.ImageDraw, run: Run, trial: int, box, final: bool) -> None:
    """Under an image: what was cued, and at the end what became of it."""
    arrays = run.findings.arrays
    cued, good = str(arrays["labels"][arrays["target"][trial]]), bool(arrays["exact"][trial])
    middle = (box[0] + box[2]) / 2
    if not final:
        _text(draw, (middle, box[3] + 5), f"cue: {cued}", 14, GREY, "ma")
        return
    _text(
        draw,
        (middle, box[3] + 5),
        f"cue: {cued} {'✓' if good else '✗'}",
        14,
        INK if good else VERMILLION,
        "ma",
        bold=True,
    )
    if not good and "instead" in verdict(run, trial):
        _text(draw, (middle, box[3] + 21), verdict(run, trial).removeprefix("recalled "), 11, VERMILLION, "ma")


def _curve(draw: ImageDraw.ImageDraw, values: np.ndarray, times: np.ndarray, step: int, entered: float, limits) -> None:
    """One trial's curve up to now: blue, green from where it entered a certified region."""
    left, top, right, bottom = PLOT
    x = left + (times - times[0]) / (times[-1] - times[0]) * (right - left)
    y = bottom - (values - limits[0]) / (limits[1] - limits[0]) * (bottom - top)
    step = min(step, len(times) - 1)
    turn = min(int(np.searchsorted(times, entered)), step)
    for colour, a, b in ((BLUE, 0, turn), (GREEN, turn, step)):
        if b > a:
            _line(draw, list(zip(x[a : b + 1], y[a : b + 1], strict=True)), colour, 1.5)
    colour = GREEN if entered <= times[step] else BLUE
    draw.ellipse(
        [FINE * (x[step] - 3.5), FINE * (y[step] - 3.5), FINE * (x[step] + 3.5), FINE * (y[step] + 3.5)], fill=colour
    )


def _limits(curves: np.ndarray) -> tuple[float, float]:
    low, high = float(curves.min()), float(curves.max())
    room = 0.04 * (high - low) or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> np.ndarray:
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(5).tick_values(low, high)
    return ticks[(ticks >= low) & (ticks <= high)]


def _outline(draw: ImageDraw.ImageDraw, box, colour: str, width: int) -> None:
    """A frame just outside a box."""
    left, top, right, bottom = (FINE * value for value in box)
    edge = FINE * width
    draw.rectangle([left - edge, top - edge, right + edge - 1, bottom + edge - 1], outline=colour, width=edge)


def _line(draw: ImageDraw.ImageDraw, points, colour: str, width: float) -> None:
    draw.line(
        [(FINE * float(x), FINE * float(y)) for x, y in points], fill=colour, width=round(FINE * width), joint="curve"
    )


def _text(draw: ImageDraw.ImageDraw, place, text: str, size: int, colour: str, anchor: str, bold: bool = False) -> None:
    draw.text((FINE * place[0], FINE * place[1]), text, fill=colour, font=_font(size, bold), anchor=anchor)


@lru_cache
def _font(size: int, bold: bool):
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), FINE * size)


@lru_cache
def _ramp() -> np.ndarray:
    """Colours of pixels from low to high, (32, 3): few enough for the palette of a GIF."""
    low, high = _rgb(PIXELS[0]), _rgb(PIXELS[1])
    return (low + np.linspace(0, 1, 32)[:, None] * (high - low)).round().astype(np.uint8)


def _gif(pictures: list[Image.Image]) -> bytes:
    """All frames in one palette; the last frame stays."""
    from PIL import Image

    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette().ravel().tolist())
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    stream = BytesIO()
    frames[0].save(
        stream, format="GIF", save_all=True, append_images=frames[1:], loop=0, optimize=False,
        duration=[FRAME_MS] * (len(frames) - 1) + [PAUSE_MS],
    )  # fmt: skip
    return stream.getvalue()


def _palette() -> np.ndarray:
    """The pixels' ramp, and every colour of the drawing with its mixtures with paper (smooth edges), (256, 3)."""
    mixed = np.linspace(1.0, 0.0, 20)[:, None]
    colours = [
        _rgb(PAPER) + mixed * (_rgb(colour) - _rgb(PAPER)) for colour in (INK, GREY, PALE, BLUE, GREEN, VERMILLION)
    ]
    table = np.concatenate([_ramp(), *colours]).round().astype(np.uint8)
    return np.concatenate([table, np.repeat(table[-1:], 256 - len(table), axis=0)])


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], float)
