// Products for networks too large to be written out: loops over blocks of rows whose sums stay in registers. A weight is
// one number for all lanes; eight sums hide the latency of an addition and leave registers for the weights.
static constexpr int BLOCK = 8;

template <int ROWS> struct Blocks {  // of nearly equal height: 9 rows are 5 and 4
  static constexpr int count = (ROWS + BLOCK - 1) / BLOCK, height = count ? (ROWS + count - 1) / count : 1;
};

template <int HEIGHT, int COLUMNS> INLINE void block(V* out, const REAL* w, const V* in) {
  V a[HEIGHT];
#pragma GCC unroll 8
  for (int r = 0; r < HEIGHT; r++) a[r] = out[r];
  for (int j = 0; j < COLUMNS; j++) {
    const V x = in[j];
#pragma GCC unroll 8
    for (int r = 0; r < HEIGHT; r++) a[r] += x * w[r * COLUMNS + j];
  }
#pragma GCC unroll 8
  for (int r = 0; r < HEIGHT; r++) out[r] = a[r];
}
// out += W in, W (ROWS x COLUMNS)
template <int ROWS, int COLUMNS> INLINE void add_product(V* out, const REAL* w, const V* in) {
  constexpr int height = Blocks<ROWS>::height, left = ROWS % height;
  for (int i = 0; i + height <= ROWS; i += height) block<height, COLUMNS>(out + i, w + i * COLUMNS, in);
  if constexpr (left > 0) block<left, COLUMNS>(out + ROWS - left, w + (ROWS - left) * COLUMNS, in);
}

template <int WIDTH, int ROWS, int COLUMNS> INLINE void transposed_block(V* out, const REAL* w, const V* in) {
  V a[WIDTH];
#pragma GCC unroll 8
  for (int c = 0; c < WIDTH; c++) a[c] = out[c];
  for (int r = 0; r < ROWS; r++) {
    const V x = in[r];
#pragma GCC unroll 8
    for (int c = 0; c < WIDTH; c++) a[c] += x * w[r * COLUMNS + c];
  }
#pragma GCC unroll 8
  for (int c = 0; c < WIDTH; c++) out[c] = a[c];
}
// out += W^T in, W (ROWS x COLUMNS)
template <int ROWS, int COLUMNS> INLINE void add_transposed(V* out, const REAL* w, const V* in) {
  constexpr int width = Blocks<COLUMNS>::height, left = COLUMNS % width;
  for (int i = 0; i + width <= COLUMNS; i += width) transposed_block<width, ROWS, COLUMNS>(out + i, w + i, in);
  if constexpr (left > 0) transposed_block<left, ROWS, COLUMNS>(out + COLUMNS - left, w + COLUMNS - left, in);
}

// sums (ROWS x COLUMNS) += the outer products of left and right of all records; `pitch` vectors lie between records
template <int HEIGHT, int WIDTH, int COLUMNS>
INLINE void outer_block(V* sums, const V* left, const V* right, int64_t pitch, int64_t count) {
  V a[HEIGHT * WIDTH];
#pragma GCC unroll 12
  for (int e = 0; e < HEIGHT * WIDTH; e++) a[e] = V{};
  for (int64_t k = 0; k < count; k++, left += pitch, right += pitch) {
#pragma GCC unroll 4
    for (int i = 0; i < HEIGHT; i++) {
#pragma GCC unroll 3
      for (int j = 0; j < WIDTH; j++) a[i * WIDTH + j] += left[i] * right[j];
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < HEIGHT; i++) {
#pragma GCC unroll 3
    for (int j = 0; j < WIDTH; j++) sums[i * COLUMNS + j] += a[i * WIDTH + j];
  }
}
template <int HEIGHT, int COLUMNS>
INLINE void outer_rows(V* sums, const V* left, const V* right, int64_t pitch, int64_t count) {
  constexpr int rest = COLUMNS % 3;
  for (int j = 0; j + 3 <= COLUMNS; j += 3) outer_block<HEIGHT, 3, COLUMNS>(sums + j, left, right + j, pitch, count);
  if constexpr (rest > 0)
    outer_block<HEIGHT, rest, COLUMNS>(sums + COLUMNS - rest, left, right + COLUMNS - rest, pitch, count);
}
template <int ROWS, int COLUMNS>
static void add_outer(V* sums, const V* left, const V* right, int64_t pitch, int64_t count) {
  constexpr int blocks = (ROWS + 3) / 4, height = blocks ? (ROWS + blocks - 1) / blocks : 1, rest = ROWS % height;
  for (int i = 0; i + height <= ROWS; i += height)
    outer_rows<height, COLUMNS>(sums + i * COLUMNS, left + i, right, pitch, count);
  if constexpr (rest > 0)
    outer_rows<rest, COLUMNS>(sums + (ROWS - rest) * COLUMNS, left + ROWS - rest, right, pitch, count);
}
template <int ROWS> static void add_all(V* sums, const V* left, int64_t pitch, int64_t count) {
  for (int64_t k = 0; k < count; k++, left += pitch)
    for (int i = 0; i < ROWS; i++) sums[i] += left[i];
}
