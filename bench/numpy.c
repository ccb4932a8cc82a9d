/* numpy.c - NumPy in a child process: makes the same data, runs a Python expression so many times and says how long it took.
 * Lines of text over two pipes; no Python, or no NumPy in it, is an answer and not an error. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* Data as in array.c: element i of array number a is splitmix64 of a 2^32 + i, its upper 53 bits in [0, 1). */
static const char script[] =
    "import sys, time\n"
    "try:\n"
    "    import numpy as np\n"
    "except ImportError:\n"
    "    print('none', flush=True)\n"
    "    sys.exit(0)\n"
    "s, m = int(sys.argv[1]), int(sys.argv[2])\n"
    "n = s * s\n"
    "def uniform(number, count):\n"
    "    z = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(number << 32)\n"
    "    z = z * np.uint64(0x9e3779b97f4a7c15)\n"
    "    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)\n"
    "    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)\n"
    "    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53\n"
    "x, y = uniform(0, n) * 20 - 10, uniform(1, n) * 20 - 10\n"
    "p = uniform(2, n) * 100 + 0.001\n"
    "w = uniform(3, 2 * n)\n"
    "k, at, mask = (uniform(4, n) * 1000).astype(np.int64), (uniform(5, n) * n).astype(np.int64), uniform(6, n) < 0.5\n"
    "j = (uniform(7, n) * 1e15).astype(np.int64)\n"
    "xf, yf = x.astype(np.float32), y.astype(np.float32)\n"
    "A, B, row, column = x.reshape(s, s), y.reshape(s, s), x[:s], x[:s].reshape(s, 1)\n"
    "P, Q = uniform(8, m * m).reshape(m, m), uniform(9, m * m).reshape(m, m)\n"
    "def symmetric(z):\n"
    "    c = uniform(10, 1000 * z * z).reshape(1000, z, z)\n"
    "    return c + c.transpose(0, 2, 1) + np.eye(z) * (3.0 * z)\n"
    "S, V = [symmetric(z) for z in (4, 11, 32)], [uniform(11, 1000 * z).reshape(1000, z, 1) for z in (4, 11, 32)]\n"
    "x16, y16 = x[:16].copy(), y[:16].copy()\n"
    "core = getattr(np, '_core', None) or np.core\n"
    "features = getattr(core._multiarray_umath, '__cpu_features__', {})\n"
    "print(np.__version__, 'AVX512' if features.get('AVX512F') else 'plain', flush=True)\n"
    "clock, known = time.perf_counter_ns, {}\n"
    "for line in sys.stdin:\n"
    "    what, count, text = line.rstrip('\\n').split(' ', 2)\n"
    "    if what == 'probe':\n"
    "        r = eval(text)\n"
    "        r = np.ravel(r[0] if isinstance(r, tuple) else r)\n"
    "        print(r.size, *(float(r[i * r.size // 16]).hex() for i in range(16 if r.size else 0)), flush=True)\n"
    "        continue\n"
    "    if text not in known:\n"
    "        space = dict(globals())\n"
    "        exec('def run(count):\\n    if count > 1:\\n        ' + text + '\\n    start = clock()\\n    for _ in range(count):\\n        ' + text +\n"
    "             '\\n    return clock() - start', space)\n"
    "        known[text] = space['run']\n"
    "    print(known[text](int(count)), flush=True)\n";

struct bench_numpy {
    pid_t process;
    FILE *to, *from;
    char version[32];
    bool wide;
};

static bench_numpy *start(const char *python, int side, int product, int threads, bool narrow)
{
    int in[2], out[2]; /* closed in every child, so that each one meets the end of its own input */
    if (pipe2(in, O_CLOEXEC) != 0)
        return NULL;
    if (pipe2(out, O_CLOEXEC) != 0) {
        (void)close(in[0]), (void)close(in[1]);
        return NULL;
    }
    bench_numpy *n = calloc(1, sizeof *n);
    pid_t child = n == NULL ? -1 : fork();
    if (child == 0) {
        char sizes[2][16], count[16];
        (void)dup2(in[0], 0), (void)dup2(out[1], 1);
        snprintf(sizes[0], sizeof sizes[0], "%d", side);
        snprintf(sizes[1], sizeof sizes[1], "%d", product);
        snprintf(count, sizeof count, "%d", threads);
        setenv("OPENBLAS_NUM_THREADS", count, 1);
        setenv("OMP_NUM_THREADS", count, 1);
        if (narrow)
            setenv("NPY_DISABLE_CPU_FEATURES", "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL", 1);
        execlp(python, python, "-W", "ignore", "-c", script, sizes[0], sizes[1], (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]), (void)close(out[1]);
    if (child < 0) {
        (void)close(in[1]), (void)close(out[0]);
        free(n);
        return NULL;
    }
    n->process = child;
    n->to = fdopen(in[1], "w");
    n->from = fdopen(out[0], "r");
    char line[128], kind[16] = "";
    if (n->to == NULL || n->from == NULL || fgets(line, sizeof line, n->from) == NULL ||
        sscanf(line, "%31s %15s", n->version, kind) != 2) {
        bench_numpy_stop(n);
        return NULL;
    }
    n->wide = strcmp(kind, "AVX512") == 0;
    return n;
}

bench_numpy *bench_numpy_start(int side, int product, int threads, bool narrow)
{
    const char *named = getenv("NUMC_BENCH_PYTHON");
    const char *const pythons[] = {named, "python3", "/usr/bin/python3"};
    (void)signal(SIGPIPE, SIG_IGN);
    if (named != NULL && strcmp(named, "off") == 0)
        return NULL;
    for (size_t i = 0; i < sizeof pythons / sizeof pythons[0]; i++) {
        bench_numpy *n = pythons[i] == NULL || *pythons[i] == '\0' ? NULL : start(pythons[i], side, product, threads, narrow);
        if (n != NULL)
            return n;
    }
    return NULL;
}

void bench_numpy_stop(bench_numpy *n)
{
    if (n == NULL)
        return;
    if (n->to != NULL)
        (void)fclose(n->to);
    if (n->from != NULL)
        (void)fclose(n->from);
    (void)waitpid(n->process, NULL, 0);
    free(n);
}

const char *bench_numpy_version(const bench_numpy *n)
{
    return n->version;
}

bool bench_numpy_is_wide(const bench_numpy *n)
{
    return n->wide;
}

double bench_numpy_time(bench_numpy *n, const char *expression, int64_t count)
{
    double ns = 0.0;
    if (fprintf(n->to, "time %lld %s\n", (long long)count, expression) < 0 || fflush(n->to) != 0 ||
        fscanf(n->from, "%lf", &ns) != 1)
        return -1.0;
    return ns / (double)count;
}

bool bench_numpy_probe(bench_numpy *n, const char *expression, int64_t *size, double samples[16])
{
    long long elements = 0;
    if (fprintf(n->to, "probe 1 %s\n", expression) < 0 || fflush(n->to) != 0 || fscanf(n->from, "%lld", &elements) != 1)
        return false;
    *size = elements;
    for (int i = 0; i < 16 && elements > 0; i++)
        if (fscanf(n->from, "%la", &samples[i]) != 1)
            return false;
    return true;
}
