// Vectors of REAL: one lane for each trial. The width follows from the processor the file is compiled for.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>

#define INLINE static inline __attribute__((always_inline))

template <class T> struct Lanes;
template <> struct Lanes<float> {
  typedef float real __attribute__((vector_size(VECTOR_BYTES)));
  typedef int32_t whole __attribute__((vector_size(VECTOR_BYTES)));
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
};
template <> struct Lanes<double> {
  typedef double real __attribute__((vector_size(VECTOR_BYTES)));
  typedef int64_t whole __attribute__((vector_size(VECTOR_BYTES)));
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double magic = 6755399441055744.0;
};
typedef Lanes<REAL>::real V;
typedef Lanes<double>::real VD;
typedef uint64_t VU __attribute__((vector_size(VECTOR_BYTES)));
static constexpr int W = VECTOR_BYTES / sizeof(REAL);  // lanes of V
static constexpr int WD = VECTOR_BYTES / 8;            // lanes of VD

// The flags allow reassociation; what must not be reassociated passes through OPAQUE, which costs nothing.
#if defined(__aarch64__)
#define OPAQUE(v) __asm__("" : "+w"(v))
#elif defined(__x86_64__)
#define OPAQUE(v) __asm__("" : "+v"(v))
#else
#define OPAQUE(v) __asm__("" : "+m"(v))
#endif

INLINE V load(const REAL* p) { V v; std::memcpy(&v, p, sizeof v); return v; }
INLINE void store(REAL* p, V v) { std::memcpy(p, &v, sizeof v); }
// Past the caches, to an aligned place: for results too large to stay there, which need not be fetched to be overwritten.
INLINE void store_past(REAL* p, V v) {
#if defined(__AVX__)
  __asm__("vmovntps %1, %0" : "=m"(*(V*)p) : "v"(v));
#else
  store(p, v);
#endif
}
INLINE void wait_for_stores() {
#if defined(__AVX__)
  __asm__ volatile("sfence" ::: "memory");
#endif
}
// The first `count` lanes; the rest are zero.
INLINE V load_some(const REAL* p, int64_t count) {
  if (count >= W) return load(p);
  V v = {};
  std::memcpy(&v, p, count * sizeof(REAL));
  return v;
}
INLINE void store_some(REAL* p, V v, int64_t count) {
  if (count >= W) store(p, v); else std::memcpy(p, &v, count * sizeof(REAL));
}
INLINE REAL sum(V v) { REAL s = 0; for (int i = 0; i < W; i++) s += v[i]; return s; }
static constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// Two vectors taken together: a weight is spread over the lanes once for both, and one fills the other's waits.
struct Pair { V a, b; };
INLINE Pair operator+(Pair x, Pair y) { return {x.a + y.a, x.b + y.b}; }
INLINE Pair operator*(Pair x, REAL factor) { V all = V{} + factor; return {x.a * all, x.b * all}; }
template <class X> INLINE X spread(REAL value) {
  V all = V{} + value;
  if constexpr (sizeof(X) == sizeof(V)) return all;
  else return {all, all};
}
template <class F> INLINE V mapped(V x, F f) { return f(x); }
template <class F> INLINE Pair mapped(Pair x, F f) { return {f(x.a), f(x.b)}; }
