/* recorder.h - internal to src/graph: what a trace holds while it records, shared by trace.c (graphs) and dynamic.c (paths). */
#ifndef NUMC_GRAPH_RECORDER_H
#define NUMC_GRAPH_RECORDER_H

#include "graph/build.h"

/* Where a foreign array was put: concrete arrays are known by their serial, values of an outer trace by trace and id. */
typedef struct numc_seen {
    uint64_t owner, item; /* owner 0: concrete */
    int32_t value;        /* -1: free */
} numc_seen;

typedef struct numc_capture {
    numc_trace *trace;
    int32_t outer, inner; /* ids there and here */
} numc_capture;

#define NUMC_NESTING_LIMIT 256 /* of callbacks on the stack, with the passes over what they record */

/* Dynamic mode: a value that was computed as it was recorded. */
typedef struct numc_dynamic_value {
    numc_array *value;     /* of the trace's scope: concrete, or of the trace around */
    numc_array *cotangent; /* or tangent, while a derivative is computed */
    bool active;           /* depends on an active input */
} numc_dynamic_value;

struct numc_trace {
    numc_trace *outer;
    bool dynamic; /* dynamic.c records: `path` and the graph's nodes, whose inputs and outputs are places in `path` */
    numc_scope_frame *frame; /* that begins with the trace */
    numc_dynamic_value *path;
    int32_t path_count, path_capacity;
    int32_t depth; /* 1 for the outermost */
    numc_context *context;
    uint64_t serial;       /* arrays of this trace have greater ones */
    uint64_t scope_number; /* of the scope that begins with the trace */
    numc_graph *graph;     /* ids in order of recording; finish gives them their final order */
    int32_t *inputs;
    int32_t input_count, input_capacity;
    numc_capture *captures;
    int32_t capture_count, capture_capacity;
    numc_seen *seen; /* open addressing; the capacity is a power of two */
    int32_t seen_count, seen_capacity;
    const char *site; /* the last one copied into the graph */
};

typedef struct numc_lane_traces {
    numc_trace *innermost;
} numc_lane_traces;

/* The trace of the lane an array belongs to, or NULL: it has ended, or is another lane's. */
numc_trace *numc__trace_of(numc_trace *from, const numc_array *x);
numc_trace *numc__trace_innermost(const numc_context *context);
/* What is computed until the next call is recorded from `trace` (NULL: nothing is). */
void numc__trace_set_innermost(const numc_context *context, numc_trace *trace);
/* The site being made, in the graph's memory; NULL outside. */
numc_status numc__trace_site(numc_trace *trace, const char **site);
/* A traced header, in the current scope, of a place of the path. */
numc_array *numc__dynamic_header(numc_trace *trace, int32_t id);
/* numc__bind with an operand of the lane's traces, the innermost being dynamic. */
numc_status numc__dynamic_record(numc_trace *trace, int32_t primitive, const numc_array *const *inputs, int32_t input_count,
                                 const numc_attributes *attributes, numc_array **outputs, int32_t output_capacity);

#endif
