"""The schema of a scenario: circuits, couplings, a task, how to simulate, what to certify, what to expect."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from neurolurie.spec.circuit import CircuitSpec, CouplingSpec
from neurolurie.spec.learn import LearnSpec
from neurolurie.spec.model import Model

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Binarise(Model):
    """Pixels above the threshold become the second value, the others the first."""

    threshold: float
    values: Annotated[list[float], Field(min_length=2, max_length=2)] = [-1.0, 1.0]


class Prototypes(Model):
    """One or more images chosen to stand for each class; ``shift`` moves them so many places down their list, so that
    the p-th prototype of two data sets can be a pair: a digit and its successor."""

    per_class: Count = 1
    by: Literal["medoid", "first"] = "medoid"
    shift: int = 0


class Split(Model):
    """``test`` samples set apart, chosen by their own seed: the same in every run, whatever the run's seed."""

    test: Count
    seed: Annotated[int, Field(ge=0)] = 0


class DataSpec(Model):
    source: str
    scale: Positive | None = None
    binarise: Binarise | None = None
    prototypes: Prototypes | None = None
    split: Split | None = None


class Corrupt(Model):
    """Damage done to a cue: exactly ``flip`` pixels change sign, or a share of them is set to zero."""

    flip: Annotated[int, Field(ge=0)] = 0
    mask: Annotated[float, Field(ge=0, le=1)] = 0.0


class Cue(Model):
    circuit: str
    patterns: str = Field(alias="from")
    corrupt: Corrupt = Corrupt()
    as_: Literal["initial-state"] = Field("initial-state", alias="as")


class Completion(Model):
    """The circuit that is not cued, and the patterns it should find: the p-th belongs to the p-th pattern of the cue.
    Its states start uniform in ``[-start, start]``."""

    circuit: str
    patterns: str = Field(alias="from")
    start: Positive = 0.1


class Denoise(Model):
    """Images damaged by noise (standard deviations, in pixel values) or by masking (shares), one condition for each.

    The damaged image is the initial state of ``into``, hidden pixels as ``blank``; ``attention`` starts at 1 where a
    pixel is hidden; ``read`` (``into`` if not given) holds the answer at the end.
    """

    images: str
    training: str
    into: str
    read: str | None = None
    attention: str | None = None
    blank: float = 0.0
    readout: Literal["state", "clip", "sign"] = "state"
    noise: list[Positive] = Field(default_factory=list)
    mask: list[Annotated[float, Field(gt=0, lt=1)]] = Field(default_factory=list)
    baselines: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _some_condition(self) -> Denoise:
        if not self.noise and not self.mask:
            raise ValueError("expected at least one level of 'noise' or one share to 'mask'.")
        return self


class Hold(Model):
    """A number that ``circuit`` holds from ``delay_from`` (s) on, put in by ``pulse``: a circuit of one state (a
    value) or
    two (cosine and sine of an angle) that starts at ``amplitude`` times the number and decays.

    ``tolerance`` (rad, or in the units of the value) is how far it may be off before its horizon has passed.
    """

    circuit: str
    pulse: str
    read: Literal["angle", "value"]
    amplitude: Positive = 1.0
    values: Annotated[list[float], Field(min_length=2, max_length=2)] = [-1.0, 1.0]
    delay_from: Positive
    tolerance: Positive


class Decide(Model):
    """A circuit of two pools that decides when their difference reaches ``threshold``; ``evidence`` is a circuit of one
    state that holds the signed coherence of the trial, each of ``coherences`` and its negative in turn."""

    circuit: str
    evidence: str
    coherences: Annotated[list[float], Field(min_length=1)]
    threshold: Positive


class Start(Model):
    """Initial states: ``states`` written out (one trial each), or drawn uniformly from ``[low, high]`` for all
    trials."""

    states: list[list[float]] | None = None
    uniform: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Start:
        if (self.states is None) == (self.uniform is None):
            raise ValueError("expected either 'states' or 'uniform'.")
        return self


class InputSpec(Model):
    """An input into one circuit: to the rates of its states (``rate``), or through its own E (``drive``).

    It is the same for all of them unless ``pattern`` weighs them. The keys from ``amplitude`` on belong to the kinds,
    see `neurolurie.simulation.inputs`.
    """

    circuit: str
    to: Literal["rate", "drive"] = "rate"
    kind: str
    pattern: str | list[float] | None = None
    amplitude: float = 1.0
    on: float | None = None
    off: float | None = None
    period: float | None = None
    width: float | None = None
    frequency: float | None = None
    phase: float | None = None
    offset: float | None = None
    values: list[float] | None = None
    file: str | None = None
    interval: float | None = None


class Noise(Model):
    """sigma in state units per sqrt(s), for each circuit named."""

    sigma: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)


class RecordSpec(Model):
    every: Count = 1
    states: Literal["all"] | list[str] = "all"


class Simulate(Model):
    backend: str = "torch"
    device: str = "cpu"
    dtype: Literal["float64", "float32"] = "float64"
    solver: str = "euler"
    dt: Positive
    duration: Positive
    record: RecordSpec = RecordSpec()
    diverged: Literal["stop", "count"] = "stop"
    stop: Literal["end", "certified"] = "end"


class CertifySpec(Model):
    claim: str = "k-contraction"
    k: Count | None = None
    on_fail: Literal["stop", "warn"] = "warn"


def _ordered(bounds: list[float]) -> list[float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"expected [lowest, highest], got {bounds}.")
    return bounds


Bounds = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_ordered)]


class Scenario(Model):
    schema_: Literal[1] = Field(alias="schema")
    name: str
    kind: str
    title: str = ""
    description: str = ""
    reference: str = ""
    data: dict[str, DataSpec] = Field(default_factory=dict)
    circuits: dict[str, CircuitSpec] = Field(min_length=1)
    couplings: list[CouplingSpec] = Field(default_factory=list)
    cue: Cue | None = None
    completion: Completion | None = None
    denoise: Denoise | None = None
    hold: Hold | None = None
    decide: Decide | None = None
    learn: LearnSpec | None = None
    start: Start | None = None
    lesions: list[str] = Field(default_factory=list)
    trials: Count = 1
    inputs: list[InputSpec] = Field(default_factory=list)
    noise: Noise = Noise()
    simulate: Simulate
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    certify: CertifySpec | None = None
    measures: dict[str, Any] = Field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    expect: dict[str, Bounds] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _one_folder(cls, name: str) -> str:
        if not name.strip() or name.startswith(".") or "/" in name or "\\" in name:
            raise ValueError(f"the name is that of the result's folder: a word without '/', got {name!r}.")
        return name
