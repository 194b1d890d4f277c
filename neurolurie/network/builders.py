"""Builders: circuits with parameters. Each is one function from parameters to a LurieNetwork, its equation on top."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork, load_network
from neurolurie.network.phi import Phi
from neurolurie.network.storage import require_patterns, store


def hopfield(
    patterns=3,
    units: int | None = None,
    storage: str = "pseudo-inverse",
    self_coupling: float | None = 0.0,
    gain: float = 3.0,
    time_constant: float = 0.01,
    bias: float = 0.0,
    phi: str = "tanh",
    seed: int = 0,
) -> LurieNetwork:
    """Hopfield's continuous memory: ``tau dx/dt = -x + W phi(gain x) + bias`` (Hopfield 1984).

    ``patterns`` is an array (count, units) of +-1, or a number of random ones drawn by ``seed`` over ``units`` units
    (64 unless given). W comes from the storage rule (hebbian, storkey, pseudo-inverse); ``self_coupling`` replaces its
    diagonal, None keeps it. ``time_constant`` in seconds.
    """
    if isinstance(patterns, Integral) and not isinstance(patterns, bool):
        if patterns < 1:
            raise SpecError(f"patterns must be at least 1, got {patterns}.")
        rng = np.random.default_rng(_count("seed", seed, least=0))
        patterns = rng.choice([-1.0, 1.0], (patterns, _count("units", 64 if units is None else units)))
    patterns = require_patterns(patterns)
    size = patterns.shape[1]
    if units is not None and units != size:
        raise SpecError(f"units is {units}, the patterns have {size}.")
    rate = 1.0 / _positive("time_constant", time_constant)
    W = store(patterns, storage, None if self_coupling is None else _number("self_coupling", self_coupling))
    return LurieNetwork(
        A=-rate * np.eye(size), B=rate * W, C=_positive("gain", gain) * np.eye(size),
        bx=np.full(size, rate * _number("bias", bias)), phi=phi,
    )  # fmt: skip


def matrices(
    A=None, B=None, C=None, bx=None, by=None, E=None, phi=None, domain=None, states=(), npz: str | None = None
) -> LurieNetwork:
    """``dx/dt = A x + B phi(C x + by) + bx + E u`` from matrices written out, or from an ``.npz`` that holds them.

    What is given beside ``npz`` replaces what the file holds, except A, B, C: those come from one of the two.
    """
    if npz is not None:
        twice = [name for name, value in (("A", A), ("B", B), ("C", C)) if value is not None]
        if twice:
            raise SpecError(f"'{twice[0]}' and 'npz' are both given; keep one.")
        network = load_network(npz, phi)
        changes = {name: value for name, value in (("bx", bx), ("by", by), ("E", E)) if value is not None}
        if domain is not None:
            changes["phi"] = Phi.of(network.phi.names, network.m, domain)
        return network.replace(**changes, states=tuple(states) or network.states)
    missing = [name for name, value in (("A", A), ("B", B), ("C", C)) if value is None]
    if missing:
        raise SpecError(f"matrices needs the parameter '{missing[0]}' (or 'npz').")
    size = np.atleast_2d(np.asarray(B, dtype=object)).shape[1]
    phi = Phi.of("tanh" if phi is None else phi, size, domain)
    return LurieNetwork(A=A, B=B, C=C, bx=bx, by=by, E=E, phi=phi, states=tuple(states))


BUILDERS: dict[str, Callable[..., LurieNetwork]] = {"hopfield": hopfield, "matrices": matrices}


def _positive(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not (np.isfinite(value) and value > 0):
        raise SpecError(f"{name} must be a positive number, got {value!r}.")
    return float(value)


def _number(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(value):
        raise SpecError(f"{name} must be a number, got {value!r}.")
    return float(value)


def _count(name: str, value: int, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise SpecError(f"{name} must be a whole number from {least}, got {value!r}.")
    return int(value)
