// Built by the install test against an installed libnumc: the C++ header alone, a model, and the backend NUMC_BACKEND names.
#include <cmath>
#include <cstdio>
#include <exception>

#include <numc/numc.hpp>

static void location(numc_run *run, void *user)
{
    const auto *y = static_cast<const numc::array *>(user);
    auto mu = numc::sample(run, "mu", numc::normal(run, 0, 10));
    numc::plate(run, "data", 4, [&] { numc::observe(run, "y", numc::normal(run, mu, 1), *y); });
}

int main()
{
    double mean = 0;
    try {
        numc::context context;
        auto y = numc::from_vector<double>(context, {1, 2, 3, 4});
        numc::model model(numc_model_new(context, location, &y));
        numc_mcmc_options options{};
        options.chains = 2;
        numc::mcmc mcmc(numc_mcmc_new(model, &options));
        numc_mcmc_run(mcmc, 1);
        context.check();
        numc_summary summary;
        numc_mcmc_summary(mcmc, 0, 1, &summary);
        context.check();
        mean = summary.mean;
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
    // Conjugate posterior: mean 10 / (4 + 1/100), sd 0.4994; 2000 draws with at least 400 effective ones, six standard errors.
    std::printf("mean %g\n", mean);
    return std::fabs(mean - 10 / 4.01) < 6 * 0.4994 / 20 ? 0 : 1;
}
