// eight_schools_cpp.cpp - the same model in C++: handles that free themselves, operators instead of calls, errors as exceptions.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include <numc/numc.hpp>

struct schools {
    numc::array y, sigma;
};

static void eight_schools(numc_run *run, void *user)
{
    const auto *s = static_cast<const schools *>(user);
    auto mu = numc::sample(run, "mu", numc::normal(run, 0, 5));
    auto tau = numc::sample(run, "tau", numc::half_cauchy(run, 5));
    numc::plate(run, "school", 8, [&] {
        auto z = numc::sample(run, "z", numc::normal(run, 0, 1));
        auto theta = numc::deterministic(run, "theta", mu + tau * z);
        numc::observe(run, "y", numc::normal(run, theta, numc::data(run, "sigma", s->sigma)), s->y);
    });
}

int main(int argc, char **argv)
{
    numc_mcmc_options options{};
    std::uint64_t seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const long value = std::strtol(argv[i + 1], nullptr, 10);
        if (std::strcmp(argv[i], "--chains") == 0)
            options.chains = static_cast<std::int32_t>(value);
        else if (std::strcmp(argv[i], "--warmup") == 0)
            options.warmup = value;
        else if (std::strcmp(argv[i], "--draws") == 0)
            options.draws = value;
        else if (std::strcmp(argv[i], "--seed") == 0)
            seed = static_cast<std::uint64_t>(value);
        else {
            std::fprintf(stderr, "unknown option %s\n", argv[i]);
            return 2;
        }
    }
    try {
        numc::context context;
        schools data{numc::from_vector<double>(context, {28, 8, -3, 7, -1, 1, 18, 12}),
                     numc::from_vector<double>(context, {15, 10, 16, 11, 9, 11, 10, 18})};
        numc::model model(numc_model_new(context, eight_schools, &data));
        numc::mcmc mcmc(numc_mcmc_new(model, &options));
        numc_mcmc_run(mcmc, seed);
        context.check();
        numc_mcmc_print_summary(mcmc, stdout);
        context.check();
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
    return 0;
}
