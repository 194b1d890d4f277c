"""The network of many circuits as a user of Brian2 would write it: neurons, synapses that sum, a standalone program."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import sparse

from neurolurie.network.lurie import LurieNetwork

EQUATIONS = """
dx/dt = (input - x + bx) / second : 1
input : 1
bx : 1
by : 1
"""
# one tanh for each synapse, as a summed variable reads where it comes from
SYNAPSES = """
w : 1
input_post = w * tanh(x_pre + by_pre) : 1 (summed)
"""


def program(network: LurieNetwork, x0: np.ndarray, steps: int, dt: float) -> Callable[[], float]:
    """Seconds of one step of the program, by its own clock; the first call builds it. For A = -I and C = I."""
    folder = tempfile.TemporaryDirectory(prefix="brian-")
    place = Path(folder.name)

    def call():
        if not (place / "program" / "main").exists():
            entries = sparse.coo_array(network.B)
            np.savez(
                place / "data.npz", target=entries.coords[0], source=entries.coords[1], w=entries.data, x=x0,
                bx=network.bx, by=network.by, steps=steps, dt=dt,
            )  # fmt: skip
            subprocess.run([sys.executable, "-m", "benchmarks.brian", str(place)], check=True)
        subprocess.run(["./main"], cwd=place / "program", check=True, stdout=subprocess.DEVNULL)
        seconds, _ = (place / "program" / "results" / "last_run_info.txt").read_text().split()
        return float(seconds) / steps

    call.folder = folder  # removed with the contender
    return call


def _build(place: Path) -> None:
    import brian2

    brian2.set_device("cpp_standalone", directory=str(place / "program"), build_on_run=False)
    data = np.load(place / "data.npz")
    brian2.defaultclock.dt = float(data["dt"]) * brian2.second
    neurons = brian2.NeuronGroup(len(data["x"]), EQUATIONS, method="euler")
    neurons.x, neurons.bx, neurons.by = data["x"], data["bx"], data["by"]
    synapses = brian2.Synapses(neurons, neurons, SYNAPSES)
    synapses.connect(i=data["source"], j=data["target"])
    synapses.w = data["w"]
    brian2.run(int(data["steps"]) * float(data["dt"]) * brian2.second)
    brian2.device.build(directory=str(place / "program"), compile=True, run=False)


if __name__ == "__main__":
    _build(Path(sys.argv[1]))
