// Standard normals for (step, trial, state, stream) under a seed: the numbers of neurolurie.simulation.noise.
INLINE VD normal_double(uint64_t step, VU trial, VU state, uint64_t stream, uint64_t seed) {
  const VU mask = VU{} + 0xFFFFFFFFull;
  VU c0 = VU{} + (step & 0xFFFFFFFFull), c1 = trial, c2 = state, c3 = VU{} + (stream & 0xFFFFFFFFull);
  uint64_t k0 = seed & 0xFFFFFFFFull, k1 = seed >> 32;
  for (int round = 0; round < 10; round++) {
    VU p0 = c0 * 0xD2511F53ull, p1 = c2 * 0xCD9E8D57ull;
    VU high0 = p0 >> 32, high1 = p1 >> 32;
    c0 = high1 ^ c1 ^ k0;
    c1 = p1 & mask;
    c2 = high0 ^ c3 ^ k1;
    c3 = p0 & mask;
    k0 = (k0 + 0x9E3779B9ull) & 0xFFFFFFFFull;
    k1 = (k1 + 0xBB67AE85ull) & 0xFFFFFFFFull;
  }
  typedef Lanes<double>::whole I;
  VD radius = __builtin_convertvector((I)((c0 >> 5) * 67108864ull + (c1 >> 6) + 1ull), VD) * 0x1p-53;
  VD angle = __builtin_convertvector((I)((c2 >> 5) * 67108864ull + (c3 >> 6)), VD) * 0x1p-51;  // in quarter turns
  VD shifted = angle + Lanes<double>::magic;
  OPAQUE(shifted);
  VD quarters = shifted - Lanes<double>::magic;
  OPAQUE(quarters);
  I quarter = __builtin_convertvector(quarters, I);
  VD r = (angle - quarters) * 1.5707963267948966;
  VD logarithm = log_<double>(radius);
  return root_double(logarithm * -2.0) * sin_quarter<double>(r, quarter + 1);
}
INLINE V joined(VD first, VD second) {
  V v;
  if constexpr (sizeof(REAL) == 8) {
    std::memcpy(&v, &first, sizeof v);
  } else {
    for (int i = 0; i < WD; i++) { v[i] = REAL(first[i]); v[i + WD] = REAL(second[i]); }
  }
  return v;
}
// Lanes are trials: trial, trial + 1, ...
INLINE V normal(uint64_t step, uint64_t trial, uint64_t state, uint64_t stream, uint64_t seed) {
  VU lane;
  for (int i = 0; i < WD; i++) lane[i] = (trial + i) & 0xFFFFFFFFull;
  VD first = normal_double(step, lane, VU{} + state, stream, seed), second = first;
  if (sizeof(REAL) == 4) second = normal_double(step, lane + uint64_t(WD), VU{} + state, stream, seed);
  return joined(first, second);
}
// Lanes are states with these numbers.
INLINE V normal_at(uint64_t step, uint64_t trial, const int64_t* states, uint64_t stream, uint64_t seed) {
  VU one, two = {};
  std::memcpy(&one, states, sizeof one);
  VD first = normal_double(step, VU{} + trial, one, stream, seed), second = first;
  if (sizeof(REAL) == 4) {
    std::memcpy(&two, states + WD, sizeof two);
    second = normal_double(step, VU{} + trial, two, stream, seed);
  }
  return joined(first, second);
}
