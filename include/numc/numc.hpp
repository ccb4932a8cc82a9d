/* numc.hpp - for users of C++17: array.hpp, and over it special functions, random numbers, models, samplers and functions.
 *
 * A model callback must not let an exception out. Errors and thread rules are those of array.hpp. */
#ifndef NUMC_NUMC_HPP
#define NUMC_NUMC_HPP

#include "numc/array.hpp"

namespace numc {

/* ---- special functions and random numbers: special.h and random.h by the same names ---------------------------------- */

namespace special {
#define NUMC_CPP_SPECIAL(name)                                                                     \
    inline array name(const array &x)                                                              \
    {                                                                                              \
        return array::adopt(numc_special_##name(x.get()));                                         \
    }
NUMC_CPP_SPECIAL(gammaln)
NUMC_CPP_SPECIAL(digamma)
NUMC_CPP_SPECIAL(trigamma)
NUMC_CPP_SPECIAL(erf)
NUMC_CPP_SPECIAL(erfc)
NUMC_CPP_SPECIAL(erfinv)
NUMC_CPP_SPECIAL(ndtr)
NUMC_CPP_SPECIAL(log_ndtr)
NUMC_CPP_SPECIAL(ndtri)
NUMC_CPP_SPECIAL(expit)
NUMC_CPP_SPECIAL(logit)
NUMC_CPP_SPECIAL(softplus)
NUMC_CPP_SPECIAL(log_expit)
NUMC_CPP_SPECIAL(log1mexp)
#undef NUMC_CPP_SPECIAL
/* Of several operands one at least is an array. */
#define NUMC_CPP_SPECIAL_2(name)                                                                   \
    inline array name(const operand &a, const operand &b)                                          \
    {                                                                                              \
        return array::adopt(numc_special_##name##_(a, b));                                         \
    }
NUMC_CPP_SPECIAL_2(xlogy)
NUMC_CPP_SPECIAL_2(xlog1py)
NUMC_CPP_SPECIAL_2(betaln)
NUMC_CPP_SPECIAL_2(gammainc)
NUMC_CPP_SPECIAL_2(gammaincc)
NUMC_CPP_SPECIAL_2(gammaincinv)
NUMC_CPP_SPECIAL_2(gammainccinv)
#undef NUMC_CPP_SPECIAL_2
inline array betainc(const operand &a, const operand &b, const operand &x)
{
    return array::adopt(numc_special_betainc_(a, b, x));
}
inline array betaincinv(const operand &a, const operand &b, const operand &p)
{
    return array::adopt(numc_special_betaincinv_(a, b, p));
}
inline array polygamma(int64_t n, const array &x)
{
    return array::adopt(numc_special_polygamma(n, x.get()));
}
inline array multigammaln(const array &a, int64_t d)
{
    return array::adopt(numc_special_multigammaln(a.get(), d));
}
inline array softmax(const array &x, int64_t along = -1)
{
    return array::adopt(numc_special_softmax(x.get(), along));
}
inline array log_softmax(const array &x, int64_t along = -1)
{
    return array::adopt(numc_special_log_softmax(x.get(), along));
}
} // namespace special

namespace random {
inline array key(place where, uint64_t seed)
{
    return array::adopt(numc_random_key_(where, seed));
}
inline array split(const array &from, int64_t count = 2)
{
    return array::adopt(numc_random_split(from.get(), count));
}
inline array fold_in(const array &from, uint32_t child)
{
    return array::adopt(numc_random_fold_in(from.get(), child));
}
inline array bits(const array &from, const shape &of, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_random_bits(from.get(), dtype, of));
}
inline array uniform(const array &from, const shape &of, const operand &low = 0, const operand &high = 1,
                     numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_random_uniform_(from.get(), dtype, of, low, high));
}
inline array randint(const array &from, const shape &of, int64_t low, int64_t high, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_random_randint(from.get(), dtype, of, low, high));
}
#define NUMC_CPP_RANDOM(name)                                                                      \
    inline array name(const array &from, const shape &of, numc_dtype dtype = NUMC_DTYPE_DEFAULT)   \
    {                                                                                              \
        return array::adopt(numc_random_##name(from.get(), dtype, of));                            \
    }
NUMC_CPP_RANDOM(normal)
NUMC_CPP_RANDOM(exponential)
NUMC_CPP_RANDOM(cauchy)
NUMC_CPP_RANDOM(laplace)
NUMC_CPP_RANDOM(logistic)
NUMC_CPP_RANDOM(gumbel)
#undef NUMC_CPP_RANDOM
/* Those with parameters: a, or a and b, then the shape of the result. */
#define NUMC_CPP_RANDOM_1(name)                                                                    \
    inline array name(const array &from, const operand &a, const shape &of, numc_dtype dtype = NUMC_DTYPE_DEFAULT) \
    {                                                                                              \
        return array::adopt(numc_random_##name##_(from.get(), a, dtype, of));                      \
    }
#define NUMC_CPP_RANDOM_2(name)                                                                    \
    inline array name(const array &from, const operand &a, const operand &b, const shape &of,      \
                      numc_dtype dtype = NUMC_DTYPE_DEFAULT)                                       \
    {                                                                                              \
        return array::adopt(numc_random_##name##_(from.get(), a, b, dtype, of));                   \
    }
NUMC_CPP_RANDOM_1(gamma)
NUMC_CPP_RANDOM_1(loggamma)
NUMC_CPP_RANDOM_1(student_t)
NUMC_CPP_RANDOM_1(poisson)
NUMC_CPP_RANDOM_2(beta)
NUMC_CPP_RANDOM_2(binomial)
#undef NUMC_CPP_RANDOM_1
#undef NUMC_CPP_RANDOM_2
inline array bernoulli(const array &from, const operand &probability, const shape &of)
{
    return array::adopt(numc_random_bernoulli_(from.get(), probability, of));
}
inline array dirichlet(const array &from, const array &concentration, const shape &of, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_random_dirichlet(from.get(), concentration.get(), dtype, of));
}
inline array categorical(const array &from, const array &logits, const shape &of)
{
    return array::adopt(numc_random_categorical(from.get(), logits.get(), of));
}
} // namespace random

/* ---- models ---------------------------------------------------------------------------------------------------------
 * A distribution is C's: it belongs to the scope it is made in. */
using distribution = numc_distribution *;
#define NUMC_CPP_DISTRIBUTION_1(name)                                                              \
    inline distribution name(place where, const operand &a)                                        \
    {                                                                                              \
        return numc_##name##_(where, a);                                                           \
    }
#define NUMC_CPP_DISTRIBUTION_2(name)                                                              \
    inline distribution name(place where, const operand &a, const operand &b)                      \
    {                                                                                              \
        return numc_##name##_(where, a, b);                                                        \
    }
NUMC_CPP_DISTRIBUTION_2(normal)
NUMC_CPP_DISTRIBUTION_1(half_normal)
NUMC_CPP_DISTRIBUTION_2(log_normal)
NUMC_CPP_DISTRIBUTION_2(cauchy)
NUMC_CPP_DISTRIBUTION_1(half_cauchy)
NUMC_CPP_DISTRIBUTION_2(laplace)
NUMC_CPP_DISTRIBUTION_2(logistic)
NUMC_CPP_DISTRIBUTION_1(exponential)
NUMC_CPP_DISTRIBUTION_2(gamma)
NUMC_CPP_DISTRIBUTION_2(inverse_gamma)
NUMC_CPP_DISTRIBUTION_2(beta)
NUMC_CPP_DISTRIBUTION_2(uniform)
NUMC_CPP_DISTRIBUTION_1(bernoulli)
NUMC_CPP_DISTRIBUTION_1(bernoulli_logits)
NUMC_CPP_DISTRIBUTION_2(binomial)
NUMC_CPP_DISTRIBUTION_2(binomial_logits)
NUMC_CPP_DISTRIBUTION_1(poisson)
NUMC_CPP_DISTRIBUTION_1(poisson_log)
#undef NUMC_CPP_DISTRIBUTION_1
#undef NUMC_CPP_DISTRIBUTION_2
inline distribution student_t(place where, const operand &degrees, const operand &loc, const operand &scale)
{
    return numc_student_t_(where, degrees, loc, scale);
}
inline distribution categorical(const array &probabilities)
{
    return numc_categorical(probabilities.get());
}
inline distribution dirichlet(const array &concentration)
{
    return numc_dirichlet(concentration.get());
}

inline array sample(numc_run *run, const char *name, const numc_distribution *d)
{
    return array(numc_sample(run, name, d));
}
inline array observe(numc_run *run, const char *name, const numc_distribution *d, const operand &value)
{
    return array(numc_observe_(run, name, d, value));
}
inline array deterministic(numc_run *run, const char *name, const array &value)
{
    return array(numc_deterministic(run, name, value.get()));
}
inline void factor(numc_run *run, const char *name, const operand &log_weight)
{
    numc_factor_(run, name, log_weight);
}
inline array data(numc_run *run, const char *name, const array &value)
{
    return array(numc_data(run, name, value.get()));
}
template <class Body>
void plate(numc_run *run, const char *name, int64_t size, Body &&body, int32_t dim = 0)
{
    numc_plate_at(run, name, size, dim)
    {
        body();
    }
}

/* Objects that C frees by name. They must go before their context; release() leaves one to numc_close. */
template <class T, void (*Free)(T *)>
class handle {
public:
    handle(T *object = nullptr) : object_(object) {}
    T *get() const { return object_.get(); }
    operator T *() const { return object_.get(); }
    T *release() { return object_.release(); }

private:
    struct deleter {
        void operator()(T *object) const { Free(object); }
    };
    ::std::unique_ptr<T, deleter> object_;
};
using model = handle<numc_model, numc_model_free>;
using mcmc = handle<numc_mcmc, numc_mcmc_free>;
/* A recorded function (numc/function.h): its transforms are functions too, empty after an error; a call gives its outputs, none
 * after an error. A callback of C's is recorded by numc_function_trace, or,
 * in dynamic mode, by numc_function_dynamic. */
class function : public handle<numc_function, numc_function_free> {
public:
    using handle::handle;
    function jvp(const place &where) const { return numc_function_jvp(where, get()); }
    function vjp(const place &where) const { return numc_function_vjp(where, get()); }
    function value_and_gradient(const place &where) const { return numc_function_value_and_gradient(where, get()); }
    function jacobian_forward(const place &where) const { return numc_function_jacobian_forward(where, get()); }
    function jacobian_reverse(const place &where) const { return numc_function_jacobian_reverse(where, get()); }
    function hessian(const place &where) const { return numc_function_hessian(where, get()); }
    function hvp(const place &where) const { return numc_function_hvp(where, get()); }
    function rematerialize(const place &where) const { return numc_function_rematerialize(where, get()); }
    uint64_t bytes(const place &where) const { return numc_function_bytes(where, get()); }
    /* Axes: none for 0 everywhere, or one each, NUMC_UNMAPPED for none. */
    function vmap(const place &where, const ::std::vector<array> &examples, const ::std::vector<int64_t> &in_axes = {},
                  const ::std::vector<int64_t> &out_axes = {}) const
    {
        numc_vmap_options options = {};
        options.size = sizeof options;
        options.in_axes = list_of(in_axes);
        options.out_axes = list_of(out_axes);
        return numc_function_vmap_(where, get(), pointers(examples).data(), static_cast<int32_t>(examples.size()), &options);
    }
    ::std::vector<array> operator()(const place &where, const ::std::vector<array> &inputs) const
    {
        const int32_t count = numc_function_output_count(get());
        ::std::vector<numc_array *> results(static_cast<::std::size_t>(count > 0 ? count : 0));
        return adopt_all(numc_function_call(where, get(), pointers(inputs).data(), static_cast<int32_t>(inputs.size()), results.data(),
                                            count > 0 ? count : 0),
                         results);
    }

private:
    static numc_axes list_of(const ::std::vector<int64_t> &list)
    {
        return {list.data(), static_cast<int32_t>(list.size()), !list.empty()};
    }
};
using record = handle<numc_record, numc_record_free>;

/* A function in C (numc_function_external): the callback and its derivatives, which must not let an exception out, and what
 * `user` points to outlive it. */
struct array_type {
    numc_dtype dtype;
    shape of;
};
inline function external(const place &where, numc_external_fn callback, void *user, const ::std::vector<array_type> &inputs,
                         const ::std::vector<array_type> &outputs, numc_external_fn jvp = nullptr, numc_external_fn vjp = nullptr)
{
    ::std::vector<numc_array_type> types;
    for (const array_type &type : inputs)
        types.push_back({type.dtype, type.of});
    for (const array_type &type : outputs)
        types.push_back({type.dtype, type.of});
    numc_external_options options = {};
    options.size = sizeof options;
    options.jvp = jvp;
    options.vjp = vjp;
    return numc_function_external_(where, callback, user, types.data(), static_cast<int32_t>(inputs.size()),
                                   types.data() + inputs.size(), static_cast<int32_t>(outputs.size()), &options);
}

/* Named arrays as one thing (numc_tree): leaves in the order of their paths. It holds its arrays, so it outlives scopes. */
class tree {
public:
    explicit tree(const place &where) : where_(where) {}
    /* A leaf there is replaced; a path that cannot be leaves the tree as it was, and an error in the context. */
    tree &set(const ::std::string &path, const array &value)
    {
        if (!whole(path))
            return *this;
        ::std::vector<leaf> more = leaves_;
        more.emplace_back(path, value);
        scope inside(where_);
        const numc_tree *made = make(more);
        if (made != nullptr)
            leaves_ = taken(made);
        return *this;
    }
    array get(const ::std::string &path) const /* empty with an error: there is none */
    {
        scope inside(where_);
        const numc_tree *made = whole(path) ? make(leaves_) : nullptr;
        return made == nullptr ? array() : array(numc_tree_get(made, path.c_str()));
    }
    array operator[](const ::std::string &path) const { return get(path); }
    int32_t size() const { return static_cast<int32_t>(leaves_.size()); }
    const ::std::string &path(int32_t which) const { return leaves_.at(static_cast<::std::size_t>(which)).first; }
    ::std::vector<array> flatten() const
    {
        ::std::vector<array> list;
        for (const leaf &one : leaves_)
            list.push_back(one.second);
        return list;
    }
    /* The same paths with these arrays; without leaves after an error. */
    tree unflatten(const ::std::vector<array> &list) const
    {
        tree result(where_);
        scope inside(where_);
        const numc_tree *made = make(leaves_);
        ::std::vector<numc_array *> arrays;
        for (const array &one : list)
            arrays.push_back(one.get());
        made = made == nullptr ? nullptr : numc_tree_unflatten(made, arrays.data(), static_cast<int32_t>(arrays.size()));
        if (made != nullptr)
            result.leaves_ = taken(made);
        return result;
    }
    array ravel() const
    {
        scope inside(where_);
        const numc_tree *made = make(leaves_);
        return array(made == nullptr ? nullptr : numc_tree_ravel(made));
    }
    tree unravel(const array &vector) const
    {
        tree result(where_);
        scope inside(where_);
        const numc_tree *made = make(leaves_);
        made = made == nullptr ? nullptr : numc_tree_unravel(made, vector.get());
        if (made != nullptr)
            result.leaves_ = taken(made);
        return result;
    }

private:
    using leaf = ::std::pair<::std::string, array>;
    bool whole(const ::std::string &path) const /* C ends a path at its first zero byte: an error where that is not its end */
    {
        if (path.find('\0') != ::std::string::npos)
            numc_error_set(where_, NUMC_INVALID_ARGUMENT, "a tree's path has a zero byte after '%s'", path.c_str());
        return numc_error_status(where_) == NUMC_OK;
    }
    numc_tree *make(const ::std::vector<leaf> &leaves) const
    {
        numc_tree *made = numc_tree_new(where_);
        for (const leaf &one : leaves)
            if (made != nullptr && numc_tree_set(made, one.first.c_str(), one.second.get()) != NUMC_OK)
                made = nullptr;
        return made;
    }
    static ::std::vector<leaf> taken(const numc_tree *made)
    {
        ::std::vector<leaf> leaves;
        for (int32_t i = 0; i < numc_tree_count(made); i++) {
            const char *path = numc_tree_path(made, i);
            leaves.emplace_back(path, array(numc_tree_get(made, path)));
        }
        return leaves;
    }
    numc_context *where_;
    ::std::vector<leaf> leaves_;
};

} // namespace numc
#endif
