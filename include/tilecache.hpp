/*
 * tilecache for C++17 and later, over tilecache.h, which is the manual: what a function does, and when it fails, stands
 * there under its name in C. docs/bindings.md says how its ideas look here.
 *
 *     auto cache = tilecache::Cache::create(tilecache::default_budget());
 *     auto tiles = tilecache::open("scene.tif").retile({}, cache);
 *     auto tile = tiles.get_block(0, 0).view<uint8_t>();
 *     std::cout << int(tile(0, 0, 0)) << '\n'; // band, row, column
 *
 * HANDLES   Cache, Provider, Tile, Chain, Transform, PixelStats and Load own one reference each. They move; clone() makes
 *           another one. close(), which the destructor calls, gives it up. Texts of an empty handle are empty, all else
 *           is an Error with TC_E_ARGUMENT.
 * ERRORS    Calls throw Error. Built without exceptions, or with TILECACHE_EXPECTED defined, they return Result<T> instead,
 *           which is what attempt([&] { return call; }) gives in both cases. Returned<T> stands for either below.
 * CALLBACKS Functions of yours may throw: what they throw comes out of the call that needed them, as itself. They may also
 *           return a Result<void>. They are called as the manual says, on several threads at once, and are released
 *           with what they were given to. Pixels and targets that they are given are valid until they return, and no
 *           View notices it afterwards: copy what is to stay. They ask for blocks by get_block, and do not wait for requests.
 * VIEWS     Pixels have the axes (band, row, column), and strides in samples. TileView holds its tile; View holds nothing.
 * THREADS   As in C: all may be used by all threads at once, but for one handle that is moved or closed meanwhile.
 */

#ifndef TILECACHE_HPP
#define TILECACHE_HPP

#include <array>
#include <complex>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#if defined(__has_include) && __cplusplus >= 202002L
#if __has_include(<version>)
#include <version>
#endif
#endif
#if defined(__cpp_impl_coroutine) && defined(__cpp_lib_coroutine)
#include <atomic>
#include <coroutine>
#define TILECACHE_COROUTINES 1
#endif
#if defined(__cpp_lib_expected)
#include <expected>
#endif
#if defined(__cpp_lib_mdspan)
#include <mdspan>
#endif

#include "tilecache.h"

#if defined(__cpp_exceptions)
#define TILECACHE_EXCEPTIONS 1
#include <future>
#endif
#if !defined(TILECACHE_EXCEPTIONS) && !defined(TILECACHE_EXPECTED)
#define TILECACHE_EXPECTED 1
#endif

namespace tilecache {
// Parts of a program that were built in different ways may meet in one.
#if defined(TILECACHE_EXPECTED) && defined(TILECACHE_EXCEPTIONS)
inline namespace expected {
#elif defined(TILECACHE_EXPECTED)
inline namespace without_exceptions {
#else
inline namespace throwing {
#endif

// ======== Errors ========

/** What was wrong: a status, and a text for a person. */
class Error : public std::runtime_error {
public:
    Error(tc_status status, const std::string &message, int32_t source_code = 0)
        : std::runtime_error(std::string(tc_status_name(status)) + ": " + message), status_(status),
          source_code_(source_code)
    {
    }
    explicit Error(const tc_error &error) : Error(error.code, error.message, error.source_code) {}

    tc_status status() const noexcept { return status_; }
    /** With TC_E_SOURCE what the callback gave as its code, else 0. */
    int32_t source_code() const noexcept { return source_code_; }
    /** The text without the name of the status, which what() has in front. */
    const char *message() const noexcept { return what() + std::strlen(tc_status_name(status_)) + 2; }
    /** The exception that a callback threw, if that is why; else null. */
    const std::exception_ptr &cause() const noexcept { return cause_; }
    /** The same error with that cause. */
    Error because(std::exception_ptr cause) const
    {
        Error caused(*this);
        caused.cause_ = std::move(cause);
        return caused;
    }

private:
    tc_status status_;
    int32_t source_code_;
    std::exception_ptr cause_;
};

namespace detail {
/** Throws what a callback threw, else the error. Without exceptions the process ends, with the text. */
[[noreturn]] inline void raise(const Error &error)
{
#if defined(TILECACHE_EXCEPTIONS)
    if (error.cause())
        std::rethrow_exception(error.cause());
    throw error;
#else
    std::fprintf(stderr, "tilecache: %s\n", error.what());
    std::abort();
#endif
}
} // namespace detail

/** A value, or the Error because of which there is none. Converts to std::expected<T, Error> where that is. */
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const noexcept { return held_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    /** The value; throws the error, or ends the process where there are no exceptions. */
    T &value() & { return has_value() ? *std::get_if<0>(&held_) : (detail::raise(error()), *std::get_if<0>(&held_)); }
    T &&value() && { return std::move(value()); }
    T &operator*() & { return value(); }
    T &&operator*() && { return std::move(value()); }
    T *operator->() { return &value(); }
    /** The error, which there must be. */
    const Error &error() const & { return *std::get_if<1>(&held_); }
    Error error() && { return std::move(*std::get_if<1>(&held_)); }
#if defined(__cpp_lib_expected)
    operator std::expected<T, Error>() &&
    {
        if (has_value())
            return std::move(value());
        return std::unexpected(error());
    }
#endif

private:
    std::variant<T, Error> held_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool has_value() const noexcept { return !error_; }
    explicit operator bool() const noexcept { return has_value(); }
    void value() const
    {
        if (error_)
            detail::raise(*error_);
    }
    void operator*() const { value(); }
    const Error &error() const & { return *error_; }
    Error error() && { return std::move(*error_); }
#if defined(__cpp_lib_expected)
    operator std::expected<void, Error>() const
    {
        if (has_value())
            return {};
        return std::unexpected(error());
    }
#endif

private:
    std::optional<Error> error_;
};

#if defined(TILECACHE_EXPECTED)
template <class T> using Returned = Result<T>;
#else
template <class T> using Returned = T;
#endif

namespace detail {
template <class T> struct is_result : std::false_type {};
template <class T> struct is_result<Result<T>> : std::true_type {};

/**
 * What callbacks failed with, on its way through the library, each under a number that goes with the error of C. It is kept
 * until it has come out of a call, whatever else fails meanwhile, and then a while longer, for calls that waited for the same
 * block and get their turn late.
 */
class Kept {
public:
    static Kept &all()
    {
        static Kept kept;
        return kept;
    }
    /** Of those that have come out, `out` are kept and all of the last `out_time`; those that nobody fetches `waiting_time`. */
    explicit Kept(size_t out = 1024, std::chrono::steady_clock::duration out_time = std::chrono::seconds(1),
                  std::chrono::steady_clock::duration waiting_time = std::chrono::minutes(10))
        : out_(out), out_time_(out_time), waiting_time_(waiting_time)
    {
    }
    /** The number, which no sensible code of a callback is. `has_message`: the library gets the message too. */
    int32_t keep(const Error &error, bool has_message = true)
    {
        std::lock_guard<std::mutex> lock(mutex_);
        auto now = std::chrono::steady_clock::now();
        while (!waits_.empty() && now - waits_.front().since > waiting_time_)
            forget(waits_);
        next_ = next_ == last ? first : next_ + 1;
        waits_.push_back(One{next_, error, has_message, false, now});
        found_[next_] = std::prev(waits_.end());
        return next_;
    }
    /** None if there is none with this number, or another one has it. */
    std::optional<Error> find(int32_t number, std::string_view message)
    {
        if (number < first || number > last)
            return std::nullopt;
        std::lock_guard<std::mutex> lock(mutex_);
        auto found = found_.find(number);
        if (found == found_.end())
            return std::nullopt;
        One &one = *found->second;
        if (one.has_message && !says(message, one.error.message()))
            return std::nullopt;
        Error error = one.error;
        if (!one.is_out) {
            one.is_out = true;
            one.since = std::chrono::steady_clock::now();
            outs_.splice(outs_.end(), waits_, found->second);
            while (outs_.size() > out_ && one.since - outs_.front().since > out_time_)
                forget(outs_);
        }
        return error;
    }
    /** How many are kept. */
    size_t size()
    {
        std::lock_guard<std::mutex> lock(mutex_);
        return found_.size();
    }

private:
    struct One {
        int32_t number;
        Error error;
        bool has_message, is_out;
        std::chrono::steady_clock::time_point since; // kept, or come out
    };
    /** Long messages lose their middle in the library, so the beginning is looked for. */
    static bool says(std::string_view message, std::string_view kept)
    {
        return message.find(kept.substr(0, 64)) != message.npos;
    }
    /** Forgets the first, which is the oldest. */
    void forget(std::list<One> &from)
    {
        found_.erase(from.front().number);
        from.pop_front();
    }

    static constexpr int32_t first = INT32_MIN, last = INT32_MIN + (1 << 29);
    const size_t out_;
    const std::chrono::steady_clock::duration out_time_, waiting_time_;
    std::mutex mutex_;
    std::list<One> waits_, outs_;
    std::unordered_map<int32_t, std::list<One>::iterator> found_;
    int32_t next_ = first;
};

/** What the library says of a failure, or what a callback failed with that led to it. */
inline Error error(const tc_error &of)
{
    if (of.code == TC_E_SOURCE)
        if (auto kept = Kept::all().find(of.source_code, of.message))
            return *kept;
    return Error(of);
}

/** The failure of a call that should have returned a T. */
template <class T>
Returned<T> failed(const Error &error)
{
#if defined(TILECACHE_EXPECTED)
    return error;
#else
    raise(error);
#endif
}

template <class T>
Returned<T> failed(const tc_error &of)
{
    return failed<T>(error(of));
}

/** A call that returns nothing else than its status. */
template <class Call>
Returned<void> done(Call call)
{
    tc_error err;
    if (call(&err) != TC_OK)
        return failed<void>(err);
    return Returned<void>();
}

/** A call that gives a handle. */
template <class Handle, class Call>
Returned<Handle> made(Call call)
{
    tc_error err;
    typename Handle::raw_type *raw = nullptr;
    if (call(&raw, &err) != TC_OK)
        return failed<Handle>(err);
    return Handle::own(raw);
}

/** A call that gives a tile, if it is there. */
template <class Handle, class Call>
Returned<std::optional<Handle>> made_if_resident(Call call)
{
    tc_error err;
    typename Handle::raw_type *raw = nullptr;
    tc_status status = call(&raw, &err);
    if (status == TC_E_NOT_RESIDENT)
        return std::optional<Handle>();
    if (status != TC_OK)
        return failed<std::optional<Handle>>(err);
    return std::optional<Handle>(Handle::own(raw));
}

/** A call that writes a struct. */
template <class T, class Call>
Returned<T> told(T value, Call call)
{
    tc_error err;
    if (call(&value, &err) != TC_OK)
        return failed<T>(err);
    return value;
}

/** A call that writes a struct of C, as T. */
template <class T, class C, class Call>
Returned<T> told_as(C c, Call call)
{
    tc_error err;
    if (call(&c, &err) != TC_OK)
        return failed<T>(err);
    return T::of(c);
}

/** The status of a call that takes what is kept for it, if it has success. */
template <class T>
tc_status taken(std::unique_ptr<T> &kept, tc_status status)
{
    if (status == TC_OK)
        kept.release();
    return status;
}

/** A call that writes a text, which may have grown when it is asked for. */
template <class Call>
Returned<std::string> written(Call call)
{
    std::string text;
    tc_error err;
    size_t bytes = 0;
    tc_status status = call(nullptr, size_t(0), &bytes, &err);
    while (status == TC_OK && text.size() < bytes) {
        text.resize(bytes);
        status = call(&text[0], text.size(), &bytes, &err);
        if (status == TC_E_LIMIT && bytes > text.size())
            status = TC_OK;
    }
    if (status != TC_OK)
        return failed<std::string>(err);
    text.resize(bytes - 1);
    return text;
}

/** A size-led struct of C with its size. */
template <class T>
T sized()
{
    T made{};
    made.struct_size = sizeof(T);
    return made;
}

/** Text for C, which would end at its first NUL. */
inline const char *text(const std::string &given)
{
    return given.c_str();
}
inline const char *text(const std::optional<std::string> &given)
{
    return given ? given->c_str() : nullptr;
}
inline bool has_nul(const std::string &given)
{
    return given.find('\0') != given.npos;
}
inline bool has_nul(const std::optional<std::string> &given)
{
    return given && has_nul(*given);
}
inline Error nul_in(const char *what, const std::string &text)
{
    return Error(TC_E_ARGUMENT, std::string(what) + " has a NUL at byte " + std::to_string(text.find('\0')) + ": \"" +
                                    text.c_str() + "\"...");
}
inline Error closed(const std::string &what)
{
    return Error(TC_E_ARGUMENT, what + " was closed or moved");
}
inline std::string_view view_of(const char *text)
{
    return text ? std::string_view(text) : std::string_view();
}

inline void write_message(tc_error *err, tc_status code, int32_t source_code, const char *message)
{
    err->code = code;
    err->source_code = source_code;
    std::snprintf(err->message, sizeof err->message, "%s", message);
}

/** What comes through the library as it is, see tc_source. */
constexpr bool comes_through(tc_status status)
{
    return status == TC_E_CANCELLED || status == TC_E_REENTRANT || status == TC_E_NO_MEMORY || status == TC_E_LIMIT ||
           status == TC_E_IO || status == TC_E_CORRUPT || status == TC_E_UNSUPPORTED || status == TC_E_CHANGED ||
           status == TC_E_INTERNAL;
}

/** Writes what a callback failed with for the library, and returns what the callback returns then. */
inline tc_status hand_on(const Error &error, tc_error *err)
{
    const bool as_it_is = !error.cause() && (comes_through(error.status()) || error.status() == TC_E_SOURCE);
    err->code = as_it_is ? error.status() : TC_E_SOURCE;
    err->source_code = as_it_is ? error.source_code() : Kept::all().keep(error);
    std::snprintf(err->message, sizeof err->message, "%s", error.message());
    return err->code;
}

/** What is thrown now, as an error. */
inline Error thrown() noexcept
{
#if defined(TILECACHE_EXCEPTIONS)
    try {
        throw;
    } catch (const Error &error) {
        const bool as_it_is = comes_through(error.status()) || error.status() == TC_E_SOURCE;
        return error.cause() || as_it_is ? error : error.because(std::current_exception());
    } catch (const std::exception &exception) {
        return Error(TC_E_SOURCE, exception.what()).because(std::current_exception());
    } catch (...) {
        return Error(TC_E_SOURCE, "something was thrown that is no std::exception").because(std::current_exception());
    }
#else
    return Error(TC_E_INTERNAL, "nothing is thrown without exceptions");
#endif
}

/** Runs a callback, which returns nothing or a Result<void>, so that nothing is thrown into C. */
template <class Call>
Result<void> guarded(Call call) noexcept
{
#if defined(TILECACHE_EXCEPTIONS)
    try {
#endif
        if constexpr (is_result<decltype(call())>::value) {
            return call();
        } else {
            call();
            return Result<void>();
        }
#if defined(TILECACHE_EXCEPTIONS)
    } catch (...) {
        return thrown();
    }
#endif
}

/** The same, for a callback that has an error to write. */
template <class Call>
tc_status guarded(tc_error *err, Call call) noexcept
{
    const Result<void> result = guarded(call);
    return result ? TC_OK : hand_on(result.error(), err);
}

/** Where nobody waits for what a function does, what it throws can only be shown. */
template <class Call>
void unheard(const char *where, Call call) noexcept
{
    const Result<void> result = guarded(call);
    if (!result)
        std::fprintf(stderr, "tilecache: %s failed: %s\n", where, result.error().what());
}

/** Takes the parts of a text. */
inline tc_status append(void *user, const char *part, size_t bytes, tc_error *) noexcept
{
    const Result<void> result = guarded([&] { static_cast<std::string *>(user)->append(part, bytes); });
    return result ? TC_OK : TC_E_NO_MEMORY;
}

/** A release function for an object made by new. */
template <class T>
void destroy(void *user)
{
    delete static_cast<T *>(user);
}

template <class T> struct result_value { using type = T; };
template <class T> struct result_value<Result<T>> { using type = T; };
} // namespace detail

/** A function of yours: what it is given, and nothing or a Result<void> of what it returns. */
template <class Signature> class Callback;
template <class... Args>
class Callback<void(Args...)> {
public:
    Callback() = default;
    Callback(std::nullptr_t) {}
    template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, Callback> && std::is_invocable_v<F &, Args...>>>
    Callback(F function)
    {
        if constexpr (detail::is_result<std::invoke_result_t<F &, Args...>>::value)
            function_ = std::move(function);
        else
            function_ = [kept = std::move(function)](Args... args) mutable {
                kept(std::forward<Args>(args)...);
                return Result<void>();
            };
    }
    explicit operator bool() const noexcept { return bool(function_); }
    Result<void> operator()(Args... args) const { return function_(std::forward<Args>(args)...); }

private:
    std::function<Result<void>(Args...)> function_;
};

/** Runs what returns a T or a Result<T>, or throws; a Result in each case. */
template <class Call>
auto attempt(Call call) -> Result<typename detail::result_value<decltype(call())>::type>
{
    using T = typename detail::result_value<decltype(call())>::type;
#if defined(TILECACHE_EXCEPTIONS)
    try {
#endif
        if constexpr (detail::is_result<decltype(call())>::value) {
            return call();
        } else if constexpr (std::is_void_v<T>) {
            call();
            return Result<void>();
        } else {
            return Result<T>(call());
        }
#if defined(TILECACHE_EXCEPTIONS)
    } catch (...) {
        return detail::thrown();
    }
#endif
}

// ======== Pixels ========

/** A complex sample of whole numbers. */
template <class T>
struct Complex {
    T real, imaginary;
};

/** The tc_dtype of a type of C++. */
template <class T> struct dtype_of;
template <> struct dtype_of<uint8_t> { static constexpr tc_dtype value = TC_U8; };
template <> struct dtype_of<int8_t> { static constexpr tc_dtype value = TC_I8; };
template <> struct dtype_of<uint16_t> { static constexpr tc_dtype value = TC_U16; };
template <> struct dtype_of<int16_t> { static constexpr tc_dtype value = TC_I16; };
template <> struct dtype_of<uint32_t> { static constexpr tc_dtype value = TC_U32; };
template <> struct dtype_of<int32_t> { static constexpr tc_dtype value = TC_I32; };
template <> struct dtype_of<uint64_t> { static constexpr tc_dtype value = TC_U64; };
template <> struct dtype_of<int64_t> { static constexpr tc_dtype value = TC_I64; };
template <> struct dtype_of<float> { static constexpr tc_dtype value = TC_F32; };
template <> struct dtype_of<double> { static constexpr tc_dtype value = TC_F64; };
template <> struct dtype_of<Complex<int16_t>> { static constexpr tc_dtype value = TC_CI16; };
template <> struct dtype_of<Complex<int32_t>> { static constexpr tc_dtype value = TC_CI32; };
template <> struct dtype_of<std::complex<float>> { static constexpr tc_dtype value = TC_CF32; };
template <> struct dtype_of<std::complex<double>> { static constexpr tc_dtype value = TC_CF64; };

/** The bytes of a sample; 0 for what is no type. */
constexpr int64_t sample_size(tc_dtype dtype)
{
    switch (dtype) {
    case TC_U8:
    case TC_I8: return 1;
    case TC_U16:
    case TC_I16: return 2;
    case TC_U32:
    case TC_I32:
    case TC_F32:
    case TC_CI16: return 4;
    case TC_U64:
    case TC_I64:
    case TC_F64:
    case TC_CI32:
    case TC_CF32: return 8;
    case TC_CF64: return 16;
    default: return 0;
    }
}

/** Samples somewhere, by band, row and column. Strides count samples. Holds nothing alive. */
template <class T>
class View {
public:
    View() = default;
    /** Packed, band after band. */
    View(T *data, int32_t bands, int64_t height, int64_t width)
        : View(data, bands, height, width, width * height, width, 1)
    {
    }
    View(T *data, int32_t bands, int64_t height, int64_t width, int64_t band_stride, int64_t row_stride,
         int64_t column_stride)
        : data_(data), bands_(bands), height_(height), width_(width), band_stride_(band_stride),
          row_stride_(row_stride), column_stride_(column_stride)
    {
    }
    template <class U, class = std::enable_if_t<std::is_same_v<const U, T> && !std::is_const_v<U>>>
    View(const View<U> &other)
        : View(other.data(), other.bands(), other.height(), other.width(), other.band_stride(), other.row_stride(),
               other.column_stride())
    {
    }

    T &operator()(int32_t band, int64_t row, int64_t column) const
    {
        return data_[band * band_stride_ + row * row_stride_ + column * column_stride_];
    }
    T *data() const noexcept { return data_; }
    int32_t bands() const noexcept { return bands_; }
    int64_t height() const noexcept { return height_; }
    int64_t width() const noexcept { return width_; }
    int64_t band_stride() const noexcept { return band_stride_; }
    int64_t row_stride() const noexcept { return row_stride_; }
    int64_t column_stride() const noexcept { return column_stride_; }
    std::array<int64_t, 3> shape() const noexcept { return {bands_, height_, width_}; }

    /** Calls f with each sample, in the order of band, row and column. */
    template <class F>
    void for_each(F f) const
    {
        for (int32_t band = 0; band < bands_; band++)
            for (int64_t row = 0; row < height_; row++)
                for (int64_t column = 0; column < width_; column++)
                    f((*this)(band, row, column));
    }
#if defined(__cpp_lib_mdspan)
    using mdspan_type = std::mdspan<T, std::dextents<int64_t, 3>, std::layout_stride>;
    mdspan_type mdspan() const
    {
        const std::dextents<int64_t, 3> extents(bands_, height_, width_);
        const std::array<int64_t, 3> strides{band_stride_, row_stride_, column_stride_};
        return mdspan_type(data_, std::layout_stride::mapping(extents, strides));
    }
    operator mdspan_type() const { return mdspan(); }
#endif

private:
    T *data_ = nullptr;
    int32_t bands_ = 0;
    int64_t height_ = 0, width_ = 0, band_stride_ = 0, row_stride_ = 0, column_stride_ = 0;
};

/** Samples in memory of their own. */
template <class T>
class Array {
public:
    Array(int32_t bands, int64_t height, int64_t width)
        : samples_(size_t(bands) * size_t(height) * size_t(width)), bands_(bands), height_(height), width_(width)
    {
    }
    View<T> view() & { return View<T>(samples_.data(), bands_, height_, width_); }
    View<const T> view() const & { return View<const T>(samples_.data(), bands_, height_, width_); }
    View<T> view() && = delete;
    T &operator()(int32_t band, int64_t row, int64_t column) { return view()(band, row, column); }
    const T &operator()(int32_t band, int64_t row, int64_t column) const { return view()(band, row, column); }
    /** Band after band, packed. */
    const std::vector<T> &samples() const & noexcept { return samples_; }
    std::vector<T> samples() && noexcept { return std::move(samples_); }
    int32_t bands() const noexcept { return bands_; }
    int64_t height() const noexcept { return height_; }
    int64_t width() const noexcept { return width_; }

private:
    std::vector<T> samples_;
    int32_t bands_;
    int64_t height_, width_;
};

namespace detail {
inline std::string dtype_name(tc_dtype dtype)
{
    switch (dtype) {
    case TC_U8: return "TC_U8";
    case TC_I8: return "TC_I8";
    case TC_U16: return "TC_U16";
    case TC_I16: return "TC_I16";
    case TC_U32: return "TC_U32";
    case TC_I32: return "TC_I32";
    case TC_U64: return "TC_U64";
    case TC_I64: return "TC_I64";
    case TC_F32: return "TC_F32";
    case TC_F64: return "TC_F64";
    case TC_CI16: return "TC_CI16";
    case TC_CI32: return "TC_CI32";
    case TC_CF32: return "TC_CF32";
    case TC_CF64: return "TC_CF64";
    default: return "type " + std::to_string(dtype);
    }
}
inline Error other_dtype(tc_dtype is, tc_dtype wanted)
{
    return Error(TC_E_ARGUMENT, "samples of " + dtype_name(is) + " were asked for as " + dtype_name(wanted));
}

/** Calls f with a null pointer to the type of C++. */
template <class F>
auto with_type(tc_dtype dtype, F f) -> Returned<typename result_value<decltype(f(static_cast<uint8_t *>(nullptr)))>::type>
{
    switch (dtype) {
    case TC_U8: return f(static_cast<uint8_t *>(nullptr));
    case TC_I8: return f(static_cast<int8_t *>(nullptr));
    case TC_U16: return f(static_cast<uint16_t *>(nullptr));
    case TC_I16: return f(static_cast<int16_t *>(nullptr));
    case TC_U32: return f(static_cast<uint32_t *>(nullptr));
    case TC_I32: return f(static_cast<int32_t *>(nullptr));
    case TC_U64: return f(static_cast<uint64_t *>(nullptr));
    case TC_I64: return f(static_cast<int64_t *>(nullptr));
    case TC_F32: return f(static_cast<float *>(nullptr));
    case TC_F64: return f(static_cast<double *>(nullptr));
    case TC_CI16: return f(static_cast<Complex<int16_t> *>(nullptr));
    case TC_CI32: return f(static_cast<Complex<int32_t> *>(nullptr));
    case TC_CF32: return f(static_cast<std::complex<float> *>(nullptr));
    case TC_CF64: return f(static_cast<std::complex<double> *>(nullptr));
    default:
        return failed<typename result_value<decltype(f(static_cast<uint8_t *>(nullptr)))>::type>(
            Error(TC_E_ARGUMENT, "there is no sample type " + std::to_string(dtype)));
    }
}
} // namespace detail

/** Pixels to be read, of a type that is known when the program runs: tc_pixels. Holds nothing alive. */
class Pixels : public tc_pixels {
public:
    Pixels() : tc_pixels{} {}
    Pixels(const tc_pixels &c) : tc_pixels(c) {}
    /** Of samples whose columns lie side by side. */
    template <class T>
    static Pixels of(View<T> view)
    {
        Pixels made;
        made.data = view.data();
        made.width = made.valid_width = view.width();
        made.height = made.valid_height = view.height();
        made.bands = view.bands();
        made.row_stride = view.row_stride() * int64_t(sizeof(T));
        made.band_stride = view.band_stride() * int64_t(sizeof(T));
        made.dtype = dtype_of<std::remove_const_t<T>>::value;
        return made;
    }

    bool absent() const noexcept { return flags & TC_PIXELS_ABSENT; }
    /** The samples as T, which must be their type. */
    template <class T>
    Returned<View<const T>> view() const
    {
        if (dtype != dtype_of<T>::value)
            return detail::failed<View<const T>>(detail::other_dtype(dtype, dtype_of<T>::value));
        const auto size = int64_t(sizeof(T));
        return View<const T>(static_cast<const T *>(data), bands, height, width, band_stride / size, row_stride / size, 1);
    }
    /** Calls f with the view of the type that they have; it returns the same type for all. */
    template <class F>
    auto visit(F f) const
    {
        return detail::with_type(dtype, [&](auto *type) {
            using T = std::remove_pointer_t<decltype(type)>;
            const auto size = int64_t(sizeof(T));
            return f(View<const T>(static_cast<const T *>(data), bands, height, width, band_stride / size,
                                   row_stride / size, 1));
        });
    }
};

/** Memory of yours, of a type that is known when the program runs: tc_target. Strides count bytes. Holds nothing alive. */
class Target : public tc_target {
public:
    Target() : tc_target{} {}
    Target(const tc_target &c) : tc_target(c) {}
    template <class T, class = std::enable_if_t<!std::is_const_v<T>>>
    Target(View<T> view) : tc_target{}
    {
        const auto size = int64_t(sizeof(T));
        data = view.data();
        width = view.width();
        height = view.height();
        bands = view.bands();
        pixel_stride = view.column_stride() * size;
        row_stride = view.row_stride() * size;
        band_stride = view.band_stride() * size;
        dtype = dtype_of<T>::value;
    }
    template <class T> Target(Array<T> &array) : Target(array.view()) {}

    /** The samples as T, which must be their type, as in what a callback gets. */
    template <class T>
    Returned<View<T>> view() const
    {
        if (dtype != dtype_of<T>::value)
            return detail::failed<View<T>>(detail::other_dtype(dtype, dtype_of<T>::value));
        const auto size = int64_t(sizeof(T));
        if (pixel_stride % size || row_stride % size || band_stride % size)
            return detail::failed<View<T>>(Error(TC_E_ARGUMENT, "strides that are no whole samples"));
        return View<T>(static_cast<T *>(data), bands, height, width, band_stride / size, row_stride / size,
                       pixel_stride / size);
    }
    /** Calls f with the view of the type that they have; it returns the same type for all. */
    template <class F>
    auto visit(F f) const
    {
        return detail::with_type(dtype, [&](auto *type) {
            using T = std::remove_pointer_t<decltype(type)>;
            const auto size = int64_t(sizeof(T));
            return f(View<T>(static_cast<T *>(data), bands, height, width, band_stride / size, row_stride / size,
                             pixel_stride / size));
        });
    }
};

/** Bands, from 0, in any order; none are all. Lives as long as what it is made from. */
class Bands {
public:
    Bands() = default;
    Bands(std::initializer_list<int32_t> bands) : Bands(bands.begin(), bands.size()) {}
    Bands(const std::vector<int32_t> &bands) : Bands(bands.data(), bands.size()) {}
    Bands(const int32_t *bands, size_t count) : bands_(count ? bands : nullptr), count_(count) {}

    const int32_t *data() const noexcept { return bands_; }
    size_t size() const noexcept { return count_; }
    const int32_t *begin() const noexcept { return bands_; }
    const int32_t *end() const noexcept { return bands_ + count_; }

private:
    const int32_t *bands_ = nullptr;
    size_t count_ = 0;
};

// ======== Handles ========

/** One reference to an object of the library. */
template <class Self, class Raw, Raw *(*retain)(Raw *), void (*release_one)(Raw *)>
class Handle {
public:
    using raw_type = Raw;

    Handle() noexcept = default;
    Handle(Handle &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    Handle &operator=(Handle &&other) noexcept
    {
        if (this != &other) {
            close();
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }
    Handle(const Handle &) = delete;
    Handle &operator=(const Handle &) = delete;
    ~Handle() { close(); }

    /** Takes over a reference of C. */
    static Self own(Raw *raw)
    {
        Self made;
        made.raw_ = raw;
        return made;
    }
    /** One more reference. */
    Self clone() const { return own(retain(raw_)); }
    /** Gives the reference up; of an empty handle nothing happens. */
    void close() noexcept { release_one(std::exchange(raw_, nullptr)); }
    /** Leaves the reference to the caller. */
    Raw *release() noexcept { return std::exchange(raw_, nullptr); }
    Raw *get() const noexcept { return raw_; }
    explicit operator bool() const noexcept { return raw_ != nullptr; }

private:
    Raw *raw_ = nullptr;
};

template <class T> class TileView;

/** Decoded pixels that never change. */
class Tile : public Handle<Tile, tc_tile, tc_tile_retain, tc_tile_release> {
public:
    /** Where they are, valid as long as the tile. */
    Pixels pixels() const
    {
        Pixels made;
        tc_tile_pixels(get(), &made);
        return made;
    }
    /** The samples, with a reference to the tile. */
    template <class T> Returned<TileView<T>> view() const;
    /** Copies a part, converted to the type of `into`. */
    Returned<void> copy(int64_t x, int64_t y, const Target &into, Bands bands = {}) const
    {
        return detail::done([&](tc_error *err) {
            return tc_tile_copy(get(), x, y, bands.data(), bands.size(), &into, err);
        });
    }
};

/** The samples of a tile, which it holds: it may outlive all else. */
template <class T>
class TileView : public View<const T> {
public:
    TileView(View<const T> view, Tile tile) : View<const T>(view), tile_(std::move(tile)) {}
    const Tile &tile() const noexcept { return tile_; }

private:
    Tile tile_;
};

template <class T>
Returned<TileView<T>> Tile::view() const
{
    const Pixels at = pixels();
    if (!*this)
        return detail::failed<TileView<T>>(detail::closed("the tile"));
    if (at.dtype != dtype_of<T>::value)
        return detail::failed<TileView<T>>(detail::other_dtype(at.dtype, dtype_of<T>::value));
    const auto size = int64_t(sizeof(T));
    return TileView<T>(View<const T>(static_cast<const T *>(at.data), at.bands, at.height, at.width,
                                     at.band_stride / size, at.row_stride / size, 1),
                       clone());
}

/** A load that a callback works for. */
class Load : public Handle<Load, tc_load, tc_load_retain, tc_load_release> {
public:
    /** That of the calling thread; empty where it works for none. */
    static Load current() { return own(tc_load_current()); }
    /** Whether nobody wants it any more. */
    bool is_cancelled() const { return tc_load_is_cancelled(get()) != 0; }
};

/** What a log is told: the texts are valid while it is called. */
struct LogMessage {
    tc_log_level level;
    tc_log_event event;
    std::string_view subject;
    std::string_view text;
};

/** Where a cache or an opening tells what happens: tc_log. */
struct Log {
    uint32_t level = 0;
    uint32_t slow_ms = 0;
    /** What it throws is written to stderr. */
    std::function<void(const LogMessage &)> write;
};

namespace detail {
/** The log of a call, which the library lets go by itself, but where it refuses the arguments of the call. */
class LogC {
public:
    explicit LogC(const std::optional<Log> &log)
    {
        if (!log)
            return;
        c_.level = log->level;
        c_.slow_ms = log->slow_ms;
        c_.write = log->write ? write : nullptr;
        c_.release = release;
        c_.user = new Lent{*log, gone_};
    }
    LogC(const LogC &) = delete;
    LogC &operator=(const LogC &) = delete;
    ~LogC()
    {
        if (!called_ && c_.user && !*gone_)
            release(c_.user);
    }
    const tc_log *get() const { return c_.user ? &c_ : nullptr; }
    /** The status of a call that takes it, if it has success. */
    tc_status taken(tc_status status)
    {
        called_ = called_ || status == TC_OK;
        return status;
    }

private:
    struct Lent {
        Log log;
        std::shared_ptr<bool> gone;
    };
    static void write(void *user, int32_t level, int32_t event, const char *subject, const char *text)
    {
        unheard("a log", [&] {
            static_cast<Lent *>(user)->log.write({tc_log_level(level), tc_log_event(event), subject, text});
        });
    }
    static void release(void *user)
    {
        *static_cast<Lent *>(user)->gone = true;
        destroy<Lent>(user);
    }

    std::shared_ptr<bool> gone_ = std::make_shared<bool>(false);
    tc_log c_ = sized<tc_log>();
    bool called_ = false;
};
} // namespace detail

/** Options of tc_create. */
struct CacheOptions {
    uint32_t unread_percent = 0;
    uint64_t view_limit = 0;
    uint64_t max_in_flight = 0;
    uint32_t threads = 0;
    uint32_t flags = 0;
    std::optional<Log> log;
};

/** A store of tiles under one budget of bytes. */
class Cache : public Handle<Cache, tc_cache, tc_retain, tc_release> {
public:
    static Returned<Cache> create(uint64_t max_bytes, const CacheOptions &options = {})
    {
        auto c = detail::sized<tc_cache_options>();
        c.unread_percent = options.unread_percent;
        c.view_limit = options.view_limit;
        c.max_in_flight = options.max_in_flight;
        c.threads = options.threads;
        c.flags = options.flags;
        detail::LogC log(options.log);
        c.log = log.get();
        return detail::made<Cache>([&](tc_cache **made, tc_error *err) {
            return log.taken(tc_create(max_bytes, &c, made, err));
        });
    }
    Returned<void> set_budget(uint64_t max_bytes) const
    {
        return detail::done([&](tc_error *err) { return tc_set_budget(get(), max_bytes, err); });
    }
    /** How many bytes were given back. */
    Returned<uint64_t> trim(uint64_t bytes) const
    {
        return detail::told(uint64_t(0), [&](uint64_t *given_back, tc_error *err) {
            return tc_trim(get(), bytes, given_back, err);
        });
    }
    Returned<void> set_share(const std::string &key, uint64_t maximum, uint64_t guarantee) const
    {
        if (detail::has_nul(key))
            return detail::failed<void>(detail::nul_in("the key", key));
        return detail::done([&](tc_error *err) {
            return tc_set_share(get(), detail::text(key), maximum, guarantee, err);
        });
    }
    Returned<void> clear() const
    {
        return detail::done([&](tc_error *err) { return tc_clear(get(), err); });
    }
    /** Another tier behind the memory of a cache that is new; the table is copied. Tiers are written as in C. */
    Returned<void> set_tier(const tc_tier &tier) const
    {
        return detail::done([&](tc_error *err) { return tc_set_tier(get(), &tier, err); });
    }
    /** Has the tier store all that it is still to get, and waits for that: before the process ends, for what waits then is lost. */
    Returned<void> flush_tier(std::chrono::nanoseconds timeout) const
    {
        auto wait = static_cast<uint64_t>(timeout.count() > 0 ? timeout.count() : 0);
        return detail::done([&](tc_error *err) { return tc_flush_tier(get(), wait, err); });
    }
    Returned<tc_tier_stats> tier_statistics() const
    {
        return detail::told(detail::sized<tc_tier_stats>(), [&](tc_tier_stats *stats, tc_error *err) {
            return tc_tier_statistics(get(), stats, err);
        });
    }
    Returned<tc_cache_stats> statistics() const
    {
        return detail::told(detail::sized<tc_cache_stats>(), [&](tc_cache_stats *stats, tc_error *err) {
            return tc_statistics(get(), stats, err);
        });
    }
    /** JSON. */
    Returned<std::string> statistics_json() const
    {
        return detail::written([&](char *into, size_t room, size_t *bytes, tc_error *err) {
            return tc_statistics_json(get(), into, room, bytes, err);
        });
    }
    /** A page of HTML. */
    Returned<std::string> report() const
    {
        return detail::told(std::string(), [&](std::string *page, tc_error *err) {
            return tc_report(get(), detail::append, page, err);
        });
    }
    /** None if it is not there. */
    Returned<std::optional<Tile>> find(const std::string &key, int64_t row, int64_t col, int32_t level = 0,
                                       Bands bands = {}) const
    {
        if (detail::has_nul(key))
            return detail::failed<std::optional<Tile>>(detail::nul_in("the key", key));
        return detail::made_if_resident<Tile>([&](tc_tile **tile, tc_error *err) {
            return tc_get(get(), detail::text(key), row, col, level, bands.data(), bands.size(), tile, err);
        });
    }
    /** None if it is not there. No use of it. */
    Returned<std::optional<Tile>> peek(const std::string &key, int64_t row, int64_t col, int32_t level = 0,
                                       Bands bands = {}) const
    {
        if (detail::has_nul(key))
            return detail::failed<std::optional<Tile>>(detail::nul_in("the key", key));
        return detail::made_if_resident<Tile>([&](tc_tile **tile, tc_error *err) {
            return tc_peek(get(), detail::text(key), row, col, level, bands.data(), bands.size(), tile, err);
        });
    }
    /** Puts a copy. */
    Returned<void> put(const std::string &key, int64_t row, int64_t col, const Pixels &pixels, int32_t level = 0,
                       Bands bands = {}) const
    {
        if (detail::has_nul(key))
            return detail::failed<void>(detail::nul_in("the key", key));
        return detail::done([&](tc_error *err) {
            return tc_put(get(), detail::text(key), row, col, level, bands.data(), bands.size(), &pixels, nullptr,
                          nullptr, err);
        });
    }
    /** Lends the pixels, whose owner is held as long as they are needed; copies them where strides ask for it. */
    Returned<void> lend(const std::string &key, int64_t row, int64_t col, const Pixels &pixels,
                        std::shared_ptr<const void> owner, int32_t level = 0, Bands bands = {}) const
    {
        using Owner = std::shared_ptr<const void>;
        if (detail::has_nul(key))
            return detail::failed<void>(detail::nul_in("the key", key));
        auto kept = std::make_unique<Owner>(std::move(owner));
        return detail::done([&](tc_error *err) {
            return detail::taken(kept,
                                 tc_put(get(), detail::text(key), row, col, level, bands.data(), bands.size(),
                                        &pixels, detail::destroy<Owner>, kept.get(), err));
        });
    }
    /** Whether it was there. */
    Returned<bool> remove(const std::string &key, int64_t row, int64_t col, int32_t level = 0, Bands bands = {}) const
    {
        if (detail::has_nul(key))
            return detail::failed<bool>(detail::nul_in("the key", key));
        tc_error err;
        tc_status status = tc_remove(get(), detail::text(key), row, col, level, bands.data(), bands.size(), &err);
        if (status != TC_OK && status != TC_E_NOT_RESIDENT)
            return detail::failed<bool>(err);
        return status == TC_OK;
    }
};

/** Where an operator keeps its tiles: a cache, or nowhere. */
class MaybeCache {
public:
    MaybeCache() = default;
    MaybeCache(std::nullptr_t) {}
    MaybeCache(const Cache &cache) : raw_(cache.get()), closed_(!cache) {}
    tc_cache *get() const noexcept { return raw_; }
    /** Whether a cache was meant that is none any more. */
    bool closed() const noexcept { return closed_; }

private:
    tc_cache *raw_ = nullptr;
    bool closed_ = false;
};

// ======== What images are made of and with ========

/** What an image is: tc_image_info. As input, 0 is the default of each member. */
struct ImageInfo {
    tc_dtype dtype = 0;
    int64_t width = 0;
    int64_t height = 0;
    int64_t block_width = 0;
    int64_t block_height = 0;
    int64_t grid_cols = 0;
    int64_t grid_rows = 0;
    int32_t bands = 0;
    int32_t levels = 0;
    int32_t bits = 0;
    uint32_t flags = 0;
    std::array<uint8_t, 16> pad{};
    std::array<uint8_t, 16> nodata{};

    /** The pad or nodata value as T, which must be the type of the samples. */
    template <class T>
    static T sample(const std::array<uint8_t, 16> &bytes)
    {
        T value;
        std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    }
    /** The bytes of a sample, for pad and nodata. */
    template <class T>
    static std::array<uint8_t, 16> bytes(T value)
    {
        std::array<uint8_t, 16> made{};
        std::memcpy(made.data(), &value, sizeof value);
        return made;
    }
    static ImageInfo of(const tc_image_info &c)
    {
        ImageInfo made;
        made.dtype = c.dtype, made.width = c.width, made.height = c.height;
        made.block_width = c.block_width, made.block_height = c.block_height;
        made.grid_cols = c.grid_cols, made.grid_rows = c.grid_rows;
        made.bands = c.bands, made.levels = c.levels, made.bits = c.bits, made.flags = c.flags;
        std::memcpy(made.pad.data(), c.pad, sizeof c.pad);
        std::memcpy(made.nodata.data(), c.nodata, sizeof c.nodata);
        return made;
    }
    tc_image_info c() const
    {
        auto made = detail::sized<tc_image_info>();
        made.dtype = dtype, made.width = width, made.height = height;
        made.block_width = block_width, made.block_height = block_height;
        made.grid_cols = grid_cols, made.grid_rows = grid_rows;
        made.bands = bands, made.levels = levels, made.bits = bits, made.flags = flags;
        std::memcpy(made.pad, pad.data(), sizeof made.pad);
        std::memcpy(made.nodata, nodata.data(), sizeof made.nodata);
        return made;
    }
};

/** What a band is: tc_band_info. */
struct BandInfo {
    tc_colour colour = TC_COLOUR_UNDEFINED;
    uint32_t flags = 0;
    std::array<uint8_t, 16> nodata{};

    static BandInfo of(const tc_band_info &c)
    {
        BandInfo made;
        made.colour = c.colour, made.flags = c.flags;
        std::memcpy(made.nodata.data(), c.nodata, sizeof c.nodata);
        return made;
    }
    tc_band_info c() const
    {
        auto made = detail::sized<tc_band_info>();
        made.colour = colour, made.flags = flags;
        std::memcpy(made.nodata, nodata.data(), sizeof made.nodata);
        return made;
    }
};

/** A text that comes with an image, of a band or, with -1, of the whole image: tc_text. */
struct Text {
    int32_t band = -1;
    std::string name;
    std::string text;
};

/** A point of which pixel and coordinates are known: tc_gcp. */
struct Gcp {
    double pixel = 0, line = 0, x = 0, y = 0, z = 0;
    std::string id, info;
};

/** Where pixels lie on the ground: tc_georef. Empty and 0 are not known. */
struct Georef {
    std::optional<std::array<double, 6>> transform;
    uint32_t flags = 0;
    std::string wkt;
    int32_t epsg = 0;
    int32_t vertical_epsg = 0;
    std::string vertical_unit;
    std::vector<Gcp> gcps;
    std::optional<tc_rpc> rpc;

    static Georef of(const tc_georef &c)
    {
        Georef made;
        made.flags = c.flags;
        if (c.flags & TC_GEOREF_HAS_TRANSFORM) {
            made.transform.emplace();
            std::memcpy(made.transform->data(), c.transform, sizeof c.transform);
        }
        made.wkt = detail::view_of(c.wkt);
        made.epsg = c.epsg;
        made.vertical_epsg = c.vertical_epsg;
        made.vertical_unit = detail::view_of(c.vertical_unit);
        for (size_t i = 0; i < c.n_gcps; i++) {
            const tc_gcp &gcp = c.gcps[i];
            made.gcps.push_back({gcp.pixel, gcp.line, gcp.x, gcp.y, gcp.z, std::string(detail::view_of(gcp.id)),
                                 std::string(detail::view_of(gcp.info))});
        }
        if (c.rpc)
            made.rpc = *c.rpc;
        return made;
    }
};

namespace detail {
/** Structs of C that point into what they are made from. */
class GeorefC {
public:
    explicit GeorefC(const Georef &of)
    {
        c_.flags = of.flags & ~uint32_t(TC_GEOREF_HAS_TRANSFORM);
        if (of.transform) {
            c_.flags |= TC_GEOREF_HAS_TRANSFORM;
            std::memcpy(c_.transform, of.transform->data(), sizeof c_.transform);
        }
        c_.wkt = of.wkt.empty() ? nullptr : of.wkt.c_str();
        c_.epsg = of.epsg;
        c_.vertical_epsg = of.vertical_epsg;
        c_.vertical_unit = of.vertical_unit.empty() ? nullptr : of.vertical_unit.c_str();
        for (const Gcp &gcp : of.gcps)
            gcps_.push_back({gcp.pixel, gcp.line, gcp.x, gcp.y, gcp.z, gcp.id.c_str(), gcp.info.c_str()});
        c_.gcps = gcps_.empty() ? nullptr : gcps_.data();
        c_.n_gcps = gcps_.size();
        c_.rpc = of.rpc ? &*of.rpc : nullptr;
    }
    const tc_georef *get() const { return &c_; }

private:
    tc_georef c_ = sized<tc_georef>();
    std::vector<tc_gcp> gcps_;
};

template <class T>
const T *data_of(const std::vector<T> &of)
{
    return of.empty() ? nullptr : of.data();
}
/** A list of C. */
template <class T>
void list(const T *&data, size_t &count, const std::vector<T> &of)
{
    data = data_of(of);
    count = of.size();
}
/** What an image says of its bands, and its texts, as C asks for them; points into what it is made from. */
class Described {
public:
    Described(const std::vector<BandInfo> &bands, const std::vector<Text> &texts)
    {
        for (const BandInfo &band : bands)
            bands_.push_back(band.c());
        for (const Text &text : texts)
            texts_.push_back({text.band, 0, text.name.c_str(), text.text.c_str()});
    }
    template <class C>
    void fill(C &c) const
    {
        c.band_infos = data_of(bands_);
        list(c.texts, c.n_texts, texts_);
    }

private:
    std::vector<tc_band_info> bands_;
    std::vector<tc_text> texts_;
};
/** Bands as many as the image has, or none, and texts that C can have. */
inline std::optional<Error> wrong(const std::vector<BandInfo> &bands, int32_t wanted, const std::vector<Text> &texts)
{
    for (const Text &text : texts) {
        if (has_nul(text.name))
            return nul_in("the name of a text", text.name);
        if (has_nul(text.text))
            return nul_in("a text", text.text);
    }
    if (bands.empty() || int64_t(bands.size()) == wanted)
        return std::nullopt;
    return Error(TC_E_ARGUMENT, "band_infos has " + std::to_string(bands.size()) + " bands, the image " +
                                    std::to_string(wanted));
}
} // namespace detail

/** Bytes from anywhere: tc_io. */
struct Bytes {
    int64_t size = 0;
    /** Offset, where to, how many. */
    Callback<void(int64_t, void *, size_t)> read_at;
    uint32_t flags = 0;
};

/** Options of open. */
struct OpenOptions {
    int32_t image = 0;
    std::optional<std::string> key;
    std::optional<std::string> format;
    /** What the file is called on all machines that share another tier. */
    std::optional<std::string> fleet_id;
    uint32_t flags = 0;
    uint32_t threads = 0;
    /** How many quality layers of a JPEG 2000 image are decoded; 0 for all. */
    uint32_t layers = 0;
    /** Opens a file beside the one that is opened, by its suffix; none if there is no such file. */
    std::function<std::optional<Bytes>(std::string_view)> open_beside;
    std::optional<Log> log;
};

namespace detail {
/** Bytes as C asks for them. */
inline tc_status read_bytes(void *user, int64_t offset, void *into, size_t bytes, tc_error *err)
{
    return guarded(err, [&] { return static_cast<Bytes *>(user)->read_at(offset, into, bytes); });
}
inline void fill(tc_io *io, std::unique_ptr<Bytes> bytes)
{
    io->size = bytes->size;
    io->flags = bytes->flags;
    io->read_at = bytes->read_at ? read_bytes : nullptr;
    io->release = destroy<Bytes>;
    io->user = bytes.release();
}
inline tc_status open_beside(void *user, const char *suffix, tc_io *io, tc_error *err)
{
    bool found = false;
    tc_status status = guarded(err, [&] {
        if (auto bytes = static_cast<const OpenOptions *>(user)->open_beside(suffix)) {
            fill(io, std::make_unique<Bytes>(std::move(*bytes)));
            found = true;
        }
    });
    return status != TC_OK || found ? status : TC_E_NOT_FOUND;
}
inline tc_open_options c_of(const OpenOptions &options, const LogC &log)
{
    auto c = sized<tc_open_options>();
    c.image = options.image;
    c.key = text(options.key);
    c.format = text(options.format);
    c.fleet_id = text(options.fleet_id);
    c.flags = options.flags;
    c.threads = options.threads;
    c.layers = options.layers;
    c.log = log.get();
    if (options.open_beside) {
        c.open_beside = detail::open_beside;
        c.user = const_cast<OpenOptions *>(&options);
    }
    return c;
}
inline std::optional<Error> wrong_texts(const OpenOptions &options)
{
    if (has_nul(options.key))
        return nul_in("the key", *options.key);
    if (has_nul(options.format))
        return nul_in("the format", *options.format);
    if (has_nul(options.fleet_id))
        return nul_in("the name on all machines", *options.fleet_id);
    return std::nullopt;
}
} // namespace detail

/** Options of retile. */
struct RetileOptions {
    bool pad_edges = false;
    int64_t tile_width = 0;
    int64_t tile_height = 0;
};

/** Options of downsample and pyramid. */
struct LevelOptions {
    uint32_t filter = 0;
    uint32_t flags = 0;
    int32_t levels = 0;
    int64_t factor = 0;
    int64_t width = 0;
    int64_t height = 0;
    int64_t tile_width = 0;
    int64_t tile_height = 0;

    tc_level_options c() const
    {
        auto made = detail::sized<tc_level_options>();
        made.filter = filter, made.flags = flags, made.levels = levels, made.factor = factor;
        made.width = width, made.height = height, made.tile_width = tile_width, made.tile_height = tile_height;
        return made;
    }
};

/** Options of warp. */
struct WarpOptions {
    uint32_t filter = 0;
    uint32_t flags = 0;
    int32_t levels = 0;
    int32_t source_level = 0;
    double max_error = 0;
    double scale_x = 0;
    double scale_y = 0;
    int64_t width = 0;
    int64_t height = 0;
    int64_t tile_width = 0;
    int64_t tile_height = 0;
    int64_t period = 0;
};

/** Options of Transform::rpc over a raster of heights. */
struct HeightsOptions {
    uint32_t flags = 0;
    int32_t band = 0;
    /** With TC_HEIGHTS_HAS_TRANSFORM from pixels to degrees. */
    std::array<double, 6> transform{};
    double scale = 0;
    double offset = 0;
    /** With TC_HEIGHTS_HAS_MISSING. */
    double missing = 0;
};

/** Which block a function makes. */
struct Block {
    int64_t row = 0;
    int64_t col = 0;
    int32_t level = 0;
};

/** Options of map. */
struct MapOptions {
    tc_dtype dtype = 0;
    int32_t bands = 0;
    uint32_t flags = 0;
    std::vector<int32_t> source_bands;
    std::optional<std::string> name;
    /** Makes a block of output from the same block of input. */
    Callback<void(const Block &, const Pixels &, const Target &)> map;
    int32_t bits = 0;
    std::array<uint8_t, 16> pad{};
    std::vector<BandInfo> band_infos;
    std::vector<Text> texts;
};

/** Options of pixel_stats and of the automatic chain. */
struct SampleOptions {
    uint32_t flags = 0;
    uint32_t threads = 0;
    int32_t level = 0;
    /** Hears how much is done, from 0 to 1; false ends it. */
    std::function<bool(double)> progress;
    std::vector<double> percents;
};

/** Options of reader. */
struct ReaderOptions {
    uint32_t flags = 0;
    /** On whose behalf it reads; used during the call. */
    const Load *load = nullptr;
    std::array<uint8_t, 16> fill{};
};

/** Options of prefetch. */
struct PrefetchOptions {
    uint32_t threads = 0;
    std::vector<int32_t> bands;
};

/** Options of pass. */
struct PassOptions {
    uint32_t order = 0;
    int32_t level = 0;
    uint32_t threads = 0;
    std::vector<int32_t> bands;
    std::vector<tc_pass_tile> tiles;
};

/** Options of build_pyramid. */
struct BuildOptions {
    uint32_t flags = 0;
    uint32_t layout = 0;
    uint32_t compression = 0;
    uint32_t predictor = 0;
    uint32_t effort = 0;
    uint32_t quality = 0;
    uint32_t filter = 0;
    int32_t levels = 0;
    uint32_t threads = 0;
    int64_t tile_width = 0;
    int64_t tile_height = 0;
    /** Hears how much is done, from 0 to 1; false ends it. */
    std::function<bool(double)> progress;
};

namespace detail {
/** A function that hears of progress, and what it threw. */
class Progress {
public:
    explicit Progress(const std::function<bool(double)> &function) : function_(function) {}
    tc_progress_fn callback() const { return function_ ? hear : nullptr; }
    void *user() { return this; }
    /** The failure of the call, or what the function threw, for which the call ended. */
    Error error(const tc_error &err) const { return failure_ ? *failure_ : detail::error(err); }

private:
    static int hear(double done, const char *, void *user)
    {
        auto *self = static_cast<Progress *>(user);
        bool goes_on = false;
        const Result<void> result = guarded([&] { goes_on = self->function_(done); });
        if (!result)
            self->failure_ = result.error();
        return goes_on;
    }

    const std::function<bool(double)> &function_;
    std::optional<Error> failure_;
};

inline tc_sample_options c_of(const SampleOptions &options, Progress &progress)
{
    auto c = sized<tc_sample_options>();
    c.flags = options.flags;
    c.threads = options.threads;
    c.level = options.level;
    c.progress = progress.callback();
    c.progress_user = progress.user();
    list(c.percents, c.n_percents, options.percents);
    return c;
}
} // namespace detail

/** A percentile, and the interval in which it is known to be. */
struct Percentile {
    double value = 0, low = 0, high = 0;
};

/** A histogram, and whether pixels may be in a bin beside theirs. */
struct Histogram {
    std::vector<int64_t> counts;
    bool approximate = false;
};

/** Statistics of the bands of an image; Provider::pixel_stats takes them. */
class PixelStats : public Handle<PixelStats, tc_pixel_stats, tc_pixel_stats_retain, tc_pixel_stats_release> {
public:
    Returned<tc_pixel_stats_about> info() const
    {
        return detail::told(tc_pixel_stats_about{}, [&](tc_pixel_stats_about *about, tc_error *err) {
            return tc_pixel_stats_info(get(), about, err);
        });
    }
    Returned<tc_band_stats> band(int32_t band) const
    {
        return detail::told(tc_band_stats{}, [&](tc_band_stats *numbers, tc_error *err) {
            return tc_pixel_stats_band(get(), band, numbers, err);
        });
    }
    Returned<Percentile> percentile(int32_t band, double percent) const
    {
        return detail::told(Percentile{}, [&](Percentile *made, tc_error *err) {
            return tc_pixel_stats_percentile(get(), band, percent, &made->value, &made->low, &made->high, err);
        });
    }
    Returned<Histogram> histogram(int32_t band, double low, double high, size_t bins) const
    {
        Histogram made;
        made.counts.resize(bins);
        uint32_t approximate = 0;
        tc_error err;
        if (tc_pixel_stats_histogram(get(), band, low, high, made.counts.data(), bins, &approximate, &err) != TC_OK)
            return detail::failed<Histogram>(err);
        made.approximate = approximate != 0;
        return made;
    }
};

class Provider;

/** Steps from the samples of an image to a picture, told by a text. */
class Chain : public Handle<Chain, tc_chain, tc_chain_retain, tc_chain_release> {
public:
    static Returned<Chain> parse(const std::string &text)
    {
        if (detail::has_nul(text))
            return detail::failed<Chain>(detail::nul_in("the chain", text));
        return detail::made<Chain>([&](tc_chain **chain, tc_error *err) {
            return tc_chain_parse(detail::text(text), chain, err);
        });
    }
    /** That which shows an image, made from what is known of it: tc_chain_auto. */
    static Returned<Chain> automatic(const Provider &provider);
    static Returned<Chain> automatic(const Provider &provider, const SampleOptions &options);
    /** With all constants put in; statistics where it needs them. */
    Returned<Chain> resolve(const Provider &source) const;
    Returned<Chain> resolve(const Provider &source, const PixelStats &stats) const;
    /** This one, then another over its output. */
    Returned<Chain> compose(const Chain &then) const
    {
        return detail::made<Chain>([&](tc_chain **chain, tc_error *err) {
            return tc_chain_compose(get(), then.get(), chain, err);
        });
    }
    std::string text() const { return std::string(detail::view_of(tc_chain_text(get()))); }
    std::string why() const { return std::string(detail::view_of(tc_chain_why(get()))); }
    Returned<tc_chain_about> info() const
    {
        return detail::told(detail::sized<tc_chain_about>(), [&](tc_chain_about *about, tc_error *err) {
            return tc_chain_info(get(), about, err);
        });
    }
    /** To pixels, without a provider; where the mask is 0 nothing is data. */
    Returned<void> apply(const Pixels &input, const Target &out) const
    {
        return detail::done([&](tc_error *err) { return tc_chain_apply(get(), &input, nullptr, &out, err); });
    }
    Returned<void> apply(const Pixels &input, const Pixels &mask, const Target &out) const
    {
        return detail::done([&](tc_error *err) { return tc_chain_apply(get(), &input, &mask, &out, err); });
    }
};

/** Points of an output, to be replaced by those of the source that they come from. */
class Points {
public:
    Points(int n, double *x, double *y, int *ok) : n_(n), x_(x), y_(y), ok_(ok) {}
    int size() const noexcept { return n_; }
    double x(int i) const { return x_[i]; }
    double y(int i) const { return y_[i]; }
    void set(int i, double x, double y) const { x_[i] = x, y_[i] = y, ok_[i] = 1; }
    /** It comes from nowhere. */
    void nowhere(int i) const { ok_[i] = 0; }

private:
    int n_;
    double *x_, *y_;
    int *ok_;
};

/** How a function of yours may be called that transforms points. */
enum class Calls {
    one_at_a_time,
    /** Each thread calls a copy of its own. */
    copies,
};

/** From the pixels of an output to those of a source. */
class Transform : public Handle<Transform, tc_transform, tc_transform_retain, tc_transform_release> {
public:
    static Returned<Transform> affine(const std::array<double, 6> &m)
    {
        return detail::made<Transform>([&](tc_transform **made, tc_error *err) {
            return tc_transform_affine(m.data(), made, err);
        });
    }
    static Returned<Transform> polynomial(const std::vector<tc_tie_point> &points, int32_t order)
    {
        return detail::made<Transform>([&](tc_transform **made, tc_error *err) {
            return tc_transform_polynomial(points.data(), points.size(), order, made, err);
        });
    }
    static Returned<Transform> spline(const std::vector<tc_tie_point> &points)
    {
        return detail::made<Transform>([&](tc_transform **made, tc_error *err) {
            return tc_transform_spline(points.data(), points.size(), made, err);
        });
    }
    static Returned<Transform> rpc(const tc_rpc &rpc, const std::array<double, 6> &ground, double height)
    {
        return detail::made<Transform>([&](tc_transform **made, tc_error *err) {
            return tc_transform_rpc(&rpc, ground.data(), height, made, err);
        });
    }
    /** Over ground that is as high as a raster says. */
    static Returned<Transform> rpc(const tc_rpc &rpc, const std::array<double, 6> &ground, const Provider &heights,
                                   const HeightsOptions &options = {}, MaybeCache cache = {});
    /** A function of yours. */
    static Returned<Transform> of(Callback<void(const Points &)> function, Calls calls = Calls::one_at_a_time,
                                  const std::optional<std::string> &name = std::nullopt)
    {
        using Function = Callback<void(const Points &)>;
        if (detail::has_nul(name))
            return detail::failed<Transform>(detail::nul_in("the name", *name));
        const tc_transform_fn given = function ? call : nullptr;
        auto kept = std::make_unique<Function>(std::move(function));
        auto made = [&](tc_transform **made, tc_error *err) {
            const auto clone = calls == Calls::copies ? copy : nullptr;
            return detail::taken(kept,
                                 tc_transform_callback(given, kept.get(), clone, detail::destroy<Function>,
                                                       detail::text(name), made, err));
        };
        return detail::made<Transform>(made);
    }
    /** Each point replaced by that of the source; NaN both where it comes from nowhere. */
    Returned<void> points(std::vector<double> &x, std::vector<double> &y) const
    {
        if (x.size() != y.size())
            return detail::failed<void>(Error(TC_E_ARGUMENT, std::to_string(x.size()) + " columns and " +
                                                                 std::to_string(y.size()) + " rows"));
        return detail::done([&](tc_error *err) {
            return tc_transform_points(get(), x.data(), y.data(), x.size(), err);
        });
    }

private:
    static int call(void *user, int, int n, double *x, double *y, double *, int *ok)
    {
        auto &function = *static_cast<Callback<void(const Points &)> *>(user);
        const Result<void> result = detail::guarded([&] { return function(Points(n, x, y, ok)); });
        return result ? 1 : detail::Kept::all().keep(result.error(), false);
    }
    static void *copy(void *user)
    {
        void *made = nullptr;
        const auto &function = *static_cast<Callback<void(const Points &)> *>(user);
        (void)detail::guarded([&] { made = new Callback<void(const Points &)>(function); });
        return made;
    }
};

/** Which block or window of a source is to be read: that of `bands`, if the source can read some of them, else of all. */
struct BlockToRead : Block {
    Bands bands;
    /** Of open_session, else null. */
    void *session = nullptr;
};
struct WindowToRead {
    int64_t x = 0;
    int64_t y = 0;
    int32_t level = 0;
    Bands bands;
    void *session = nullptr;
};

/** An image made of functions of yours: tc_source. */
struct Source {
    uint32_t threading = 0;
    ImageInfo image;
    std::optional<std::string> key;
    int32_t max_sessions = 0;
    uint32_t flags = 0;
    /** Whether a block is stored; none: all are. */
    std::function<bool(const Block &)> has_block;
    Callback<void(const BlockToRead &, const Target &)> read_block;
    Callback<void(const WindowToRead &, const Target &)> read_window;
    /** Opens a session, which is closed by the deleter of the pointer. */
    std::function<std::shared_ptr<void>()> open_session;
    std::vector<BandInfo> band_infos;
    std::vector<Text> texts;
    std::vector<tc_level> levels;
    /** Where pixels are data, and the images that the functions read; used during the call. */
    const Provider *mask = nullptr;
    std::vector<const Provider *> inputs;
    std::optional<Georef> georef;
    /** What the image is called on all machines that share another tier. */
    std::optional<std::string> fleet_id;
};

namespace detail {
/** The callbacks of a source, and what they need of it. */
class SourceC {
public:
    explicit SourceC(Source source) : source_(std::move(source)), described_(source_.band_infos, source_.texts)
    {
        if (source_.georef)
            georef_.emplace(*source_.georef);
    }

    tc_source c(const tc_image_info &image, const std::vector<tc_provider *> &inputs, tc_provider *mask)
    {
        auto c = sized<tc_source>();
        c.threading = source_.threading;
        c.user = this;
        c.image = &image;
        c.key = text(source_.key);
        c.fleet_id = text(source_.fleet_id);
        c.max_sessions = source_.max_sessions;
        c.flags = source_.flags;
        c.has_block = source_.has_block ? has_block : nullptr;
        c.read_block = source_.read_block ? read_block : nullptr;
        c.read_window = source_.read_window ? read_window : nullptr;
        c.open_session = source_.open_session ? open_session : nullptr;
        c.close_session = source_.open_session ? close_session : nullptr;
        c.release = destroy<SourceC>;
        described_.fill(c);
        c.levels = data_of(source_.levels);
        c.mask = mask;
        list(c.inputs, c.n_inputs, inputs);
        c.georef = georef_ ? georef_->get() : nullptr;
        return c;
    }

private:
    static SourceC *self(void *user) { return static_cast<SourceC *>(user); }
    static tc_status has_block(void *user, int64_t row, int64_t col, int32_t level, int32_t *has, tc_error *err)
    {
        return guarded(err, [&] { *has = self(user)->source_.has_block(Block{row, col, level}) ? 1 : 0; });
    }
    static tc_status read_block(void *user, void *session, int64_t row, int64_t col, int32_t level,
                                const int32_t *bands, const tc_target *into, tc_error *err)
    {
        return guarded(err, [&] {
            BlockToRead what;
            what.row = row, what.col = col, what.level = level;
            what.bands = Bands(bands, bands ? size_t(into->bands) : 0);
            what.session = opened(session);
            return self(user)->source_.read_block(what, Target(*into));
        });
    }
    static tc_status read_window(void *user, void *session, int64_t x, int64_t y, int32_t level, const int32_t *bands,
                                 const tc_target *into, tc_error *err)
    {
        return guarded(err, [&] {
            WindowToRead what;
            what.x = x, what.y = y, what.level = level;
            what.bands = Bands(bands, bands ? size_t(into->bands) : 0);
            what.session = opened(session);
            return self(user)->source_.read_window(what, Target(*into));
        });
    }
    static tc_status open_session(void *user, void **session, tc_error *err)
    {
        return guarded(err, [&] { *session = new std::shared_ptr<void>(self(user)->source_.open_session()); });
    }
    static void close_session(void *, void *session) { destroy<std::shared_ptr<void>>(session); }
    static void *opened(void *session)
    {
        return session ? static_cast<std::shared_ptr<void> *>(session)->get() : nullptr;
    }

    Source source_;
    // These point into the source.
    Described described_;
    std::optional<GeorefC> georef_;
};
} // namespace detail

/** An input of compute: tc_input. The image is used during the call. */
struct Input {
    const Provider *source = nullptr;
    std::vector<int32_t> bands;
    int32_t level = 0;
    uint32_t border = 0;
    int32_t scale_x = 0;
    int32_t scale_y = 0;
    int64_t left = 0;
    int64_t top = 0;
    int64_t right = 0;
    int64_t bottom = 0;
    uint32_t flags = 0;
};

/** Options of compute. */
struct ComputeOptions {
    uint32_t flags = 0;
    std::optional<ImageInfo> image;
    std::optional<std::string> name;
    /** Where, from which inputs in their order, into what. */
    Callback<void(const tc_place &, const std::vector<Pixels> &, const Target &)> compute;
    std::vector<BandInfo> band_infos;
    std::vector<Text> texts;
};

/** An image at its place in a mosaic: one that is given, used during the call, or the key of one that is opened later. */
struct MosaicPart {
    const Provider *provider = nullptr;
    std::optional<std::string> key;
    int64_t x = 0;
    int64_t y = 0;
    int64_t width = 0;
    int64_t height = 0;
};

/** Options of mosaic. */
struct MosaicOptions {
    uint32_t flags = 0;
    ImageInfo image;
    std::vector<BandInfo> band_infos;
    std::vector<Text> texts;
    /** Opens a part by its number. */
    std::function<Returned<Provider>(size_t)> open;
    uint32_t max_open = 0;
};

/** Options of convert. */
struct ConvertOptions {
    tc_dtype dtype = 0;
    uint32_t flags = 0;
    double low = 0;
    double high = 0;
    double low_percent = 0;
    double high_percent = 0;
    double gamma = 0;
    std::vector<int32_t> bands;
    /** For percentiles; used during the call. */
    const PixelStats *stats = nullptr;
};

/** What a provider has done, and how often it decoded a block. */
struct Counters {
    tc_cache_stats stats;
    double amplification;
};

/** How far a prefetch came, and what was wrong, if anything. */
struct Prefetched {
    tc_prefetched how_far;
    std::optional<Error> error;
};

#if defined(TILECACHE_COROUTINES)
class AwaitedTile;
#endif

// ======== Providers ========

/** An image as a grid of blocks. */
class Provider : public Handle<Provider, tc_provider, provider_retain, provider_release> {
public:
    /** The path is the system's own bytes. */
    static Returned<Provider> open(const std::string &path, const OpenOptions &options = {})
    {
        if (detail::has_nul(path))
            return detail::failed<Provider>(detail::nul_in("the path", path));
        if (auto wrong = detail::wrong_texts(options))
            return detail::failed<Provider>(*wrong);
        detail::LogC log(options.log);
        const auto c = detail::c_of(options, log);
        return detail::made<Provider>([&](tc_provider **made, tc_error *err) {
            return log.taken(provider_open(detail::text(path), &c, made, err));
        });
    }
    static Returned<Provider> open(Bytes bytes, const OpenOptions &options = {})
    {
        if (auto wrong = detail::wrong_texts(options))
            return detail::failed<Provider>(*wrong);
        detail::LogC log(options.log);
        const auto c = detail::c_of(options, log);
        auto io = detail::sized<tc_io>();
        detail::fill(&io, std::make_unique<Bytes>(std::move(bytes)));
        return detail::made<Provider>([&](tc_provider **made, tc_error *err) {
            tc_status status = log.taken(provider_open_io(&io, &c, made, err));
            if (status != TC_OK)
                detail::destroy<Bytes>(io.user);
            return status;
        });
    }
    static Returned<int32_t> image_count(const std::string &path)
    {
        if (detail::has_nul(path))
            return detail::failed<int32_t>(detail::nul_in("the path", path));
        return detail::told(int32_t(0), [&](int32_t *count, tc_error *err) {
            return provider_image_count(detail::text(path), count, err);
        });
    }
    static Returned<int32_t> image_count(Bytes bytes)
    {
        auto io = detail::sized<tc_io>();
        io.size = bytes.size, io.flags = bytes.flags, io.user = &bytes;
        io.read_at = bytes.read_at ? detail::read_bytes : nullptr;
        return detail::told(int32_t(0), [&](int32_t *count, tc_error *err) {
            return provider_image_count_io(&io, count, err);
        });
    }
    static Returned<Provider> from_source(Source source)
    {
        const tc_image_info image = source.image.c();
        if (detail::has_nul(source.key))
            return detail::failed<Provider>(detail::nul_in("the key", *source.key));
        if (detail::has_nul(source.fleet_id))
            return detail::failed<Provider>(detail::nul_in("the name on all machines", *source.fleet_id));
        if (auto wrong = detail::wrong(source.band_infos, image.bands ? image.bands : 1, source.texts))
            return detail::failed<Provider>(*wrong);
        if (!source.levels.empty() && int64_t(source.levels.size()) != (image.levels ? image.levels : 1))
            return detail::failed<Provider>(
                Error(TC_E_ARGUMENT, "levels has " + std::to_string(source.levels.size()) + " levels, the image " +
                                         std::to_string(image.levels ? image.levels : 1)));
        std::vector<tc_provider *> inputs;
        for (const Provider *input : source.inputs)
            inputs.push_back(input ? input->get() : nullptr);
        tc_provider *mask = source.mask ? source.mask->get() : nullptr;
        if (source.mask && !mask)
            return detail::failed<Provider>(detail::closed("mask"));
        auto kept = std::make_unique<detail::SourceC>(std::move(source));
        const tc_source c = kept->c(image, inputs, mask);
        return detail::made<Provider>([&](tc_provider **made, tc_error *err) {
            return detail::taken(kept, provider_from_source(&c, made, err));
        });
    }
    /** Memory of yours, whose owner is held as long as it is needed; without one it must outlive all that is made of it. */
    static Returned<Provider> from_memory(const Target &array, std::shared_ptr<const void> owner,
                                          const std::optional<ImageInfo> &image = std::nullopt,
                                          const std::optional<std::string> &key = std::nullopt)
    {
        using Owner = std::shared_ptr<const void>;
        if (detail::has_nul(key))
            return detail::failed<Provider>(detail::nul_in("the key", *key));
        const tc_image_info info = image ? image->c() : tc_image_info{};
        auto kept = std::make_unique<Owner>(std::move(owner));
        return detail::made<Provider>([&](tc_provider **made, tc_error *err) {
            return detail::taken(kept,
                                 provider_from_memory(&array, image ? &info : nullptr, detail::text(key),
                                                      detail::destroy<Owner>, kept.get(), made, err));
        });
    }
    static Returned<Provider> compute(const std::vector<Input> &inputs, ComputeOptions options, MaybeCache cache = {})
    {
        if (detail::has_nul(options.name))
            return detail::failed<Provider>(detail::nul_in("the name", *options.name));
        const tc_image_info image = options.image ? options.image->c() : tc_image_info{};
        int32_t bands_out = options.image ? (image.bands ? image.bands : 1) : 0;
        std::vector<tc_input> inputs_c;
        for (const Input &input : inputs) {
            tc_input c{};
            c.source = input.source ? input.source->get() : nullptr;
            detail::list(c.bands, c.n_bands, input.bands);
            c.level = input.level, c.border = input.border, c.scale_x = input.scale_x, c.scale_y = input.scale_y;
            c.left = input.left, c.top = input.top, c.right = input.right, c.bottom = input.bottom;
            c.flags = input.flags;
            if (!bands_out && c.source)
                bands_out = input.bands.empty() ? input.source->bands() : int32_t(input.bands.size());
            inputs_c.push_back(c);
        }
        if (auto wrong = detail::wrong(options.band_infos, bands_out, options.texts))
            return detail::failed<Provider>(*wrong);
        using Function = Callback<void(const tc_place &, const std::vector<Pixels> &, const Target &)>;
        const detail::Described described(options.band_infos, options.texts);
        auto kept = std::make_unique<Function>(std::move(options.compute));
        auto c = detail::sized<tc_compute_options>();
        c.flags = options.flags;
        c.image = options.image ? &image : nullptr;
        c.name = detail::text(options.name);
        c.compute = *kept ? call_compute : nullptr;
        c.user = kept.get();
        c.release = detail::destroy<Function>;
        described.fill(c);
        return made_in(cache, [&](tc_provider **made, tc_error *err) {
            return detail::taken(kept, provider_compute(detail::data_of(inputs_c), inputs_c.size(), &c, cache.get(),
                                                        made, err));
        });
    }
    static Returned<Provider> mosaic(const std::vector<MosaicPart> &parts, MosaicOptions options, MaybeCache cache = {})
    {
        const tc_image_info image = options.image.c();
        if (auto wrong = detail::wrong(options.band_infos, image.bands ? image.bands : 1, options.texts))
            return detail::failed<Provider>(*wrong);
        std::vector<tc_mosaic_part> parts_c;
        for (const MosaicPart &part : parts) {
            if (detail::has_nul(part.key))
                return detail::failed<Provider>(detail::nul_in("the key", *part.key));
            if (part.provider && !*part.provider)
                return detail::failed<Provider>(detail::closed("part " + std::to_string(parts_c.size())));
            parts_c.push_back({part.provider ? part.provider->get() : nullptr, detail::text(part.key), part.x, part.y,
                               part.width, part.height});
        }
        using Function = std::function<Returned<Provider>(size_t)>;
        const detail::Described described(options.band_infos, options.texts);
        auto kept = std::make_unique<Function>(std::move(options.open));
        auto c = detail::sized<tc_mosaic_options>();
        c.flags = options.flags;
        c.image = &image;
        described.fill(c);
        c.open = *kept ? call_open : nullptr;
        c.user = kept.get();
        c.release = detail::destroy<Function>;
        c.max_open = options.max_open;
        return made_in(cache, [&](tc_provider **made, tc_error *err) {
            return detail::taken(kept, provider_mosaic(detail::data_of(parts_c), parts_c.size(), &c, cache.get(),
                                                       made, err));
        });
    }

    // Operators.

    Returned<Provider> cached(const Cache &cache) const
    {
        return detail::made<Provider>([&](tc_provider **made, tc_error *err) {
            return provider_cached(get(), cache.get(), made, err);
        });
    }
    Returned<Provider> retile(const RetileOptions &options = {}, MaybeCache cache = {}) const
    {
        auto c = detail::sized<tc_retile_options>();
        c.pad_edges = options.pad_edges;
        c.tile_width = options.tile_width;
        c.tile_height = options.tile_height;
        return made_in(cache, [&](tc_provider **made, tc_error *err) {
            return provider_retile(get(), &c, cache.get(), made, err);
        });
    }
    Returned<Provider> map(MapOptions options, MaybeCache cache = {}) const
    {
        using Function = Callback<void(const Block &, const Pixels &, const Target &)>;
        if (detail::has_nul(options.name))
            return detail::failed<Provider>(detail::nul_in("the name", *options.name));
        const int32_t given = options.source_bands.empty() ? this->bands() : int32_t(options.source_bands.size());
        if (auto wrong = detail::wrong(options.band_infos, options.bands ? options.bands : given, options.texts))
            return detail::failed<Provider>(*wrong);
        const detail::Described described(options.band_infos, options.texts);
        auto kept = std::make_unique<Function>(std::move(options.map));
        auto c = detail::sized<tc_map_options>();
        c.dtype = options.dtype;
        c.bands = options.bands;
        c.flags = options.flags;
        detail::list(c.source_bands, c.n_source_bands, options.source_bands);
        c.name = detail::text(options.name);
        c.map = *kept ? call_map : nullptr;
        c.user = kept.get();
        c.release = detail::destroy<Function>;
        c.bits = options.bits;
        std::memcpy(c.pad, options.pad.data(), sizeof c.pad);
        described.fill(c);
        return made_in(cache, [&](tc_provider **made, tc_error *err) {
            return detail::taken(kept, provider_map(get(), &c, cache.get(), made, err));
        });
    }
    Returned<Provider> level(int32_t level) const
    {
        return detail::made<Provider>([&](tc_provider **made, tc_error *err) {
            return provider_level(get(), level, made, err);
        });
    }
    Returned<Provider> mask() const
    {
        return detail::made<Provider>([&](tc_provider **made, tc_error *err) { return provider_mask(get(), made, err); });
    }
    Returned<Provider> downsample(const LevelOptions &options = {}, MaybeCache cache = {}) const
    {
        const auto c = options.c();
        return made_in(cache, [&](tc_provider **made, tc_error *err) {
            return provider_downsample(get(), &c, cache.get(), made, err);
        });
    }
    Returned<Provider> pyramid(const LevelOptions &options = {}, MaybeCache cache = {}) const
    {
        const auto c = options.c();
        return made_in(cache, [&](tc_provider **made, tc_error *err) {
            return provider_pyramid(get(), &c, cache.get(), made, err);
        });
    }
    Returned<Provider> warp(const Transform &transform, const WarpOptions &options, MaybeCache cache = {}) const
    {
        auto c = detail::sized<tc_warp_options>();
        c.filter = options.filter, c.flags = options.flags, c.levels = options.levels;
        c.source_level = options.source_level, c.max_error = options.max_error;
        c.scale_x = options.scale_x, c.scale_y = options.scale_y;
        c.width = options.width, c.height = options.height;
        c.tile_width = options.tile_width, c.tile_height = options.tile_height, c.period = options.period;
        return made_in(cache, [&](tc_provider **made, tc_error *err) {
            return provider_warp(get(), transform.get(), &c, cache.get(), made, err);
        });
    }
    /** Through the automatic chain. */
    Returned<Provider> display(MaybeCache cache = {}) const
    {
        return made_in(cache, [&](tc_provider **made, tc_error *err) {
            return provider_display(get(), nullptr, cache.get(), made, err);
        });
    }
    Returned<Provider> display(const Chain &chain, MaybeCache cache = {}) const
    {
        if (!chain)
            return detail::failed<Provider>(detail::closed("the chain"));
        return made_in(cache, [&](tc_provider **made, tc_error *err) {
            return provider_display(get(), chain.get(), cache.get(), made, err);
        });
    }
    Returned<Provider> convert(const ConvertOptions &options = {}, MaybeCache cache = {}) const
    {
        auto c = detail::sized<tc_convert_options>();
        c.dtype = options.dtype, c.flags = options.flags, c.low = options.low, c.high = options.high;
        c.low_percent = options.low_percent, c.high_percent = options.high_percent, c.gamma = options.gamma;
        detail::list(c.bands, c.n_bands, options.bands);
        c.stats = options.stats ? options.stats->get() : nullptr;
        return made_in(cache, [&](tc_provider **made, tc_error *err) {
            return provider_convert(get(), &c, cache.get(), made, err);
        });
    }
    Returned<Provider> with_georef(const Georef &georef) const
    {
        if (detail::has_nul(georef.wkt))
            return detail::failed<Provider>(detail::nul_in("wkt", georef.wkt));
        const detail::GeorefC c(georef);
        return detail::made<Provider>([&](tc_provider **made, tc_error *err) {
            return provider_with_georef(get(), c.get(), made, err);
        });
    }
    Returned<Provider> reader(const ReaderOptions &options = {}) const
    {
        auto c = detail::sized<tc_reader_options>();
        c.flags = options.flags;
        c.load = options.load ? options.load->get() : nullptr;
        std::memcpy(c.fill, options.fill.data(), sizeof c.fill);
        return detail::made<Provider>([&](tc_provider **made, tc_error *err) {
            return provider_reader(get(), &c, made, err);
        });
    }
    Returned<Provider> pass(const PassOptions &options = {}) const
    {
        auto c = detail::sized<tc_pass_options>();
        c.order = options.order, c.level = options.level, c.threads = options.threads;
        detail::list(c.bands, c.n_bands, options.bands);
        detail::list(c.tiles, c.n_tiles, options.tiles);
        return detail::made<Provider>([&](tc_provider **made, tc_error *err) {
            return provider_pass(get(), &c, made, err);
        });
    }

    // What the image is.

    std::string key() const { return std::string(detail::view_of(provider_key(get()))); }
    /** That of the file; empty without one. */
    std::string format() const { return std::string(detail::view_of(provider_format(get()))); }
    Returned<ImageInfo> info() const
    {
        return detail::told_as<ImageInfo>(detail::sized<tc_image_info>(), [&](tc_image_info *c, tc_error *err) {
            return provider_info(get(), c, err);
        });
    }
    Returned<BandInfo> band_info(int32_t band) const
    {
        return detail::told_as<BandInfo>(detail::sized<tc_band_info>(), [&](tc_band_info *c, tc_error *err) {
            return provider_band_info(get(), band, c, err);
        });
    }
    /** A text of a band, or of the whole image; none if there is none. */
    std::optional<std::string> metadata(const std::string &name, int32_t band = -1) const
    {
        const char *text = detail::has_nul(name) ? nullptr : provider_metadata(get(), band, name.c_str());
        return text ? std::optional<std::string>(text) : std::nullopt;
    }
    std::vector<std::string> metadata_names(int32_t band = -1) const
    {
        std::vector<std::string> names;
        for (size_t i = 0; i < provider_metadata_count(get(), band); i++)
            names.emplace_back(detail::view_of(provider_metadata_name(get(), band, i)));
        return names;
    }
    Returned<Georef> georef(int32_t level = 0) const
    {
        return detail::told_as<Georef>(detail::sized<tc_georef>(), [&](tc_georef *c, tc_error *err) {
            return provider_georef(get(), level, c, err);
        });
    }
    /** Columns and rows to x and y. */
    Returned<std::vector<std::array<double, 2>>> place_of(std::vector<std::array<double, 2>> points, int32_t level = 0) const
    {
        return told_points(provider_place_of, std::move(points), level);
    }
    /** x and y to columns and rows. */
    Returned<std::vector<std::array<double, 2>>> pixel_of(std::vector<std::array<double, 2>> points, int32_t level = 0) const
    {
        return told_points(provider_pixel_of, std::move(points), level);
    }
    Returned<std::vector<tc_rgba>> palette(int32_t band = 0) const
    {
        size_t count = 0;
        tc_error err;
        if (provider_palette(get(), band, nullptr, 0, &count, &err) != TC_OK)
            return detail::failed<std::vector<tc_rgba>>(err);
        std::vector<tc_rgba> colours(count);
        if (count && provider_palette(get(), band, colours.data(), count, &count, &err) != TC_OK)
            return detail::failed<std::vector<tc_rgba>>(err);
        return colours;
    }

    // Pixels.

    Returned<bool> has_block(int64_t row, int64_t col, int32_t level = 0) const
    {
        int32_t has = 0;
        tc_error err;
        if (provider_has_block(get(), row, col, level, &has, &err) != TC_OK)
            return detail::failed<bool>(err);
        return has != 0;
    }
    Returned<Tile> get_block(int64_t row, int64_t col, int32_t level = 0, Bands bands = {}) const
    {
        return detail::made<Tile>([&](tc_tile **tile, tc_error *err) {
            return provider_get_block(get(), row, col, level, bands.data(), bands.size(), tile, err);
        });
    }
    /** None if it cannot be had at once. No use of it. */
    Returned<std::optional<Tile>> peek_block(int64_t row, int64_t col, int32_t level = 0, Bands bands = {}) const
    {
        return detail::made_if_resident<Tile>([&](tc_tile **tile, tc_error *err) {
            return provider_peek_block(get(), row, col, level, bands.data(), bands.size(), tile, err);
        });
    }
    /** None if it cannot be had at once. */
    Returned<std::optional<Tile>> try_block(int64_t row, int64_t col, int32_t level = 0, Bands bands = {}) const
    {
        return detail::made_if_resident<Tile>([&](tc_tile **tile, tc_error *err) {
            return provider_try_block(get(), row, col, level, bands.data(), bands.size(), tile, err);
        });
    }
    /** Into memory of yours, converted to its type. */
    Returned<void> read_window(int64_t x, int64_t y, int32_t level, const Target &into, Bands bands = {}) const
    {
        return detail::done([&](tc_error *err) {
            return provider_read_window(get(), x, y, level, bands.data(), bands.size(), &into, err);
        });
    }
    /** Into a new array, converted to T. */
    template <class T>
    Returned<Array<T>> read_window(int64_t x, int64_t y, int64_t width, int64_t height, int32_t level = 0,
                                   Bands bands = {}) const
    {
        if (width < 0 || height < 0)
            return detail::failed<Array<T>>(Error(TC_E_RANGE, "a window of " + std::to_string(width) + " x " +
                                                                  std::to_string(height) + " pixels"));
        if (!*this)
            return detail::failed<Array<T>>(detail::closed("the provider"));
        const int32_t n = bands.size() ? int32_t(bands.size()) : this->bands();
        if (width && (height > INT64_MAX / width || uint64_t(width * height) > SIZE_MAX / sizeof(T) / size_t(n ? n : 1) / 2))
            return detail::failed<Array<T>>(Error(TC_E_LIMIT, "a window of " + std::to_string(width) + " x " +
                                                                  std::to_string(height) + " pixels"));
        Array<T> made(n, height, width);
        tc_error err;
        const Target into(made);
        if (provider_read_window(get(), x, y, level, bands.data(), bands.size(), &into, &err) != TC_OK)
            return detail::failed<Array<T>>(err);
        return made;
    }
    /** Calls `done` on a thread of the library, once; what it throws is written to stderr. */
    Returned<void> request_block(int64_t row, int64_t col, int32_t level, Bands bands,
                                 std::function<void(Result<Tile>)> done) const
    {
        using Function = std::function<void(Result<Tile>)>;
        const tc_done_fn given = done ? call_done : nullptr;
        auto kept = std::make_unique<Function>(std::move(done));
        return detail::done([&](tc_error *err) {
            return detail::taken(kept,
                                 provider_request_block(get(), row, col, level, bands.data(), bands.size(), given,
                                                        kept.get(), err));
        });
    }
#if !defined(TILECACHE_EXPECTED)
    std::future<Tile> request_block(int64_t row, int64_t col, int32_t level = 0, Bands bands = {}) const
    {
        auto promise = std::make_shared<std::promise<Tile>>();
        request_block(row, col, level, bands, [promise](Result<Tile> result) {
            if (result)
                promise->set_value(std::move(result.value()));
            else if (result.error().cause())
                promise->set_exception(result.error().cause());
            else
                promise->set_exception(std::make_exception_ptr(result.error()));
        });
        return promise->get_future();
    }
#endif
#if defined(TILECACHE_COROUTINES)
    /** co_await gives the tile: a hit at once, else on a thread of the library, which goes on with the coroutine. */
    AwaitedTile block(int64_t row, int64_t col, int32_t level = 0, Bands bands = {}) const;
#endif
    /** Has tiles made ahead; `done` hears how far it came, on a thread of the library. */
    Returned<void> prefetch(int64_t x, int64_t y, int64_t width, int64_t height, int32_t level = 0,
                            const PrefetchOptions &options = {}, std::function<void(const Prefetched &)> done = {}) const
    {
        using Function = std::function<void(const Prefetched &)>;
        auto c = detail::sized<tc_prefetch_options>();
        c.threads = options.threads;
        detail::list(c.bands, c.n_bands, options.bands);
        const tc_prefetched_fn given = done ? call_prefetched : nullptr;
        auto kept = done ? std::make_unique<Function>(std::move(done)) : nullptr;
        return detail::done([&](tc_error *err) {
            return detail::taken(kept,
                                 provider_prefetch(get(), x, y, width, height, level, &c, given, kept.get(), err));
        });
    }
    /** Of a reader or a pass. */
    Returned<void> cancel() const
    {
        return detail::done([&](tc_error *err) { return provider_cancel(get(), err); });
    }
    Returned<void> invalidate() const
    {
        return detail::done([&](tc_error *err) { return provider_invalidate(get(), err); });
    }
    Returned<void> invalidate_fleet() const
    {
        return detail::done([&](tc_error *err) { return provider_invalidate_fleet(get(), err); });
    }
    Returned<Counters> counters() const
    {
        return detail::told(Counters{detail::sized<tc_cache_stats>(), 0}, [&](Counters *made, tc_error *err) {
            return provider_counters(get(), &made->stats, &made->amplification, err);
        });
    }
    /** JSON. */
    Returned<std::string> counters_json() const
    {
        return detail::written([&](char *into, size_t room, size_t *bytes, tc_error *err) {
            return provider_counters_json(get(), into, room, bytes, err);
        });
    }
    Returned<PixelStats> pixel_stats(const SampleOptions &options = {}) const
    {
        detail::Progress progress(options.progress);
        const auto c = detail::c_of(options, progress);
        tc_pixel_stats *raw = nullptr;
        tc_error err;
        if (provider_pixel_stats(get(), &c, &raw, &err) != TC_OK)
            return detail::failed<PixelStats>(progress.error(err));
        return PixelStats::own(raw);
    }
    Returned<void> build_pyramid(const std::string &path, const BuildOptions &options = {}, MaybeCache cache = {}) const
    {
        if (detail::has_nul(path))
            return detail::failed<void>(detail::nul_in("the path", path));
        if (cache.closed())
            return detail::failed<void>(detail::closed("the cache"));
        detail::Progress progress(options.progress);
        auto c = detail::sized<tc_build_options>();
        c.flags = options.flags, c.layout = options.layout, c.compression = options.compression;
        c.predictor = options.predictor, c.effort = options.effort, c.quality = options.quality;
        c.filter = options.filter, c.levels = options.levels, c.threads = options.threads;
        c.tile_width = options.tile_width, c.tile_height = options.tile_height;
        c.progress = progress.callback();
        c.progress_user = progress.user();
        tc_error err;
        if (tc_build_pyramid(get(), detail::text(path), &c, cache.get(), &err) != TC_OK)
            return detail::failed<void>(progress.error(err));
        return Returned<void>();
    }

private:
    template <class Call>
    static Returned<Provider> made_in(const MaybeCache &cache, Call call)
    {
        if (cache.closed())
            return detail::failed<Provider>(detail::closed("the cache"));
        return detail::made<Provider>(call);
    }
    /** 0 of an empty handle, of which the library speaks then. */
    int32_t bands() const
    {
        auto c = detail::sized<tc_image_info>();
        provider_info(get(), &c, nullptr);
        return c.bands;
    }
    template <class Function>
    Returned<std::vector<std::array<double, 2>>> told_points(Function function, std::vector<std::array<double, 2>> points,
                                                             int32_t level) const
    {
        static_assert(sizeof(std::array<double, 2>) == 2 * sizeof(double), "pairs lie packed");
        double none[2] = {0, 0};
        double *pairs = points.empty() ? none : points.front().data();
        tc_error err;
        if (function(get(), level, pairs, points.size(), pairs, &err) != TC_OK)
            return detail::failed<std::vector<std::array<double, 2>>>(err);
        return points;
    }

    static tc_status call_map(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in,
                              const tc_target *out, tc_error *err)
    {
        using Function = Callback<void(const Block &, const Pixels &, const Target &)>;
        return detail::guarded(err, [&] {
            return (*static_cast<Function *>(user))(Block{row, col, level}, Pixels(*in), Target(*out));
        });
    }
    static tc_status call_compute(void *user, const tc_place *place, const tc_pixels *inputs, size_t n,
                                  const tc_target *out, tc_error *err)
    {
        using Function = Callback<void(const tc_place &, const std::vector<Pixels> &, const Target &)>;
        return detail::guarded(err, [&] {
            return (*static_cast<Function *>(user))(*place, std::vector<Pixels>(inputs, inputs + n), Target(*out));
        });
    }
    static tc_status call_open(void *user, size_t part, tc_provider **provider, tc_error *err)
    {
        using Function = std::function<Returned<Provider>(size_t)>;
        return detail::guarded(err, [&]() -> Result<void> {
            Result<Provider> opened = (*static_cast<Function *>(user))(part);
            if (!opened)
                return opened.error();
            *provider = opened.value().release();
            return Result<void>();
        });
    }
    static void call_done(void *user, tc_status status, tc_tile *tile, const tc_error *err)
    {
        using Function = std::function<void(Result<Tile>)>;
        std::unique_ptr<Function> function(static_cast<Function *>(user));
        detail::unheard("a function that hears of a request", [&] {
            if (status == TC_OK)
                (*function)(Tile::own(tile));
            else
                (*function)(detail::error(*err));
        });
    }
    static void call_prefetched(void *user, tc_status status, const tc_prefetched *how_far, const tc_error *err)
    {
        using Function = std::function<void(const Prefetched &)>;
        std::unique_ptr<Function> function(static_cast<Function *>(user));
        detail::unheard("a function that hears of a prefetch", [&] {
            Prefetched prefetched{*how_far, std::nullopt};
            if (status != TC_OK)
                prefetched.error = detail::error(*err);
            (*function)(prefetched);
        });
    }
};

inline Returned<Chain> Chain::automatic(const Provider &provider)
{
    return detail::made<Chain>([&](tc_chain **chain, tc_error *err) {
        return tc_chain_auto(provider.get(), nullptr, chain, err);
    });
}
inline Returned<Chain> Chain::automatic(const Provider &provider, const SampleOptions &options)
{
    detail::Progress progress(options.progress);
    const auto c = detail::c_of(options, progress);
    tc_chain *raw = nullptr;
    tc_error err;
    if (tc_chain_auto(provider.get(), &c, &raw, &err) != TC_OK)
        return detail::failed<Chain>(progress.error(err));
    return Chain::own(raw);
}
inline Returned<Transform> Transform::rpc(const tc_rpc &rpc, const std::array<double, 6> &ground, const Provider &heights,
                                          const HeightsOptions &options, MaybeCache cache)
{
    if (cache.closed())
        return detail::failed<Transform>(detail::closed("the cache"));
    auto c = detail::sized<tc_heights_options>();
    c.flags = options.flags, c.band = options.band;
    std::memcpy(c.transform, options.transform.data(), sizeof c.transform);
    c.scale = options.scale, c.offset = options.offset, c.missing = options.missing;
    return detail::made<Transform>([&](tc_transform **made, tc_error *err) {
        return tc_transform_rpc_heights(&rpc, ground.data(), heights.get(), &c, cache.get(), made, err);
    });
}
inline Returned<Chain> Chain::resolve(const Provider &source) const
{
    return detail::made<Chain>([&](tc_chain **chain, tc_error *err) {
        return tc_chain_resolve(get(), source.get(), nullptr, chain, err);
    });
}
inline Returned<Chain> Chain::resolve(const Provider &source, const PixelStats &stats) const
{
    if (!stats)
        return detail::failed<Chain>(Error(TC_E_ARGUMENT, "the statistics were closed or moved"));
    return detail::made<Chain>([&](tc_chain **chain, tc_error *err) {
        return tc_chain_resolve(get(), source.get(), stats.get(), chain, err);
    });
}

#if defined(TILECACHE_COROUTINES)
/** What co_await waits for: see Provider::block. Its handle may be closed meanwhile. */
class [[nodiscard]] AwaitedTile {
public:
    AwaitedTile(Provider provider, Block block, Bands bands)
        : provider_(std::move(provider)), block_(block), bands_(bands.begin(), bands.end())
    {
    }

    bool await_ready()
    {
        tc_tile *tile = nullptr;
        tc_error err;
        tc_status status = provider_try_block(provider_.get(), block_.row, block_.col, block_.level,
                                              detail::data_of(bands_), bands_.size(), &tile, &err);
        if (status == TC_E_NOT_RESIDENT)
            return false;
        take(status, tile, &err);
        return true;
    }
    bool await_suspend(std::coroutine_handle<> waiting)
    {
        waiting_ = waiting;
        tc_error err;
        // From a success on, the coroutine may already go on elsewhere, or be gone: nothing of it is touched any more.
        tc_status status = provider_request_block(provider_.get(), block_.row, block_.col, block_.level,
                                                  detail::data_of(bands_), bands_.size(), done, this, &err);
        if (status == TC_OK)
            return true;
        take(status, nullptr, &err);
        return false;
    }
    Returned<Tile> await_resume()
    {
#if defined(TILECACHE_EXPECTED)
        return std::move(*result_);
#else
        return std::move(result_->value());
#endif
    }

private:
    static void done(void *user, tc_status status, tc_tile *tile, const tc_error *err)
    {
        auto *self = static_cast<AwaitedTile *>(user);
        self->take(status, tile, err);
        self->waiting_.resume();
    }
    void take(tc_status status, tc_tile *tile, const tc_error *err)
    {
        if (status == TC_OK)
            result_.emplace(Tile::own(tile));
        else
            result_.emplace(detail::error(*err));
    }

    Provider provider_;
    Block block_;
    std::vector<int32_t> bands_;
    std::coroutine_handle<> waiting_;
    std::optional<Result<Tile>> result_;
};

inline AwaitedTile Provider::block(int64_t row, int64_t col, int32_t level, Bands bands) const
{
    return AwaitedTile(clone(), Block{row, col, level}, bands);
}
#endif

// ======== Of the library ========

inline Returned<Provider> open(const std::string &path, const OpenOptions &options = {})
{
    return Provider::open(path, options);
}
inline uint32_t library_version() { return tc_library_version(); }
inline uint64_t memory_limit() { return tc_memory_limit(); }
inline uint64_t default_budget() { return tc_default_budget(); }
inline void set_open_files(uint64_t most) { tc_set_open_files(most); }
inline void set_index_bytes(uint64_t most) { tc_set_index_bytes(most); }
inline size_t run_releases() { return tc_run_releases(); }
/** Inside a read_block or read_window: what had to be decoded for it, in blocks. */
inline void decoded_beneath(double blocks) { tc_decoded_beneath(blocks); }

/** The formats that open reads; all texts are static. */
inline Returned<std::vector<tc_format>> formats()
{
    std::vector<tc_format> made;
    for (size_t i = 0; i < tc_format_count(); i++) {
        auto format = detail::sized<tc_format>();
        tc_error err;
        if (tc_format_info(i, &format, &err) != TC_OK)
            return detail::failed<std::vector<tc_format>>(err);
        made.push_back(format);
    }
    return made;
}

} // inline namespace
} // namespace tilecache

#endif /* TILECACHE_HPP */
