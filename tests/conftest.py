"""Backends to test, a cache for what they compile, and two networks that most tests share so that builds are shared."""

from __future__ import annotations

import os
import shutil
import tempfile

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: threads of their own would wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

from neurolurie.network.lurie import LurieNetwork
from neurolurie.simulation.backends import BACKENDS


def pytest_addoption(parser):
    parser.addoption("--backends", default=",".join(BACKENDS), help="the backends to test, separated by commas")


def pytest_configure(config):
    """One cache for the session and its worker processes, unless the caller has chosen one to keep."""
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning:pyparsing")  # Brian2 uses its old spellings
    if "NEUROLURIE_CACHE" not in os.environ:
        config.neurolurie_cache = tempfile.mkdtemp(prefix="neurolurie-tests-")
        os.environ["NEUROLURIE_CACHE"] = config.neurolurie_cache


def pytest_unconfigure(config):
    if hasattr(config, "neurolurie_cache"):
        shutil.rmtree(config.neurolurie_cache, ignore_errors=True)
        del os.environ["NEUROLURIE_CACHE"]


def pytest_generate_tests(metafunc):
    """``backend``: every backend chosen; ``other_backend``: those that are compared with the reference."""
    chosen = metafunc.config.getoption("--backends").split(",")
    unknown = set(chosen) - set(BACKENDS)
    if unknown:
        raise pytest.UsageError(f"--backends: {sorted(unknown)} not known; known are {sorted(BACKENDS)}")
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", chosen)
    if "other_backend" in metafunc.fixturenames:
        metafunc.parametrize("other_backend", [name for name in chosen if name != "reference"])


def _network(seed: int, n: int, phi: list[str]) -> LurieNetwork:
    rng, m = np.random.default_rng(seed), len(phi)
    return LurieNetwork(
        A=rng.normal(size=(n, n)) / n - np.diag(rng.uniform(0.5, 2.0, n)), B=rng.normal(size=(n, m)) / np.sqrt(m),
        C=rng.normal(size=(m, n)) / np.sqrt(n), E=rng.normal(size=(n, 2)), bx=rng.normal(size=n),
        by=rng.normal(size=m), phi=phi,
    )  # fmt: skip


SMALL = _network(1, 3, ["tanh", "logistic", "tanh", "softplus"])  # 36 nonzeros: Brian2 writes it out
LARGE = _network(2, 8, ["tanh"] * 4 + ["softplus"] * 3)  # 192 nonzeros: Brian2 makes synapses


@pytest.fixture(params=["unrolled", "synapses"])
def network(request) -> LurieNetwork:
    """A dense smooth network with mixed phi and two inputs: a small one and one large enough for Brian2's synapses."""
    return SMALL if request.param == "unrolled" else LARGE


@pytest.fixture
def starts(network) -> np.ndarray:
    """Four trials."""
    return np.random.default_rng(3).normal(size=(4, network.n))
