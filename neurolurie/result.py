"""Result: what a scenario gave, and how it is written to a folder and read back."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurolurie.errors import NeurolurieError, SpecError, Where

if TYPE_CHECKING:
    import xarray

    from neurolurie.certificates.certificate import Certificate
    from neurolurie.certificates.measured import Measured
    from neurolurie.certificates.steps import StepBound
    from neurolurie.simulation.problem import Problem, Trajectory
    from neurolurie.tasks.experiment import Experiment
    from neurolurie.tasks.task import Findings, Trials

METRICS, PROVENANCE, SCENARIO, CERTIFICATE = "metrics.json", "provenance.json", "scenario.yaml", "certificate.json"
TRAJECTORIES = "trajectories.zarr"


@dataclass(frozen=True)
class Expectation:
    """One line of ``expect:`` and what was measured; ``value`` is None if nothing of that name was."""

    name: str
    low: float
    high: float
    value: float | None
    nearest: str | None = None  # the measured name nearest to one that was not

    @property
    def met(self) -> bool:
        return self.value is not None and self.low <= self.value <= self.high

    def __str__(self) -> str:
        hint = f" (did you mean '{self.nearest}'?)" if self.nearest else ""
        found = f"not measured{hint}" if self.value is None else f"{self.value:.6g}"
        return f"{self.name} = {found}, expected {self.low:g} to {self.high:g}"


@dataclass(frozen=True, eq=False)
class Run:
    """One variant of a scenario, run: '' is the scenario as written.

    ``measured`` is the contraction along the run beside the certified rate, ``step`` the step up to which the
    solver keeps
    what is certified; both None without a certificate of contraction.
    """

    variant: str
    experiment: Experiment
    trials: Trials
    problem: Problem
    trajectory: Trajectory
    findings: Findings
    certificate: Certificate | None
    measured: Measured | None = None
    step: StepBound | None = None

    def remarks(self) -> list[str]:
        """What the run says about its certificate, a line each: measured against certified, and the step."""
        lines = []
        if self.measured is not None:
            lines.append(f"contraction: {self.measured.sentence()}")
        if self.step is not None and self.step.step is not None:
            relation = "below" if self.step.allows(self.problem.dt) else "NOT below"
            lines.append(f"step: {self.problem.dt:g} s is {relation} the certified {self.step.step:.4g} s")
        elif self.step is not None:
            lines.append(f"step: {self.step.reason}")
        fastest = float(np.abs(self.problem.network.A.diagonal()).max(initial=0.0))
        if self.problem.dt * fastest > 1.0 and not self.problem.solver.exponential:
            lines.append(
                f"step: dt = {self.problem.dt:g} s is longer than the fastest time constant, {1.0 / fastest:.4g} s; "
                "what is certified of the circuit need not hold for this run: take a smaller dt."
            )
        return lines


@dataclass(frozen=True, eq=False)
class Result:
    """All runs of a scenario, the metrics of all (``variant.metric``), what was expected, and where it came from."""

    name: str
    resolved: dict[str, Any]
    runs: tuple[Run, ...]
    metrics: dict[str, float]
    expectations: tuple[Expectation, ...]
    provenance: dict[str, Any] = field(repr=False)

    @property
    def expect_met(self) -> bool:
        return all(expectation.met for expectation in self.expectations)

    @property
    def certificate(self) -> Certificate | None:
        """The certificate of the first run, if one was asked for."""
        return self.runs[0].certificate

    def dataset(self) -> xarray.Dataset:
        """The recorded states, one variable for each variant, with labelled trial, time and state."""
        import xarray

        from neurolurie.simulation.simulate import label

        arrays = {}
        for run in self.runs:
            array = label(run.problem, run.trajectory, self.provenance["backend"])
            array = array.assign_coords(
                state=array.state.astype(object)
            )  # the string type that zarr has a standard for
            suffix = f"_{run.variant}" if run.variant else ""
            arrays[f"x{suffix}"] = array.rename(
                {dim: f"{dim}{suffix}" for dim in array.dims} if run.variant else {}
            ).drop_attrs()
        return xarray.Dataset(arrays, attrs={"name": self.name, "backend": self.provenance["backend"]})

    def save(self, folder: str | Path, force: bool = False, extras: Callable[[Path], None] | None = None) -> Path:
        """Write everything into a folder, or nothing: files are made beside it and moved into place at the end.

        ``extras(folder)`` adds more files (figures, page) to the same folder before the move.
        """
        folder = Path(folder)
        refuse_existing(folder, force)
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            (partial / SCENARIO).write_text(to_yaml(self.resolved), encoding="utf-8")
            (partial / METRICS).write_text(_json(self.metrics), encoding="utf-8")
            (partial / PROVENANCE).write_text(_json(self.provenance), encoding="utf-8")
            if self.certificate is not None:
                self.certificate.save(partial / CERTIFICATE)
            self.dataset().to_zarr(partial / TRAJECTORIES, mode="w", consolidated=False)
            for run in self.runs:
                for name, content in run.findings.files.items():
                    path = partial / run.variant / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(content, encoding="utf-8")
            if extras is not None:
                extras(partial)
            partial.chmod(0o755)  # mkdtemp makes folders that nobody else may read
            if folder.exists():
                shutil.rmtree(folder)
            os.replace(partial, folder)
        except OSError as error:
            raise NeurolurieError(
                f"the result could not be written to '{folder}': {error.strerror or error}; nothing was left there."
            ) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return folder


def refuse_existing(folder: Path, force: bool) -> None:
    """A folder that holds a result is replaced only with ``force``; one that holds anything else never."""
    if not folder.exists():
        return
    holds_result = (folder / METRICS).exists()
    if not folder.is_dir() or (any(folder.iterdir()) and not holds_result):
        raise SpecError(f"'{folder}' exists and is no result of neurolurie; choose another --out.", Where("--out"))
    if holds_result and not force:
        raise SpecError(f"'{folder}' already holds a result; use --force to replace it.", Where("--out"))


def load_result(folder: str | Path) -> dict[str, Any]:
    """What a saved folder holds: scenario, metrics, provenance, and ``states`` (an xarray.Dataset, read lazily)."""
    import xarray

    folder = Path(folder)
    if not (folder / METRICS).exists():
        raise SpecError(f"'{folder}' holds no result: {METRICS} is missing.")
    from neurolurie.spec.source import read_yaml

    return {
        "scenario": read_yaml(folder / SCENARIO).data,
        "metrics": json.loads((folder / METRICS).read_text(encoding="utf-8")),
        "provenance": json.loads((folder / PROVENANCE).read_text(encoding="utf-8")),
        "states": xarray.open_zarr(folder / TRAJECTORIES, consolidated=False),
    }


def _json(data: dict) -> str:
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def to_yaml(data: dict) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    stream, yaml = StringIO(), YAML()
    yaml.default_flow_style = None
    yaml.width = 120
    yaml.dump(data, stream)
    return stream.getvalue()
