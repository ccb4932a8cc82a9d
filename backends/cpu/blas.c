/* blas.c - finds OpenBLAS, a serial build first. A threaded one is told to use one thread, because the work is split over the
 * host's threads instead; the number it had is put back when the device is closed. NUMC_BLAS names a library by its path,
 * or is "off". The library is never unloaded: others in the process may use it, and some builds do not survive it. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas.h"

enum { UNKNOWN, PRESENT, ABSENT };

struct numc_cpu_blas {
    atomic_int state;
    pthread_mutex_t lock;
    numc_cpu_blas_functions functions;
    numc_cpu_complex_blas complex_functions[2]; /* by precision: single, double */
    numc_cpu_lapack lapack[4];                  /* in the order of dtypes, from float32 */
    bool has_complex, has_lapack;
    void (*set_threads)(int count);
    int threads_before; /* 0: nothing to put back */
};

int32_t numc_cpu_blas_new(numc_device *device)
{
    numc_cpu_blas *blas = numc_cpu_allocate(device->host, sizeof *blas);
    if (blas == NULL)
        return numc_cpu_fail(device->host, NUMC_MEMORY, "out of memory for a device");
    memset(blas, 0, sizeof *blas);
    atomic_init(&blas->state, UNKNOWN);
    if (pthread_mutex_init(&blas->lock, NULL) != 0) {
        numc_cpu_free(device->host, blas, sizeof *blas);
        return numc_cpu_fail(device->host, NUMC_MEMORY, "a lock could not be made");
    }
    device->blas = blas;
    return NUMC_OK;
}

void numc_cpu_blas_free(numc_device *device)
{
    numc_cpu_blas *blas = device->blas;
    if (blas == NULL)
        return;
    if (blas->threads_before > 0)
        blas->set_threads(blas->threads_before);
    (void)pthread_mutex_destroy(&blas->lock);
    numc_cpu_free(device->host, blas, sizeof *blas);
    device->blas = NULL;
}

/* A function pointer out of an object pointer, which ISO C has no conversion for. */
static bool find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool find_all(void *library, numc_cpu_blas_functions *f)
{
    return find(library, "cblas_dgemm", &f->dgemm) && find(library, "cblas_sgemm", &f->sgemm) &&
           find(library, "cblas_dtrsm", &f->dtrsm) && find(library, "cblas_strsm", &f->strsm) &&
           find(library, "dpotrf_", &f->dpotrf) && find(library, "spotrf_", &f->spotrf) &&
           find(library, "dgetrf_", &f->dgetrf) && find(library, "sgetrf_", &f->sgetrf);
}

/* LAPACK's name of a function for one of the precisions s, d, c, z. */
static bool find_lapack(void *library, char precision, const char *name, void *function)
{
    char full[16] = {precision};
    strncat(full, name, sizeof full - 3);
    strncat(full, "_", 2);
    return find(library, full, function);
}

static bool find_factorisations(void *library, numc_cpu_lapack *f, char precision)
{
    const bool real = precision == 's' || precision == 'd';
    return find_lapack(library, precision, "geqrf", &f->geqrf) &&
           find_lapack(library, precision, real ? "orgqr" : "ungqr", &f->orgqr) &&
           (real ? find_lapack(library, precision, "syevd", &f->syevd) : find_lapack(library, precision, "heevd", &f->heevd)) &&
           find_lapack(library, precision, "geev", real ? (void *)&f->real_geev : (void *)&f->complex_geev) &&
           find_lapack(library, precision, "gesdd", real ? (void *)&f->real_gesdd : (void *)&f->complex_gesdd);
}

static bool find_complex(void *library, numc_cpu_complex_blas *f, char precision)
{
    return find(library, precision == 'c' ? "cblas_cgemm" : "cblas_zgemm", &f->gemm) &&
           find(library, precision == 'c' ? "cblas_ctrsm" : "cblas_ztrsm", &f->trsm) &&
           find_lapack(library, precision, "potrf", &f->potrf) && find_lapack(library, precision, "getrf", &f->getrf);
}

static void *open_library(const char *named)
{
#if defined(__x86_64__)
#define TRIPLET "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define TRIPLET "aarch64-linux-gnu"
#else
#define TRIPLET "linux-gnu"
#endif
    static const char *const names[] = {
        "/usr/lib/" TRIPLET "/openblas-serial/libopenblas.so.0", /* Debian and its descendants */
        "libopenblas_serial.so.0",                               /* Fedora */
        "libopenblas.so.0",
        "libopenblas.so",
    };
    if (named != NULL)
        return strcmp(named, "off") == 0 ? NULL : dlopen(named, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (library != NULL)
            return library;
    }
    return NULL;
}

static int look(numc_device *device, numc_cpu_blas *blas)
{
    const numc_host *host = device->host;
    const char *named = secure_getenv("NUMC_BLAS");
    if (named != NULL && *named == '\0')
        named = NULL;
    void *library = open_library(named);
    numc_cpu_blas_functions functions;
    if (library == NULL || !find_all(library, &functions)) {
        const char *why = library == NULL ? dlerror() : "it lacks functions of OpenBLAS";
        const bool wrong = named != NULL && strcmp(named, "off") != 0;
        char line[512];
        (void)snprintf(line, sizeof line, "cpu: %s%.300s%sown loops do large products and factorisations",
                       wrong ? "NUMC_BLAS cannot be used: " : "no OpenBLAS; ", wrong && why != NULL ? why : "", wrong ? "; " : "");
        host->log(host->user, wrong ? NUMC_LOG_WARNING : NUMC_LOG_INFO, line);
        return ABSENT;
    }
    blas->functions = functions;
    blas->has_complex = find_complex(library, &blas->complex_functions[0], 'c') &&
                        find_complex(library, &blas->complex_functions[1], 'z');
    blas->has_lapack = true;
    for (size_t i = 0; i < 4; ++i)
        blas->has_lapack = find_factorisations(library, &blas->lapack[i], "sdcz"[i]) && blas->has_lapack;
    int (*parallel)(void);
    int (*get_threads)(void);
    if (find(library, "openblas_get_parallel", &parallel) && parallel() != 0 &&
        find(library, "openblas_get_num_threads", &get_threads) &&
        find(library, "openblas_set_num_threads", &blas->set_threads)) {
        const int before = get_threads();
        if (before > 1) {
            blas->set_threads(1);
            blas->threads_before = before;
        }
    }
    return PRESENT;
}

const numc_cpu_blas_functions *numc_cpu_blas_get(numc_device *device)
{
    numc_cpu_blas *blas = device->blas;
    int state = atomic_load_explicit(&blas->state, memory_order_acquire);
    if (state == UNKNOWN) {
        (void)pthread_mutex_lock(&blas->lock);
        state = atomic_load_explicit(&blas->state, memory_order_relaxed);
        if (state == UNKNOWN) {
            state = look(device, blas);
            atomic_store_explicit(&blas->state, state, memory_order_release);
        }
        (void)pthread_mutex_unlock(&blas->lock);
    }
    return state == PRESENT ? &blas->functions : NULL;
}

const numc_cpu_complex_blas *numc_cpu_complex_blas_get(numc_device *device, uint32_t dtype)
{
    return numc_cpu_blas_get(device) != NULL && device->blas->has_complex
               ? &device->blas->complex_functions[dtype == NUMC_COMPLEX128]
               : NULL;
}

const numc_cpu_lapack *numc_cpu_lapack_get(numc_device *device, uint32_t dtype)
{
    return numc_cpu_blas_get(device) != NULL && device->blas->has_lapack ? &device->blas->lapack[dtype - NUMC_FLOAT32] : NULL;
}
