/* run.c - a program of the tests run on arrays, traced or not: one function per operation. */
#include "program.h"

const char *operation_name(int32_t operation)
{
    static const char *const names[] = {
#define NUMC_X(upper, lower) #lower,
        OPERATION_TABLE(NUMC_X)
#undef NUMC_X
    };
    return names[operation];
}

value_type type_of(const numc_array *x)
{
    value_type type = {.dtype = numc_array_dtype(x), .rank = numc_array_rank(x)};
    for (int32_t i = 0; i < type.rank && i < RANKS; i++)
        type.shape[i] = numc_array_shape(x)[i];
    return type;
}

int64_t elements_of(const value_type *type)
{
    int64_t size = 1;
    for (int32_t i = 0; i < type->rank; i++)
        size *= type->shape[i];
    return size;
}

/* ---- operations of one result ------------------------------------------------------------------------------------- */

static bool takes_floats(int64_t code) /* integers become floats */
{
    static const bool floats[NUMC_SCALAR_LIMIT] = {
#define KIND_ANY 0
#define KIND_NUMERIC 0
#define KIND_FLOAT 1
#define KIND_BOOLEAN 0
#define KIND_INTEGRAL 0
#define KIND_REAL 0
#define KIND_SELECT 0
#define KIND_RANDOM 0
#define NUMC_X(code, upper, lower, arity, operands, result) [code] = KIND_##operands,
        NUMC_SCALAR_TABLE(NUMC_X)
#undef NUMC_X
    };
    return floats[code];
}

static numc_array *plain_scalar(int64_t code, const numc_array *const *x, int32_t count)
{
    numc_operand operands[4];
    for (int32_t k = 0; k < count; k++)
        operands[k] = numc_operand_array(x[k]);
    return numc__elementwise(numc__primitive_name((int32_t)code), (int32_t)code, operands, count, takes_floats(code));
}

/* Any numbers as indices within [0, n). */
static numc_array *indices_below(const numc_array *x, int64_t n)
{
    return numc_remainder(numc_astype(x, NUMC_INT64), n > 0 ? n : 1);
}

static numc_array *index_axis(const numc_array *x, int64_t axis, numc_index_term term)
{
    numc_index_term terms[RANKS];
    int32_t rank = numc_array_rank(x);
    for (int32_t i = 0; i < rank && i < RANKS; i++)
        terms[i] = i == axis ? term : (numc_index_term){.kind = NUMC_INDEX_ALL};
    return numc_index_(x, terms, rank);
}

static numc_array *transposed(const numc_array *x)
{
    return numc_matrix_transpose(x);
}

/* A A^T + (1 + n) I: positive definite, and far from not being so where A is of the order of one. */
static numc_array *positive_definite(numc_context *context, const numc_array *x)
{
    int32_t rank = numc_array_rank(x);
    if (rank < 2)
        return NULL;
    int64_t n = numc_array_shape(x)[rank - 2];
    return numc_add(numc_matmul(x, transposed(x)), numc_multiply(numc_eye(context, numc_array_dtype(x), n, n, 0), (double)(1 + n)));
}

/* Of a matrix with different ones: where two are equal they have no derivative. */
static numc_array *eigenvalues(numc_context *context, const numc_array *x, bool singular)
{
    if (x == NULL)
        return NULL;
    int64_t n = numc_array_shape(x)[numc_array_rank(x) - 1];
    numc_array *apart = numc_diag(numc_multiply(numc_arange(context, numc_array_dtype(x), 0, n, 1), 8));
    numc_array *y = numc_add(x, apart);
    return singular ? numc_linalg_svdvals(y) : numc_linalg_eigvalsh(y);
}

static numc_array *drawn(numc_context *context, const application *a, const numc_array *const *x)
{
    /* (i: integer, 0-d [, parameter]); numbers: kind, shape... */
    const numc_array *word = numc_astype(numc_reshape(x[0], NUMC_SHAPE(1)), NUMC_UINT32);
    const numc_array *words[2] = {word, numc_add(word, numc_number(context, NUMC_UINT32, 77))};
    numc_array *key = numc_random_fold_in(numc_concat(words, 2, 0), 5);
    numc_shape shape = {a->numbers + 1, a->number_count - 1, true};
    switch (a->numbers[0]) {
    case 0: return numc_random_uniform(key, NUMC_FLOAT64, shape, 0.5, 1.5);
    case 1: return numc_random_normal(key, NUMC_FLOAT64, shape);
    case 2: return numc_random_exponential(numc_index(numc_random_split(key, 2), NUMC_AT(1)), NUMC_FLOAT64, shape);
    case 3: return numc_random_gamma(key, numc_add(numc_abs(x[1]), 0.5), NUMC_FLOAT64, shape);
    default: return numc_random_randint(key, NUMC_INT64, shape, -3, 9);
    }
}

static numc_array *reduced(const application *a, const numc_array *x)
{
    /* numbers: which, keepdims, axes... (none: all of them) */
    numc_axes axes = {a->numbers + 2, a->number_count - 2, a->number_count > 2};
    bool keep = a->numbers[1] != 0;
    switch (a->numbers[0]) {
    case 0: return numc_sum(x, axes, .keepdims = keep);
    case 1: return numc_prod(x, axes, .keepdims = keep);
    case 2: return numc_max(x, axes, .keepdims = keep);
    case 3: return numc_min(x, axes, .keepdims = keep);
    case 4: return numc_mean(x, axes, .keepdims = keep);
    case 5: return numc_var(x, axes, .keepdims = keep);
    case 6: return numc_logsumexp(x, axes, .keepdims = keep);
    case 7: return numc_any(x, axes, .keepdims = keep);
    case 8: return numc_all(x, axes, .keepdims = keep);
    default: return numc_count_nonzero(x, axes, .keepdims = keep);
    }
}

static numc_status square_plus_half(const numc_external_array *in, int32_t input_count, const numc_external_array *out,
                                  int32_t output_count, char *message, size_t message_size, void *user)
{
    (void)input_count, (void)output_count, (void)message, (void)message_size, (void)user;
    int64_t size = 1;
    for (int32_t i = 0; i < in[0].rank; i++)
        size *= in[0].shape[i];
    for (int64_t i = 0; i < size; i++)
        ((double *)out[0].data)[i] = ((const double *)in[0].data)[i] * ((const double *)in[0].data)[i] + 0.5;
    return NUMC_OK;
}
static numc_status square_plus_half_rule(const numc_external_array *in, int32_t input_count, const numc_external_array *out,
                                       int32_t output_count, char *message, size_t message_size, void *user)
{
    (void)input_count, (void)output_count, (void)message, (void)message_size, (void)user;
    int64_t size = 1;
    for (int32_t i = 0; i < in[0].rank; i++)
        size *= in[0].shape[i];
    for (int64_t i = 0; i < size; i++) /* both modes: 2 x d */
        ((double *)out[0].data)[i] = 2.0 * ((const double *)in[0].data)[i] * ((const double *)in[2].data)[i];
    return NUMC_OK;
}

static numc_array *external(numc_context *context, const numc_array *x)
{
    numc_array_type type = {numc_array_dtype(x), {numc_array_shape(x), numc_array_rank(x), true}};
    if (type.dtype != NUMC_FLOAT64)
        return NULL;
    numc_function *f = numc_function_external(context, square_plus_half, NULL, &type, 1, &type, 1, .jvp = square_plus_half_rule,
                                              .vjp = square_plus_half_rule);
    numc_array *out[1] = {NULL};
    (void)numc_function_call(context, f, &x, 1, out, 1);
    return out[0];
}

static numc_array *simple(machine *m, const application *a, const numc_array *const *x)
{
    numc_context *context = m->context;
    const int64_t *n = a->numbers;
    numc_shape list = {n, a->number_count, true};
    int32_t rank = a->operand_count > 0 ? numc_array_rank(x[0]) : 0;
    switch (a->operation) {
    case OPERATION_SCALAR: { /* code */
        numc_array *y = plain_scalar(n[0], x, a->operand_count);
        return !m->plain && m->fault == n[0] ? numc_multiply(y, 1.001) : y;
    }
    case OPERATION_CONSTANT: /* dtype, shape...; the number */
        return numc_full(context, (numc_dtype)n[0], ((numc_shape){n + 1, a->number_count - 1, true}), a->real);
    case OPERATION_IOTA: return numc_arange(context, (numc_dtype)n[0], 0, n[1], 1); /* dtype, size */
    case OPERATION_ASTYPE: return numc_astype(x[0], (numc_dtype)n[0]);
    case OPERATION_RESHAPE: return numc_reshape(x[0], list);
    case OPERATION_BROADCAST: return numc_broadcast_to(x[0], list);
    case OPERATION_PERMUTE: return numc_permute_dims(x[0], list);
    case OPERATION_EXPAND: return numc_expand_dims(x[0], list);
    case OPERATION_SQUEEZE: return numc_squeeze(x[0], list);
    case OPERATION_FLIP: return numc_flip(x[0], list);
    case OPERATION_ROLL: return numc_roll(x[0], n[0], n[1]);   /* shift, axis */
    case OPERATION_REPEAT: return numc_repeat(x[0], n[0], NUMC_AXIS(n[1])); /* times, axis */
    case OPERATION_SLICE: return index_axis(x[0], n[0], NUMC_SLICE_STEP(n[1], n[2], n[3])); /* axis, start, stop, step */
    case OPERATION_AT: return index_axis(x[0], n[0], NUMC_AT(n[1]));                       /* axis, place */
    case OPERATION_PAD: { /* axis, low, between, high; (x, value) */
        int64_t numbers[3 * RANKS] = {0};
        for (int k = 0; k < 3; k++)
            numbers[k * rank + n[0]] = n[1 + k];
        return numc__bind1(context, NUMC_PRIMITIVE_PAD, x, 2, &(numc_attributes){.count = 3 * rank, .numbers = numbers});
    }
    case OPERATION_CONCAT: return numc_concat(x, a->operand_count, n[0]);
    case OPERATION_STACK: return numc_stack(x, a->operand_count, n[0]);
    case OPERATION_TAKE: return numc_take(x[0], indices_below(x[1], numc_array_shape(x[0])[n[0]]), NUMC_AXIS(n[0])); /* axis */
    case OPERATION_TAKE_ALONG:
        return numc_take_along_axis(x[0], indices_below(x[1], numc_array_shape(x[0])[n[0]]), n[0]);
    case OPERATION_SCATTER_ADD:
        return numc_scatter_add(x[0], indices_below(x[1], numc_array_shape(x[0])[n[0]]), x[2], n[0]);
    case OPERATION_SCATTER_SET: /* (x, places, values), along axis 0 */
        return numc__bind1(context, NUMC_PRIMITIVE_SCATTER,
                           (const numc_array *[]){x[0], indices_below(x[1], numc_array_shape(x[0])[0]), x[2]}, 3,
                           &(numc_attributes){.count = 2, .numbers = (const int64_t[]){0, 0}});
    case OPERATION_UPDATE: return numc_index_update(x[0], x[1], NUMC_SLICE_STEP(n[0], n[1], n[2])); /* start, stop, step of axis 0 */
    case OPERATION_DIAGONAL: return numc_linalg_diagonal(x[0], n[0]);
    case OPERATION_DIAG: return numc_diag(x[0]);
    case OPERATION_TRIANGLE: return n[0] != 0 ? numc_triu(x[0], n[1]) : numc_tril(x[0], n[1]); /* upper, diagonal */
    case OPERATION_CLIP: return numc_clip(x[0], -a->real, a->real);
    case OPERATION_REDUCE: return reduced(a, x[0]);
    case OPERATION_ARGUMENT: /* least, axis, keepdims */
        return n[0] != 0 ? numc_argmin(x[0], NUMC_AXIS(n[1]), .keepdims = n[2] != 0)
                         : numc_argmax(x[0], NUMC_AXIS(n[1]), .keepdims = n[2] != 0);
    case OPERATION_CUMULATIVE: /* which, axis */
        switch (n[0]) {
        case 0: return numc_cumulative_sum(x[0], NUMC_AXIS(n[1]));
        case 1: return numc_cumulative_prod(x[0], NUMC_AXIS(n[1]));
        default:
            return numc__bind1(context, NUMC_PRIMITIVE_CUMULATIVE_MAX, x, 1,
                               &(numc_attributes){.count = 2, .numbers = (const int64_t[]){n[1], n[0] == 3}});
        }
    case OPERATION_SORT: return numc_sort(x[0], NUMC_AXIS(n[0]), .descending = n[1] != 0); /* axis, descending */
    case OPERATION_ARGSORT: return numc_argsort(x[0], NUMC_AXIS(n[0]), .descending = n[1] != 0);
    case OPERATION_SEARCH: return numc_searchsorted(numc_sort(x[0]), x[1], .right = n[0] != 0);
    case OPERATION_MATMUL: return numc_matmul(x[0], x[1]);
    case OPERATION_VECDOT: return numc_vecdot_(x[0], x[1], NULL);
    case OPERATION_OUTER: return numc_outer(x[0], x[1]);
    case OPERATION_CHOLESKY: return numc_linalg_cholesky(positive_definite(context, x[0]), .upper = n[0] != 0);
    case OPERATION_TRIANGULAR: /* upper, transpose, unit; (x, b) */
        return numc_linalg_triangular_solve(positive_definite(context, x[0]), x[1], .upper = n[0] != 0, .transpose = n[1] != 0,
                                            .unit_diagonal = n[2] != 0);
    case OPERATION_SOLVE:
        return n[0] != 0 ? numc_linalg_cho_solve(numc_linalg_cholesky(positive_definite(context, x[0])), x[1])
                         : numc_linalg_solve(positive_definite(context, x[0]), x[1]);
    case OPERATION_INVERSE: return numc_linalg_inv(positive_definite(context, x[0]));
    case OPERATION_CHO_INV: return numc_linalg_cho_inv(numc_linalg_cholesky(positive_definite(context, x[0])));
    case OPERATION_DETERMINANT: return n[0] != 0 ? numc_linalg_slogdet(positive_definite(context, x[0])).logabsdet : numc_linalg_det(x[0]);
    case OPERATION_EIGENVALUES: return eigenvalues(context, positive_definite(context, x[0]), n[0] != 0);
    case OPERATION_FOURIER: /* which, axis */
        return n[0] == 0 ? numc_fft_rfft(x[0], .axis = NUMC_AXIS(n[1])) : n[0] == 1 ? numc_fft_irfft(x[0], .axis = NUMC_AXIS(n[1]))
                                                                                     : numc_fft_fft(x[0], .axis = NUMC_AXIS(n[1]));
    case OPERATION_PARTS: /* which */
        return n[0] == 0 ? numc_real(x[0]) : n[0] == 1 ? numc_imag(x[0]) : n[0] == 2 ? numc_conj(x[0]) : numc_complex(x[0], x[1]);
    case OPERATION_RANDOM: return drawn(context, a, x);
    case OPERATION_POLYGAMMA: return numc_special_polygamma(n[0], x[0]);
    case OPERATION_STOP: return numc_stop_gradient(x[0]);
    case OPERATION_EXTERNAL: return external(context, x[0]);
    default: return NULL;
    }
}

/* ---- control flow ------------------------------------------------------------------------------------------------- */

typedef struct frame {
    machine *m;
    const application *a;
    int32_t block;
    int32_t skip;          /* leading inputs that the block does not get */
    numc_function *inner;  /* of a rule */
    int32_t rule_inputs, rule_outputs;
} frame;

void machine_run(machine *m, int32_t which, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                 int32_t output_count)
{
    const block *b = &m->of->blocks[which];
    if (input_count != b->parameter_count || output_count != b->result_count) {
        (void)numc_error_set(m->context, NUMC_INVALID_ARGUMENT, "block %d: its parameters are not those of its use", which);
        return;
    }
    for (int32_t i = 0; i < input_count; i++) {
        m->values[b->parameters[i]] = inputs[i];
        if (m->record)
            m->of->types[b->parameters[i]] = type_of(inputs[i]);
    }
    for (int32_t i = 0; i < b->application_count; i++) {
        if (!machine_apply(m, &b->applications[i]))
            return;
    }
    for (int32_t k = 0; k < output_count; k++)
        outputs[k] = (numc_array *)(uintptr_t)m->values[b->results[k]];
}

static void body(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                 int32_t output_count, void *user)
{
    const frame *f = user;
    numc_context *outer = f->m->context;
    f->m->context = context;
    machine_run(f->m, f->block, inputs + f->skip, input_count - f->skip, outputs, output_count);
    f->m->context = outer;
}

/* Three bodies of a switch share one `user`: the block is found from the callback. */
#define SWITCH_BODY(k)                                                                             \
    static void body_##k(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs, \
                         int32_t output_count, void *user)                                         \
    {                                                                                              \
        frame f = *(const frame *)user;                                                            \
        f.block = f.a->blocks[k];                                                                  \
        body(context, inputs, input_count, outputs, output_count, &f);                             \
    }
SWITCH_BODY(0)
SWITCH_BODY(1)
SWITCH_BODY(2)

/* while: carries are a counter, its bound, then the block's. Block 1, if any, is a further condition of the carries. */
static void while_condition(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                            int32_t output_count, void *user)
{
    const frame *f = user;
    (void)output_count;
    out[0] = numc_less(in[0], in[1]);
    if (f->a->block_count > 1) {
        frame more = *f;
        more.block = f->a->blocks[1];
        more.skip = 2;
        numc_array *also[1] = {NULL};
        body(context, in, input_count, also, 1, &more);
        out[0] = numc_logical_and(out[0], also[0]);
    }
}
static void while_body(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                       int32_t output_count, void *user)
{
    frame f = *(const frame *)user;
    f.skip = 2;
    out[0] = numc_add(in[0], 1);
    out[1] = numc_add(in[1], 0);
    body(context, in, input_count, out + 2, output_count - 2, &f);
}

/* fori: the block gets the counter as a float64, then the carries. */
static void fori_body(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                      int32_t output_count, void *user)
{
    const numc_array *inner[1 + PARAMETERS];
    inner[0] = numc_astype(in[0], NUMC_FLOAT64);
    for (int32_t i = 1; i < input_count; i++)
        inner[i] = in[i];
    body(context, inner, input_count, out, output_count, user);
}

/* The rules of a derivative of its own: (x, y, d) -> what the derivative of the block itself gives. */
static void rule(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                 void *user)
{
    const frame *f = user;
    const numc_array *inner[3 * PARAMETERS];
    numc_array *all[2 * (PARAMETERS + RESULTS)] = {NULL};
    int32_t count = 0;
    for (int32_t i = 0; i < input_count; i++) {
        if (i < f->rule_inputs || i >= f->rule_inputs + f->rule_outputs)
            inner[count++] = in[i];
    }
    (void)numc_function_call(context, f->inner, inner, count, all, f->rule_outputs + output_count);
    for (int32_t k = 0; k < output_count; k++)
        out[k] = all[f->rule_outputs + k];
}

static bool is_true(const numc_array *x)
{
    return numc_item_bool(x);
}

static const numc_array *element(const numc_array *x, int64_t i)
{
    return index_axis(x, 0, NUMC_AT(i));
}

/* Results of steps as one array; of no steps: zeros like the example's. */
static numc_array *stacked(numc_context *context, const numc_array **steps, int64_t count, const value_type *like)
{
    if (count > 0)
        return numc_stack(steps, (int32_t)count, 0);
    int64_t shape[RANKS + 1] = {0};
    for (int32_t i = 0; i < like->rank; i++)
        shape[1 + i] = like->shape[i];
    return numc_zeros(context, like->dtype, ((numc_shape){shape, like->rank + 1, true}));
}

static void scan_plainly(machine *m, const application *a, const numc_array *const *x, int32_t carries, int64_t length, bool reverse,
                         numc_array **out)
{
    const block *b = &m->of->blocks[a->blocks[0]];
    int32_t sequences = b->parameter_count - carries, stacks = b->result_count - carries;
    const numc_array *step[RESULTS][ELEMENTS], *in[PARAMETERS];
    for (int32_t k = 0; k < carries; k++)
        in[k] = x[k];
    for (int64_t i = 0; i < length; i++) {
        int64_t at = reverse ? length - 1 - i : i;
        for (int32_t k = 0; k < sequences; k++)
            in[carries + k] = element(x[carries + k], at);
        numc_array *made[RESULTS] = {NULL};
        machine_run(m, a->blocks[0], in, b->parameter_count, made, b->result_count);
        for (int32_t k = 0; k < b->result_count; k++) {
            if (k < carries)
                in[k] = made[k];
            else
                step[k - carries][at] = made[k];
        }
    }
    for (int32_t k = 0; k < carries; k++)
        out[k] = (numc_array *)(uintptr_t)in[k];
    for (int32_t k = 0; k < stacks; k++)
        out[carries + k] = stacked(m->context, step[k], length, &m->of->types[b->results[carries + k]]);
}

static int64_t scan_length(const application *a, const numc_array *const *x, int32_t carries, int64_t given)
{
    return a->operand_count > carries ? numc_array_shape(x[carries])[0] : given;
}

static void call(machine *m, const application *a, const numc_array *const *x, numc_array **out)
{
    /* kind: 0 inline, 1 rematerialised, 2 a jvp of its own, 3 a vjp of its own, 4 vmap over axis 0 of all */
    numc_context *context = m->context;
    const block *b = &m->of->blocks[a->blocks[0]];
    frame f = {.m = m, .a = a, .block = a->blocks[0], .rule_inputs = a->operand_count, .rule_outputs = b->result_count};
    if (m->plain && a->numbers[0] < 4) {
        machine_run(m, a->blocks[0], x, a->operand_count, out, a->result_count);
        return;
    }
    if (m->plain) {
        scan_plainly(m, a, x, 0, scan_length(a, x, 0, 0), false, out);
        return;
    }
    const numc_array *examples[PARAMETERS];
    for (int32_t i = 0; i < a->operand_count; i++)
        examples[i] = a->numbers[0] == 4 ? element(x[i], 0) : x[i];
    numc_function *function = numc_function_trace(context, body, &f, examples, a->operand_count, b->result_count);
    switch (a->numbers[0]) {
    case 1: function = numc_function_rematerialize(context, function); break;
    case 2:
        f.inner = numc_function_jvp(context, function);
        function = numc_function_custom_jvp(context, function, rule, &f);
        break;
    case 3:
        f.inner = numc_function_vjp(context, function);
        function = numc_function_custom_vjp(context, function, rule, &f);
        break;
    case 4: function = numc_function_vmap(context, function, x, a->operand_count); break;
    default: break;
    }
    (void)numc_function_call(context, function, x, a->operand_count, out, a->result_count);
}

static void control(machine *m, const application *a, const numc_array *const *x, numc_array **out)
{
    numc_context *context = m->context;
    const int64_t *n = a->numbers;
    frame f = {.m = m, .a = a, .block = a->blocks[0]};
    switch (a->operation) {
    case OPERATION_COND: /* (predicate, x...) */
        if (m->plain)
            machine_run(m, a->blocks[is_true(x[0]) ? 0 : 1], x + 1, a->operand_count - 1, out, a->result_count);
        else
            (void)numc_cond(x[0], body_0, body_1, &f, x + 1, a->operand_count - 1, out, a->result_count);
        break;
    case OPERATION_SWITCH: { /* (index, x...) */
        const numc_trace_fn bodies[3] = {body_0, body_1, body_2};
        if (m->plain) {
            int64_t i = numc_item_integer(x[0]);
            i = i < 0 ? 0 : i >= a->block_count ? a->block_count - 1 : i;
            machine_run(m, a->blocks[i], x + 1, a->operand_count - 1, out, a->result_count);
        } else {
            (void)numc_switch(x[0], bodies, a->block_count, &f, x + 1, a->operand_count - 1, out, a->result_count);
        }
        break;
    }
    case OPERATION_SCAN: { /* carries, reverse, length, unroll, bytes; (carries..., sequences...) */
        int32_t carries = (int32_t)n[0];
        if (m->plain)
            scan_plainly(m, a, x, carries, scan_length(a, x, carries, n[2]), n[1] != 0, out);
        else
            (void)numc_scan(context, body, &f, x, carries, x + carries, a->operand_count - carries, out, a->result_count - carries,
                            .reverse = n[1] != 0, .length = n[2], .unroll = n[3], .carry_bytes = (uint64_t)n[4]);
        break;
    }
    case OPERATION_MAP:
        if (m->plain)
            scan_plainly(m, a, x, 0, scan_length(a, x, 0, 0), false, out);
        else
            (void)numc_map(context, body, &f, x, a->operand_count, out, a->result_count);
        break;
    case OPERATION_WHILE: { /* limit; (bound: integer, carries...): as often as |bound| mod 5 says, while block 1, if any, holds */
        const numc_array *in[2 + PARAMETERS] = {numc_number(context, NUMC_INT64, 0),
                                                numc_remainder(numc_astype(x[0], NUMC_INT64), 5)};
        numc_array *made[2 + PARAMETERS] = {NULL};
        for (int32_t i = 1; i < a->operand_count; i++)
            in[1 + i] = x[i];
        if (m->plain) {
            int64_t bound = numc_item_integer(in[1]);
            const numc_array *carry[PARAMETERS];
            for (int32_t i = 1; i < a->operand_count; i++)
                carry[i - 1] = x[i];
            for (int64_t i = 0; i < bound; i++) {
                numc_array *also[1] = {NULL}, *next[RESULTS] = {NULL};
                if (a->block_count > 1)
                    machine_run(m, a->blocks[1], carry, a->operand_count - 1, also, 1);
                if (a->block_count > 1 && !is_true(also[0]))
                    break;
                machine_run(m, a->blocks[0], carry, a->operand_count - 1, next, a->result_count);
                for (int32_t k = 0; k < a->result_count; k++)
                    carry[k] = next[k];
            }
            for (int32_t k = 0; k < a->result_count; k++)
                out[k] = (numc_array *)(uintptr_t)carry[k];
        } else {
            (void)numc_while(context, while_condition, while_body, &f, in, a->operand_count + 1, made, .limit = n[0]);
            for (int32_t k = 0; k < a->result_count; k++)
                out[k] = made[2 + k];
        }
        break;
    }
    case OPERATION_FORI: { /* lower, upper, traced; (carries...[, bound: integer]): traced: upper is bound mod 4 */
        int32_t carries = a->result_count;
        bool bound = n[2] != 0;
        numc_array *upper = bound ? numc_remainder(numc_astype(x[carries], NUMC_INT64), 4) : NULL;
        if (m->plain) {
            int64_t end = bound ? numc_item_integer(upper) : n[1];
            const numc_array *in[PARAMETERS];
            for (int32_t k = 0; k < carries; k++)
                in[1 + k] = x[k];
            for (int64_t i = n[0]; i < end; i++) {
                numc_array *next[RESULTS] = {NULL};
                in[0] = numc_number(context, NUMC_FLOAT64, (double)i);
                machine_run(m, a->blocks[0], in, 1 + carries, next, carries);
                for (int32_t k = 0; k < carries; k++)
                    in[1 + k] = next[k];
            }
            for (int32_t k = 0; k < carries; k++)
                out[k] = (numc_array *)(uintptr_t)in[1 + k];
        } else if (bound) {
            (void)numc_fori(context, n[0], upper, fori_body, &f, x, carries, out);
        } else {
            (void)numc_fori(context, n[0], n[1], fori_body, &f, x, carries, out);
        }
        break;
    }
    default: call(m, a, x, out); break;
    }
}

bool machine_apply(machine *m, const application *a)
{
    const numc_array *x[OPERANDS];
    numc_array *out[RESULTS] = {NULL};
    for (int32_t k = 0; k < a->operand_count; k++) {
        x[k] = m->values[a->operands[k]];
        if (x[k] == NULL) {
            (void)numc_error_set(m->context, NUMC_INVALID_ARGUMENT, "value v%d is used before it is made", a->operands[k]);
            return false;
        }
    }
    /* numbers that name axes are those of another program where this one is being made smaller */
    bool needs_axis = a->operation == OPERATION_TAKE || a->operation == OPERATION_TAKE_ALONG || a->operation == OPERATION_SCATTER_ADD ||
                      a->operation == OPERATION_PAD || a->operation == OPERATION_SCATTER_SET;
    int64_t axis = a->operation == OPERATION_SCATTER_SET ? 0 : a->numbers[0];
    if (needs_axis && (axis < 0 || axis >= numc_array_rank(x[0]))) {
        (void)numc_error_set(m->context, NUMC_INDEX, "there is no such axis");
        return false;
    }
    bool steps = a->operation == OPERATION_MAP || (a->operation == OPERATION_CALL && a->numbers[0] == 4) ||
                 a->operation == OPERATION_SCAN;
    for (int32_t k = a->operation == OPERATION_SCAN ? (int32_t)a->numbers[0] : 0; steps && k < a->operand_count; k++) {
        if (numc_array_rank(x[k]) < 1 || numc_array_shape(x[k])[0] != numc_array_shape(x[a->operation == OPERATION_SCAN ? (int32_t)a->numbers[0] : 0])[0]) {
            (void)numc_error_set(m->context, NUMC_SHAPE, "sequences differ in length");
            return false;
        }
    }
    if (a->operation >= OPERATION_COND && a->operation <= OPERATION_CALL)
        control(m, a, x, out);
    else
        out[0] = simple(m, a, x);
    if (numc_error_status(m->context) != NUMC_OK)
        return false;
    for (int32_t k = 0; k < a->result_count; k++) {
        if (out[k] == NULL) {
            (void)numc_error_set(m->context, NUMC_INVALID_ARGUMENT, "%s: no result", operation_name(a->operation));
            return false;
        }
        m->values[a->results[k]] = out[k];
        if (m->record)
            m->of->types[a->results[k]] = type_of(out[k]);
    }
    return true;
}

/* ---- a program as a function ---------------------------------------------------------------------------------------- */

const numc_array *program_input(numc_context *context, const program *p, int32_t input, int which)
{
    const value_type *type = &p->types[p->blocks[0].parameters[input]];
    int64_t size = elements_of(type);
    numc_shape shape = {type->shape, type->rank, true};
    double data[2 * ELEMENTS];
    for (int64_t i = 0; i < 2 * size; i++) {
        data[i] = p->inputs[input][i];
        if (which == 0)
            continue;
        if (type->dtype == NUMC_BOOL) /* another value of the same kind and size */
            data[i] = (which + i) % 3 == 0 ? 1.0 - data[i] : data[i];
        else if ((numc_dtype_kind(type->dtype) & NUMC_KINDS_INTEGRAL) != 0)
            data[i] += (double)((which + i) % 3);
        else if (data[i] != 0.0)
            data[i] *= 1.0 + 0.125 * (double)which * ((i + which) % 2 == 0 ? 1.0 : -1.0);
    }
    if ((numc_dtype_kind(type->dtype) & NUMC_KIND_COMPLEX) != 0)
        return numc_astype(numc_from_host(context, NUMC_COMPLEX128, shape, data), type->dtype);
    return numc_astype(numc_from_host(context, NUMC_FLOAT64, shape, data), type->dtype);
}

static void whole(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                  int32_t output_count, void *user)
{
    machine *m = user;
    m->context = context;
    machine_run(m, 0, inputs, input_count, outputs, output_count);
}

numc_function *program_function(numc_context *context, program *p, bool record, int32_t fault)
{
    machine *m = calloc(1, sizeof *m);
    numc_function *f = NULL;
    if (m == NULL)
        abort();
    *m = (machine){.context = context, .of = p, .record = record, .fault = fault};
    numc_scope(context) {
        const numc_array *x[INPUTS];
        for (int32_t i = 0; i < p->blocks[0].parameter_count; i++)
            x[i] = program_input(context, p, i, 0);
        f = numc_function_trace(context, whole, m, x, p->blocks[0].parameter_count, p->blocks[0].result_count);
    }
    free(m);
    return f;
}

numc_function *program_dynamic(numc_context *context, program *p, machine *m, bool plain)
{
    const numc_array *x[INPUTS];
    *m = (machine){.context = context, .of = p, .plain = plain};
    for (int32_t i = 0; i < p->blocks[0].parameter_count; i++)
        x[i] = program_input(context, p, i, 0);
    return numc_function_dynamic(context, whole, m, x, p->blocks[0].parameter_count, p->blocks[0].result_count);
}

int32_t program_applications(const program *p)
{
    int32_t count = 0;
    for (int32_t b = 0; b < p->block_count; b++)
        count += p->blocks[b].application_count;
    return count;
}

bool program_uses(const program *p, int32_t operation)
{
    for (int32_t b = 0; b < p->block_count; b++) {
        for (int32_t i = 0; i < p->blocks[b].application_count; i++) {
            if (p->blocks[b].applications[i].operation == operation)
                return true;
        }
    }
    return false;
}
