// The reverse sweep: the exact gradient of the discrete scheme. Lanes are trials; a tile of vectors goes back in time
// together. Where not every state was saved, a stretch is run again from the saved state before it.
struct Back {
  const REAL *A, *B, *C, *by, *size, *drive;
  const REAL* saved;      // [row][state][pitch]: the states at steps 0, spacing, 2 spacing, ...
  int64_t spacing, pitch;
  const REAL* g;          // gradient of the recorded rows, at any distances between trials, rows and states
  int64_t g_trial, g_row, g_state, every;
  double* sums;           // [tile][size of Totals]: gradient of A, B, C, bx, by, size
  REAL* x0;               // [state][pitch]
  int64_t trials, steps, threads;
};

typedef double Totals[2 * N * M + N * N + 2 * N + M];
static constexpr int64_t TILE = 8;     // vectors of one tile
static constexpr int64_t FLUSH = 256;  // vectors summed in REAL before they are added in double
// Steps whose records are kept before they are summed: they should stay in the first cache.
static constexpr int64_t CHUNK = most(1, 20480 / (int64_t)(sizeof(Record) * NODES * TILE / 2));
static constexpr int64_t ROWS = most(1, 16384 / (int64_t)(N * sizeof(V) * TILE / 2));

struct Space { V adjoint[TILE * N], g[ROWS * TILE * N]; Record records[CHUNK * TILE * NODES]; Sums sums; };

static void flush(Sums& sums, double* totals) {
  const V* from = (const V*)&sums;
  for (size_t i = 0; i < sizeof(Totals) / sizeof(double); i++) totals[i] += sum(from[i]);
  std::memset((void*)&sums, 0, sizeof(Sums));
}

// The gradient of the recorded rows from..to, trials in lanes: g[row - from][vector][state].
static void fetch(const Back& r, int64_t first, int64_t count, int64_t from, int64_t to, V* g) {
  for (int64_t v = 0; v < count; v++) {
    const int64_t trial = (first + v) * W, there = least(W, r.trials - trial);
    const REAL* source = r.g + trial * r.g_trial + from * r.g_row;
    if (r.g_trial == 1 && there == W) {
      for (int64_t k = 0; k <= to - from; k++)
        for (int i = 0; i < N; i++) g[(k * count + v) * N + i] = load(source + k * r.g_row + i * r.g_state);
      continue;
    }
    REAL* lanes = (REAL*)(g + v * N);
    for (int64_t l = 0; l < W; l++)
      for (int64_t k = 0; k <= to - from; k++)
        for (int i = 0; i < N; i++)
          lanes[(k * count * N + i) * W + l] = l < there ? source[l * r.g_trial + k * r.g_row + i * r.g_state] : REAL(0);
  }
}

static void back_tile(const Back& r, int64_t first, int64_t count, double* totals, Space& space, V* stretch) {
  Sums& sums = space.sums;
  std::memset((void*)&sums, 0, sizeof(Sums));  // large: no temporary of it on the stack
  V* adjoint = space.adjoint;
  const Model model = {r.A, r.B, r.C, r.by, r.size};
  const int64_t start = first * W, wide = count * N;
  std::memset((void*)adjoint, 0, wide * sizeof(V));
  int64_t have = r.every ? (r.steps + r.every - 1) / r.every + 1 : 1;  // the first row fetched
  auto receive = [&](int64_t t) {  // add the gradient of what was recorded after t steps
    if (t != r.steps && (r.every == 0 || t % r.every)) return;
    const int64_t row = r.every ? (t == r.steps ? (t + r.every - 1) / r.every : t / r.every) : 0;
    if (row < have) {
      have = most(0, row - ROWS + 1);
      fetch(r, first, count, have, row, space.g);
    }
    const V* g = space.g + (row - have) * wide;
    for (int64_t i = 0; i < wide; i++) adjoint[i] += g[i];
  };
  receive(r.steps);
  int64_t used = 0, summed = 0;
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
      for (int64_t v = 0; v < count; v++, used += NODES)
        back_step(model, r.drive, stretch + t * wide + v * N, adjoint + v * N, space.records + used, sums);
      receive(from + t);
      const bool end = from + t == 0;
      if (end || used + count * NODES > CHUNK * TILE * NODES) {
        gather(space.records, used, sums);
        summed += used;
        used = 0;
        if (end || summed >= FLUSH) {
          flush(sums, totals);
          summed = 0;
        }
      }
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
#pragma omp parallel num_threads(r.threads) if (r.threads > 1 && count > 1)
  {
    Space* space = (Space*)std::aligned_alloc(64, sizeof(Space));
    V* stretch = (V*)std::aligned_alloc(64, r.spacing * size * N * sizeof(V));
#pragma omp for schedule(dynamic, 1)
    for (int64_t i = 0; i < count; i++)
      back_tile(r, i * size, least(size, vectors - i * size), r.sums + i * sizeof(Totals) / sizeof(double), *space, stretch);
    std::free(stretch);
    std::free(space);
  }
}
