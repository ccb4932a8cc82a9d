/* function.h - internal: what a numc_function holds. The compiler's floor fills in the program at the first call. */
#ifndef NUMC_GRAPH_FUNCTION_H
#define NUMC_GRAPH_FUNCTION_H

#include "graph/build.h"
#include "numc/function.h"

typedef void (*numc_program_release_fn)(void *program);

struct numc_function {
    numc_object object; /* freed at close at the latest */
    numc_core *core;
    numc_graph *graph; /* of a dynamic one: its values are the inputs and outputs, and it has no nodes */
    struct numc_dynamic_function *dynamic; /* or NULL (dynamic_function.c) */
    _Atomic(void *) program; /* NULL until a call with concrete arrays */
    _Atomic(numc_program_release_fn) program_release;
};

/* Of another context: then an error is set. */
static inline bool numc__function_is_foreign(numc_context *context, const numc_function *function, const char *name)
{
    if (function->core == context->core)
        return false;
    numc__fail(context, NUMC_STATE, "%s: the function belongs to another context", name);
    return true;
}
/* Not a graph of this context's: then an error is set. */
static inline bool numc__function_is_unfit(numc_context *context, const numc_function *function, const char *name)
{
    if (numc__function_is_foreign(context, function, name))
        return true;
    if (function->dynamic == NULL)
        return false;
    numc__fail(context, NUMC_UNSUPPORTED, "%s: of a dynamic function there are calls, numc_function_jvp, numc_function_vjp, "
               "numc_function_value_and_gradient, numc_function_hvp, Jacobians and Hessians, and these of one another", name);
    return true;
}

/* compose.c: all unit vectors of one of the values of directions that together have `total` elements, as [total, shape]; the blocks of a
 * Jacobian, output by output from `skip` on, from derivatives along all of them (of inputs, or in reverse mode of outputs) as [total, shape];
 * how many. */
numc_array *numc__unit_vectors(numc_context *context, const numc_type *type, int64_t first, int64_t total);
int32_t numc__jacobian_blocks(numc_context *context, const numc_graph *signature, numc_array *const *derivatives, bool reverse, int32_t skip,
                              numc_array **result);
int64_t numc__direction_count(const numc_graph *signature, bool of_outputs);

typedef enum numc_transform {
    NUMC_TRANSFORM_JVP, NUMC_TRANSFORM_VJP, NUMC_TRANSFORM_GRADIENT, NUMC_TRANSFORM_HVP, NUMC_TRANSFORM_JACOBIAN_FORWARD,
    NUMC_TRANSFORM_JACOBIAN_REVERSE, NUMC_TRANSFORM_HESSIAN
} numc_transform;
numc_function *numc__dynamic_function_new(numc_context *context, numc_trace_fn callback, void *user, const numc_array *const *examples,
                                          int32_t input_count, int32_t output_count);
numc_function *numc__dynamic_function_derive(numc_context *context, const numc_function *function, numc_transform transform);
/* The inputs are checked. */
numc_status numc__dynamic_function_call(numc_context *context, const numc_function *function, const numc_array *const *inputs,
                                        numc_array **outputs);
void numc__dynamic_function_release(struct numc_dynamic_function *dynamic);

/* Takes the reference of the graph; NULL passes through. */
numc_function *numc__function_wrap(numc_context *context, numc_graph *graph);

#endif
