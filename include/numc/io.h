/* io.h - for users of libnumc_io: Stan JSON in, CmdStan CSV out. Link with numc_io beside numc.
 *
 * This library allocates with malloc, as the JSON parser under it does. An object is used from one thread at a time. */
#ifndef NUMC_IO_H
#define NUMC_IO_H

#include "numc/array.h"
#include "numc/mcmc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Stan JSON: an object of named numbers and row-major nested arrays of numbers ("JSON Format for CmdStan").
 *
 * "NaN", "Inf" and "Infinity" as text, in any letter case and with a sign or none, stand for those values. An array of
 * integers alone is int64, any other float64; [] has shape (0), [[], []] shape (2, 0), both int64. A value inside an object
 * is reached by its path, keys joined with "/" (a Stan tuple's first member: "x/1"). Refused: ragged arrays, two values of
 * one name, nesting deeper than 32, integers beyond int64. Text, true, false and null are skipped until asked for. */
typedef struct numc_json numc_json;

/* Reads a file, or a text of `size` bytes. *out is freed by the caller with numc_json_free, before the context is closed,
 * and is NULL on failure: NUMC_IO (cannot be opened or read, or is longer than 4 GiB), NUMC_PARSE (the message says line and
 * column, or the path of the value), NUMC_MEMORY. Refuses to start while the context has a pending error. */
NUMC_API NUMC_MUST_CHECK numc_status numc_json_read_file(numc_context *context, const char *path, numc_json **out);
NUMC_API NUMC_MUST_CHECK numc_status numc_json_read_text(numc_context *context, const char *text, size_t size,
                                                         numc_json **out);
NUMC_API void numc_json_free(numc_json *json); /* NULL is accepted */

/* Names in the order of the file; NULL beyond the last. They live as long as the object. */
NUMC_API size_t numc_json_count(const numc_json *json);
NUMC_API const char *numc_json_name(const numc_json *json, size_t index);
NUMC_API bool numc_json_has(const numc_json *json, const char *name);

/* One number. A missing name (the nearest is offered), an array, or a real where an integer is wanted sets the context's
 * error and returns NaN, or 0. */
NUMC_API double numc_json_number(const numc_json *json, const char *name);
NUMC_API int64_t numc_json_integer(const numc_json *json, const char *name);

/* A new array in the innermost scope of the context the file was read with: int64 or float64; a number is a 0-d array. NULL,
 * with the context's error set, when there is no such name (the nearest is offered) or it does not hold only numbers. */
NUMC_API numc_array *numc_json_array(const numc_json *json, const char *name);

/* A look at the values on the host, row-major, borrowed from the object. Exactly one of integers and reals is not NULL
 * (both may be NULL when count is 0). */
typedef struct numc_json_view {
    int32_t rank;
    const int64_t *shape; /* rank lengths */
    int64_t count;        /* their product */
    const int64_t *integers;
    const double *reals;
} numc_json_view;
/* False, with the context's error set, when there is no such name or it does not hold only numbers. */
NUMC_API bool numc_json_values(const numc_json *json, const char *name, numc_json_view *view);

/* ---- CmdStan CSV: one file PREFIX_N.csv per chain, N from 1 ("Stan CSV File Format"), for ArviZ, cmdstanr, cmdstanpy,
 * stansummary. Columns lp__, accept_stat__, stepsize__, treedepth__, n_leapfrog__, divergent__, energy__, then every site in
 * order, its elements column-major and 1-based ("a.2.1"); saved warm-up draws first. Numbers read back to the same double.
 *
 * Refuses to start while the context has a pending error. NUMC_IO naming the site where columns could not be told apart or read: a
 * name that ends in "__", reads as an element of another ("a.1" beside "a"), or is not UTF-8. NUMC_IO, with the path and the reason, when a file cannot be written
 * whole; that file is then removed. */
NUMC_API NUMC_MUST_CHECK numc_status numc_mcmc_write_csv(const numc_mcmc *mcmc, const char *path_prefix);

#ifdef __cplusplus
}
#endif
#endif
