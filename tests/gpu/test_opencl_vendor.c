/* test_opencl_vendor.c - what the runtime of backends/opencl asks of CLBlast, with a stand-in that multiplies on the host and can be told
 * to be missing, to fail or to be wrong: shapes, trials, messages, memory that ends, one call at a time, what is left when a device is
 * closed. Without a device: skipped. */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "another_loader.h"

enum { ENDLESS = 1 << 30 };

/* What the libraries do next, and did. */
static struct {
    bool missing, old; /* no CLBlast; one without CLBlastClearCache */
    bool leaks;        /* beta 0 times NaN is NaN */
    bool strays;       /* writes behind the rows */
    int code, allowed; /* what a product answers after so many good ones */
    double copies;     /* m n k from which copies are made */
    int buffers, host; /* how many allocations are still granted */
} now;
static struct {
    int opened, cleared, products, overlaps, lines, blocks;
} did;
static char line[4096];
static atomic_int inside;

static void *host_allocate(void *user, void *pointer, uint64_t old_size, uint64_t size)
{
    (void)user, (void)old_size;
    if (size == 0) {
        did.blocks--;
        free(pointer);
        return NULL;
    }
    assert_null(pointer);
    if (now.host-- <= 0)
        return NULL;
    did.blocks++;
    return malloc(size);
}

static void host_log(void *user, int32_t level, const char *text)
{
    (void)user;
    if (level == NUMC_LOG_DEBUG)
        return;
    did.lines++;
    (void)snprintf(line, sizeof line, "%s", text);
}

static const numc_host host = {.size = sizeof host, .abi = NUMC_BACKEND_ABI, .allocate = host_allocate, .error = host_error, .log = host_log};

/* ---- stand-ins ------------------------------------------------------------------------------------------------------------- */

static cl_mem create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *from, cl_int *error)
{
    if (now.buffers-- > 0)
        return REAL(clCreateBuffer)(context, flags, size, from, error);
    *error = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return NULL;
}

/* In a stand-in, where a lock of ours may be held. */
static void must(bool right, const char *what)
{
    if (!right) {
        fprintf(stderr, "a stand-in finds: %s\n", what);
        abort();
    }
}

static size_t bytes_of(cl_mem memory)
{
    size_t bytes = 0;
    must(REAL(clGetMemObjectInfo)(memory, CL_MEM_SIZE, sizeof bytes, &bytes, NULL) == CL_SUCCESS, "no memory object");
    return bytes;
}

static void *contents(cl_command_queue queue, cl_mem memory)
{
    size_t bytes = bytes_of(memory);
    void *values = malloc(bytes);
    must(values != NULL && REAL(clEnqueueReadBuffer)(queue, memory, CL_TRUE, 0, bytes, values, 0, NULL, NULL) == CL_SUCCESS,
         "memory that cannot be read");
    return values;
}

static double element(bool wide, const void *values, size_t at)
{
    return wide ? ((const double *)values)[at] : (double)((const float *)values)[at];
}

static void set(bool wide, void *values, size_t at, double value)
{
    if (wide)
        ((double *)values)[at] = value;
    else
        ((float *)values)[at] = (float)value;
}

static int multiply(bool wide, int layout, bool ta, bool tb, size_t m, size_t n, size_t k, double alpha, cl_mem a, size_t a_offset,
                    size_t a_row, cl_mem b, size_t b_offset, size_t b_row, double beta, cl_mem c, size_t c_offset, size_t c_row,
                    cl_command_queue queue, cl_mem room)
{
    did.overlaps += atomic_exchange(&inside, 1);
    (void)sched_yield();
    must(layout == 101 && alpha == 1 && (beta == 0 || beta == 1), "a layout or a factor that it was not to see");
    must(a_row >= (ta ? m : k) && b_row >= (tb ? k : n) && c_row >= n, "rows that overlap");
    if ((double)m * (double)n * (double)k >= now.copies && a_offset + b_offset + c_offset > 0)
        must(room != NULL && bytes_of(room) >= m * n, "too little room");
    if (now.code != 0 && now.allowed-- <= 0) {
        atomic_store(&inside, 0);
        return now.code;
    }
    void *left = contents(queue, a), *right = contents(queue, b), *result = contents(queue, c);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            const size_t at = c_offset + i * c_row + j;
            double sum = beta == 1 || now.leaks ? beta * element(wide, result, at) : 0;
            for (size_t h = 0; h < k; h++)
                sum += element(wide, left, a_offset + (ta ? h * a_row + i : i * a_row + h)) *
                       element(wide, right, b_offset + (tb ? j * b_row + h : h * b_row + j));
            set(wide, result, at, sum);
            if (now.strays && c_row > n)
                set(wide, result, c_offset + i * c_row + n, 0);
        }
    must((c_offset + (m - 1) * c_row + n) * (wide ? 8u : 4u) <= bytes_of(c), "a result longer than its memory");
    must(REAL(clEnqueueWriteBuffer)(queue, c, CL_TRUE, 0, bytes_of(c), result, 0, NULL, NULL) == CL_SUCCESS, "memory that cannot be written");
    free(left), free(right), free(result);
    did.products++;
    atomic_store(&inside, 0);
    return 0;
}

#define STAND_IN(name, number, wide)                                                                                   \
    static int name NUMC_CLBLAST_GEMM(number)                                                                          \
    {                                                                                                                  \
        (void)event;                                                                                                   \
        return multiply(wide, layout, transpose_a == 112, transpose_b == 112, m, n, k, (double)alpha, a, a_offset, a_row, b, b_offset, b_row, \
                        (double)beta, c, c_offset, c_row, *queue, room);                                               \
    }
STAND_IN(sgemm, float, false)
STAND_IN(dgemm, double, true)

static int room_size NUMC_CLBLAST_ROOM
{
    (void)layout, (void)transpose_a, (void)transpose_b, (void)a_row, (void)b_row, (void)c_row, (void)queue;
    *bytes = (double)m * (double)n * (double)k >= now.copies && a_offset + b_offset + c_offset > 0 ? m * n : 0;
    return 0;
}

static int clear_cache(void)
{
    did.cleared++;
    return 0;
}

static char clblast; /* its handle */

void *test_dlopen(const char *name, int flags)
{
    if (strstr(name, "clblast") == NULL)
        return library = dlopen(name, flags);
    did.opened++;
    return now.missing ? dlopen("/nowhere/libclblast.so.1", flags) : &clblast;
}

void *test_dlsym(void *object, const char *name)
{
    static const in_place names[] = {
        {"CLBlastSgemmWithTempBuffer", (function *)sgemm},    {"CLBlastDgemmWithTempBuffer", (function *)dgemm},
        {"CLBlastSGemmTempBufferSize", (function *)room_size}, {"CLBlastDGemmTempBufferSize", (function *)room_size},
        {"CLBlastClearCache", (function *)clear_cache},       {"clCreateBuffer", (function *)create_buffer},
    };
    if (now.old && strcmp(name, "CLBlastClearCache") == 0)
        return NULL;
    return or_own(object == &clblast ? NULL : dlsym(object, name), name, names, sizeof names / sizeof *names);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------------ */

static int begin(void **state)
{
    (void)state;
    memset(&now, 0, sizeof now);
    memset(&did, 0, sizeof did);
    now.copies = INFINITY;
    now.buffers = now.host = ENDLESS;
    message[0] = line[0] = '\0';
    return setenv("NUMC_OPENCL_CLBLAST", "on", 1);
}

static void *opened(void)
{
    void *machine;
    assert_int_equal(opencl->open(&host, 0, &machine), NUMC_OK);
    return machine;
}

/* Two by three by four float64 numbers in new memory. */
typedef struct small {
    numc_gpu_product product;
    void *machine, *memory[3];
} small;

static small make(void *machine)
{
    static const double numbers[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    small s = {.machine = machine};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(opencl->allocate(machine, sizeof numbers, &s.memory[i]), NUMC_OK);
        assert_int_equal(opencl->upload(machine, s.memory[i], 0, numbers, sizeof numbers), NUMC_OK);
    }
    s.product = (numc_gpu_product){NUMC_FLOAT64, 0, 0, 0, 2, 3, 4, 1, {s.memory[0], 0, 4, 0}, {s.memory[1], 0, 3, 0}, {s.memory[2], 0, 3, 0}};
    return s;
}

static int32_t product(small *s)
{
    uint64_t bytes = 0;
    void *room = NULL;
    int32_t status = opencl->gemm_room(s->machine, &s->product, &bytes);
    if (status == NUMC_OK && bytes > 0)
        status = opencl->allocate(s->machine, bytes, &room);
    if (status == NUMC_OK)
        status = opencl->gemm(s->machine, &s->product, room);
    if (room != NULL)
        opencl->free(s->machine, room);
    return status;
}

static void is_right(small *s)
{
    static const double expected[6] = {70, 80, 90, 158, 184, 210};
    double got[6];
    assert_int_equal(opencl->download(s->machine, s->memory[2], 0, got, sizeof got), NUMC_OK);
    for (int i = 0; i < 6; i++)
        assert_true(got[i] == expected[i]);
}

static void end(small *s)
{
    for (int i = 0; i < 3; i++)
        opencl->free(s->machine, s->memory[i]);
    opencl->close(s->machine);
    assert_int_equal(did.blocks, 0);
}

/* float32 and float64, every transpose, with and without accumulation; offsets, rows longer than they need be, a batch, one with one a for all. */
static void products_are_row_major(void **state)
{
    (void)state;
    enum { M = 3, N = 5, K = 4, BATCH = 2, ROOM = 2, MOST = 64 };
    void *machine = opened(), *memory[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(opencl->allocate(machine, MOST * 8, &memory[i]), NUMC_OK);
    for (int which = 0; which < 2; which++)
        for (uint32_t turn = 0; turn < 16; turn++) {
            const uint32_t ta = turn & 1, tb = (turn >> 1) & 1, accumulate = (turn >> 2) & 1;
            const size_t a_row = (ta ? M : K) + ROOM, b_row = (tb ? K : N) + ROOM, c_row = N + ROOM;
            const size_t steps[3] = {(turn & 8) != 0 ? 0 : (ta ? K : M) * a_row, (tb ? N : K) * b_row, M * c_row};
            double before[3][MOST];
            char bytes[MOST * 8];
            for (int i = 0; i < 3; i++) {
                for (int e = 0; e < MOST; e++) {
                    before[i][e] = (e * 7 + i * 3) % 11 - 5; /* exact in float32 */
                    set(which == 1, bytes, (size_t)e, before[i][e]);
                }
                assert_int_equal(opencl->upload(machine, memory[i], 0, bytes, sizeof bytes), NUMC_OK);
            }
            const numc_gpu_product p = {which == 1 ? NUMC_FLOAT64 : NUMC_FLOAT32, ta, tb, accumulate, M, N, K, BATCH,
                                        {memory[0], 1, (int64_t)a_row, (int64_t)steps[0]}, {memory[1], 2, (int64_t)b_row, (int64_t)steps[1]},
                                        {memory[2], 3, (int64_t)c_row, (int64_t)steps[2]}};
            uint64_t room = 1;
            assert_int_equal(opencl->gemm_room(machine, &p, &room), NUMC_OK);
            assert_int_equal(room, 0);
            assert_int_equal(opencl->gemm(machine, &p, NULL), NUMC_OK);
            assert_int_equal(opencl->download(machine, memory[2], 0, bytes, sizeof bytes), NUMC_OK);
            for (size_t s = 0; s < BATCH; s++)
                for (size_t i = 0; i < M; i++)
                    for (size_t j = 0; j < N; j++) {
                        const size_t at = 3 + s * steps[2] + i * c_row + j;
                        double expected = accumulate ? before[2][at] : 0;
                        for (size_t k = 0; k < K; k++)
                            expected += before[0][1 + s * steps[0] + (ta ? k * a_row + i : i * a_row + k)] *
                                        before[1][2 + s * steps[1] + (tb ? j * b_row + k : k * b_row + j)];
                        assert_true(element(which == 1, bytes, at) == expected);
                    }
        }
    assert_int_equal(did.products, 2 * 16 * BATCH + 2 * 4 * 2); /* and trials */
    for (int i = 0; i < 3; i++)
        opencl->free(machine, memory[i]);
    opencl->close(machine);
    assert_int_equal(did.cleared, 1);
    assert_int_equal(did.lines, 1); /* that it is there */
    assert_int_equal(did.blocks, 0);
}

/* A library that is not there, or not wanted, or too small a product: UNSUPPORTED, said once or not at all. */
static void own_kernels_do_the_rest(void **state)
{
    (void)state;
    static const char *const reasons[] = {"CLBlast cannot be opened: ", "lacks CLBlastClearCache", "", "", ""};
    for (int i = 0; i < 5; i++) {
        did.lines = did.opened = 0;
        now.missing = i == 0;
        now.old = i == 1;
        assert_int_equal(i == 2 ? setenv("NUMC_OPENCL_CLBLAST", "off", 1) : i == 3 ? unsetenv("NUMC_OPENCL_CLBLAST") : 0, 0);
        if (i == 4)
            assert_int_equal(setenv("NUMC_OPENCL_CLBLAST", "", 1), 0);
        small s = make(opened());
        for (int k = 0; k < 2; k++)
            assert_int_equal(product(&s), NUMC_UNSUPPORTED);
        assert_int_equal(did.opened, i < 2 ? 1 : 0);
        assert_int_equal(did.lines, i < 2 ? 1 : 0);
        if (i < 2) {
            holds(line, reasons[i]);
            holds(line, "own kernels are used instead");
        }
        end(&s);
        assert_int_equal(did.cleared, 0);
    }
    assert_int_equal(setenv("NUMC_OPENCL_CLBLAST", "on", 1), 0);
    small s = make(opened());
    const numc_gpu_product good = s.product;
    static const uint32_t dtypes[] = {NUMC_INT32, NUMC_COMPLEX64, NUMC_COMPLEX128};
    for (int i = 0; i < 3; i++) {
        s.product.dtype = dtypes[i];
        assert_int_equal(product(&s), NUMC_UNSUPPORTED);
    }
    s.product = good;
    s.product.b.offset = INT32_MAX; /* no index for CLBlast's kernels */
    assert_int_equal(product(&s), NUMC_UNSUPPORTED);
    s.product = good;
    s.product.c.step = INT32_MAX / 2;
    s.product.count = 3;
    assert_int_equal(product(&s), NUMC_UNSUPPORTED);
    s.product = good;
    s.product.k = 0;
    assert_int_equal(product(&s), NUMC_UNSUPPORTED);
    assert_int_equal(did.opened, 0);
    end(&s);
}

/* Without a wish: by size, and on a processor by the number of its units. */
static void large_products_are_its_own(void **state)
{
    (void)state;
    numc_gpu_facts facts;
    assert_int_equal(unsetenv("NUMC_OPENCL_CLBLAST"), 0);
    assert_int_equal(opencl->device_facts(&host, 0, &facts), NUMC_OK);
    const double least = facts.serial ? 1073741824.0 * facts.units : 16777216.0;
    small s = make(opened());
    for (int larger = 0; larger < 2; larger++) {
        const int64_t side = 256, inner = (int64_t)(least / (double)(side * side)) - 1 + larger;
        uint64_t bytes = 0;
        s.product.m = s.product.n = s.product.b.row = s.product.c.row = side; /* nothing is multiplied yet but the trial */
        s.product.k = s.product.a.row = inner;
        assert_int_equal(opencl->gemm_room(s.machine, &s.product, &bytes), larger ? NUMC_OK : NUMC_UNSUPPORTED);
        assert_int_equal(did.opened, larger);
    }
    end(&s);
}

/* A device that has no float64, or is told so, is not asked for it. */
static void float64_only_where_it_is(void **state)
{
    (void)state;
    assert_int_equal(setenv("NUMC_OPENCL_FLOAT64", "0", 1), 0);
    small s = make(opened());
    assert_int_equal(product(&s), NUMC_UNSUPPORTED);
    end(&s);
    assert_int_equal(unsetenv("NUMC_OPENCL_FLOAT64"), 0);
}

/* What fails its trial is refused with its reason, once; other kinds go on, and devices opened later try again. */
static void what_fails_its_trial_is_not_used(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        did.lines = did.products = 0;
        now.leaks = i == 0;
        now.strays = i == 1;
        now.code = i == 2 ? CL_BUILD_PROGRAM_FAILURE : 0;
        small s = make(opened());
        for (int k = 0; k < 2; k++) {
            assert_int_equal(product(&s), NUMC_UNSUPPORTED);
            assert_int_equal(did.lines, 2);
            assert_int_equal(did.products, i == 2 ? 0 : 2);
        }
        holds(line, "CLBlast is not used for float64 matrices on ");
        holds(line, i == 2 ? "a trial answers -11; own kernels are used instead" : "a trial came out wrong; own kernels are used instead");
        now.leaks = now.strays = false;
        now.code = 0;
        s.product.transpose_b = 1;
        s.product.b.row = 4;
        assert_int_equal(product(&s), NUMC_OK);
        end(&s);
        s = make(opened());
        assert_int_equal(product(&s), NUMC_OK);
        is_right(&s);
        end(&s);
    }
}

/* Products on copies have a trial of their own, of a size that makes copies too. */
static void copies_are_another_kind(void **state)
{
    (void)state;
    small s = make(opened());
    assert_int_equal(product(&s), NUMC_OK);
    assert_int_equal(did.products, 3);
    now.copies = 1;
    s.product.a.offset = 1; /* which asks for room */
    s.product.k = 3;
    assert_int_equal(product(&s), NUMC_OK);
    assert_int_equal(did.products, 6);
    end(&s);
    now.copies = 1e6; /* the fourth of the sizes that are tried: 123 x 121 x 119 */
    s = make(opened());
    void *large[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(opencl->allocate(s.machine, 101 * 101 * 8, &large[i]), NUMC_OK);
    const numc_gpu_product good = s.product;
    s.product = (numc_gpu_product){NUMC_FLOAT64, 0, 0, 0, 101, 101, 101, 1, {large[0], 0, 101, 0}, {large[1], 0, 101, 0}, {large[2], 0, 101, 0}};
    uint64_t bytes = 1;
    did.products = 0;
    assert_int_equal(opencl->gemm_room(s.machine, &s.product, &bytes), NUMC_OK);
    assert_int_equal(bytes, 0); /* where all start their allocations */
    assert_int_equal(did.products, 2);
    s.product.a.offset = 1;
    s.product.m = 100;
    assert_int_equal(opencl->gemm_room(s.machine, &s.product, &bytes), NUMC_OK);
    assert_int_equal(bytes, 100 * 101);
    assert_int_equal(did.products, 2);
    now.copies = 1e12; /* nothing that is tried */
    s.product = good;
    s.product.dtype = NUMC_FLOAT32;
    assert_int_equal(product(&s), NUMC_OK);
    for (int i = 0; i < 3; i++)
        opencl->free(s.machine, large[i]);
    end(&s);
}

/* An error after the trial is the product's. */
static void later_errors_are_told(void **state)
{
    (void)state;
    static const struct {
        int code;
        int32_t status;
        const char *words;
    } cases[] = {
        {CL_MEM_OBJECT_ALLOCATION_FAILURE, NUMC_MEMORY, "CLBlast says memory object allocation failure (-4)"},
        {CL_OUT_OF_HOST_MEMORY, NUMC_MEMORY, "CLBlast says out of host memory (-6)"},
        {-2039, NUMC_BACKEND, "CLBlast says an exception that it did not expect (-2039)"},
        {-1011, NUMC_BACKEND, "CLBlast says error (-1011)"},
    };
    small s = make(opened());
    assert_int_equal(product(&s), NUMC_OK);
    is_right(&s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        now.code = cases[i].code;
        now.allowed = 0;
        assert_int_equal(product(&s), cases[i].status);
        holds(message, "matmul on ");
        holds(message, cases[i].words);
        now.code = 0;
        assert_int_equal(product(&s), NUMC_OK);
        is_right(&s);
    }
    end(&s);
}

/* The Nth buffer, the Nth allocation of the host, or CLBlast's own memory ends: an error, and a trial as good as new afterwards. */
static void memory_may_end_anywhere(void **state)
{
    (void)state;
    now.copies = 1;
    for (int what = 0; what < 3; what++) {
        int failed = 0;
        for (int granted = 0; granted < 12; granted++) {
            small s = make(opened());
            s.product.a.offset = 1; /* which asks for room */
            s.product.k = 3;
            now.buffers = what == 0 ? granted : ENDLESS;
            now.host = what == 1 ? granted : ENDLESS;
            now.code = what == 2 ? CL_MEM_OBJECT_ALLOCATION_FAILURE : 0;
            now.allowed = granted;
            const int32_t status = product(&s);
            failed += status != NUMC_OK;
            if (status != NUMC_OK && status != NUMC_MEMORY)
                fail_msg("%d, %d granted: status %d: %s", what, granted, (int)status, message);
            now.buffers = now.host = ENDLESS;
            now.code = 0;
            assert_int_equal(product(&s), NUMC_OK);
            s.product.a.offset = 0;
            s.product.k = 4;
            assert_int_equal(product(&s), NUMC_OK);
            is_right(&s);
            end(&s);
        }
        assert_int_equal(failed, what == 0 ? 5 : what == 1 ? 2 : 3); /* four matrices and room; numbers, sums; a trial's two, the product */
    }
}

/* Whatever the device: never two calls at once. */
static void *multiplies(void *user)
{
    small *s = user;
    for (int i = 0; i < 20; i++)
        if (product(s) != NUMC_OK)
            return s;
    return NULL;
}

static void one_call_at_a_time(void **state)
{
    (void)state;
    small s[2] = {make(opened()), make(opened())};
    pthread_t threads[2];
    void *answers[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, multiplies, &s[i]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], &answers[i]), 0);
        assert_null(answers[i]);
        is_right(&s[i]);
    }
    assert_int_equal(did.overlaps, 0);
    assert_int_equal(did.products, 44);
    opencl->close(s[1].machine);
    s[1].machine = opened();
    assert_int_equal(did.cleared, 1);
    assert_int_equal(product(&s[0]), NUMC_OK);
    is_right(&s[0]);
    for (int i = 0; i < 3; i++)
        opencl->free(s[0].machine, s[1].memory[i]);
    opencl->close(s[1].machine);
    assert_int_equal(did.cleared, 1); /* it asked for no product */
    end(&s[0]);
    assert_int_equal(did.cleared, 2);
}

int main(void)
{
    if (!has_device(&host))
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(products_are_row_major, begin),
        cmocka_unit_test_setup(own_kernels_do_the_rest, begin),
        cmocka_unit_test_setup(large_products_are_its_own, begin),
        cmocka_unit_test_setup(float64_only_where_it_is, begin),
        cmocka_unit_test_setup(what_fails_its_trial_is_not_used, begin),
        cmocka_unit_test_setup(copies_are_another_kind, begin),
        cmocka_unit_test_setup(later_errors_are_told, begin),
        cmocka_unit_test_setup(memory_may_end_anywhere, begin),
        cmocka_unit_test_setup(one_call_at_a_time, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
