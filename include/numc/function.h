/* function.h - for users: traced functions, their derivatives, and structured control flow.
 *
 * A numc_function is a graph recorded by running a C callback once on arrays that have shape and dtype but no value. It is
 * immutable and belongs to its context; free it with numc_function_free, or let numc_close do it. It may be called from any
 * lane of its context, concurrently; the lane that recorded it stays open as long as it is used. */
#ifndef NUMC_FUNCTION_H
#define NUMC_FUNCTION_H

#include "numc/array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct numc_function numc_function;

/* Computes outputs (output_count of them, fixed at the call) from inputs. Errors are left in the context. */
typedef void (*numc_trace_fn)(numc_context *context, const numc_array *const *inputs, int32_t input_count,
                              numc_array **outputs, int32_t output_count, void *user);

/* Records `callback` for inputs like `examples` (their dtypes and shapes; values are not read). */
NUMC_API numc_function *numc_function_trace(numc_context *context, numc_trace_fn callback, void *user,
                                            const numc_array *const *examples, int32_t input_count, int32_t output_count);
/* The same in dynamic mode: for callbacks that decide in C by what they computed. It is not compiled: the callback runs at each call
 * (and once here, on the examples, for the types of its outputs), each array function runs at once, traced arrays have values -
 * numc_item, numc_to_host, masks and numc_nonzero work on them, numc_while and the other loops call their bodies - and
 * derivatives are those of the path that was taken; a loop in C, and numc_while, has a reverse mode so. The types of outputs
 * must be the same each time, else NUMC_TRACE. There are calls, jvp, vjp, value_and_gradient, hvp, Jacobians and Hessians (the path
 * is walked once for each direction), and these of one another; the other transforms are NUMC_UNSUPPORTED. A call inside a traced function, whose arrays have no values, is NUMC_TRACE. The
 * callback runs on the lane of the call and makes arrays with the context it is given. Memory grows with the length of the path. */
NUMC_API numc_function *numc_function_dynamic(numc_context *context, numc_trace_fn callback, void *user,
                                              const numc_array *const *examples, int32_t input_count, int32_t output_count);
NUMC_API void numc_function_free(numc_function *function); /* NULL is accepted */
NUMC_API int32_t numc_function_input_count(const numc_function *function);
NUMC_API int32_t numc_function_output_count(const numc_function *function);
/* Compiled at its first call with concrete arrays; with traced arrays it is inlined into the trace. Shapes and dtypes must be
 * those of the trace. */
NUMC_API numc_status numc_function_call(numc_context *context, numc_function *function, const numc_array *const *inputs,
                                        int32_t input_count, numc_array **outputs, int32_t output_count);
/* Derivatives of complex values: the reverse mode transposes without conjugation, so the gradient of a real function of z = x + iy
 * is df/dx - i df/dy, which of the real part of a holomorphic function is its derivative.
 * (x..., dx...) -> (y..., dy...): forward mode, tangents for every float input and output. */
NUMC_API numc_function *numc_function_jvp(numc_context *context, const numc_function *function);
/* (x..., ybar...) -> (y..., xbar...): reverse mode. */
NUMC_API numc_function *numc_function_vjp(numc_context *context, const numc_function *function);
/* (x...) -> (y, dy/dx...) for one 0-d real output. */
NUMC_API numc_function *numc_function_value_and_gradient(numc_context *context, const numc_function *function);
/* The function of a whole batch: input i like examples[i] (shapes alone are read), which is f's input i with one axis more, the
 * batch, at in_axes[i]; outputs have it at out_axes. All inputs and outputs: axis 0, unless lists are given, with one entry
 * each, counted from the end where negative; an input with NUMC_UNMAPPED is the same for every element, and so must be an
 * output. At least one input is mapped, and mapped ones agree in size, which may be 0.
 *   numc_function_vmap(context, f, examples, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED), .out_axes = NUMC_AXES(-1))
 * Elements are what f gives for each, up to the order of sums where products with an unmapped matrix become one larger product.
 * A draw whose key is unmapped is the same for all. Where the predicate of a cond (the index of a switch) is another for each
 * element, all branches are computed and one is selected; in gradients nothing comes back, not even NaN, from a branch an
 * element does not take. A while goes on until all elements are done; those that are done are stepped with the others, and their
 * values kept. So a branch or a body also runs on values that no element alone would give it: a while in one has to end there (its
 * limit is an error if it does not), and an external function has to bear them. */
#define NUMC_UNMAPPED INT64_MIN
typedef struct numc_vmap_options {
    size_t size;
    numc_axes in_axes, out_axes;
} numc_vmap_options;
NUMC_API numc_function *numc_function_vmap_(numc_context *context, const numc_function *function,
                                            const numc_array *const *examples, int32_t input_count,
                                            const numc_vmap_options *options);
#ifndef __cplusplus
#define NUMC_VMAP_1_(context, function, examples, input_count, ...) \
    numc_function_vmap_(NUMC_CONTEXT(context), function, examples, input_count, \
                        &(numc_vmap_options){.size = sizeof(numc_vmap_options), __VA_ARGS__})
#define numc_function_vmap(...) NUMC_VMAP_1_(__VA_ARGS__, )
#endif

/* The following are made of these; each takes every float input, and every float output where it is not said to be one. */
/* (x...) -> (y..., J...): J[i][j] = dy_i / dx_j of shape (shape of y_i, shape of x_j), row by row. forward takes as much time as
 * inputs have elements, reverse as outputs have; both give the same to rounding. Of a complex input: the derivative along the
 * real axis, which is the derivative where the function is holomorphic. */
NUMC_API numc_function *numc_function_jacobian_forward(numc_context *context, const numc_function *function);
NUMC_API numc_function *numc_function_jacobian_reverse(numc_context *context, const numc_function *function);
/* (x...) -> (y, dy/dx..., H...): H[i][j] = d2y / dx_i dx_j of shape (shape of x_i, shape of x_j), row by row; y is one 0-d float. */
NUMC_API numc_function *numc_function_hessian(numc_context *context, const numc_function *function);
/* (x..., v...) -> (y, dy/dx..., (H v)...): the product without the Hessian, in a few times what y takes; y is one 0-d float. */
NUMC_API numc_function *numc_function_hvp(numc_context *context, const numc_function *function);
/* The linear function (dx...) -> (dy...) of the derivative at these inputs: what depends on them alone is computed once, here
 * (within a scan that depends on a tangent, at each call). outputs gets the values there; NULL: they are not wanted. */
NUMC_API numc_function *numc_function_linearize(numc_context *context, const numc_function *function, const numc_array *const *inputs,
                                                int32_t input_count, numc_array **outputs, int32_t output_count);

/* The function with a derivative of your own in place of the one that follows from its primitives: recorded once, from a
 * callback whose inputs are x..., y... and
 *   jvp: dx of each float input, from which it computes dy of each float output. It must be linear in dx, which nobody checks
 *        (reverse mode, which runs it backwards, is that of its slope at dx = 0); further derivatives follow from it.
 *   vjp: ybar of each float output, from which it computes xbar of each float input. Forward mode is then NUMC_UNSUPPORTED,
 *        but for forward over reverse, which differentiates what the callback did.
 * An output of another shape or dtype is NUMC_SHAPE, naming it. Gradients that are clipped, implicit (of a solver: not of its
 * steps), or of a numerically better form are made so. */
NUMC_API numc_function *numc_function_custom_jvp(numc_context *context, const numc_function *function, numc_trace_fn jvp, void *user);
NUMC_API numc_function *numc_function_custom_vjp(numc_context *context, const numc_function *function, numc_trace_fn vjp, void *user);
/* The same function, of which reverse mode keeps the inputs alone: what its derivative needs of the rest is computed again when it
 * is reached. For large functions in a row, or in a scan. They nest. */
NUMC_API numc_function *numc_function_rematerialize(numc_context *context, const numc_function *function);
/* A function of your own in C as a function like any other: recorded by a trace as one step, called when that runs, for each
 * element of a batch. It gets concrete arrays in host memory, row by row, and fills the outputs; where it does not return NUMC_OK
 * the run stops with that status and the text it left in `message` (message_size bytes). It must give the same for the same
 * inputs, may be called once or several times for one use, and from several threads at once (chains run concurrently): what
 * `user` points to is shared by them, and must live as long as the function and all that was made of it. It may not use the
 * context that runs it. */
typedef struct numc_external_array {
    numc_dtype dtype;
    int32_t rank;
    const int64_t *shape;
    void *data; /* of inputs: read only */
} numc_external_array;
typedef numc_status (*numc_external_fn)(const numc_external_array *inputs, int32_t input_count, const numc_external_array *outputs,
                                        int32_t output_count, char *message, size_t message_size, void *user);
typedef struct numc_array_type {
    numc_dtype dtype;
    numc_shape shape; /* zero: 0-d */
} numc_array_type;
/* Derivatives are such functions too, each for the modes that need it; without one the error says so. They have none of their
 * own: for second derivatives give numc_function_custom_jvp (_vjp) a rule made of functions that have them. */
typedef struct numc_external_options {
    size_t size;
    numc_external_fn jvp; /* (x..., y..., dx of each float input) -> dy of each float output */
    numc_external_fn vjp; /* (x..., y..., ybar of each float output) -> xbar of each float input */
} numc_external_options;
NUMC_API numc_function *numc_function_external_(numc_context *context, numc_external_fn callback, void *user,
                                                const numc_array_type *inputs, int32_t input_count,
                                                const numc_array_type *outputs, int32_t output_count,
                                                const numc_external_options *options);
#ifndef __cplusplus
#define NUMC_EXTERNAL_1_(context, callback, user, inputs, input_count, outputs, output_count, ...) \
    numc_function_external_(NUMC_CONTEXT(context), callback, user, inputs, input_count, outputs, output_count, \
                            &(numc_external_options){.size = sizeof(numc_external_options), __VA_ARGS__})
/* numc_function_external(context, solve, data, (numc_array_type[]){{NUMC_FLOAT64, NUMC_SHAPE(3)}}, 1,
 *                        (numc_array_type[]){{NUMC_FLOAT64}}, 1, .vjp = solve_vjp) */
#define numc_function_external(...) NUMC_EXTERNAL_1_(__VA_ARGS__, )
#endif
/* Bytes that a call takes beside its inputs and outputs, known before it runs (compiled for that): intermediate values, those of loops
 * and branches, and of iterations on the context's other threads. Not counted: some kilobytes of bookkeeping for each of these, what a backend
 * rounds a large block up to (pages), what it takes for itself while it sorts, sums up along an axis, multiplies or factorises, and copies of inputs that do not lie in order. 0 after an error. */
NUMC_API uint64_t numc_function_bytes(numc_context *context, numc_function *function);
/* Readable text of the graph; returns the length needed, writes at most size, and nothing where text is NULL. */
NUMC_API size_t numc_function_format(const numc_function *function, char *text, size_t size);

/* ---- control flow (traced or not) ------------------------------------------------------------------------------------------
 * Bodies may use any array of the surrounding code; those become operands. */
/* outputs = predicate ? true_body(inputs) : false_body(inputs); predicate is a 0-d bool; both must give the same types. */
NUMC_API numc_status numc_cond(const numc_array *predicate, numc_trace_fn true_body, numc_trace_fn false_body, void *user,
                               const numc_array *const *inputs, int32_t input_count, numc_array **outputs, int32_t output_count);
/* outputs = bodies[i](inputs), where i is the 0-d integer index, clamped to [0, body_count - 1]; all must give the same types. */
NUMC_API numc_status numc_switch(const numc_array *index, const numc_trace_fn *bodies, int32_t body_count, void *user,
                                 const numc_array *const *inputs, int32_t input_count, numc_array **outputs, int32_t output_count);
/* One step of a scan: inputs are the carries, then one slice (first axis removed) of each sequence; outputs are the next
 * carries (same types), then what is stacked. */
typedef struct numc_scan_options {
    size_t size;
    bool reverse;
    int64_t length; /* needed only without sequences */
    /* Bytes of carries that reverse mode keeps; 0: those of every step. Beyond it some are kept and those between computed again,
     * by the square root of the steps where that is enough, in halves of halves where it is not. The result has the same bits
     * for any limit; with one, sums are taken in the order of the steps. */
    uint64_t carry_bytes;
    int64_t unroll; /* steps written out one after another in each turn of the loop; 0 and 1: one. All of them: carry_bytes says nothing */
} numc_scan_options;
NUMC_API numc_status numc_scan_(numc_context *context, numc_trace_fn body, void *user, const numc_array *const *carries,
                                int32_t carry_count, const numc_array *const *sequences, int32_t sequence_count,
                                numc_array **outputs, int32_t stacked_count, const numc_scan_options *options);
#ifndef __cplusplus
#define NUMC_SCAN_1_(context, body, user, carries, carry_count, sequences, sequence_count, outputs, stacked_count, ...) \
    numc_scan_(NUMC_CONTEXT(context), body, user, carries, carry_count, sequences, sequence_count, outputs, stacked_count, \
               &(numc_scan_options){.size = sizeof(numc_scan_options), __VA_ARGS__})
/* numc_scan(context, body, user, carries, carry_count, sequences, sequence_count, outputs, stacked_count, [.reverse = true]) */
#define numc_scan(...) NUMC_SCAN_1_(__VA_ARGS__, )
#endif
/* outputs[k][i] = output k of body(sequences[0][i], sequences[1][i], ...): a scan without carries. For bodies that would do
 * as well on whole arrays vmap is faster, and takes more memory. */
NUMC_API numc_status numc_map_(numc_context *context, numc_trace_fn body, void *user, const numc_array *const *sequences,
                               int32_t sequence_count, numc_array **outputs, int32_t output_count);
/* outputs = carries; as long as condition(outputs), one 0-d bool: outputs = body(outputs), of the same types. At least one
 * carry. Forward mode works; reverse mode is NUMC_UNSUPPORTED, since it would need as much memory as there are steps, and
 * that is not known: use numc_scan. With a limit, a condition that still holds after so many steps is NUMC_VALUE. One that never
 * ends in a run of a sampler ends when that is cancelled; one of constants in a model runs while the sampler is being made, where
 * there is nothing to cancel yet: give it a limit. */
typedef struct numc_while_options {
    size_t size;
    int64_t limit; /* 0: none */
} numc_while_options;
NUMC_API numc_status numc_while_(numc_context *context, numc_trace_fn condition, numc_trace_fn body, void *user,
                                 const numc_array *const *carries, int32_t carry_count, numc_array **outputs,
                                 const numc_while_options *options);
/* for (i = lower; i < upper; i++) outputs = body(i, outputs), from carries; i is a 0-d int64. Bounds are whole numbers or 0-d
 * integer arrays; a scan, with reverse mode, unless a bound is traced: then a while. */
NUMC_API numc_status numc_fori_(numc_context *context, numc_operand lower, numc_operand upper, numc_trace_fn body, void *user,
                                const numc_array *const *carries, int32_t carry_count, numc_array **outputs);
#ifndef __cplusplus
#define numc_map(context, ...) numc_map_(NUMC_CONTEXT(context), __VA_ARGS__)
#define NUMC_WHILE_1_(context, condition, body, user, carries, carry_count, outputs, ...) \
    numc_while_(NUMC_CONTEXT(context), condition, body, user, carries, carry_count, outputs, \
                &(numc_while_options){.size = sizeof(numc_while_options), __VA_ARGS__})
/* numc_while(context, condition, body, user, carries, carry_count, outputs, [.limit = 1000]) */
#define numc_while(...) NUMC_WHILE_1_(__VA_ARGS__, )
#define numc_fori(context, lower, upper, ...) \
    numc_fori_(NUMC_CONTEXT(context), NUMC_OPERAND(lower), NUMC_OPERAND(upper), __VA_ARGS__)
#endif

/* ---- trees of named arrays -------------------------------------------------------------------------------------------------
 * A tree holds arrays by paths, "layer/weight": parameters of a model as one thing. It belongs to the scope it was made in, as
 * arrays do, and does not keep the arrays it names. Leaves are ordered by path, name by name, in whatever order they were set: trees
 * with the same paths flatten alike. Inside a trace leaves may be traced. */
typedef struct numc_tree numc_tree;
NUMC_API numc_tree *numc_tree_new(numc_context *context);
/* Names are not empty; what is a leaf has nothing under it. A leaf that is there is replaced. */
NUMC_API numc_status numc_tree_set(numc_tree *tree, const char *path, const numc_array *value);
NUMC_API numc_array *numc_tree_get(const numc_tree *tree, const char *path); /* NULL with NUMC_INVALID_ARGUMENT: there is none */
NUMC_API int32_t numc_tree_count(const numc_tree *tree);                    /* of leaves */
NUMC_API const char *numc_tree_path(const numc_tree *tree, int32_t leaf);   /* NULL beyond the last */
/* The leaves in order, as a function's inputs; and the tree like another with these, as its outputs. */
NUMC_API numc_status numc_tree_flatten(const numc_tree *tree, const numc_array **leaves, int32_t count);
NUMC_API numc_tree *numc_tree_unflatten(const numc_tree *like, numc_array *const *leaves, int32_t count);
/* All elements in one vector (of the dtype the leaves promote to), leaf by leaf, row by row; and back, in the shapes and dtypes of
 * the leaves of `like`. */
NUMC_API numc_array *numc_tree_ravel(const numc_tree *tree);
NUMC_API numc_tree *numc_tree_unravel(const numc_tree *like, const numc_array *vector);

#ifdef __cplusplus
}
#endif
#endif
