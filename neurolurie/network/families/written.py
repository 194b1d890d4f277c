"""A circuit whose matrices are written out."""

from __future__ import annotations

import numpy as np

from neurolurie.errors import SpecError
from neurolurie.network.lurie import LurieNetwork, load_network
from neurolurie.network.phi import Phi


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
