/* test_handles.cpp - numc.hpp: what handles own, operators, indexing, what must not compile, exceptions. Plain checks: the
 * program names the line that fails. */
#include <cmath>
#include <cstdio>
#include <cstring>

#include "numc/numc.hpp"

static int failures = 0;
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

using namespace numc;
using values = std::vector<double>;

template <class A, class B, class = void>
struct adds : std::false_type {};
template <class A, class B>
struct adds<A, B, std::void_t<decltype(add(std::declval<A>(), std::declval<B>()))>> : std::true_type {};
static_assert(adds<array, int>::value && adds<double, array>::value && adds<array, array>::value);
static_assert(!adds<int, double>::value, "two numbers and no array");
static_assert(!adds<array, void *>::value && !adds<array, const char *>::value, "a pointer that is no array");
static_assert(!std::is_convertible_v<array, bool> && !std::is_copy_constructible_v<context>);

static void owning()
{
    context c("ref");
    const numc_statistics before = c.statistics();
    CHECK(before.device.size == 0); /* ref counts nothing of its own */
    {
        array x = arange(c, 0, 1000), y = x, z;
        z = x + 1;
        y = std::move(z);
        CHECK(!z && y && y.item() != y.item()); /* a thousand elements are no item: NaN, and an error */
        CHECK(numc_error_status(c) == NUMC_SHAPE);
        numc_error_clear(c);
        CHECK(max(y).item() == 1000);
        const array &same = y; /* assigned to itself, unseen by the compiler */
        y = same;
        CHECK(min(y).item() == 1);
        for (int i = 0; i < 100; i++)
            y = y * 2 - y;
        CHECK(c.statistics().bytes_peak <= before.bytes_live + 5 * 8192); /* each step's memory went back at once */
    }
    const numc_statistics after = c.statistics();
    CHECK(after.arrays_live == before.arrays_live && after.bytes_live == before.bytes_live);
    array outside;
    {
        scope inner(c);
        outside = ones(c, {3}) * 2;
    }
    CHECK(sum(outside).item() == 6);
}

static void expressions()
{
    context c("ref");
    array x = reshape(arange(c, 0, 24), {2, 3, 4});
    CHECK((x[{slice(1, 5), newaxis, all, 3}].shape() == std::vector<int64_t>{1, 1, 3}));
    CHECK((x[{1, ellipsis, slice(open, open, -3)}].to_vector() == values{15, 12, 19, 16, 23, 20}));
    CHECK((x[1][2][3].item() == 23));
    CHECK((x[{all, 0}][x[{all, 0}] % 2 == 1].to_vector() == values{1, 3, 13, 15}));
    array v = arange(c, 0, 4);
    CHECK(((1 + v * 2 - v / 4).to_vector() == values{1, 2.75, 4.5, 6.25}));
    CHECK(((v < 2).to_vector<unsigned char>() == std::vector<unsigned char>{1, 1, 0, 0}));
    CHECK(((-v + pow(v, 2)).to_vector() == values{0, 0, 2, 6}));
    CHECK((where(v > 1, v, -1).to_vector() == values{-1, -1, 2, 3}));
    CHECK(all(v >= 0).item_bool() && !all(v > 0).item_bool() && any(v > 2).item_bool());
    CHECK((sum(x, {0, -1}).to_vector() == values{60, 92, 124}));
    CHECK((sum(x, {1}, true).shape() == std::vector<int64_t>{2, 1, 4}));
    CHECK(std::fabs(numc::std(v).item() - std::sqrt(1.25)) < 1e-15); /* one rounding of sqrt */
    v += 1;
    v.assign({slice(0, 2)}, 9);
    CHECK((v.to_vector() == values{9, 9, 3, 4}));
    CHECK((v.update({array(v > 5)}, 0).to_vector() == values{0, 0, 3, 4}));
    CHECK((concat({v, v[{slice(0, 1)}]}).to_vector() == values{9, 9, 3, 4, 9}));
    CHECK((argmax(v, axis(0)).item_integer() == 0));
    const array fifths = linspace(c, 0, 1, 5, true);
    CHECK(fifths[4].item() == 0.8 && linspace(c, 0, 1, 5)[4].item() == 1);
    CHECK(cumulative_sum(fifths, axis(0), true, NUMC_FLOAT32).dtype() == NUMC_FLOAT32);
    CHECK(cumulative_prod(fifths, {}, true)[0].item() == 1 && cumulative_sum(fifths, {}, true).size() == 6);
    const array down = sort(fifths, axis(-1), true), up = argsort(down);
    CHECK(down[0].item() == 0.8 && up[0].item_integer() == 4);
    CHECK(searchsorted(down, fifths, true, up)[4].item_integer() == 5 && argmin(fifths, {}, true).rank() == 1);
    CHECK((from_vector(c, std::vector<int8_t>{1, 2, 3, 4}, {2, 2}).dtype() == NUMC_INT8));
    CHECK((matmul(eye(c, 2, 2) * 3, ones(c, {2})).to_vector() == values{3, 3}));
    CHECK((linalg::solve(eye(c, 2, 2) * 4, ones(c, {2})).to_vector() == values{0.25, 0.25}));
    array four = eye(c, 2, 2) * 4; /* powers of two: every step below is exact */
    CHECK((linalg::eigh(four).values.to_vector() == values{4, 4}));
    CHECK((linalg::svd(four, false).s.to_vector() == values{4, 4}));
    CHECK((linalg::pinv(four).to_vector() == values{0.25, 0, 0, 0.25}));
    CHECK(linalg::matrix_rank(four, 2).item_integer() == 0 && linalg::matrix_rank(four).item_integer() == 2);
    CHECK(linalg::matrix_norm(four, NUMC_ORDER_NUCLEAR).item() == 8 && linalg::vector_norm(ones(c, {4})).item() == 2);
    CHECK((matmul(linalg::qr(four).q, linalg::qr(four).r).to_vector() == values{4, 0, 0, 4}));
    CHECK((linalg::cholesky(four, true).to_vector() == values{2, 0, 0, 2}));
    CHECK((linalg::cho_inv(linalg::cholesky(four)).to_vector() == values{0.25, 0, 0, 0.25}));
    CHECK((vecdot(four, four, -2).to_vector() == values{16, 16}) && linalg::trace(four, 1).item() == 0);
    CHECK(tensordot(four, four).item() == 32 && linalg::svdvals(four).size() == 2 && linalg::eigvals(four).size() == 2);
    CHECK((v * std::size_t{2})[0].item() == 18);
    const std::complex<double> turn(0, 1);
    const array z = complex(v, 2.0) * turn;
    CHECK(z.dtype() == NUMC_COMPLEX128 && z[0].item_complex() == std::complex<double>(-2, 9));
    CHECK((real(conj(z)).to_vector() == values{-2, -2, -2, -2}) && imag(conj(z))[0].item() == -9);
    CHECK((from_vector(c, z.to_vector<std::complex<float>>()).dtype() == NUMC_COMPLEX64));
    const array bins = fft::rfft(ones(c, {4})), back = fft::irfft(bins, axis(0), fft::length(4));
    CHECK(bins.dtype() == NUMC_COMPLEX128 && bins.size() == 3 && (back.to_vector() == values{1, 1, 1, 1}));
    CHECK((fft::rfftn(x, {0, 1}).shape() == std::vector<int64_t>{2, 2, 4}));
    CHECK((fft::fftn(x, {}, {5, -1}, NUMC_FFT_ORTHO).shape() == std::vector<int64_t>{2, 5, 4}));
    CHECK((fft::fftshift(fft::fftfreq(c, 4)).to_vector() == values{-0.5, -0.25, 0, 0.25}));
    CHECK(v.to_string() == "[9 9 3 4]" && v.to_string(true) == "array([9, 9, 3, 4])");
    array k = random::key(c, 7);
    CHECK(random::split(k, 3).shape() == (std::vector<int64_t>{3, 2}) && random::bits(random::fold_in(k, 1), {2}).dtype() == NUMC_UINT32);
    CHECK(random::uniform(k, {100}, 2, 3)[5].item() >= 2 && random::normal(k, {2, 3}, NUMC_FLOAT32).dtype() == NUMC_FLOAT32);
    CHECK(random::randint(k, {4}, 5, 6)[3].item_integer() == 5 && random::bernoulli(k, 1, {3})[2].item_bool());
    CHECK(random::gamma(k, 2.5, {5}).size() == 5 && random::beta(k, 2, 3, {5}).size() == 5 && random::poisson(k, 0, {2})[1].item() == 0);
    CHECK(random::dirichlet(k, ones(c, {3}), {2}).shape() == (std::vector<int64_t>{2, 3}));
    CHECK(random::categorical(k, from_vector(c, values{0, -INFINITY}), {4})[0].item_integer() == 0);
    CHECK(special::gammaln(arange(c, 1, 4, 1, NUMC_FLOAT64)).to_vector()[0] == 0 && special::xlogy(0, zeros(c, {})).item() == 0);
    CHECK(special::softmax(zeros(c, {4}))[0].item() == 0.25 && std::abs(special::betainc(1, 1, full(c, {}, 0.5)).item() - 0.5) < 1e-14);
    CHECK((isin(arange(c, 0, 3), 1).to_vector() == values{0, 1, 0}) && unique_counts(zeros(c, {3})).counts[0].item() == 3);
    CHECK(unique_all(zeros(c, {2})).inverse_indices.size() == 2 && unique_values(zeros(c, {3})).size() == 1);
    CHECK((diff(arange(c, 0, 6, 2)).to_vector() == values{2, 2}) && diff(arange(c, 0, 3), axis(0), 0).size() == 3);
    CHECK(nonzero(eye(c, 2, 2)).size() == 2 && unstack(eye(c, 2, 3), 1).size() == 3 && broadcast_arrays({zeros(c, {2, 1}), zeros(c, {3})})[1].rank() == 2);
    CHECK(meshgrid({arange(c, 0, 2), arange(c, 0, 3)})[0].shape() == (std::vector<int64_t>{3, 2}));
    CHECK(meshgrid({arange(c, 0, 2), arange(c, 0, 3)}, true)[0].shape() == (std::vector<int64_t>{2, 3}));
    CHECK((roll(arange(c, 0, 3), std::vector<int64_t>{1}, std::vector<int64_t>{0}).to_vector() == values{2, 0, 1}) && (roll(arange(c, 0, 3), 1, 0).to_vector() == values{2, 0, 1}));
    CHECK(moveaxis(zeros(c, {2, 3, 4}), {0, 1}, {-1, 0}).shape() == (std::vector<int64_t>{3, 4, 2}));
    CHECK((repeat(arange(c, 0, 2), arange(c, 1, 3)).to_vector() == values{0, 1, 1}) && (repeat(arange(c, 0, 2), 2).size() == 4));
    CHECK(zeros_like(v, NUMC_INT8).dtype() == NUMC_INT8 && empty_like(v).dtype() == v.dtype() && (full_like(v, 3)[0].item() == 3));
    CHECK(asarray(c, 2.5).item() == 2.5 && asarray(c, v, NUMC_FLOAT32).dtype() == NUMC_FLOAT32 && empty(c, {2}).size() == 2);
    CHECK(ones_like(v, NUMC_BOOL)[1].item_bool() && searchsorted(arange(c, 0, 4), 2).item_integer() == 2);
    context other("ref");
    CHECK(to_device(v, other).where() == other.get() && to_device(v, other).to_vector() == v.to_vector());
    CHECK(std::string(v.device()) == numc_info_default_device(c));
    array i = arange(c, 5, 8);
    i %= 4;
    i <<= 2;
    i |= 1;
    i &= 13;
    i ^= 8;
    i >>= 1;
    CHECK((i.to_vector() == values{6, 0, 2}));
    c.check();
}

static void errors()
{
    context c("ref");
    array bad = ones(c, {2}) + ones(c, {3});
    CHECK(!bad && !(bad * 2) && !exp(bad));
    bool thrown = false;
    try {
        c.check();
    } catch (const error &e) {
        thrown = e.status() == NUMC_SHAPE && std::strstr(e.what(), "do not broadcast") != nullptr;
    }
    CHECK(thrown);
    c.check();
    CHECK(!from_vector(c, values{1, 2, 3}, {2}));
    numc_error_clear(c);
    thrown = false;
    try {
        context nowhere("no-such-backend");
        (void)(ones(nowhere, {2}) + arange(nowhere, 0, 2)); /* devices open lazily */
        nowhere.check();
    } catch (const error &) {
        thrown = true;
    }
    CHECK(thrown);
}

static void traces()
{
    context c("ref");
    array x = arange(c, 0, 3), stale;
    const numc_array *inputs[1] = {x.get()};
    function f = numc_function_trace(
        c,
        [](numc_context *, const numc_array *const *in, int32_t, numc_array **out, int32_t, void *user) {
            array v = in[0];
            *static_cast<array *>(user) = v * 2;
            out[0] = numc_sum(numc_multiply(numc_operand_array(v.get()), numc_operand_array(v.get())), nullptr);
        },
        &stale, inputs, 1, 1);
    c.check();
    numc_array *output = nullptr;
    CHECK(numc_function_call(c, f, inputs, 1, &output, 1) == NUMC_OK && numc_item(output) == 5);
    CHECK(!exp(stale));
    CHECK(std::strstr(numc_error_message(c), "died with its trace") != nullptr);
    numc_error_clear(c);
}

struct pair_of_rows {
    array y, sigma;
};

static void two_schools(numc_run *run, void *user)
{
    const pair_of_rows &s = *static_cast<const pair_of_rows *>(user);
    array mu = sample(run, "mu", normal(run, 0, 5));
    array tau = sample(run, "tau", half_cauchy(run, 5));
    plate(run, "school", 2, [&] {
        array theta = deterministic(run, "theta", mu + tau * sample(run, "z", normal(run, 0, 1)));
        observe(run, "y", normal(run, theta, data(run, "sigma", s.sigma)), s.y);
    });
}

/* log density of N(x | m, s) */
static double normal_density(double x, double m, double s)
{
    return -0.5 * std::pow((x - m) / s, 2) - std::log(s) - 0.5 * std::log(2 * 3.14159265358979323846);
}

static void models()
{
    context c("ref");
    pair_of_rows rows = {from_vector(c, values{28, 8}), from_vector(c, values{15, 10})};
    model m = numc_model_new(c, two_schools, &rows);
    c.check();
    array mu = number(c, 1.0), tau = number(c, 2.0), z = from_vector(c, values{0.5, -0.5});
    const numc_named named[3] = {{"mu", mu.get()}, {"tau", tau.get()}, {"z", z.get()}};
    double density = numc_item(numc_model_log_density(m, named, 3));
    c.check();
    double expected = normal_density(1, 0, 5) + std::log(2 / (3.14159265358979323846 * 5 * (1 + 0.16))) + normal_density(0.5, 0, 1)
                      + normal_density(-0.5, 0, 1) + normal_density(28, 2, 15) + normal_density(8, 0, 10);
    CHECK(std::fabs(density - expected) < 1e-13 * std::fabs(expected)); /* some roundings of six terms */
    numc_mcmc_options options = {};
    options.chains = 2;
    options.warmup = 50;
    options.draws = 50;
    mcmc chains = numc_mcmc_new(m, &options);
    c.check();
    CHECK(numc_mcmc_run(chains, 1) == NUMC_OK);
    CHECK(numc_mcmc_draw_count(chains, 0) == 50 && numc_mcmc_site_count(chains) == 4);
}

/* x -> sum x^3 */
static void cubes(numc_context *, const numc_array *const *in, int32_t, numc_array **out, int32_t, void *)
{
    out[0] = numc_sum(numc_multiply(numc_operand_array(numc_square(in[0])), numc_operand_array(in[0])), nullptr);
}

static void functions()
{
    context c("ref");
    array x = from_vector(c, values{1, 2, -3});
    const numc_array *example = x.get();
    function f = numc_function_trace(c, cubes, nullptr, &example, 1, 1);
    c.check();
    std::vector<array> h = f.hessian(c)(c, {x});
    c.check();
    CHECK(h.size() == 3 && h[0].item() == -18 && h[1].to_vector() == (values{3, 12, 27}));
    CHECK(h[2].to_vector() == (values{6, 0, 0, 0, 12, 0, 0, 0, -18}));
    array rows = stack({x, x * 2});
    std::vector<array> g = f.value_and_gradient(c).vmap(c, {rows})(c, {rows});
    c.check();
    CHECK(g.size() == 2 && g[0].to_vector() == (values{-18, -144}) && g[1].shape() == (std::vector<int64_t>{2, 3}));
    array columns = stack({x, x * 2}, -1);
    CHECK(f.vmap(c, {columns}, {-1}, {0})(c, {columns})[0].to_vector() == (values{-18, -144}));
    CHECK(f.hvp(c)(c, {x, x})[2].to_vector() == (values{6, 24, 54}));
    CHECK(f.jacobian_forward(c)(c, {x})[1].to_vector() == f.jacobian_reverse(c)(c, {x})[1].to_vector());
    CHECK(f.jvp(c)(c, {x, x})[1].item() == -54 && f.vjp(c)(c, {x, ones(c, {})})[1].to_vector() == (values{3, 12, 27}));
    c.check();
    function refused = f.vmap(c, {x}, {NUMC_UNMAPPED});
    CHECK(refused.get() == nullptr && numc_error_status(c) == NUMC_INVALID_ARGUMENT);
    numc_error_clear(c);
    CHECK(refused(c, {x}).empty());
    numc_error_clear(c);
}

/* y = a x^2 of each element, a double behind user; and its derivative backwards. */
static numc_status scaled_square(const numc_external_array *in, int32_t, const numc_external_array *out, int32_t, char *, size_t, void *user)
{
    const double *x = static_cast<const double *>(in[0].data);
    double *y = static_cast<double *>(out[0].data);
    for (int i = 0; i < 3; i++)
        y[i] = *static_cast<const double *>(user) * x[i] * x[i];
    return NUMC_OK;
}

static numc_status scaled_square_vjp(const numc_external_array *in, int32_t, const numc_external_array *out, int32_t, char *, size_t, void *user)
{
    const double *x = static_cast<const double *>(in[0].data), *back = static_cast<const double *>(in[2].data);
    double *y = static_cast<double *>(out[0].data);
    for (int i = 0; i < 3; i++)
        y[i] = *static_cast<const double *>(user) * 2 * x[i] * back[i];
    return NUMC_OK;
}

static void externals()
{
    context c("ref");
    double scale = 0.5;
    array x = from_vector(c, values{1, 2, -3});
    function f = external(c, scaled_square, &scale, {{NUMC_FLOAT64, {3}}}, {{NUMC_FLOAT64, {3}}}, nullptr, scaled_square_vjp);
    c.check();
    CHECK(f(c, {x})[0].to_vector() == (values{0.5, 2, 4.5}));
    CHECK(f.vjp(c)(c, {x, ones(c, {3})})[1].to_vector() == (values{1, 2, -3}));
    c.check();
    function refused = external(c, nullptr, nullptr, {{NUMC_FLOAT64, {3}}}, {{NUMC_FLOAT64, {3}}});
    CHECK(refused.get() == nullptr && numc_error_status(c) == NUMC_INVALID_ARGUMENT);
    numc_error_clear(c);
}

static void trees()
{
    context c("ref");
    tree t(c);
    {
        scope inside(c);
        t.set("layer/weight", from_vector(c, values{1, 2, 3})).set("bias", number(c, 4, NUMC_FLOAT64)).set("layer/weight", from_vector(c, values{5, 6}));
    }
    c.check();
    CHECK(t.size() == 2 && t.path(0) == "bias" && t.path(1) == "layer/weight");
    CHECK(t["bias"].item() == 4 && t.ravel().to_vector() == (values{4, 5, 6}));
    std::vector<array> leaves = t.flatten();
    tree twice = t.unflatten({leaves[0] * 2, leaves[1] * 2}), back = t.unravel(twice.ravel() + 1);
    c.check();
    CHECK(twice["layer/weight"].to_vector() == (values{10, 12}) && back["layer/weight"].to_vector() == (values{11, 13}) && back["bias"].item() == 9);
    CHECK(!t["nobody"] && numc_error_status(c) == NUMC_INVALID_ARGUMENT);
    numc_error_clear(c);
    const std::string cut("bias\0under", 10);
    t.set(cut, leaves[0]);
    CHECK(numc_error_status(c) == NUMC_INVALID_ARGUMENT && t.size() == 2);
    numc_error_clear(c);
    CHECK(!t[cut] && numc_error_status(c) == NUMC_INVALID_ARGUMENT);
    numc_error_clear(c);
    t.set("bias/under", leaves[0]);
    CHECK(numc_error_status(c) != NUMC_OK && t.size() == 2);
    numc_error_clear(c);
    CHECK(t.unflatten({leaves[0]}).size() == 0 && numc_error_status(c) != NUMC_OK);
    numc_error_clear(c);
}

/* What dynamic mode is for, with handles. */
static void branching(numc_context *, const numc_array *const *in, int32_t, numc_array **out, int32_t, void *)
{
    array x = in[0];
    array y = x.item() > 0 ? x * x : exp(x);
    out[0] = numc_add(numc_operand_array(y.get()), numc_operand_real(0));
}

static void dynamic_functions()
{
    context c("ref");
    array x = number(c, 3, NUMC_FLOAT64), low = number(c, -1, NUMC_FLOAT64);
    const numc_array *example = x.get();
    function g = function(numc_function_dynamic(c, branching, nullptr, &example, 1, 1)).value_and_gradient(c);
    c.check();
    CHECK(g(c, {x})[1].item() == 6 && std::fabs(g(c, {low})[1].item() - std::exp(-1.0)) < 1e-16);
    c.check();
}

int main()
{
    owning();
    expressions();
    errors();
    traces();
    models();
    functions();
    externals();
    trees();
    dynamic_functions();
    if (failures == 0)
        std::puts("all checks passed");
    return failures != 0;
}
