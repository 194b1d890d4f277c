"""Noise that does not depend on how a run is cut up: a number for every (seed, stream, step, trial, state).

Philox4x32-10 (Salmon et al. 2011) turns the counter (step, trial, state, stream) under the key (seed) into four random
words; Box-Muller turns those into one standard normal. No generator is stepped, so chunks, the number of trials and
the backend make no difference.
"""

from __future__ import annotations

from math import pi

import numpy as np

_WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10


def philox(counter, key):
    """Four 32-bit words from a counter of four and a key of two, all int64 arrays of numpy or tensors of torch.

    Products wrap modulo 2^64 in both libraries, and masking recovers their unsigned halves.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> 32 & _WORD) ^ c1 ^ k0, p1 & _WORD, (p0 >> 32 & _WORD) ^ c3 ^ k1, p0 & _WORD
        k0, k1 = k0 + _WEYL[0] & _WORD, k1 + _WEYL[1] & _WORD
    return c0, c1, c2, c3


def box_muller(words, library):
    """One standard normal from four words; ``library`` is numpy or torch. Resolution 2^-53, tails to 8.5."""
    w0, w1, w2, w3 = words
    real = lambda whole: library.asarray(whole, dtype=library.float64) * 2.0**-53  # noqa: E731
    radius = real((w0 >> 5) * 67108864 + (w1 >> 6) + 1)  # in (0, 1]
    angle = real((w2 >> 5) * 67108864 + (w3 >> 6))  # in [0, 1)
    return library.sqrt(-2.0 * library.log(radius)) * library.cos(2.0 * pi * angle)


def normals(seed: int, stream: int, steps: range, trials: range, states: range) -> np.ndarray:
    """Standard normals of shape (steps, trials, states) for those step, trial and state numbers.

    >>> whole = normals(7, 0, range(10), range(3), range(4))
    >>> part = normals(7, 0, range(4, 6), range(1, 2), range(4))
    >>> bool((whole[4:6, 1:2] == part).all())
    True
    """
    axis = lambda numbers, place: np.arange(  # noqa: E731
        numbers.start, numbers.stop, dtype=np.int64
    ).reshape([-1 if i == place else 1 for i in range(3)])
    zero = np.zeros((len(steps), len(trials), len(states)), np.int64)
    counter = (axis(steps, 0) + zero, axis(trials, 1) + zero, axis(states, 2) + zero, zero + stream)
    return box_muller(philox(counter, split_seed(seed)), np)


def split_seed(seed: int) -> tuple[int, int]:
    """The two 32-bit key words of a seed."""
    return seed & _WORD, seed >> 32 & _WORD
