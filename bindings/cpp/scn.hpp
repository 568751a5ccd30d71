/// scn for C++17: scn.h with handles that release themselves, exceptions for statuses, and vectors for arrays. One
/// header.
///
///     #include <scn.hpp>
///     #include <iostream>
///     int main() {
///         scn::Module net = scn::sequential({
///             scn::input_layer(2, 10, SCN_INPUT_SUM),         // dimension, spatial size
///             scn::submanifold_convolution(2, 1, 8, 3),       // dimension, planes in and out, filter size
///             scn::sparse_to_dense(2, 8),
///         });
///         scn::Tensor features({2, 1}, {1, 2});               // shape, values
///         scn::Tensor points = scn::points({4, 5, 0,  4, 6, 0}, 3, features);  // y, x, sample
///         std::cout << net(points).shape()[1] << " planes\n";
///     }
///
/// Names.    A function scn_x_y of scn.h is scn::x_y here, or the member y of the class X; what scn.h says of it holds.
/// Handles.  Tensor, Module, Optimizer, Geometry and Rulebook each own one handle, as a std::shared_ptr does: a copy is
///           one more owner of the same thing, and a const Module can still be trained. A default-constructed or
///           moved-from object owns nothing, and calls on it throw. get() lends the handle to functions of scn.h; the
///           explicit constructor takes ownership of one that such a function returned.
/// Errors.   Every function that is not noexcept may throw scn::Error, which carries the status and the library's
///           message; nothing has changed then. check() does the same for functions of scn.h, such as those that take
///           the caller's buffers:
///               scn::check(scn_input_forward(geometry.get(), &features, &result));
/// Arrays.   Span<T> is a view of a vector, an array, or {1, 2, 3}; functions read it only during the call. Size is one
///           number for each axis, {3, 3, 1}, or one for all of them, 3; {} where scn.h allows NULL.
/// Threads.  As in scn.h: objects that own the same handle count as one, which the caller must guard.
//
// Long because: it mirrors scn.h, which is one file.
#ifndef SCN_HPP
#define SCN_HPP

#if __cplusplus < 201703L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 201703L)
#error "scn.hpp needs C++17: -std=c++17, or set(CMAKE_CXX_STANDARD 17)"
#endif

#include <scn.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace scn {

// ============================================================================================================== Errors

/// What functions throw. what() is the name of the status and the message, "SCN_ERROR_SHAPE: input: has ...".
class Error : public std::runtime_error {
  public:
    Error(scn_status status, const std::string &message)
        : std::runtime_error(std::string(scn_status_name(status)) + ": " + message), status_(status) {}
    /// The status, never SCN_OK.
    [[nodiscard]] scn_status status() const noexcept { return status_; }

  private:
    scn_status status_;
};

/// Throw an Error with this thread's last message unless the status is SCN_OK.
inline void check(scn_status status) {
    if (status != SCN_OK) throw Error(status, scn_last_error());
}

// ============================================================================================================== Arrays

namespace detail {

/// The type of a container's elements. Those of a temporary are const, unless the temporary is a view.
template <typename Container>
using ElementOf = std::remove_pointer_t<decltype(std::data(
    std::declval<std::conditional_t<std::is_lvalue_reference_v<Container>, Container, const Container &>>()))>;

/// Whether a Span<Element> can view a container.
template <typename Container, typename Element, typename = void>
inline constexpr bool is_viewable = false;
template <typename Container, typename Element>
inline constexpr bool is_viewable<Container, Element, std::void_t<ElementOf<Container>>> =
    std::is_convertible_v<ElementOf<Container> (*)[], Element (*)[]>;

}  // namespace detail

/// A view of contiguous elements, which it does not own.
template <typename Element>
class Span {
  public:
    using Value = std::remove_const_t<Element>;
    using value_type = Value;

    constexpr Span() noexcept = default;
    constexpr Span(Element *data, std::size_t size) noexcept : data_(data), size_(size) {}
    /// A view of an array, or of anything with data() and size(): a vector, another view. Only a Span of const elements
    /// can view a temporary vector, for the length of the statement.
    template <typename Container, typename = std::enable_if_t<!std::is_same_v<std::decay_t<Container>, Span> &&
                                                              detail::is_viewable<Container, Element>>>
    constexpr Span(Container &&container) : Span(std::data(container), std::size(container)) {}
    /// A view of {1, 2, 3}, for the length of the statement.
    template <typename Same = Element, typename = std::enable_if_t<std::is_const_v<Same>>>
    constexpr Span(std::initializer_list<Value> list) noexcept : Span(std::data(list), list.size()) {}

    [[nodiscard]] constexpr Element *data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr Element *begin() const noexcept { return data_; }
    [[nodiscard]] constexpr Element *end() const noexcept { return data_ + size_; }
    [[nodiscard]] constexpr Element &operator[](std::size_t index) const noexcept { return data_[index]; }

  private:
    Element *data_ = nullptr;
    std::size_t size_ = 0;
};

/// One number for each axis, or one for all of them; {} is none, which scn.h calls NULL.
template <typename Number>
class PerAxis {
  public:
    PerAxis() noexcept = default;
    PerAxis(Number all) noexcept : count_(every_axis) { numbers_.fill(all); }
    PerAxis(std::initializer_list<Number> numbers) { assign(numbers); }
    PerAxis(const std::vector<Number> &numbers) { assign(numbers); }

    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    /// The numbers for the axes of a dimension, NULL for {}. Throws if their number is another one. name: what messages
    /// call them.
    [[nodiscard]] const Number *on(std::int64_t dimension, const char *name) const {
        if (count_ == 0) return nullptr;
        if (count_ != every_axis && count_ != dimension)
            throw Error(SCN_ERROR_SHAPE, std::string(name) + ": has " + std::to_string(count_) +
                                             (count_ == 1 ? " number" : " numbers") + ", expected one for each of " +
                                             std::to_string(dimension) + " axes");
        return numbers_.data();
    }

  private:
    static constexpr std::int64_t every_axis = -1;

    void assign(Span<const Number> numbers) {
        if (numbers.size() > numbers_.size())
            throw Error(SCN_ERROR_SHAPE, "axes: has " + std::to_string(numbers.size()) + " numbers, expected at most " +
                                             std::to_string(numbers_.size()));
        for (Number number : numbers) numbers_[static_cast<std::size_t>(count_++)] = number;
    }

    std::array<Number, SCN_MAX_DIMENSION> numbers_{};
    std::int64_t count_ = 0;
};

/// Sizes, strides, paddings: whole numbers for the axes.
using Size = PerAxis<std::int64_t>;
/// Edge lengths, ratios, positions: real numbers for the axes.
using Lengths = PerAxis<double>;
/// The shape of an array.
using Shape = std::vector<std::int64_t>;

// ============================================================================================================= Handles

/// Owns one handle of scn.h, or none. A copy is one more owner of the same handle.
template <typename RawType, scn_status (*retain)(RawType *), scn_status (*give_back)(RawType *)>
class Handle {
  public:
    using Raw = RawType;

    Handle() noexcept = default;
    /// Take ownership of a handle that a function of scn.h returned.
    explicit Handle(Raw *owned) noexcept : raw_(owned) {}
    Handle(const Handle &other) : raw_(other.raw_) {
        if (raw_ != nullptr) check(retain(raw_));
    }
    Handle(Handle &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    Handle &operator=(Handle other) noexcept {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~Handle() {
        if (raw_ != nullptr) give_back(raw_);
    }

    /// Lend the handle; NULL if there is none.
    [[nodiscard]] Raw *get() const noexcept { return raw_; }
    /// Give the handle to the caller, who must release it.
    [[nodiscard]] Raw *release() noexcept { return std::exchange(raw_, nullptr); }
    /// Whether there is a handle.
    [[nodiscard]] explicit operator bool() const noexcept { return raw_ != nullptr; }

  private:
    Raw *raw_ = nullptr;
};

/// What the rest of this header is made with; no part of its interface.
namespace detail {

/// Call a function of scn.h that returns a handle in its last parameter.
template <typename Object, typename... Parameters, typename... Arguments>
Object made(scn_status (*function)(Parameters...), Arguments... arguments) {
    typename Object::Raw *raw = nullptr;
    check(function(arguments..., &raw));
    return Object(raw);
}

/// Call a function of scn.h that stores a value in its last parameter.
template <typename Value, typename... Parameters, typename... Arguments>
Value stored(scn_status (*function)(Parameters...), Arguments... arguments) {
    Value value{};
    check(function(arguments..., &value));
    return value;
}

/// The size of an array, as scn.h takes it.
template <typename Array>
std::int64_t count_of(const Array &array) noexcept {
    return static_cast<std::int64_t>(array.size());
}

/// The handles of several objects, as scn.h takes them.
template <typename Object>
std::vector<typename Object::Raw *> raws(Span<const Object> objects) {
    std::vector<typename Object::Raw *> result;
    result.reserve(objects.size());
    for (const Object &object : objects) result.push_back(object.get());
    return result;
}

/// "1 element", "2 elements".
inline std::string elements(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " element" : " elements");
}

/// Throw unless an array has as many elements as scn.h would read.
inline void require_count(const char *name, std::size_t count, std::int64_t expected) {
    if (expected < 0 || count != static_cast<std::size_t>(expected))
        throw Error(SCN_ERROR_SHAPE, std::string(name) + ": has " + elements(count) + ", expected " +
                                         (expected < 0 ? "another number" : std::to_string(expected)));
}

/// The number of elements of a shape; -1 where a size is negative, or no integer holds it.
inline std::int64_t product(Span<const std::int64_t> shape) noexcept {
    std::int64_t result = 1;
    for (std::int64_t size : shape) {
        if (size < 0 || (size > 0 && result > std::numeric_limits<std::int64_t>::max() / size)) return -1;
        result *= size;
    }
    return result;
}

/// How many rows of so many columns an array has; throws unless that is a whole number.
inline std::int64_t rows_of(const char *name, std::size_t count, std::int64_t columns) {
    if (columns < 1 || count % static_cast<std::size_t>(columns) != 0)
        throw Error(SCN_ERROR_SHAPE, std::string(name) + ": has " + elements(count) +
                                         ", expected rows of " + std::to_string(columns));
    return static_cast<std::int64_t>(count / static_cast<std::size_t>(columns));
}

inline std::int32_t rank_of(const Shape &shape) {
    if (shape.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
        throw Error(SCN_ERROR_INVALID_ARGUMENT, "shape: has too many sizes");
    return static_cast<std::int32_t>(shape.size());
}

/// NULL for a view of nothing, which scn.h reads as "not given".
template <typename Element>
Element *pointer(Span<Element> span) noexcept {
    return span.empty() ? nullptr : span.data();
}

}  // namespace detail

// ================================================================================================== The library itself

/// The library's version, "0.2.0".
[[nodiscard]] inline std::string version() { return scn_version(); }
/// Throw unless the loaded library is binary compatible with the header that this program was compiled with.
inline void require_compatible_library() {
    if (scn_abi_version() != SCN_ABI_VERSION)
        throw Error(SCN_ERROR_UNSUPPORTED, "ABI version of the library: is " + std::to_string(scn_abi_version()) +
                                               ", expected " + std::to_string(SCN_ABI_VERSION));
}
/// The CPU, the instruction set in use and what multiplies bfloat16.
[[nodiscard]] inline std::string cpu_description() { return scn_cpu_description(); }
/// How many threads operations use, including the calling one.
[[nodiscard]] inline std::int32_t thread_count() noexcept { return scn_get_thread_count(); }
/// Set how many threads operations use, 1 ... 1024.
inline void set_thread_count(std::int32_t count) { check(scn_set_thread_count(count)); }
/// How many handles of all kinds have not been released yet.
[[nodiscard]] inline std::int64_t live_handles() noexcept { return scn_live_handles(); }
/// How many bytes of elements the library holds.
[[nodiscard]] inline std::int64_t memory_in_use() noexcept { return scn_memory_in_use(); }

/// What forward passes did; see scn_get_forward_counts.
struct ForwardCounts {
    std::int64_t multiply_adds = 0;
    std::int64_t hidden_states = 0;
    std::int64_t rules = 0;
};
/// The counts of the whole process since it started, or since they were last set.
[[nodiscard]] inline ForwardCounts forward_counts() noexcept {
    ForwardCounts counts;
    scn_get_forward_counts(&counts.multiply_adds, &counts.hidden_states, &counts.rules);
    return counts;
}
/// Set the counts, usually to zero before a pass that is to be measured.
inline void set_forward_counts(const ForwardCounts &counts) {
    check(scn_set_forward_counts(counts.multiply_adds, counts.hidden_states, counts.rules));
}

/// Seed the generator that initializes weights, drives dropout and displaces windows.
inline void manual_seed(std::uint64_t seed) { check(scn_manual_seed(seed)); }
/// A state of the generator.
using RandomState = std::array<std::uint64_t, 4>;
/// The generator's state.
[[nodiscard]] inline RandomState random_state() {
    RandomState state{};
    check(scn_get_random_state(state.data()));
    return state;
}
/// Set the generator's state to one that random_state returned.
inline void set_random_state(const RandomState &state) { check(scn_set_random_state(state.data())); }

/// While one of these lives, the calls of its thread count as one. At its end, what they changed of statistics, the
/// generator, forward counts and geometries is put back, unless keep() was called. Scopes nest.
class [[nodiscard]] Scope {
  public:
    /// Calls go on drawing from the generator.
    Scope() { check(scn_scope_begin(nullptr)); }
    /// Calls draw from a stream of their own, which begins with `seed`; the generator stays as it is.
    explicit Scope(std::uint64_t seed) { check(scn_scope_begin(&seed)); }
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;
    ~Scope() { scn_scope_end(keeps_); }
    /// Keep what the calls changed.
    void keep() noexcept { keeps_ = 1; }

  private:
    std::int32_t keeps_ = 0;
};

/// While one of these lives, its thread records no operations for a backward pass.
class [[nodiscard]] NoGradientRecording {
  public:
    NoGradientRecording() : before_(scn_get_gradient_recording()) { check(scn_set_gradient_recording(0)); }
    NoGradientRecording(const NoGradientRecording &) = delete;
    NoGradientRecording &operator=(const NoGradientRecording &) = delete;
    ~NoGradientRecording() { scn_set_gradient_recording(before_); }

  private:
    std::int32_t before_;
};

/// While one of these lives, the modules that its thread calls compute in bfloat16 between their layers, as
/// scn_set_autocast says.
class [[nodiscard]] Autocast {
  public:
    explicit Autocast(scn_element_type type = SCN_BFLOAT16) : before_(scn_get_autocast()) {
        check(scn_set_autocast(type));
    }
    Autocast(const Autocast &) = delete;
    Autocast &operator=(const Autocast &) = delete;
    ~Autocast() { scn_set_autocast(before_); }

  private:
    scn_element_type before_;
};

// ================================================================================================= Geometry, rulebooks

/// How many filter offsets, rules and rows a rulebook has.
struct RulebookSizes {
    std::int64_t volume = 0;
    std::int64_t rules = 0;
    std::int64_t input_rows = 0;
    std::int64_t output_rows = 0;
};

/// The rules themselves: those of filter offset k are number offsets[k] ... offsets[k + 1] - 1. Valid while the
/// rulebook lives.
struct Rules {
    Span<const std::int64_t> offsets;
    Span<const std::int32_t> input_rows;
    Span<const std::int32_t> output_rows;
};

/// Which input rows meet which output rows, under each filter offset.
class Rulebook : public Handle<scn_rulebook, scn_rulebook_retain, scn_rulebook_release> {
  public:
    using Handle::Handle;

    /// The numbers of filter offsets, rules and rows.
    [[nodiscard]] RulebookSizes sizes() const {
        RulebookSizes sizes;
        check(scn_rulebook_sizes(get(), &sizes.volume, &sizes.rules, &sizes.input_rows, &sizes.output_rows));
        return sizes;
    }
    /// The rules, in the library's memory.
    [[nodiscard]] Rules rules() const {
        const RulebookSizes count = sizes();
        const std::int64_t *offsets = nullptr;
        const std::int32_t *input_rows = nullptr, *output_rows = nullptr;
        check(scn_rulebook_rules(get(), &offsets, &input_rows, &output_rows));
        const auto rules = static_cast<std::size_t>(count.rules);
        return {{offsets, static_cast<std::size_t>(count.volume) + 1}, {input_rows, rules}, {output_rows, rules}};
    }
    /// The same rules with input and output exchanged.
    Rulebook reversed() const { return detail::made<Rulebook>(scn_rulebook_reversed, get()); }
};

/// A filter: its size, a stride ({} for ones), a padding ({} for zeros) and a dilation ({} for ones).
struct Filter {
    Size size{};
    Size stride{};
    Size padding{};
    Size dilation{};
    bool rounds_down = false;  ///< Whether the last places of a field may lie under no window.

    /// The struct of scn.h, which points into this one.
    [[nodiscard]] scn_filter raw(std::int32_t dimension) const {
        scn_filter filter = SCN_FILTER_INIT;
        filter.dimension = dimension;
        filter.size = size.on(dimension, "size");
        filter.stride = stride.on(dimension, "stride");
        filter.padding = padding.on(dimension, "padding");
        filter.dilation = dilation.on(dimension, "dilation");
        filter.rounds_down = rounds_down;
        return filter;
    }
};

/// The places that sites may have: lower ... lower + spatial_size - 1 on each axis.
struct Field {
    Size spatial_size{};  ///< {} for a field without bounds, where coordinates may be negative.
    Size lower{};         ///< {} for zeros.
    bool keep_outside = false;  ///< Whether sites may lie outside, until a layer with a stride leaves them out.

    /// The struct of scn.h, which points into this one.
    [[nodiscard]] scn_field raw(std::int32_t dimension) const {
        scn_field field = SCN_FIELD_INIT;
        field.dimension = dimension;
        field.spatial_size = spatial_size.on(dimension, "spatial_size");
        field.lower = lower.on(dimension, "lower");
        field.keep_outside = keep_outside;
        return field;
    }
};

/// Which input sites an output site reads under each filter offset k, on each axis: input * input_stride = output *
/// output_stride + offsets[k].
struct Relation {
    std::vector<std::int64_t> offsets{};  ///< [volume, dimension] row-major; see filter_offsets.
    Size input_stride{};                  ///< {} for ones.
    Size output_stride{};                 ///< {} for ones.

    /// The struct of scn.h, which points into this one.
    [[nodiscard]] scn_relation raw(std::int32_t dimension) const {
        scn_relation relation = SCN_RELATION_INIT;
        relation.dimension = dimension;
        relation.volume = detail::rows_of("offsets", offsets.size(), dimension);
        relation.offsets = offsets.data();
        relation.input_stride = input_stride.on(dimension, "input_stride");
        relation.output_stride = output_stride.on(dimension, "output_stride");
        return relation;
    }
};

/// The offsets of a filter, [volume, dimension] row-major; its stride is not used.
[[nodiscard]] inline std::vector<std::int64_t> filter_offsets(std::int32_t dimension, const Filter &filter,
                                                              scn_filter_shape shape = SCN_FILTER_CENTERED) {
    const scn_filter raw = filter.raw(dimension);
    std::int64_t volume = 0;
    check(scn_filter_offsets(&raw, shape, nullptr, 0, &volume));
    std::vector<std::int64_t> offsets(static_cast<std::size_t>(volume * dimension));
    check(scn_filter_offsets(&raw, shape, offsets.data(), detail::count_of(offsets), &volume));
    return offsets;
}

/// A rulebook, and the site set of a geometry to which it leads.
struct Step {
    Rulebook rulebook;
    std::int32_t sites = 0;
};

/// Options of fractional pooling, which needs either a ratio or an output size.
struct FractionalOptions {
    Lengths ratio{};     ///< Above 1: floor(size / ratio) windows.
    Size output_size{};  ///< This many windows; {} if there is a ratio.
    Size pool_size{};    ///< {} for twos.
    bool tiles = false;  ///< Whether each window ends where the next begins; pool_size must be {} then.
    scn_window_order order = SCN_WINDOWS_PSEUDORANDOM;
    std::int64_t features_to_drop = 0;

    /// The struct of scn.h, which points into this one.
    [[nodiscard]] scn_fractional_options raw(std::int64_t dimension) const {
        scn_fractional_options options = SCN_FRACTIONAL_OPTIONS_INIT;
        options.ratio = ratio.on(dimension, "ratio");
        options.output_size = output_size.on(dimension, "output_size");
        options.pool_size = pool_size.on(dimension, "pool_size");
        options.tiles = tiles;
        options.order = order;
        options.features_to_drop = features_to_drop;
        return options;
    }
};

/// The sites of an input, all coarser and finer site sets made from them, and the rulebooks between these. Site set 0
/// has the input's own sites.
class [[nodiscard]] Geometry : public Handle<scn_geometry, scn_geometry_retain, scn_geometry_release> {
  public:
    using Handle::Handle;

    /// The number of coordinates of a site, not counting the batch index.
    [[nodiscard]] std::int32_t dimension() const { return detail::stored<std::int32_t>(scn_geometry_dimension, get()); }
    /// The number of samples.
    [[nodiscard]] std::int64_t batch_size() const {
        return detail::stored<std::int64_t>(scn_geometry_batch_size, get());
    }
    /// The number of rows of the points that the geometry was made from.
    [[nodiscard]] std::int64_t input_row_count() const {
        return detail::stored<std::int64_t>(scn_geometry_input_row_count, get());
    }
    /// The site of each of these rows, -1 for padding.
    [[nodiscard]] std::vector<std::int64_t> row_sites() const {
        std::vector<std::int64_t> sites(static_cast<std::size_t>(input_row_count()));
        check(scn_geometry_row_sites(get(), sites.data(), detail::count_of(sites)));
        return sites;
    }
    /// How many of these rows fall on each site.
    [[nodiscard]] std::vector<std::int64_t> row_counts() const {
        std::vector<std::int64_t> counts(static_cast<std::size_t>(site_count()));
        check(scn_geometry_row_counts(get(), counts.data(), detail::count_of(counts)));
        return counts;
    }
    /// The number of sites of a site set.
    [[nodiscard]] std::int64_t site_count(std::int32_t sites = 0) const {
        return detail::stored<std::int64_t>(scn_geometry_site_count, get(), sites);
    }
    /// The spatial size of a site set, a number for each axis.
    [[nodiscard]] std::vector<std::int64_t> spatial_size(std::int32_t sites = 0) const {
        std::vector<std::int64_t> size(static_cast<std::size_t>(dimension()));
        check(scn_geometry_spatial_size(get(), sites, size.data()));
        return size;
    }
    /// The coordinates of a site set, [sites, dimension + 1] row-major, batch index last.
    [[nodiscard]] std::vector<std::int64_t> coordinates(std::int32_t sites = 0) const {
        std::vector<std::int64_t> rows(static_cast<std::size_t>(site_count(sites) * (dimension() + 1)));
        check(scn_geometry_coordinates(get(), sites, rows.data(), detail::count_of(rows)));
        return rows;
    }
    /// The site set of a spatial size; throws SCN_ERROR_STATE unless there is exactly one.
    [[nodiscard]] std::int32_t find_sites(const Size &spatial_size) const {
        return detail::stored<std::int32_t>(scn_geometry_find_sites, get(),
                                            spatial_size.on(dimension(), "spatial_size"));
    }

    /// The rulebook of a submanifold convolution.
    Rulebook submanifold(std::int32_t sites, const Filter &filter) const {
        const scn_filter raw = raw_filter(filter);
        return detail::made<Rulebook>(scn_geometry_submanifold, get(), sites, &raw);
    }
    /// The rulebook of a permutohedral submanifold convolution.
    Rulebook permutohedral(std::int32_t sites) const {
        return detail::made<Rulebook>(scn_geometry_permutohedral, get(), sites);
    }
    /// The rulebook of a convolution or pooling.
    Step strided(std::int32_t sites, const Filter &filter) const { return step(scn_geometry_strided, sites, filter); }
    /// The rulebook of a full convolution.
    Step full(std::int32_t sites, const Filter &filter) const { return step(scn_geometry_full, sites, filter); }
    /// The rulebook of a strided filter whose windows are displaced at random.
    Step randomized(std::int32_t sites, const Filter &filter) const {
        return step(scn_geometry_randomized, sites, filter);
    }
    /// The rulebook of a fractional pooling. is_regular: whether the windows lie as in evaluation.
    Step fractional(std::int32_t sites, const FractionalOptions &options, bool is_regular) const {
        const scn_fractional_options raw = options.raw(dimension());
        Step result;
        result.rulebook = detail::made<Rulebook>(scn_geometry_fractional, get(), sites, &raw,
                                                 static_cast<std::int32_t>(is_regular), &result.sites);
        return result;
    }
    /// The rulebook of a deconvolution, the reverse of the strided one that led to `sites`.
    Step reverse(std::int32_t sites, const Filter &filter) const { return step(scn_geometry_reverse, sites, filter); }
    /// The site set of the sites whose byte in keep is not 0, and the rulebook to it. keep: [sites].
    Step subset(std::int32_t sites, Span<const std::uint8_t> keep) const {
        Step result;
        result.rulebook = detail::made<Rulebook>(scn_geometry_subset, get(), sites, keep.data(),
                                                 detail::count_of(keep), &result.sites);
        return result;
    }

    /// Where the field of a site set begins, a number for each axis.
    [[nodiscard]] std::vector<std::int64_t> lower(std::int32_t sites = 0) const { return field(sites).first; }
    /// Whether the field of a site set has no bounds.
    [[nodiscard]] bool is_unbounded(std::int32_t sites = 0) const { return field(sites).second; }

    /// Take chosen sites in, those that come several times once, and return their site set. coordinates: [rows,
    /// columns]; columns: dimension, or dimension + 1 with the batch index last.
    [[nodiscard]] std::int32_t add_sites(Span<const std::int64_t> coordinates, std::int32_t columns,
                                         const Field &field = {}) const {
        const scn_field raw = field.raw(dimension());
        return detail::stored<std::int32_t>(scn_geometry_add_sites, get(), &raw, coordinates.data(),
                                            detail::rows_of("coordinates", coordinates.size(), columns), columns);
    }
    /// The site set of floor(coordinate / stride) of each site.
    [[nodiscard]] std::int32_t floor(std::int32_t sites, const Size &stride) const {
        return detail::stored<std::int32_t>(scn_geometry_floor, get(), sites, stride.on(dimension(), "stride"));
    }
    /// The union, intersection or difference of two site sets.
    [[nodiscard]] std::int32_t combine(std::int32_t a, std::int32_t b, scn_site_combination combination) const {
        return detail::stored<std::int32_t>(scn_geometry_combine, get(), a, b, combination);
    }
    /// The row of each of some coordinates, [count, columns], in a site set; -1 where no site is.
    [[nodiscard]] std::vector<std::int64_t> find_rows(std::int32_t sites, Span<const std::int64_t> coordinates,
                                                      std::int32_t columns) const {
        const std::int64_t count = detail::rows_of("coordinates", coordinates.size(), columns);
        std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
        check(scn_geometry_find_rows(get(), sites, coordinates.data(), count, columns, rows.data()));
        return rows;
    }
    /// The row of each site of a site set in another one, which may be of another geometry; -1 where it is not there.
    [[nodiscard]] std::vector<std::int64_t> match_sites(std::int32_t sites, const Geometry &other,
                                                        std::int32_t other_sites) const {
        std::vector<std::int64_t> rows(static_cast<std::size_t>(site_count(sites)));
        check(scn_geometry_match_sites(get(), sites, other.get(), other_sites, rows.data(), detail::count_of(rows)));
        return rows;
    }
    /// The rulebook from one site set to another.
    Rulebook between(std::int32_t input_sites, std::int32_t output_sites, const Relation &relation) const {
        const scn_relation raw = relation.raw(dimension());
        return detail::made<Rulebook>(scn_geometry_between, get(), input_sites, output_sites, &raw);
    }
    /// The rulebook to all sites that some site of a site set is related to.
    Step covering(std::int32_t sites, const Relation &relation) const {
        const scn_relation raw = relation.raw(dimension());
        Step result;
        result.rulebook = detail::made<Rulebook>(scn_geometry_covering, get(), sites, &raw, &result.sites);
        return result;
    }
    /// The rulebook from sites to points between them, [rows, dimension], float or double. batch: [rows], the sample of
    /// each point; {} for the first.
    template <typename Real>
    Rulebook interpolation(std::int32_t sites, Span<const Real> points, Span<const std::int64_t> batch = {}) const {
        static_assert(std::is_same_v<Real, float> || std::is_same_v<Real, double>, "points are float or double");
        const std::int64_t rows = detail::rows_of("points", points.size(), dimension());
        if (!batch.empty()) detail::require_count("batch", batch.size(), rows);
        return detail::made<Rulebook>(scn_geometry_interpolation, get(), sites, points.data(),
                                      std::is_same_v<Real, float> ? SCN_FLOAT32 : SCN_FLOAT64, rows,
                                      batch.empty() ? nullptr : batch.data());
    }

  private:
    using StepFunction = scn_status (*)(scn_geometry *, std::int32_t, const scn_filter *, std::int32_t *,
                                        scn_rulebook **);

    std::pair<std::vector<std::int64_t>, bool> field(std::int32_t sites) const {
        std::vector<std::int64_t> lower(static_cast<std::size_t>(dimension()));
        std::int32_t is_unbounded = 0;
        check(scn_geometry_field(get(), sites, lower.data(), &is_unbounded));
        return {lower, is_unbounded != 0};
    }
    scn_filter raw_filter(const Filter &filter) const { return filter.raw(dimension()); }
    Step step(StepFunction function, std::int32_t sites, const Filter &filter) const {
        const scn_filter raw = raw_filter(filter);
        Step result;
        result.rulebook = detail::made<Rulebook>(function, get(), sites, &raw, &result.sites);
        return result;
    }
};

/// Create the geometry of an input. coordinates: [rows, columns]; columns: dimension, or dimension + 1 with the batch
/// index last.
inline Geometry geometry(std::int32_t dimension, const Size &spatial_size, Span<const std::int64_t> coordinates,
                         std::int32_t columns, scn_input_mode mode = SCN_INPUT_UNIQUE, std::int64_t batch_size = 0) {
    return detail::made<Geometry>(scn_geometry_create, dimension, spatial_size.on(dimension, "spatial_size"),
                                  coordinates.data(), detail::rows_of("coordinates", coordinates.size(), columns),
                                  columns, batch_size, mode);
}
/// Create the geometry of an input in any field; {} is one without bounds.
inline Geometry geometry_in_field(std::int32_t dimension, const Field &field, Span<const std::int64_t> coordinates,
                                  std::int32_t columns, scn_input_mode mode = SCN_INPUT_UNIQUE,
                                  std::int64_t batch_size = 0) {
    const scn_field raw = field.raw(dimension);
    return detail::made<Geometry>(scn_geometry_create_in_field, &raw, coordinates.data(),
                                  detail::rows_of("coordinates", coordinates.size(), columns), columns, batch_size,
                                  mode);
}
/// Create the geometry of samples of equal length. coordinates: [batch_size, length, dimension]; negative for padding.
inline Geometry geometry_batched(std::int32_t dimension, const Size &spatial_size, Span<const std::int64_t> coordinates,
                                 std::int64_t batch_size, std::int64_t length, scn_input_mode mode = SCN_INPUT_UNIQUE) {
    detail::require_count("coordinates", coordinates.size(), detail::product({batch_size, length, dimension}));
    return detail::made<Geometry>(scn_geometry_create_batched, dimension, spatial_size.on(dimension, "spatial_size"),
                                  coordinates.data(), batch_size, length, mode);
}
/// Create the geometry of a dense array [batch_size, planes, ...spatial size]: a site wherever a plane is not zero.
inline Geometry geometry_dense(std::int32_t dimension, const Size &spatial_size, Span<const float> data,
                               std::int64_t batch_size, std::int64_t planes) {
    return detail::made<Geometry>(scn_geometry_create_dense, dimension, spatial_size.on(dimension, "spatial_size"),
                                  data.data(), batch_size, planes, detail::count_of(data));
}

/// Options of voxelize.
struct VoxelizeOptions {
    scn_voxel_reduction reduction = SCN_VOXEL_MEAN;
    std::optional<std::uint64_t> seed{};  ///< Of SCN_VOXEL_RANDOM; if not given, the generator's next number.
    Lengths origin{};                     ///< Where voxel 0 begins; {} for the least coordinates of the points.
    Span<const std::int64_t> batch{};     ///< [rows], the sample of each point, read by voxelize; {} for one sample.
    std::int64_t batch_size = 0;          ///< A lower bound, for trailing samples without points.
    Size spatial_size{};                  ///< In which all voxels must lie; {} for the smallest that holds them.
};

/// Create the geometry of points in space: point p lies at site floor((p - origin) / voxel_size) along each axis.
/// points: [rows, dimension], float or double.
template <typename Real>
Geometry voxelize(std::int32_t dimension, Span<const Real> points, const Lengths &voxel_size,
                  const VoxelizeOptions &options = {}) {
    static_assert(std::is_same_v<Real, float> || std::is_same_v<Real, double>, "points are float or double");
    const std::int64_t rows = detail::rows_of("points", points.size(), dimension);
    if (!options.batch.empty()) detail::require_count("batch", options.batch.size(), rows);
    scn_voxelize_options raw = SCN_VOXELIZE_OPTIONS_INIT;
    raw.reduction = options.reduction;
    raw.seed = options.seed ? &*options.seed : nullptr;
    raw.origin = options.origin.on(dimension, "origin");
    raw.batch = detail::pointer(options.batch);
    raw.batch_size = options.batch_size;
    raw.spatial_size = options.spatial_size.on(dimension, "spatial_size");
    return detail::made<Geometry>(scn_voxelize, dimension, static_cast<const void *>(points.data()),
                                  std::is_same_v<Real, float> ? SCN_FLOAT32 : SCN_FLOAT64, rows,
                                  voxel_size.on(dimension, "voxel_size"), &raw);
}
/// The same for a vector, an array or another view.
template <typename Container, typename Real = std::remove_const_t<detail::ElementOf<const Container &>>>
Geometry voxelize(std::int32_t dimension, const Container &points, const Lengths &voxel_size,
                  const VoxelizeOptions &options = {}) {
    return voxelize<Real>(dimension, Span<const Real>(points), voxel_size, options);
}

/// Options of voxelize_in_order.
struct VoxelizeInOrderOptions {
    Lengths origin{};                  ///< Where voxel 0 begins; {} for the least coordinates of the points.
    Size spatial_size{};               ///< In which voxels must lie; {} for no limit.
    Span<const std::int64_t> batch{};  ///< [rows], the sample of each point; {} for one sample.
    std::int64_t max_voxels = -1;      ///< Of each sample, those that points enter first; -1 for no limit.
    bool drop_outside = false;         ///< Whether points that are not finite or outside are left out, or errors.
};

/// What voxelize_in_order returns, voxels in the order in which points first enter them.
struct OrderedVoxels {
    std::vector<std::int64_t> coordinates;     ///< [count, dimension + 1], batch index last.
    std::vector<std::int64_t> voxel_of_point;  ///< [rows], -1 for points that were left out or beyond the limit.
    std::vector<std::int64_t> place_of_point;  ///< [rows], how many points of its voxel come before; -1 as above.
    std::int64_t count = 0;                    ///< Of voxels.
};

/// Sort points into voxels that are numbered in the order in which points first enter them, up to a limit; see
/// scn_voxelize_in_order. points: [rows, dimension], float or double.
template <typename Real>
OrderedVoxels voxelize_in_order(std::int32_t dimension, Span<const Real> points, const Lengths &voxel_size,
                                const VoxelizeInOrderOptions &options = {}) {
    static_assert(std::is_same_v<Real, float> || std::is_same_v<Real, double>, "points are float or double");
    const std::int64_t rows = detail::rows_of("points", points.size(), dimension);
    if (!options.batch.empty()) detail::require_count("batch", options.batch.size(), rows);
    scn_voxelize_in_order_options raw = SCN_VOXELIZE_IN_ORDER_OPTIONS_INIT;
    raw.origin = options.origin.on(dimension, "origin");
    raw.spatial_size = options.spatial_size.on(dimension, "spatial_size");
    raw.batch = detail::pointer(options.batch);
    raw.max_voxels = options.max_voxels;
    raw.drop_outside = options.drop_outside ? 1 : 0;
    OrderedVoxels voxels;
    const auto columns = static_cast<std::size_t>(dimension) + 1;
    voxels.voxel_of_point.resize(static_cast<std::size_t>(rows));
    voxels.place_of_point.resize(static_cast<std::size_t>(rows));
    voxels.coordinates.resize(static_cast<std::size_t>(rows) * columns);
    check(scn_voxelize_in_order(dimension, static_cast<const void *>(points.data()),
                                std::is_same_v<Real, float> ? SCN_FLOAT32 : SCN_FLOAT64, rows,
                                voxel_size.on(dimension, "voxel_size"), &raw, voxels.voxel_of_point.data(),
                                voxels.place_of_point.data(), voxels.coordinates.data(),
                                detail::count_of(voxels.coordinates), &voxels.count));
    voxels.coordinates.resize(static_cast<std::size_t>(voxels.count) * columns);
    return voxels;
}
/// The same for a vector, an array or another view.
template <typename Container, typename Real = std::remove_const_t<detail::ElementOf<const Container &>>>
OrderedVoxels voxelize_in_order(std::int32_t dimension, const Container &points, const Lengths &voxel_size,
                                const VoxelizeInOrderOptions &options = {}) {
    return voxelize_in_order<Real>(dimension, Span<const Real>(points), voxel_size, options);
}

/// The filter offsets on the lattice A_d, [d * d + d + 1, d].
[[nodiscard]] inline std::vector<std::int64_t> permutohedral_offsets(std::int32_t dimension) {
    const std::int64_t d = dimension < 1 || dimension > SCN_MAX_DIMENSION ? 0 : dimension;
    std::vector<std::int64_t> offsets(static_cast<std::size_t>((d * d + d + 1) * d));
    check(scn_permutohedral_offsets(dimension, offsets.data(), detail::count_of(offsets)));
    return offsets;
}
/// A basis of the lattice A_d and its inverse, each [d, d].
[[nodiscard]] inline std::pair<std::vector<double>, std::vector<double>> permutohedral_basis(std::int32_t dimension) {
    const auto d = static_cast<std::size_t>(dimension < 1 || dimension > SCN_MAX_DIMENSION ? 0 : dimension);
    std::vector<double> basis(d * d), inverse(d * d);
    check(scn_permutohedral_basis(dimension, basis.data(), inverse.data()));
    return {std::move(basis), std::move(inverse)};
}

// ============================================================================================================= Tensors

/// Which segment each row of a tensor belongs to.
class Segments {
  public:
    /// The samples of a sparse tensor.
    Segments() noexcept = default;
    /// segment_of_row: [rows], 0 ... count - 1, or -1 if a row belongs to none; read by the call that gets this.
    Segments(Span<const std::int64_t> segment_of_row, std::int64_t count) noexcept
        : of_row_(segment_of_row), rows_(detail::count_of(segment_of_row)), count_(count) {}

    [[nodiscard]] const std::int64_t *data() const noexcept { return of_row_.data(); }
    /// The number of rows; -1 for the samples of a sparse tensor.
    [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
    /// The number of segments.
    [[nodiscard]] std::int64_t count() const noexcept { return count_; }

  private:
    Span<const std::int64_t> of_row_;
    std::int64_t rows_ = -1;
    std::int64_t count_ = 0;
};

/// A value that flows through a network: a dense array, features on the sites of a geometry, points, or a table of
/// these.
class Tensor : public Handle<scn_tensor, scn_tensor_retain, scn_tensor_release> {
  public:
    using Handle::Handle;

    /// Create a dense tensor. values: [product of shape], copied.
    Tensor(const Shape &shape, Span<const float> values) : Tensor(copied(shape, values)) {}
    /// Create a dense tensor of zeros.
    [[nodiscard]] static Tensor zeros(const Shape &shape) {
        return detail::made<Tensor>(scn_tensor_create, shape.data(), detail::rank_of(shape),
                                    static_cast<const float *>(nullptr));
    }
    /// Create a dense tensor over the caller's buffer, without copying it. values: [product of shape], on loan until
    /// release is called, perhaps from another thread. release: must not throw or call the library; {} if values
    /// outlive every use.
    [[nodiscard]] static Tensor borrow(const Shape &shape, Span<float> values, std::function<void()> release = {}) {
        detail::require_count("values", values.size(), detail::product(shape));
        auto context = release ? std::make_unique<std::function<void()>>(std::move(release)) : nullptr;
        const scn_release_callback callback = [](void *owner) noexcept {
            const std::unique_ptr<std::function<void()>> owned(static_cast<std::function<void()> *>(owner));
            (*owned)();
        };
        Tensor tensor = detail::made<Tensor>(scn_tensor_borrow, shape.data(), detail::rank_of(shape), values.data(),
                                             context ? callback : nullptr, static_cast<void *>(context.get()));
        context.release();
        return tensor;
    }

    /// Whether this is dense, sparse, points or a table.
    [[nodiscard]] scn_value_kind kind() const { return detail::stored<scn_value_kind>(scn_tensor_kind, get()); }
    /// The type of the values; for sparse tensors and points, the type of their features.
    [[nodiscard]] scn_element_type type() const { return detail::stored<scn_element_type>(scn_tensor_type, get()); }
    /// The shape; for sparse tensors and points, the shape of their features.
    [[nodiscard]] Shape shape() const {
        Shape shape(static_cast<std::size_t>(detail::stored<std::int32_t>(scn_tensor_rank, get())));
        check(scn_tensor_shape(get(), shape.data(), static_cast<std::int32_t>(shape.size())));
        return shape;
    }
    /// The values themselves, of the features for sparse tensors and points: the library's memory, valid while the
    /// tensor lives.
    [[nodiscard]] Span<float> values() const & {
        const std::int64_t count = detail::product(shape());
        return {detail::stored<float *>(scn_tensor_data, get()), static_cast<std::size_t>(count)};
    }
    /// A copy of the values of a tensor that is about to go: network(points).values().
    [[nodiscard]] std::vector<float> values() const && {
        const Span<float> all = values();
        return {all.begin(), all.end()};
    }
    /// The value of a tensor that has one element.
    [[nodiscard]] float item() const {
        const Span<float> all = values();
        detail::require_count("tensor", all.size(), 1);
        return all[0];
    }
    /// Overwrite the values. values: [product of shape].
    void copy_from(Span<const float> values) const {
        check(scn_tensor_copy_from(get(), values.data(), detail::count_of(values)));
    }

    /// The features of a sparse tensor or of points: a dense tensor that shares values and gradient.
    [[nodiscard]] Tensor features() const { return detail::made<Tensor>(scn_tensor_features, get()); }
    /// A sparse tensor on the same sites with other features.
    [[nodiscard]] Tensor with_features(const Tensor &features) const {
        return detail::made<Tensor>(scn_tensor_with_features, get(), features.get());
    }
    /// The geometry of a sparse tensor.
    scn::Geometry geometry() const {
        std::int32_t sites = 0;
        scn_geometry *raw = nullptr;
        check(scn_tensor_geometry(get(), &raw, &sites));
        return scn::Geometry(raw);
    }
    /// Which site set of its geometry a sparse tensor's rows are.
    [[nodiscard]] std::int32_t sites() const {
        std::int32_t sites = 0;
        scn_geometry *raw = nullptr;
        check(scn_tensor_geometry(get(), &raw, &sites));
        const scn::Geometry owner(raw);
        return sites;
    }
    /// What a sparsify gave each of its input sites; a tensor without a handle if this is not the result of one.
    [[nodiscard]] Tensor mask() const { return detail::made<Tensor>(scn_tensor_mask, get()); }

    /// The number of tensors in a table.
    [[nodiscard]] std::int64_t table_count() const { return detail::stored<std::int64_t>(scn_table_count, get()); }
    /// A tensor of a table.
    [[nodiscard]] Tensor table_get(std::int64_t index) const {
        return detail::made<Tensor>(scn_table_tensor, get(), index);
    }

    /// Whether backward passes reach this tensor.
    [[nodiscard]] bool requires_gradient() const {
        return detail::stored<std::int32_t>(scn_tensor_get_requires_gradient, get()) != 0;
    }
    /// Set whether this leaf requires a gradient.
    void set_requires_gradient(bool wanted) const { check(scn_tensor_set_requires_gradient(get(), wanted)); }
    /// A tensor with the same values that is not the result of any operation.
    [[nodiscard]] Tensor detach() const { return detail::made<Tensor>(scn_tensor_detach, get()); }
    /// Run the backward pass from this tensor of one element.
    void backward() const { check(scn_tensor_backward(get(), nullptr, 0)); }
    /// Run the backward pass from this tensor. gradient: [product of shape].
    void backward(Span<const float> gradient) const {
        const float nothing = 0;  // An empty tensor has an empty gradient, which is not the absent one.
        check(scn_tensor_backward(get(), gradient.empty() ? &nothing : gradient.data(), detail::count_of(gradient)));
    }
    /// The accumulated gradient, shared; a tensor without a handle if there is none.
    [[nodiscard]] Tensor gradient() const { return detail::made<Tensor>(scn_tensor_gradient, get()); }
    /// Discard the gradient.
    void zero_gradient() const { check(scn_tensor_zero_gradient(get())); }

    /// The sum, element by element, of dense tensors of one shape or of sparse tensors on the same sites.
    [[nodiscard]] friend Tensor operator+(const Tensor &a, const Tensor &b) {
        return detail::made<Tensor>(scn_tensor_add, a.get(), b.get());
    }
    /// The product, element by element.
    [[nodiscard]] friend Tensor operator*(const Tensor &a, const Tensor &b) {
        return detail::made<Tensor>(scn_tensor_multiply, a.get(), b.get());
    }
    /// The sum, difference, product or quotient of this sparse tensor and another one, whose sites may differ, on the
    /// sites of either or of both.
    [[nodiscard]] Tensor combine(const Tensor &other, scn_arithmetic operation,
                                 scn_site_combination sites = SCN_SITES_UNION) const {
        return detail::made<Tensor>(scn_combine_sparse, get(), other.get(), operation, sites);
    }
    /// Every element times a factor.
    [[nodiscard]] friend Tensor operator*(const Tensor &a, float factor) {
        return detail::made<Tensor>(scn_tensor_scale, a.get(), factor);
    }
    /// Every element times a factor.
    [[nodiscard]] friend Tensor operator*(float factor, const Tensor &a) { return a * factor; }
    /// The sum of all elements, of rank 0.
    [[nodiscard]] Tensor sum() const { return detail::made<Tensor>(scn_tensor_sum, get()); }
    /// A dense tensor of another shape with the same elements in order; one size may be -1.
    [[nodiscard]] Tensor reshape(const Shape &shape) const {
        return detail::made<Tensor>(scn_tensor_reshape, get(), shape.data(), detail::rank_of(shape));
    }

    /// The convolution of rows, dense or sparse, along a rulebook. weight: dense [volume, groups, in / groups, out /
    /// groups]; bias: dense [out], or a tensor without a handle for none. A dense tensor [output rows, out].
    [[nodiscard]] Tensor convolve(const Rulebook &rulebook, const Tensor &weight, const Tensor &bias = {}) const {
        return detail::made<Tensor>(scn_tensor_convolve, get(), rulebook.get(), weight.get(), bias.get());
    }
    /// The normalized convolution of rows along a rulebook: without bias, divided by the sum of the weights of the
    /// inputs that each output meets, plus the bias. site_weights: dense [input rows], or a tensor without a handle for
    /// ones; other arguments as above.
    [[nodiscard]] Tensor convolve_normalized(const Rulebook &rulebook, const Tensor &weight, const Tensor &bias = {},
                                             const Tensor &site_weights = {}) const {
        return detail::made<Tensor>(scn_tensor_convolve_normalized, get(), rulebook.get(), weight.get(), bias.get(),
                                    site_weights.get());
    }
    /// What a pooling makes of rows along a rulebook: a dense tensor [output rows, planes].
    [[nodiscard]] Tensor pool(const Rulebook &rulebook, scn_pooling pooling) const {
        return detail::made<Tensor>(scn_tensor_pool, get(), rulebook.get(), pooling);
    }
    /// The sums over the rules of each output row of the input rows, each times the rule's weight. weights: [rules].
    [[nodiscard]] Tensor sum_along(const Rulebook &rulebook, const Tensor &weights) const {
        return detail::made<Tensor>(scn_tensor_sum_along, get(), rulebook.get(), weights.get());
    }
    /// The values of this sparse tensor at points between its sites, d-linear in the points, dense [n, dimension].
    /// batch: [n], the sample of each point; {} for the first. rescaled: whether sites that are not there do not count,
    /// in place of counting as zero.
    [[nodiscard]] Tensor interpolate(const Tensor &points, Span<const std::int64_t> batch = {},
                                     bool rescaled = false) const {
        if (!batch.empty()) detail::require_count("batch", batch.size(), points.shape().at(0));
        return detail::made<Tensor>(scn_tensor_interpolate, get(), points.get(),
                                    batch.empty() ? nullptr : batch.data(), static_cast<std::int32_t>(rescaled));
    }
    /// The sum, mean or maximum over the rows of each segment, dense [segments, ...].
    [[nodiscard]] Tensor segment_reduce(const Segments &segments, scn_segment_reduction reduction) const {
        return detail::made<Tensor>(scn_tensor_segment_reduce, get(), segments.data(), segments.rows(),
                                    segments.count(), reduction);
    }
    /// The softmax of each plane over the rows of a segment, in this tensor's kind and shape.
    [[nodiscard]] Tensor segment_softmax(const Segments &segments) const {
        return detail::made<Tensor>(scn_tensor_segment_softmax, get(), segments.data(), segments.rows(),
                                    segments.count());
    }
    /// For each row the vector of its segment, dense [rows, ...]; this is dense [segments, ...].
    [[nodiscard]] Tensor segment_gather(Span<const std::int64_t> segment_of_row) const {
        return detail::made<Tensor>(scn_tensor_segment_gather, get(), segment_of_row.data(),
                                    detail::count_of(segment_of_row));
    }
    /// The first `most` rows of each segment with zeros behind them, dense [segments, most, ...].
    [[nodiscard]] Tensor segment_pad(const Segments &segments, std::int64_t most) const {
        return detail::made<Tensor>(scn_tensor_segment_pad, get(), segments.data(), segments.rows(), segments.count(),
                                    most);
    }
    /// This tensor, each row of which has met the vector of its segment. vectors: dense [segments, planes].
    [[nodiscard]] Tensor broadcast(const Tensor &vectors, scn_broadcast operation,
                                   const Segments &segments = {}) const {
        return detail::made<Tensor>(scn_tensor_broadcast, get(), vectors.get(), segments.data(), segments.rows(),
                                    operation);
    }

  private:
    static Tensor copied(const Shape &shape, Span<const float> values) {
        detail::require_count("values", values.size(), detail::product(shape));
        return detail::made<Tensor>(scn_tensor_create, shape.data(), detail::rank_of(shape), detail::pointer(values));
    }
};

/// Create points for an input layer. coordinates: [rows, columns], copied; columns d, or d + 1 with the batch index
/// last. features: dense [rows, planes]. batch_size: a lower bound; 0 if unknown.
[[nodiscard]] inline Tensor points(Span<const std::int64_t> coordinates, std::int32_t columns, const Tensor &features,
                                   std::int64_t batch_size = 0) {
    return detail::made<Tensor>(scn_points_create, coordinates.data(),
                                detail::rows_of("coordinates", coordinates.size(), columns), columns, features.get(),
                                batch_size);
}
/// Create points for a BL input layer. coordinates: [batch_size, length, dimension], copied; negative for padding.
/// features: dense [batch_size, length, planes].
[[nodiscard]] inline Tensor points_batched(Span<const std::int64_t> coordinates, std::int64_t batch_size,
                                           std::int64_t length, std::int32_t dimension, const Tensor &features) {
    detail::require_count("coordinates", coordinates.size(), detail::product({batch_size, length, dimension}));
    return detail::made<Tensor>(scn_points_create_batched, coordinates.data(), batch_size, length, dimension,
                                features.get());
}
/// Create a sparse tensor on the given site set of a geometry. features: dense [sites, planes].
[[nodiscard]] inline Tensor sparse(const Geometry &geometry, std::int32_t sites, const Tensor &features) {
    return detail::made<Tensor>(scn_sparse_create, geometry.get(), sites, features.get());
}
/// What the voxels have of the features of their points, combined as the geometry's reduction says: a dense tensor
/// [sites, planes] for scn::sparse(geometry, 0, ...). No gradient leads back to the points. geometry: of voxelize;
/// features: [points, planes], in the order of the points.
[[nodiscard]] inline Tensor voxel_features(const Geometry &geometry, Span<const float> features, std::int64_t planes) {
    const scn_matrix of_points =
        SCN_MATRIX(features.data(), detail::rows_of("features", features.size(), planes), planes);
    Tensor result = Tensor::zeros({geometry.site_count(), planes});
    scn_matrix of_voxels = SCN_MATRIX(result.values().data(), geometry.site_count(), planes);
    check(scn_input_forward(geometry.get(), &of_points, &of_voxels));
    return result;
}
/// Create a table, as join_table and add_table take it.
[[nodiscard]] inline Tensor table(Span<const Tensor> tensors) {
    return detail::made<Tensor>(scn_table_create, detail::raws(tensors).data(), detail::count_of(tensors));
}
/// The mean logistic loss: the cross-entropy of sigmoid(logits) at the targets, each in 0 ... 1, one for each logit.
[[nodiscard]] inline Tensor binary_cross_entropy(const Tensor &logits, Span<const float> targets) {
    return detail::made<Tensor>(scn_binary_cross_entropy, logits.get(), targets.data(), detail::count_of(targets));
}
/// One batch of the samples of all tensors, one tensor after the other.
[[nodiscard]] inline Tensor append_tensors(Span<const Tensor> tensors) {
    return detail::made<Tensor>(scn_append_tensors, detail::raws(tensors).data(), detail::count_of(tensors));
}
/// The sum of squared differences over the union of the sites of x and y, divided by their number.
[[nodiscard]] inline Tensor compare_sparse(const Tensor &x, const Tensor &y) {
    return detail::made<Tensor>(scn_compare_sparse, x.get(), y.get());
}

/// The mean cross-entropy of softmax(logits) at the labels. logits: [n, classes]; labels: [n]; class_weights:
/// [classes], or {} for ones. Rows labeled ignore_index do not count.
[[nodiscard]] inline Tensor cross_entropy(const Tensor &logits, Span<const std::int64_t> labels,
                                          Span<const float> class_weights = {}, std::int64_t ignore_index = -100) {
    if (!class_weights.empty()) {
        const Shape shape = logits.shape();
        detail::require_count("class_weights", class_weights.size(), shape.size() == 2 ? shape[1] : -1);
    }
    return detail::made<Tensor>(scn_cross_entropy, logits.get(), labels.data(),
                                detail::count_of(labels), detail::pointer(class_weights), ignore_index);
}

// ============================================================================================================= Modules

/// A tensor and its name, such as "2.0.weight"; in a module's state also whether it is trained or a running statistic.
struct NamedTensor {
    std::string name;
    Tensor tensor;
    bool is_parameter = true;
};

/// What there is to know of every type of layer, as a JSON array: see scn_layer_types.
[[nodiscard]] inline const char *layer_types() { return detail::stored<const char *>(scn_layer_types); }

/// Check an architecture and return it with every argument, without creating the module: see scn_complete_architecture.
[[nodiscard]] inline std::string complete_architecture(const std::string &json) {
    std::int64_t length = 0;
    check(scn_complete_architecture(json.c_str(), nullptr, 0, &length));
    std::string completed(static_cast<std::size_t>(length), '\0');
    check(scn_complete_architecture(json.c_str(), completed.data(), length, &length));
    completed.pop_back();
    return completed;
}

/// A layer, container or network: maps a tensor to a tensor, and has parameters, buffers and perhaps other modules.
class [[nodiscard]] Module : public Handle<scn_module, scn_module_retain, scn_module_release> {
  public:
    using Handle::Handle;

    /// Create a module from its architecture as JSON text, which architecture() returns.
    static Module from_architecture(const std::string &json) {
        return detail::made<Module>(scn_module_create, json.c_str());
    }

    /// Apply the module.
    Tensor operator()(const Tensor &input) const {
        return detail::made<Tensor>(scn_module_forward, get(), input.get());
    }
    /// Switch this module and all inside it to training (true) or evaluation (false).
    void set_training(bool training) const { check(scn_module_set_training(get(), training)); }
    /// Whether the module is in training mode.
    [[nodiscard]] bool is_training() const { return detail::stored<std::int32_t>(scn_module_get_training, get()) != 0; }
    /// Set the momentum of every batch normalization in the module, 0 ... 1.
    void set_momentum(double momentum) const { check(scn_module_set_momentum(get(), momentum)); }
    /// The input spatial size that yields an output size.
    [[nodiscard]] std::vector<std::int64_t> input_spatial_size(std::int32_t dimension, const Size &output_size) const {
        std::array<std::int64_t, SCN_MAX_DIMENSION> size{};
        check(scn_module_input_spatial_size(get(), dimension, output_size.on(dimension, "output_size"), size.data()));
        return {size.begin(), size.begin() + dimension};
    }

    /// Parameters and buffers with their names, including those of inner modules.
    [[nodiscard]] std::vector<NamedTensor> state() const {
        std::vector<NamedTensor> entries;
        const auto count = detail::stored<std::int64_t>(scn_module_state_count, get());
        entries.reserve(static_cast<std::size_t>(count));
        for (std::int64_t index = 0; index < count; index++) {
            const char *name = nullptr;
            scn_tensor *raw = nullptr;
            std::int32_t is_parameter = 0;
            check(scn_module_state(get(), index, &name, &raw, &is_parameter));
            Tensor tensor(raw);
            entries.push_back({name, std::move(tensor), is_parameter != 0});
        }
        return entries;
    }
    /// The tensors that are trained, as an optimizer takes them.
    [[nodiscard]] std::vector<Tensor> parameters() const {
        std::vector<Tensor> result;
        for (NamedTensor &entry : state())
            if (entry.is_parameter) result.push_back(std::move(entry.tensor));
        return result;
    }
    /// Discard the gradients of all parameters.
    void zero_gradients() const { check(scn_module_zero_gradients(get())); }

    /// The name of the type, such as "SubmanifoldConvolution".
    [[nodiscard]] std::string type() const { return detail::stored<const char *>(scn_module_type, get()); }
    /// The architecture as JSON text.
    [[nodiscard]] std::string architecture() const {
        return detail::stored<const char *>(scn_module_architecture, get());
    }
    /// A tree of the module for people to read.
    [[nodiscard]] std::string description() const {
        return detail::stored<const char *>(scn_module_description, get());
    }
    /// A table for people to read of what each layer does with an input.
    [[nodiscard]] std::string summary(const Tensor &input) const {
        return detail::stored<const char *>(scn_module_summary, get(), input.get());
    }
    /// A new module whose results are those of this one in evaluation, up to rounding, in less time.
    Module optimize_for_inference() const { return detail::made<Module>(scn_module_optimize_for_inference, get()); }
    /// The same with features and weights of SCN_FLOAT32 or SCN_BFLOAT16 inside.
    Module optimize_for_inference(scn_element_type precision) const {
        return detail::made<Module>(scn_module_optimize_for_inference_in, get(), precision);
    }
    /// Rescale the weights so that the results of each convolution and product for `input` have mean 0 and deviation 1.
    /// Return what the module then makes of the input.
    Tensor reweight(const Tensor &input) const { return detail::made<Tensor>(scn_module_reweight, get(), input.get()); }
    /// Do the same with the biases alone, for mean 0.
    Tensor rebias(const Tensor &input) const { return detail::made<Tensor>(scn_module_rebias, get(), input.get()); }
    /// Make a convolution or product scale its weight so that the largest singular value is norm.
    void spectral_norm(std::int64_t n_power_iterations = 1, double epsilon = 1e-12, double norm = 1) const {
        check(scn_module_add_spectral_norm(get(), n_power_iterations, epsilon, norm));
    }

    /// Append a child to a sequential or concat_table.
    void add(const Module &child) const { check(scn_module_add(get(), child.get())); }
    /// The number of children of a container.
    [[nodiscard]] std::int64_t child_count() const {
        return detail::stored<std::int64_t>(scn_module_child_count, get());
    }
    /// A child of a container.
    Module child(std::int64_t index) const { return detail::made<Module>(scn_module_child, get(), index); }
};

/// Apply children one after the other.
inline Module sequential(Span<const Module> children = {}) {
    return detail::made<Module>(scn_sequential_create, detail::raws(children).data(), detail::count_of(children));
}
/// Apply children one after the other, but keep only the input and recompute the rest in the backward pass.
inline Module checkpointed_sequential(Span<const Module> children = {}) {
    return detail::made<Module>(scn_checkpointed_sequential_create, detail::raws(children).data(),
                                detail::count_of(children));
}
/// Apply each child to the same input and make a table of the results.
inline Module concat_table(Span<const Module> children = {}) {
    return detail::made<Module>(scn_concat_table_create, detail::raws(children).data(), detail::count_of(children));
}
/// Add the tensors of a table.
inline Module add_table() { return detail::made<Module>(scn_add_table_create); }
/// Join the planes of the tensors of a table.
inline Module join_table() { return detail::made<Module>(scn_join_table_create); }
/// Return the input.
inline Module identity() { return detail::made<Module>(scn_identity_create); }
/// Return the input and print what it is.
inline Module verbose_identity() { return detail::made<Module>(scn_verbose_identity_create); }
/// Add a plane for each axis: the coordinate, scaled to -1 ... 1.
inline Module add_coords() { return detail::made<Module>(scn_add_coords_create); }

/// Turn points into a sparse tensor.
inline Module input_layer(std::int32_t dimension, const Size &spatial_size, scn_input_mode mode = SCN_INPUT_SUM) {
    return detail::made<Module>(scn_input_layer_create, dimension, spatial_size.on(dimension, "spatial_size"), mode);
}
/// Create the same layer for points in any field; {} is one without bounds.
inline Module input_layer_in_field(std::int32_t dimension, const Field &field, scn_input_mode mode = SCN_INPUT_SUM) {
    const scn_field raw = field.raw(dimension);
    return detail::made<Module>(scn_input_layer_create_in_field, &raw, mode);
}
/// Give every row of the input layer's points the vector of its site.
inline Module output_layer(std::int32_t dimension) { return detail::made<Module>(scn_output_layer_create, dimension); }
/// Turn batched points into a sparse tensor.
inline Module bl_input_layer(std::int32_t dimension, const Size &spatial_size, scn_input_mode mode = SCN_INPUT_SUM) {
    return detail::made<Module>(scn_bl_input_layer_create, dimension, spatial_size.on(dimension, "spatial_size"), mode);
}
/// Give every row of the BL input layer's points the vector of its site.
inline Module bl_output_layer(std::int32_t dimension) {
    return detail::made<Module>(scn_bl_output_layer_create, dimension);
}
/// Turn a sparse tensor into a dense one [batch, planes, ...spatial size].
inline Module sparse_to_dense(std::int32_t dimension, std::int64_t planes) {
    return detail::made<Module>(scn_sparse_to_dense_create, dimension, planes);
}
/// Turn a dense tensor into a sparse one, with a site wherever a plane is not zero.
inline Module dense_to_sparse(std::int32_t dimension) {
    return detail::made<Module>(scn_dense_to_sparse_create, dimension);
}
/// Keep the sites that score high.
inline Module sparsify(std::int32_t dimension, std::int64_t in_planes,
                       scn_sparsify_activation activation = SCN_SPARSIFY_NONE) {
    return detail::made<Module>(scn_sparsify_create, dimension, in_planes, activation);
}
/// Keep the sites whose first plane is above 0.
inline Module sparsify_fcs(std::int32_t dimension) { return detail::made<Module>(scn_sparsify_fcs_create, dimension); }
/// Turn a dense tensor [n, ...] into a matrix [n, rest].
inline Module flatten() { return detail::made<Module>(scn_flatten_create); }

/// Options of the convolutions.
struct ConvolutionOptions {
    std::int64_t groups = 1;  ///< Must divide the planes in and out.
    bool bias = false;
    Size padding{};           ///< {} for zeros. Not for submanifold convolutions.
    Size dilation{};          ///< {} for ones.
    bool rounds_down = false; ///< Whether the last places of a field may lie under no window.
    bool normalized = false;  ///< Whether to divide sums by how many inputs the filter meets.

    /// The struct of scn.h, which points into this one.
    [[nodiscard]] scn_convolution_options raw(std::int64_t dimension) const {
        scn_convolution_options options = SCN_CONVOLUTION_OPTIONS_INIT;
        options.groups = groups;
        options.bias = bias;
        options.padding = padding.on(dimension, "padding");
        options.dilation = dilation.on(dimension, "dilation");
        options.rounds_down = rounds_down;
        options.normalized = normalized;
        return options;
    }
};

/// Options of convolutions onto any sites.
struct ConvolutionOntoOptions {
    std::int64_t groups = 1;  ///< Must divide the planes in and out.
    bool bias = false;
    scn_filter_shape shape = SCN_FILTER_CENTERED;
    Size dilation{};          ///< {} for ones.
    Size input_stride{};      ///< {} for ones.
    Size output_stride{};     ///< {} for ones.
    bool normalized = false;  ///< Whether to divide sums by how many inputs the filter meets.

    /// The struct of scn.h, which points into this one.
    [[nodiscard]] scn_convolution_onto_options raw(std::int64_t dimension) const {
        scn_convolution_onto_options options = SCN_CONVOLUTION_ONTO_OPTIONS_INIT;
        options.groups = groups;
        options.bias = bias;
        options.shape = shape;
        options.dilation = dilation.on(dimension, "dilation");
        options.input_stride = input_stride.on(dimension, "input_stride");
        options.output_stride = output_stride.on(dimension, "output_stride");
        options.normalized = normalized;
        return options;
    }
};

namespace detail {

using StridedLayer = scn_status (*)(std::int32_t, std::int64_t, std::int64_t, const std::int64_t *,
                                    const std::int64_t *, const scn_convolution_options *, scn_module **);

inline Module strided_layer(StridedLayer function, std::int32_t dimension, std::int64_t in_planes,
                            std::int64_t out_planes, const Size &filter_size, const Size &filter_stride,
                            const ConvolutionOptions &options) {
    const scn_convolution_options raw = options.raw(dimension);
    return made<Module>(function, dimension, in_planes, out_planes, filter_size.on(dimension, "filter_size"),
                        filter_stride.on(dimension, "filter_stride"), &raw);
}

}  // namespace detail

/// A convolution whose sites stay.
inline Module submanifold_convolution(std::int32_t dimension, std::int64_t in_planes, std::int64_t out_planes,
                                      const Size &filter_size, const ConvolutionOptions &options = {}) {
    const scn_convolution_options raw = options.raw(dimension);
    return detail::made<Module>(scn_submanifold_convolution_create, dimension, in_planes, out_planes,
                                filter_size.on(dimension, "filter_size"), &raw);
}
/// A convolution: a site is active where any input lies under the filter.
inline Module convolution(std::int32_t dimension, std::int64_t in_planes, std::int64_t out_planes,
                          const Size &filter_size, const Size &filter_stride, const ConvolutionOptions &options = {}) {
    return detail::strided_layer(scn_convolution_create, dimension, in_planes, out_planes, filter_size, filter_stride,
                                 options);
}
/// The earlier convolution or pooling with the same filter, reversed.
inline Module deconvolution(std::int32_t dimension, std::int64_t in_planes, std::int64_t out_planes,
                            const Size &filter_size, const Size &filter_stride,
                            const ConvolutionOptions &options = {}) {
    return detail::strided_layer(scn_deconvolution_create, dimension, in_planes, out_planes, filter_size, filter_stride,
                                 options);
}
/// A full (transposed, generative) convolution.
inline Module full_convolution(std::int32_t dimension, std::int64_t in_planes, std::int64_t out_planes,
                               const Size &filter_size, const Size &filter_stride,
                               const ConvolutionOptions &options = {}) {
    return detail::strided_layer(scn_full_convolution_create, dimension, in_planes, out_planes, filter_size,
                                 filter_stride, options);
}
/// A convolution whose windows are displaced at random in training.
inline Module randomized_stride_convolution(std::int32_t dimension, std::int64_t in_planes, std::int64_t out_planes,
                                            const Size &filter_size, const Size &filter_stride,
                                            const ConvolutionOptions &options = {}) {
    return detail::strided_layer(scn_randomized_stride_convolution_create, dimension, in_planes, out_planes,
                                 filter_size, filter_stride, options);
}
/// A convolution of a table of two sparse tensors, the first onto the sites of the second; of one sparse tensor onto
/// its own sites, their floor by the output's stride, or all that it covers.
inline Module convolution_onto(std::int32_t dimension, std::int64_t in_planes, std::int64_t out_planes,
                               const Size &filter_size, const ConvolutionOntoOptions &options = {}) {
    const scn_convolution_onto_options raw = options.raw(dimension);
    return detail::made<Module>(scn_convolution_onto_create, dimension, in_planes, out_planes,
                                filter_size.on(dimension, "filter_size"), &raw);
}
/// A submanifold convolution on the lattice A_d.
inline Module permutohedral_submanifold_convolution(std::int32_t dimension, std::int64_t in_planes,
                                                    std::int64_t out_planes, const ConvolutionOptions &options = {}) {
    const scn_convolution_options raw = options.raw(dimension);
    return detail::made<Module>(scn_permutohedral_submanifold_convolution_create, dimension, in_planes, out_planes,
                                &raw);
}
/// Join the features of each site's neighborhood. filter_size: {} for threes.
inline Module shape_context(std::int32_t dimension, std::int64_t in_planes, const Size &filter_size = {}) {
    return detail::made<Module>(scn_shape_context_create, dimension, in_planes,
                                filter_size.on(dimension, "filter_size"));
}
/// A 1 x 1 convolution of sparse tensors: weight [in, out].
inline Module network_in_network(std::int64_t in_planes, std::int64_t out_planes, bool bias = false) {
    return detail::made<Module>(scn_network_in_network_create, in_planes, out_planes, static_cast<std::int32_t>(bias));
}
/// A linear layer over the last axis of a dense tensor, or the planes of a sparse one: weight [out, in].
inline Module linear(std::int64_t in_planes, std::int64_t out_planes, bool bias = true) {
    return detail::made<Module>(scn_linear_create, in_planes, out_planes, static_cast<std::int32_t>(bias));
}

/// Options of the poolings.
struct PoolingOptions {
    std::int64_t features_to_drop = 0;  ///< How many of the first planes are left out.
    Size padding{};                     ///< {} for zeros.
    Size dilation{};                    ///< {} for ones.
    bool rounds_down = false;           ///< Whether the last places of a field may lie under no window.
};

namespace detail {

using PoolingLayer = scn_status (*)(std::int32_t, const std::int64_t *, const std::int64_t *,
                                    const scn_pooling_options *, scn_module **);

inline Module pooling_layer(PoolingLayer function, std::int32_t dimension, const Size &pool_size,
                            const Size &pool_stride, const PoolingOptions &options) {
    scn_pooling_options raw = SCN_POOLING_OPTIONS_INIT;
    raw.features_to_drop = options.features_to_drop;
    raw.padding = options.padding.on(dimension, "padding");
    raw.dilation = options.dilation.on(dimension, "dilation");
    raw.rounds_down = options.rounds_down;
    return made<Module>(function, dimension, pool_size.on(dimension, "pool_size"),
                        pool_stride.on(dimension, "pool_stride"), &raw);
}

}  // namespace detail

/// Max pooling; inactive sites count as zero, and NaN is larger than all numbers.
inline Module max_pooling(std::int32_t dimension, const Size &pool_size, const Size &pool_stride,
                          const PoolingOptions &options = {}) {
    return detail::pooling_layer(scn_max_pooling_create, dimension, pool_size, pool_stride, options);
}
/// Average pooling; inactive sites count as zeros.
inline Module average_pooling(std::int32_t dimension, const Size &pool_size, const Size &pool_stride,
                              const PoolingOptions &options = {}) {
    return detail::pooling_layer(scn_average_pooling_create, dimension, pool_size, pool_stride, options);
}
/// The earlier convolution or pooling with the same window, reversed.
inline Module unpooling(std::int32_t dimension, const Size &pool_size, const Size &pool_stride,
                        const PoolingOptions &options = {}) {
    return detail::pooling_layer(scn_unpooling_create, dimension, pool_size, pool_stride, options);
}
/// Max pooling whose windows are displaced at random in training.
inline Module randomized_stride_max_pooling(std::int32_t dimension, const Size &pool_size, const Size &pool_stride,
                                            const PoolingOptions &options = {}) {
    return detail::pooling_layer(scn_randomized_stride_max_pooling_create, dimension, pool_size, pool_stride, options);
}
/// Fractional max pooling.
inline Module fractional_max_pooling(std::int32_t dimension, const FractionalOptions &options) {
    const scn_fractional_options raw = options.raw(dimension);
    return detail::made<Module>(scn_fractional_max_pooling_create, dimension, &raw);
}
/// Pool all sites of each sample: dense [batch, planes].
inline Module global_pooling(std::int32_t dimension, scn_global_pooling pooling) {
    return detail::made<Module>(scn_global_pooling_create, dimension, pooling);
}

/// Options of batch normalization.
struct BatchNormOptions {
    double epsilon = 1e-4;
    double momentum = 0.99;   ///< The fraction of the running statistics that is kept.
    bool affine = true;       ///< Whether to have weight and bias.
    double leakiness = 1;     ///< After normalizing: 1 for no activation, 0 for ReLU.
};
/// Batch normalization over rows, with (leaky) ReLU.
inline Module batch_normalization(std::int64_t planes, const BatchNormOptions &options = {}) {
    scn_batch_norm_options raw = SCN_BATCH_NORM_OPTIONS_INIT;
    raw.epsilon = options.epsilon;
    raw.momentum = options.momentum;
    raw.affine = options.affine;
    raw.leakiness = options.leakiness;
    return detail::made<Module>(scn_batch_norm_create, planes, &raw);
}
/// Batch normalization followed by ReLU.
inline Module batch_norm_relu(std::int64_t planes) {
    BatchNormOptions options;
    options.leakiness = 0;
    return batch_normalization(planes, options);
}
/// An activation. parameter: the leak of a LeakyReLU.
inline Module activation(scn_activation activation, double parameter = 0) {
    return detail::made<Module>(scn_activation_create, activation, parameter);
}
/// Batch normalization followed by ELU.
inline Module batch_norm_elu(std::int64_t planes, double epsilon = 1e-4, double momentum = 0.9) {
    return detail::made<Module>(scn_batch_norm_elu_create, planes, epsilon, momentum);
}
/// Batch normalization of the mean alone.
inline Module mean_only_norm(std::int64_t planes, bool affine = true, double leakiness = 1, double momentum = 0.99) {
    return detail::made<Module>(scn_mean_only_norm_create, planes, static_cast<std::int32_t>(affine), leakiness,
                                momentum);
}
/// Group normalization of each sample's sites.
inline Module group_norm(std::int64_t groups, std::int64_t planes, double epsilon = 1e-5) {
    return detail::made<Module>(scn_group_norm_create, groups, planes, epsilon);
}
/// Instance normalization of each sample's sites.
inline Module instance_norm(std::int64_t planes, double epsilon = 1e-5, bool affine = true) {
    return detail::made<Module>(scn_instance_norm_create, planes, epsilon, static_cast<std::int32_t>(affine));
}
/// Layer normalization of each row.
inline Module layer_norm(std::int64_t planes, double epsilon = 1e-5, bool affine = true) {
    return detail::made<Module>(scn_layer_norm_create, planes, epsilon, static_cast<std::int32_t>(affine));
}
/// A ReLU with learned leaks: one, or one for each plane.
inline Module prelu(std::int64_t planes = 1, double leak = 0.25) {
    return detail::made<Module>(scn_prelu_create, planes, leak);
}
/// Dropout of whole planes, the same for all rows of the batch.
inline Module batchwise_dropout(double p) { return detail::made<Module>(scn_batchwise_dropout_create, p); }
/// Dropout with probability p.
inline Module dropout(double p) { return detail::made<Module>(scn_dropout_create, p); }

// ============================================================================================================ Networks

/// SparseConvNet's VGG net; layers: words, "C16 C16 MP3/2 C32".
inline Module sparse_vgg_net(std::int32_t dimension, std::int64_t in_planes, const std::string &layers) {
    return detail::made<Module>(scn_sparse_vgg_net_create, dimension, in_planes, layers.c_str());
}
/// A pre-activation residual network; stages: words, "b16x2 b32x2/2".
inline Module sparse_resnet(std::int32_t dimension, std::int64_t in_planes, const std::string &stages) {
    return detail::made<Module>(scn_sparse_resnet_create, dimension, in_planes, stages.c_str());
}
/// A DenseNet; layers: words, "B4x12 T B4x12".
inline Module sparse_densenet(std::int32_t dimension, std::int64_t in_planes, const std::string &layers) {
    return detail::made<Module>(scn_sparse_densenet_create, dimension, in_planes, layers.c_str());
}

/// Options of U-Nets and fully convolutional networks.
struct UNetOptions {
    bool residual_blocks = false;
    Size downsample_size{};       ///< {} for twos.
    Size downsample_stride{};     ///< {} for twos.
    double leakiness = 0;         ///< Of the activations; 0 is ReLU.
    std::int64_t in_planes = -1;  ///< Of the input; -1: planes[0].

    /// The struct of scn.h, which points into this one.
    [[nodiscard]] scn_unet_options raw(std::int64_t dimension) const {
        scn_unet_options options = SCN_UNET_OPTIONS_INIT;
        options.residual_blocks = residual_blocks;
        options.downsample_size = downsample_size.on(dimension, "downsample_size");
        options.downsample_stride = downsample_stride.on(dimension, "downsample_stride");
        options.leakiness = leakiness;
        options.in_planes = in_planes;
        return options;
    }
};
/// A U-Net, whose result has the sites of the input and planes[0] planes. planes: of each level, the finest first.
inline Module unet(std::int32_t dimension, std::int64_t repetitions, Span<const std::int64_t> planes,
                   const UNetOptions &options = {}) {
    const scn_unet_options raw = options.raw(dimension);
    return detail::made<Module>(scn_unet_create, dimension, repetitions, planes.data(), detail::count_of(planes), &raw);
}
/// A fully convolutional network, whose result has the sites of the input and sum(planes) planes.
inline Module fully_convolutional_net(std::int32_t dimension, std::int64_t repetitions, Span<const std::int64_t> planes,
                                      const UNetOptions &options = {}) {
    const scn_unet_options raw = options.raw(dimension);
    return detail::made<Module>(scn_fully_convolutional_net_create, dimension, repetitions, planes.data(),
                                detail::count_of(planes), &raw);
}
/// The same with a linear layer to `classes` planes (-1: planes[0]) at each level, whose scores are added.
inline Module fully_convolutional_integrated_linear(std::int32_t dimension, std::int64_t repetitions,
                                                    Span<const std::int64_t> planes, std::int64_t classes = -1,
                                                    const UNetOptions &options = {}) {
    const scn_unet_options raw = options.raw(dimension);
    return detail::made<Module>(scn_fully_convolutional_integrated_linear_create, dimension, repetitions, planes.data(),
                                detail::count_of(planes), classes, &raw);
}

/// Options of multiscale shape contexts.
struct MultiscaleShapeContextOptions {
    std::int64_t planes = 1;   ///< Of the input.
    std::int64_t layers = 3;   ///< Levels, including that of the sites themselves.
    Size filter_size{};        ///< {} for threes.
    Size downsample_size{};    ///< {} for twos.
    Size downsample_stride{};  ///< {} for twos.
    bool batch_norm = true;    ///< Whether batch normalization follows.
};
/// The shape contexts of the sites and of coarser levels, joined.
inline Module multiscale_shape_context(std::int32_t dimension, const MultiscaleShapeContextOptions &options = {}) {
    scn_multiscale_shape_context_options raw = SCN_MULTISCALE_SHAPE_CONTEXT_OPTIONS_INIT;
    raw.planes = options.planes;
    raw.layers = options.layers;
    raw.filter_size = options.filter_size.on(dimension, "filter_size");
    raw.downsample_size = options.downsample_size.on(dimension, "downsample_size");
    raw.downsample_stride = options.downsample_stride.on(dimension, "downsample_stride");
    raw.batch_norm = options.batch_norm;
    return detail::made<Module>(scn_multiscale_shape_context_create, dimension, &raw);
}

// ========================================================================================================== Optimizers

/// Options of stochastic gradient descent.
struct SGDOptions {
    double learning_rate = 0.01;
    double momentum = 0;
    double dampening = 0;
    double weight_decay = 0;
    bool nesterov = false;
};
/// Options of Adam.
struct AdamOptions {
    double learning_rate = 0.001;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 0;
    bool decoupled = false;  ///< Whether the decay acts on the parameters (AdamW).
};

/// Moves parameters along their gradients.
class [[nodiscard]] Optimizer : public Handle<scn_optimizer, scn_optimizer_retain, scn_optimizer_release> {
  public:
    using Handle::Handle;

    /// Update every parameter that has a gradient.
    void step() const { check(scn_optimizer_step(get())); }
    /// Discard the gradients of the parameters.
    void zero_gradients() const { check(scn_optimizer_zero_gradients(get())); }
    /// The learning rate of the next step.
    [[nodiscard]] double learning_rate() const {
        return detail::stored<double>(scn_optimizer_get_learning_rate, get());
    }
    /// Set the learning rate of the next steps.
    void set_learning_rate(double rate) const { check(scn_optimizer_set_learning_rate(get(), rate)); }
};

/// Stochastic gradient descent over parameters.
inline Optimizer sgd(Span<const Tensor> parameters, const SGDOptions &options = {}) {
    scn_sgd_options raw = SCN_SGD_OPTIONS_INIT;
    raw.learning_rate = options.learning_rate;
    raw.momentum = options.momentum;
    raw.dampening = options.dampening;
    raw.weight_decay = options.weight_decay;
    raw.nesterov = options.nesterov;
    return detail::made<Optimizer>(scn_sgd_create, detail::raws(parameters).data(), detail::count_of(parameters), &raw);
}
/// Adam or AdamW over parameters.
inline Optimizer adam(Span<const Tensor> parameters, const AdamOptions &options = {}) {
    scn_adam_options raw = SCN_ADAM_OPTIONS_INIT;
    raw.learning_rate = options.learning_rate;
    raw.beta1 = options.beta1;
    raw.beta2 = options.beta2;
    raw.epsilon = options.epsilon;
    raw.weight_decay = options.weight_decay;
    raw.decoupled = options.decoupled;
    return detail::made<Optimizer>(scn_adam_create, detail::raws(parameters).data(),
                                   detail::count_of(parameters), &raw);
}
/// initial_rate * exp(-decay * step).
[[nodiscard]] inline double exponential_rate(double initial_rate, double decay, std::int64_t step) {
    return detail::stored<double>(scn_exponential_rate, initial_rate, decay, step);
}
/// initial_rate * factor ^ floor(step / step_size).
[[nodiscard]] inline double step_rate(double initial_rate, double factor, std::int64_t step_size, std::int64_t step) {
    return detail::stored<double>(scn_step_rate, initial_rate, factor, step_size, step);
}
/// Cosine decay after a linear warm-up.
[[nodiscard]] inline double cosine_rate(double initial_rate, double final_rate, std::int64_t steps,
                                        std::int64_t warm_up, std::int64_t step) {
    return detail::stored<double>(scn_cosine_rate, initial_rate, final_rate, steps, warm_up, step);
}
/// Scale all gradients together so that their Euclidean norm is at most max_norm, and return the norm before.
inline double clip_gradient_norm(Span<const Tensor> parameters, double max_norm) {
    return detail::stored<double>(scn_clip_gradient_norm, detail::raws(parameters).data(),
                                  detail::count_of(parameters), max_norm);
}

/// The gradients of parameters as one flat array, in the order of the parameters; zeros where there is none yet.
[[nodiscard]] inline std::vector<float> gradients(Span<const Tensor> parameters) {
    const auto raws = detail::raws(parameters);
    const auto count = detail::count_of(raws);
    const auto elements = detail::stored<std::int64_t>(scn_gradients_count, raws.data(), count);
    std::vector<float> result(static_cast<std::size_t>(elements));
    check(scn_gradients_get(raws.data(), count, result.data(), elements));
    return result;
}
/// Overwrite the gradients of parameters with a flat array, as gradients() returns it.
inline void set_gradients(Span<const Tensor> parameters, Span<const float> gradients) {
    const auto raws = detail::raws(parameters);
    check(scn_gradients_set(raws.data(), detail::count_of(raws), gradients.data(), detail::count_of(gradients)));
}

// ========================================================================================================= Checkpoints

/// Save a module and, if given, its optimizer.
inline void checkpoint_save(const std::string &path, const Module &module, const Optimizer &optimizer = {}) {
    check(scn_checkpoint_save(path.c_str(), module.get(), optimizer.get()));
}
/// Create the module that a file holds, in evaluation mode.
inline Module checkpoint_open(const std::string &path) {
    return detail::made<Module>(scn_checkpoint_open, path.c_str());
}
/// Load the state of a file into a module of the same architecture and, if given, into its optimizer.
inline void checkpoint_restore(const std::string &path, const Module &module, const Optimizer &optimizer = {}) {
    check(scn_checkpoint_restore(path.c_str(), module.get(), optimizer.get()));
}

namespace detail {

/// The names and the tensors of a list, as scn.h takes them.
struct NamedLists {
    std::vector<const char *> names;
    std::vector<scn_tensor *> tensors;

    explicit NamedLists(Span<const NamedTensor> entries) {
        names.reserve(entries.size());
        tensors.reserve(entries.size());
        for (const NamedTensor &entry : entries) {
            names.push_back(entry.name.c_str());
            tensors.push_back(entry.tensor.get());
        }
    }
    std::int64_t count() const noexcept { return count_of(names); }
};

}  // namespace detail

/// Save tensors under names, without an architecture.
inline void checkpoint_save_named(const std::string &path, Span<const NamedTensor> tensors,
                                  const Optimizer &optimizer = {}) {
    const detail::NamedLists lists(tensors);
    check(scn_checkpoint_save_named(path.c_str(), lists.names.data(), lists.tensors.data(), lists.count(),
                                    optimizer.get()));
}
/// Load the tensors of a file into tensors of the same names and shapes.
inline void checkpoint_restore_named(const std::string &path, Span<const NamedTensor> tensors,
                                     const Optimizer &optimizer = {}) {
    const detail::NamedLists lists(tensors);
    check(scn_checkpoint_restore_named(path.c_str(), lists.names.data(), lists.tensors.data(), lists.count(),
                                       optimizer.get()));
}

}  // namespace scn

#endif
