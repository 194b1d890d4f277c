// exp, log, tanh and their friends on whole vectors. A NaN that goes in comes out: every bound is written so that a NaN
// fails the comparison and passes. tests/kernels holds the errors: about 2 ulp in float32, 4 ulp in float64.
#define REALV typename Lanes<T>::real
#define WHOLEV typename Lanes<T>::whole
template <class T> INLINE REALV splat(T value) { return REALV{} + value; }
template <class T> INLINE REALV absolute(REALV x) {
  WHOLEV ones = ~WHOLEV{};
  return (REALV)((WHOLEV)x & ~(ones << (sizeof(T) * 8 - 1)));
}
template <class T> INLINE REALV with_sign(REALV magnitude, REALV sign) {
  WHOLEV top = ~WHOLEV{} << (sizeof(T) * 8 - 1);
  return (REALV)((WHOLEV)magnitude | ((WHOLEV)sign & top));
}
// The smaller of two; where x is NaN, that. GCC 12 makes two instructions of the comparison.
template <class T> INLINE REALV lower(REALV bound, REALV x) {
#if defined(__AVX__)
  REALV r;
  if constexpr (sizeof(T) == 4) __asm__("vminps %2, %1, %0" : "=v"(r) : "v"(bound), "v"(x));
  else __asm__("vminpd %2, %1, %0" : "=v"(r) : "v"(bound), "v"(x));
  return r;
#else
  return bound < x ? bound : x;
#endif
}
template <class T> INLINE REALV power_of_two(WHOLEV k) { return (REALV)((k + Lanes<T>::bias) << Lanes<T>::mantissa); }

// c[0] + c[1] x + ... by Horner's rule, unrolled at compile time
template <class T, int TERMS> INLINE REALV polynomial(REALV x, const T (&c)[TERMS]) {
  REALV r = splat<T>(c[TERMS - 1]);
#pragma GCC unroll 24
  for (int i = TERMS - 2; i >= 0; i--) r = r * x + c[i];
  return r;
}

// e^r - 1 for |r| <= ln(2)/2: r + r^2 (1/2 + r/6 + ...)
template <class T> INLINE REALV expm1_small(REALV r) {
  if constexpr (sizeof(T) == 4) {
    constexpr T c[] = {T(0.5), T(1.66666667e-1), T(4.16666667e-2), T(8.33333333e-3), T(1.38888889e-3), T(1.98412698e-4)};
    return r + r * r * polynomial<T>(r, c);
  } else {
    constexpr T c[] = {1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
                       1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
    return r + r * r * polynomial<T>(r, c);
  }
}

// x = k ln 2 + r with a whole k and |r| <= ln(2)/2
template <class T> INLINE REALV reduce(REALV x, WHOLEV& k) {
  constexpr T high = sizeof(T) == 4 ? T(0.693145751953125) : T(6.93147180369123816490e-01);
  constexpr T low = sizeof(T) == 4 ? T(1.42860682030941723e-6) : T(1.90821492927058770002e-10);
  REALV shifted = x * T(1.4426950408889634) + Lanes<T>::magic;
  OPAQUE(shifted);
  REALV count = shifted - Lanes<T>::magic;
  WHOLEV zero = (WHOLEV)splat<T>(Lanes<T>::magic);
  k = (WHOLEV)shifted - zero;
  REALV r = x - count * high;
  OPAQUE(r);
  return r - count * low;
}

// tanh|x| = ((s - 1) q + (s + 1) r) / ((s + 1) q + (s - 1) r), where |x| = k ln(2)/2 + r, s = 2^k and q = r / tanh r:
// that is (e^{2|x|} - 1) / (e^{2|x|} + 1), as e^{2r} = (q + r) / (q - r). Even in r, q needs few terms. For k = 0 only
// r / q remains, so small arguments keep their relative accuracy; above and below stay so far apart, 2 (q - r), that no
// rounding lifts the quotient over 1.
template <class T> INLINE REALV tanh_(REALV x) {
  constexpr bool single = sizeof(T) == 4;
  constexpr T end = single ? T(9.1) : T(19.1);  // from here on tanh rounds to 1
  constexpr T biased = Lanes<T>::magic + T(Lanes<T>::bias);
  REALV y = lower<T>(splat<T>(end), absolute<T>(x));
  REALV shifted = y * T(2.8853900817779268) + biased;
  OPAQUE(shifted);
  REALV count = shifted - biased, r;
  REALV s = (REALV)((WHOLEV)shifted << Lanes<T>::mantissa);  // the last bits of shifted are k and the bias
  if constexpr (single) {
    r = y - count * T(0.34657359);  // 1e-9 from ln(2)/2: a thirtieth of a unit in y's last place
  } else {
    r = y - count * T(6.93147180369123816490e-01 / 2);
    OPAQUE(r);
    r = r - count * T(1.90821492927058770002e-10 / 2);
  }
  OPAQUE(r);
  REALV z = r * r, c;
  if constexpr (single) {  // fitted to q - 1 over the range of r
    constexpr T fit[] = {T(0.33333251), T(-2.2133751e-2)};
    c = polynomial<T>(z, fit);
  } else {
    constexpr T fit[] = {3.3333333333333204e-01, -2.222222222160991e-02, 2.116402022524268e-03, -2.1163393193652122e-04,
                         2.1186998274247225e-05};
    c = polynomial<T>(z, fit);
  }
  REALV q = z * c + T(1);
  OPAQUE(q);
  REALV less = s - T(1), more = s + T(1);
  OPAQUE(less);
  OPAQUE(more);
  REALV above = more * r, below = single ? q - r : less * r;
  OPAQUE(above);
  OPAQUE(below);
  above = less * q + above;
  OPAQUE(above);
  below = single ? below * T(2) + above : more * q + below;  // the same; each is the more accurate one of its width
  OPAQUE(below);
  return with_sign<T>(above / below, x);
}

template <class T> INLINE REALV exp_(REALV x) {
  constexpr T low = sizeof(T) == 4 ? T(-104) : T(-746), high = sizeof(T) == 4 ? T(89) : T(710);
  x = x < low ? splat<T>(low) : x;
  x = x > high ? splat<T>(high) : x;
  WHOLEV k;
  REALV p = expm1_small<T>(reduce<T>(x, k)) + T(1);
  OPAQUE(p);
  WHOLEV half = k >> 1;
  REALV scaled = p * power_of_two<T>(half);
  OPAQUE(scaled);  // in two steps, so that denormal results are reached and overflow gives inf
  return scaled * power_of_two<T>(k - half);
}

// 2 artanh(s) = log((1 + s) / (1 - s)) for |s| <= 1/3
template <class T, int TERMS> INLINE REALV log_ratio(REALV s) {
  T c[TERMS];
  for (int i = 0; i < TERMS; i++) c[i] = T(2) / T(2 * i + 1);
  REALV z = s * s;
  REALV r = splat<T>(c[TERMS - 1]);
#pragma GCC unroll 24
  for (int i = TERMS - 2; i > 0; i--) r = r * z + c[i];
  return s * T(2) + s * z * r;
}
template <class T> INLINE REALV log1p_unit(REALV e) {  // log(1 + e) for 0 <= e <= 1
  return log_ratio<T, (sizeof(T) == 4 ? 9 : 18)>(e / (e + T(2)));
}
// log x for positive normal numbers
template <class T> INLINE REALV log_(REALV x) {
  constexpr T root = T(1.4142135623730951);
  WHOLEV k = ((WHOLEV)x >> Lanes<T>::mantissa) - Lanes<T>::bias;
  REALV m = (REALV)((WHOLEV)x - (k << Lanes<T>::mantissa));
  WHOLEV big = m > root;  // -1 where true
  m = big ? m * T(0.5) : m;
  REALV count = __builtin_convertvector(k - big, REALV);
  REALV r = log_ratio<T, (sizeof(T) == 4 ? 6 : 12)>((m - T(1)) / (m + T(1)));
  REALV low = r + count * T(1.90821492927058770002e-10);
  OPAQUE(low);
  return low + count * T(6.93147180369123816490e-01);
}

// cos and sin of r for |r| <= pi/4
template <class T> INLINE REALV cos_small(REALV r) {
  constexpr T c[] = {T(1), T(-0.5), T(1.0 / 24), T(-1.0 / 720), T(1.0 / 40320), T(-1.0 / 3628800), T(1.0 / 479001600),
                     T(-1.0 / 87178291200.0), T(1.0 / 20922789888000.0)};
  return polynomial<T>(r * r, c);
}
template <class T> INLINE REALV sin_small(REALV r) {
  constexpr T c[] = {T(-1.0 / 6), T(1.0 / 120), T(-1.0 / 5040), T(1.0 / 362880), T(-1.0 / 39916800),
                     T(1.0 / 6227020800.0), T(-1.0 / 1307674368000.0), T(1.0 / 355687428096000.0)};
  REALV z = r * r;
  return r + r * z * polynomial<T>(z, c);
}
// sin(r + quarter pi/2)
template <class T> INLINE REALV sin_quarter(REALV r, WHOLEV quarter) {
  REALV value = (quarter & 1) != 0 ? cos_small<T>(r) : sin_small<T>(r);
  return (quarter & 2) != 0 ? -value : value;
}
template <class F> INLINE V each(V x, F f) {  // through the C library, lane by lane
  for (int i = 0; i < W; i++) x[i] = f(x[i]);
  return x;
}
INLINE V root(V x) {
  V r;
  for (int i = 0; i < W; i++) r[i] = std::sqrt(x[i]);
  return r;
}
INLINE VD root_double(VD x) {
  VD r;
  for (int i = 0; i < WD; i++) r[i] = std::sqrt(x[i]);
  return r;
}

// phi and phi', by the names of neurolurie.network.nonlinearity. The slope is given y and p = phi(y).
#define ZERO splat<REAL>(0)
#define ONE splat<REAL>(1)
INLINE V phi_tanh(V y) { return tanh_<REAL>(y); }
INLINE V slope_tanh(V, V p) { return ONE - p * p; }
INLINE V phi_logistic(V y) {
  V e = exp_<REAL>(-absolute<REAL>(y));
  return (y < 0 ? e : ONE) / (ONE + e);
}
INLINE V slope_logistic(V, V p) { return p * (ONE - p); }
INLINE V phi_relu(V y) { return y < 0 ? ZERO : y; }
INLINE V slope_relu(V y, V) { return y > 0 ? ONE : ZERO; }
INLINE V phi_leaky_relu(V y) { return y > 0 ? y : y * REAL(0.01); }
INLINE V slope_leaky_relu(V y, V) { return y > 0 ? ONE : splat<REAL>(REAL(0.01)); }
INLINE V phi_softplus(V y) { return (y < 0 ? ZERO : y) + log1p_unit<REAL>(exp_<REAL>(-absolute<REAL>(y))); }
INLINE V slope_softplus(V y, V) { return phi_logistic(y); }
INLINE V phi_hard_tanh(V y) { y = y < -1 ? -ONE : y; return y > 1 ? ONE : y; }
INLINE V slope_hard_tanh(V y, V) { return y < -1 ? ZERO : (y > 1 ? ZERO : ONE); }
INLINE V phi_saturating_linear(V y) { y = y < 0 ? ZERO : y; return y > 1 ? ONE : y; }
INLINE V slope_saturating_linear(V y, V) { return y < 0 ? ZERO : (y > 1 ? ZERO : ONE); }
INLINE V phi_erf(V y) { return each(y, [](REAL v) { return std::erf(v); }); }
INLINE V slope_erf(V y, V) { return exp_<REAL>(-y * y) * REAL(1.1283791670955126); }
INLINE V phi_inverse_square_root(V y) { return y / root(ONE + y * y); }
INLINE V slope_inverse_square_root(V y, V) { V s = ONE / (ONE + y * y); return s * root(s); }
INLINE V phi_identity(V y) { return y; }
INLINE V slope_identity(V, V) { return ONE; }
INLINE V phi_gelu(V y) { return y * REAL(0.5) * (ONE + phi_erf(y * REAL(0.7071067811865476))); }
INLINE V slope_gelu(V y, V) {
  return REAL(0.5) * (ONE + phi_erf(y * REAL(0.7071067811865476))) + y * exp_<REAL>(y * y * REAL(-0.5)) * REAL(0.3989422804014327);
}
INLINE V phi_sine(V y) { return each(y, [](REAL v) { return std::sin(v); }); }
INLINE V slope_sine(V y, V) { return each(y, [](REAL v) { return std::cos(v); }); }
INLINE V phi_cubic(V y) { return y * y * y; }
INLINE V slope_cubic(V y, V) { return REAL(3) * y * y; }
