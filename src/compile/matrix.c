/* matrix.c - native code of products and factorisations of matrices to 32 x 32: functions of constant sizes and strides over the text of
 * src/kernel/matrix.h, instead of calls of the backend's slots. The bits are the slot's where the backend states its order of
 * summation. */
#include "compile/matrix.h"

#include <string.h>

#include "backend/device.h"
#include "compile/pass.h"

enum { MOST = 32, ORDERED = 2 }; /* rows, columns; of numc_device_info.ordered_products */

/* The last two axes of a view. */
typedef struct matrix {
    int64_t rows, columns, row, column;
} matrix;

static matrix matrix_of(const numc_slot_view *view)
{
    const int32_t batch = view->rank - 2;
    return (matrix){view->shape[batch], view->shape[batch + 1], view->strides[batch], view->strides[batch + 1]};
}

static bool is_small(const numc_slot_view *view)
{
    for (int32_t d = 0; d < view->rank; d++)
        if (view->shape[d] < 1)
            return false;
    return view->rank >= 2 && view->shape[view->rank - 2] <= MOST && view->shape[view->rank - 1] <= MOST;
}

bool numc__matrix_is_text(const numc_exec *exec, int32_t s)
{
    const numc_step *step = &exec->steps[s];
    if (exec->device->info.ordered_products < ORDERED || step->kind != NUMC_STEP_SLOT ||
        (step->primitive != NUMC_PRIMITIVE_MATMUL && step->primitive != NUMC_PRIMITIVE_CHOLESKY &&
         step->primitive != NUMC_PRIMITIVE_CHOLESKY_INVERSE && step->primitive != NUMC_PRIMITIVE_TRIANGULAR_SOLVE &&
         step->primitive != NUMC_PRIMITIVE_LU))
        return false;
    const numc_dtype dtype = step->inputs[0].dtype;
    bool small = dtype == NUMC_FLOAT64 || dtype == NUMC_FLOAT32;
    for (int32_t k = 0; k < step->input_count; k++)
        small = small && is_small(&step->inputs[k]);
    return small && is_small(&step->outputs[0]);
}

uint32_t numc__matrix_dtypes(const numc_exec *exec)
{
    uint32_t found = 0;
    for (int32_t s = 0; s < exec->step_count; s++) {
        if (numc__matrix_is_text(exec, s))
            found |= exec->steps[s].inputs[0].dtype == NUMC_FLOAT64 ? 1 : 2;
        for (int b = 0; b < 2; b++)
            if (exec->steps[s].bodies[b] != NULL)
                found |= numc__matrix_dtypes(exec->steps[s].bodies[b]);
    }
    return found;
}

/* ---- functions --------------------------------------------------------------------------------------------------------- */

static bool same_matrix(const numc_slot_view *a, const numc_slot_view *b)
{
    matrix x = matrix_of(a), y = matrix_of(b);
    return a->dtype == b->dtype && x.rows == y.rows && x.columns == y.columns && x.row == y.row && x.column == y.column;
}

/* The strides of a right-hand side are given at the call: it is copied, and the function, the dearest to compile, serves the more steps. */
static bool same_function(const numc_step *a, const numc_step *b)
{
    const bool solve = a->primitive == NUMC_PRIMITIVE_TRIANGULAR_SOLVE;
    if (a->primitive != b->primitive)
        return false;
    for (int32_t k = 0; k < (solve ? 1 : a->input_count); k++)
        if (!same_matrix(&a->inputs[k], &b->inputs[k]))
            return false;
    for (int32_t k = 0; k < (a->attributes == NULL ? 0 : a->attributes->count); k++)
        if (a->attributes->numbers[k] != b->attributes->numbers[k])
            return false;
    return same_matrix(&a->outputs[0], &b->outputs[0]);
}

/* The first step with the same function. */
static int32_t first_like(const numc_exec *exec, int32_t s)
{
    for (int32_t k = 0; k < s; k++)
        if (numc__matrix_is_text(exec, k) && same_function(&exec->steps[k], &exec->steps[s]))
            return k;
    return s;
}

/* As the backend finds its ways: a row of unit step is a column of the transposed product. */
static void add_product(numc_text *text, const numc_step *step, const char *type)
{
    matrix a = matrix_of(&step->inputs[0]), b = matrix_of(&step->inputs[1]), c = matrix_of(&step->outputs[0]);
    const char *left = "a", *right = "b";
    if ((b.columns == 1 && a.rows > 1 && a.row == 1 && c.row == 1) || (a.rows == 1 && b.columns > 1 && b.row == 1 && b.column != 1)) {
        matrix turned = {b.columns, b.rows, b.column, b.row};
        b = (matrix){a.columns, a.rows, a.column, a.row};
        a = turned;
        c = (matrix){c.columns, c.rows, c.column, c.row};
        left = "b";
        right = "a";
    }
    if (b.columns == 1 && a.column == 1 && (b.row == 1 || a.columns == 1))
        numc__text_add(text, "    numc_e_rows_%s(%lld, %lld, %s, %lldll, %s, x);\n", type, (long long)a.rows, (long long)a.columns, left,
                       (long long)a.row, right);
    else
        numc__text_add(text, "    numc_e_small_product_%s(%lld, %lld, %lld, %s, %lldll, %lldll, %s, %lldll, %lldll, x, %lld);\n", type,
                       (long long)a.rows, (long long)a.columns, (long long)b.columns, left, (long long)a.row, (long long)a.column, right,
                       (long long)b.row, (long long)b.column, (long long)c.row);
}

static void add_solve(numc_text *text, const numc_step *step, const char *type)
{
    matrix t = matrix_of(&step->inputs[0]), x = matrix_of(&step->outputs[0]);
    const int64_t *numbers = step->attributes->numbers; /* upper, transpose, unit */
    const bool turned = numbers[1] != 0;
    numc__text_add(text, "    numc_e_small_triangular_%s(%lld, %lld, a, %lldll, %lldll, b, row, column, x, %lld, %d, %d);\n", type,
                   (long long)x.rows, (long long)x.columns, (long long)(turned ? t.column : t.row), (long long)(turned ? t.row : t.column),
                   (long long)x.row, (numbers[0] != 0) != turned, numbers[2] != 0);
}

static void add_lu(numc_text *text, const numc_step *step, const char *type)
{
    matrix a = matrix_of(&step->inputs[0]), x = matrix_of(&step->outputs[0]);
    numc__text_add(text,
                   "    for (int64_t i = 0; i < %lld; i++)\n        for (int64_t j = 0; j < %lld; j++)\n"
                   "            x[i * %lld + j] = a[i * %lldll + j * %lldll];\n"
                   "    *sign = numc_e_factor_%s(%lld, %lld, x, %lld, order, 1);\n",
                   (long long)a.rows, (long long)a.columns, (long long)x.row, (long long)a.row, (long long)a.column, type,
                   (long long)a.rows, (long long)a.columns, (long long)x.row);
}

void numc__matrix_function(numc_text *text, const numc_exec *exec, int32_t s)
{
    const numc_step *step = &exec->steps[s];
    const char *type = numc_dtype_name(step->inputs[0].dtype);
    matrix a = matrix_of(&step->inputs[0]), x = matrix_of(&step->outputs[0]);
    if (first_like(exec, s) != s)
        return;
    numc__text_add(text, "static __attribute__((noinline)) void m%d_%d(const numc_e_%s *restrict a, ", (int)exec->number, (int)s, type);
    if (step->input_count > 1)
        numc__text_add(text, "const numc_e_%s *restrict b, ", type);
    numc__text_add(text, "numc_e_%s *restrict x", type);
    if (step->output_count > 1)
        numc__text_add(text, ", int32_t *restrict order, numc_e_%s *restrict sign", type);
    if (step->primitive == NUMC_PRIMITIVE_TRIANGULAR_SOLVE)
        numc__text_add(text, ", int64_t row, int64_t column");
    numc__text_add(text, ")\n{\n");
    switch (step->primitive) {
    case NUMC_PRIMITIVE_MATMUL: add_product(text, step, type); break;
    case NUMC_PRIMITIVE_TRIANGULAR_SOLVE: add_solve(text, step, type); break;
    case NUMC_PRIMITIVE_LU: add_lu(text, step, type); break;
    default:
        numc__text_add(text, "    numc_e_small_%s_%s(%lld, a, %lldll, %lldll, x, %lld);\n",
                       step->primitive == NUMC_PRIMITIVE_CHOLESKY ? "cholesky" : "inverse", type, (long long)a.rows, (long long)a.row,
                       (long long)a.column, (long long)x.row);
        break;
    }
    numc__text_add(text, "}\n");
}

static void add_argument(numc_text *text, const numc_exec *exec, const numc_slot_view *view, int32_t batch, const char *before)
{
    numc__text_add(text, "%s(numc_e_%s *)(", before, numc_dtype_name(view->dtype));
    numc__native_view(text, exec, view);
    numc__text_add(text, ")");
    for (int32_t d = 0; d < batch; d++)
        if (view->strides[d] != 0 && view->shape[d] > 1)
            numc__text_add(text, " + %lldll * i%d", (long long)view->strides[d], (int)d);
}

void numc__matrix_call(numc_text *text, const numc_exec *exec, int32_t s)
{
    const numc_step *step = &exec->steps[s];
    const int32_t batch = step->outputs[0].rank - 2;
    for (int32_t d = 0; d < batch; d++)
        if (step->outputs[0].shape[d] > 1)
            numc__text_add(text, "    for (int64_t i%d = 0; i%d < %lldll; i%d++)\n", (int)d, (int)d,
                           (long long)step->outputs[0].shape[d], (int)d);
    numc__text_add(text, "    m%d_%d(", (int)exec->number, (int)first_like(exec, s));
    for (int32_t k = 0; k < step->input_count; k++)
        add_argument(text, exec, &step->inputs[k], batch, k > 0 ? ", " : "");
    for (int32_t k = 0; k < step->output_count; k++)
        add_argument(text, exec, &step->outputs[k], batch, ", ");
    if (step->primitive == NUMC_PRIMITIVE_TRIANGULAR_SOLVE)
        numc__text_add(text, ", %lldll, %lldll", (long long)step->inputs[1].strides[batch], (long long)step->inputs[1].strides[batch + 1]);
    numc__text_add(text, ");\n");
}
