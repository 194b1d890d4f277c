"""The public names: each resolves, twice to the same object, and none is hidden by a module of its name."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import neurolurie as nl

PROMISED = {"LurieNetwork", "certify", "verify", "simulate", "circuit", "CircuitGraph", "run", "compare", "SpecError"}


@pytest.mark.parametrize("name", nl.__all__)
def test_every_public_name_resolves_twice_to_the_same_object(name):
    first, second = getattr(nl, name), getattr(nl, name)
    assert first is second and (inspect.isclass(first) or inspect.isfunction(first))


def test_using_one_name_does_not_break_another():
    # A submodule of a public name's own name would replace it on the package once it is imported.
    code = (
        "import neurolurie as nl\n"
        "for _ in range(2):\n"
        "    for name in nl.__all__:\n"
        "        assert callable(getattr(nl, name)), name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_public_name_is_a_submodule():
    package = Path(nl.__file__).parent
    modules = {path.stem for path in package.glob("*.py")} | {path.name for path in package.iterdir() if path.is_dir()}
    assert not modules & set(nl.__all__)


def test_what_is_promised_is_there_and_documented():
    assert PROMISED <= set(nl.__all__) and set(dir(nl)) >= PROMISED
    for name in nl.__all__:
        assert (getattr(nl, name).__doc__ or "").strip(), f"{name} has no docstring"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="^module 'neurolurie' has no attribute 'simulte'"):
        nl.simulte  # noqa: B018
