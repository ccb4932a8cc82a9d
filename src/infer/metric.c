/* Inverse metric of a warm-up: covariance of positions, regularised, and what the sampler needs beside it. */
#include <math.h>
#include <string.h>

#include "infer/adaptation.h"

static size_t entries(int32_t dimension, int32_t kind)
{
    size_t d = (size_t)dimension;
    return kind == NUMC_K_METRIC_DENSE ? d * d : kind == NUMC_K_METRIC_DIAGONAL ? d : 0;
}

size_t numc__metric_estimate_doubles(int32_t dimension, int32_t kind)
{
    return 2 * (size_t)dimension + entries(dimension, kind);
}

void numc__metric_estimate_begin(numc_metric_estimate *e, int32_t dimension, int32_t kind, double *memory)
{
    e->dimension = dimension;
    e->kind = kind;
    e->mean = memory;
    e->delta = memory + dimension;
    e->scatter = memory + 2 * (size_t)dimension;
    numc__metric_estimate_restart(e);
}

void numc__metric_estimate_restart(numc_metric_estimate *e)
{
    e->count = 0;
    memset(e->mean, 0, numc__metric_estimate_doubles(e->dimension, e->kind) * sizeof(double));
}

/* d = x - mean ; mean += d/n ; scatter += (x - mean) d' */
void numc__metric_estimate_add(numc_metric_estimate *e, const double *position)
{
    int32_t n = e->dimension;
    double *d = e->delta;
    e->count++;
    if (e->kind == NUMC_K_METRIC_UNIT)
        return;
    for (int32_t i = 0; i < n; i++) {
        d[i] = position[i] - e->mean[i];
        e->mean[i] += d[i] / (double)e->count;
    }
    if (e->kind == NUMC_K_METRIC_DIAGONAL) {
        for (int32_t i = 0; i < n; i++)
            e->scatter[i] += (position[i] - e->mean[i]) * d[i];
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        double x = position[i] - e->mean[i];
        double *row = e->scatter + (size_t)i * (size_t)n;
        for (int32_t j = 0; j <= i; j++)
            row[j] += x * d[j];
    }
}

void numc__metric_estimate_write(const numc_metric_estimate *e, double *w)
{
    size_t n = (size_t)e->dimension;
    double count = (double)e->count, keep = count / (count + 5), floor = 1e-3 * (5 / (count + 5));
    double scale = e->count > 1 ? keep / (count - 1) : keep;
    if (e->count == 0)
        return;
    if (e->kind == NUMC_K_METRIC_DIAGONAL) {
        for (size_t i = 0; i < n; i++)
            w[i] = scale * (e->count > 1 ? e->scatter[i] : w[i]) + floor;
    } else if (e->kind == NUMC_K_METRIC_DENSE) {
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j <= i; j++) {
                double s = e->count > 1 ? e->scatter[i * n + j] : w[i * n + j];
                w[j * n + i] = w[i * n + j] = scale * s + (i == j ? floor : 0);
            }
    }
}

bool numc__metric_complete(int32_t dimension, int32_t kind, double *region)
{
    size_t n = (size_t)dimension;
    double *w = region, *after = region + entries(dimension, kind);
    if (kind == NUMC_K_METRIC_DIAGONAL) {
        for (size_t i = 0; i < n; i++) {
            if (!(w[i] > 0 && isfinite(w[i])))
                return false;
            after[i] = 1 / sqrt(w[i]);
        }
    } else if (kind == NUMC_K_METRIC_DENSE) {
        /* W = L L', row by row */
        for (size_t i = 0; i < n; i++) {
            double *row = after + i * n;
            for (size_t j = 0; j <= i; j++) {
                const double *other = after + j * n;
                double t = w[i * n + j];
                for (size_t k = 0; k < j; k++)
                    t -= row[k] * other[k];
                if (j < i) {
                    row[j] = t / other[j];
                    continue;
                }
                if (!(t > 0 && isfinite(t)))
                    return false;
                row[i] = sqrt(t);
            }
            for (size_t j = i + 1; j < n; j++)
                row[j] = 0;
        }
    }
    return true;
}
