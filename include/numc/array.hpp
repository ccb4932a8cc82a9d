/* array.hpp - for users of C++17: contexts, arrays and their functions, linear algebra and Fourier transforms as handles that free by
 * themselves, operands and operators, over the C functions. numc.hpp takes it in.
 *
 * An array here holds a reference: it outlives scopes and gives its memory back with its last copy; it must go before its
 * context is closed. Nothing here throws but check() and the members that say so: as in C, a failed expression is empty, empty
 * flows on, and the first error waits in the context. Thread rules are C's. */
#ifndef NUMC_ARRAY_HPP
#define NUMC_ARRAY_HPP

#include <complex>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "numc/numc.h"

namespace numc {

/* ---- contexts ---------------------------------------------------------------------------------------------------- */

class error : public ::std::runtime_error {
public:
    error(numc_status status, const char *message) : ::std::runtime_error(message), status_(status) {}
    numc_status status() const { return status_; }

private:
    numc_status status_;
};

/* Throws the error that waits in a context, and clears it. */
inline void check(numc_context *context)
{
    numc_status status = numc_error_status(context);
    if (status != NUMC_OK) {
        error found(status, numc_error_message(context));
        numc_error_clear(context);
        throw found;
    }
}

class context {
public:
    /* Throws when the context cannot be opened. */
    explicit context(const char *backend = nullptr) : context(options_of(backend)) {}
    explicit context(const numc_options &options) : handle_(numc_open(&options))
    {
        if (numc_error_status(handle_.get()) != NUMC_OK)
            throw error(numc_error_status(handle_.get()), numc_error_message(handle_.get()));
    }
    context lane() const { return context(numc_lane(get())); } /* empty when out of memory */
    numc_context *get() const { return handle_.get(); }
    operator numc_context *() const { return get(); }
    void check() const { numc::check(get()); }
    numc_statistics statistics() const /* all zeros for an empty one */
    {
        numc_statistics counts = {};
        (void)numc_statistics_get(get(), &counts);
        return counts;
    }

private:
    struct closer {
        void operator()(numc_context *opened) const { numc_close(opened); }
    };
    explicit context(numc_context *opened) : handle_(opened) {}
    static numc_options options_of(const char *backend)
    {
        numc_options options = {};
        options.backend = backend;
        return options;
    }
    ::std::unique_ptr<numc_context, closer> handle_;
};

/* Where new things are made: a context or a run. */
class place {
public:
    place(numc_context *where) : context_(where) {}
    place(const context &where) : context_(where.get()) {}
    place(numc_run *run) : context_(numc_run_context(run)) {}
    operator numc_context *() const { return context_; }

private:
    numc_context *context_;
};

/* A block's scope, for what the C functions make in it. */
class scope {
public:
    explicit scope(place where) : context_(numc_scope_begin(where) == NUMC_OK ? static_cast<numc_context *>(where) : nullptr) {}
    ~scope()
    {
        if (context_ != nullptr)
            numc_scope_end(context_);
    }
    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;

private:
    numc_context *context_;
};

/* ---- arguments --------------------------------------------------------------------------------------------------- */

/* A list of whole numbers: a shape, or axes. As axes, none given means every axis. */
class shape {
public:
    shape() = default;
    shape(::std::initializer_list<int64_t> values) : values_(values), given_(true) {}
    shape(::std::vector<int64_t> values) : values_(::std::move(values)), given_(true) {}
    operator numc_shape() const { return {values_.data(), static_cast<int32_t>(values_.size()), given_}; }
    const ::std::vector<int64_t> &values() const { return values_; }

private:
    ::std::vector<int64_t> values_;
    bool given_ = false;
};
using axes = shape;

inline numc_axis axis(int64_t value)
{
    return {value, true};
}

class array;

/* C's arrays, but not the null pointer that a literal 0 is too. */
template <class P>
inline constexpr bool is_array_pointer = ::std::is_same_v<P, numc_array *> || ::std::is_same_v<P, const numc_array *>;

/* An array or a number, where either may stand. */
class operand {
public:
    operand(const array &x); /* borrowed for the call */
    template <class P, ::std::enable_if_t<is_array_pointer<P>, int> = 0>
    operand(P x) : value_(numc_operand_array(x))
    {
    }
    template <class T, ::std::enable_if_t<::std::is_arithmetic_v<T>, int> = 0>
    operand(T number) : value_(number_of(number))
    {
    }
    template <class T>
    operand(const ::std::complex<T> &number)
        : value_(numc_operand_parts({static_cast<double>(number.real()), static_cast<double>(number.imag())}))
    {
    }
    operator numc_operand() const { return value_; }

private:
    template <class T>
    static numc_operand number_of(T number)
    {
        if constexpr (::std::is_same_v<T, bool>) {
            return numc_operand_bool(number);
        } else if constexpr (::std::is_floating_point_v<T>) {
            return numc_operand_real(static_cast<double>(number));
        } else {
            if constexpr (::std::is_unsigned_v<T>)
                return numc_operand_unsigned(number);
            else
                return numc_operand_integer(static_cast<int64_t>(number));
        }
    }
    numc_operand value_;
};

/* Terms of an index: whole numbers, slice(start, stop, step), newaxis, all, ellipsis, arrays of integers, masks. */
struct newaxis_term {};
struct ellipsis_term {};
inline constexpr newaxis_term newaxis{};
inline constexpr ellipsis_term ellipsis{};
inline constexpr int64_t open = NUMC_END; /* an end of a slice that is not given */
struct slice {
    int64_t start = open, stop = open, step = 1;
    constexpr slice() = default;
    constexpr explicit slice(int64_t stop_) : stop(stop_) {}
    constexpr slice(int64_t start_, int64_t stop_, int64_t step_ = 1) : start(start_), stop(stop_), step(step_) {}
};
struct all_term { /* also the reduction all(x) */
    array operator()(const array &x, const axes &over = {}, bool keepdims = false) const;
};
inline constexpr all_term all{};

class index {
public:
    template <class T, ::std::enable_if_t<::std::is_integral_v<T> && !::std::is_same_v<T, bool>, int> = 0>
    index(T at) : term_{NUMC_INDEX_AT, static_cast<int64_t>(at), 0, 0, nullptr}
    {
    }
    index(slice s) : term_{NUMC_INDEX_SLICE, s.start, s.stop, s.step, nullptr} {}
    index(newaxis_term) : term_{NUMC_INDEX_NEW, 0, 0, 0, nullptr} {}
    index(ellipsis_term) : term_{NUMC_INDEX_ELLIPSIS, 0, 0, 0, nullptr} {}
    index(all_term) : term_{NUMC_INDEX_ALL, 0, 0, 0, nullptr} {}
    index(const array &picks); /* borrowed for the call */
    const numc_index_term &term() const { return term_; }

private:
    numc_index_term term_;
};

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

template <class T>
constexpr numc_dtype dtype_of()
{
    static_assert(::std::is_arithmetic_v<T> || ::std::is_same_v<T, ::std::complex<float>> ||
                      ::std::is_same_v<T, ::std::complex<double>>,
                  "arrays hold numbers and bools");
    if constexpr (::std::is_same_v<T, bool>)
        return NUMC_BOOL;
    else if constexpr (!::std::is_arithmetic_v<T>)
        return sizeof(T) == 8 ? NUMC_COMPLEX64 : NUMC_COMPLEX128;
    else if constexpr (::std::is_floating_point_v<T>)
        return sizeof(T) == 4 ? NUMC_FLOAT32 : NUMC_FLOAT64;
    else if constexpr (::std::is_signed_v<T>)
        return sizeof(T) == 1 ? NUMC_INT8 : sizeof(T) == 2 ? NUMC_INT16 : sizeof(T) == 4 ? NUMC_INT32 : NUMC_INT64;
    else
        return sizeof(T) == 1 ? NUMC_UINT8 : sizeof(T) == 2 ? NUMC_UINT16 : sizeof(T) == 4 ? NUMC_UINT32 : NUMC_UINT64;
}

class array {
public:
    array() = default;
    template <class P, ::std::enable_if_t<is_array_pointer<P>, int> = 0>
    array(P x) : handle_(numc_keep(const_cast<numc_array *>(x))) /* shares an array of C */
    {
    }
    array(const array &other) : handle_(numc_keep(other.handle_)) {}
    array(array &&other) noexcept : handle_(::std::exchange(other.handle_, nullptr)) {}
    array &operator=(array other) noexcept
    {
        ::std::swap(handle_, other.handle_);
        return *this;
    }
    ~array() { numc_release(handle_); }

    /* Takes a fresh result of a C function out of its scope. */
    static array adopt(numc_array *x)
    {
        array result;
        result.handle_ = numc_detach(x);
        return result;
    }

    numc_array *get() const { return handle_; }
    explicit operator bool() const { return handle_ != nullptr; }
    numc_dtype dtype() const { return numc_array_dtype(handle_); }
    int32_t rank() const { return numc_array_rank(handle_); }
    int64_t size() const { return numc_array_size(handle_); }
    ::std::vector<int64_t> shape() const
    {
        const int64_t *values = numc_array_shape(handle_);
        return values == nullptr ? ::std::vector<int64_t>() : ::std::vector<int64_t>(values, values + rank());
    }
    bool is_traced() const { return numc_array_is_traced(handle_); }
    numc_context *where() const { return numc_array_context(handle_); }
    const char *device() const { return numc_array_device(handle_); }

    double item() const { return numc_item(handle_); }
    int64_t item_integer() const { return numc_item_integer(handle_); }
    bool item_bool() const { return numc_item_bool(handle_); }
    ::std::complex<double> item_complex() const
    {
        const numc_complex_number number = numc_item_complex(handle_);
        return {number.re, number.im};
    }
    /* Row-major; throws when there is no value. T is not bool: std::vector<bool> has no memory to write to. */
    template <class T = double>
    ::std::vector<T> to_vector() const
    {
        static_assert(!::std::is_same_v<T, bool>, "read bools as unsigned char");
        ::std::vector<T> values(static_cast<::std::size_t>(size() > 0 ? size() : 0));
        if (handle_ == nullptr)
            throw error(NUMC_INVALID_ARGUMENT, "to_vector: there is no array");
        if (numc_to_host(handle_, dtype_of<T>(), values.data(), values.size() * sizeof(T)) != NUMC_OK)
            numc::check(where());
        return values;
    }
    /* As NumPy's str, or its repr. */
    ::std::string to_string(bool repr = false) const
    {
        const numc_format_options options = {sizeof options, repr};
        ::std::string text(numc_array_format(handle_, nullptr, 0, &options) + 1, '\0');
        text.resize(numc_array_format(handle_, text.data(), text.size(), &options));
        return text;
    }

    array operator[](::std::initializer_list<index> terms) const
    {
        ::std::vector<numc_index_term> list = terms_of(terms);
        return adopt(numc_index_(handle_, list.data(), static_cast<int32_t>(list.size())));
    }
    array operator[](const index &term) const { return adopt(numc_index_(handle_, &term.term(), 1)); }
    /* A new array with the part replaced; assign replaces it here. */
    array update(::std::initializer_list<index> terms, const operand &value) const
    {
        ::std::vector<numc_index_term> list = terms_of(terms);
        return adopt(numc_index_update_(handle_, value, list.data(), static_cast<int32_t>(list.size())));
    }
    array &assign(::std::initializer_list<index> terms, const operand &value) { return *this = update(terms, value); }

    /* A new value for this handle; its dtype and shape may change. */
    array &operator+=(const operand &x) { return *this = adopt(numc_add(numc_operand_array(handle_), x)); }
    array &operator-=(const operand &x) { return *this = adopt(numc_subtract(numc_operand_array(handle_), x)); }
    array &operator*=(const operand &x) { return *this = adopt(numc_multiply(numc_operand_array(handle_), x)); }
    array &operator/=(const operand &x) { return *this = adopt(numc_divide(numc_operand_array(handle_), x)); }
    array &operator%=(const operand &x) { return *this = adopt(numc_remainder(numc_operand_array(handle_), x)); }
    array &operator&=(const operand &x) { return *this = adopt(numc_bitwise_and(numc_operand_array(handle_), x)); }
    array &operator|=(const operand &x) { return *this = adopt(numc_bitwise_or(numc_operand_array(handle_), x)); }
    array &operator^=(const operand &x) { return *this = adopt(numc_bitwise_xor(numc_operand_array(handle_), x)); }
    array &operator<<=(const operand &x) { return *this = adopt(numc_bitwise_left_shift(numc_operand_array(handle_), x)); }
    array &operator>>=(const operand &x) { return *this = adopt(numc_bitwise_right_shift(numc_operand_array(handle_), x)); }

private:
    static ::std::vector<numc_index_term> terms_of(::std::initializer_list<index> terms)
    {
        ::std::vector<numc_index_term> list;
        for (const index &term : terms)
            list.push_back(term.term());
        return list;
    }
    numc_array *handle_ = nullptr;
};

inline operand::operand(const array &x) : value_(numc_operand_array(x.get())) {}
inline index::index(const array &picks) : term_{NUMC_INDEX_ARRAY, 0, 0, 0, picks.get()} {}

/* ---- creation ---------------------------------------------------------------------------------------------------- */

inline array zeros(place where, const shape &of, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_zeros_(where, dtype, of));
}
inline array ones(place where, const shape &of, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_ones_(where, dtype, of));
}
inline array full(place where, const shape &of, const operand &value, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_full_(where, dtype, of, value));
}
inline array number(place where, const operand &value, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_number_(where, dtype, value));
}
inline array asarray(place where, const operand &value, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_asarray_(where, dtype, value));
}
inline array empty(place where, const shape &of, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_empty_(where, dtype, of));
}
inline array arange(place where, const operand &start, const operand &stop, const operand &step = 1,
                    numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_arange_(where, dtype, start, stop, step));
}
inline array linspace(place where, const operand &start, const operand &stop, int64_t count, bool open_end = false,
                      numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    const numc_linspace_options options = {sizeof options, open_end};
    return array::adopt(numc_linspace_(where, dtype, start, stop, count, &options));
}
inline array eye(place where, int64_t rows, int64_t columns, int64_t diagonal = 0, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_eye_(where, dtype, rows, columns, diagonal));
}
/* Copies row-major host data; the number of values must be that of the shape, which is one axis when left out. */
template <class T>
array from_vector(place where, const ::std::vector<T> &values, const shape &of = {})
{
    static_assert(!::std::is_same_v<T, bool>, "std::vector<bool> has no memory to read from");
    const int64_t count = static_cast<int64_t>(values.size());
    numc_shape given = of;
    if (!given.given)
        given = {&count, 1, true};
    int64_t size = 1;
    for (int32_t d = 0; d < given.count; d++)
        size *= given.values[d];
    if (size != count) {
        numc_error_set(where, NUMC_SHAPE, "from_vector: the shape has %lld elements, the vector %lld",
                       static_cast<long long>(size), static_cast<long long>(count));
        return array();
    }
    return array::adopt(numc_from_host_(where, dtype_of<T>(), given, values.data()));
}

/* ---- functions of the C headers, by the same names --------------------------------------------------------------- */

#define NUMC_CPP_UNARY(name)                                                                       \
    inline array name(const array &x)                                                              \
    {                                                                                              \
        return array::adopt(numc_##name(x.get()));                                                 \
    }
NUMC_UNARY_FUNCTIONS(NUMC_CPP_UNARY)
NUMC_CPP_UNARY(real)
NUMC_CPP_UNARY(imag)
NUMC_CPP_UNARY(conj)
NUMC_CPP_UNARY(diagonal)
NUMC_CPP_UNARY(diag)
NUMC_CPP_UNARY(stop_gradient)
#undef NUMC_CPP_UNARY

/* One of the two must be an array: two numbers do not compile. */
#define NUMC_CPP_BINARY_AS(name, function)                                                         \
    inline array name(const array &x1, const array &x2)                                            \
    {                                                                                              \
        return array::adopt(function(numc_operand_array(x1.get()), numc_operand_array(x2.get())));  \
    }                                                                                              \
    inline array name(const array &x1, const operand &x2)                                          \
    {                                                                                              \
        return array::adopt(function(numc_operand_array(x1.get()), x2));                            \
    }                                                                                              \
    inline array name(const operand &x1, const array &x2)                                          \
    {                                                                                              \
        return array::adopt(function(x1, numc_operand_array(x2.get())));                            \
    }
#define NUMC_CPP_BINARY(name) NUMC_CPP_BINARY_AS(name, numc_##name)
NUMC_BINARY_FUNCTIONS(NUMC_CPP_BINARY)
NUMC_CPP_BINARY(complex)
NUMC_CPP_BINARY_AS(operator+, numc_add)
NUMC_CPP_BINARY_AS(operator-, numc_subtract)
NUMC_CPP_BINARY_AS(operator*, numc_multiply)
NUMC_CPP_BINARY_AS(operator/, numc_divide)
NUMC_CPP_BINARY_AS(operator%, numc_remainder)
NUMC_CPP_BINARY_AS(operator==, numc_equal)
NUMC_CPP_BINARY_AS(operator!=, numc_not_equal)
NUMC_CPP_BINARY_AS(operator<, numc_less)
NUMC_CPP_BINARY_AS(operator<=, numc_less_equal)
NUMC_CPP_BINARY_AS(operator>, numc_greater)
NUMC_CPP_BINARY_AS(operator>=, numc_greater_equal)
NUMC_CPP_BINARY_AS(operator&, numc_bitwise_and)
NUMC_CPP_BINARY_AS(operator|, numc_bitwise_or)
NUMC_CPP_BINARY_AS(operator^, numc_bitwise_xor)
NUMC_CPP_BINARY_AS(operator<<, numc_bitwise_left_shift)
NUMC_CPP_BINARY_AS(operator>>, numc_bitwise_right_shift)
#undef NUMC_CPP_BINARY
#undef NUMC_CPP_BINARY_AS
inline array operator-(const array &x)
{
    return negative(x);
}
inline array operator~(const array &x)
{
    return bitwise_invert(x);
}

inline numc_reduce_options reduce_options(const axes &over, bool keepdims)
{
    numc_reduce_options options = {};
    options.size = sizeof options;
    options.axes = over;
    options.keepdims = keepdims;
    return options;
}
#define NUMC_CPP_REDUCTION(name)                                                                   \
    inline array name(const array &x, const axes &over = {}, bool keepdims = false)                \
    {                                                                                              \
        const numc_reduce_options options = reduce_options(over, keepdims);                        \
        return array::adopt(numc_##name(x.get(), &options));                                       \
    }
NUMC_CPP_REDUCTION(sum)
NUMC_CPP_REDUCTION(prod)
NUMC_CPP_REDUCTION(max)
NUMC_CPP_REDUCTION(min)
NUMC_CPP_REDUCTION(mean)
NUMC_CPP_REDUCTION(any)
NUMC_CPP_REDUCTION(logsumexp)
NUMC_CPP_REDUCTION(count_nonzero)
#undef NUMC_CPP_REDUCTION
inline array var(const array &x, const axes &over = {}, bool keepdims = false, double correction = 0)
{
    numc_reduce_options options = reduce_options(over, keepdims);
    options.correction = correction;
    return array::adopt(numc_var(x.get(), &options));
}
inline array std(const array &x, const axes &over = {}, bool keepdims = false, double correction = 0)
{
    numc_reduce_options options = reduce_options(over, keepdims);
    options.correction = correction;
    return array::adopt(numc_std(x.get(), &options));
}
inline array all_term::operator()(const array &x, const axes &over, bool keepdims) const
{
    const numc_reduce_options options = reduce_options(over, keepdims);
    return array::adopt(numc_all(x.get(), &options));
}

inline array where(const array &condition, const operand &x1, const operand &x2)
{
    return array::adopt(numc_where_(condition.get(), x1, x2));
}
inline array clip(const array &x, const operand &min, const operand &max)
{
    return array::adopt(numc_clip_(x.get(), min, max));
}
inline array astype(const array &x, numc_dtype dtype)
{
    return array::adopt(numc_astype(x.get(), dtype));
}
inline array zeros_like(const array &x, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    const numc_like_options options = {sizeof options, dtype};
    return array::adopt(numc_zeros_like(x.get(), &options));
}
inline array ones_like(const array &x, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    const numc_like_options options = {sizeof options, dtype};
    return array::adopt(numc_ones_like(x.get(), &options));
}
inline array empty_like(const array &x, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    const numc_like_options options = {sizeof options, dtype};
    return array::adopt(numc_empty_like(x.get(), &options));
}
inline array full_like(const array &x, const operand &value, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    const numc_like_options options = {sizeof options, dtype};
    return array::adopt(numc_full_like_(x.get(), value, &options));
}
inline array to_device(const array &x, place where) /* a copy in another context */
{
    return array::adopt(numc_to_device_(x.get(), where));
}
inline array tril(const array &x, int64_t diagonal_ = 0)
{
    return array::adopt(numc_tril(x.get(), diagonal_));
}
inline array triu(const array &x, int64_t diagonal_ = 0)
{
    return array::adopt(numc_triu(x.get(), diagonal_));
}
inline array reshape(const array &x, const shape &to)
{
    return array::adopt(numc_reshape(x.get(), to));
}
inline array broadcast_to(const array &x, const shape &to)
{
    return array::adopt(numc_broadcast_to(x.get(), to));
}
inline array permute_dims(const array &x, const axes &order)
{
    return array::adopt(numc_permute_dims(x.get(), order));
}
inline array moveaxis(const array &x, int64_t source, int64_t destination)
{
    return array::adopt(numc_moveaxis(x.get(), source, destination));
}
inline array moveaxis(const array &x, const axes &source, const axes &destination)
{
    return array::adopt(numc_moveaxis_axes(x.get(), source, destination));
}
inline array expand_dims(const array &x, const axes &at)
{
    return array::adopt(numc_expand_dims(x.get(), at));
}
inline array squeeze(const array &x, const axes &at = {})
{
    return array::adopt(numc_squeeze(x.get(), at));
}
inline array flip(const array &x, const axes &over = {})
{
    return array::adopt(numc_flip(x.get(), over));
}
inline array roll(const array &x, int64_t shift, int64_t along)
{
    return array::adopt(numc_roll(x.get(), shift, along));
}
inline array roll(const array &x, const shape &shifts, const axes &over)
{
    return array::adopt(numc_roll_axes(x.get(), shifts, over));
}
inline array tile(const array &x, const shape &repetitions)
{
    return array::adopt(numc_tile(x.get(), repetitions));
}
inline array repeat(const array &x, int64_t repeats, numc_axis along = {0, false})
{
    return array::adopt(numc_repeat(x.get(), repeats, along));
}
inline array repeat(const array &x, const array &repeats, numc_axis along = {0, false})
{
    return array::adopt(numc_repeat_array(x.get(), repeats.get(), along));
}
inline ::std::vector<const numc_array *> pointers(const ::std::vector<array> &arrays)
{
    ::std::vector<const numc_array *> list;
    for (const array &x : arrays)
        list.push_back(x.get());
    return list;
}
inline array concat(const ::std::vector<array> &arrays, int64_t along = 0)
{
    return array::adopt(numc_concat(pointers(arrays).data(), static_cast<int32_t>(arrays.size()), along));
}
inline array stack(const ::std::vector<array> &arrays, int64_t along = 0)
{
    return array::adopt(numc_stack(pointers(arrays).data(), static_cast<int32_t>(arrays.size()), along));
}
inline array take(const array &x, const array &indices, numc_axis along = {0, false})
{
    return array::adopt(numc_take_(x.get(), indices.get(), along));
}
inline array take_along_axis(const array &x, const array &indices, int64_t along = -1)
{
    return array::adopt(numc_take_along_axis(x.get(), indices.get(), along));
}
inline array scatter_add(const array &x, const array &indices, const array &values, int64_t along = 0)
{
    return array::adopt(numc_scatter_add(x.get(), indices.get(), values.get(), along));
}
inline array argmax(const array &x, numc_axis along = {0, false}, bool keepdims = false)
{
    const numc_argmax_options options = {sizeof options, along, keepdims};
    return array::adopt(numc_argmax(x.get(), &options));
}
inline array argmin(const array &x, numc_axis along = {0, false}, bool keepdims = false)
{
    const numc_argmax_options options = {sizeof options, along, keepdims};
    return array::adopt(numc_argmin(x.get(), &options));
}
inline array cumulative_sum(const array &x, numc_axis along = {0, false}, bool include_initial = false,
                            numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    const numc_cumulative_options options = {sizeof options, along, dtype, include_initial};
    return array::adopt(numc_cumulative_sum(x.get(), &options));
}
inline array cumulative_prod(const array &x, numc_axis along = {0, false}, bool include_initial = false,
                             numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    const numc_cumulative_options options = {sizeof options, along, dtype, include_initial};
    return array::adopt(numc_cumulative_prod(x.get(), &options));
}
inline array sort(const array &x, numc_axis along = {0, false}, bool descending = false, bool unstable = false)
{
    const numc_sort_options options = {sizeof options, along, descending, unstable};
    return array::adopt(numc_sort(x.get(), &options));
}
inline array argsort(const array &x, numc_axis along = {0, false}, bool descending = false, bool unstable = false)
{
    const numc_sort_options options = {sizeof options, along, descending, unstable};
    return array::adopt(numc_argsort(x.get(), &options));
}
inline array searchsorted(const array &sorted, const operand &values, bool right = false, const array &sorter = {})
{
    const numc_searchsorted_options options = {sizeof options, right, sorter.get()};
    return array::adopt(numc_searchsorted_(sorted.get(), values, &options));
}
/* One of the two is an array. */
inline array isin(const operand &x1, const operand &x2, bool invert = false)
{
    const numc_isin_options options = {sizeof options, invert};
    return array::adopt(numc_isin_(x1, x2, &options));
}
inline array unique_values(const array &x)
{
    return array::adopt(numc_unique_values(x.get()));
}
/* What was not asked for is empty. */
struct unique_result {
    array values, indices, inverse_indices, counts;
};
inline unique_result adopt_unique(const numc_unique &u)
{
    return {array::adopt(u.values), array::adopt(u.indices), array::adopt(u.inverse_indices), array::adopt(u.counts)};
}
inline unique_result unique_all(const array &x)
{
    return adopt_unique(numc_unique_all(x.get()));
}
inline unique_result unique_counts(const array &x)
{
    return adopt_unique(numc_unique_counts(x.get()));
}
inline unique_result unique_inverse(const array &x)
{
    return adopt_unique(numc_unique_inverse(x.get()));
}
inline array diff(const array &x, numc_axis along = {-1, true}, int64_t n = 1, const array &prepend = {}, const array &append = {})
{
    numc_diff_options options = {};
    options.size = sizeof options;
    options.axis = along;
    options.n = n;
    options.prepend = prepend.get();
    options.append = append.get();
    return n == 0 ? x : array::adopt(numc_diff(x.get(), &options));
}
/* Functions of several results: none of them after an error. */
inline ::std::vector<array> adopt_all(numc_status status, const ::std::vector<numc_array *> &results)
{
    ::std::vector<array> list;
    for (numc_array *x : results) {
        if (status == NUMC_OK)
            list.push_back(array::adopt(x));
    }
    return list;
}
inline ::std::vector<array> nonzero(const array &x)
{
    ::std::vector<numc_array *> results(static_cast<::std::size_t>(x.rank() > 0 ? x.rank() : 0));
    return adopt_all(numc_nonzero(x.get(), results.data(), static_cast<int32_t>(results.size())), results);
}
inline ::std::vector<array> unstack(const array &x, int64_t along = 0)
{
    const ::std::vector<int64_t> sizes = x.shape();
    const int64_t rank = static_cast<int64_t>(sizes.size()), d = along < 0 ? along + rank : along;
    const int64_t count = d >= 0 && d < rank ? sizes[static_cast<::std::size_t>(d)] : 0;
    ::std::vector<numc_array *> results(static_cast<::std::size_t>(count));
    return adopt_all(numc_unstack(x.get(), along, results.data(), static_cast<int32_t>(count)), results);
}
inline ::std::vector<array> broadcast_arrays(const ::std::vector<array> &arrays)
{
    ::std::vector<numc_array *> results(arrays.size());
    return adopt_all(numc_broadcast_arrays(pointers(arrays).data(), static_cast<int32_t>(arrays.size()), results.data()), results);
}
inline ::std::vector<array> meshgrid(const ::std::vector<array> &arrays, bool matrix = false)
{
    const numc_meshgrid_options options = {sizeof options, matrix};
    ::std::vector<numc_array *> results(arrays.size());
    return adopt_all(numc_meshgrid_(pointers(arrays).data(), static_cast<int32_t>(arrays.size()), results.data(), &options), results);
}
inline array matmul(const array &x1, const array &x2)
{
    return array::adopt(numc_matmul(x1.get(), x2.get()));
}
inline array matrix_transpose(const array &x)
{
    return array::adopt(numc_matrix_transpose(x.get()));
}
inline array vecdot(const array &x1, const array &x2, int64_t along = -1)
{
    const numc_vecdot_options options = {sizeof options, {along, true}};
    return array::adopt(numc_vecdot_(x1.get(), x2.get(), &options));
}
inline array tensordot(const array &x1, const array &x2, int32_t count = 2)
{
    return array::adopt(numc_tensordot(x1.get(), x2.get(), count));
}
inline array tensordot(const array &x1, const array &x2, const axes &axes1, const axes &axes2)
{
    return array::adopt(numc_tensordot_axes(x1.get(), x2.get(), axes1, axes2));
}
inline array outer(const array &x1, const array &x2)
{
    return array::adopt(numc_outer(x1.get(), x2.get()));
}

/* Several results come as a struct of arrays, with the names of C's. */
namespace linalg {
using numc::matmul;
using numc::matrix_transpose;
using numc::outer;
using numc::tensordot;
using numc::vecdot;
struct qr_result {
    array q, r;
};
struct eigen_result {
    array values, vectors;
};
struct svd_result {
    array u, s, vh;
};
inline numc_rtol_options relative(const operand *rtol)
{
    numc_rtol_options options = {};
    options.size = sizeof options;
    if (rtol != nullptr)
        options.rtol = *rtol;
    return options;
}

inline array cross(const array &x1, const array &x2, int64_t along = -1)
{
    return array::adopt(numc_linalg_cross(x1.get(), x2.get(), along));
}
inline array matrix_power(const array &x, int64_t n)
{
    return array::adopt(numc_linalg_matrix_power(x.get(), n));
}
inline array diagonal(const array &x, int64_t offset = 0)
{
    return array::adopt(numc_linalg_diagonal(x.get(), offset));
}
inline array trace(const array &x, int64_t offset = 0, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    const numc_trace_options options = {sizeof options, offset, dtype};
    return array::adopt(numc_linalg_trace(x.get(), &options));
}
inline array cholesky(const array &x, bool upper = false)
{
    const numc_cholesky_options options = {sizeof options, upper};
    return array::adopt(numc_linalg_cholesky(x.get(), &options));
}
inline qr_result qr(const array &x, bool complete = false)
{
    const numc_qr_options options = {sizeof options, complete};
    numc_qr both = numc_linalg_qr(x.get(), &options);
    return {array::adopt(both.q), array::adopt(both.r)};
}
inline eigen_result eigh(const array &x)
{
    numc_eigh both = numc_linalg_eigh(x.get());
    return {array::adopt(both.values), array::adopt(both.vectors)};
}
inline array eigvalsh(const array &x)
{
    return array::adopt(numc_linalg_eigvalsh(x.get()));
}
inline eigen_result eig(const array &x)
{
    numc_eig both = numc_linalg_eig(x.get());
    return {array::adopt(both.values), array::adopt(both.vectors)};
}
inline array eigvals(const array &x)
{
    return array::adopt(numc_linalg_eigvals(x.get()));
}
inline svd_result svd(const array &x, bool full_matrices = true)
{
    const numc_svd_options options = {sizeof options, !full_matrices};
    numc_svd all = numc_linalg_svd(x.get(), &options);
    return {array::adopt(all.u), array::adopt(all.s), array::adopt(all.vh)};
}
inline array svdvals(const array &x)
{
    return array::adopt(numc_linalg_svdvals(x.get()));
}
inline array triangular_solve(const array &t, const array &b, bool upper = false, bool transpose = false,
                              bool unit_diagonal = false)
{
    const numc_triangular_options options = {sizeof(numc_triangular_options), upper, transpose, unit_diagonal};
    return array::adopt(numc_linalg_triangular_solve_(t.get(), b.get(), &options));
}
inline array cho_solve(const array &factor, const array &b)
{
    return array::adopt(numc_linalg_cho_solve(factor.get(), b.get()));
}
inline array cho_inv(const array &factor)
{
    return array::adopt(numc_linalg_cho_inv(factor.get()));
}
inline array solve(const array &a, const array &b)
{
    return array::adopt(numc_linalg_solve(a.get(), b.get()));
}
inline array inv(const array &x)
{
    return array::adopt(numc_linalg_inv(x.get()));
}
inline array det(const array &x)
{
    return array::adopt(numc_linalg_det(x.get()));
}
inline ::std::pair<array, array> slogdet(const array &x) /* sign, log |det| */
{
    numc_slogdet both = numc_linalg_slogdet(x.get());
    return {array::adopt(both.sign), array::adopt(both.logabsdet)};
}
inline array pinv(const array &x)
{
    const numc_rtol_options options = relative(nullptr);
    return array::adopt(numc_linalg_pinv(x.get(), &options));
}
inline array pinv(const array &x, const operand &rtol)
{
    const numc_rtol_options options = relative(&rtol);
    return array::adopt(numc_linalg_pinv(x.get(), &options));
}
inline array matrix_rank(const array &x)
{
    const numc_rtol_options options = relative(nullptr);
    return array::adopt(numc_linalg_matrix_rank(x.get(), &options));
}
inline array matrix_rank(const array &x, const operand &rtol)
{
    const numc_rtol_options options = relative(&rtol);
    return array::adopt(numc_linalg_matrix_rank(x.get(), &options));
}
inline array vector_norm(const array &x, const axes &over = {}, bool keepdims = false, double order = 2)
{
    const numc_vector_norm_options options = {sizeof options, over, keepdims, {order, true}};
    return array::adopt(numc_linalg_vector_norm(x.get(), &options));
}
inline array matrix_norm(const array &x, numc_matrix_order order = NUMC_ORDER_FROBENIUS, bool keepdims = false)
{
    const numc_matrix_norm_options options = {sizeof options, order, keepdims};
    return array::adopt(numc_linalg_matrix_norm(x.get(), &options));
}
} // namespace linalg

namespace fft {
/* length(64) in place of n; none: that of the axis. */
inline numc_length length(int64_t n)
{
    return {n, true};
}
#define NUMC_CPP_LINE(name)                                                                        \
    inline array name(const array &x, numc_axis along = {0, false}, numc_length n = {0, false},    \
                      numc_fft_norm norm = NUMC_FFT_BACKWARD)                                      \
    {                                                                                              \
        const numc_fft_options options = {sizeof(numc_fft_options), along, n, norm};               \
        return array::adopt(numc_fft_##name(x.get(), &options));                                   \
    }
NUMC_CPP_LINE(fft)
NUMC_CPP_LINE(ifft)
NUMC_CPP_LINE(rfft)
NUMC_CPP_LINE(irfft)
NUMC_CPP_LINE(hfft)
NUMC_CPP_LINE(ihfft)
#undef NUMC_CPP_LINE
#define NUMC_CPP_BOX(name)                                                                         \
    inline array name(const array &x, const axes &over = {}, const axes &s = {},                   \
                      numc_fft_norm norm = NUMC_FFT_BACKWARD)                                      \
    {                                                                                              \
        const numc_fftn_options options = {sizeof(numc_fftn_options), over, s, norm};              \
        return array::adopt(numc_fft_##name(x.get(), &options));                                   \
    }
NUMC_CPP_BOX(fftn)
NUMC_CPP_BOX(ifftn)
NUMC_CPP_BOX(rfftn)
NUMC_CPP_BOX(irfftn)
#undef NUMC_CPP_BOX
inline array fftfreq(place where, int64_t n, double d = 1, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_fft_fftfreq_(where, dtype, n, d));
}
inline array rfftfreq(place where, int64_t n, double d = 1, numc_dtype dtype = NUMC_DTYPE_DEFAULT)
{
    return array::adopt(numc_fft_rfftfreq_(where, dtype, n, d));
}
inline array fftshift(const array &x, const axes &over = {})
{
    return array::adopt(numc_fft_fftshift(x.get(), over));
}
inline array ifftshift(const array &x, const axes &over = {})
{
    return array::adopt(numc_fft_ifftshift(x.get(), over));
}
} // namespace fft

} // namespace numc
#endif
