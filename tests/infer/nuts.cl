/* The chains' step as OpenCL C: only compiled, to hold src/kernel/nuts.h and chains.h to the common subset of the three languages. */
#include "kernel/chains.h"
