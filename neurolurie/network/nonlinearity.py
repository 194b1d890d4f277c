"""The scalar maps phi(y): one entry each, spelled for numpy, torch, Brian2 and C++, with the range of its slope.

A certificate is only as good as the slope range it assumes, so every entry states where its slope turns or jumps
(``turns``); from that follows the exact range of the slope on any interval, and ``slope``, its range on the whole line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, pi, sqrt

import numpy as np
from scipy import special

from neurolurie.errors import lookup

Array = np.ndarray


@dataclass(frozen=True)
class Nonlinearity:
    """A scalar map ``phi(y)`` applied elementwise.

    Attributes
    ----------
    formula : how a textbook writes it.
    slope : (lowest, highest) value of phi' on the whole line, rounded outwards; highest is inf if there is no bound.
    image : (infimum, supremum) of phi.
    turns : ``((y, (slopes...)), ...)``: every point where phi' has a local extremum or jumps, with its values there
        (both one-sided slopes at a kink). Between two neighbouring turns phi' is monotone.
    value, derivative, integral : numpy functions; ``integral`` is the antiderivative with ``integral(0) = 0``.
    torch : ``torch(module, y)``, the same map on tensors (the module is passed in: it is imported only when used).
    brian : an expression in ``{y}`` for Brian2's code generation.
    c : a C++ expression in ``{y}`` (double), with <cmath>.
    smooth : phi is continuously differentiable. analytic : phi is real analytic (convergence by energy needs it).
    period : if phi' repeats, its period; ``turns`` then lists one period.
    """

    name: str
    formula: str
    slope: tuple[float, float]
    image: tuple[float, float]
    turns: tuple[tuple[float, tuple[float, ...]], ...]
    value: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    integral: Callable[[Array], Array]
    torch: Callable
    brian: str
    c: str
    smooth: bool = True
    analytic: bool = True
    period: float | None = None

    @property
    def bounded(self) -> bool:
        return all(np.isfinite(self.image))

    @property
    def increasing(self) -> bool:
        """phi is strictly increasing (its slope may touch zero, never on an interval)."""
        return self.slope[0] >= 0 and self.analytic

    def slope_on(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Range of phi' on the intervals ``[low, high]`` (arrays or numbers, low <= high): exact up to rounding.

        >>> low, high = NONLINEARITIES["tanh"].slope_on(np.array([0.5]), np.array([2.0]))
        >>> bool(abs(high[0] - (1 - np.tanh(0.5) ** 2)) < 1e-15)
        True
        """
        low, high = np.broadcast_arrays(np.asarray(low, float), np.asarray(high, float))
        with np.errstate(over="ignore", invalid="ignore"):
            ends = np.stack([self.derivative(np.clip(y, -1e300, 1e300)) for y in (low, high)])
        known = np.isfinite(ends)  # a slope that cannot be computed may be anything the map's slope may be
        lowest = np.where(known, ends, self.slope[0]).min(axis=0)
        highest = np.where(known, ends, self.slope[1]).max(axis=0)
        for at, slopes in self.turns:
            if self.period is not None:  # the first repetition of this turn at or above low
                at = at + self.period * np.ceil((low - at) / self.period)
            inside = (low <= at) & (at <= high)
            lowest = np.where(inside, np.minimum(lowest, min(slopes)), lowest)
            highest = np.where(inside, np.maximum(highest, max(slopes)), highest)
        return np.maximum(lowest, self.slope[0]), np.minimum(highest, self.slope[1])


def _gelu(y: Array) -> Array:
    return 0.5 * y * (1.0 + special.erf(y / sqrt(2.0)))


def _gelu_slope(y: Array) -> Array:
    return 0.5 * (1.0 + special.erf(y / sqrt(2.0))) + y * np.exp(-0.5 * y * y) / sqrt(2.0 * pi)


def _gelu_integral(y: Array) -> Array:
    cdf, density = 0.5 * (1.0 + special.erf(y / sqrt(2.0))), np.exp(-0.5 * y * y) / sqrt(2.0 * pi)
    return 0.5 * ((y * y - 1.0) * cdf + y * density) + 0.25


def _sech2(y: Array) -> Array:
    return 1.0 - np.tanh(y) ** 2


def _logcosh(y: Array) -> Array:
    y = np.abs(y)
    return y + np.log1p(np.exp(-2.0 * y)) - np.log(2.0)


def _softplus(y: Array) -> Array:
    return np.logaddexp(0.0, y)


def _softplus_integral(y: Array) -> Array:
    tail = special.spence(1.0 + np.exp(-np.abs(y)))  # Li2(-exp(-|y|))
    return np.where(y > 0, 0.5 * y * y + pi**2 / 6.0 + tail, -tail) - pi**2 / 12.0


def _logistic_slope(y: Array) -> Array:
    return special.expit(y) * special.expit(-y)


def _piece(y: Array, low: float, high: float) -> Array:
    """1 strictly between the kinks, 0 outside: the slope of a clipped line."""
    return ((y > low) & (y < high)).astype(float)


_LEAK = 0.01
_ERF_SLOPE = 1.1283791670955128  # 2 / sqrt(pi), rounded up
_GELU_HIGH = 1.128904145185155  # phi'(sqrt 2), rounded up; phi'(-sqrt 2) = 1 - phi'(sqrt 2)

NONLINEARITIES: dict[str, Nonlinearity] = {
    entry.name: entry
    for entry in (
        Nonlinearity(
            "tanh", "tanh(y)", (0.0, 1.0), (-1.0, 1.0), ((0.0, (1.0,)),),
            np.tanh, _sech2, _logcosh,
            lambda torch, y: torch.tanh(y), "tanh({y})", "std::tanh({y})",
        ),
        Nonlinearity(
            "logistic", "1 / (1 + exp(-y))", (0.0, 0.25), (0.0, 1.0), ((0.0, (0.25,)),),
            special.expit, _logistic_slope, lambda y: _softplus(y) - np.log(2.0),
            lambda torch, y: torch.sigmoid(y), "1.0/(1.0 + exp(-({y})))", "1.0/(1.0 + std::exp(-({y})))",
        ),
        Nonlinearity(
            "relu", "max(y, 0)", (0.0, 1.0), (0.0, inf), ((0.0, (0.0, 1.0)),),
            lambda y: np.maximum(y, 0.0), lambda y: (y > 0).astype(float), lambda y: 0.5 * np.maximum(y, 0.0) ** 2,
            lambda torch, y: torch.relu(y), "clip({y}, 0.0, 1e300)", "std::fmax({y}, 0.0)",
            smooth=False, analytic=False,
        ),
        Nonlinearity(
            "leaky-relu", "max(y, 0) + 0.01 min(y, 0)", (_LEAK, 1.0), (-inf, inf), ((0.0, (_LEAK, 1.0)),),
            lambda y: np.where(y > 0, y, _LEAK * y), lambda y: np.where(y > 0, 1.0, _LEAK),
            lambda y: 0.5 * y * np.where(y > 0, y, _LEAK * y),
            lambda torch, y: torch.nn.functional.leaky_relu(y, _LEAK),
            f"clip({{y}}, 0.0, 1e300) + {_LEAK}*clip({{y}}, -1e300, 0.0)",
            f"(({{y}}) > 0.0 ? ({{y}}) : {_LEAK}*({{y}}))",
            smooth=False, analytic=False,
        ),
        Nonlinearity(
            "softplus", "log(1 + exp(y))", (0.0, 1.0), (0.0, inf), (),
            _softplus, special.expit, _softplus_integral,
            lambda torch, y: torch.nn.functional.softplus(y, threshold=40.0),  # torch's own exp(y) overflows from 710
            "clip({y}, 0.0, 1e300) + log1p(exp(-abs({y})))",
            "(std::fmax({y}, 0.0) + std::log1p(std::exp(-std::fabs({y}))))",
        ),
        Nonlinearity(
            "hard-tanh", "min(max(y, -1), 1)", (0.0, 1.0), (-1.0, 1.0), ((-1.0, (0.0, 1.0)), (1.0, (0.0, 1.0))),
            lambda y: np.clip(y, -1.0, 1.0), lambda y: _piece(y, -1.0, 1.0),
            lambda y: np.where(np.abs(y) < 1, 0.5 * y * y, np.abs(y) - 0.5),
            lambda torch, y: torch.clamp(y, -1.0, 1.0), "clip({y}, -1.0, 1.0)",
            "std::fmin(std::fmax({y}, -1.0), 1.0)",
            smooth=False, analytic=False,
        ),
        Nonlinearity(
            "erf", "2/sqrt(pi) int_0^y exp(-s^2) ds", (0.0, _ERF_SLOPE), (-1.0, 1.0), ((0.0, (_ERF_SLOPE,)),),
            special.erf, lambda y: 2.0 / sqrt(pi) * np.exp(-y * y),
            lambda y: y * special.erf(y) + np.expm1(-y * y) / sqrt(pi),
            lambda torch, y: torch.erf(y), "neurolurie_erf({y})", "std::erf({y})",
        ),
        Nonlinearity(
            "inverse-square-root", "y / sqrt(1 + y^2)", (0.0, 1.0), (-1.0, 1.0), ((0.0, (1.0,)),),
            lambda y: y / np.sqrt(1.0 + y * y), lambda y: (1.0 + y * y) ** -1.5,
            lambda y: y * y / (np.sqrt(1.0 + y * y) + 1.0),
            lambda torch, y: y / torch.sqrt(1.0 + y * y), "({y})/sqrt(1.0 + ({y})*({y}))",
            "(({y})/std::sqrt(1.0 + ({y})*({y})))",
        ),
        Nonlinearity(
            "identity", "y", (1.0, 1.0), (-inf, inf), (),
            lambda y: np.asarray(y, float), lambda y: np.ones_like(y, dtype=float), lambda y: 0.5 * y * y,
            lambda torch, y: y, "({y})", "({y})",
        ),
        Nonlinearity(
            "saturating-linear", "min(max(y, 0), 1)", (0.0, 1.0), (0.0, 1.0), ((0.0, (0.0, 1.0)), (1.0, (0.0, 1.0))),
            lambda y: np.clip(y, 0.0, 1.0), lambda y: _piece(y, 0.0, 1.0),
            lambda y: np.where(y < 0, 0.0, np.where(y < 1, 0.5 * y * y, y - 0.5)),
            lambda torch, y: torch.clamp(y, 0.0, 1.0), "clip({y}, 0.0, 1.0)", "std::fmin(std::fmax({y}, 0.0), 1.0)",
            smooth=False, analytic=False,
        ),
        Nonlinearity(
            "gelu", "y (1 + erf(y / sqrt 2)) / 2", (1.0 - _GELU_HIGH, _GELU_HIGH), (-0.16997121, inf),
            ((-sqrt(2.0), (1.0 - _GELU_HIGH,)), (sqrt(2.0), (_GELU_HIGH,))),
            _gelu, _gelu_slope, _gelu_integral,
            lambda torch, y: torch.nn.functional.gelu(y),
            f"0.5*({{y}})*(1.0 + neurolurie_erf(({{y}})*{1 / sqrt(2.0)!r}))",
            f"(0.5*({{y}})*(1.0 + std::erf(({{y}})*{1 / sqrt(2.0)!r})))",
        ),
        Nonlinearity(
            "sine", "sin(y)", (-1.0, 1.0), (-1.0, 1.0), ((0.0, (1.0,)), (pi, (-1.0,))),
            np.sin, np.cos, lambda y: 2.0 * np.sin(0.5 * y) ** 2,
            lambda torch, y: torch.sin(y), "sin({y})", "std::sin({y})", period=2.0 * pi,
        ),
        Nonlinearity(
            "cubic", "y^3", (0.0, inf), (-inf, inf), ((0.0, (0.0,)),),
            lambda y: y * y * y, lambda y: 3.0 * y * y, lambda y: 0.25 * y**4,
            lambda torch, y: y * y * y, "({y})*({y})*({y})", "(({y})*({y})*({y}))",
        ),
    )
}


def nonlinearity(name: str | Nonlinearity) -> Nonlinearity:
    """The entry of that name (hyphens and underscores alike), or the object itself if it already is one.

    >>> nonlinearity("gelu").slope
    (-0.128904145..., 1.128904145...)
    """
    return name if isinstance(name, Nonlinearity) else lookup("nonlinearity", name, NONLINEARITIES)
