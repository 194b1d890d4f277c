// The time loop of a network of many circuits. Circuits of one type share SIMD lanes: group g of a type holds W of them,
// and state i of lane l lies at base + (g n + i) W + l. Matrices inside a circuit are written out by the generator;
// couplings between circuits are rows of gathered products, sorted by length so that W rows go together.
struct Rows {                    // couplings into the rows of each chunk, from a source vector [P | X]
  const int64_t *chunk, *slice;  // first slice of a chunk; first entry of a slice, in vectors
  const int32_t *target, *index; // the row of each lane of a slice, in its chunk; the source of each entry
  const REAL* value;
  const int64_t* clear;          // how many rows of a chunk to set to zero first; none if all of them have couplings
};
struct Type {
  const REAL *A, *B, *C;         // [group][entry][lane], or [entry] where all circuits are equal
  int64_t x, p;                  // where its states and preactivations begin
};
struct Graph {
  const Type* types;
  const int64_t *kind, *first, *last;  // of each chunk: its type, and its groups
  Rows into_y, into_x;
  const REAL *by, *size, *noise;
  const int64_t* number;         // the number of the state at each place
  const REAL* drive;
  int64_t drive_step, drive_node;
  REAL* z;                       // [2][trial][P | X]; the run starts from buffer 0
  REAL* rates;                   // [stage][trial][X]
  REAL* outside;                 // [thread][window]: what comes from other circuits into the rows of one chunk
  const int64_t* chosen;         // places of the recorded states
  REAL* out;                     // [row][trial][chosen]
  int64_t recorded, width_p, width_x, window, chunks, trials, steps, every;
  int64_t by_mask, size_mask, drive_mask;  // 0 where all numbers of that array are the same one, else all ones
  uint64_t seed, stream, first_step;
  int64_t threads;
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
    int64_t e = r.slice[s];
    const int64_t end = r.slice[s + 1];
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

// Where no circuit reads another's states, a step may overwrite them: half as much memory passes through the caches.
INLINE REAL* states(const Graph& g, REAL* z, int64_t trial) {
  const int64_t width = g.width_p + g.width_x;
  return (COUPLED_STATES ? z : g.z) + trial * width + g.width_p;
}

static void record(const Graph& g, REAL* z, REAL* out, int64_t thread, int64_t threads) {
  const int64_t from = g.recorded * thread / threads, to = g.recorded * (thread + 1) / threads;
  for (int64_t trial = 0; trial < g.trials; trial++) {
    const REAL* x = states(g, z, trial);
    for (int64_t j = from; j < to; j++) out[trial * g.recorded + j] = x[g.chosen[j]];
  }
}

static void run(const Graph& g, int64_t thread, int64_t threads) {
  const int64_t width = g.width_p + g.width_x, from = g.chunks * thread / threads,
                to = g.chunks * (thread + 1) / threads;
  REAL* outside = g.outside + thread * g.window;
  REAL *now = g.z, *then = g.z + g.trials * width;
  REAL* out = g.out;
  const int64_t row = g.trials * g.recorded;
  int64_t next = g.every ? least(g.every, g.steps) : g.steps;
  if (g.every) {
    record(g, now, out, thread, threads);
    out += row;
  }
  // Without couplings into preactivations a circuit computes its next images with its next state: one pass a stage.
  const auto look = [&]() {
    for (int64_t c = from; c < to; c++)
      for (int64_t trial = 0; trial < g.trials; trial++) {
        REAL* z = now + trial * width;
        if (COUPLED_Y) couple(g.into_y, c, z, outside);
        images(g, c, states(g, now, trial), z, outside);
      }
  };
  if (!COUPLED_Y) {
    look();
#pragma omp barrier
  }
  const REAL* drive = g.drive;
  for (int64_t t = 0; t < g.steps; t++, drive += g.drive_step) {
    for (int q = 0; q < NODES; q++) {
      if (COUPLED_Y) look();
      if (COUPLED_Y && COUPLED_P) {
#pragma omp barrier
      }
      // Back and forth: a pass begins with what the last one left in the caches.
      const bool back = (t * NODES + q) & 1;
      for (int64_t k = from; k < to; k++)
        for (int64_t trial = 0; trial < g.trials; trial++) {
          const int64_t c = back ? from + to - 1 - k : k;
          const REAL* z = now + trial * width;
          if (COUPLED_X) couple(g.into_x, c, z, outside);
          advance(g, c, q, trial, t, drive, z, states(g, now, trial), then + trial * width, states(g, then, trial),
                  outside);
        }
#pragma omp barrier
      std::swap(now, then);
    }
    if (t + 1 == next) {
      record(g, now, out, thread, threads);
      out += row;
      next = least(next + g.every, g.steps);
    }
  }
  // The end lies in buffer 1 if states have two buffers and the number of stages was odd; the caller knows.
}

extern "C" int64_t lanes() { return W; }

extern "C" void graph(const Graph* graph) {
  const Graph& g = *graph;
#pragma omp parallel num_threads(g.threads) if (g.threads > 1)
  {
#ifdef _OPENMP
    run(g, omp_get_thread_num(), omp_get_num_threads());
#else
    run(g, 0, 1);
#endif
  }
}
