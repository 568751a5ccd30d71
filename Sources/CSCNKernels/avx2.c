// The table for AVX2 and FMA: 256-bit vectors, 16 registers.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "tables.h"

#define TABLE scn_avx2_table
#define TABLE_NAME "avx2"
#define LANES 8
#define VECTOR_REGISTERS 16
#define MULTIPLY_ADD(a, b, c) __builtin_elementwise_fma(a, b, c)

static const int32_t lane_masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
#define LANE_MASK(n) _mm256_loadu_si256((const __m256i *)(lane_masks + 8 - (n)))
#define LOAD_TAIL(p, n) ((vector)_mm256_maskload_ps(p, LANE_MASK(n)))
#define STORE_TAIL(p, n, v) _mm256_maskstore_ps(p, LANE_MASK(n), (__m256)(v))
/// Lane i is lane (p)[i] of v.
#define PERMUTE(v, p) ((vector)_mm256_permutevar8x32_ps((__m256)(v), (__m256i)(p)))

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "families/all.inc"
#pragma clang attribute pop
#endif
