// scn.hpp: ownership, exceptions, arrays of any form, and a class for every part of the library.
#include <scn.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <vector>

namespace {

int passed = 0, failed = 0;

void check(bool holds, const char *what) {
    if (holds) return void(++passed);
    ++failed;
    std::printf("FAILED %s\n", what);
}

/// Count whether a call throws the given status with a message that contains a text.
template <typename Call>
void fails(scn_status status, const char *text, Call call) {
    try {
        static_cast<void>(call());
        check(false, text);
    } catch (const scn::Error &error) {
        const bool is_right = error.status() == status && std::string(error.what()).find(text) != std::string::npos &&
                              std::string(error.what()).find(scn_status_name(status)) == 0;
        if (!is_right) std::printf("%s\n", error.what());
        check(is_right, text);
    }
}

template <typename Numbers>
bool equal(const Numbers &numbers, std::vector<double> expected) {
    bool same = numbers.size() == expected.size();
    for (std::size_t i = 0; same && i < expected.size(); i++) same = static_cast<double>(numbers[i]) == expected[i];
    return same;
}

template <typename Object>
constexpr bool is_a_handle = std::is_copy_constructible_v<Object> && std::is_nothrow_move_constructible_v<Object> &&
                             std::is_nothrow_move_assignable_v<Object>;
static_assert(is_a_handle<scn::Tensor> && is_a_handle<scn::Module> && is_a_handle<scn::Optimizer>);
static_assert(is_a_handle<scn::Geometry> && is_a_handle<scn::Rulebook>);

template <typename From, typename Element>
constexpr bool views = std::is_convertible_v<From, scn::Span<Element>>;
static_assert(views<std::vector<float> &, float> && views<std::array<float, 2> &, float> && views<float (&)[2], float>);
static_assert(views<std::vector<float>, const float> && views<const std::vector<float> &, const float>);
static_assert(views<float (&)[2], const float> && views<scn::Span<float>, const float>);
// Nobody could read what was written to a temporary or a constant.
static_assert(!views<std::vector<float>, float> && !views<const std::vector<float> &, float>);
static_assert(!views<std::vector<double> &, const float> && !views<scn::Span<const float>, float>);
static_assert(!views<scn::Module, const scn::Module> && views<std::vector<scn::Module>, const scn::Module>);
static_assert(std::is_trivially_copyable_v<scn::Span<float>> && scn::Span<const int>().empty());
static_assert(noexcept(scn::thread_count()) && noexcept(scn::live_handles()) && noexcept(scn::forward_counts()));

/// What programs of C++20 pass: a view that owns nothing may be a temporary.
struct View {
    float *first;
    float *data() const { return first; }
    std::size_t size() const { return 2; }
};
static_assert(views<View, float> && views<View, const float>);

void ownership() {
    const std::int64_t before = scn::live_handles();
    {
        scn::Tensor a({2, 2}, {1, 2, 3, 4});
        scn::Tensor copy = a, empty;
        check(copy.get() == a.get() && scn::live_handles() == before + 1, "a copy owns the same handle");
        scn::Tensor moved = std::move(a);
        check(!a && moved.get() == copy.get(), "a move leaves nothing behind");
        const scn::Tensor &itself = copy;
        copy = itself;
        a = moved;
        moved = scn::Tensor();
        check(equal(a.values(), {1, 2, 3, 4}), "the tensor outlives an owner");
        scn_tensor *raw = a.release();
        check(!a && raw != nullptr, "release gives the handle away");
        a = scn::Tensor(raw);
        check(equal(copy.values(), {1, 2, 3, 4}), "a handle can be taken over");
        fails(SCN_ERROR_HANDLE, "NULL", [&] { return empty.shape(); });
    }
    check(scn::live_handles() == before, "nothing is left");
    std::vector<float> buffer = {1, 2};
    int returned = 0;
    {
        const scn::Tensor loan = scn::Tensor::borrow({2}, buffer, [&returned] { returned++; });
        loan.copy_from({3, 4});
        check(buffer[1] == 4 && returned == 0, "a loan is no copy");
        fails(SCN_ERROR_SHAPE, "values", [&] { return scn::Tensor::borrow({3}, buffer, [&returned] { returned++; }); });
        const scn::Tensor forever = scn::Tensor::borrow({1, 2}, buffer);
    }
    check(returned == 1, "a loan comes back once");
}

void tensors() {
    const scn::Tensor a({2, 2}, std::vector<float>{1, 2, 3, 4}), b = scn::Tensor::zeros({2, 2});
    check(a.shape() == scn::Shape{2, 2} && a.kind() == SCN_TENSOR_DENSE && a.type() == SCN_FLOAT32,
          "shape, kind and type");
    check(equal((a + a * 2.0F + b).values(), {3, 6, 9, 12}), "sums and multiples");
    check((0.5F * (a * a)).sum().item() == 15, "products, and the one element of a sum");
    check(a.reshape({4, -1}).shape() == scn::Shape{4, 1}, "reshape infers a size");
    const float array[] = {1, 2};
    const std::array<float, 2> standard = {1, 2};
    check(scn::Tensor({2}, array).sum().item() == scn::Tensor({2}, standard).sum().item(), "arrays are spans");
    float pair_of_floats[] = {3, 4};
    scn::Tensor::borrow({2}, View{pair_of_floats}).copy_from({5, 6});
    check(pair_of_floats[0] == 5 && pair_of_floats[1] == 6, "views are spans");
    check(scn::Tensor(scn::Shape(), {7}).item() == 7, "a number has no axes");
    fails(SCN_ERROR_SHAPE, "has 3 elements, expected 4", [] { scn::Tensor({2, 2}, {1, 2, 3}); });
    fails(SCN_ERROR_SHAPE, "values", [] { scn::Tensor({-1, -1}, {1}); });
    fails(SCN_ERROR_OVERFLOW, "shape", [] { return scn::Tensor::zeros({INT64_MAX, 4}); });
    fails(SCN_ERROR_SHAPE, "expected 1", [&] { return a.item(); });

    a.set_requires_gradient(true);
    check(a.requires_gradient() && !a.gradient(), "there is no gradient at first");
    (a * a).sum().backward();
    check(equal(a.gradient().values(), {2, 4, 6, 8}), "a backward pass");
    a.zero_gradient();
    (a * 3.0F).backward({1, 0, 0, 1});
    check(equal(a.gradient().values(), {3, 0, 0, 3}), "a backward pass from a gradient");
    const scn::Tensor none = scn::Tensor::zeros({0, 2});
    none.set_requires_gradient(true);
    (none * 2.0F).backward(scn::Span<const float>());
    fails(SCN_ERROR_SHAPE, "gradient", [&] { (a * 3.0F).backward({1, 0}); });
    {
        const scn::NoGradientRecording recording_is_off;
        check(!(a * a).requires_gradient(), "no record");
    }
    check((a * a).requires_gradient() && !(a * a).detach().requires_gradient(), "the record is on again");

    const scn::Tensor loss = scn::cross_entropy(a, {0, -100}), weighted = scn::cross_entropy(a, {0, 1}, {1, 0});
    check(loss.item() == weighted.item() && std::abs(loss.item() - std::log(1 + std::exp(1.0F))) < 1e-6F,
          "cross-entropy");
    fails(SCN_ERROR_SHAPE, "class_weights", [&] { return scn::cross_entropy(a, {0, 1}, {1, 1, 1}); });
    const scn::Tensor pair = scn::table({a, b});
    check(pair.kind() == SCN_TENSOR_TABLE && pair.table_count() == 2 && pair.table_get(1).shape() == b.shape(),
          "tables");
}

void geometries() {
    const scn::Geometry geometry = scn::geometry(2, 8, {1, 1, 0, 1, 2, 0, 5, 5, 1}, 3);
    check(geometry.dimension() == 2 && geometry.batch_size() == 2 && geometry.input_row_count() == 3, "an input");
    check(geometry.site_count() == 3 && geometry.spatial_size() == std::vector<std::int64_t>{8, 8}, "sites");
    check(equal(geometry.coordinates(), {1, 1, 0, 1, 2, 0, 5, 5, 1}), "coordinates");
    check(equal(geometry.row_sites(), {0, 1, 2}) && equal(geometry.row_counts(), {1, 1, 1}), "rows");
    const scn::Rulebook rulebook = geometry.submanifold(0, {3});
    const scn::RulebookSizes sizes = rulebook.sizes();
    const scn::Rules rules = rulebook.rules();
    check(sizes.volume == 9 && sizes.rules == 5 && sizes.input_rows == 3 && sizes.output_rows == 3, "rules' number");
    check(rules.offsets[9] == 5 && rules.input_rows.size() == 5 && rules.output_rows[0] >= 0, "rules");
    check(rulebook.reversed().sizes().rules == 5, "rules reversed");
    check(geometry.permutohedral(0).sizes().volume == 7, "a lattice");
    const scn::Step down = geometry.strided(0, {2, 2}), up = geometry.reverse(down.sites, {2, 2});
    check(geometry.site_count(down.sites) == 3 && up.sites == 0 && geometry.find_sites(4) == down.sites, "down and up");
    check(geometry.full(0, {{2, 2}, {2, 2}}).rulebook.sizes().output_rows == 12, "full");
    check(static_cast<bool>(geometry.randomized(0, {2, 2}).rulebook), "randomized");
    scn::FractionalOptions halves;
    halves.output_size = {4, 4};
    check(geometry.fractional(0, halves, true).rulebook.sizes().volume == 4, "fractional");
    check(geometry.subset(0, {1, 0, 1}).rulebook.sizes().output_rows == 2, "subset");
    fails(SCN_ERROR_SHAPE, "size: has 3 numbers", [&] { geometry.submanifold(0, {{3, 3, 3}}); });
    fails(SCN_ERROR_SHAPE, "axes", [] { scn::Size({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}); });
    fails(SCN_ERROR_SHAPE, "rows of 3", [] { return scn::geometry(2, 8, {1, 1}, 3); });
    fails(SCN_ERROR_COORDINATE, "coordinates", [] { return scn::geometry(2, 8, {9, 1, 0}, 3); });
    fails(SCN_ERROR_INVALID_ARGUMENT, "dimension", [] { return scn::geometry(2000, 8, {9, 1, 0}, 3); });
    fails(SCN_ERROR_INVALID_ARGUMENT, "spatial_size", [] { return scn::geometry(2, {}, {9, 1, 0}, 3); });

    check(scn::geometry_batched(1, 8, {1, -1, 2, 3}, 2, 2).site_count() == 3, "batched");
    check(scn::geometry_dense(1, 4, {0, 1, 1, 0}, 1, 1).site_count() == 2, "dense");
    scn::VoxelizeOptions options;
    options.origin = 0;
    options.seed = 7;
    options.reduction = SCN_VOXEL_RANDOM;
    const std::vector<std::int64_t> samples = {0, 1};
    options.batch = samples;
    check(equal(scn::voxelize(2, std::vector<float>{0.1F, 0.9F, 2.5F, 0.5F}, {0.5, 1}, options).coordinates(),
                {0, 0, 0, 5, 0, 1}), "voxels of floats");
    float points[] = {0.1F, 0.9F, 2.5F, 0.5F};
    check(equal(scn::voxelize(2, points, {0.5, 1}, options).coordinates(), {0, 0, 0, 5, 0, 1}) &&
              equal(scn::voxelize(2, scn::Span<float>(points), {0.5, 1}, options).coordinates(), {0, 0, 0, 5, 0, 1}),
          "voxels of an array, and of a view");
    check(scn::voxelize(1, std::vector<double>{0, 0.4, 1.1}, 0.5).site_count() == 2, "voxels of doubles");
    fails(SCN_ERROR_SHAPE, "batch", [&] { return scn::voxelize(1, std::vector<float>{1, 2, 3}, 1, options); });
    const scn::Geometry line = scn::voxelize(1, std::vector<double>{0.2, 1.1, 0.3}, 0.5);
    const std::vector<float> measured = {1, 10, 2, 20, 5, 30};
    const scn::Tensor of_voxels = scn::voxel_features(line, measured, 2);
    check(of_voxels.shape() == scn::Shape{2, 2} && equal(of_voxels.values(), {3, 20, 2, 20}), "means of points");
    check(scn::sparse(line, 0, of_voxels).shape() == scn::Shape{2, 2}, "a network's input");
    scn::VoxelizeOptions sums;
    sums.reduction = SCN_VOXEL_SUM;
    check(equal(scn::voxel_features(scn::voxelize(1, std::vector<float>{0, 0}, 1, sums), {1, 2}, 1).values(), {3}),
          "sums of points");
    check(scn::voxel_features(scn::voxelize(1, std::vector<float>{}, 1), {}, 3).shape() == scn::Shape{0, 3},
          "no points");
    fails(SCN_ERROR_SHAPE, "features: has 1 element, expected rows of 2",
          [&] { return scn::voxel_features(line, {1}, 2); });
    fails(SCN_ERROR_SHAPE, "features", [&] { return scn::voxel_features(line, measured, 3); });
    fails(SCN_ERROR_SHAPE, "features", [&] { return scn::voxel_features(line, measured, 0); });
    check(scn::permutohedral_offsets(2).size() == 14 && scn::permutohedral_basis(2).second.size() == 4, "lattices");
    fails(SCN_ERROR_INVALID_ARGUMENT, "dimension", [] { return scn::permutohedral_offsets(50000); });
}

void relations() {
    using Rows = std::vector<std::int64_t>;
    const scn::Geometry geometry = scn::geometry_in_field(1, {}, {-1, 0, 0, 0, 3, 0}, 2);
    check(geometry.is_unbounded() && geometry.lower() == Rows{-1}, "a field without bounds");
    const std::int32_t floored = geometry.floor(0, 2), chosen = geometry.add_sites({0, 9}, 1, {10, 0});
    check(geometry.coordinates(floored) == Rows{-1, 0, 0, 0, 1, 0}, "rounded down");
    check(!geometry.is_unbounded(chosen) && geometry.site_count(chosen) == 2, "chosen sites");
    check(geometry.site_count(geometry.combine(0, chosen, SCN_SITES_UNION)) == 4, "a union");
    check(geometry.find_rows(0, {3, 5}, 1) == Rows{2, -1}, "rows of coordinates");
    check(geometry.match_sites(chosen, geometry, 0) == Rows{1, -1}, "rows of another set");
    const Rows corner = scn::filter_offsets(1, {2}, SCN_FILTER_CORNER);
    check(corner == Rows{0, 1}, "offsets of a filter");
    scn::Relation relation;
    relation.offsets = corner, relation.output_stride = 2;
    const scn::Rulebook rules = geometry.between(0, floored, relation);
    const scn::Tensor values({3, 1}, {1, 2, 4}), ones({2, 1, 1, 1}, {1, 1}), bias({1}, {10});
    check(equal(values.pool(rules, SCN_POOLING_SUM).values(), {1, 2, 4}), "sums along a rulebook");
    check(equal(values.convolve(rules, ones, bias).values(), {11, 12, 14}), "a convolution along a rulebook");
    check(equal(values.convolve_normalized(rules, ones, bias).values(), {11, 12, 14}), "one rule, one input");
    const scn::Tensor site_weights({3}, {1, 2, 8});
    check(equal(values.convolve_normalized(rules, ones, bias, site_weights).values(), {11, 11, 10.5}),
          "a normalized convolution");
    check(equal(values.sum_along(rules, scn::Tensor({3}, {1, 2, 3})).values(), {2, 2, 12}), "weighted sums");
    const scn::Step everywhere = geometry.covering(floored, {corner, {}, {}});
    check(geometry.site_count(everywhere.sites) == 4, "all sites that are reached");
    const scn::Module layer = scn::input_layer_in_field(1, {});
    const scn::Tensor sparse = layer(scn::points({-1, 0}, 1, scn::Tensor({2, 1}, {2, 4})));
    check(equal(sparse.interpolate(scn::Tensor({2, 1}, {-0.5F, 0.5F})).values(), {3, 2}), "interpolation");
    check(equal(sparse.interpolate(scn::Tensor({1, 1}, {0.5F}), {}, true).values(), {4}), "rescaled interpolation");
    const std::vector<double> at = {-0.5};
    check(sparse.geometry().interpolation<double>(0, at).sizes().rules == 2, "the rules of an interpolation");
    fails(SCN_ERROR_SHAPE, "input_stride", [&] { return geometry.between(0, 0, {{1, 2, 3}, {2, 2}, {}}); });
    fails(SCN_ERROR_SHAPE, "batch", [&] { return sparse.interpolate(scn::Tensor({1, 1}, {0}), {0, 0}); });
}

void segments() {
    const std::vector<std::int64_t> of_row = {1, -1, 0, 1};
    const scn::Segments three(of_row, 3);
    const scn::Tensor rows({4, 1}, {1, 2, 3, 5}), vectors({3, 1}, {10, 20, 30});
    check(equal(rows.segment_reduce(three, SCN_SEGMENT_SUM).values(), {3, 6, 0}), "sum");
    check(equal(rows.segment_reduce(three, SCN_SEGMENT_MEAN).values(), {3, 3, 0}), "mean");
    check(equal(rows.segment_reduce(three, SCN_SEGMENT_MAX).values(), {3, 5, 0}), "max");
    check(equal(scn::Tensor::zeros({4, 1}).segment_softmax(three).values(), {0.5, 0, 1, 0.5}), "softmax");
    check(equal(vectors.segment_gather(of_row).values(), {20, 0, 10, 20}), "gather");
    check(equal(rows.segment_pad(three, 2).values(), {3, 0, 1, 5, 0, 0}), "pad");
    check(equal(rows.broadcast(vectors, SCN_BROADCAST_ADD, three).values(), {21, 2, 13, 25}), "broadcast");
    const scn::Tensor input = scn::points({4, 5, 1, 4, 6, 0}, 3, scn::Tensor({2, 1}, {1, 2}));
    const scn::Tensor sites = scn::input_layer(2, 10)(input);
    const scn::Tensor of_samples({2, 1}, {10, 20});
    check(equal(sites.broadcast(of_samples, SCN_BROADCAST_JOIN).values(), {2, 10, 1, 20}), "samples");
    check(equal(sites.segment_reduce({}, SCN_SEGMENT_SUM).values(), {2, 1}), "sum of samples");
    fails(SCN_ERROR_SHAPE, "count", [&] { return vectors.segment_softmax(three); });
    fails(SCN_ERROR_SHAPE, "samples", [&] { return rows.segment_softmax({}); });

    scn::VoxelizeInOrderOptions options;
    options.origin = 0;
    options.spatial_size = 4;
    options.max_voxels = 2;
    options.drop_outside = true;
    const std::vector<float> points = {2.5F, 0.5F, 2.25F, 9, 2.75F, 1.5F};
    const scn::OrderedVoxels voxels = scn::voxelize_in_order(1, points, 1, options);
    check(voxels.count == 2 && equal(voxels.coordinates, {2, 0, 0, 0}), "voxels in order");
    check(equal(voxels.voxel_of_point, {0, 1, 0, -1, 0, -1}) && equal(voxels.place_of_point, {0, 0, 1, -1, 2, -1}),
          "points of voxels");
    check(scn::voxelize_in_order(2, std::vector<double>{}, {1, 1}).count == 0, "no points");
    const std::vector<std::int64_t> one = {0};
    options.batch = one;
    fails(SCN_ERROR_SHAPE, "batch", [&] { return scn::voxelize_in_order(1, points, 1, options); });
    fails(SCN_ERROR_COORDINATE, "row 3", [&] {
        options.drop_outside = false;
        options.batch = {};
        return scn::voxelize_in_order(1, points, 1, options);
    });
}

void modules() {
    scn::manual_seed(3);
    const scn::Module net = scn::sequential(
        {scn::input_layer(2, 8), scn::submanifold_convolution(2, 1, 4, 3), scn::batch_norm_relu(4)});
    net.add(scn::sparse_to_dense(2, 4));
    check(net.child_count() == 4 && net.child(1).type() == "SubmanifoldConvolution", "children");
    const scn::Tensor features({2, 1}, {1, 2}), points = scn::points({1, 1, 0, 1, 2, 0}, 3, features);
    check(net(points).shape() == scn::Shape{1, 4, 8, 8}, "forward");
    const scn::Module wrong = scn::sequential({scn::submanifold_convolution(2, 3, 4, 3)});
    fails(SCN_ERROR_SHAPE, "input: has 1 plane, expected 3 for SubmanifoldConvolution (in module 1.0)",
          [&] { return scn::sequential({scn::input_layer(2, 8), wrong})(points); });
    check(net.is_training() && net.input_spatial_size(2, 8) == std::vector<std::int64_t>{8, 8}, "training and size");
    net.set_training(false);
    check(!net.is_training(), "evaluation");
    const std::vector<scn::NamedTensor> state = net.state();
    check(state.size() == 5 && state[0].name == "1.weight" && state[0].is_parameter, "state");
    check(net.parameters().size() == 3, "parameters");
    check(net.description().find("SubmanifoldConvolution") != std::string::npos, "description");
    check(net.summary(points).find("SubmanifoldConvolution") != std::string::npos, "summary");
    check(scn::Module::from_architecture(net.architecture()).architecture() == net.architecture(), "architecture");
    const scn::Module fast = net.optimize_for_inference();
    check(fast.type() == "InferenceNetwork", "optimized for inference");
    const scn::Module half = net.optimize_for_inference(SCN_BFLOAT16);
    check(half.architecture().find("bfloat16") != std::string::npos, "optimized for inference in bfloat16");
    fails(SCN_ERROR_UNSUPPORTED, "precision: is 1, expected SCN_FLOAT32 or SCN_BFLOAT16",
          [&] { return net.optimize_for_inference(SCN_FLOAT64); });
    fails(SCN_ERROR_FORMAT, "", [] { return scn::Module::from_architecture("{"); });
    fails(SCN_ERROR_SHAPE, "", [&] { net(features); });

    const scn::Tensor sparse = net.child(0)(points);
    check(sparse.kind() == SCN_TENSOR_SPARSE && sparse.sites() == 0 && sparse.geometry().site_count() == 2, "sparse");
    check(equal(sparse.with_features(features * 2.0F).features().values(), {2, 4}), "other features");
    check(equal(scn::sparse(sparse.geometry(), 0, features).values(), {1, 2}) && !sparse.mask(),
          "sparse from features");
    check(equal(sparse.combine(sparse, SCN_ARITHMETIC_DIVIDE, SCN_SITES_INTERSECTION).features().values(), {1, 1}),
          "a quotient");
    check(equal(sparse.combine(sparse, SCN_ARITHMETIC_SUBTRACT).features().values(), {0, 0}), "a difference");
    check(scn::sparsify(2, 1)(sparse).mask().shape() == scn::Shape{2}, "a mask");
    const scn::Tensor batched = scn::points_batched({1, 2, 3, -1}, 2, 2, 1, scn::Tensor::zeros({2, 2, 3}));
    check(scn::sequential({scn::bl_input_layer(1, 8), scn::bl_output_layer(1)})(batched).shape() == scn::Shape{2, 2, 3},
          "batched points");
}

/// Every builder makes what its name says.
void builders() {
    scn::ConvolutionOptions padded;
    padded.padding = 1, padded.dilation = {1, 1}, padded.bias = true, padded.groups = 2;
    scn::ConvolutionOntoOptions onto;
    onto.shape = SCN_FILTER_CROSS, onto.output_stride = 2, onto.normalized = true;
    scn::PoolingOptions dropping;
    dropping.features_to_drop = 1;
    scn::FractionalOptions fractional;
    fractional.ratio = 1.5;
    scn::UNetOptions residual;
    residual.residual_blocks = true, residual.downsample_size = 2, residual.leakiness = 0.1;
    const std::vector<std::pair<scn::Module, const char *>> made = {
        {scn::concat_table({scn::identity(), scn::identity()}), "ConcatTable"}, {scn::add_table(), "AddTable"},
        {scn::join_table(), "JoinTable"}, {scn::identity(), "Identity"}, {scn::output_layer(2), "OutputLayer"},
        {scn::dense_to_sparse(2), "DenseToSparse"}, {scn::sparsify_fcs(2), "SparsifyFCS"}, {scn::flatten(), "Flatten"},
        {scn::convolution(2, 2, 4, 3, {2, 2}, padded), "Convolution"},
        {scn::deconvolution(2, 2, 4, 3, 2, padded), "Deconvolution"},
        {scn::full_convolution(2, 2, 4, 3, 2), "FullConvolution"},
        {scn::randomized_stride_convolution(2, 2, 4, 3, 2), "RandomizedStrideConvolution"},
        {scn::convolution_onto(2, 2, 4, 3, onto), "ConvolutionOnto"},
        {scn::permutohedral_submanifold_convolution(2, 2, 4), "PermutohedralSubmanifoldConvolution"},
        {scn::shape_context(2, 2), "ShapeContext"}, {scn::network_in_network(2, 4), "NetworkInNetwork"},
        {scn::linear(2, 4), "Linear"}, {scn::max_pooling(2, 2, 2, dropping), "MaxPooling"},
        {scn::average_pooling(2, 2, 2), "AveragePooling"}, {scn::unpooling(2, 2, 2), "UnPooling"},
        {scn::randomized_stride_max_pooling(2, 3, 2), "RandomizedStrideMaxPooling"},
        {scn::fractional_max_pooling(2, fractional), "FractionalMaxPooling"},
        {scn::global_pooling(2, SCN_GLOBAL_MAX), "GlobalMaxPooling"},
        {scn::batch_normalization(2), "BatchNormalization"}, {scn::activation(SCN_ACTIVATION_TANH), "Tanh"},
        {scn::dropout(0.5), "Dropout"}, {scn::sparse_vgg_net(2, 1, "C4 MP2/2 C8"), "Sequential"},
        {scn::sparse_resnet(2, 1, "b4 b8/2"), "Sequential"}, {scn::sparse_densenet(2, 1, "B2x2 T"), "Sequential"},
        {scn::unet(2, 1, {4, 8}, residual), "Sequential"}, {scn::fully_convolutional_net(2, 1, {4, 8}), "Sequential"},
        {scn::fully_convolutional_integrated_linear(2, 1, {4, 8}, 3), "Sequential"},
        {scn::multiscale_shape_context(2), "Sequential"},
    };
    for (const auto &[module, type] : made) {
        if (module.type() != type) std::printf("%s is a %s\n", type, module.type().c_str());
        check(module.type() == type, type);
    }
    fails(SCN_ERROR_FORMAT, "", [] { return scn::sparse_vgg_net(2, 1, "Q"); });
    fails(SCN_ERROR_SHAPE, "padding: has 3 numbers", [&padded] {
        padded.padding = {1, 1, 1};
        return scn::convolution(2, 2, 4, 3, 2, padded);
    });
}

void training() {
    scn::manual_seed(4);
    const scn::RandomState state = scn::random_state();
    const scn::Module net = scn::linear(2, 2);
    scn::set_random_state(state);
    const scn::Module twin = scn::linear(2, 2);
    const scn::Tensor input({3, 2}, {1, 0, 0, 1, 1, 1});
    check(net(input).sum().item() == twin(input).sum().item(), "the generator's state comes back");

    const scn::RandomState before = scn::random_state();
    {
        scn::Scope scope;
        static_cast<void>(scn::linear(2, 2));
    }
    check(scn::random_state() == before, "a scope puts back what was drawn");
    {
        scn::Scope scope;
        static_cast<void>(scn::linear(2, 2));
        scope.keep();
    }
    check(scn::random_state() != before, "unless it is kept");
    scn::set_random_state(before);
    double sums[2];
    for (double &sum : sums) {
        scn::Scope scope(7);
        sum = static_cast<double>(scn::linear(2, 2)(input).sum().item());
        scope.keep();
    }
    check(sums[0] == sums[1] && scn::random_state() == before, "a scope draws from a stream of its own");

    scn::SGDOptions options;
    options.momentum = 0.9, options.nesterov = true;
    const scn::Optimizer sgd = scn::sgd(net.parameters(), options), adam = scn::adam(twin.parameters());
    double first = 0, last = 0;
    for (int step = 0; step < 20; step++) {
        sgd.zero_gradients(), twin.zero_gradients();
        const scn::Tensor loss = scn::cross_entropy(net(input), {0, 1, 0}) + scn::cross_entropy(twin(input), {0, 1, 0});
        loss.backward();
        check(scn::clip_gradient_norm(net.parameters(), 1) > 0, "a norm");
        std::vector<float> flat = scn::gradients(net.parameters());
        check(flat.size() == 6, "the gradients of a weight and a bias");
        scn::set_gradients(net.parameters(), flat);
        check(scn::gradients(net.parameters()) == flat, "gradients come back");
        sgd.step(), adam.step();
        last = static_cast<double>(loss.item());
        if (step == 0) first = last;
    }
    check(last < first, "the loss falls");
    check(scn::gradients({}).empty(), "no parameters have no gradients");
    fails(SCN_ERROR_SHAPE, "gradients", [&] { scn::set_gradients(net.parameters(), {1, 2, 3}); });
    net.set_momentum(0.5);
    fails(SCN_ERROR_INVALID_ARGUMENT, "momentum", [&] { net.set_momentum(2); });
    sgd.set_learning_rate(0.5);
    check(sgd.learning_rate() == 0.5 && adam.learning_rate() == 0.001, "learning rates");
    check(scn::exponential_rate(1, 0, 5) == 1 && scn::step_rate(1, 0.5, 2, 4) == 0.25, "schedules");
    check(scn::cosine_rate(1, 0, 10, 0, 10) == 0, "cosine");
    fails(SCN_ERROR_INVALID_ARGUMENT, "nesterov", [&net] {
        scn::SGDOptions wrong;
        wrong.nesterov = true;
        return scn::sgd(net.parameters(), wrong);
    });

    const std::string folder = std::getenv("HOME") ? std::getenv("HOME") : ".";
    const std::string whole = folder + "/hpp_whole.safetensors", named = folder + "/hpp_named.safetensors";
    scn::checkpoint_save(whole, net, sgd);
    check(equal(scn::checkpoint_open(whole).parameters()[0].values(), [&net] {
        const scn::Span<float> values = net.parameters()[0].values();
        return std::vector<double>(values.begin(), values.end());
    }()), "a module from a file");
    scn::checkpoint_restore(whole, twin);
    scn::checkpoint_restore(whole, net, sgd);
    check(twin(input).sum().item() == net(input).sum().item(), "a state from a file");
    scn::checkpoint_save_named(named, {{"a", input}});
    const scn::Tensor zeros = scn::Tensor::zeros({3, 2});
    scn::checkpoint_restore_named(named, {{"a", zeros}});
    check(equal(zeros.values(), {1, 0, 0, 1, 1, 1}), "named tensors");
    fails(SCN_ERROR_FILE, "nowhere", [] { return scn::checkpoint_open("/nowhere/at all"); });
    std::remove(whole.c_str()), std::remove(named.c_str());
}

void library() {
    scn::require_compatible_library();
    check(scn::version() == scn_version() && !scn::cpu_description().empty(), "version and cpu");
    const std::int32_t threads = scn::thread_count();
    scn::set_thread_count(threads);
    fails(SCN_ERROR_INVALID_ARGUMENT, "count", [] { scn::set_thread_count(0); });
    scn::set_forward_counts({});
    scn::linear(2, 2)(scn::Tensor::zeros({3, 2}));
    check(scn::forward_counts().multiply_adds == 12 && scn::memory_in_use() >= 0, "counts");
}

}  // namespace

int main() {
    try {
        library(), ownership(), tensors(), geometries(), relations(), segments(), modules(), builders(), training();
    } catch (const std::exception &error) {
        check(false, error.what());
    }
    check(scn::live_handles() == 0, "every handle is released");
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
