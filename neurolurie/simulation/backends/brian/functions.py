"""The functions that Brian2's code may call: numbers, inputs, noise and erf, for numpy, Cython and C++.

At runtime they read arrays; a standalone program reads the same arrays from files in the folder it is started in, so
that nothing of a run but its shape is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import special

from neurolurie.simulation.noise import box_muller, philox

_PHILOX = """
static double neurolurie_draw(int64_t step, int64_t trial, int64_t state, const int64_t* key)
{
    uint64_t c0 = (uint64_t)(key[0] + step), c1 = (uint64_t)trial, c2 = (uint64_t)state, c3 = (uint64_t)key[1];
    uint64_t k0 = (uint64_t)key[2], k1 = (uint64_t)key[3];
    const uint64_t word = 0xFFFFFFFFull;
    for (int round = 0; round < 10; round++)
    {
        const uint64_t p0 = c0*0xD2511F53ull, p1 = c2*0xCD9E8D57ull;
        c0 = ((p1 >> 32) & word) ^ c1 ^ k0;
        c2 = ((p0 >> 32) & word) ^ c3 ^ k1;
        c1 = p1 & word;
        c3 = p0 & word;
        k0 = (k0 + 0x9E3779B9ull) & word;
        k1 = (k1 + 0xBB67AE85ull) & word;
    }
    const double unit = 1.0/9007199254740992.0;
    const double radius = (double)((c0 >> 5)*67108864ull + (c1 >> 6) + 1)*unit;
    const double angle = (double)((c2 >> 5)*67108864ull + (c3 >> 6))*unit;
    return std::sqrt(-2.0*std::log(radius))*std::cos(6.283185307179586*angle);
}
"""

# Brian2 hands these pointers to functions under the names _namespaceneurolurie_numbers and so on.
_CYTHON = {
    "neurolurie_number": """
cdef double neurolurie_number(int64_t place):
    global _namespaceneurolurie_numbers
    return _namespaceneurolurie_numbers[place]
""",
    "neurolurie_input": """
cdef double neurolurie_input(int64_t step, int64_t node, int64_t channel):
    global _namespaceneurolurie_inputs
    global _namespaceneurolurie_channels
    return _namespaceneurolurie_inputs[(3*step + node)*_namespaceneurolurie_channels[0] + channel]
""",
    "neurolurie_normal": f'''
cdef extern from *:
    """
    #include <cmath>
    #include <cstdint>
    {_PHILOX}
    """
    double neurolurie_draw(int64_t step, int64_t trial, int64_t state, const int64_t* key)
cdef double neurolurie_normal(int64_t step, int64_t trial, int64_t state, double amplitude):
    global _namespaceneurolurie_key
    if amplitude == 0.0:
        return 0.0
    return amplitude*neurolurie_draw(step, trial, state, _namespaceneurolurie_key)
''',
    "neurolurie_erf": """
cdef extern from "math.h":
    double erf(double)
cdef double neurolurie_erf(double y):
    return erf(y)
""",
}

_TABLE = """
#ifndef NEUROLURIE_TABLE
#define NEUROLURIE_TABLE
template <class T> static const T* neurolurie_table(const char* path)
{
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) { std::cerr << "cannot read " << path << std::endl; std::exit(3); }
    const std::streamsize size = file.tellg();
    T* values = new T[size/sizeof(T) + 1];
    file.seekg(0);
    file.read(reinterpret_cast<char*>(values), size);
    return values;
}
#endif
"""
_CPP = {
    "neurolurie_number": _TABLE
    + """
static const double* const neurolurie_numbers = neurolurie_table<double>("numbers.bin");
inline double neurolurie_number(const int64_t place) { return neurolurie_numbers[place]; }
""",
    "neurolurie_input": _TABLE
    + """
static const double* const neurolurie_inputs = neurolurie_table<double>("inputs.bin");
static const int64_t* const neurolurie_channels = neurolurie_table<int64_t>("channels.bin");
inline double neurolurie_input(const int64_t step, const int64_t node, const int64_t channel)
{ return neurolurie_inputs[(3*step + node)*neurolurie_channels[0] + channel]; }
""",
    "neurolurie_normal": _TABLE
    + _PHILOX
    + """
static const int64_t* const neurolurie_key = neurolurie_table<int64_t>("key.bin");
inline double neurolurie_normal(const int64_t step, const int64_t trial, const int64_t state, const double amplitude)
{ return amplitude == 0.0 ? 0.0 : amplitude*neurolurie_draw(step, trial, state, neurolurie_key); }
""",
    "neurolurie_erf": "inline double neurolurie_erf(const double y) { return std::erf(y); }",
}
_USES = {
    "neurolurie_number": ("numbers",),
    "neurolurie_input": ("inputs", "channels"),
    "neurolurie_normal": ("key",),
    "neurolurie_erf": (),
}
_ARGUMENTS = {
    "neurolurie_number": ("integer",),
    "neurolurie_input": ("integer", "integer", "integer"),
    "neurolurie_normal": ("integer", "integer", "integer", "float"),
    "neurolurie_erf": ("float",),
}


def functions(tables: Mapping[str, np.ndarray]) -> dict:
    """Brian2 functions by name. ``tables``: numbers, inputs, channels, key; read at runtime only."""
    from brian2 import Function

    made = {}
    for name, python in _python(tables).items():
        arguments = _ARGUMENTS[name]
        function = Function(
            python, arg_units=[1] * len(arguments), return_unit=1, arg_types=list(arguments), return_type="float"
        )
        arrays = {f"neurolurie_{table}": tables[table] for table in _USES[name]}
        function.implementations.add_implementation("numpy", python)
        function.implementations.add_implementation("cython", _CYTHON[name], namespace=arrays, name=name)
        function.implementations.add_implementation("cpp", _CPP[name], name=name)
        made[name] = function
    return made


def _python(tables: Mapping[str, np.ndarray]) -> dict:
    numbers, inputs, key = tables["numbers"], tables["inputs"], tables["key"]
    channels = int(tables["channels"][0])

    def number(place):
        return numbers[place]

    def values(step, node, channel):
        return inputs[(3 * step + node) * channels + channel]

    def normal(step, trial, state, amplitude):
        step, trial, state, amplitude = np.broadcast_arrays(step, trial, state, amplitude)
        if not amplitude.any():
            return np.zeros(amplitude.shape)
        counter = (key[0] + step.astype(np.int64), trial.astype(np.int64), state.astype(np.int64), key[1])
        return amplitude * box_muller(philox(counter, (key[2], key[3])), np)

    return {
        "neurolurie_number": number,
        "neurolurie_input": values,
        "neurolurie_normal": normal,
        "neurolurie_erf": special.erf,
    }
