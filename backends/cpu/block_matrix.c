/* block_matrix.c - matrix loops at float32 and float64: products with vectors, small products, small factorisations, and
 * everything of any size where no OpenBLAS is found. */
#include <math.h>
#include <string.h>

#include "block_template.h"

#if defined(__AVX2__)
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif
typedef double vector_f64 __attribute__((vector_size(VECTOR_BYTES)));
typedef float vector_f32 __attribute__((vector_size(VECTOR_BYTES)));

#define T double
#define V vector_f64
#define SUFFIX f64
#define LANES (VECTOR_BYTES / 8)
#define SQUARE_ROOT(x) sqrt(x)
#define ABSOLUTE(x) fabs(x)
#include "block_matrix.h"

#define T float
#define V vector_f32
#define SUFFIX f32
#define LANES (VECTOR_BYTES / 4)
#define SQUARE_ROOT(x) sqrtf(x)
#define ABSOLUTE(x) fabsf(x)
#include "block_matrix.h"

const numc_block_matrix *NUMC_BLOCK(matrix)(uint32_t dtype)
{
    return dtype == NUMC_FLOAT64 ? &matrix_f64 : dtype == NUMC_FLOAT32 ? &matrix_f32 : NULL;
}
