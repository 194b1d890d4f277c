"""The models that can be trained: name -> where its class is. Nothing here loads torch, so the names can be listed."""

from __future__ import annotations

from importlib import import_module

MODELS: dict[str, str] = {
    "hurwitz-scalar": "spectral:HurwitzScalar",
    "hurwitz-diagonal": "spectral:HurwitzDiagonal",
    "hurwitz-symmetric": "spectral:HurwitzSymmetric",
    "hurwitz": "spectral:Hurwitz",
    "non-hurwitz": "spectral:NonHurwitz",
    "k1": "spectral:KyFan",
    "k1-hurwitz": "spectral:KyFanHurwitz",
    "k2": "spectral:Centred",
    "k2-hurwitz": "spectral:CentredHurwitz",
    "metric": "spectral:LearntMetric",
    "graph-collection": "graphs:GraphCollection",
    "graph-metric": "graphs:GraphMetric",
    "graph-per-circuit": "graphs:GraphPerCircuit",
    "svd-combo": "comparisons:SVDCombo",
    "graph-svd-combo": "comparisons:GraphSVDCombo",
    "unconstrained": "comparisons:Unconstrained",
    "lipschitz-rnn": "comparisons:LipschitzRNN",
    "antisymmetric-rnn": "comparisons:AntisymmetricRNN",
    "cornn": "comparisons:CoRNN",
    "neural-ode": "neural_ode:NeuralODE",
}


def model_names() -> list[str]:
    """Every name that `PARAMETRISATIONS` knows.

    >>> "hurwitz" in model_names()
    True
    """
    return list(MODELS)


def load_models() -> dict[str, type]:
    """Name -> class; this loads torch."""
    out = {}
    for name, place in MODELS.items():
        module, _, cls = place.partition(":")
        out[name] = getattr(import_module(f"neurolurie.train.{module}"), cls)
    return out
