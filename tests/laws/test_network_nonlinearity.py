"""Every nonlinearity: its slope range is right on every interval, and its four spellings are one map."""

import ctypes
import shutil
import subprocess
from math import erf, exp, isinf, pi, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from neurolurie.errors import SpecError
from neurolurie.network.nonlinearity import NONLINEARITIES, nonlinearity
from neurolurie.network.phi import Phi

EVERY = pytest.mark.parametrize("kind", NONLINEARITIES.values(), ids=NONLINEARITIES)
ends = st.floats(-30.0, 30.0, allow_subnormal=False)
KINKS = {y for kind in NONLINEARITIES.values() if not kind.smooth for y, _ in kind.turns}
SPECIAL = np.array([0.0, -0.0, 1e-300, -1e-300, 1e-8, -1e-8, 1e3, -1e3, 700.0, -700.0, 40.0, -40.0, *KINKS])
GRID = np.concatenate(
    [np.linspace(-40.0, 40.0, 4001), np.geomspace(1e-12, 1e3, 400), -np.geomspace(1e-12, 1e3, 400), SPECIAL]
)


def away_from_kinks(y):
    return y[np.abs(y[:, None] - np.array(sorted(KINKS))).min(axis=1) > 1e-3]


@EVERY
@settings(max_examples=60, deadline=None)
@given(low=ends, width=st.floats(0.0, 20.0), shares=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_no_slope_leaves_the_range_of_its_interval(kind, low, width, shares):
    lowest, highest = kind.slope_on(low, low + width)
    seen = kind.derivative(low + width * np.array(shares))
    assert (seen >= lowest - 1e-15 * max(1.0, abs(lowest))).all()
    assert (seen <= highest + 1e-15 * max(1.0, abs(highest))).all()
    assert kind.slope[0] <= lowest <= highest <= kind.slope[1]


@EVERY
@settings(max_examples=60, deadline=None)
@given(low=ends, width=st.floats(0.0, 20.0))
def test_the_range_of_an_interval_is_attained(kind, low, width):
    lowest, highest = kind.slope_on(low, low + width)
    y = low + width * np.linspace(0.0, 1.0, 4001)
    kinks = [slope for at, slopes in kind.turns if low <= at <= low + width for slope in slopes]
    slopes = np.append(kind.derivative(y), kinks if not kind.smooth else [])
    # The slope moves by at most max |phi''| * spacing / 2 between two samples; |phi''| <= 2, cubic 6 * 50.
    tolerance = 1e-12 + (6 * 50 if kind.name == "cubic" else 2.0) * width / 4000
    assert slopes.min() <= lowest + tolerance
    assert slopes.max() >= highest - tolerance


@EVERY
def test_the_range_on_the_whole_line_is_the_stated_one_and_is_approached(kind):
    assert kind.slope_on(-np.inf, np.inf) == pytest.approx(kind.slope, abs=1e-15)
    slopes = kind.derivative(np.append(np.linspace(-60.0, 60.0, 1_200_001), [-2e3, 2e3]))
    for _, at_turn in kind.turns:
        slopes = np.append(slopes, at_turn)
    assert slopes.min() == pytest.approx(kind.slope[0], abs=1e-9)
    if not isinf(kind.slope[1]):
        assert slopes.max() == pytest.approx(kind.slope[1], abs=1e-9)
        assert slopes.max() <= kind.slope[1]
    assert slopes.min() >= kind.slope[0]


def test_the_slope_of_gelu_goes_negative():
    low, high = nonlinearity("gelu").slope
    exact = 0.5 * (1 + erf(1.0)) + exp(-1.0) / sqrt(pi)  # phi'(sqrt 2)
    assert (low, high) == pytest.approx((1 - exact, exact), abs=1e-14)
    assert low == pytest.approx(-0.12890414518515, abs=1e-14)
    assert low <= 1 - exact and high >= exact


@EVERY
def test_the_derivative_is_the_slope_of_the_value(kind):
    y = away_from_kinks(np.linspace(-8.0, 8.0, 801))
    h = 1e-5
    measured = (kind.value(y + h) - kind.value(y - h)) / (2 * h)
    assert kind.derivative(y) == pytest.approx(measured, abs=1e-8, rel=1e-8)


@EVERY
@pytest.mark.parametrize("end", [-6.0, -0.7, 0.0, 0.3, 1.5, 7.0])
def test_the_integral_is_that_of_the_value_from_zero(kind, end):
    inner = [at for at in KINKS if min(0, end) < at < max(0, end)] or None
    exact, _ = integrate.quad(
        lambda y: float(kind.value(np.array(y))), 0.0, end, epsabs=1e-13, epsrel=1e-13, points=inner
    )
    assert float(kind.integral(np.array(end))) == pytest.approx(exact, abs=1e-12, rel=1e-12)


@EVERY
def test_the_image_holds_every_value_and_nothing_much_larger_does(kind):
    with np.errstate(over="ignore"):
        values = kind.value(np.linspace(-1e3, 1e3, 2_000_001))
    for seen, bound in zip((values.min(), values.max()), kind.image, strict=True):
        if isinf(bound):
            assert abs(seen) > 9
        else:
            assert seen == pytest.approx(bound, abs=1e-6)
    assert values.min() >= kind.image[0] and values.max() <= kind.image[1]


@EVERY
def test_a_kind_that_says_it_increases_does(kind):
    y = np.linspace(-5.0, 5.0, 2001)
    values = kind.value(y)
    assert kind.increasing == bool((np.diff(values) > 0).all() and kind.analytic)


# The four spellings. Two implementations of erf or tanh differ by a few units in the last place, and gelu and softplus
# multiply or subtract such numbers: 4 ulp of the larger of |phi| and |y phi'| + 1 covers all of them.
def assert_same_map(kind, other, y):
    with np.errstate(over="ignore", under="ignore"):
        value, slope = kind.value(y), kind.derivative(y)
    allowed = 4e-16 * (np.abs(value) * 4 + np.abs(y * slope) + (np.abs(y) if kind.name == "gelu" else 0)) + 1e-300
    gap = np.abs(other - value)
    worst = np.argmax(gap - allowed)
    assert (gap <= allowed).all(), f"{kind.name}({y[worst]!r}) = {value[worst]!r}, the other spelling {other[worst]!r}"


@EVERY
def test_torch_spells_the_same_map(kind):
    assert_same_map(kind, kind.torch(torch, torch.from_numpy(GRID)).numpy(), GRID)


@EVERY
def test_torch_has_the_same_derivative(kind):
    y = torch.from_numpy(away_from_kinks(GRID)).requires_grad_()
    kind.torch(torch, y).sum().backward()
    assert y.grad.numpy() == pytest.approx(kind.derivative(y.detach().numpy()), abs=1e-14, rel=1e-13)


@EVERY
def test_brian_spells_the_same_map(kind):
    words = {name: getattr(np, name) for name in ("clip", "tanh", "exp", "log1p", "sqrt", "sin", "abs")}
    with np.errstate(over="ignore", under="ignore"):
        value = eval(kind.brian.format(y="y"), {**words, "neurolurie_erf": special.erf, "y": GRID})
    assert_same_map(kind, value, GRID)


@EVERY
def test_brian_spells_an_expression_that_may_be_part_of_a_larger_one(kind):
    words = {name: getattr(np, name) for name in ("clip", "tanh", "exp", "log1p", "sqrt", "sin", "abs")}
    names = {**words, "neurolurie_erf": special.erf, "a": 0.4, "b": -0.9}
    expression = kind.brian.format(y="a + b")
    assert eval(f"2*({expression})", names) == pytest.approx(
        2 * float(kind.value(np.array(-0.5))), rel=1e-15, abs=1e-15
    )


@pytest.fixture(scope="module")
def spelled_in_cpp(tmp_path_factory):
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler here")
    folder = tmp_path_factory.mktemp("cpp")
    functions = "\n".join(
        f'extern "C" void k{number}(const double* y, double* out, long n) '
        f"{{ for (long i = 0; i < n; ++i) out[i] = 2.0*{kind.c.format(y='y[i] + 0.0')}*0.5; }}"
        for number, kind in enumerate(NONLINEARITIES.values())
    )
    (folder / "kinds.cpp").write_text(f"#include <cmath>\n{functions}\n")
    library = folder / "kinds.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(folder / "kinds.cpp"), "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))

    def evaluate(kind, y):
        out, pointer = np.empty_like(y), ctypes.POINTER(ctypes.c_double)
        function = getattr(loaded, f"k{list(NONLINEARITIES).index(kind.name)}")
        function(y.ctypes.data_as(pointer), out.ctypes.data_as(pointer), ctypes.c_long(len(y)))
        return out

    return evaluate


@EVERY
def test_cpp_spells_the_same_map_also_inside_a_product(kind, spelled_in_cpp):
    assert_same_map(kind, spelled_in_cpp(kind, GRID), GRID)


@pytest.mark.parametrize("alias, name", [("hard_tanh", "hard-tanh"), ("leaky_relu", "leaky-relu"), ("tanh", "tanh")])
def test_hyphens_and_underscores_are_alike(alias, name):
    assert nonlinearity(alias) is NONLINEARITIES[name]


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(
        SpecError, match=r"^nonlinearity 'tahn' is not known\. Did you mean 'tanh'\? Known: cubic, erf, "
    ):
        nonlinearity("tahn")


@settings(max_examples=40, deadline=None)
@given(names=st.lists(st.sampled_from(sorted(NONLINEARITIES)), min_size=1, max_size=8), seed=st.integers(0, 999))
def test_a_mixed_phi_is_each_of_its_kinds_in_its_place(names, seed):
    phi, y = Phi.of(names), np.random.default_rng(seed).normal(size=(3, len(names)))
    for attribute in ("value", "derivative", "integral"):
        mixed = phi(y) if attribute == "value" else getattr(phi, attribute)(y)
        for j, name in enumerate(names):
            assert (mixed[:, j] == getattr(NONLINEARITIES[name], attribute)(y[:, j])).all()
    assert phi.names == tuple(names)
    low, high = phi.slope_range()
    assert [(a, b) for a, b in zip(low, high, strict=True)] == [NONLINEARITIES[name].slope for name in names]
    joined = Phi.join([phi, Phi.of("gelu", 2)])
    assert joined.names == (*names, "gelu", "gelu")
    assert (joined(np.hstack([y, y[:, :1], y[:, :1]]))[:, : len(names)] == phi(y)).all()


def test_the_domain_bounds_the_slope_of_the_cubic():
    low, high = Phi.of("cubic", 2, domain=[1.0, 2.0]).slope_range()
    assert low.tolist() == [0.0, 0.0] and high.tolist() == [3.0, 12.0]
    with pytest.raises(SpecError, match=r"^the domain of a nonlinearity must be positive \(\|y\| <= domain\)\.$"):
        Phi.of("cubic", 1, domain=-1.0)
