/* check.h - what the files of `numc check` share: the two sides, operands in host memory, inputs, and the row of a comparison. */
#ifndef NUMC_TOOLS_CHECK_H
#define NUMC_TOOLS_CHECK_H

#include "backend/build.h"
#include "tool.h"

/* exp and its like; special functions of one argument; incomplete gamma and beta, 50 eps each; kernels that compose some. */
enum { LIBRARY_ULP = 4, SPECIAL_ULP = 16, INCOMPLETE_ULP = 100, COMPOSED_ULP = 64, MOST_BUFFERS = 10 };

typedef struct side {
    numc_context *context;
    numc_backend_device *device;
} side;

typedef struct checker {
    side tested, reference;
    bool quiet, bits;
    uint32_t only; /* the one dtype of kernels that is looked at; 0: all */
    size_t ok, fallback, wrong, skipped;
    uint64_t state; /* of the generator of inputs */
} checker;

/* One operand or result of a check in host memory. */
typedef struct operand {
    uint32_t dtype;
    int64_t count;
    void *data;
    bool written;
} operand;

typedef enum domain {
    DOMAIN_ALL,   /* every finite magnitude, zeros, infinities, NaN */
    DOMAIN_UNIT,  /* [0, 1], edges included */
    DOMAIN_SHAPE, /* positive, 0.05 to 100 */
    DOMAIN_ORDER, /* 0 to 5, whole */
    DOMAIN_SMALL  /* |x| up to 8: sums and products stay finite */
} domain;

/* check.c. Inputs: the same in every run. */
uint64_t check_next(checker *c);
double check_uniform(checker *c); /* [0, 1) */
/* A real number as float dtypes, bits as integers and bool. */
void check_put(uint32_t dtype, void *to, double real, uint64_t bits);
void check_fill(checker *c, operand *o, domain d);
bool check_operand_new(operand *o, uint32_t dtype, int64_t count, bool written);
size_t check_operand_bytes(const operand *o);

/* Outcomes. */
uint64_t check_fallbacks(const side *s);
void check_row(checker *c, const char *slot, const char *what, const char *result, const char *detail);
void check_judge(checker *c, const char *slot, const char *what, uint64_t fallbacks_before, int32_t status,
                 const operand *expected, const operand *got, size_t count, double tolerance);

/* Operands to device memory, and what was written back. */
int32_t check_upload(const side *s, operand *operands, size_t count, void **memory);
int32_t check_download(const side *s, operand *operands, size_t count, void **memory, int32_t status);
bool check_usable(const checker *c, uint32_t dtype);

/* check_kernels.c: scalar operations and loop trees. check_factor.c: factorisations whose results are not unique. */
void check_operations(checker *c);
void check_kernels(checker *c);
void check_factors(checker *c);
/* check_routine.c: text of the host's; nothing where the device takes none. */
void check_routines(checker *c);

#endif
