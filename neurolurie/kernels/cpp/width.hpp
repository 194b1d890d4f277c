// The width of a vector follows from the processor the file is compiled for.
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
extern "C" __attribute__((weak)) long vector_bytes() { return VECTOR_BYTES; }
