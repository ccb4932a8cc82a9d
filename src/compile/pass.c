/* pass.c - native code of X b, functions of its rows, and X^T r as one loop: a few rows at a time are multiplied, run through the
 * kernel and added to the sums while they are in the first-level cache. The bits are those of the three steps one after
 * another, since a row's product and what is added to a sum do not depend on how the rows are grouped. */
#include "compile/pass.h"

#include <string.h>

#include "backend/device.h"
#include "compile/matrix.h"

enum {
    GROUP_BYTES = 13 << 10, /* of X in a group of rows: with what else is read, no more than a first-level cache */
    FAR_GROUP_BYTES = 9 << 9, /* where X comes from memory: what it sends while functions run is little more than a page, and X^T r, which
                                 goes back to its first row, then meets the next group on its way. 1e6 rows of 20: 6.3 ms, with 13 KB 6.8;
                                 4e5 of 50: 5.8 and 8.3. From a cache, 10000 of 100: 0.21 and 0.18 */
    FAR_BYTES = 32 << 20,   /* of X: it comes from memory each time */
    GROUP_MOST = 40,        /* rows */
    MOST_COLUMNS = 2048     /* sums are kept on the stack meanwhile */
};

/* ---- which steps ------------------------------------------------------------------------------------------------------- */

static bool is_product(const numc_exec *exec, int32_t s)
{
    if (s >= exec->step_count || exec->steps[s].kind != NUMC_STEP_SLOT || exec->steps[s].primitive != NUMC_PRIMITIVE_MATMUL)
        return false;
    const numc_step *step = &exec->steps[s];
    const numc_slot_view *a = &step->inputs[0], *b = &step->inputs[1], *c = &step->outputs[0];
    return a->rank == 2 && (a->dtype == NUMC_FLOAT64 || a->dtype == NUMC_FLOAT32) && b->shape[1] == 1 && a->shape[0] > 1
           && a->shape[1] > 1 && b->strides[0] == 1 && c->strides[0] == 1 && a->shape[0] * a->shape[1] > 0;
}

/* X b: rows of X contiguous. */
static bool is_forward(const numc_exec *exec, int32_t s)
{
    if (!is_product(exec, s))
        return false;
    const numc_slot_view *a = &exec->steps[s].inputs[0];
    return a->strides[1] == 1 && a->strides[0] >= a->shape[1] && a->shape[1] <= MOST_COLUMNS;
}

/* X^T r */
static bool is_backward(const numc_exec *exec, int32_t s)
{
    if (!is_product(exec, s))
        return false;
    const numc_slot_view *a = &exec->steps[s].inputs[0];
    return a->strides[0] == 1 && a->strides[1] >= a->shape[0] && a->shape[0] <= MOST_COLUMNS;
}

static bool same_place(const numc_place *a, const numc_place *b)
{
    return a->kind == b->kind && (a->kind == NUMC_PLACE_REGION ? a->offset == b->offset : a->index == b->index);
}

static bool overlap(const numc_place *a, const numc_place *b)
{
    if (a->kind != NUMC_PLACE_REGION || b->kind != NUMC_PLACE_REGION)
        return a->kind == b->kind && a->index == b->index;
    return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* The top-level loop around node n, without loops in it; or node_count. */
static uint32_t loop_around(const numc_kernel_source *s, uint32_t n)
{
    for (uint32_t i = 0; i < s->node_count; i++) {
        bool loop = s->nodes[i].kind == NUMC_NODE_PARALLEL || s->nodes[i].kind == NUMC_NODE_REDUCE;
        if (!loop) {
            if (s->nodes[i].kind == NUMC_NODE_SEQUENTIAL || s->nodes[i].kind == NUMC_NODE_WHILE)
                i = (uint32_t)s->nodes[i].match;
            continue;
        }
        uint32_t end = (uint32_t)s->nodes[i].match;
        if (n > i && n < end) {
            for (uint32_t k = i + 1; k < end; k++)
                if (s->nodes[k].match >= 0)
                    return s->node_count;
            return i;
        }
        i = end;
    }
    return s->node_count;
}

/* The one access of the kernel to the memory of a value that a loop over `rows` steps through element by element; -1. Loads
 * elsewhere may look at what is stored, but nothing but the loop at what it loads. */
static int32_t find_access(const numc_exec *exec, const numc_step *step, const numc_slot_view *view, bool writes, int64_t rows,
                           uint32_t *loop)
{
    const numc_kernel_source *s = &step->source;
    const numc_place *place = &exec->places[view->value];
    int32_t found = -1;
    for (uint32_t a = 0; a < s->access_count; a++) {
        if (!overlap(place, &exec->places[step->access_values[a]]) || (writes && !s->accesses[a].writes))
            continue;
        if (found >= 0 || !same_place(place, &exec->places[step->access_values[a]]) || (s->accesses[a].writes != 0) != writes
            || s->accesses[a].dtype != (uint32_t)view->dtype)
            return -1;
        found = (int32_t)a;
    }
    if (found < 0 || view->offset != 0)
        return -1;
    int64_t start = place->kind == NUMC_PLACE_REGION ? (int64_t)(place->offset / numc_dtype_size(view->dtype)) : 0;
    const int64_t *strides = step->strides + (size_t)found * (s->depth + 1);
    uint32_t uses = 0;
    for (uint32_t n = 0; n < s->node_count; n++) {
        bool is_access = s->nodes[n].kind == NUMC_NODE_LOAD || s->nodes[n].kind == NUMC_NODE_STORE;
        if (!is_access || s->nodes[n].extent != found)
            continue;
        *loop = loop_around(s, n);
        uses++;
    }
    bool good = uses == 1 && *loop < s->node_count && step->extents[s->nodes[*loop].extent] == rows
                && s->nodes[*loop].operands[0] < 0 && step->offsets[found] == start && strides[0] == 1 && strides[s->depth] == 0;
    return good ? found : -1;
}

/* Nothing the kernel writes lies where the products still read. */
static bool reads_stay(const numc_exec *exec, const numc_step *kernel, const numc_step *product)
{
    for (int32_t k = 0; k < 2; k++) {
        const numc_place *place = &exec->places[product->inputs[k].value];
        for (uint32_t a = 0; a < kernel->source.access_count; a++)
            if (kernel->source.accesses[a].writes && overlap(place, &exec->places[kernel->access_values[a]]))
                return false;
    }
    return true;
}

static bool find_kernel(const numc_exec *exec, numc_pass *pass)
{
    const numc_step *kernel = &exec->steps[pass->kernel];
    uint32_t loop = 0;
    for (int32_t k = 0; k < pass->products; k++) {
        const numc_step *product = &exec->steps[pass->first + k];
        pass->loads[k] = find_access(exec, kernel, &product->outputs[0], false, pass->rows, &loop);
        if (pass->loads[k] < 0 || (k > 0 && loop != pass->loop) || !reads_stay(exec, kernel, product))
            return false;
        pass->loop = loop;
        for (int32_t j = 0; j < pass->products; j++) /* a product of another's result comes after it */
            for (int32_t i = 0; i < 2; i++)
                if (overlap(&exec->places[product->inputs[i].value], &exec->places[exec->steps[pass->first + j].outputs[0].value]))
                    return false;
    }
    return true;
}

static bool step_reads(const numc_step *step, int32_t value)
{
    for (int32_t k = 0; step->kind != NUMC_STEP_KERNEL && k < step->input_count; k++)
        if (step->inputs[k].value == value)
            return true;
    for (uint32_t a = 0; step->kind == NUMC_STEP_KERNEL && a < step->source.access_count; a++)
        if (step->access_values[a] == value && !step->source.accesses[a].writes)
            return true;
    return false;
}

static bool is_local(const numc_pass *pass, int32_t access)
{
    for (int32_t k = 0; k < pass->local_count; k++)
        if (pass->locals[k] == access)
            return true;
    return false;
}

/* The kernel loads it, or stores it where loads is false, at the access alone, and the pass alone reads it. */
static void find_local(const numc_exec *exec, numc_pass *pass, int32_t access, bool loads)
{
    const numc_step *kernel = &exec->steps[pass->kernel];
    int32_t value = kernel->access_values[access];
    bool local = !is_local(pass, access);
    for (uint32_t a = 0; a < kernel->source.access_count; a++)
        local = local && ((int32_t)a == access || kernel->access_values[a] != value);
    for (int32_t k = 0; k < exec->output_count; k++)
        local = local && exec->outputs[k] != value;
    for (int32_t s = 0; s < exec->step_count; s++)
        local = local && (s == pass->kernel || (!loads && s > pass->kernel && s <= pass->kernel + pass->sums)
                          || !step_reads(&exec->steps[s], value));
    if (local)
        pass->locals[pass->local_count++] = access;
}

bool numc__pass_find(const numc_exec *exec, int32_t s, numc_pass *pass)
{
    if (exec->device->info.ordered_products == 0 || !is_forward(exec, s))
        return false;
    *pass = (numc_pass){.first = s, .rows = exec->steps[s].inputs[0].shape[0]};
    while (pass->products < NUMC_PASS_MOST && is_forward(exec, s + pass->products)
           && exec->steps[s + pass->products].inputs[0].shape[0] == pass->rows)
        pass->products++;
    pass->kernel = s + pass->products;
    if (pass->kernel >= exec->step_count || exec->steps[pass->kernel].kind != NUMC_STEP_KERNEL || !find_kernel(exec, pass))
        return false;
    const numc_step *kernel = &exec->steps[pass->kernel];
    for (int32_t k = pass->kernel + 1; pass->sums < NUMC_PASS_MOST && is_backward(exec, k); k++) {
        const numc_step *sum = &exec->steps[k];
        uint32_t loop = 0;
        if (sum->inputs[0].shape[1] != pass->rows)
            break;
        int32_t access = find_access(exec, kernel, &sum->inputs[1], true, pass->rows, &loop);
        bool later = access >= 0 && loop == pass->loop;
        for (uint32_t a = 0; later && a < kernel->source.access_count; a++) /* X is read before the kernel ends */
            later = !kernel->source.accesses[a].writes
                    || !overlap(&exec->places[sum->inputs[0].value], &exec->places[kernel->access_values[a]]);
        for (int32_t j = pass->kernel + 1; later && j < k; j++)
            for (int32_t i = 0; i < 2; i++)
                later = later && !overlap(&exec->places[sum->inputs[i].value], &exec->places[exec->steps[j].outputs[0].value]);
        if (!later)
            break;
        pass->stores[pass->sums++] = access;
    }
    for (int32_t k = 0; k < pass->products; k++)
        find_local(exec, pass, pass->loads[k], true);
    for (int32_t k = 0; k < pass->sums; k++)
        find_local(exec, pass, pass->stores[k], false);
    return pass->sums > 0;
}

/* ---- text -------------------------------------------------------------------------------------------------------------- */

extern const char numc__pass_library[];

/* As src/kernel/matrix.h wants them. */
static const char tools[] = "#define INLINE static inline __attribute__((always_inline))\n"
                            "#define INDEPENDENT NUMC_E_INDEPENDENT\n"
                            "#define CONSTANT_SIZES\n"
                            "#ifdef __clang__\n"
                            "#define UNROLL _Pragma(\"clang loop unroll(full)\")\n"
                            "#define ROLL _Pragma(\"clang loop unroll(disable)\")\n"
                            "#else\n"
                            "#define UNROLL _Pragma(\"GCC unroll 16\")\n"
                            "#define ROLL _Pragma(\"GCC unroll 1\")\n"
                            "#endif\n"
                            "#ifdef __has_builtin\n"
                            "#if __has_builtin(__builtin_shufflevector)\n"
                            "#define SHUFFLE __builtin_shufflevector\n"
                            "#endif\n"
                            "#endif\n"
                            "#ifdef __AVX__\n"
                            "#define VECTOR_BYTES 32\n"
                            "#else\n"
                            "#define VECTOR_BYTES 16\n"
                            "#endif\n"
                            "#ifdef __AVX512F__\n"
                            "#define WIDE_BYTES 64\n"
                            "#else\n"
                            "#define WIDE_BYTES VECTOR_BYTES\n"
                            "#endif\n";

static uint32_t dtypes_of(const numc_exec *exec)
{
    uint32_t found = 0;
    numc_pass pass;
    for (int32_t s = 0; s < exec->step_count; s++) {
        if (numc__pass_find(exec, s, &pass))
            found |= exec->steps[s].inputs[0].dtype == NUMC_FLOAT64 ? 1 : 2;
        for (int b = 0; b < 2; b++)
            if (exec->steps[s].bodies[b] != NULL)
                found |= dtypes_of(exec->steps[s].bodies[b]);
    }
    return found;
}

void numc__pass_prologue(numc_text *text, const numc_exec *const *execs, int32_t count)
{
    static const struct {
        const char *type, *suffix, *root, *absolute;
        int bytes;
    } reals[] = {{"double", "float64", "sqrt", "fabs", 8}, {"float", "float32", "sqrtf", "fabsf", 4}};
    uint32_t matrices = 0, dtypes = 0;
    for (int32_t k = 0; k < count; k++) {
        matrices |= numc__matrix_dtypes(execs[k]);
        dtypes |= dtypes_of(execs[k]) | matrices;
    }
    if (dtypes == 0)
        return;
    numc__text_add(text, "%s", tools);
    for (int k = 0; k < 2; k++) {
        if ((dtypes >> k & 1) == 0)
            continue;
        numc__text_add(text, "typedef %s vector_%s __attribute__((vector_size(VECTOR_BYTES)));\n#define T %s\n#define V vector_%s\n"
                             "#define NAME(x) numc_e_##x##_%s\n#define LANES (VECTOR_BYTES / %d)\n",
                       reals[k].type, reals[k].suffix, reals[k].type, reals[k].suffix, reals[k].suffix, reals[k].bytes);
        numc__text_add(text, "%s", numc__pass_library);
        if ((matrices >> k & 1) != 0) {
            numc__text_add(text, "#define SQUARE_ROOT(x) __builtin_%s(x)\n#define ABSOLUTE(x) __builtin_%s(x)\n", reals[k].root, reals[k].absolute);
            numc__text_add(text, "%s#undef SQUARE_ROOT\n#undef ABSOLUTE\n", numc__matrix_library);
        }
        numc__text_add(text, "#undef T\n#undef V\n#undef NAME\n#undef LANES\n");
    }
}

/* runs: of the exec in one run of the program; a lent matrix is another part of X in each. */
static int64_t group_of(const numc_exec *exec, const numc_pass *pass, double runs)
{
    const numc_slot_view *x = &exec->steps[pass->first].inputs[0];
    int64_t row = x->shape[1] * (int64_t)numc_dtype_size(x->dtype);
    double bytes = (double)x->shape[0] * (double)row * (numc__native_lent(exec, x->value) < 0 ? 1.0 : runs);
    int64_t rows = (bytes > FAR_BYTES ? FAR_GROUP_BYTES : GROUP_BYTES) / row & ~(int64_t)7;
    return rows < 8 ? 8 : rows > GROUP_MOST ? GROUP_MOST : rows;
}

static const char *name_of(const numc_slot_view *view)
{
    return numc_dtype_name(view->dtype);
}

/* A matrix that does not come by blocks of rows lies in a second-level cache. */
static bool is_near(const numc_exec *exec, const numc_slot_view *x)
{
    return numc__native_lent(exec, x->value) < 0;
}

/* Where X b of the rows from `row` (text) on goes: what the loop does not read from an array of the group's it reads through a pointer. */
static void product_at(char to[40], const numc_pass *pass, const numc_slot_view *x, int32_t k, const char *row)
{
    if (is_local(pass, pass->loads[k]))
        (void)numc__format(to, 40, "g%d", (int)pass->loads[k]);
    else
        (void)numc__format(to, 40, "(numc_e_%s *)p%d + %s", name_of(x), (int)pass->loads[k], row);
}

/* One narrow matrix in a cache, multiplied once and summed once: its sums go beside the next group's products. */
static bool is_beside(const numc_exec *exec, const numc_pass *pass)
{
    enum { MOST_BYTES = 256 }; /* of a row: eight vectors of sums */
    const numc_slot_view *x = &exec->steps[pass->first].inputs[0], *y = &exec->steps[pass->kernel + 1].inputs[0];
    return pass->products == 1 && pass->sums == 1 && x->value == y->value && x->offset == y->offset && x->strides[0] == y->strides[1]
           && is_near(exec, x) && x->shape[1] * (int64_t)numc_dtype_size(x->dtype) <= MOST_BYTES;
}

bool numc__pass_kernel(numc_text *text, const numc_exec *exec, const numc_pass *pass, double runs, const char *name,
                       const numc_kernel_arguments *arguments)
{
    const int64_t group = group_of(exec, pass, runs);
    const bool beside = is_beside(exec, pass);
    enum { PARAMETERS, DECLARATIONS, BEFORE, AFTER, PARTS };
    numc_text parts[PARTS];
    char to[40], from[40];
    for (int k = 0; k < PARTS; k++)
        numc__text_begin(&parts[k], exec->arena.core);
    for (int32_t k = 0; k < pass->local_count; k++) {
        const numc_kernel_access *access = &exec->steps[pass->kernel].source.accesses[pass->locals[k]];
        numc__text_add(&parts[DECLARATIONS], "    _Alignas(64) numc_e_%s g%d[%lld];\n", numc_dtype_name((numc_dtype)access->dtype),
                       (int)pass->locals[k], (long long)group);
    }
    for (int32_t k = 0; k < pass->products; k++) {
        const numc_slot_view *x = &exec->steps[pass->first + k].inputs[0];
        long long row = x->strides[0];
        product_at(to, pass, x, k, "first");
        numc__text_add(&parts[PARAMETERS], ", const numc_e_%s *x%d, const numc_e_%s *b%d", name_of(x), (int)k, name_of(x), (int)k);
        numc__text_add(&parts[BEFORE], "    %snumc_e_rows_%s(last - first, %lldll, x%d + first * %lldll, %lldll, b%d, %s);\n",
                       beside ? "if (first == 0)\n        " : "", name_of(x), (long long)x->shape[1], (int)k, row, row, (int)k, to);
    }
    for (int32_t k = 0; k < pass->sums; k++) {
        const numc_slot_view *x = &exec->steps[pass->kernel + 1 + k].inputs[0];
        long long row = x->strides[1], columns = x->shape[0];
        numc__text_add(&parts[PARAMETERS], ", const numc_e_%s *y%d, numc_e_%s *restrict s%d", name_of(x), (int)k, name_of(x), (int)k);
        (void)numc__format(from, sizeof from, is_local(pass, pass->stores[k]) ? "g%d" : "p%d + first", (int)pass->stores[k]);
        if (beside) {
            product_at(to, pass, x, 0, "last");
            numc__text_add(&parts[AFTER], "    numc_e_both_%s(last - first, %lldll - last < %lldll ? %lldll - last : %lldll, %lldll, y0 + first * %lldll, "
                           "%lldll, %s, s0, b0, %s);\n", name_of(x), (long long)pass->rows, (long long)group, (long long)pass->rows, (long long)group,
                           columns, row, row, from, to);
        } else {
            numc__text_add(&parts[AFTER], "    numc_e_columns_%s(%d, last - first, %lldll, y%d + first * %lldll, %lldll, %s, s%d);\n", name_of(x),
                           is_near(exec, x), columns, (int)k, row, row, from, (int)k);
        }
    }
    const numc_kernel_groups groups = {pass->loop, group, parts[PARAMETERS].data, parts[DECLARATIONS].data, parts[BEFORE].data, parts[AFTER].data,
                                       pass->locals, pass->local_count};
    bool good = true;
    for (int k = 0; k < PARTS; k++)
        good = good && !parts[k].failed;
    good = good && numc__kernel_text(text, &exec->steps[pass->kernel].source, NUMC_DIALECT_C, name, arguments, &groups);
    for (int k = 0; k < PARTS; k++) {
        text->failed = text->failed || parts[k].failed;
        numc__text_end(&parts[k]);
    }
    return good;
}

void numc__pass_call(numc_text *text, const numc_exec *exec, const numc_pass *pass,
                     void (*add_kernel)(numc_text *text, const numc_exec *exec, int32_t step))
{
    numc__text_add(text, "    {\n");
    for (int32_t k = 0; k < pass->sums; k++) {
        const numc_slot_view *c = &exec->steps[pass->kernel + 1 + k].outputs[0];
        numc__text_add(text, "        numc_e_%s s%d[%lld] = {0};\n", name_of(c), (int)k, (long long)c->shape[0]);
    }
    add_kernel(text, exec, pass->kernel);
    for (int32_t k = 0; k < pass->products; k++) {
        const numc_step *step = &exec->steps[pass->first + k];
        for (int i = 0; i < 2; i++) {
            numc__text_add(text, ", (const numc_e_%s *)(", name_of(&step->inputs[i]));
            numc__native_view(text, exec, &step->inputs[i]);
            numc__text_add(text, ")");
        }
    }
    for (int32_t k = 0; k < pass->sums; k++) {
        const numc_step *step = &exec->steps[pass->kernel + 1 + k];
        numc__text_add(text, ", (const numc_e_%s *)(", name_of(&step->inputs[0]));
        numc__native_view(text, exec, &step->inputs[0]);
        numc__text_add(text, "), s%d", (int)k);
    }
    numc__text_add(text, ");\n");
    for (int32_t k = 0; k < pass->sums; k++) {
        const numc_slot_view *c = &exec->steps[pass->kernel + 1 + k].outputs[0];
        numc__text_add(text, "        memcpy(");
        numc__native_view(text, exec, c);
        numc__text_add(text, ", s%d, sizeof s%d);\n", (int)k, (int)k);
    }
    numc__text_add(text, "    }\n");
}
