// The time loop. Trials are cut into tiles that stay in the first cache; a tile takes all its steps before the next.
struct Run {
  const REAL *A, *B, *C, *by, *size, *noise;  // noise: sigma sqrt(dt) for each state
  const REAL* drive;                          // bx + E u: [step][node][state]
  int64_t drive_step, drive_node;             // distances in it; 0 without inputs
  const REAL* x0;                             // [state][pitch]; lanes beyond the trials hold copies
  REAL *out, *last;                           // [row][chosen][pitch], [state][pitch]
  const int64_t* chosen;                      // the recorded states; null for all
  int64_t recorded, pitch, trials, steps, every;  // every: 0 for the last step only
  uint64_t seed, stream, first_step;
  int64_t threads, past;  // past: whether `out` is written past the caches
};

static constexpr int64_t CAPACITY = most(1, 24576 / (N * VECTOR_BYTES));  // vectors of one tile

// Calls f(states, vector) for every pair of vectors, and for the last one alone if it has no other. The states of a pair
// lie as x[state][which], those of one vector as x[state].
template <class F> INLINE void each_pair(V* state, int64_t count, F f) {
  int64_t v = 0;
#if PAIRS
  for (; v + 1 < count; v += 2) f((Pair*)(state + v * N), v);
#endif
  for (; v < count; v++) f(state + v * N, v);
}

template <bool PAST> static void tile(const Run& r, int64_t first, int64_t count) {
  alignas(64) V state[CAPACITY * N];
  const Model model = {r.A, r.B, r.C, r.by, r.size};
  const int64_t rows = r.recorded * r.pitch, start = first * W;
  each_pair(state, count, [&](auto* x, int64_t v) {
    constexpr int wide = sizeof *x / sizeof(V);
    for (int i = 0; i < N; i++)
      for (int k = 0; k < wide; k++) ((V*)x)[i * wide + k] = load(r.x0 + i * r.pitch + start + (v + k) * W);
  });
  REAL* row = r.out + start;
  auto record = [&](auto* x, int64_t v) {
    constexpr int wide = sizeof *x / sizeof(V);
    REAL* place = row + v * W;
    auto put = [&](int64_t j, int64_t i) {
      for (int k = 0; k < wide; k++) {
        if constexpr (PAST) store_past(place + j * r.pitch + k * W, ((V*)x)[i * wide + k]);
        else store(place + j * r.pitch + k * W, ((V*)x)[i * wide + k]);
      }
    };
    if (r.chosen)
      for (int64_t j = 0; j < r.recorded; j++) put(j, r.chosen[j]);
    else
      for (int i = 0; i < N; i++) put(i, i);
  };
  int64_t next = r.every ? least(r.every, r.steps) : r.steps;
  if (r.every) {
    each_pair(state, count, record);
    row += rows;
  }
  const REAL* drive = r.drive;
  for (int64_t t = 0; t < r.steps; t++, drive += r.drive_step) {
    const bool keep = t + 1 == next;
    each_pair(state, count, [&](auto* x, int64_t v) {
      step(model, drive, r.drive_node, x);
#if NOISE
      constexpr int wide = sizeof *x / sizeof(V);
      for (int i = 0; i < N; i++)
        for (int k = 0; k < wide; k++)
          ((V*)x)[i * wide + k] += normal(r.first_step + t, start + (v + k) * W, i, r.stream, r.seed) * r.noise[i];
#endif
      if (keep) record(x, v);
    });
    if (keep) {
      row += rows;
      next = least(next + r.every, r.steps);
    }
  }
  each_pair(state, count, [&](auto* x, int64_t v) {
    constexpr int wide = sizeof *x / sizeof(V);
    for (int i = 0; i < N; i++)
      for (int k = 0; k < wide; k++) store(r.last + i * r.pitch + start + (v + k) * W, ((V*)x)[i * wide + k]);
  });
  if (PAST) wait_for_stores();
}

extern "C" int64_t lanes() { return W; }

extern "C" void forward(const Run* run) {
  const Run& r = *run;
  const int64_t vectors = (r.trials + W - 1) / W;
  const int64_t size = least(CAPACITY, (vectors + r.threads - 1) / r.threads);
  const int64_t tiles = (vectors + size - 1) / size;
#pragma omp parallel for schedule(dynamic, 1) num_threads(r.threads) if (r.threads > 1 && tiles > 1)
  for (int64_t i = 0; i < tiles; i++) {
    const int64_t first = i * size, count = least(size, vectors - first);
#if PAIRS
    if (r.past) {
      tile<true>(r, first, count);
      continue;
    }
#endif
    tile<false>(r, first, count);  // a larger network waits for its products, not for memory
  }
}
