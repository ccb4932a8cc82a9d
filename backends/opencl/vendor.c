/* vendor.c - large products by CLBlast, opened when first asked for. Where it is missing, not to be used (NUMC_OPENCL_CLBLAST), or not
 * to be trusted, the answer is UNSUPPORTED, said once in the log: the kernels of backends/gpu do the work.
 *
 * What was decided, looking at 1.5.3 (Debian's) to 1.7.0:
 * - One call at a time in the process: two threads that make the same program throw at each other until 1.6.1, and caches and tables are
 *   the library's own, whichever device asks. The lock is therefore the plugin's only variable. The calls only enqueue; the first of a
 *   dtype compiles for seconds with the lock held.
 * - xgemm for each matrix of a batch, not the batched calls: those leave offsets and steps out of account where matrices have the size
 *   that their kernel works on. So a product has the same bits in a batch and alone. Sums are in an order fixed by shape, transposes and
 *   device; so is who makes the product.
 * - float32 and float64 only. It multiplies each sum by alpha, and a complex infinity by 1 + 0i is NaN: not the product of ref.
 * - Its copies are put into memory of our pool, so that lack of memory is our error, and is told before anything is done.
 * - Its parameters and some drivers do not go together everywhere (wrong products were reported from GPUs of all makers). So the first
 *   product of a kind - dtype, transposes, by the direct kernel or by copies - is preceded by a trial, the smallest that goes the same
 *   way: whole numbers, exact in any order, odd extents, NaN in the result before it and in the gaps between rows. What fails or comes
 *   out wrong there is our kernels' from then on. What fails later is an error.
 * - Its cache of programs holds a reference to our context until it is cleared, as the cache is when a device is closed, for all
 *   devices: others compile once more, or find what the driver keeps.
 * - It is never unmapped. It catches its exceptions, but prints what OpenCL refuses it; what can be known before is not asked. It reads
 *   compiler options from the environment, so setuid programs do without it.
 *
 * Who makes a product goes by its size alone. On PoCL 3.1 our tiles make 2.2 Gflop in a processor's second, CLBlast 4.4 to 9 after 8 seconds
 * of compilation for each dtype, once on a machine. A product of 2^30 multiplications for each unit saves about 0.7 s, so a processor
 * makes up for them within about twelve: from that size on it uses CLBlast. Elsewhere it is 2^24 (256 cubed), by no measurement: no GPU
 * with OpenCL was at hand. */
#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "machine.h"

typedef numc_opencl_machine machine;

enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 }; /* clblast_c.h */
enum { UNTRIED, RIGHT, REFUSED };                           /* trials */
enum { LINE = 512, LONGEST = 4095 };                        /* of a trial's sides */

static pthread_mutex_t one_call = PTHREAD_MUTEX_INITIALIZER;

void numc_opencl_vendor_begin(machine *m, const numc_gpu_facts *facts)
{
    const char *wish = secure_getenv("NUMC_OPENCL_CLBLAST");
    m->vendor.least = facts->serial ? 0x1p30 * facts->units : 0x1p24;
    if (getauxval(AT_SECURE) != 0 || (wish != NULL && strcmp(wish, "off") == 0))
        m->vendor.least = INFINITY;
    else if (wish != NULL && strcmp(wish, "on") == 0)
        m->vendor.least = 0;
}

void numc_opencl_vendor_end(machine *m)
{
    char line[LINE];
    if (!m->vendor.open)
        return;
    pthread_mutex_lock(&one_call);
    (void)m->vendor.CLBlastClearCache();
    pthread_mutex_unlock(&one_call);
    (void)snprintf(line, sizeof line, "%llu matrix products by CLBlast", (unsigned long long)m->vendor.products);
    m->host->log(m->host->user, NUMC_LOG_DEBUG, line);
}

/* ---- the library ----------------------------------------------------------------------------------------------------------- */

static bool load(numc_opencl_vendor *v, char *reason)
{
    void *symbol, *object = dlopen("libclblast.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (object == NULL) {
        const char *said = dlerror();
        (void)snprintf(reason, LINE, "CLBlast cannot be opened: %s", said != NULL ? said : "libclblast.so.1");
        return false;
    }
#define X(name, arguments)                                                                                             \
    symbol = dlsym(object, #name);                                                                                     \
    if (symbol == NULL) {                                                                                              \
        (void)snprintf(reason, LINE, "libclblast.so.1 lacks " #name);                                                  \
        return false;                                                                                                  \
    }                                                                                                                  \
    memcpy(&v->name, &symbol, sizeof symbol);
    NUMC_CLBLAST_FUNCTIONS(X)
#undef X
    return true;
}

static bool ready(machine *m)
{
    numc_opencl_vendor *v = &m->vendor;
    char reason[LINE], line[LINE + 64];
    if (v->asked)
        return v->open;
    v->asked = true;
    v->open = load(v, reason);
    if (v->open)
        (void)snprintf(line, sizeof line, "CLBlast makes large matrix products on %s", m->name);
    else
        (void)snprintf(line, sizeof line, "%s; own kernels are used instead", reason);
    m->host->log(m->host->user, NUMC_LOG_INFO, line);
    return v->open;
}

static int turn(uint32_t transposed)
{
    return transposed != 0 ? TRANSPOSED : AS_IT_IS;
}

/* Enqueues matrix i of the product; CLBlast's code. */
static int multiply(machine *m, const numc_gpu_product *p, int64_t i, cl_mem room)
{
    const numc_opencl_vendor *v = &m->vendor;
    const float beta = p->accumulate ? 1.0f : 0.0f;
#define CALL(function, alpha, beta)                                                                                    \
    v->function(ROW_MAJOR, turn(p->transpose_a), turn(p->transpose_b), (size_t)p->m, (size_t)p->n, (size_t)p->k, alpha, p->a.raw,      \
                (size_t)(p->a.offset + i * p->a.step), (size_t)p->a.row, p->b.raw, (size_t)(p->b.offset + i * p->b.step),              \
                (size_t)p->b.row, beta, p->c.raw, (size_t)(p->c.offset + i * p->c.step), (size_t)p->c.row, &m->queue, NULL, room)
    return p->dtype == NUMC_FLOAT32 ? CALL(CLBlastSgemmWithTempBuffer, 1.0f, beta) : CALL(CLBlastDgemmWithTempBuffer, 1.0, (double)beta);
#undef CALL
}

/* Bytes for the copies of one matrix's product, whichever of the batch. What starts its allocation may need no copy, what does not does. */
static int room_of(machine *m, const numc_gpu_product *p, size_t *bytes)
{
    const numc_opencl_vendor *v = &m->vendor;
    int(*const function) NUMC_CLBLAST_ROOM = p->dtype == NUMC_FLOAT32 ? v->CLBlastSGemmTempBufferSize : v->CLBlastDGemmTempBufferSize;
#define OFFSET(x) (p->count > 1 && p->x.step != 0 ? 1 : (size_t)p->x.offset)
    return function(ROW_MAJOR, turn(p->transpose_a), turn(p->transpose_b), (size_t)p->m, (size_t)p->n, (size_t)p->k, OFFSET(a),
                    (size_t)p->a.row, OFFSET(b), (size_t)p->b.row, OFFSET(c), (size_t)p->c.row, &m->queue, bytes);
#undef OFFSET
}

/* Whether its kernel works on copies: then anything that does not start its allocation is copied. */
static int by_copies(machine *m, const numc_gpu_product *product, bool *copies)
{
    numc_gpu_product p = *product;
    size_t bytes = 0;
    p.a.offset = p.b.offset = p.c.offset = 1;
    int result = room_of(m, &p, &bytes);
    *copies = bytes > 0;
    return result;
}

/* ---- trials ---------------------------------------------------------------------------------------------------------------- */

static size_t size_of(uint32_t dtype)
{
    return dtype == NUMC_FLOAT32 ? sizeof(float) : sizeof(double);
}

/* Whole numbers from -3 to 3 without a pattern: element (i, j) of op(a) (which 0), of op(b) (1). */
static double number(uint32_t which, int64_t i, int64_t j)
{
    uint32_t h = (uint32_t)i * 0x9E3779B1u + (uint32_t)j * 0x85EBCA77u + which * 0xC2B2AE3Du;
    h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
    h = (h ^ (h >> 12)) * 0x297A2D39u;
    return (double)((h >> 15) % 7) - 3;
}

static double weight(int64_t j)
{
    return 1 + 49 * (number(2, j, 0) + 3) + 7 * (number(3, j, 0) + 3) + number(4, j, 0) + 3;
}

static void put(void *values, uint32_t dtype, int64_t at, double value)
{
    if (dtype == NUMC_FLOAT32)
        ((float *)values)[at] = (float)value;
    else
        ((double *)values)[at] = value;
}

static double get(const void *values, uint32_t dtype, int64_t at)
{
    return dtype == NUMC_FLOAT32 ? (double)((const float *)values)[at] : ((const double *)values)[at];
}

/* A matrix of a trial as it lies in memory, from element 1. */
typedef struct lying {
    uint32_t turned;
    int64_t rows, columns, row;
} lying;

/* NaN where no factor is. */
static void fill(void *values, uint32_t dtype, uint32_t which, const lying *x)
{
    for (int64_t at = 0; at < x->rows * x->row + 1; at++)
        put(values, dtype, at, NAN);
    for (int64_t i = 0; i < x->rows && which < 2; i++)
        for (int64_t j = 0; j < x->columns; j++)
            put(values, dtype, 1 + i * x->row + j, x->turned ? number(which, j, i) : number(which, i, j));
}

/* c w = 2 a (b w) for weights w up to 343; `between` has room for b w. Sums stay below 2^53: 2 x 4095 x 9 x 4095 x 343. */
static bool is_right(const numc_gpu_product *p, const void *c, double *between)
{
    for (int64_t k = 0; k < p->k; k++) {
        between[k] = 0;
        for (int64_t j = 0; j < p->n; j++)
            between[k] += number(1, k, j) * weight(j);
    }
    for (int64_t i = 0; i < p->m; i++) {
        double expected = 0, got = 0;
        for (int64_t k = 0; k < p->k; k++)
            expected += 2 * number(0, i, k) * between[k];
        for (int64_t j = 0; j < p->n; j++)
            got += get(c, p->dtype, 1 + i * p->c.row + j) * weight(j);
        for (int64_t j = p->n; j < p->c.row; j++) /* behind the row */
            if (!isnan(get(c, p->dtype, 1 + i * p->c.row + j)))
                return false;
        if (!(got == expected))
            return false;
    }
    return true;
}

/* What a trial has allocated: matrices a, b, c, room. */
typedef struct trial {
    cl_mem memory[4];
    size_t bytes[4];
    void *values;
    double *between;
    size_t values_bytes, between_bytes;
} trial;

/* c = a b over NaN, then c += a b. OK with CLBlast's code, or an error of ours. */
static int32_t run_trial(machine *m, numc_gpu_product *p, trial *t, int *result, bool *right)
{
    const lying shapes[3] = {{p->transpose_a, p->transpose_a ? p->k : p->m, p->transpose_a ? p->m : p->k, p->a.row},
                             {p->transpose_b, p->transpose_b ? p->n : p->k, p->transpose_b ? p->k : p->n, p->b.row},
                             {0, p->m, p->n, p->c.row}};
    cl_int error = CL_SUCCESS;
    for (int i = 0; i < 3; i++) {
        t->bytes[i] = ((size_t)(shapes[i].rows * shapes[i].row) + 1) * size_of(p->dtype);
        t->values_bytes = t->bytes[i] > t->values_bytes ? t->bytes[i] : t->values_bytes;
    }
    t->between_bytes = (size_t)p->k * sizeof *t->between;
    t->values = m->host->allocate(m->host->user, NULL, 0, t->values_bytes);
    t->between = m->host->allocate(m->host->user, NULL, 0, t->between_bytes);
    if (t->values == NULL || t->between == NULL)
        return m->host->error(m->host->user, NUMC_MEMORY, "out of memory on the host for a trial of CLBlast");
    for (int i = 0; i < 4 && error == CL_SUCCESS; i++)
        if (t->bytes[i] > 0)
            t->memory[i] = m->cl.clCreateBuffer(m->context, CL_MEM_READ_WRITE, t->bytes[i], NULL, &error);
    for (uint32_t i = 0; i < 3 && error == CL_SUCCESS; i++) {
        fill(t->values, p->dtype, i, &shapes[i]);
        error = m->cl.clEnqueueWriteBuffer(m->queue, t->memory[i], CL_TRUE, 0, t->bytes[i], t->values, 0, NULL, NULL);
    }
    p->a.raw = t->memory[0];
    p->b.raw = t->memory[1];
    p->c.raw = t->memory[2];
    for (p->accumulate = 0; p->accumulate < 2 && error == CL_SUCCESS && *result == 0; p->accumulate++)
        *result = multiply(m, p, 0, t->memory[3]);
    if (error == CL_SUCCESS && *result == 0)
        error = m->cl.clEnqueueReadBuffer(m->queue, t->memory[2], CL_TRUE, 0, t->bytes[2], t->values, 0, NULL, NULL);
    *right = error == CL_SUCCESS && *result == 0 && is_right(p, t->values, t->between);
    return numc_opencl_check(m, "OpenCL", error, "a trial of CLBlast");
}

static int32_t hold_trial(machine *m, const numc_gpu_product *product, bool copies, uint8_t *verdict)
{
    const uint32_t dtype = product->dtype;
    numc_gpu_product p = {.dtype = dtype, .transpose_a = product->transpose_a, .transpose_b = product->transpose_b, .count = 1,
                          .a.offset = 1, .b.offset = 1, .c.offset = 1};
    trial t = {.values = NULL};
    bool way = !copies, right = false;
    int result = 0;
    for (int64_t side = 63; side <= LONGEST && way != copies && result == 0; side = (side + side / 4) | 1) {
        p.m = side;
        p.n = side - 2;
        p.k = side - 4;
        p.a.row = (p.transpose_a ? p.m : p.k) + 1;
        p.b.row = (p.transpose_b ? p.k : p.n) + 1;
        p.c.row = p.n + 1;
        result = by_copies(m, &p, &way);
    }
    if (result == 0)
        result = room_of(m, &p, &t.bytes[3]);
    int32_t status = result == 0 && way == copies ? run_trial(m, &p, &t, &result, &right) : NUMC_OK;
    for (int i = 0; i < 4; i++)
        if (t.memory[i] != NULL)
            (void)m->cl.clReleaseMemObject(t.memory[i]);
    if (t.values != NULL)
        (void)m->host->allocate(m->host->user, t.values, t.values_bytes, 0);
    if (t.between != NULL)
        (void)m->host->allocate(m->host->user, t.between, t.between_bytes, 0);
    if (status == NUMC_OK && (result == CL_MEM_OBJECT_ALLOCATION_FAILURE || result == CL_OUT_OF_HOST_MEMORY))
        status = numc_opencl_check(m, "CLBlast", result, "a trial of CLBlast");
    if (status != NUMC_OK)
        return status;
    *verdict = right ? RIGHT : REFUSED;
    if (right)
        return NUMC_OK;
    char line[LINE];
    const int used = snprintf(line, sizeof line, "CLBlast is not used for %s%s%s matrices on %s: ", dtype == NUMC_FLOAT32 ? "float32" : "float64",
                              p.transpose_a ? " transposed" : "", p.transpose_b ? " by transposed" : "", m->name);
    (void)snprintf(line + used, sizeof line - (size_t)used, result != 0 ? "a trial answers %d; own kernels are used instead"
                   : way != copies ? "there is no trial of its kernel; own kernels are used instead"
                                   : "a trial came out wrong; own kernels are used instead", result);
    m->host->log(m->host->user, NUMC_LOG_WARNING, line);
    return NUMC_OK;
}

/* ---- the runtime's ----------------------------------------------------------------------------------------------------------- */

/* Indices are ints in CLBlast's kernels. */
static bool fits(const numc_gpu_matrix *x, int64_t rows, int64_t columns, int64_t count)
{
    const double last = (double)x->offset + (double)(count - 1) * (double)(x->step > 0 ? x->step : 0);
    return x->row >= columns && last + (double)rows * (double)x->row < INT_MAX;
}

int32_t numc_opencl_gemm_room(void *opened, const numc_gpu_product *p, uint64_t *bytes)
{
    machine *m = opened;
    numc_opencl_vendor *v = &m->vendor;
    *bytes = 0;
    if ((p->dtype != NUMC_FLOAT32 && (p->dtype != NUMC_FLOAT64 || !m->float64)) || p->count < 1
        || (double)p->m * (double)p->n * (double)p->k < (v->least > 1 ? v->least : 1)
        || !fits(&p->a, p->transpose_a ? p->k : p->m, p->transpose_a ? p->m : p->k, p->count)
        || !fits(&p->b, p->transpose_b ? p->n : p->k, p->transpose_b ? p->k : p->n, p->count) || !fits(&p->c, p->m, p->n, p->count))
        return NUMC_UNSUPPORTED;
    pthread_mutex_lock(&one_call);
    int32_t status = ready(m) ? NUMC_OK : NUMC_UNSUPPORTED;
    if (status == NUMC_OK) {
        bool copies = false;
        size_t room = 0;
        status = numc_opencl_check(m, "CLBlast", by_copies(m, p, &copies), "matmul");
        uint8_t *verdict = &v->trials[p->dtype == NUMC_FLOAT64][p->transpose_a != 0][p->transpose_b != 0][copies];
        if (status == NUMC_OK && *verdict == UNTRIED)
            status = hold_trial(m, p, copies, verdict);
        if (status == NUMC_OK && *verdict == REFUSED)
            status = NUMC_UNSUPPORTED;
        if (status == NUMC_OK)
            status = numc_opencl_check(m, "CLBlast", room_of(m, p, &room), "matmul");
        if (status == NUMC_OK && room / size_of(p->dtype) > INT_MAX)
            status = NUMC_UNSUPPORTED;
        *bytes = room;
    }
    pthread_mutex_unlock(&one_call);
    return status;
}

int32_t numc_opencl_gemm(void *opened, const numc_gpu_product *p, void *room)
{
    machine *m = opened;
    int32_t status = NUMC_OK;
    pthread_mutex_lock(&one_call);
    for (int64_t i = 0; i < p->count && status == NUMC_OK; i++)
        status = numc_opencl_check(m, "CLBlast", multiply(m, p, i, room), "matmul");
    m->vendor.products += (uint64_t)p->count;
    pthread_mutex_unlock(&one_call);
    return status;
}
