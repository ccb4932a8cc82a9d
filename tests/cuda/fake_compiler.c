/* fake_compiler.c - a stand-in for NVRTC: compiles CUDA C as C++ for the host, with this machine's compiler (FAKE_CUDA_CXX), so that
 * the stand-in driver can run it. The text goes through the preprocessor first, since only then all kernels can be seen; for each
 * a function is added that calls it with parameters from memory.
 *
 * Where FAKE_CUDA_NVRTC names the real NVRTC, each text goes through that as well, for sm_80 and sm_90, and what it refuses is refused;
 * FAKE_CUDA_COMPILED is a file that gets a byte for each. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { OK = 0, OUT_OF_MEMORY = 1, INVALID_PROGRAM = 4, INVALID_OPTION = 5, COMPILATION = 6 };

typedef struct program {
    char *text, *log, *code;
    size_t log_size, code_size;
    bool binary;
} program;

static const char before[] =
    "#define __CUDACC_RTC__ 1\n"
    "#define __global__ FAKE_KERNEL\n#define __device__\n#define __host__\n#define __forceinline__ inline\n#define __noinline__\n"
    "#define __constant__\n#define __shared__ static\n#define __launch_bounds__(...)\n#define __restrict__ __restrict\n"
    "#include <math.h>\n#include <string.h>\n"
    "struct fake_dimensions { unsigned int x, y, z; };\n"
    "struct fake_all { fake_dimensions grid, block, group, item; void (*barrier)(void); };\n"
    "extern \"C\" __attribute__((visibility(\"default\"))) fake_all fake_indices;\nfake_all fake_indices;\n"
    "#define gridDim fake_indices.grid\n#define blockDim fake_indices.block\n#define blockIdx fake_indices.group\n"
    "#define threadIdx fake_indices.item\n#define __syncthreads() fake_indices.barrier()\n"
    "static inline long long __double_as_longlong(double x) { long long y; memcpy(&y, &x, 8); return y; }\n"
    "static inline double __longlong_as_double(long long x) { double y; memcpy(&y, &x, 8); return y; }\n"
    "static inline unsigned int __float_as_uint(float x) { unsigned int y; memcpy(&y, &x, 4); return y; }\n"
    "static inline float __uint_as_float(unsigned int x) { float y; memcpy(&y, &x, 4); return y; }\n"
    "template <unsigned long... I> struct fake_list {};\n"
    "template <unsigned long N, unsigned long... I> struct fake_make : fake_make<N - 1, N - 1, I...> {};\n"
    "template <unsigned long... I> struct fake_make<0, I...> { typedef fake_list<I...> type; };\n"
    "template <class... A, unsigned long... I> static void fake_call(void (*f)(A...), void **p, fake_list<I...>)\n"
    "{ (void)p; f(*(A *)p[I]...); }\n"
    "template <class... A> static void fake_run(void (*f)(A...), void **p)\n"
    "{ fake_call(f, p, typename fake_make<sizeof...(A)>::type()); }\n"
    "template <class... A> static int fake_sizes(void (*)(A...), unsigned long *sizes)\n"
    "{ const unsigned long all[] = {sizeof(A)..., 0}; memcpy(sizes, all, sizeof...(A) * sizeof *all); return (int)sizeof...(A); }\n";

static bool write_file(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    bool good = fwrite(text, 1, size, file) == size;
    return fclose(file) == 0 && good;
}

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    *size = 0;
    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        const long length = ftell(file);
        rewind(file);
        text = calloc(1, (size_t)length + 1);
        if (text != NULL)
            *size = fread(text, 1, (size_t)length, file);
    }
    (void)fclose(file);
    return text;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Blanks out the marks of kernels and writes a function for each to the end. */
static bool finish(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    static const char mark[] = "FAKE_KERNEL";
    char names[256][128];
    size_t count = 0;
    for (char *at = text; (at = strstr(at, mark)) != NULL; at++) {
        memset(at, ' ', sizeof mark - 1);
        const char *open = strchr(at, '(');
        const char *last = open;
        while (last != NULL && last > at && !is_word(last[-1]))
            last--;
        const char *first = last;
        while (first != NULL && first > at && is_word(first[-1]))
            first--;
        if (first != NULL && count < 256 && (size_t)(last - first) < sizeof names[0])
            (void)snprintf(names[count++], sizeof names[0], "%.*s", (int)(last - first), first);
    }
    (void)fwrite(text, 1, size, file);
    (void)fprintf(file, "\nextern \"C\" __attribute__((visibility(\"default\"))) const int fake_barriers = %d;\n",
                  strstr(text, "fake_indices.barrier()") != NULL);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(file,
                      "extern \"C\" __attribute__((visibility(\"default\"))) void fake_run_%s(void **p) { fake_run(&%s, p); }\n"
                      "extern \"C\" __attribute__((visibility(\"default\"))) int fake_sizes_%s(unsigned long *s) { return fake_sizes(&%s, s); }\n",
                      names[i], names[i], names[i], names[i]);
    return fclose(file) == 0;
}

/* The real one's answer; its log replaces p's where it refuses. */
static bool real_compiles(program *p, int count, const char *const *options)
{
    static const char *const targets[] = {"--gpu-architecture=sm_80", "--gpu-architecture=sm_90"};
    const char *path = getenv("FAKE_CUDA_NVRTC"), *told = getenv("FAKE_CUDA_COMPILED"), *all[16];
    if (path == NULL)
        return true;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int (*create)(void **, const char *, const char *, int, const char *const *, const char *const *);
    int (*compile)(void *, int, const char *const *), (*log_size)(void *, size_t *), (*get_log)(void *, char *), (*destroy)(void **);
    if (library == NULL || count > 16)
        return false;
#define FIND(name, symbol) \
    do { \
        void *found = dlsym(library, symbol); \
        if (found == NULL) \
            return false; \
        memcpy(&name, &found, sizeof found); \
    } while (0)
    FIND(create, "nvrtcCreateProgram");
    FIND(compile, "nvrtcCompileProgram");
    FIND(log_size, "nvrtcGetProgramLogSize");
    FIND(get_log, "nvrtcGetProgramLog");
    FIND(destroy, "nvrtcDestroyProgram");
    bool good = true;
    for (int t = 0; t < 2 && good; t++) {
        void *made = NULL;
        size_t size = 0;
        for (int i = 0; i < count; i++)
            all[i] = strncmp(options[i], "--gpu-architecture=", 19) == 0 ? targets[t] : options[i];
        good = create(&made, p->text, "numc.cu", 0, NULL, NULL) == 0 && compile(made, count, all) == 0;
        if (!good && made != NULL && log_size(made, &size) == 0 && size > 0) {
            free(p->log);
            p->log = calloc(1, size);
            p->log_size = size;
            if (p->log != NULL)
                (void)get_log(made, p->log);
        }
        if (made != NULL)
            (void)destroy(&made);
        FILE *file = good && told != NULL ? fopen(told, "ab") : NULL;
        if (file != NULL) {
            (void)fputc('.', file);
            (void)fclose(file);
        }
    }
    return good;
}

EXPORT int nvrtcVersion(int *major, int *minor)
{
    *major = 0;
    *minor = 1;
    return OK;
}

EXPORT const char *nvrtcGetErrorString(int result)
{
    return result == COMPILATION ? "NVRTC_ERROR_COMPILATION" : result == OUT_OF_MEMORY ? "NVRTC_ERROR_OUT_OF_MEMORY" : "NVRTC_ERROR";
}

EXPORT int nvrtcGetNumSupportedArchs(int *count)
{
    *count = 2;
    return OK;
}

EXPORT int nvrtcGetSupportedArchs(int *architectures)
{
    architectures[0] = 80;
    architectures[1] = 90;
    return OK;
}

EXPORT int nvrtcCreateProgram(void **made, const char *text, const char *name, int headers, const char *const *header_texts,
                              const char *const *header_names)
{
    (void)name;
    (void)header_texts;
    (void)header_names;
    program *p = headers == 0 ? calloc(1, sizeof *p) : NULL;
    if (p == NULL)
        return OUT_OF_MEMORY;
    p->text = strdup(text);
    *made = p;
    return OK;
}

EXPORT int nvrtcDestroyProgram(void **destroyed)
{
    program *p = *destroyed;
    free(p->text);
    free(p->log);
    free(p->code);
    free(p);
    *destroyed = NULL;
    return OK;
}

EXPORT int nvrtcCompileProgram(void *compiled, int count, const char *const *options)
{
    program *p = compiled;
    bool contracts = true, target = false;
    for (int i = 0; i < count; i++) {
        contracts = contracts && strcmp(options[i], "--fmad=false") != 0;
        target = target || strncmp(options[i], "--gpu-architecture=", 19) == 0;
        p->binary = p->binary || strncmp(options[i], "--gpu-architecture=sm_", 22) == 0;
    }
    const char *compiler = getenv("FAKE_CUDA_CXX");
    if (!real_compiles(p, count, options))
        return COMPILATION;
    char folder[] = "/tmp/fake-nvrtc-XXXXXX", source[64], middle[64], object[64], log[64], command[1024];
    if (contracts || !target || compiler == NULL || mkdtemp(folder) == NULL)
        return INVALID_OPTION;
    (void)snprintf(source, sizeof source, "%s/a.cpp", folder);
    (void)snprintf(middle, sizeof middle, "%s/b.cpp", folder);
    (void)snprintf(object, sizeof object, "%s/c.so", folder);
    (void)snprintf(log, sizeof log, "%s/log", folder);
    size_t size = sizeof before - 1 + strlen(p->text);
    char *whole = calloc(1, size + 1);
    if (whole == NULL)
        return OUT_OF_MEMORY;
    (void)snprintf(whole, size + 1, "%s%s", before, p->text);
    bool good = write_file(source, whole, size);
    free(whole);
    (void)snprintf(command, sizeof command, "%s -std=c++17 -E -P %s -o %s 2>%s", compiler, source, middle, log);
    good = good && system(command) == 0;
    char *text = good ? read_file(middle, &size) : NULL;
    good = text != NULL && finish(middle, text, size);
    free(text);
    (void)snprintf(command, sizeof command, "%s -std=c++17 -O1 -w -fPIC -shared -fvisibility=hidden -ffp-contract=off -fno-strict-aliasing %s -o %s 2>>%s",
                   compiler, middle, object, log);
    good = good && system(command) == 0;
    p->log = read_file(log, &p->log_size);
    p->log_size++; /* the zero belongs to it */
    p->code = good ? read_file(object, &p->code_size) : NULL;
    (void)remove(source);
    (void)remove(middle);
    (void)remove(object);
    (void)remove(log);
    (void)rmdir(folder);
    return p->code != NULL ? OK : COMPILATION;
}

EXPORT int nvrtcGetProgramLogSize(void *compiled, size_t *size)
{
    const program *p = compiled;
    *size = p->log != NULL ? p->log_size : 1;
    return OK;
}

EXPORT int nvrtcGetProgramLog(void *compiled, char *log)
{
    const program *p = compiled;
    if (p->log != NULL)
        memcpy(log, p->log, p->log_size);
    return OK;
}

/* The size where it is asked for, else the bytes. */
static int code_of(const program *p, bool binary, char *bytes, size_t *size)
{
    if (p->code == NULL || (binary && !p->binary)) /* as NVRTC: no device code for a virtual architecture */
        return INVALID_PROGRAM;
    const size_t whole = p->code_size + !binary; /* PTX is text: with its zero */
    if (size != NULL)
        *size = whole;
    else if (bytes != NULL)
        memcpy(bytes, p->code, whole);
    return OK;
}

EXPORT int nvrtcGetPTXSize(void *p, size_t *size)
{
    return code_of(p, false, NULL, size);
}

EXPORT int nvrtcGetPTX(void *p, char *bytes)
{
    return code_of(p, false, bytes, NULL);
}

EXPORT int nvrtcGetCUBINSize(void *p, size_t *size)
{
    return code_of(p, true, NULL, size);
}

EXPORT int nvrtcGetCUBIN(void *p, char *bytes)
{
    return code_of(p, true, bytes, NULL);
}
