/* goals.c - `numc-bench gradient` as text or JSON: the rows, and at the end each goal beside what was measured. */
#include <math.h>
#include <string.h>

#include "gradient.h"

static const char stan_note[] = "Stan: measured elsewhere, 2026-11-22: Stan 2.21 and 2.32, -O3 -march=native, AMD Zen 3 at 2.2-2.5 GHz, one thread; "
                                "the least of three versions";

/* ---- rows ------------------------------------------------------------------------------------------------------------------------ */

void bench_print_begin(const bench_options *options)
{
    if (options->json) {
        printf("{\"stan\": \"%s\", \"rows\": [", stan_note);
        return;
    }
    printf("ns per gradient, median (least); %s\n\n", stan_note);
    printf("%-43s %5s %23s %23s %23s %6s %6s %23s %23s %19s %6s %5s\n", "model", "D", "interpreted", "native", "by hand (C)", "i/hand",
           "n/hand", "by hand, one pass", "floor", "Stan elsewhere", "Stan/n", "alloc");
}

static void json_number(const char *name, double value)
{
    if (isnan(value))
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %.6g", name, value);
}

static void text_time(double median, double least)
{
    if (isnan(median))
        printf(" %23s", "-");
    else
        printf(" %11.1f (%9.1f)", median, least);
}

static void text_ratio(double value)
{
    if (isnan(value))
        printf(" %6s", "-");
    else
        printf(" %6.2f", value);
}

/* NAN where there is no native code. */
static double native_or(const bench_row *r, bench_way other)
{
    return isnan(r->median[BENCH_NATIVE]) ? r->median[other] : r->median[BENCH_NATIVE];
}

void bench_print_row(const bench_options *options, const bench_row *r, bool first)
{
    const bench_model *m = r->model;
    if (options->json) {
        static const char *const names[][2] = {{"interpreted_ns", "interpreted_ns_min"}, {"native_ns", "native_ns_min"},
                                               {"hand_ns", "hand_ns_min"},               {"hand_single_ns", "hand_single_ns_min"},
                                               {"floor_ns", "floor_ns_min"},             {"hessian_product_ns", "hessian_product_ns_min"}};
        printf("%s\n  {\"model\": \"%s\", \"backend\": \"%s\", \"D\": %d, \"rows\": %d, \"columns\": %d", first ? "" : ",", m->name,
               r->backend, (int)r->dimension, (int)m->rows, (int)m->columns);
        for (bench_way w = BENCH_INTERPRETED; w < BENCH_WAYS; w++) {
            json_number(names[w][0], r->median[w]);
            json_number(names[w][1], r->least[w]);
        }
        json_number("stan_elsewhere_ns", m->stan_median > 0 ? m->stan_median : NAN);
        json_number("stan_elsewhere_ns_min", m->stan_least > 0 ? m->stan_least : NAN);
        json_number("difference", r->error);
        json_number("allocations", r->allocations < 0.0 ? NAN : r->allocations);
        json_number("compile_ms", 1e-6 * r->compile);
        json_number("native_cold_s", 1e-9 * r->cold);
        json_number("native_cold_processor_s", 1e-9 * r->cold_processor);
        json_number("native_cached_ms", 1e-6 * r->cached);
        printf(", \"chain_bytes\": %llu, \"shared_bytes\": %llu}", (unsigned long long)r->chain_bytes, (unsigned long long)r->shared_bytes);
        return;
    }
    printf("%-43s %5d", m->name, (int)r->dimension);
    for (bench_way w = BENCH_INTERPRETED; w <= BENCH_HAND; w++)
        text_time(r->median[w], r->least[w]);
    text_ratio(r->median[BENCH_INTERPRETED] / r->median[BENCH_HAND]);
    text_ratio(r->median[BENCH_NATIVE] / r->median[BENCH_HAND]);
    text_time(r->median[BENCH_SINGLE], r->least[BENCH_SINGLE]);
    text_time(r->median[BENCH_FLOOR], r->least[BENCH_FLOOR]);
    if (m->stan_median > 0)
        printf(" %9.0f (%7.0f)", m->stan_median, m->stan_least);
    else
        printf(" %19s", "-");
    text_ratio(m->stan_least > 0 ? m->stan_least / native_or(r, BENCH_INTERPRETED) : NAN);
    if (r->allocations < 0.0)
        printf(" %5s\n", "-");
    else
        printf(" %5g\n", r->allocations);
}

static void print_making(const bench_row *rows, int count)
{
    printf("\n%-43s %10s %10s %10s %10s %12s %12s %12s %10s\n", "to make it", "compile ms", "native s", "(cpu s)", "cached ms", "chain bytes", "shared bytes",
           "Hv, ns", "Hv / grad");
    for (int k = 0; k < count; k++) {
        const bench_row *r = &rows[k];
        printf("%-43s %10.2f", r->model->name, 1e-6 * r->compile);
        if (isnan(r->cold))
            printf(" %10s %10s %10s", "-", "-", "-");
        else
            printf(" %10.2f %10.2f %10.2f", 1e-9 * r->cold, 1e-9 * r->cold_processor, 1e-6 * r->cached);
        printf(" %12llu %12llu %12.1f %10.2f\n", (unsigned long long)r->chain_bytes, (unsigned long long)r->shared_bytes,
               r->median[BENCH_PRODUCT], r->median[BENCH_PRODUCT] / native_or(r, BENCH_INTERPRETED));
    }
}

/* ---- goals ----------------------------------------------------------------------------------------------------------------------- */

typedef struct worst {
    double value; /* NAN: nothing measured */
    const char *name;
    int models, met;
} worst;

static bool open_json_row(const bench_options *options)
{
    static bool later;
    if (options->json)
        printf("%s\n  ", later ? "," : "");
    later = true;
    return options->json;
}

static void print_goal(const bench_options *options, const char *what, const worst *w, double bound, const char *unit, bool at_least)
{
    if (isnan(w->value))
        return;
    bool met = at_least ? w->value >= bound : w->value <= bound;
    if (open_json_row(options)) {
        printf("{\"goal\": \"%s\", \"bound\": %g, \"measured\": %.6g, \"unit\": \"%s\", \"worst\": \"%s\", \"models\": %d, \"models_met\": %d, "
               "\"met\": %s}", what, bound, w->value, unit, w->name, w->models, w->met, met ? "true" : "false");
        return;
    }
    printf("%-74s %s %8g %-5s %10.4g %-4s %3d of %-3d %s\n", what, at_least ? ">=" : "<=", bound, unit, w->value, met ? "yes" : "NO",
           w->met, w->models, w->name);
}

/* What a goal looks at: NAN where it says nothing of the row. */
typedef double (*quantity_fn)(const bench_row *r);

static worst worst_of(const bench_row *rows, int count, quantity_fn quantity, double bound, bool at_least)
{
    worst w = {.value = NAN, .name = ""};
    for (int k = 0; k < count; k++) {
        double value = quantity(&rows[k]);
        if (isnan(value))
            continue;
        w.models++;
        w.met += at_least ? value >= bound : value <= bound;
        if (isnan(w.value) || (at_least ? value < w.value : value > w.value)) {
            w.value = value;
            w.name = rows[k].model->name;
        }
    }
    return w;
}

static bool is(const bench_row *r, const char *part)
{
    return strncmp(r->model->name, part, strlen(part)) == 0;
}

static double schools_native(const bench_row *r) { return is(r, "eight_schools") ? r->median[BENCH_NATIVE] : NAN; }
static double schools_interpreted(const bench_row *r) { return is(r, "eight_schools") ? r->median[BENCH_INTERPRETED] : NAN; }
static double wide_single(const bench_row *r)
{
    return strcmp(r->model->name, "logistic") == 0 ? r->median[BENCH_NATIVE] / r->median[BENCH_SINGLE] : NAN;
}
static double tall_floor(const bench_row *r) { return is(r, "logistic_tall") ? r->median[BENCH_NATIVE] / r->median[BENCH_FLOOR] : NAN; }
static double native_hand(const bench_row *r) { return r->model->goal > 0 ? r->median[BENCH_NATIVE] / r->median[BENCH_HAND] : NAN; }
static double interpreted_hand(const bench_row *r)
{
    return r->model->goal > 0 ? r->median[BENCH_INTERPRETED] / r->median[BENCH_HAND] : NAN;
}
static double process_floor(const bench_row *r)
{
    return strcmp(r->model->name, "gp") == 0 ? r->median[BENCH_NATIVE] / r->median[BENCH_FLOOR] : NAN;
}
static double allocations(const bench_row *r) { return r->allocations < 0.0 ? NAN : r->allocations; }
static double stan_small(const bench_row *r)
{
    return r->model->stan_least > 0 && r->model->rows < 10000 ? r->model->stan_least / r->median[BENCH_NATIVE] : NAN;
}
static double stan_any(const bench_row *r) { return r->model->stan_least > 0 ? r->model->stan_least / r->median[BENCH_NATIVE] : NAN; }
static double stan_interpreted(const bench_row *r)
{
    return r->model->stan_least > 0 ? r->model->stan_least / r->median[BENCH_INTERPRETED] : NAN;
}
static double compile_ms(const bench_row *r) { return 1e-6 * r->compile; }
static double cold_s(const bench_row *r) { return 1e-9 * r->cold; }
static double cached_ms(const bench_row *r) { return 1e-6 * r->cached; }
static double product(const bench_row *r) { return r->median[BENCH_PRODUCT] / native_or(r, BENCH_INTERPRETED); }

static const struct {
    const char *what;
    quantity_fn quantity;
    double bound;
    const char *unit;
    bool at_least;
} goals[] = {
    {"eight schools, native", schools_native, 150, "ns", false},
    {"eight schools, interpreted", schools_interpreted, 1200, "ns", false},
    {"logistic 10000 x 100, native, of one pass over X by hand", wide_single, 1.15, "times", false},
    {"logistic 1e6 x 20, native, of one read of X", tall_floor, 1.6, "times", false},
    {"GARCH, AR, HMM, mixture: native, of the same by hand", native_hand, 1.5, "times", false},
    {"GARCH, AR, HMM, mixture: interpreted, of the same by hand", interpreted_hand, 6, "times", false},
    {"Gaussian process of 200, native, of the LAPACK calls it needs", process_floor, 1.3, "times", false},
    {"allocations in a gradient", allocations, 0, "", false},
    {"below 10000 rows: native faster than Stan (measured elsewhere)", stan_small, 3, "times", true},
    {"any model: native no slower than Stan (measured elsewhere)", stan_any, 1, "times", true},
    {"any model: interpreted no slower than Stan (measured elsewhere)", stan_interpreted, 1, "times", true},
    {"trace and compile, interpreted", compile_ms, 5, "ms", false},
    {"trace and compile, native, cold", cold_s, 0.5, "s", false},
    {"trace and compile, native, from the cache", cached_ms, 10, "ms", false},
    {"Hessian-vector product with the gradient, of a gradient", product, 3, "times", false},
};

void bench_print_end(const bench_options *options, const bench_row *rows, int count, const bench_sampling *sampling)
{
    if (options->json)
        printf("\n], \"goals\": [");
    else
        print_making(rows, count);
    if (!options->json && sampling != NULL)
        printf("\nsampling eight schools, 4 x (1000 + 1000), one thread, %.0f gradients, ms: interpreted %.1f, native %.1f, "
               "swapped in meanwhile %.1f\n", sampling->gradients, 1e-6 * sampling->interpreted, 1e-6 * sampling->native,
               1e-6 * sampling->automatic);
    if (!options->json)
        printf("\n%-74s %11s %-5s %10s %-4s %s\n", "goal (medians; the worst model)", "bound", "", "measured", "met", "models that meet it");
    for (size_t k = 0; k < sizeof goals / sizeof goals[0]; k++) {
        worst w = worst_of(rows, count, goals[k].quantity, goals[k].bound, goals[k].at_least);
        print_goal(options, goals[k].what, &w, goals[k].bound, goals[k].unit, goals[k].at_least);
    }
    if (sampling != NULL) {
        double best = isnan(sampling->native) ? sampling->interpreted : sampling->native;
        worst time = {1e-6 * best, "eight_schools", 1, 1e-6 * best <= 40}, overhead = {sampling->overhead, "eight_schools", 1, sampling->overhead <= 200};
        print_goal(options, "sampling eight schools, 4 x (1000 + 1000), one thread, native", &time, 40, "ms", false);
        print_goal(options, "overhead of a leapfrog outside the gradient, D = 10", &overhead, 200, "ns", false);
    }
    if (options->json)
        printf("\n]}\n");
}
