"""report.html: one page that holds everything a run showed and opens without a network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from neurolurie.certificates.certificate import Certificate
from neurolurie.report.drawing import Drawing
from neurolurie.report.words import BASELINES, interval, meaning, quantity
from neurolurie.result import Result, Run, to_yaml

HERO = ".gif"  # the picture that moves stands first


def render_page(result: Result, drawings: Sequence[Drawing]) -> str:
    """The page as text; everything from the scenario is escaped, every picture is part of the text."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["uri"] = lambda drawing: (
        f"data:{drawing.media_type};base64,{base64.b64encode(drawing.content).decode()}"
    )
    template = environment.from_string(files("neurolurie.report").joinpath("page.html.j2").read_text(encoding="utf-8"))
    scenario = result.runs[0].experiment.scenario
    return template.render(
        result=result,
        scenario=scenario,
        title=scenario.title or scenario.name,
        sentences=[(run.variant, run.findings.sentence) for run in result.runs],
        certificates=[(run.variant, run.certificate) for run in result.runs if run.certificate is not None],
        words=words,
        regions=regions(result.runs),
        caution=caution(result.runs),
        missed=[line for line in result.expectations if not line.met],
        table=metrics_table(result),
        hero=[drawing for drawing in drawings if drawing.file.endswith(HERO)],
        drawings=[drawing for drawing in drawings if not drawing.file.endswith(HERO)],
        provenance=provenance_rows(result),
        yaml=to_yaml(result.resolved),
    )


def metrics_table(result: Result) -> dict:
    """Rows ``{name, meaning, cells}``; a cell is ``{value, baseline, expected, met}``, one for each variant.

    What was expected and not measured has a row too.
    """
    expected = {line.name: line for line in result.expectations}
    variants = [run.variant for run in result.runs]
    names = dict.fromkeys(name for run in result.runs for name in run.findings.metrics)
    prefixes = tuple(f"{variant}." for variant in variants if variant)
    for line in result.expectations:
        short = next((line.name.removeprefix(prefix) for prefix in prefixes if line.name.startswith(prefix)), line.name)
        names.setdefault(short)
    rows = []
    for name in names:
        cells = [_cell(result, f"{variant}.{name}" if variant else name, name, expected) for variant in variants]
        rows.append({"name": name, "meaning": meaning(name), "cells": cells})
    return {
        "variants": variants, "rows": rows, "expects": bool(expected),
        "baseline": any(cell["baseline"] for row in rows for cell in row["cells"]),
    }  # fmt: skip


def _cell(result: Result, full: str, name: str, expected: dict) -> dict:
    value, line = result.metrics.get(full), expected.get(full)
    baseline = result.metrics.get(full.removesuffix(name) + BASELINES[name]) if name in BASELINES else None
    return {
        "value": quantity(name, value) if value is not None else "not measured" if line is not None else "\N{EN DASH}",
        "exact": "" if value is None else repr(value),
        "baseline": "" if baseline is None else quantity(BASELINES[name], baseline),
        "expected": "" if line is None else interval(name, line.low, line.high),
        "met": line is None or line.met,
    }  # fmt: skip


def regions(runs: Sequence[Run]) -> list[tuple[str, Certificate]]:
    """The certified regions that were looked for, each with the name of what it surrounds."""
    return [
        (f"{run.variant}, {name}" if run.variant else str(name), certificate)
        for run in runs for name, certificate in run.findings.certificates.items()
    ]  # fmt: skip


def words(certificate: Certificate) -> str:
    """The certificate's sentence without the status in front, which stands beside it as a badge."""
    return certificate.sentence().removeprefix(f"{certificate.status}: ")


def caution(runs: Sequence[Run]) -> str:
    """Why certificates do not speak about this run as it was simulated; empty if they do."""
    if not any(run.certificate is not None or run.findings.certificates for run in runs):
        return ""
    reasons = []
    if any(run.problem.sigma is not None for run in runs):
        reasons.append("noise is on")
    if any(varies(run.problem.inputs) for run in runs):
        reasons.append("the input varies in time")
    if not reasons:
        return ""
    return f"In this run {' and '.join(reasons)}; the certificate speaks of constant input without noise."


def varies(inputs: np.ndarray) -> bool:
    """Whether any input (steps, 3, channels) changes during the run."""
    return bool(inputs.size and (inputs != inputs[0, 0]).any())


def provenance_rows(result: Result) -> list[tuple[str, str]]:
    """Label and text: what ran, on what, how long, from which seed."""
    facts = result.provenance
    simulate = result.runs[0].experiment.scenario.simulate
    rows = [
        ("neurolurie", facts["neurolurie"]),
        ("date", facts["date"]),
        ("backend", f"{facts['backend']} on {facts['device']}, {facts['dtype']}"),
        ("code that really ran", "; ".join(facts["code"])),
        *(("note", note) for note in facts["notes"]),
        ("solver", f"{facts['solver']}, step {simulate.dt:g} s, {simulate.duration:g} s in all"),
        ("seed", str(facts["seed"])),
        ("time to build", f"{facts['build_seconds']:.3g} s"),
        ("time to run", f"{facts['run_seconds']:.3g} s"),
        ("time in all", f"{facts['total_seconds']:.3g} s, figures apart"),
        ("versions", ", ".join(f"{name} {number}" for name, number in facts["versions"].items())),
        ("platform", facts["platform"]),
    ]
    rows += [(f"network {name}", f"SHA-256 {digest}") for name, digest in facts["networks"].items()]
    return rows
