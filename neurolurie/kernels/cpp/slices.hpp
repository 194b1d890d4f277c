// Couplings as slices: W rows of a chunk, of nearly equal length, side by side in lanes, and their products gathered.
struct Rows {
  const int64_t *chunk, *piece;  // first slice of a chunk; first entry of a slice, in vectors
  const int64_t* source;         // not used: an index counts from the beginning of [P | X]
  const int32_t *target, *index; // the row of each lane of a slice, in its chunk; the source of each entry
  const REAL* value;
  const int64_t* clear;          // how many rows of a chunk to set to zero first; none if all of them have couplings
};

INLINE V gather(const REAL* z, const int32_t* index) {
#if defined(__AVX512F__)
  if constexpr (sizeof(REAL) == 4)
    return (V)_mm512_i32gather_ps(_mm512_loadu_si512(index), z, 4);
  else
    return (V)_mm512_i32gather_pd(_mm256_loadu_si256((const __m256i*)index), z, 8);
#else
  V v;
  for (int i = 0; i < W; i++) v[i] = z[index[i]];
  return v;
#endif
}

static void couple(const Rows& r, int64_t chunk, const REAL* z, REAL* outside) {
  std::memset(outside, 0, r.clear[chunk] * sizeof(REAL));
  for (int64_t s = r.chunk[chunk]; s < r.chunk[chunk + 1]; s++) {
    V a = {}, b = {};
    int64_t e = r.piece[s];
    const int64_t end = r.piece[s + 1];
    for (; e + 1 < end; e += 2) {
      a += load(r.value + e * W) * gather(z, r.index + e * W);
      b += load(r.value + (e + 1) * W) * gather(z, r.index + (e + 1) * W);
    }
    if (e < end) a += load(r.value + e * W) * gather(z, r.index + e * W);
    a += b;
    const int32_t* target = r.target + s * W;
    for (int l = 0; l < W; l++) outside[target[l]] = a[l];
  }
}
