/// The table of each instruction set, for dispatch.c.
#ifndef SCN_TABLES_H
#define SCN_TABLES_H

#include "scn_kernels.h"

#pragma GCC visibility push(hidden)

extern const scn_kernel_table scn_generic_table;
#if defined(__x86_64__)
extern const scn_kernel_table scn_avx2_table;
extern const scn_kernel_table scn_avx512_table;
extern const scn_bfloat16_products scn_avx512bf16_products;
extern const scn_bfloat16_products scn_amx_products;
#endif

#pragma GCC visibility pop
#endif
