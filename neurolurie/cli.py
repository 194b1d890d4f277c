"""The command line. Heavy libraries are imported inside the commands: `neurolurie --help` loads none of them."""

from __future__ import annotations

import json
import os
import sys
import traceback
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from neurolurie.errors import NeurolurieError, lookup

app = typer.Typer(
    name="neurolurie",
    help="Compose neural circuits as Lurie networks, know what they can do before they run, simulate them anywhere.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario's file or name.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. circuits.memory.with.gain=2. Repeatable."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@app.command()
def run(
    scenario: ScenarioName,
    backend: Annotated[
        str | None, typer.Option(help="reference, torch, brian2 or brian2-standalone; the scenario's own if not given.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 ... (torch).")] = None,
    seed: Annotated[int | None, typer.Option(help="Replaces the scenario's seed.")] = None,
    settings: Settings = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the result; runs/NAME-DATE-SEED if not given.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the result that the folder already holds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a scenario: certify, simulate, measure, draw; 1 if it misses what it expects."""
    from neurolurie.pipeline import load_scenario, run_source
    from neurolurie.report.write import write_report
    from neurolurie.result import refuse_existing

    source = load_scenario(scenario, backend=backend, device=device, seed=seed, settings=settings or ())
    if out is None:
        folder = Path("runs") / f"{source.data['name']}-{date.today().isoformat()}-{source.data.get('seed', 0)}"
        folder = folder if force else _unused(folder)
    else:
        folder = out
    refuse_existing(folder, force)
    with _Progress() as progress:
        result = run_source(source, progress)
        progress("report", 0, 1)
        result.save(folder, force, lambda partial: write_report(result, partial))
    if as_json:
        _print_json({"out": str(folder), "metrics": result.metrics, "expect_met": result.expect_met})
    else:
        _print_result(result, folder)
    raise typer.Exit(0 if result.expect_met else 1)


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A circuit's or a scenario's file or name.")],
) -> None:
    """Validate a circuit or a scenario without running it."""
    from neurolurie.pipeline import check as check_target

    typer.echo(check_target(file))


@app.command()
def certify(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A circuit, a scenario, or an .npz with A, B, C.")],
    k: Annotated[
        int | None, typer.Option("--k", help="Order of contraction; the smallest provable if not given.")
    ] = None,
    claim: Annotated[
        str, typer.Option(help="k-contraction, convergent, bounded, oscillates or gain.")
    ] = "k-contraction",
    phi: Annotated[str | None, typer.Option(help="The nonlinearity of an .npz target.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the certificate to this file.")] = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Say what is known about every trajectory before it runs; 1 if the claim is not certified."""
    from neurolurie.certificates.certify import certify as certify_network
    from neurolurie.pipeline import target_network

    certificate = certify_network(target_network(target, phi, settings or ()), claim=claim, k=k)
    if save is not None:
        certificate.save(save)
    if as_json:
        _print_json(certificate.to_json())
    else:
        typer.echo(certificate.explain())
        if save is not None:
            typer.echo(f"saved to {save}; check it again with: neurolurie verify {save}")
    raise typer.Exit(0 if certificate.holds else 1)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A certificate saved by certify --save or by run.")],
    target: Annotated[
        str | None,
        typer.Option("--of", metavar="TARGET", help="Also check that it speaks about this circuit or scenario."),
    ] = None,
    phi: Annotated[str | None, typer.Option(help="The nonlinearity of an .npz target.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prove a saved certificate again, from the file alone; 1 if it does not hold."""
    from neurolurie.certificates.verify import verify as verify_file

    network = None
    if target is not None:
        from neurolurie.pipeline import target_network

        network = target_network(target, phi)
    verdict = verify_file(file, network)
    if as_json:
        _print_json({"valid": verdict.valid, "reason": verdict.reason, "arithmetic": verdict.arithmetic})
    else:
        typer.echo(f"{file}: {_coloured(str(verdict), verdict.valid)}")
    raise typer.Exit(0 if verdict.valid else 1)


@app.command()
def repair(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A circuit, a scenario, or an .npz with A, B, C.")],
    k: Annotated[int, typer.Option("--k", help="The order of contraction to restore.")] = 1,
    phi: Annotated[str | None, typer.Option(help="The nonlinearity of an .npz target.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the repaired network to this .npz.")] = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Propose the smallest change of the couplings that makes the claim provable; 1 if there is none."""
    from neurolurie.certificates.repair import repair as repair_network
    from neurolurie.pipeline import target_network

    proposal = repair_network(target_network(target, phi, settings or ()), k)
    if save is not None and proposal.found:
        proposal.network.save(save)
    if as_json:
        _print_json({
            "kind": proposal.kind, "gain": proposal.gain, "change": proposal.change,
            "before": proposal.before.to_json(), "after": proposal.after.to_json(),
        })  # fmt: skip
    else:
        typer.echo(f"{target}: {proposal.sentence()}")
        if save is not None and proposal.found:
            typer.echo(f"saved to {save}; look at it with: neurolurie certify {save} --k {k}")
    raise typer.Exit(0 if proposal.found else 1)


@app.command()
def compare(
    scenario: ScenarioName,
    backends: Annotated[str, typer.Option(help="Names with commas between; the first is held against the others.")] = (
        "reference,torch,brian2,brian2-standalone"
    ),
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Run the same trials on several backends and print how far apart they are; 1 if beyond the tolerance."""
    from neurolurie.pipeline import compare as compare_backends

    names = [name.strip() for name in backends.split(",") if name.strip()]
    report = compare_backends(scenario, names, settings or ())
    agreed = report["max_gap"] <= report["tolerance"]
    if as_json:
        _print_json(report)
    else:
        typer.echo(f"{'backend':20} {'gap':>9} {'build':>9} {'run':>9}  what ran")
        for name, gap, entry in [(names[0], "", report["first"])] + [
            (pair["b"], f"{pair['gap']:.1e}", pair) for pair in report["pairs"]
        ]:
            times = f"{entry['build_seconds']:7.2f} s {entry['run_seconds']:7.2f} s"
            typer.echo(f"{name:20} {gap:>9} {times}  {entry['code']}")
        verdict = _coloured("agree" if agreed else "DISAGREE", agreed)
        typer.echo(f"largest gap {report['max_gap']:.2e}, tolerance {report['tolerance']:g}: the backends {verdict}")
    raise typer.Exit(0 if agreed else 1)


@app.command("list")
def list_(
    what: Annotated[
        str | None,
        typer.Argument(help="circuits, scenarios, backends, nonlinearities, solvers or models; all if not given."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what there is."""
    chosen = LISTS if what is None else {what: lookup("list", what, LISTS)}
    found = {name: function() for name, function in chosen.items()}
    if as_json:
        _print_json(found)
        return
    for name, entries in found.items():
        typer.echo(f"{name}:")
        for entry in entries:
            typer.echo(f"  {entry}")


@app.command()
def show(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A circuit, a scenario or a nonlinearity.")],
    as_json: AsJson = False,
) -> None:
    """Show what a circuit, a scenario or a nonlinearity is."""
    from neurolurie.describe import describe

    facts = describe(target)
    if as_json:
        _print_json(facts)
        return
    width = max(len(key) for key in facts)
    for key, value in facts.items():
        lines = value if isinstance(value, list) else [value]
        for number, line in enumerate(lines):
            typer.echo(f"{key if number == 0 else '':{width}}  {line}")


def _list_shipped(kind: str):
    def names() -> list[str]:
        from neurolurie.library import names as shipped

        return shipped(kind)

    return names


def _list_backends() -> list[str]:
    from neurolurie.simulation.backends import BACKENDS

    return list(BACKENDS)


def _list_nonlinearities() -> list[str]:
    from neurolurie.network.nonlinearity import NONLINEARITIES

    return list(NONLINEARITIES)


def _list_solvers() -> list[str]:
    from neurolurie.simulation.solvers import SOLVERS

    return list(SOLVERS)


def _list_models() -> list[str]:
    from neurolurie.train.names import MODELS

    return list(MODELS)


LISTS = {
    "circuits": _list_shipped("circuits"), "scenarios": _list_shipped("scenarios"), "backends": _list_backends,
    "nonlinearities": _list_nonlinearities, "solvers": _list_solvers,
    "models": _list_models,
}  # fmt: skip


class _Progress:
    """Phase, share done and remaining time on a terminal's standard error; nothing into a pipe."""

    def __enter__(self):
        self._bar = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description:12}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"),
                TimeRemainingColumn(), console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._bar.start()
            self._task = self._bar.add_task("prepare", total=None)
        return self

    def __call__(self, phase: str, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=phase, completed=done, total=total)

    def __exit__(self, *_) -> None:
        if self._bar is not None:
            self._bar.stop()


def _print_result(result, folder: Path) -> None:
    for run in result.runs:
        label = f"{run.variant}: " if run.variant else ""
        typer.echo(f"{label}{run.findings.sentence}")
    if result.certificate is not None:
        typer.echo(f"certificate: {result.certificate.sentence()}")
        for remark in result.runs[0].remarks():
            typer.echo(remark)
    for note in result.provenance["notes"]:
        typer.echo(f"note: {note}")
    for expectation in result.expectations:
        if not expectation.met:
            typer.echo(_coloured(f"missed: {expectation}", False))
    if result.expectations and result.expect_met:
        typer.echo(_coloured(f"all {len(result.expectations)} expectations met", True))
    times = result.provenance
    typer.echo(
        f"{', '.join(times['code'])}: build {times['build_seconds']:.2f} s, run {times['run_seconds']:.2f} s, "
        f"{times['total_seconds']:.1f} s in all"
    )
    typer.echo(f"{folder}/report.html")


def _unused(folder: Path) -> Path:
    """The folder, or the first of folder-2, folder-3 ... that does not exist: a default name never stands in the
    way."""
    number, candidate = 1, folder
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def _coloured(text: str, good: bool) -> str:
    return typer.style(text, fg="green" if good else "red", bold=not good) if sys.stdout.isatty() else text


def _print_json(data: dict) -> None:
    typer.echo(json.dumps(data, allow_nan=False))


def main() -> None:
    """Entry point: 0 done, 1 done but the answer is no, 2 wrong input, 3 the run itself failed."""
    try:
        app()
    except NeurolurieError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:  # the reader of a pipe left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _fail(f"{error.filename or 'the operating system'}: {error.strerror or error}", NeurolurieError.exit_code)
    except MemoryError:
        _fail("out of memory: record fewer states or steps (simulate.record), or run fewer trials.", 3)
    except Exception:  # an error of ours, not of the user: everything is shown
        traceback.print_exc()
        sys.exit(NeurolurieError.exit_code)


def _fail(sentence: str, code: int) -> None:
    text = f"error: {sentence}"
    typer.echo(typer.style(text, fg="red") if sys.stderr.isatty() else text, err=True)
    sys.exit(code)
