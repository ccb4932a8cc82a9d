/* rules_fft.c - derivative rules of Fourier transforms. They are linear: forward mode applies them to tangents, reverse mode their
 * transposes, which are not conjugated; of a real operand the cotangent is Re(transpose), of a complex one with a real result
 * conj(transpose of the parts), as the rules of real and imag have it. */
#include "graph/derivative.h"

#define DONE(a) return (a)->context->status

static numc_array *same(const numc_application *a, const numc_array *x)
{
    return numc__bind1(a->context, a->primitive, &x, 1, a->attributes);
}

#define SAME_FORWARD(name)                                                                         \
    numc_status numc__jvp_##name(const numc_application *a, const numc_array *const *dx, numc_array **dy) \
    {                                                                                              \
        dy[0] = same(a, dx[0]);                                                                    \
        DONE(a);                                                                                   \
    }
SAME_FORWARD(fft)
SAME_FORWARD(rfft)
SAME_FORWARD(irfft)

/* The matrix exp(-+ 2 pi i j k / n) is symmetric. */
numc_status numc__vjp_fft(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    xbar[0] = same(a, ybar[0]);
    DONE(a);
}

/* z along the axis times 1 at the terms that stand for themselves, the first and of even n the last, and `twins` at those that
 * stand for their conjugates too. */
static numc_array *weighted(numc_context *context, const numc_array *z, int32_t axis, int64_t n, double twins)
{
    if (z == NULL)
        return NULL;
    int64_t numbers[1 + NUMC_RANK_LIMIT] = {axis};
    for (int32_t d = 0; d < z->rank; d++)
        numbers[1 + d] = d == axis ? z->shape[d] : 1;
    numc_attributes attributes = {.count = 1 + z->rank, .numbers = numbers, .dtype = NUMC_INT64};
    numc_array *k = numc__bind1(context, NUMC_PRIMITIVE_IOTA, NULL, 0, &attributes);
    numc_array *alone = numc_logical_or(numc_equal(k, 0), numc_equal(k, n % 2 == 0 ? n / 2 : 0));
    numc_array *one = numc_number(context, numc__part_dtype(z->dtype), 1.0);
    numc_array *weight = numc_where(alone, one, twins);
    return numc_complex(numc_multiply(numc_real(z), weight), numc_multiply(numc_imag(z), weight));
}

/* y_k = sum_j x_j w^jk, k <= n/2: xbar_j = Re sum_k ybar_k w^jk, which is irfft of conj(ybar) with the twins halved. */
numc_status numc__vjp_rfft(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    int32_t axis = (int32_t)a->attributes->numbers[0];
    const int64_t numbers[2] = {axis, a->x[0]->shape[axis]};
    const numc_array *z = weighted(a->context, numc_conj(ybar[0]), axis, numbers[1], 0.5);
    if (z != NULL)
        xbar[0] = numc__apply_numbers(a->context, NUMC_PRIMITIVE_IRFFT, &z, 1, numbers, 2);
    DONE(a);
}

/* y_j = sum_k c_k Re(x_k w^-jk) with c_k = 2 at the twins: xbar_k = c_k conj(rfft(ybar))_k. */
numc_status numc__vjp_irfft(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    const int64_t *numbers = a->attributes->numbers;
    numc_array *z = numc__apply_numbers(a->context, NUMC_PRIMITIVE_RFFT, ybar, 1, numbers, 1);
    xbar[0] = weighted(a->context, numc_conj(z), (int32_t)numbers[0], numbers[1], 2.0);
    DONE(a);
}
