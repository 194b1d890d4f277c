"""Phi: which nonlinearity each preactivation goes through, and the region in which claims about it are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.nonlinearity import Nonlinearity, nonlinearity


@dataclass(frozen=True, eq=False)
class Phi:
    """An elementwise map R^m -> R^m that may use a different nonlinearity in every component.

    Attributes
    ----------
    kinds : the distinct nonlinearities. index : for each preactivation, the position of its nonlinearity in ``kinds``.
    domain : claims hold while ``|y_j| <= domain_j``; inf where the nonlinearity needs no region (all but the cubic).

    >>> phi = Phi.of(["tanh", "relu", "tanh"])
    >>> phi(np.array([[0.0, -1.0, 2.0]]))
    array([[0. , 0. , 0.964...]])
    >>> [entry.name for entry in phi.kinds], phi.index.tolist()
    (['tanh', 'relu'], [0, 1, 0])
    """

    kinds: tuple[Nonlinearity, ...]
    index: np.ndarray
    domain: np.ndarray = field(default=None)

    def __post_init__(self):
        index = np.asarray(self.index, dtype=np.intp)
        domain = np.full(index.shape, np.inf) if self.domain is None else np.asarray(self.domain, float)
        if domain.shape not in ((), index.shape):
            raise SpecError(f"domain has shape {domain.shape}, expected one number or {index.shape}.")
        domain = np.broadcast_to(domain, index.shape).copy()
        if np.isnan(domain).any() or (domain <= 0).any():
            raise SpecError("the domain of a nonlinearity must be positive (|y| <= domain).")
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "domain", domain)

    @classmethod
    def of(
        cls,
        spec: str | Nonlinearity | Sequence[str | Nonlinearity] | Phi,
        size: int | None = None,
        domain: float | Sequence[float] | None = None,
    ) -> Phi:
        """From one name for all ``size`` preactivations, or one name per preactivation."""
        if isinstance(spec, Phi):
            if size is not None and spec.size != size:
                raise SpecError(f"phi has {spec.size} components, the network has {size} preactivations.")
            return spec
        if isinstance(spec, str | Nonlinearity):
            return cls((nonlinearity(spec),), np.zeros(1 if size is None else size, np.intp), domain)
        if not isinstance(spec, Sequence):
            raise SpecError(f"phi must be the name of a nonlinearity, or one for each preactivation, got {spec!r}.")
        entries = [nonlinearity(name) for name in spec]
        if size is not None and len(entries) != size:
            raise SpecError(f"phi names {len(entries)} nonlinearities, the network has {size} preactivations.")
        kinds = tuple(dict.fromkeys(entries))
        return cls(kinds, np.array([kinds.index(entry) for entry in entries], np.intp), domain)

    @classmethod
    def join(cls, parts: Sequence[Phi]) -> Phi:
        """The nonlinearities of several circuits, one after the other."""
        kinds = tuple(dict.fromkeys(kind for part in parts for kind in part.kinds))
        position = {kind: place for place, kind in enumerate(kinds)}
        index = [np.array([position[kind] for kind in part.kinds], np.intp)[part.index] for part in parts]
        if not parts:
            return cls((nonlinearity("tanh"),), np.zeros(0, np.intp))
        return cls(kinds, np.concatenate(index), np.concatenate([part.domain for part in parts]))

    @property
    def size(self) -> int:
        return len(self.index)

    @property
    def names(self) -> tuple[str, ...]:
        """The name for each preactivation."""
        names = [kind.name for kind in self.kinds]
        return tuple(names[place] for place in self.index)

    @property
    def bounded(self) -> bool:
        return self.every("bounded")

    def every(self, attribute: str) -> bool:
        """Whether every nonlinearity in use has that boolean attribute."""
        return all(getattr(self.kinds[place], attribute) for place in np.unique(self.index))

    def __call__(self, y: np.ndarray) -> np.ndarray:
        """phi(y) for ``y`` of shape (..., m)."""
        return self._apply(lambda kind: kind.value, y)

    def derivative(self, y: np.ndarray) -> np.ndarray:
        """phi'(y), one of the one-sided slopes at a kink."""
        return self._apply(lambda kind: kind.derivative, y)

    def integral(self, y: np.ndarray) -> np.ndarray:
        """The antiderivative that vanishes at 0."""
        return self._apply(lambda kind: kind.integral, y)

    def slope_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest slope of every component within its domain: two arrays of shape (m,)."""
        return self.slope_on(-self.domain, self.domain)

    def slope_on(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Range of the slope of every component on its interval ``[low_j, high_j]``."""
        low, high = np.broadcast_to(low, self.index.shape), np.broadcast_to(high, self.index.shape)
        lowest, highest = np.empty(self.size), np.empty(self.size)
        for place, kind in enumerate(self.kinds):
            here = self.index == place
            if here.any():
                whole = np.isinf(low[here]) & np.isinf(high[here])
                least, most = kind.slope_on(low[here], high[here])
                lowest[here] = np.where(whole, kind.slope[0], least)
                highest[here] = np.where(whole, kind.slope[1], most)
        return lowest, highest

    def image(self) -> tuple[np.ndarray, np.ndarray]:
        """Infimum and supremum of every component: two arrays of shape (m,), infinite where unbounded."""
        low = np.array([kind.image[0] for kind in self.kinds])
        high = np.array([kind.image[1] for kind in self.kinds])
        return low[self.index], high[self.index]

    def _apply(self, function: Callable[[Nonlinearity], Callable], y: np.ndarray) -> np.ndarray:
        y = np.asarray(y, float)
        if len(self.kinds) == 1:
            return function(self.kinds[0])(y)
        out = np.empty_like(y)
        for place, kind in enumerate(self.kinds):
            here = self.index == place
            out[..., here] = function(kind)(y[..., here])
        return out
