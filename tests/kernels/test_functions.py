"""The kernels' own exp, log, tanh and friends against 80-bit arithmetic, over every exponent."""

import ctypes

import numpy as np
import pytest

from neurolurie.kernels import compiler
from neurolurie.network.nonlinearity import NONLINEARITIES

# Largest error in units of the last place of the result (float32, float64).
BOUND = {"tanh": (2.5, 2.5), "logistic": (2.5, 3.5), "softplus": (3.5, 4.5), "inverse-square-root": (2.5, 2.5)}


@pytest.fixture(scope="module", params=["float32", "float64"])
def functions(request):
    """(dtype, values, slopes): each entry of the table as compiled code on arrays."""
    text = [f"#define REAL {'float' if request.param == 'float32' else 'double'}"]
    text += [compiler.prelude("width", "vector", "functions")]
    for name in NONLINEARITIES:
        code = name.replace("-", "_")
        text += [
            f'extern "C" void value_{code}(const REAL* y, REAL* p, int64_t n) '
            f"{{ for (int64_t i = 0; i < n; i += W) store(p + i, phi_{code}(load(y + i))); }}",
            f'extern "C" void slope_{code}_(const REAL* y, REAL* p, int64_t n) '
            f"{{ for (int64_t i = 0; i < n; i += W) {{ V v = load(y + i); "
            f"store(p + i, slope_{code}(v, phi_{code}(v))); }} }}",
        ]
    library = compiler.load("\n".join(text))

    def call(function, y):
        padded = np.zeros(-(-len(y) // 16) * 16, request.param)
        padded[: len(y)] = y
        out = np.empty_like(padded)
        function(padded.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(len(out)))
        return out[: len(y)]

    def value(name, y):
        return call(getattr(library, f"value_{name.replace('-', '_')}"), y)

    def slope(name, y):
        return call(getattr(library, f"slope_{name.replace('-', '_')}_"), y)

    return request.param, value, slope


def every_exponent(dtype: str, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Numbers of both signs, some hundreds in every binade from the denormals to the largest."""
    info = np.finfo(dtype)
    mantissa = np.random.default_rng(1).uniform(1, 2, 400)
    exponents = np.arange(info.minexp - info.nmant, info.maxexp)
    with np.errstate(under="ignore", over="ignore"):
        y = np.ldexp(mantissa[:, None], exponents[None, :]).astype(dtype).ravel()
    dense = np.random.default_rng(2).uniform(-30, 30, 200_000).astype(dtype)
    y = np.concatenate((y, -y, dense))
    low, high = low or -np.inf, high or np.inf
    return y[np.isfinite(y) & (y >= low) & (y <= high)]


def units(found: np.ndarray, exact: np.ndarray, dtype: str) -> np.ndarray:
    """The error in units of the last place of the exact value."""
    with np.errstate(over="ignore", invalid="ignore"):
        spacing = np.spacing(np.abs(exact).astype(dtype)).astype(np.longdouble)
        error = np.abs(found.astype(np.longdouble) - exact) / spacing
    same = (found == exact.astype(dtype)) | ~np.isfinite(exact.astype(dtype))
    return np.where(same, 0, error).astype(float)


def exact(name: str, y: np.ndarray) -> np.ndarray:
    y = y.astype(np.longdouble)
    with np.errstate(over="ignore", under="ignore"):
        match name:
            case "tanh":
                return np.tanh(y)
            case "logistic":
                e = np.exp(-np.abs(y))
                return np.where(y < 0, e, 1) / (1 + e)
            case "softplus":
                return np.maximum(y, 0) + np.log1p(np.exp(-np.abs(y)))
            case "inverse-square-root":
                return y / np.sqrt(1 + y * y)
    raise KeyError(name)


@pytest.mark.parametrize("name", BOUND)
def test_error_stays_within_the_stated_units_over_all_exponents(functions, name):
    dtype, value, _ = functions
    limit = np.sqrt(float(np.finfo(dtype).max)) / 2 if name == "inverse-square-root" else np.inf  # y * y must be finite
    y = every_exponent(dtype, -limit, limit)
    error = units(value(name, y), exact(name, y), dtype)
    assert error.max() <= BOUND[name][dtype == "float64"], f"{name}: {error.max():.2f} ulp at {y[error.argmax()]!r}"


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_values_and_slopes_agree_with_the_table(functions, name):
    dtype, value, slope = functions
    y = np.random.default_rng(3).uniform(-6, 6, 20_000).astype(dtype)
    entry, eps = NONLINEARITIES[name], float(np.finfo(dtype).eps)
    scale = 1 + np.abs(y.astype(float)) ** 3 if name == "cubic" else 1 + np.abs(y.astype(float))
    assert (np.abs(value(name, y) - entry.value(y.astype(float))) <= 4 * eps * scale).all()
    kinks = [at for at, slopes in entry.turns if len(slopes) > 1]
    away = np.all([np.abs(y - at) > 1e-3 for at in kinks], axis=0) if kinks else np.ones(len(y), bool)
    gap = np.abs(slope(name, y) - entry.derivative(y.astype(float)))
    assert (gap[away] <= 8 * eps * (scale[away] + 10 * (name == "cubic"))).all()


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_nan_comes_out_where_nan_goes_in(functions, name):
    dtype, value, _ = functions
    y = np.array([np.nan, 0.5, -np.nan, 1.5], dtype)
    assert np.isnan(value(name, y)).tolist() == [True, False, True, False]


def test_tanh_keeps_denormals_and_signs(functions):
    dtype, value, _ = functions
    tiny = np.array([np.finfo(dtype).smallest_subnormal, -np.finfo(dtype).tiny, 0.0, -0.0, np.inf, -np.inf], dtype)
    out = value("tanh", tiny)
    assert (out[:4] == tiny[:4]).all() and out[4:].tolist() == [1.0, -1.0]
    assert np.signbit(out).tolist() == np.signbit(tiny).tolist()


@pytest.mark.parametrize("functions", ["float32"], indirect=True)
def test_tanh_of_every_single_precision_number_that_counts_is_within_bounds(functions):
    """Every float32 from 1/8 to where tanh is 1: the largest errors are too rare for samples to find."""
    _, value, _ = functions
    for begin in range(int(np.float32(0.125).view(np.int32)), int(np.float32(9.5).view(np.int32)), 1 << 22):
        y = np.arange(begin, begin + (1 << 22), dtype=np.int32).view(np.float32)
        found, true = value("tanh", y), np.tanh(y.astype(float))
        assert found.max() <= 1
        assert (np.abs(found - true) / np.spacing(true.astype(np.float32))).max() <= BOUND["tanh"][0]
