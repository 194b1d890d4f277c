"""neurolurie: compose neural circuits as Lurie networks, know what they can do, simulate them on any backend."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurolurie.certificates.certificate import Certificate
    from neurolurie.certificates.certify import certify
    from neurolurie.certificates.verify import verify
    from neurolurie.errors import NeurolurieError, SpecError
    from neurolurie.network.circuits import circuit
    from neurolurie.network.connectivity import Coupling
    from neurolurie.network.generators import read_edges
    from neurolurie.network.graph import CircuitGraph
    from neurolurie.network.lurie import LurieNetwork, Part, load_network
    from neurolurie.network.nonlinearity import Nonlinearity
    from neurolurie.network.phi import Phi
    from neurolurie.network.populate import populate
    from neurolurie.pipeline import compare, run
    from neurolurie.result import Result, load_result
    from neurolurie.simulation.simulate import simulate

# The public names and where each lives; imported when first used, so that `import neurolurie` costs nothing.
_HOMES = {
    "Certificate": "certificates.certificate", "certify": "certificates.certify", "verify": "certificates.verify",
    "NeurolurieError": "errors", "SpecError": "errors",
    "circuit": "network.circuits", "Coupling": "network.connectivity", "CircuitGraph": "network.graph",
    "populate": "network.populate", "read_edges": "network.generators",
    "LurieNetwork": "network.lurie", "Part": "network.lurie", "load_network": "network.lurie",
    "Nonlinearity": "network.nonlinearity", "Phi": "network.phi",
    "compare": "pipeline", "run": "pipeline", "Result": "result", "load_result": "result",
    "simulate": "simulation.simulate",
}  # fmt: skip

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'neurolurie' has no attribute '{name}'")
    return getattr(import_module(f"neurolurie.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
