/* check.c - what must hold of every program: the ways to run it agree, and its derivatives agree with each other and with
 * differences.
 *
 * Two results are the same where they differ by 32 eps of themselves, or else by at most 16 times what noise of up to 4 eps in
 * every operation moves them (oracle.c): rounding that is met on another way is of the order of one eps an operation, and 8
 * runs of the noise find about its greatest effect. Before that is called a failure 64 more runs are made, so that a result that
 * jumps (a comparison, floor, a sort of equal values) within rounding is not taken for one: it is passed over. */
#include "compile/parts.h"
#include "program.h"

#define MOST 48 /* inputs or outputs of a function derived from a program */

typedef struct subject {
    numc_context *context;
    numc_function *f;
    const numc_array *x[MOST];
    int32_t inputs, outputs;
    number_list y; /* what it is to give */
} subject;

static verdict fails(char *message, size_t size, const char *what, const char *why)
{
    snprintf(message, size, "%s: %s", what, why);
    return VERDICT_FAIL;
}

/* After something returned nothing: what has no derivative is passed over, anything else is a failure. */
static verdict problem(numc_context *context, const char *what, char *message, size_t size)
{
    verdict v = VERDICT_SKIP;
    if (numc_error_status(context) != NUMC_UNSUPPORTED)
        v = fails(message, size, what, numc_error_message(context));
    numc_error_clear(context);
    return v;
}

static bool near(double a, double b, double tolerance)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance;
}

/* Least positive numbers: what lies between them and 0 is lost whatever the noise says. */
static double least(double eps)
{
    return eps == 0.0 ? 0.0 : eps > 1e-10 ? 1e-43 : 1e-321;
}

static bool all_near(const number_list *a, const number_list *b, const double *spread, int64_t *where)
{
    for (int64_t i = 0, first = 0; i < a->count; i++) {
        while (a->output[first] != a->output[i])
            first++;
        /* of one factorisation, folded while tracing, noise says nothing: its results are exact to eps of the greatest */
        double size = fabs(a->values[i]);
        for (int64_t k = first; spread != NULL && spread[i] == 0.0 && k < a->count && a->output[k] == a->output[i]; k++)
            size = isfinite(a->values[k]) ? fmax(size, fabs(a->values[k])) : size;
        double tolerance = 32.0 * a->eps[i] * size + least(a->eps[i]);
        if (spread != NULL && isnan(spread[i]))
            continue;
        if (!near(a->values[i], b->values[i], tolerance + (spread == NULL ? 0.0 : 16.0 * spread[i]))) {
            *where = i;
            return false;
        }
    }
    return true;
}

/* a: what the graph gives node by node. */
static verdict same(const subject *s, const number_list *a, const number_list *b, const char *what, char *message, size_t size)
{
    int64_t i = 0;
    if (a->count != b->count) {
        snprintf(message, size, "%s: %d numbers instead of %d", what, (int)b->count, (int)a->count);
        return VERDICT_FAIL;
    }
    if (all_near(a, b, NULL, &i))
        return VERDICT_PASS;
    double *spread = calloc((size_t)a->count + 1, sizeof *spread);
    if (spread == NULL)
        abort();
    verdict v = VERDICT_PASS;
    for (int runs = 8; runs <= 64; runs *= 8) {
        if (!graph_spread(s->context, s->f->graph, s->x, a, runs, 77 + (uint64_t)runs, spread)) {
            v = problem(s->context, what, message, size);
            break;
        }
        v = all_near(a, b, spread, &i) ? VERDICT_PASS : VERDICT_FAIL;
        if (v == VERDICT_PASS)
            break;
        snprintf(message, size, "%s: output %d, number %d of all: %.17g instead of %.17g; noise moves it by %.3g", what, a->output[i],
                 (int)i, b->values[i], a->values[i], spread[i]);
    }
    free(spread);
    return v;
}

static void let_go(subject *s)
{
    numbers_free(&s->y);
    numc_function_free(s->f);
    s->f = NULL;
}

static bool node_by_node(subject *s)
{
    numc_array *y[MOST] = {NULL};
    bool fine = graph_evaluate(s->context, s->f->graph, s->x, y, NULL);
    return fine && numbers_of(&s->y, (const numc_array *const *)y, s->outputs);
}

static bool called(const subject *s, number_list *n)
{
    numc_array *y[MOST] = {NULL};
    *n = (number_list){0};
    return numc_function_call(s->context, s->f, s->x, s->inputs, y, s->outputs) == NUMC_OK &&
           numbers_of(n, (const numc_array *const *)y, s->outputs);
}

static const numc_array *direction(numc_context *context, const numc_type *type, generator *g)
{
    double data[64 * ELEMENTS];
    int64_t size = 2;
    for (int32_t i = 0; i < type->rank; i++)
        size *= type->shape[i];
    for (int64_t i = 0; i < size && i < 64 * ELEMENTS; i++)
        data[i] = (0.25 + 0.75 * draw_unit(g)) * (draw_below(g, 2) == 0 ? 1.0 : -1.0);
    numc_dtype wide = (numc_dtype_kind(type->dtype) & NUMC_KIND_COMPLEX) != 0 ? NUMC_COMPLEX128 : NUMC_FLOAT64;
    return numc_astype(numc_from_host_(context, wide, (numc_shape){type->shape, type->rank, true}, data), type->dtype);
}

/* Takes `f`, made from what has the first `given` inputs of x; the others are directions. */
static bool derived(subject *s, numc_context *context, numc_function *f, const numc_array *const *x, int32_t given, uint64_t seed)
{
    *s = (subject){.context = context, .f = f};
    if (f == NULL || numc_error_status(context) != NUMC_OK)
        return false;
    s->inputs = f->graph->input_count;
    s->outputs = f->graph->output_count;
    if (s->inputs > MOST || s->outputs > MOST)
        return numc_error_set(context, NUMC_UNSUPPORTED, "too many for the test") == NUMC_OK;
    generator g = {seed};
    for (int32_t i = 0; i < s->inputs; i++)
        s->x[i] = i < given ? x[i] : direction(context, numc__graph_input_type(f->graph, i), &g);
    return numc_error_status(context) == NUMC_OK;
}

static bool traced(subject *s, const house *h, numc_context *context, program *p)
{
    const numc_array *x[INPUTS];
    for (int32_t i = 0; i < p->blocks[0].parameter_count; i++)
        x[i] = program_input(context, p, i, 0);
    return derived(s, context, program_function(context, p, true, h->fault), x, p->blocks[0].parameter_count, 0);
}

/* The derived function node by node against the same compiled. */
static verdict compiled(subject *s, const char *what, char *message, size_t size)
{
    number_list n = {0};
    verdict v;
    if (s->f == NULL || numc_error_status(s->context) != NUMC_OK || numc__graph_verify(s->context, s->f->graph) != NUMC_OK ||
        !node_by_node(s) || !called(s, &n))
        v = problem(s->context, what, message, size);
    else
        v = same(s, &s->y, &n, what, message, size);
    numbers_free(&n);
    return v;
}

/* ---- values ----------------------------------------------------------------------------------------------------------- */

static bool at_once(const house *h, numc_context *context, program *p, bool plain, number_list *n)
{
    machine *m = calloc(1, sizeof *m);
    if (m == NULL)
        abort();
    *m = (machine){.context = context, .of = p, .plain = plain, .fault = h->fault};
    const numc_array *x[INPUTS];
    numc_array *y[RESULTS] = {NULL};
    for (int32_t i = 0; i < p->blocks[0].parameter_count; i++)
        x[i] = program_input(context, p, i, 0);
    machine_run(m, 0, x, p->blocks[0].parameter_count, y, p->blocks[0].result_count);
    free(m);
    return numc_error_status(context) == NUMC_OK && numbers_of(n, (const numc_array *const *)y, p->blocks[0].result_count);
}

static verdict check_values(const house *h, program *p, char *message, size_t size)
{
    verdict v = VERDICT_PASS;
    subject s = {0}, c = {0};
    number_list plain = {0}, n = {0};
    numc_scope(h->reference) {
        if (!traced(&s, h, h->reference, p) || numc__graph_verify(h->reference, s.f->graph) != NUMC_OK ||
            !at_once(h, h->reference, p, true, &plain))
            v = problem(h->reference, "traced", message, size);
        for (int way = 0; way < 4 && v == VERDICT_PASS; way++) {
            static const char *const names[] = {"run at once, reference", "run at once", "compiled, reference", "node by node"};
            numc_context *context = way == 1 ? h->compiled : h->reference;
            if (way == 1 && h->compiled == h->reference)
                continue;
            numc_scope(context) {
                bool fine = way < 2 ? at_once(h, context, p, false, &n) : way == 2 ? called(&s, &n) : node_by_node(&s);
                v = fine ? same(&s, &plain, way == 3 ? &s.y : &n, names[way], message, size)
                         : problem(context, names[way], message, size);
                if (!fine && v == VERDICT_SKIP)
                    v = fails(message, size, names[way], "unsupported");
                numbers_free(&n);
            }
        }
        numc_scope(h->compiled) {
            if (v == VERDICT_PASS && h->compiled != h->reference) {
                bool fine = traced(&c, h, h->compiled, p) && called(&c, &n);
                v = fine ? same(&s, &plain, &n, "compiled", message, size) : problem(h->compiled, "compiled", message, size);
                numbers_free(&n);
            }
            let_go(&c);
        }
        let_go(&s);
    }
    numbers_free(&plain);
    return v;
}

/* ---- derivatives -------------------------------------------------------------------------------------------------------- */

static numc_context *one_of(const house *h, const program *p)
{
    return p->seed % 2 == 0 ? h->compiled : h->reference;
}

static bool finite_numbers(const number_list *n)
{
    for (int64_t i = 0; i < n->count; i++) {
        if (!isfinite(n->values[i]))
            return false;
    }
    return true;
}

/* The real part of the sum of the products of outputs `first`.. of s with inputs `other`.. of t, and how far noise moves it. */
static double paired(const subject *s, int32_t first, const subject *t, int32_t other, bool with_spread, double *error, double *scale)
{
    number_list w = {0};
    double sum = 0.0, *spread = calloc((size_t)s->y.count + 1, sizeof *spread);
    if (spread == NULL || !numbers_of(&w, t->x + other, t->inputs - other))
        abort();
    if (with_spread && !graph_spread(s->context, s->f->graph, s->x, &s->y, 32, 5, spread))
        spread[0] = NAN;
    /* outputs without derivative (integers) are not among the directions */
    int64_t k = 0;
    for (int64_t i = 0; i < s->y.count; i++) {
        if (s->y.output[i] < first)
            continue;
        bool pair = (numc_dtype_kind(numc__graph_output_type(s->f->graph, s->y.output[i])->dtype) & NUMC_KIND_COMPLEX) != 0;
        bool imaginary = pair && ((k % 2) != 0);
        double product = s->y.values[i] * w.values[k] * (imaginary ? -1.0 : 1.0);
        (void)imaginary;
        sum += product;
        *scale += fabs(product);
        *error += fabs(spread[i] * w.values[k]);
        k++;
    }
    numbers_free(&w);
    free(spread);
    return sum;
}

/* Places of real and imaginary parts alternate only within complex values: real ones before them shift the parity. */
static bool has_complex(const numc_graph *graph)
{
    bool any = false;
    for (int32_t i = 0; i < graph->output_count; i++)
        any = any || (numc_dtype_kind(numc__graph_output_type(graph, i)->dtype) & NUMC_KIND_COMPLEX) != 0;
    for (int32_t i = 0; i < graph->input_count; i++)
        any = any || (numc_dtype_kind(numc__graph_input_type(graph, i)->dtype) & NUMC_KIND_COMPLEX) != 0;
    return any;
}

static verdict check_modes(const house *h, program *p, char *message, size_t size)
{
    numc_context *context = one_of(h, p);
    verdict v = VERDICT_PASS;
    numc_scope(context) {
        subject s = {0}, forward = {0}, backward = {0};
        if (!traced(&s, h, context, p)) {
            v = problem(context, "traced", message, size);
        } else {
            (void)derived(&forward, context, numc_function_jvp(context, s.f), s.x, s.inputs, 11);
            verdict first = compiled(&forward, "jvp", message, size);
            v = first;
            if (v != VERDICT_FAIL) {
                (void)derived(&backward, context, numc_function_vjp(context, s.f), s.x, s.inputs, 12);
                v = compiled(&backward, "vjp", message, size);
            }
            if (v == VERDICT_PASS && first == VERDICT_PASS && finite_numbers(&forward.y) && finite_numbers(&backward.y) && !has_complex(s.f->graph)) {
                double error = 0.0, scale = 0.0, left = paired(&forward, s.outputs, &backward, s.inputs, false, &error, &scale);
                double right = paired(&backward, s.outputs, &forward, s.inputs, false, &error, &scale);
                /* sums of products that agree to their rounding, or to what noise says */
                if (!(fabs(left - right) <= 64 * 0x1p-52 * scale + least(1.0))) {
                    error = scale = 0.0;
                    left = paired(&forward, s.outputs, &backward, s.inputs, true, &error, &scale);
                    right = paired(&backward, s.outputs, &forward, s.inputs, true, &error, &scale);
                    if (fabs(left - right) > 64 * 0x1p-52 * scale + 16.0 * error + least(1.0)) { /* NaN: within noise of a jump */
                        snprintf(message, size, "forward and reverse mode: <w, jvp> = %.17g, <vjp, d> = %.17g, noise %.3g", left, right, error);
                        v = VERDICT_FAIL;
                    }
                }
            }
        }
        let_go(&s);
        let_go(&forward);
        let_go(&backward);
    }
    return v;
}

/* The jvp against differences, extrapolated twice: D(h) = (f(x + h d) - f(x - h d)) / 2h at h, h/2, h/4 has errors in h^2, h^4, ...;
 * where the two extrapolations agree to 1e-5, second differences shrink with h as they do where there is no kink, and another h
 * gives no other slope (of a staircase), what is left is at most their distance, and noise of f over h. */
static verdict differences(const house *h, program *p, double longest, char *message, size_t size)
{
    if (p->wild || program_uses(p, OPERATION_STOP) || program_uses(p, OPERATION_RANDOM))
        return VERDICT_SKIP; /* the derivative of a gamma draw is not that of the sampler's steps */
    numc_context *context = h->compiled;
    const double odd = 0.61 * longest;
    verdict v = VERDICT_SKIP;
    numc_scope(context) {
        subject s = {0}, forward = {0};
        number_list at[9] = {{0}}, dy = {0};
        if (!traced(&s, h, context, p))
            v = problem(context, "traced", message, size);
        bool narrow = false;
        for (int32_t i = 0; s.f != NULL && v != VERDICT_FAIL && i < s.f->graph->value_count; i++)
            narrow = narrow || s.f->graph->values[i].type.dtype == NUMC_FLOAT32 || s.f->graph->values[i].type.dtype == NUMC_COMPLEX64;
        bool fine = s.f != NULL && v != VERDICT_FAIL && !narrow && derived(&forward, context, numc_function_jvp(context, s.f), s.x, s.inputs, 21) &&
                    called(&forward, &dy);
        for (int k = 0; k < 9 && fine; k++) {
            subject moved = s;
            int32_t next = s.inputs;
            double step = k == 6 ? 0.0 : k > 6 ? (k == 7 ? odd : -odd) : ldexp(k % 2 == 0 ? longest : -longest, -(k / 2));
            for (int32_t i = 0; i < s.inputs; i++) {
                if (numc__differentiable(numc_array_dtype(s.x[i])))
                    moved.x[i] = numc_add(s.x[i], numc_multiply(forward.x[next++], step));
            }
            fine = called(&moved, &at[k]);
        }
        if (!fine && v != VERDICT_FAIL && numc_error_status(context) != NUMC_OK)
            v = problem(context, "differences", message, size);
        double *spread = calloc((size_t)at[6].count + 1, sizeof *spread), *slope = calloc((size_t)dy.count + 1, sizeof *slope);
        if (spread == NULL || slope == NULL)
            abort();
        if (fine && graph_spread(context, s.f->graph, s.x, &at[6], 4, 3, spread) &&
            graph_spread(context, forward.f->graph, forward.x, &dy, 4, 4, slope)) {
            int64_t place = at[6].count; /* tangents follow the values */
            for (int64_t i = 0; i < at[6].count && v != VERDICT_FAIL; i++) {
                if (at[6].eps[i] == 0.0)
                    continue;
                double d[3], bend[3], scale = 1.0;
                int64_t tangent = place++;
                for (int k = 0; k < 3; k++) {
                    double up = at[2 * k].values[i], down = at[2 * k + 1].values[i], step = ldexp(longest, -k);
                    d[k] = (up - down) / (2.0 * step);
                    bend[k] = fabs(up - 2.0 * at[6].values[i] + down) / step;
                }
                double r1 = (4.0 * d[1] - d[0]) / 3.0, r2 = (4.0 * d[2] - d[1]) / 3.0, best = (16.0 * r2 - r1) / 15.0;
                scale = fmax(scale, fabs(r2));
                double noise = 16.0 * spread[i] / (longest / 4.0) + 16.0 * slope[tangent] + 32 * 0x1p-52 * fabs(at[6].values[i]) / (longest / 4.0);
                if (!(fabs(r2 - r1) <= 1e-5 * scale) || !(noise <= 1e-5 * scale) || !(bend[2] <= 0.3 * bend[0] + noise) ||
                    !isfinite(dy.values[tangent]) ||
                    !(fabs((at[7].values[i] - at[8].values[i]) / (2.0 * odd) - best) <= fabs(d[0] - best) + noise + 1e-9 * scale))
                    continue; /* not smooth enough here to say anything */
                if (v == VERDICT_SKIP)
                    v = VERDICT_PASS;
                if (!(fabs(best - dy.values[tangent]) <= 4.0 * fabs(r2 - r1) + noise + 1e-9 * scale)) {
                    snprintf(message, size, "differences: output %d: %.17g, jvp %.17g (extrapolations %.17g, %.17g)", at[6].output[i], best,
                             dy.values[tangent], r1, r2);
                    v = VERDICT_FAIL;
                }
            }
        } else if (numc_error_status(context) != NUMC_OK && v != VERDICT_FAIL) {
            v = problem(context, "differences", message, size);
        }
        free(spread);
        free(slope);
        for (int k = 0; k < 9; k++)
            numbers_free(&at[k]);
        numbers_free(&dy);
        let_go(&s);
        let_go(&forward);
    }
    return v;
}

/* Differences of a function that turns faster than the steps may agree on a slope that it has not: shorter ones must say the same. */
static verdict check_differences(const house *h, program *p, char *message, size_t size)
{
    verdict v = differences(h, p, 0x1p-8, message, size);
    return v == VERDICT_FAIL ? differences(h, p, 0x1p-12, message, size) : v;
}

/* ---- second order ---------------------------------------------------------------------------------------------------- */

/* One number made of all float outputs: the sum of sin(k + 1 + y_k), real and imaginary parts apart. Real inputs alone. */
static void one_number(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                       void *user)
{
    numc_function *f = user;
    numc_array *y[MOST] = {NULL}, *sum = numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR);
    (void)output_count;
    (void)numc_function_call(context, f, in, input_count, y, f->graph->output_count);
    for (int32_t k = 0; k < f->graph->output_count; k++) {
        if (!numc__differentiable(numc_array_dtype(y[k])))
            continue;
        const numc_array *real = numc_astype(numc_real(y[k]), NUMC_FLOAT64), *imag = numc_astype(numc_imag(y[k]), NUMC_FLOAT64);
        sum = numc_add(sum, numc_sum(numc_sin(numc_add(real, 1.0 + k))));
        sum = numc_add(sum, numc_sum(numc_multiply(imag, numc_add(imag, 0.5))));
    }
    out[0] = sum;
}

/* (x..., v...) -> <gradient, v>, from the jvp of a function of one number. */
static void slope_alone(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                        void *user)
{
    numc_array *y[2] = {NULL, NULL};
    (void)output_count;
    (void)numc_function_call(context, user, in, input_count, y, 2);
    out[0] = y[1];
}

static bool real_inputs(const subject *s)
{
    for (int32_t i = 0; i < s->inputs; i++) {
        if ((numc_dtype_kind(numc_array_dtype(s->x[i])) & NUMC_KIND_COMPLEX) != 0)
            return false;
    }
    return true;
}

static bool active(const numc_array *x)
{
    return numc__differentiable(numc_array_dtype(x));
}

/* Numbers `at`.. of a against `other`.. of b, both evaluated node by node, with the noise of both. */
static verdict agree(const subject *a, int64_t at, const subject *b, int64_t other, int64_t count, double sign, const char *what,
                     char *message, size_t size)
{
    bool close = true;
    for (int64_t i = 0; i < count && close; i++)
        close = near(a->y.values[at + i], sign * b->y.values[other + i], 16.0 * a->y.eps[at + i] * fabs(a->y.values[at + i]) + least(a->y.eps[at + i]));
    if (close)
        return VERDICT_PASS;
    double *sa = calloc((size_t)a->y.count + 1, sizeof *sa), *sb = calloc((size_t)b->y.count + 1, sizeof *sb);
    if (sa == NULL || sb == NULL)
        abort();
    verdict v = VERDICT_PASS;
    for (int runs = 8; runs <= 64; runs *= 8) {
        v = VERDICT_PASS;
        if (!graph_spread(a->context, a->f->graph, a->x, &a->y, runs, 7, sa) || !graph_spread(b->context, b->f->graph, b->x, &b->y, runs, 8, sb)) {
            v = problem(numc_error_status(a->context) != NUMC_OK ? a->context : b->context, what, message, size);
            break;
        }
        for (int64_t i = 0; i < count && v == VERDICT_PASS; i++) {
            double x = a->y.values[at + i], y = sign * b->y.values[other + i], noise = sa[at + i] + sb[other + i];
            if (isnan(noise) || !isfinite(x) || !isfinite(y)) /* not finite: the modes meet 0 x inf in places of their own */
                continue;
            if (!near(x, y, 16.0 * noise + 16.0 * a->y.eps[at + i] * fabs(x) + least(a->y.eps[at + i]))) {
                snprintf(message, size, "%s: number %d: %.17g and %.17g; noise moves them by %.3g", what, (int)i, x, y, noise);
                v = VERDICT_FAIL;
            }
        }
        if (v == VERDICT_PASS)
            break;
    }
    free(sa);
    free(sb);
    return v;
}

static verdict check_second(const house *h, program *p, char *message, size_t size)
{
    if (p->wild)
        return VERDICT_SKIP;
    numc_context *context = one_of(h, p);
    verdict v = VERDICT_PASS;
    numc_scope(context) {
        subject s = {0}, one = {0}, slope = {0}, product = {0}, back = {0};
        if (!traced(&s, h, context, p)) {
            v = problem(context, "traced", message, size);
        } else if (!real_inputs(&s)) {
            v = VERDICT_SKIP;
        } else {
            bool fine = derived(&one, context, numc_function_trace(context, one_number, s.f, s.x, s.inputs, 1), s.x, s.inputs, 0) &&
                        derived(&product, context, numc_function_hvp(context, one.f), s.x, s.inputs, 31) &&
                        derived(&slope, context, numc_function_jvp(context, one.f), product.x, product.inputs, 31);
            numc_function *alone = fine ? numc_function_trace(context, slope_alone, slope.f, product.x, product.inputs, 1) : NULL;
            fine = fine && derived(&back, context, numc_function_value_and_gradient(context, alone), product.x, product.inputs, 31);
            v = compiled(&product, "Hessian times vector", message, size);
            if (fine && v == VERDICT_PASS)
                v = compiled(&back, "gradient of jvp", message, size);
            if (fine && v == VERDICT_PASS) {
                /* product: y, gradient, H v; back: <gradient, v>, H v, gradient */
                int64_t n = (product.y.count - 1) / 2;
                v = agree(&product, 1, &back, 1 + n, n, 1.0, "gradient by two ways", message, size);
                if (v == VERDICT_PASS)
                    v = agree(&product, 1 + n, &back, 1, n, 1.0, "forward over reverse, reverse over forward", message, size);
            } else if (v == VERDICT_PASS) {
                v = problem(context, "second order", message, size);
            }
            numc_function_free(alone);
        }
        let_go(&s), let_go(&one), let_go(&slope), let_go(&product), let_go(&back);
    }
    return v;
}

/* ---- batches --------------------------------------------------------------------------------------------------------- */

/* 3 elements, or 9: more than the lanes of a batch of loops */
#define BATCH 9
static int batch_of(const program *p)
{
    return p->seed % 7 == 0 ? BATCH : 3;
}
/* x[i] of the batch, mapped or not as the bits of the seed say, the batch at either end. */
static bool batch_inputs(numc_context *context, const program *p, int32_t count, uint64_t bits, const numc_array **x,
                         const numc_array *(*each)[INPUTS], int64_t *axes)
{
    int batch = batch_of(p);
    for (int32_t i = 0; i < count; i++) {
        bool mapped = (bits >> i & 1) != 0 || count == 1 || (bits & ((UINT64_C(1) << count) - 1)) == 0;
        axes[i] = !mapped ? NUMC_UNMAPPED : (bits >> (8 + i) & 1) != 0 ? -1 : 0;
        const numc_array *list[BATCH];
        for (int b = 0; b < batch; b++)
            list[b] = each[b][i] = program_input(context, p, i, mapped ? b : 0);
        x[i] = mapped ? numc_stack(list, batch, axes[i]) : list[0];
    }
    return numc_error_status(context) == NUMC_OK;
}

static numc_array *element_at(const numc_array *x, int64_t i)
{
    numc_index_term terms[NUMC_RANK_LIMIT] = {{.kind = NUMC_INDEX_AT, .start = i}};
    for (int32_t k = 1; k < numc_array_rank(x); k++)
        terms[k].kind = NUMC_INDEX_ALL;
    return numc_index_(x, terms, numc_array_rank(x));
}

/* `v`, a batch of `s`, against `s` for each element; x[b]: its inputs. */
static verdict batch_is_loop(subject *v, subject *s, const numc_array *(*each)[MOST], int count, const char *what, char *message, size_t size)
{
    numc_context *context = s->context;
    numc_array *y[MOST] = {NULL}, *one[MOST];
    verdict verdict_now = VERDICT_PASS;
    if (v->f == NULL || numc_error_status(context) != NUMC_OK || numc__graph_verify(context, v->f->graph) != NUMC_OK ||
        numc_function_call(context, v->f, v->x, v->inputs, y, v->outputs) != NUMC_OK)
        return problem(context, what, message, size);
    for (int b = 0; b < count && verdict_now == VERDICT_PASS; b++) {
        number_list n = {0};
        for (int32_t i = 0; i < v->outputs; i++)
            one[i] = element_at(y[i], b);
        for (int32_t i = 0; i < s->inputs; i++)
            s->x[i] = each[b][i];
        numbers_free(&s->y);
        if (!node_by_node(s) || !numbers_of(&n, (const numc_array *const *)one, v->outputs))
            verdict_now = problem(context, what, message, size);
        else
            verdict_now = same(s, &s->y, &n, what, message, size);
        numbers_free(&n);
    }
    return verdict_now;
}

static verdict check_batch(const house *h, program *p, char *message, size_t size)
{
    numc_context *context = one_of(h, p);
    verdict v = VERDICT_PASS;
    numc_scope(context) {
        subject s = {0}, all = {0}, back = {0}, batched = {0};
        const numc_array *x[MOST], *each[BATCH][INPUTS], *given[BATCH][MOST];
        int64_t axes[MOST];
        int32_t count = p->blocks[0].parameter_count;
        if (!traced(&s, h, context, p) || !batch_inputs(context, p, count, p->seed / 2, x, each, axes)) {
            v = problem(context, "traced", message, size);
        } else {
            for (int b = 0; b < batch_of(p); b++)
                memcpy(given[b], each[b], (size_t)count * sizeof *x);
            (void)derived(&all, context, numc_function_vmap(context, s.f, x, count, .in_axes = {axes, count, true}), x, count, 0);
            v = batch_is_loop(&all, &s, given, batch_of(p), "vmap", message, size);
            if (v == VERDICT_PASS && p->seed % 3 == 0) { /* of its reverse mode, directions mapped at 0 */
                if (!derived(&back, context, numc_function_vjp(context, s.f), each[0], count, 40)) {
                    v = problem(context, "vjp", message, size);
                } else {
                    generator g = {41};
                    for (int32_t i = count; i < back.inputs; i++) {
                        const numc_array *list[BATCH];
                        for (int b = 0; b < batch_of(p); b++)
                            list[b] = given[b][i] = direction(context, numc__graph_input_type(back.f->graph, i), &g);
                        x[i] = numc_stack(list, batch_of(p), 0);
                        axes[i] = 0;
                    }
                    (void)derived(&batched, context, numc_function_vmap(context, back.f, x, back.inputs, .in_axes = {axes, back.inputs, true}),
                                  x, back.inputs, 0);
                    v = batch_is_loop(&batched, &back, given, batch_of(p), "vmap of vjp", message, size);
                }
            }
        }
        let_go(&s), let_go(&all), let_go(&back), let_go(&batched);
    }
    return v;
}

/* vmap of vmap: the batch of all inputs, in a batch of 2 of which some are mapped. */
static verdict check_nested(const house *h, program *p, char *message, size_t size)
{
    numc_context *context = one_of(h, p);
    verdict v = VERDICT_PASS;
    numc_scope(context) {
        subject s = {0}, inner = {0}, outer = {0};
        const numc_array *x[MOST], *each[BATCH][INPUTS], *given[2][MOST], *twice[MOST];
        int64_t axes[MOST], further[MOST];
        int32_t count = p->blocks[0].parameter_count;
        if (!traced(&s, h, context, p) || !batch_inputs(context, p, count, p->seed / 5, x, each, axes)) {
            v = problem(context, "traced", message, size);
        } else {
            (void)derived(&inner, context, numc_function_vmap(context, s.f, x, count, .in_axes = {axes, count, true}), x, count, 0);
            for (int32_t i = 0; i < count && inner.f != NULL; i++) {
                bool mapped = i == 0 || (p->seed >> i & 1) != 0;
                const numc_array *list[2] = {x[i], x[i]};
                if (mapped && active(x[i]))
                    list[1] = numc_multiply(x[i], 0.875);
                given[0][i] = list[0];
                given[1][i] = mapped ? list[1] : list[0];
                further[i] = mapped ? 0 : NUMC_UNMAPPED;
                twice[i] = mapped ? numc_stack(list, 2, 0) : x[i];
            }
            if (inner.f != NULL)
                (void)derived(&outer, context, numc_function_vmap(context, inner.f, twice, count, .in_axes = {further, count, true}), twice, count, 0);
            v = batch_is_loop(&outer, &inner, given, 2, "vmap of vmap", message, size);
        }
        let_go(&s), let_go(&inner), let_go(&outer);
    }
    return v;
}

/* The gradient of the sum over a batch is the gradients of its elements, and of an input that is not mapped their sum. */
static void sum_of_batch(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count, void *user)
{
    numc_array *y[1] = {NULL};
    (void)output_count;
    (void)numc_function_call(context, user, in, input_count, y, 1);
    out[0] = numc_sum(y[0]);
}

static verdict check_gradient_of_batch(const house *h, program *p, char *message, size_t size)
{
    if (p->wild)
        return VERDICT_SKIP;
    numc_context *context = one_of(h, p);
    verdict v = VERDICT_PASS;
    numc_scope(context) {
        subject s = {0}, one = {0}, batch = {0}, total = {0}, gradient = {0}, each_gradient = {0}, mapped = {0};
        const numc_array *x[MOST], *each[BATCH][INPUTS];
        int64_t axes[MOST];
        int32_t count = p->blocks[0].parameter_count;
        numc_function *sum = NULL;
        bool fine = traced(&s, h, context, p) && batch_inputs(context, p, count, p->seed / 3, x, each, axes);
        if (fine && !real_inputs(&s)) {
            v = VERDICT_SKIP;
        } else {
            fine = fine && derived(&one, context, numc_function_trace(context, one_number, s.f, s.x, s.inputs, 1), s.x, s.inputs, 0) &&
                   derived(&batch, context, numc_function_vmap(context, one.f, x, count, .in_axes = {axes, count, true}), x, count, 0);
            sum = fine ? numc_function_trace(context, sum_of_batch, batch.f, x, count, 1) : NULL;
            fine = fine && derived(&gradient, context, numc_function_value_and_gradient(context, sum), x, count, 0);
            fine = fine && derived(&each_gradient, context, numc_function_value_and_gradient(context, one.f), s.x, count, 0);
            fine = fine && derived(&mapped, context, numc_function_vmap(context, each_gradient.f, x, count, .in_axes = {axes, count, true}), x, count, 0);
            v = fine ? compiled(&gradient, "gradient of vmap", message, size) : problem(context, "gradient of vmap", message, size);
            if (v == VERDICT_PASS)
                v = compiled(&mapped, "vmap of gradient", message, size);
            /* put the elements of `mapped` into the places of `gradient`: outputs y, then one for each float input */
            numc_array *y[MOST] = {NULL};
            number_list moved = {0};
            if (v == VERDICT_PASS && graph_evaluate(context, mapped.f->graph, mapped.x, y, NULL)) {
                for (int32_t i = 0, k = 1; i < count && k < mapped.outputs; i++) {
                    if (!active(x[i]))
                        continue;
                    y[k] = axes[i] == NUMC_UNMAPPED ? numc_sum(y[k], NUMC_AXES(0)) : numc_moveaxis(y[k], 0, axes[i]);
                    k++;
                }
                y[0] = numc_sum(y[0]);
                if (!numbers_of(&moved, (const numc_array *const *)y, mapped.outputs))
                    v = problem(context, "vmap of gradient", message, size);
                else if (finite_numbers(&moved) && finite_numbers(&gradient.y))
                    v = same(&gradient, &gradient.y, &moved, "gradient of vmap, vmap of gradient", message, size);
                numbers_free(&moved);
            }
        }
        numc_function_free(sum);
        let_go(&s), let_go(&one), let_go(&batch), let_go(&total), let_go(&gradient), let_go(&each_gradient), let_go(&mapped);
    }
    return v;
}

/* ---- linearisation, Jacobians ------------------------------------------------------------------------------------------- */

static verdict check_linear(const house *h, program *p, char *message, size_t size)
{
    numc_context *context = one_of(h, p);
    verdict v = VERDICT_PASS;
    numc_scope(context) {
        subject s = {0}, forward = {0};
        numc_array *y[MOST] = {NULL}, *dy[MOST] = {NULL};
        if (!traced(&s, h, context, p) || !derived(&forward, context, numc_function_jvp(context, s.f), s.x, s.inputs, 50) || !node_by_node(&forward)) {
            v = problem(context, "jvp", message, size);
        } else {
            numc_function *linear = numc_function_linearize(context, s.f, s.x, s.inputs, y, s.outputs);
            if (linear == NULL || numc_function_call(context, linear, forward.x + s.inputs, forward.inputs - s.inputs, dy, forward.outputs - s.outputs) != NUMC_OK) {
                v = problem(context, "linearize", message, size);
            } else {
                number_list n = {0};
                for (int32_t i = 0; i < forward.outputs - s.outputs; i++)
                    y[s.outputs + i] = dy[i];
                v = numbers_of(&n, (const numc_array *const *)y, forward.outputs) ? same(&forward, &forward.y, &n, "linearize", message, size)
                                                                                  : problem(context, "linearize", message, size);
                numbers_free(&n);
            }
            numc_function_free(linear);
        }
        let_go(&s), let_go(&forward);
    }
    return v;
}

static verdict check_jacobians(const house *h, program *p, char *message, size_t size)
{
    if (p->wild)
        return VERDICT_SKIP;
    numc_context *context = one_of(h, p);
    verdict v = VERDICT_PASS;
    numc_scope(context) {
        subject s = {0}, one = {0}, forward = {0}, reverse = {0}, hessian = {0}, product = {0};
        int64_t size_now = 0;
        if (traced(&s, h, context, p)) {
            for (int32_t i = 0; i < s.inputs; i++)
                size_now += active(s.x[i]) ? numc_array_size(s.x[i]) : 0;
        }
        if (numc_error_status(context) != NUMC_OK) {
            v = problem(context, "traced", message, size);
        } else if (!real_inputs(&s) || size_now > 12) {
            v = VERDICT_SKIP;
        } else {
            bool fine = derived(&one, context, numc_function_trace(context, one_number, s.f, s.x, s.inputs, 1), s.x, s.inputs, 0) &&
                        derived(&forward, context, numc_function_jacobian_forward(context, one.f), s.x, s.inputs, 0) &&
                        derived(&reverse, context, numc_function_jacobian_reverse(context, one.f), s.x, s.inputs, 0);
            v = fine ? compiled(&forward, "forward Jacobian", message, size) : problem(context, "Jacobians", message, size);
            if (v == VERDICT_PASS)
                v = compiled(&reverse, "reverse Jacobian", message, size);
            if (v == VERDICT_PASS)
                v = agree(&forward, 0, &reverse, 0, forward.y.count, 1.0, "Jacobians", message, size);
            if (v == VERDICT_PASS && p->seed % 4 == 0) {
                (void)derived(&hessian, context, numc_function_hessian(context, one.f), s.x, s.inputs, 0);
                v = compiled(&hessian, "Hessian", message, size);
            }
        }
        let_go(&s), let_go(&one), let_go(&forward), let_go(&reverse), let_go(&hessian), let_go(&product);
    }
    return v;
}

/* ---- dynamic mode ------------------------------------------------------------------------------------------------------ */

/* The callback run at each call, its control flow by C or by the library: values and reverse mode as the traced function's. */
static verdict check_dynamic(const house *h, program *p, char *message, size_t size)
{
    numc_context *context = one_of(h, p);
    verdict v = VERDICT_PASS;
    machine *m = malloc(sizeof *m);
    if (m == NULL)
        abort();
    numc_scope(context) {
        subject s = {0}, back = {0};
        number_list n = {0}, slopes = {0};
        numc_array *y[MOST] = {NULL};
        numc_function *dynamic = NULL, *reverse = NULL;
        if (!traced(&s, h, context, p) || !node_by_node(&s)) {
            v = problem(context, "traced", message, size);
        } else {
            dynamic = program_dynamic(context, p, m, p->seed / 2 % 2 == 0);
            if (dynamic == NULL || numc_function_call(context, dynamic, s.x, s.inputs, y, s.outputs) != NUMC_OK ||
                !numbers_of(&n, (const numc_array *const *)y, s.outputs))
                v = problem(context, "dynamic", message, size);
            else
                v = same(&s, &s.y, &n, "dynamic", message, size);
        }
        if (v == VERDICT_PASS && derived(&back, context, numc_function_vjp(context, s.f), s.x, s.inputs, 12) && node_by_node(&back)) {
            reverse = numc_function_vjp(context, dynamic);
            if (reverse == NULL || numc_function_call(context, reverse, back.x, back.inputs, y, back.outputs) != NUMC_OK ||
                !numbers_of(&slopes, (const numc_array *const *)y, back.outputs))
                v = problem(context, "dynamic vjp", message, size);
            for (int64_t i = 0; i < back.y.count && i < slopes.count; i++) { /* 0 x inf, where the path knows that nothing comes back */
                if (!isfinite(back.y.values[i]))
                    slopes.values[i] = back.y.values[i];
            }
            if (v == VERDICT_PASS)
                v = same(&back, &back.y, &slopes, "dynamic vjp", message, size);
        } else if (v == VERDICT_PASS) {
            v = problem(context, "vjp", message, size);
        }
        numbers_free(&n);
        numbers_free(&slopes);
        numc_function_free(reverse);
        numc_function_free(dynamic);
        let_go(&s), let_go(&back);
    }
    free(m);
    return v;
}

/* ---- native code -------------------------------------------------------------------------------------------------------- */

/* A program as functions: itself, its vjp, vmap of that; `made` of them. */
typedef struct trial {
    subject s[NATIVE_PARTS];
    int made;
} trial;

static const char *const part_names[NATIVE_PARTS] = {"native", "native vjp", "native vmap of vjp"};

/* Where one cannot be made the others can; what is no lack of a derivative fails. */
static verdict make_trial(trial *t, const house *h, numc_context *context, program *p, int parts, char *message, size_t size)
{
    subject *s = t->s;
    bool fine = true;
    for (; t->made < parts && fine; t->made += fine) {
        if (t->made == 0) {
            fine = traced(&s[0], h, context, p);
        } else if (t->made == 1) {
            fine = derived(&s[1], context, numc_function_vjp(context, s[0].f), s[0].x, s[0].inputs, 60);
        } else {
            const numc_array *x[MOST];
            generator g = {61};
            for (int32_t i = 0; i < s[1].inputs; i++) {
                const numc_array *list[BATCH];
                for (int b = 0; b < batch_of(p); b++)
                    list[b] = i < s[0].inputs ? program_input(context, p, i, b) : direction(context, numc__graph_input_type(s[1].f->graph, i), &g);
                x[i] = numc_stack(list, batch_of(p), 0);
            }
            fine = derived(&s[2], context, numc_function_vmap(context, s[1].f, x, s[1].inputs), x, s[1].inputs, 0);
        }
    }
    return fine || problem(context, part_names[t->made], message, size) == VERDICT_SKIP ? VERDICT_PASS : VERDICT_FAIL;
}

static void trial_end(trial *t)
{
    for (int k = 0; k < NATIVE_PARTS; k++)
        let_go(&t->s[k]);
}

/* Execs numbered through, in one text. */
typedef struct library {
    numc_native native;
    const numc_exec **bodies;
    int32_t count, functions;
} library;

static bool write_library(void *user, numc_text *text)
{
    const library *l = user;
    return numc__exec_text(text, l->bodies, l->count, l->functions);
}

/* The program of a function, compiled by a first look at its size. */
static numc_program *program_of(const subject *s)
{
    (void)numc_function_bytes(s->context, s->f);
    return numc_error_status(s->context) == NUMC_OK ? atomic_load(&s->f->program) : NULL;
}

static verdict compare_trials(const trial *native, const trial *plain, char *message, size_t size)
{
    verdict v = native->made == plain->made ? VERDICT_PASS : fails(message, size, "native", "other functions are made");
    for (int part = 0; part < native->made && v == VERDICT_PASS; part++) {
        number_list a = {0}, b = {0};
        if (!called(&plain->s[part], &a))
            v = problem(plain->s[part].context, part_names[part], message, size);
        if (!called(&native->s[part], &b))
            v = problem(native->s[part].context, part_names[part], message, size);
        if (v == VERDICT_PASS && a.count != b.count)
            v = fails(message, size, part_names[part], "another number of results");
        for (int64_t i = 0; i < a.count && v == VERDICT_PASS; i++) {
            bool both = isnan(a.values[i]) && isnan(b.values[i]);
            if (!both && memcmp(&a.values[i], &b.values[i], sizeof(double)) != 0) {
                snprintf(message, size, "%s: output %d, number %d of all: native %.17g, interpreted %.17g", part_names[part], a.output[i],
                         (int)i, b.values[i], a.values[i]);
                v = VERDICT_FAIL;
            }
        }
        numbers_free(&a);
        numbers_free(&b);
    }
    return v;
}

static int parts_of(const program *p, int parts)
{
    return parts > 0 ? parts : p->seed % 8 == 0 ? 3 : p->seed % 4 == 0 ? 2 : 1;
}

/* Interpreted, and by the machine's compiler, which sees many at once: the same bits, NaN being NaN. */
void check_natives(const house *h, program *const *list, int count, int parts, verdict *verdicts, char (*messages)[512])
{
    trial *trials = calloc((size_t)count, sizeof *trials);
    library l = {.bodies = calloc((size_t)(count * NATIVE_PARTS), sizeof *l.bodies)};
    if (trials == NULL || l.bodies == NULL)
        abort();
    numc_scope(h->native) {
        for (int i = 0; i < count; i++) {
            int all = parts_of(list[i], parts);
            verdicts[i] = make_trial(&trials[i], h, h->native, list[i], all, messages[i], sizeof messages[i]);
            for (int part = 0; part < trials[i].made && verdicts[i] == VERDICT_PASS; part++) {
                numc_program *made = program_of(&trials[i].s[part]);
                if (made == NULL) {
                    verdicts[i] = problem(h->native, part_names[part], messages[i], sizeof messages[i]);
                    continue;
                }
                l.bodies[l.count++] = made->body;
                l.functions = numc__exec_number(made->body, &l.native, l.functions);
            }
        }
        numc__native_begin(&l.native, h->native->core, write_library, &l);
        if (l.count > 0 && numc__native_build(h->native, &l.native) != NUMC_OK) {
            fprintf(stderr, "%s\n", numc_error_message(h->native));
            for (int i = 0; i < count; i++)
                verdicts[i] = fails(messages[i], sizeof messages[i], "native", numc_error_message(h->native));
            numc_error_clear(h->native);
        }
        for (int i = 0; i < count; i++) {
            trial plain = {.made = 0};
            if (verdicts[i] == VERDICT_PASS)
                numc_scope(h->compiled) {
                    verdicts[i] = make_trial(&plain, h, h->compiled, list[i], parts_of(list[i], parts), messages[i], sizeof messages[i]);
                    if (verdicts[i] == VERDICT_PASS)
                        verdicts[i] = compare_trials(&trials[i], &plain, messages[i], sizeof messages[i]);
                    trial_end(&plain);
                }
            trial_end(&trials[i]);
        }
        numc__native_end(&l.native);
    }
    free(trials);
    free(l.bodies);
}

static verdict check_native(const house *h, program *p, char *message, size_t size)
{
    verdict v = VERDICT_FAIL;
    char text[1][512] = {""};
    check_natives(h, &p, 1, NATIVE_PARTS, &v, text);
    snprintf(message, size, "%s", text[0]);
    return v;
}

const check checks[] = {
    {"values", check_values, 1},
    {"modes", check_modes, 1},
    {"differences", check_differences, 2},
    {"second order", check_second, 3},
    {"vmap", check_batch, 1},
    {"vmap of vmap", check_nested, 3},
    {"gradient of a batch", check_gradient_of_batch, 4},
    {"linearize", check_linear, 4},
    {"Jacobians", check_jacobians, 5},
    {"dynamic", check_dynamic, 3},
    {"native", check_native, 0},
};
const int check_count = (int)(sizeof checks / sizeof *checks);
