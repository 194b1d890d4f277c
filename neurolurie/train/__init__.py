"""Training: a differentiable run of a network. The names are loaded on use, because they load torch."""

from __future__ import annotations


def __getattr__(name: str):
    if name == "rollout":
        from neurolurie.train.differentiable import rollout

        return rollout
    raise AttributeError(f"module 'neurolurie.train' has no attribute '{name}'.")
