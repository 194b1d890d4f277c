"""describe(): the facts about a circuit, a scenario or a nonlinearity that `neurolurie show` prints."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurolurie.errors import SpecError, did_you_mean
from neurolurie.library import names
from neurolurie.network.lurie import LurieNetwork
from neurolurie.network.nonlinearity import NONLINEARITIES
from neurolurie.pipeline import load_target, network_of_circuit, variants
from neurolurie.spec.source import Source


def describe(target: str) -> dict[str, Any]:
    """Facts in the order in which a reader wants them: words and numbers, lists for what has several lines."""
    if target.replace("_", "-") in NONLINEARITIES:
        return _nonlinearity(target.replace("_", "-"))
    try:
        source, experiment = load_target(target)
    except SpecError as error:
        if error.where.file or error.where.key:
            raise
        known = [*names("circuits"), *names("scenarios"), *NONLINEARITIES]
        raise SpecError(did_you_mean("circuit, scenario or nonlinearity", target, known)) from None
    if experiment is None:
        return {"circuit": target} | _words(source) | _network(network_of_circuit(source))
    scenario = experiment.scenario
    run = scenario.simulate
    return (
        {"scenario": scenario.name, "kind": scenario.kind}
        | _words(source)
        | _network(experiment.network)
        | {
            "couplings": [f"{c.source} -> {c.target} by {c.rule}" for c in scenario.couplings] or ["none"],
            "trials": scenario.trials,
            "simulate": f"{run.backend}, {run.solver}, dt {run.dt:g} s, {run.duration:g} s, {run.dtype}",
            "variants": [name for name, _ in variants(source) if name] or ["none"],
            "expects": [f"{name}: {low:g} to {high:g}" for name, (low, high) in scenario.expect.items()] or ["nothing"],
        }
    )


def _words(source: Source) -> dict[str, Any]:
    keys = ("title", "equation", "description", "notes", "reference")
    return {"file": source.file} | {key: " ".join(source.data[key].split()) for key in keys if source.data.get(key)}


def _network(network: LurieNetwork) -> dict[str, Any]:
    kinds = ", ".join(f"{kind.name} (slope {_range(kind.slope)})" for kind in network.phi.kinds)
    parts = [f"{name}: {p.states.stop - p.states.start} states" for name, p in network.parts.items()]
    rates = np.sort(network.A.diagonal())
    return {
        "states": network.n, "preactivations": network.m, "inputs": network.E.shape[1], "nonlinearity": kinds,
        "leak": f"diagonal of A from {rates[0]:g} to {rates[-1]:g} /s",
        "circuits": parts if len(parts) <= 20 else [*parts[:20], f"... {len(parts) - 20} more"],
        "storage": "sparse" if network.is_sparse else "dense", "digest": network.digest(),
    }  # fmt: skip


def _nonlinearity(name: str) -> dict[str, Any]:
    entry = NONLINEARITIES[name]
    return {
        "nonlinearity": entry.name, "formula": entry.formula, "slope": _range(entry.slope),
        "image": _range(entry.image),
        "smooth": "continuously differentiable" if entry.smooth else "has kinks",
        "Brian2": entry.brian.format(y="y"), "C++": entry.c.format(y="y"),
    }  # fmt: skip


def _range(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:g} to {bounds[1]:g}"
