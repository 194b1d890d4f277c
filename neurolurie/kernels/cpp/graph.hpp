// The time loop of a network of many circuits. Circuits of one type share SIMD lanes: group g of a type holds W of them,
// and state i of lane l lies at base + (g n + i) W + l. Matrices inside a circuit are written out by the generator;
// couplings between circuits are ``struct Rows`` of slices.hpp or tiles.hpp.
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
