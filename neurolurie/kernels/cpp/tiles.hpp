// Couplings as tiles, where the sources are too many for a core's own cache: the entries from one range of sources into
// one chunk, in the order of their sources, so that they come in a stream. Both places fit 16 bits; rows add up in cache.
struct Rows {
  const int64_t *chunk, *piece;   // first tile of a chunk; first entry of a tile
  const int64_t* source;          // where the sources of a tile begin in [P | X]
  const uint16_t *target, *index; // of each entry: its row in the chunk, its source in the tile
  const REAL* value;
  const int64_t* clear;           // how many rows of a chunk to set to zero first
};

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
static constexpr int at(int k) { return 3 - k; }
#else
static constexpr int at(int k) { return k; }
#endif

static void couple(const Rows& r, int64_t chunk, const REAL* z, REAL* outside) {
  std::memset(outside, 0, r.clear[chunk] * sizeof(REAL));
  for (int64_t s = r.chunk[chunk]; s < r.chunk[chunk + 1]; s++) {
    const REAL* x = z + r.source[s];
    int64_t e = r.piece[s];
    const int64_t end = r.piece[s + 1];
    for (; e + 3 < end; e += 4) {
      uint64_t target, index;  // four at once: loads are what this loop is short of
      std::memcpy(&target, r.target + e, sizeof target);
      std::memcpy(&index, r.index + e, sizeof index);
      REAL product[4];
#pragma GCC unroll 4
      for (int k = 0; k < 4; k++) product[k] = r.value[e + k] * x[index >> 16 * at(k) & 0xffff];
#pragma GCC unroll 4
      for (int k = 0; k < 4; k++) outside[target >> 16 * at(k) & 0xffff] += product[k];
    }
    for (; e < end; e++) outside[r.target[e]] += r.value[e] * x[r.index[e]];
  }
}
