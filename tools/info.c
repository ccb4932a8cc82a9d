/* info.c - `numc info`: the library, the environment it sees, the backends with their devices. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/internal.h"
#include "numc_build.h"
#include "tool.h"

static void print_device(const numc_device_info *device, int number)
{
    printf("    device %d: %s (%s)", number, device->name, device->driver);
    if (device->memory_bytes > 0)
        printf(", %.1f GiB", (double)device->memory_bytes / (1024.0 * 1024.0 * 1024.0));
    printf(", kernels to level %u%s%s\n", device->kernel_level, device->float64 ? ", float64" : ", no float64",
           device->unified ? ", host memory" : "");
}

int tool_info(int count, char **words)
{
    (void)words;
    if (count > 0) {
        fputs("numc info takes no argument\n", stderr);
        return 2;
    }
    numc_context *context = tool_open(NULL);
    if (context == NULL)
        return EXIT_FAILURE;
    printf("libnumc %s (%s)\n", numc_version(), NUMC_BUILD_ID);
    printf("default backend: %s\nplugin directory: %s\n\nenvironment:\n", NUMC_DEFAULT_BACKEND, NUMC_PLUGIN_DIRECTORY);
    for (const numc_variable *variable = numc__variables; variable->name != NULL; variable++) {
        const char *value = numc__environment(variable->name);
        bool good = numc__variable_good(variable, value);
        printf("  %-20s %s%s%s\n", variable->name, value != NULL ? value : "(unset)", good ? "" : "; it can be ",
               good ? "" : variable->values);
    }
    numc_backend_report *reports;
    size_t found;
    printf("\nbackends:\n");
    if (numc__backend_list(context, &reports, &found) != NUMC_OK) {
        fprintf(stderr, "numc info: %s\n", numc_error_message(context));
        numc_close(context);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < found; i++) {
        const numc_backend_report *report = &reports[i];
        printf("  %-8s %s%s%s%s%s\n", report->name, report->path != NULL ? report->path : "",
               report->version != NULL ? "  [" : "", report->version != NULL ? report->version : "",
               report->version != NULL ? "]" : "", report->path == NULL && report->version == NULL ? "-" : "");
        if (report->reason != NULL)
            printf("    refused: %s\n", report->reason);
        for (int32_t k = 0; k < report->device_count && report->reason == NULL; k++)
            print_device(&report->devices[k], k);
    }
    numc__backend_list_free(context, reports, found);
    numc_close(context);

    /* what a context opened now would get */
    context = tool_open(NULL);
    if (context == NULL)
        return EXIT_FAILURE;
    const numc_backend_device *device = numc__device(context);
    if (device != NULL)
        printf("\na context opened here uses %s, %s\n", device->name, device->info.name);
    else
        printf("\na context opened here fails: %s\n", numc_error_message(context));
    int status = device != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
    numc_close(context);
    return status;
}
