/* test_fallback.c - what the host does for a minimal plugin: results as ref's, counted, logged once, refused when forbidden. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/failing.h"
#include "backend/build.h"
#include "backend/device.h"

static int logged;

static void count_lines(void *user, numc_log_level level, const char *line)
{
    (void)user;
    logged += level == NUMC_LOG_WARNING && strstr(line, "runs on the host") != NULL;
}

static numc_context *open_stub(const char *name, bool forbid, numc_backend_device **device)
{
    logged = 0;
    numc_context *context = numc_open(&(numc_options){
        .backend = name, .backend_path = getenv("NUMC_STUBS"), .log = count_lines, .forbid_fallback = forbid});
    *device = numc__device(context);
    if (*device == NULL)
        print_error("%s\n", numc_error_message(context));
    assert_non_null(*device);
    return context;
}

static uint64_t fallbacks(const numc_context *context)
{
    numc_statistics s;
    assert_int_equal(numc_statistics_get(context, &s), NUMC_OK);
    return s.fallbacks;
}

static void *upload(numc_backend_device *d, const void *host, size_t bytes)
{
    void *memory;
    assert_int_equal(d->table.memory_allocate(d->device, bytes, &memory), NUMC_OK);
    assert_int_equal(d->table.memory_upload(d->device, memory, 0, host, bytes), NUMC_OK);
    return memory;
}

static void optional_slots_run_on_the_host(void **state)
{
    (void)state;
    numc_backend_device *d;
    numc_context *context = open_stub("good", false, &d);
    const double x[6] = {3, 1, 2, -1, 5, 0};
    double sorted[6] = {0};
    int64_t order[6] = {0}, shape[2] = {2, 3}, strides[2] = {3, 1};
    void *mx = upload(d, x, sizeof x), *mv = upload(d, sorted, sizeof sorted), *mi = upload(d, order, sizeof order);
    numc_view vx = {mx, 0, NUMC_FLOAT64, 2, shape, strides}, vv = {mv, 0, NUMC_FLOAT64, 2, shape, strides};
    numc_view vi = {mi, 0, NUMC_INT64, 2, shape, strides};
    for (int round = 1; round <= 2; round++) {
        assert_int_equal(d->table.sort(d->device, &vx, 1, 0, &vv, &vi), NUMC_OK);
        assert_int_equal(fallbacks(context), round);
        assert_int_equal(logged, 1);
    }
    assert_int_equal(d->table.memory_download(d->device, mv, 0, sorted, sizeof sorted), NUMC_OK);
    assert_int_equal(d->table.memory_download(d->device, mi, 0, order, sizeof order), NUMC_OK);
    const double expected[6] = {1, 2, 3, -1, 0, 5};
    const int64_t expected_order[6] = {1, 2, 0, 0, 2, 1};
    assert_memory_equal(sorted, expected, sizeof expected);
    assert_memory_equal(order, expected_order, sizeof expected_order);
    assert_int_equal(d->table.sort(d->device, &vx, 1, 0, &vv, NULL), NUMC_OK); /* one output may be left out */
    assert_int_equal(d->table.cumulative(d->device, &vx, 1, NUMC_REDUCTION_SUM, 0, &vv), NUMC_OK);
    assert_int_equal(logged, 2);
    assert_int_equal(d->table.memory_download(d->device, mv, 0, sorted, sizeof sorted), NUMC_OK);
    assert_true(sorted[2] == 6.0 && sorted[5] == 4.0);
    d->table.memory_release(d->device, mx, sizeof x);
    d->table.memory_release(d->device, mv, sizeof sorted);
    d->table.memory_release(d->device, mi, sizeof order);
    numc_close(context);
}

/* [2 1; 1 2]: eigenvalues 1 and 3. Outputs that are not wanted are left out on the host too. */
static void factorisations_run_on_the_host(void **state)
{
    (void)state;
    numc_backend_device *d;
    numc_context *context = open_stub("good", false, &d);
    int64_t shape[2] = {2, 2}, strides[2] = {2, 1}, two[1] = {2}, one[1] = {1};
    const double a[4] = {2, 1, 1, 2}, nothing[8] = {0};
    void *ma = upload(d, a, sizeof a), *mq = upload(d, nothing, sizeof nothing), *mr = upload(d, nothing, sizeof nothing);
    void *ms = upload(d, nothing, sizeof nothing);
    numc_view va = {ma, 0, NUMC_FLOAT64, 2, shape, strides}, vq = {mq, 0, NUMC_FLOAT64, 2, shape, strides};
    numc_view vr = {mr, 0, NUMC_FLOAT64, 2, shape, strides}, vs = {ms, 0, NUMC_FLOAT64, 1, two, one};
    numc_view complex_values = {ms, 0, NUMC_COMPLEX128, 1, two, one}, complex_vectors = {mq, 0, NUMC_COMPLEX128, 2, shape, strides};
    double values[4], r[4];
    assert_int_equal(d->table.eigh(d->device, &va, &vs, NULL), NUMC_OK);
    assert_int_equal(d->table.memory_download(d->device, ms, 0, values, sizeof values), NUMC_OK);
    assert_true(fabs(values[0] - 1.0) < 1e-14 && fabs(values[1] - 3.0) < 1e-14); /* 20 eps of a norm of 3 */
    assert_int_equal(d->table.eigh(d->device, &va, &vs, &vq), NUMC_OK);
    assert_int_equal(d->table.svd(d->device, &va, NULL, &vs, NULL), NUMC_OK);
    assert_int_equal(d->table.svd(d->device, &va, &vq, &vs, &vr), NUMC_OK);
    assert_int_equal(d->table.memory_download(d->device, ms, 0, values, sizeof values), NUMC_OK);
    assert_true(fabs(values[0] - 3.0) < 1e-14 && fabs(values[1] - 1.0) < 1e-14);
    assert_int_equal(d->table.qr(d->device, &va, &vq, &vr), NUMC_OK);
    assert_int_equal(d->table.memory_download(d->device, mr, 0, r, sizeof r), NUMC_OK);
    assert_true(fabs(r[0] + sqrt(5.0)) < 1e-14 && r[2] == 0.0);
    assert_int_equal(d->table.eig(d->device, &va, &complex_values, &complex_vectors), NUMC_OK);
    assert_int_equal(d->table.memory_download(d->device, ms, 0, values, sizeof values), NUMC_OK);
    assert_true(fabs(values[0] + values[2] - 4.0) < 1e-14);
    assert_int_equal(fallbacks(context), 6);
    d->table.memory_release(d->device, ma, sizeof a);
    d->table.memory_release(d->device, mq, sizeof nothing);
    d->table.memory_release(d->device, mr, sizeof nothing);
    d->table.memory_release(d->device, ms, sizeof nothing);
    numc_close(context);
}

static void fourier_transforms_run_on_the_host(void **state)
{
    (void)state;
    numc_backend_device *d;
    numc_context *context = open_stub("good", false, &d);
    int64_t four[1] = {4}, three[1] = {3}, one[1] = {1};
    const double x[4] = {1, 2, 3, 4}, expected[6] = {10, 0, -2, 2, -2, 0};
    double y[6] = {0};
    void *mx = upload(d, x, sizeof x), *my = upload(d, y, sizeof y);
    numc_view vx = {mx, 0, NUMC_FLOAT64, 1, four, one}, vy = {my, 0, NUMC_COMPLEX128, 1, three, one};
    assert_int_equal(d->table.fft(d->device, &vx, 0, -1, &vy), NUMC_OK);
    assert_int_equal(d->table.memory_download(d->device, my, 0, y, sizeof y), NUMC_OK);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(y[i] - expected[i]) < 1e-14); /* 8 eps (log2 4 + 2) of a norm of 5 */
    assert_int_equal(fallbacks(context), 1);
    d->table.memory_release(d->device, mx, sizeof x);
    d->table.memory_release(d->device, my, sizeof y);
    numc_close(context);
}

static void a_slot_that_answers_unsupported_runs_on_the_host(void **state)
{
    (void)state;
    numc_backend_device *d;
    numc_context *context = open_stub("good", false, &d);
    int64_t shape[2] = {2, 2}, strides[2] = {2, 1};
    const double x[4] = {1, 2, 3, 4};
    const int32_t w[4] = {1, 2, 3, 4};
    void *mx = upload(d, x, sizeof x), *my = upload(d, x, sizeof x), *mw = upload(d, w, sizeof w), *mz = upload(d, w, sizeof w);
    numc_view vx = {mx, 0, NUMC_FLOAT64, 2, shape, strides}, vy = {my, 0, NUMC_FLOAT64, 2, shape, strides};
    numc_view vw = {mw, 0, NUMC_INT32, 2, shape, strides}, vz = {mz, 0, NUMC_INT32, 2, shape, strides};
    numc_matmul_options options = {.size = sizeof options};
    assert_int_equal(d->table.matmul(d->device, &vx, &vx, &vy, &options), NUMC_OK); /* the stub's own */
    assert_int_equal(fallbacks(context), 0);
    assert_int_equal(d->table.matmul(d->device, &vw, &vw, &vz, &options), NUMC_OK);
    assert_int_equal(fallbacks(context), 1);
    options.accumulate = 1;
    assert_int_equal(d->table.matmul(d->device, &vw, &vw, &vz, &options), NUMC_OK);
    int32_t z[4];
    assert_int_equal(d->table.memory_download(d->device, mz, 0, z, sizeof z), NUMC_OK);
    assert_int_equal(z[0], 14);
    assert_int_equal(z[3], 44);
    d->table.memory_release(d->device, mx, sizeof x);
    d->table.memory_release(d->device, my, sizeof x);
    d->table.memory_release(d->device, mw, sizeof w);
    d->table.memory_release(d->device, mz, sizeof w);
    numc_close(context);
}

/* y[i] = x[i]^2 + constant, through kernel_run and through a launch; fallbacks tells how often the host did it. */
static void square_plus(numc_context *context, numc_backend_device *d, uint64_t expected_fallbacks)
{
    enum { N = 5 };
    double x[N] = {1, 2, 3, 4, 5}, y[N] = {0}, constant = 0.5;
    int64_t n = N;
    uint64_t constants[1];
    memcpy(constants, &constant, 8);
    numc_build b;
    numc_build_begin(&b, 1);
    int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0), out = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    int32_t square = numc_build_f64(&b, NUMC_SCALAR_SQUARE, numc_build_load(&b, in, -1), -1);
    numc_build_store(&b, out, numc_build_f64(&b, NUMC_SCALAR_ADD, square, numc_build_constant(&b, NUMC_FLOAT64)), -1);
    numc_build_end(&b);
    void *buffers[2] = {upload(d, x, sizeof x), upload(d, y, sizeof y)}, *memory[2] = {buffers[0], buffers[1]};
    int64_t offsets[2] = {0, 0}, strides[4] = {1, 0, 1, 0};
    numc_kernel_arguments arguments = {buffers, &n, offsets, strides, constants};
    numc_kernel *kernel;
    numc_launch *launch;
    assert_int_equal(d->table.kernel_build(d->device, &b.source, &kernel), NUMC_OK);
    assert_int_equal(d->table.kernel_run(d->device, kernel, &arguments), NUMC_OK);
    assert_int_equal(d->table.launch_prepare(d->device, kernel, &arguments, &launch), NUMC_OK);
    buffers[0] = buffers[1] = NULL; /* a launch has copied its arguments */
    strides[0] = 77;
    constants[0] = 77;
    for (int i = 0; i < N; i++)
        x[i] *= 10;
    assert_int_equal(d->table.memory_upload(d->device, memory[0], 0, x, sizeof x), NUMC_OK);
    assert_int_equal(d->table.launch_run(d->device, launch), NUMC_OK);
    assert_int_equal(d->table.memory_download(d->device, memory[1], 0, y, sizeof y), NUMC_OK);
    for (int i = 0; i < N; i++)
        assert_true(y[i] == x[i] * x[i] + 0.5);
    assert_int_equal(fallbacks(context), expected_fallbacks);
    d->table.launch_release(d->device, launch);
    d->table.kernel_release(d->device, kernel);
    d->table.memory_release(d->device, memory[0], sizeof x);
    d->table.memory_release(d->device, memory[1], sizeof y);
}

static void a_plugin_without_launches_gets_them(void **state)
{
    (void)state;
    numc_backend_device *d;
    numc_context *context = open_stub("good", false, &d);
    assert_false(d->native_launch);
    square_plus(context, d, 0);
    numc_close(context);
    context = numc_open(&(numc_options){.backend = "ref"});
    d = numc__device(context);
    assert_true(d->native_launch);
    square_plus(context, d, 0);
    numc_close(context);
}

static void refused_kernels_run_on_the_host(void **state)
{
    (void)state;
    numc_backend_device *d;
    numc_context *context = open_stub("refuses", false, &d);
    square_plus(context, d, 2);
    assert_int_equal(logged, 1);
    numc_close(context);
}

static void forbidden_fallbacks_are_errors(void **state)
{
    (void)state;
    for (int by_environment = 0; by_environment < 2; by_environment++) {
        numc_backend_device *d;
        if (by_environment)
            setenv("NUMC_FALLBACK", "error", 1);
        numc_context *context = open_stub("refuses", !by_environment, &d);
        const double x[2] = {2, 1};
        int64_t shape[1] = {2}, strides[1] = {1};
        void *mx = upload(d, x, sizeof x), *my = upload(d, x, sizeof x);
        numc_view vx = {mx, 0, NUMC_FLOAT64, 1, shape, strides}, vy = {my, 0, NUMC_FLOAT64, 1, shape, strides};
        int32_t status = d->table.sort(d->device, &vx, 0, 0, &vy, NULL);
        assert_int_equal(status, NUMC_UNSUPPORTED);
        assert_int_equal(numc__device_check(context, status, "sort"), NUMC_UNSUPPORTED);
        assert_non_null(strstr(numc_error_message(context), "'refuses' lacks it"));
        assert_non_null(strstr(numc_error_message(context), "forbidden"));
        numc_build b;
        numc_kernel *kernel;
        numc_build_begin(&b, 1);
        assert_int_equal(d->table.kernel_build(d->device, &b.source, &kernel), NUMC_UNSUPPORTED);
        assert_int_equal(fallbacks(context), 0);
        d->table.memory_release(d->device, mx, sizeof x);
        d->table.memory_release(d->device, my, sizeof x);
        numc_close(context);
        unsetenv("NUMC_FALLBACK");
    }
}

static void what_nobody_has_is_unsupported(void **state)
{
    (void)state;
    numc_backend_device *d;
    numc_context *context = open_stub("good", false, &d);
    void *program = &d;
    assert_int_equal(d->table.program_build(d->device, NULL, &program), NUMC_UNSUPPORTED);
    assert_null(program);
    assert_int_equal(fallbacks(context), 0);
    numc_close(context);
}

typedef struct opener {
    numc_context *lane;
    numc_backend_device *device;
    pthread_t thread;
} opener;

static void *open_in_thread(void *user)
{
    opener *o = user;
    o->device = numc__device(o->lane);
    (void)o->device->host.error(o->device->host.user, NUMC_DEVICE, o->lane == NULL ? "" : "mine");
    return NULL;
}

static void threads_share_one_device_and_keep_their_messages(void **state)
{
    (void)state;
    enum { THREADS = 6 };
    numc_context *context = numc_open(&(numc_options){.backend = "good", .backend_path = getenv("NUMC_STUBS")});
    opener openers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        openers[i].lane = numc_lane(context);
        assert_int_equal(pthread_create(&openers[i].thread, NULL, open_in_thread, &openers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(openers[i].thread, NULL), 0);
        assert_ptr_equal(openers[i].device, openers[0].device);
    }
    assert_int_equal(numc__device_check(context, NUMC_DEVICE, "test"), NUMC_DEVICE);
    assert_null(strstr(numc_error_message(context), "mine")); /* others' messages are not this thread's */
    numc_close(context);
}

/* Whether a context can be used after an error is what the status says, and the message with it, whoever failed. */
static void errors_say_whether_the_context_can_be_used(void **state)
{
    (void)state;
    static const char lost[] = "the device is lost, and this context with it", usable[] = "; the context can still be used";
    static const struct {
        int32_t status;
        numc_status told;
        const char *said;
    } cases[] = {{NUMC_MEMORY, NUMC_MEMORY, usable}, {NUMC_BACKEND, NUMC_BACKEND, usable}, {NUMC_DEVICE, NUMC_DEVICE, lost},
                 {NUMC_UNSUPPORTED, NUMC_UNSUPPORTED, NULL}, {12345, NUMC_BACKEND, NULL}};
    numc_context *context = numc_open(&(numc_options){.backend = "good", .backend_path = getenv("NUMC_STUBS")});
    numc_backend_device *device = numc__device(context);
    assert_non_null(device);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int named = 0; named < 2; named++) { /* by the plugin, or not */
            if (named)
                (void)device->host.error(device->host.user, cases[i].status, "its own words");
            assert_int_equal(numc__device_check(context, cases[i].status, "test"), cases[i].told);
            const char *message = numc_error_message(context);
            assert_int_equal(strstr(message, "its own words") != NULL, named);
            assert_int_equal(strstr(message, lost) != NULL, cases[i].said == lost);
            assert_int_equal(strstr(message, usable) != NULL, cases[i].said == usable);
            numc_error_clear(context);
        }
    numc_close(context);
}

/* ---- one kernel, many threads ------------------------------------------------------------------------------------ */

typedef struct runner {
    numc_backend_device *device;
    numc_kernel *kernel;
    double x[64], y[64];
    int32_t status;
    pthread_t thread;
} runner;

static void *run_in_thread(void *user)
{
    runner *r = user;
    int64_t n = 64, offsets[2] = {0, 0}, strides[4] = {1, 0, 1, 0};
    void *buffers[2] = {r->x, r->y};
    numc_kernel_arguments arguments = {buffers, &n, offsets, strides, NULL};
    for (int round = 0; round < 50 && r->status == NUMC_OK; round++)
        r->status = r->device->table.kernel_run(r->device->device, r->kernel, &arguments);
    return NULL;
}

static void a_kernel_runs_in_several_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    static runner runners[THREADS];
    numc_context *context = numc_open(&(numc_options){.backend = "ref"});
    numc_backend_device *d = numc__device(context);
    numc_build b;
    numc_kernel *kernel;
    numc_build_begin(&b, 1);
    int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0), out = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_store(&b, out, numc_build_f64(&b, NUMC_SCALAR_SQUARE, numc_build_load(&b, in, -1), -1), -1);
    numc_build_end(&b);
    assert_int_equal(d->table.kernel_build(d->device, &b.source, &kernel), NUMC_OK);
    for (int t = 0; t < THREADS; t++) {
        runners[t].device = d;
        runners[t].kernel = kernel;
        for (int i = 0; i < 64; i++)
            runners[t].x[i] = t + i;
        assert_int_equal(pthread_create(&runners[t].thread, NULL, run_in_thread, &runners[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_join(runners[t].thread, NULL), 0);
        assert_int_equal(runners[t].status, NUMC_OK);
        for (int i = 0; i < 64; i++)
            assert_true(runners[t].y[i] == (double)(t + i) * (t + i));
    }
    d->table.kernel_release(d->device, kernel);
    numc_close(context);
}

/* ---- every allocation may fail ----------------------------------------------------------------------------------- */

/* A kernel with more registers than fit the stack of a run, as run and launch, then a sort, factorisations, then the
 * text of the kernel. */
static int32_t work(numc_backend_device *d)
{
    const numc_backend *t = &d->table;
    double x[4] = {2, 1, 4, 3};
    int64_t n = 4, shape[1] = {4}, strides[1] = {1}, access_strides[4] = {1, 0, 1, 0}, offsets[2] = {0, 0};
    void *memory[2] = {NULL, NULL};
    numc_kernel *kernel = NULL;
    numc_launch *launch = NULL;
    char *text = NULL;
    uint64_t text_size = 0;
    numc_build b;
    numc_build_begin(&b, 3);
    int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0), out = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    (void)numc_build_local(&b, NUMC_FLOAT64, 500);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_store(&b, out, numc_build_load(&b, in, -1), -1);
    numc_build_end(&b);
    int32_t status = NUMC_OK;
    for (int k = 0; k < 2 && status == NUMC_OK; k++) {
        status = t->memory_allocate(d->device, sizeof x, &memory[k]);
        if (status == NUMC_OK)
            status = t->memory_upload(d->device, memory[k], 0, x, sizeof x);
    }
    numc_kernel_arguments arguments = {memory, &n, offsets, access_strides, NULL};
    if (status == NUMC_OK)
        status = t->kernel_build(d->device, &b.source, &kernel);
    if (status == NUMC_OK)
        status = t->kernel_run(d->device, kernel, &arguments);
    if (status == NUMC_OK)
        status = t->launch_prepare(d->device, kernel, &arguments, &launch);
    if (status == NUMC_OK)
        status = t->launch_run(d->device, launch);
    numc_view vx = {memory[0], 0, NUMC_FLOAT64, 1, shape, strides}, vy = {memory[1], 0, NUMC_FLOAT64, 1, shape, strides};
    if (status == NUMC_OK)
        status = t->sort(d->device, &vx, 0, 0, &vy, NULL);
    int64_t square[2] = {2, 2}, square_strides[2] = {2, 1}, two[1] = {2}, point[2] = {1, 1};
    const numc_view a = {memory[0], 0, NUMC_FLOAT64, 2, square, square_strides}, s = {memory[1], 0, NUMC_FLOAT64, 1, two, strides};
    const numc_view z = {memory[1], 0, NUMC_COMPLEX128, 1, two, strides}, one = {memory[0], 0, NUMC_FLOAT64, 2, point, point};
    const numc_view q = {memory[1], 0, NUMC_FLOAT64, 2, point, point}, r = {memory[1], 1, NUMC_FLOAT64, 2, point, point};
    if (status == NUMC_OK)
        status = t->eigh(d->device, &a, &s, NULL);
    if (status == NUMC_OK)
        status = t->svd(d->device, &a, NULL, &s, NULL);
    if (status == NUMC_OK)
        status = t->eig(d->device, &a, &z, NULL);
    if (status == NUMC_OK)
        status = t->qr(d->device, &one, &q, &r);
    if (status == NUMC_OK)
        status = d->host.kernel_emit(d->host.user, &b.source, NUMC_DIALECT_C, "f", &text, &text_size);
    if (text != NULL)
        (void)d->host.allocate(d->host.user, text, text_size, 0);
    t->launch_release(d->device, launch);
    if (kernel != NULL)
        t->kernel_release(d->device, kernel);
    for (int k = 0; k < 2; k++)
        if (memory[k] != NULL)
            t->memory_release(d->device, memory[k], sizeof x);
    return status;
}

static void the_nth_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const backends[] = {"ref", "good", "refuses"};
    for (size_t k = 0; k < sizeof backends / sizeof *backends; k++)
        for (long n = 0;; n++) {
            failing f = failing_at(-1);
            numc_context *context = numc_open(&(numc_options){.backend = backends[k],
                                                              .backend_path = getenv("NUMC_STUBS"),
                                                              .allocate = failing_allocate,
                                                              .allocate_user = &f});
            numc_backend_device *d = numc__device(context);
            assert_non_null(d);
            f.fail_at = f.requests + n;
            int32_t status = work(d);
            bool failed = f.failed;
            assert_int_equal(status, failed ? NUMC_MEMORY : NUMC_OK);
            if (failed) {
                assert_int_equal(numc__device_check(context, status, "work"), NUMC_MEMORY);
                assert_non_null(strstr(numc_error_message(context), "memory"));
            }
            numc_close(context);
            assert_int_equal(f.blocks, 0);
            assert_int_equal(f.mistakes, 0);
            if (!failed)
                break;
            assert_true(n < 500);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optional_slots_run_on_the_host),
        cmocka_unit_test(factorisations_run_on_the_host),
        cmocka_unit_test(fourier_transforms_run_on_the_host),
        cmocka_unit_test(a_slot_that_answers_unsupported_runs_on_the_host),
        cmocka_unit_test(a_plugin_without_launches_gets_them),
        cmocka_unit_test(refused_kernels_run_on_the_host),
        cmocka_unit_test(forbidden_fallbacks_are_errors),
        cmocka_unit_test(what_nobody_has_is_unsupported),
        cmocka_unit_test(a_kernel_runs_in_several_threads),
        cmocka_unit_test(the_nth_allocation_may_fail),
        cmocka_unit_test(threads_share_one_device_and_keep_their_messages),
        cmocka_unit_test(errors_say_whether_the_context_can_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
