/* numc.h - for users: every header of libnumc but backend.h, which is for authors of backends, dlpack.h, which declares names of
 * its own, and io.h, which is for libnumc_io. */
#ifndef NUMC_NUMC_H
#define NUMC_NUMC_H

#include "numc/array.h"
#include "numc/base.h"
#include "numc/diagnostics.h"
#include "numc/dist.h"
#include "numc/fft.h"
#include "numc/function.h"
#include "numc/linalg.h"
#include "numc/mcmc.h"
#include "numc/model.h"
#include "numc/predictive.h"
#include "numc/random.h"
#include "numc/special.h"

#endif
