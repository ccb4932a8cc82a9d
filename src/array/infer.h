/* infer.h - internal: what a rule for the types of an application's results works with (infer.c; of control flow src/graph/infer_control.c). */
#ifndef NUMC_ARRAY_INFER_H
#define NUMC_ARRAY_INFER_H

#include "array/internal.h"

struct numc_inference {
    numc_context *context;
    int32_t primitive;
    const numc_type *inputs;
    int32_t input_count;
    const numc_attributes *attributes;
    numc_type *outputs;
    int64_t (*shapes)[NUMC_RANK_LIMIT];
    int32_t capacity, output_count;
};

/* "reduce_sum(float64[3, 4]): " and the reason. */
numc_status numc__infer_refuse(numc_inference *f, numc_status status, const char *format, ...) NUMC_FORMAT(3, 4);
/* The next result. */
numc_status numc__infer_output(numc_inference *f, numc_dtype dtype, int32_t rank, const int64_t *shape);

#define NUMC_NEED(condition, status, ...)                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return numc__infer_refuse(f, status, __VA_ARGS__);                                     \
    } while (0)
/* The attribute numbers: there are `expected`, none needed is missing. */
#define NUMC_NEED_NUMBERS(expected)                                                                \
    NUMC_NEED(f->attributes != NULL && f->attributes->count == (expected), NUMC_INTERNAL,          \
              "it needs %d attribute numbers", (int)(expected))

#endif
