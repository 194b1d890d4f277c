"""The layers of the package: what may import what, and what an import costs."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import neurolurie

PACKAGE = Path(neurolurie.__file__).resolve().parent
# Left may not import right; names in one entry may import one another.
LAYERS = [
    {"errors"}, {"spec", "library"}, {"network"}, {"certificates"}, {"kernels"}, {"simulation"}, {"train"},
    {"result", "data"}, {"analysis"}, {"tasks"}, {"report"}, {"pipeline", "describe", "cli"},
]  # fmt: skip
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
HEAVY = ("torch", "brian2", "cvxpy", "matplotlib", "xarray", "zarr", "sklearn", "PIL", "jinja2", "pandas", "sympy")
FILES = sorted(PACKAGE.rglob("*.py"))


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, only_at_import: bool = False):
    """Modules imported in a file; those under TYPE_CHECKING are not imports, those in functions happen on use."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        inside = only_at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if typing or inside:
            skipped |= set(ast.walk(node)) - {node}
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the whole name of the module"
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def test_every_module_has_a_layer():
    unknown = {layer(path) for path in FILES} - set(RANK) - {"__init__", "__main__", "_data"}
    assert not unknown, f"say in LAYERS where these belong: {unknown}"


@pytest.mark.parametrize(
    "path", [f for f in FILES if layer(f) in RANK], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_module_imports_from_a_layer_above_its_own(path):
    for name, line in imports(path):
        parts = name.split(".")
        if parts[0] == "neurolurie" and len(parts) > 1 and parts[1] in RANK:
            assert RANK[parts[1]] <= RANK[layer(path)], f"{path}:{line}: '{layer(path)}' may not import '{parts[1]}'"


TORCH_OWN = (
    "train",
    "simulation/backends/torch",
    "simulation/backends/brian",
    "report",
    "kernels/operator",
    "kernels/plain",
    "kernels/gpu/rollout",
    "kernels/gpu/run_",
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_are_imported_on_use(path):
    if str(path.relative_to(PACKAGE).as_posix()).startswith(TORCH_OWN):
        return  # these modules are imported only once their library is wanted: see the run-time tests below
    for name, line in imports(path, only_at_import=True):
        assert name.partition(".")[0] not in HEAVY, f"{path}:{line}: import {name} inside the function that needs it"


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    return {name for name in done.stdout.split() if "." not in name}


def test_importing_the_package_loads_next_to_nothing():
    loaded = loaded_by("import neurolurie")
    assert not loaded & {*HEAVY, "numpy", "scipy", "networkx", "pydantic", "ruamel", "typer", "rich"}


def test_importing_the_package_is_quick():
    code = "import time; t = time.process_time(); import neurolurie; print(time.process_time() - t)"
    seconds = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]
    assert min(seconds) < 0.15


@pytest.mark.parametrize("statement", [
    "import neurolurie.cli", "import neurolurie.pipeline", "import neurolurie; neurolurie.certify, neurolurie.simulate",
    "import neurolurie; neurolurie.circuit('memory/hopfield', units=8)",
])  # fmt: skip
def test_nothing_heavy_loads_before_it_is_used(statement):
    assert not loaded_by(statement) & set(HEAVY)


def test_the_reference_backend_needs_none_of_the_heavy_libraries():
    statement = "from neurolurie.pipeline import run; run('opinion', backend='reference', settings=['trials=1'])"
    assert not loaded_by(statement) & {"torch", "brian2", "matplotlib", "sklearn"}
