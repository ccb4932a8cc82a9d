/* programs.c - builds the program of every reference posterior, and of chains beside each other, on the backend that NUMC_BACKEND names
 * and runs them a few times: one draw of one leapfrog, whose numbers nobody looks at. With NUMC_FALLBACK=error no gradient among them has a
 * part that runs on the host; and check_cuda.py looks at the kernels. Prints a line for each. */
#include <stdio.h>
#include <string.h>

#include "posterior.h"

/* OK, or the message has been printed. */
static bool build(const posterior *p)
{
    char path[4096];
    numc_json *json = NULL;
    numc_context *context = numc_open(NULL);
    posterior_path(path, sizeof path, NULL, p, "data.json");
    if (numc_json_read_file(context, path, &json) == NUMC_OK)
        p->prepare(context, json, p->data);
    numc_json_free(json);
    numc_model *model = numc_model_new(context, p->model, p->data);
    numc_mcmc *mcmc = numc_mcmc_new(model, &(numc_mcmc_options){.chains = 1, .warmup = NUMC_COUNT(0), .draws = 1, .max_tree_depth = 1,
                                                                .chain_method = NUMC_CHAINS_VECTORIZED});
    numc_status status = mcmc != NULL ? numc_mcmc_run(mcmc, 1) : numc_error_status(context);
    /* a driver that runs nothing gives no starting point: by then all has been compiled */
    const bool good = status == NUMC_OK || status == NUMC_INITIALIZATION;
    printf("%s: %s\n", p->folder, good ? "built" : numc_error_message(context));
    numc_close(context);
    return good;
}

int main(int count, char **names)
{
    bool good = true;
    for (int i = 1; i < count; i++) {
        const posterior *p = posterior_find(names[i]);
        if (p == NULL)
            printf("%s: there is no such posterior\n", names[i]);
        good = p != NULL && build(p) && good;
    }
    for (int i = 0; i < POSTERIOR_COUNT && count == 1; i++)
        good = build(posterior_at(i)) && good;
    return good ? 0 : 1;
}
