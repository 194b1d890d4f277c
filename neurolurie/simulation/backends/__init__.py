"""The backends by name. Each is imported when it is asked for: none of their libraries loads before."""

from __future__ import annotations

from importlib import import_module

from neurolurie.errors import BackendError, lookup
from neurolurie.simulation.backends.base import Backend

BACKENDS: dict[str, tuple[str, str]] = {
    "reference": ("neurolurie.simulation.backends.reference", "ReferenceBackend"),
    "torch": ("neurolurie.simulation.backends.torch_backend", "TorchBackend"),
    "brian2": ("neurolurie.simulation.backends.brian.runtime", "BrianBackend"),
    "brian2-standalone": ("neurolurie.simulation.backends.brian.standalone", "BrianStandaloneBackend"),
}


def load_backend(name: str) -> Backend:
    """The backend of that name; BackendError if its library cannot be imported."""
    module, attribute = lookup("backend", name, BACKENDS)
    try:
        return getattr(import_module(module), attribute)()
    except ImportError as error:
        raise BackendError(f"backend '{name}' needs a library that cannot be imported: {error}.") from error
