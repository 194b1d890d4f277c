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
  int64_t threads;
};

static constexpr int64_t CAPACITY = most(1, 24576 / (N * VECTOR_BYTES));  // vectors of one tile

static void tile(const Run& r, int64_t first, int64_t count) {
  alignas(64) V state[CAPACITY * N];
  const Model model = {r.A, r.B, r.C, r.by, r.size};
  const int64_t rows = r.recorded * r.pitch, start = first * W;
  for (int64_t v = 0; v < count; v++)
    for (int i = 0; i < N; i++) state[v * N + i] = load(r.x0 + i * r.pitch + start + v * W);
  REAL* row = r.out + start;
  auto record = [&](int64_t v) {
    const V* x = state + v * N;
    REAL* place = row + v * W;
    if (r.chosen)
      for (int64_t j = 0; j < r.recorded; j++) store(place + j * r.pitch, x[r.chosen[j]]);
    else
      for (int i = 0; i < N; i++) store(place + i * r.pitch, x[i]);
  };
  int64_t next = r.every ? least(r.every, r.steps) : r.steps;
  if (r.every) {
    for (int64_t v = 0; v < count; v++) record(v);
    row += rows;
  }
  const REAL* drive = r.drive;
  for (int64_t t = 0; t < r.steps; t++, drive += r.drive_step) {
    const bool keep = t + 1 == next;
    for (int64_t v = 0; v < count; v++) {
      step(model, drive, r.drive_node, state + v * N);
#if NOISE
      for (int i = 0; i < N; i++)
        state[v * N + i] += normal(r.first_step + t, start + v * W, i, r.stream, r.seed) * r.noise[i];
#endif
      if (keep) record(v);
    }
    if (keep) {
      row += rows;
      next = least(next + r.every, r.steps);
    }
  }
  for (int64_t v = 0; v < count; v++)
    for (int i = 0; i < N; i++) store(r.last + i * r.pitch + start + v * W, state[v * N + i]);
}

extern "C" int64_t lanes() { return W; }

extern "C" void forward(const Run* run) {
  const Run& r = *run;
  const int64_t vectors = (r.trials + W - 1) / W;
  const int64_t size = least(CAPACITY, (vectors + r.threads - 1) / r.threads);
  const int64_t tiles = (vectors + size - 1) / size;
#pragma omp parallel for schedule(dynamic, 1) num_threads(r.threads) if (r.threads > 1 && tiles > 1)
  for (int64_t i = 0; i < tiles; i++) tile(r, i * size, least(size, vectors - i * size));
}
