"""Training: models with a guarantee, models to compare with, and the loop that fits them.

The names are loaded on use, because they load torch: ``PARAMETRISATIONS`` (name -> class), ``rollout``, ``fit``.
`neurolurie.train.names` lists the models without it.
"""

from __future__ import annotations

from importlib import import_module

_PLACES = {"rollout": "differentiable", "fit": "loop", "Fit": "loop", "Settings": "loop", "Model": "model"}


def __getattr__(name: str):
    if name == "PARAMETRISATIONS":
        from neurolurie.train.names import load_models

        value = globals()[name] = load_models()
        return value
    if name in _PLACES:
        return getattr(import_module(f"neurolurie.train.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'neurolurie.train' has no attribute '{name}'.")
