"""What every test of the ladder hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurolurie.errors import NeurolurieError


@dataclass(frozen=True, eq=False)
class Finding:
    """The margin (1/s) a test reached with this witness: positive means that the claim follows."""

    method: str
    margin: float | None
    witness: Mapping = field(default_factory=dict)
    note: str = ""


class SolverFailed(NeurolurieError):
    """An optimisation solver is missing or gave up; the test it served has no answer."""


def solve(problem, solver: str, **options) -> None:
    """Run a cvxpy problem; its status is never believed, only that it left numbers behind.

    Raises SolverFailed in the solver's own words.
    """
    import warnings

    import cvxpy

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem.solve(solver=solver, **options)
    except (cvxpy.error.SolverError, ArithmeticError, ValueError, RuntimeError) as error:
        raise SolverFailed(f"{solver}: {error}") from error


def import_cvxpy():
    """cvxpy, imported on use; SolverFailed says how to get it if it is missing."""
    try:
        import cvxpy
    except ImportError as error:
        raise SolverFailed("cvxpy is not installed; pip install cvxpy for the SDP tests") from error
    return cvxpy
