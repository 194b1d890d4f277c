"""Finding a circuit inside a composed network by its path: ``area.e`` or ``area/e``, to any depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from neurolurie.network.lurie import LurieNetwork, Part

WHOLE = "network"  # the name of the one part of a network that was not composed


def find_part(network: LurieNetwork, path: Sequence[str]) -> Part | None:
    """The states, preactivations and inputs of the circuit at that path; of a graph, those of all its circuits.

    None if there is no such circuit. An empty path is the whole network.

    >>> from neurolurie.network.graph import CircuitGraph
    >>> inner, outer = CircuitGraph(), CircuitGraph()
    >>> for name in ("e", "i"):
    ...     inner.add(name, LurieNetwork(A=-np.eye(2), B=np.eye(2), C=np.eye(2)))
    >>> outer.add("area", inner)
    >>> find_part(outer.compose(), ["area", "i"]).states
    slice(2, 4, None)
    """
    if not path:
        return span([Part(slice(0, network.n), slice(0, network.m), slice(0, network.E.shape[1]))])
    name = "/".join(path)
    if name in network.parts:
        return network.parts[name]
    return span([part for other, part in network.parts.items() if other.startswith(f"{name}/")])


def inner_names(network: LurieNetwork, path: Sequence[str] = ()) -> list[str]:
    """The names of the circuits directly inside the one at that path; none if it is not a graph."""
    if set(network.parts) == {WHOLE}:
        return []
    depth, start = len(path), "/".join([*path, ""]) if path else ""
    return list(dict.fromkeys(name.split("/")[depth] for name in network.parts if name.startswith(start)))


def span(parts: Sequence[Part]) -> Part | None:
    """One part from the first to the last: circuits of a graph lie side by side."""
    if not parts:
        return None
    first, last = parts[0], parts[-1]
    return Part(
        slice(first.states.start, last.states.stop),
        slice(first.preactivations.start, last.preactivations.stop),
        slice(first.inputs.start, last.inputs.stop),
    )


def composed_parts(
    circuits: Mapping[str, LurieNetwork], states: np.ndarray, channels: np.ndarray, inputs: np.ndarray
) -> dict[str, Part]:
    """Names and slices of all circuits at their offsets in the whole, those of nested graphs as ``outer/inner``."""
    found = {}
    offsets = zip(states.tolist(), channels.tolist(), inputs.tolist(), strict=True)
    for (name, network), (x, y, u) in zip(circuits.items(), offsets, strict=False):
        if set(network.parts) == {WHOLE}:
            columns = network.E.shape[1]
            found[name] = Part(slice(x, x + network.n), slice(y, y + network.m), slice(u, u + columns))
            continue
        for inner, part in network.parts.items():
            found[f"{name}/{inner}"] = Part(
                slice(x + part.states.start, x + part.states.stop),
                slice(y + part.preactivations.start, y + part.preactivations.stop),
                slice(u + part.inputs.start, u + part.inputs.stop),
            )
    return found
