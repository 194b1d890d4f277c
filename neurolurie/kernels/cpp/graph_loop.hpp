// The loop over steps, stages and chunks of circuits, on each thread; ``images`` and ``advance`` are generated.
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
      if (!COUPLED_STATES) {  // another thread may still be reading what this one is about to overwrite
#pragma omp barrier
      }
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
