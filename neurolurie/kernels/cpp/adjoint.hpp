// The reverse sweep: the exact gradient of the discrete scheme. Lanes are trials; a tile of vectors goes back in time
// together. Where not every state was saved, a stretch is run again from the saved state before it.
struct Back {
  const REAL *A, *B, *C, *by, *size, *drive;
  const REAL* saved;      // [row][state][pitch]: the states at steps 0, spacing, 2 spacing, ...
  int64_t spacing, pitch;
  const REAL* g;          // gradient of the recorded rows: [row][state][trial], distances below, trials adjacent
  int64_t g_row, g_state, every;
  double* sums;           // [tile][size of Totals]: gradient of A, B, C, bx, by, size
  REAL* x0;               // [state][pitch]
  int64_t trials, steps, threads;
};

typedef double Totals[2 * N * M + N * N + 2 * N + M];
static constexpr int64_t TILE = 16;   // vectors of one tile
static constexpr int64_t FLUSH = 64;  // steps summed in REAL before they are added in double

static void flush(Sums& sums, double* totals) {
  const V* from = (const V*)&sums;
  for (size_t i = 0; i < sizeof(Totals) / sizeof(double); i++) totals[i] += sum(from[i]);
  sums = Sums{};
}

static void back_tile(const Back& r, int64_t first, int64_t count, double* totals, V* stretch) {
  V adjoint[TILE * N] = {};
  Sums sums = {};
  const Model model = {r.A, r.B, r.C, r.by, r.size};
  const int64_t start = first * W, wide = count * N;
  auto receive = [&](int64_t t) {  // add the gradient of what was recorded after t steps
    if (t != r.steps && (r.every == 0 || t % r.every)) return;
    const int64_t row = r.every ? (t == r.steps ? (t + r.every - 1) / r.every : t / r.every) : 0;
    const REAL* g = r.g + row * r.g_row + start;
    for (int64_t v = 0; v < count; v++)
      for (int i = 0; i < N; i++) adjoint[v * N + i] += load_some(g + i * r.g_state + v * W, r.trials - start - v * W);
  };
  receive(r.steps);
  for (int64_t piece = (r.steps - 1) / r.spacing; piece >= 0; piece--) {
    const int64_t from = piece * r.spacing, length = least(r.spacing, r.steps - from);
    const REAL* saved = r.saved + piece * N * r.pitch + start;
    for (int64_t v = 0; v < count; v++)
      for (int i = 0; i < N; i++) stretch[v * N + i] = load(saved + i * r.pitch + v * W);
    for (int64_t t = 1; t < length; t++)
      for (int64_t v = 0; v < count; v++) {
        V* x = stretch + t * wide + v * N;
        for (int i = 0; i < N; i++) x[i] = x[i - wide];
        step(model, r.drive, 0, x);
      }
    for (int64_t t = length - 1; t >= 0; t--) {
      for (int64_t v = 0; v < count; v++)
        back_step(model, r.drive, stretch + t * wide + v * N, adjoint + v * N, sums);
      receive(from + t);
      if ((from + t) % FLUSH == 0) flush(sums, totals);
    }
  }
  for (int64_t v = 0; v < count; v++)
    for (int i = 0; i < N; i++) store(r.x0 + i * r.pitch + start + v * W, adjoint[v * N + i]);
}

extern "C" int64_t tiles(int64_t trials, int64_t threads) {
  const int64_t vectors = (trials + W - 1) / W, size = least(TILE, (vectors + threads - 1) / threads);
  return (vectors + size - 1) / size;
}

extern "C" void adjoint(const Back* back) {
  const Back& r = *back;
  const int64_t vectors = (r.trials + W - 1) / W, size = least(TILE, (vectors + r.threads - 1) / r.threads);
  const int64_t count = (vectors + size - 1) / size;
#pragma omp parallel for schedule(dynamic, 1) num_threads(r.threads) if (r.threads > 1 && count > 1)
  for (int64_t i = 0; i < count; i++) {
    V* stretch = (V*)std::aligned_alloc(64, r.spacing * size * N * sizeof(V));
    back_tile(r, i * size, least(size, vectors - i * size), r.sums + i * sizeof(Totals) / sizeof(double), stretch);
    std::free(stretch);
  }
}
