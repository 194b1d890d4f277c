"""The nonlinearities and the noise for Triton kernels; loaded only where Triton is."""

import triton
import triton.language as tl


@triton.jit
def expm1(z):
    """e^z - 1 for z >= 0, to the accuracy of exp and log (Kahan's quotient)."""
    u = tl.exp(z)
    safe = tl.where(u == 1.0, 2.0, u)
    return tl.where(u == 1.0, z, (safe - 1.0) * (z / tl.log(safe)))


@triton.jit
def tanh(y):
    z = 2.0 * tl.minimum(tl.abs(y), 20.0)
    e = expm1(z)
    t = e / (e + 2.0)
    return tl.where(y != y, y, tl.where(y < 0, -t, t))


@triton.jit
def logistic(y):
    e = tl.exp(-tl.abs(y))
    return tl.where(y < 0, e, 1.0) / (1.0 + e)


@triton.jit
def softplus(y):
    e = tl.exp(-tl.abs(y))
    u = 1.0 + e
    safe = tl.where(u == 1.0, 2.0, u)
    tail = tl.where(u == 1.0, e, tl.log(safe) * (e / (safe - 1.0)))
    return tl.where(y < 0, 0.0, y) + tail


@triton.jit
def normal(step, trial, state, stream, seed_low, seed_high):
    """The normals of neurolurie.simulation.noise, in float64: Philox4x32-10 and Box-Muller."""
    c1 = trial.to(tl.uint32)
    zero = c1 * 0
    c0 = zero + step.to(tl.uint32)
    c2 = (zero + state).to(tl.uint32)
    c3 = zero + stream.to(tl.uint32)
    k0 = zero + seed_low.to(tl.uint32)
    k1 = zero + seed_high.to(tl.uint32)
    for _ in tl.static_range(10):
        a = zero + 0xD2511F53
        b = zero + 0xCD9E8D57
        high0 = tl.umulhi(a, c0)
        high1 = tl.umulhi(b, c2)
        low0 = a * c0
        low1 = b * c2
        c0 = high1 ^ c1 ^ k0
        c1 = low1
        c2 = high0 ^ c3 ^ k1
        c3 = low0
        k0 = k0 + 0x9E3779B9
        k1 = k1 + 0xBB67AE85
    radius = ((c0 >> 5).to(tl.float64) * 67108864.0 + (c1 >> 6).to(tl.float64) + 1.0) * 1.1102230246251565e-16
    angle = ((c2 >> 5).to(tl.float64) * 67108864.0 + (c3 >> 6).to(tl.float64)) * 1.1102230246251565e-16
    return tl.sqrt(-2.0 * tl.log(radius)) * tl.cos(6.283185307179586 * angle)
