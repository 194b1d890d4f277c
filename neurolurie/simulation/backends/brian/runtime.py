"""Brian2 at runtime: its generated code runs inside this process, as Cython where a compiler works, else as numpy."""

from __future__ import annotations

import functools
import os
import time

import numpy as np

from neurolurie.errors import BackendError, SpecError
from neurolurie.simulation.backends.base import Backend
from neurolurie.simulation.backends.brian import schedule
from neurolurie.simulation.backends.brian.functions import functions
from neurolurie.simulation.backends.brian.layout import batches, gather, join, layout, refusal, tables
from neurolurie.simulation.backends.brian.session import import_brian, session
from neurolurie.simulation.problem import Problem, Trajectory

TARGETS = ("auto", "cython", "numpy")
DROPPED = "brian2: Cython does not work here, numpy code ran instead (slower, same numbers); install a C++ compiler."


class BrianBackend(Backend):
    """``target``: cython, numpy, or auto (Cython if it works); by default ``$NEUROLURIE_BRIAN_TARGET`` or auto."""

    name = "brian2"

    def __init__(self, target: str | None = None):
        import_brian()
        self.target = target or os.environ.get("NEUROLURIE_BRIAN_TARGET", "auto")
        if self.target not in TARGETS:
            raise SpecError(f"brian2: the code target '{self.target}' is not known. Known: {', '.join(TARGETS)}.")

    def unsupported(self, problem: Problem) -> str | None:
        if self.target == "cython" and not cython_works():
            return "brian2: Cython does not work here; install a C++ compiler, or let the target be 'auto'."
        return refusal(self.name, problem)

    def run(self, problem: Problem) -> Trajectory:
        target, notes = self.target, ()
        if target == "auto":
            target = "cython" if cython_works() else "numpy"
            notes = () if target == "cython" else (DROPPED,)
        return join([self._run(part, first_trial, target, notes) for first_trial, part in batches(problem)])

    def _run(self, problem: Problem, first_trial: int, target: str, notes: tuple[str, ...]) -> Trajectory:
        began = time.perf_counter()
        brian2 = import_brian()
        plan = layout(problem)
        with session(_device(), codegen__target="numpy"), np.errstate(all="ignore"):
            from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

            clock = brian2.Clock(dt=1 * brian2.second, name="neurolurie_clock")
            every = (problem.record.every or 1) * len(problem.solver.nodes)
            record_clock = brian2.Clock(dt=every * brian2.second, name="neurolurie_record_clock")
            # Objects are made with numpy: connecting synapses and copying into monitors needs no compiler.
            objects = plan.build(functions(tables(problem, plan)), clock, record_clock, NumpyCodeObject)
            for name, value in plan.values(problem, first_trial).items():
                owner, variable = name.split(".")
                objects[owner].variables[variable].get_value()[:] = value
            network = brian2.Network(*objects.values())
            brian2.prefs.codegen.target = target
            started: list[float] = []

            def report(elapsed, completed, start, duration):
                if not started:
                    started.append(time.perf_counter())
                if problem.progress:
                    problem.progress(round(completed * problem.steps), problem.steps)

            try:
                network.run(
                    schedule.ticks(problem) * brian2.second, report=report, report_period=0.2 * brian2.second,
                    namespace={},
                )  # fmt: skip
            except brian2.BrianObjectException as error:
                reason = error.__cause__ or error
                raise BackendError(f"brian2: {target} code could not be made or run: {reason}") from error
            ended = time.perf_counter()

            def read(owner: str, variable: str) -> np.ndarray:
                return np.array(objects[owner].variables[variable].get_value())

            states, final = gather(problem, plan, read)
        code = f"brian2 {brian2.__version__}, {target} code, {type(plan).__name__.lower()}"
        if notes:
            code += " (Cython does not work here)"
        return Trajectory(states, final, started[0] - began, ended - started[0], code, notes)


@functools.cache
def cython_works() -> bool:
    """Whether Brian2 can compile and load Cython code here; found out once."""
    import_brian()
    with session(_device()):
        from brian2.codegen.runtime.cython_rt import CythonCodeObject

        return bool(CythonCodeObject.is_available())


def _device():
    import_brian()
    from brian2.devices.device import RuntimeDevice

    return RuntimeDevice()
