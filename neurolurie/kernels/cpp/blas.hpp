// The time loop of a large dense network: products by the system's BLAS, everything between them in one pass. It has no
// threads of its own: BLAS's spin on after a product, and a third thread would wait for a core.
// A trial is a column: x (n x trials), column-major.
extern "C" typedef void Gemm(const char*, const char*, const int*, const int*, const int*, const REAL*, const REAL*,
                             const int*, const REAL*, const int*, const REAL*, REAL*, const int*);
struct Span { int64_t kind, from, to; };  // preactivations from..to share a nonlinearity
struct Large {
  Gemm* gemm;
  const REAL *A, *B, *C, *by, *size, *noise, *drive;  // A: the diagonal only if `diagonal`; then no product is needed
  int64_t drive_step, drive_node, diagonal;
  const Span* spans;
  int64_t span_count;
  REAL *x, *stage, *p, *rates;  // [trial][n], [trial][n], [trial][m], [stage][trial][n]
  REAL* out;                    // [row][trial][chosen]
  const int64_t* chosen;
  int64_t recorded, n, m, trials, steps, every;
  uint64_t seed, stream, first_step;
};

INLINE void apply(int64_t kind, REAL* p, const REAL* by, int64_t from, int64_t to) {
  for (int64_t j = from; j < to; j += W) {
    const int64_t left = to - j;
    store_some(p + j, image(kind, load_some(p + j, left) + load_some(by + j, left)), left);
  }
}

static void record(const Large& g, REAL* out) {
  for (int64_t trial = 0; trial < g.trials; trial++) {
    const REAL* x = g.x + trial * g.n;
    REAL* place = out + trial * g.recorded;
    if (g.chosen) for (int64_t j = 0; j < g.recorded; j++) place[j] = x[g.chosen[j]];
    else std::memcpy(place, x, g.n * sizeof(REAL));
  }
}

extern "C" void large(const Large* run) {
  const Large& g = *run;
  static const REAL stages[NODES][NODES] = STAGES, weights[NODES] = WEIGHTS;
  static const int64_t nodes[NODES] = HALF_STEPS;
  const int n = (int)g.n, m = (int)g.m, trials = (int)g.trials;
  const REAL one = 1, zero = 0;
  const int64_t all = g.trials * g.n;
  REAL* out = g.out;
  int64_t next = g.every ? least(g.every, g.steps) : g.steps;
  if (g.every) {
    record(g, out);
    out += g.trials * g.recorded;
  }
  for (int64_t t = 0; t < g.steps; t++) {
    for (int q = 0; q < NODES; q++) {
      const REAL* x = q ? g.stage : g.x;
      REAL* k = g.rates + q * all;
      const REAL* drive = g.drive + t * g.drive_step + nodes[q] * g.drive_node;
      if (m) g.gemm("T", "N", &m, &trials, &n, &one, g.C, &n, x, &n, &zero, g.p, &m);
      for (int64_t trial = 0; trial < g.trials; trial++)
        for (int64_t s = 0; s < g.span_count; s++)
          apply(g.spans[s].kind, g.p + trial * g.m, g.by, g.spans[s].from, g.spans[s].to);
      if (!g.diagonal) g.gemm("T", "N", &n, &trials, &n, &one, g.A, &n, x, &n, &zero, k, &n);
      const REAL keep = g.diagonal ? 0 : 1;
      if (m) g.gemm("T", "N", &n, &trials, &m, &one, g.B, &m, g.p, &m, &keep, k, &n);
      else if (g.diagonal) std::memset(k, 0, all * sizeof(REAL));
      const bool final = q + 1 == NODES;
      const REAL* row = final ? weights : stages[final ? 0 : q + 1];
      for (int64_t trial = 0; trial < g.trials; trial++)
        for (int64_t i = 0; i < g.n; i += W) {
          const int64_t left = g.n - i, o = trial * g.n + i;
          V rate = load_some(k + o, left) + load_some(drive + i, left);
          if (g.diagonal) rate += load_some(g.A + i, left) * load_some(x + o, left);
          V sum = rate * row[q];
          if (NODES > 1) store_some(k + o, rate, left);
          for (int e = 0; e < q; e++) sum += load_some(g.rates + e * all + o, left) * row[e];
          V next = load_some(g.x + o, left) + sum * load_some(g.size + i, left);
#if NOISE
          if (final) {
            int64_t number[W];
            for (int l = 0; l < W; l++) number[l] = i + l;
            next += normal_at(g.first_step + t, trial, number, g.stream, g.seed) * load_some(g.noise + i, left);
          }
#endif
          store_some((final ? g.x : g.stage) + o, next, left);
        }
    }
    if (t + 1 == next) {
      record(g, out);
      out += g.trials * g.recorded;
      next = least(next + g.every, g.steps);
    }
  }
}
