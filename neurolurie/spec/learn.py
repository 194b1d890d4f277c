"""The schema of ``learn:``: which models are fitted to the trajectories of a scenario, and how they are examined."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neurolurie.spec.model import Model

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class Entry(Model):
    """One row of the table: a model with its parameters. ``data: euler`` makes its data with that solver, too."""

    model: str
    k: Count | None = None
    parameters: dict[str, Any] = Field(default_factory=dict, alias="with")
    seeds: list[int] | None = None
    search: bool = True
    data: Literal["same", "euler"] = "same"


class Search(Model):
    """The same for every model: all pairs are tried with one seed, the lowest validation loss wins."""

    lr: list[Positive] = Field([0.02, 0.007, 0.002], min_length=1)
    weight_decay: list[Share] = Field([0.0, 1.0e-4], min_length=1)
    epochs: Count | None = None
    seed: int = 0


class Examine(Model):
    """``out_of_distribution``: sizes [low, high] of each initial coordinate, its sign drawn. ``noise``: standard
    deviations of what is added to the initial states that a model sees. ``horizon``: how many times as long."""

    out_of_distribution: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    noise: list[Positive] = Field(default_factory=list)
    horizon: Count | None = None


class LearnSpec(Model):
    """``truth``: trajectories by the scenario's solver, or by the matrix exponential where the network is linear."""

    k: Count
    models: dict[str, Entry] = Field(min_length=1)
    split: Annotated[list[Count], Field(min_length=3, max_length=3)]
    epochs: Count = 100
    batch: Count = 100
    optimiser: str = "Adam"
    schedule: str = "cosine"
    growing: Annotated[float, Field(ge=0, le=1)] = 0.0
    solver: str = "rk4"
    dt: Positive
    dtype: Literal["float64", "float32"] = "float32"
    seeds: list[int] = Field(min_length=1)
    search: Search = Search()
    examine: Examine = Examine()
    reference: str | None = None
    truth: Literal["simulated", "exact"] = "simulated"
    checkpoints: str = "runs/learning"

    @model_validator(mode="after")
    def _reference_is_a_model(self) -> LearnSpec:
        if self.reference is not None and self.reference not in self.models:
            raise ValueError(f"reference '{self.reference}' is none of the models: {', '.join(self.models)}.")
        return self
