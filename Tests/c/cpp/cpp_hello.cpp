// The header from C++17: handles in unique_ptr-like guards, errors as exceptions, options by value.
#include <scn.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

int passed = 0, failed = 0;

void check(bool holds, const char *what) {
    if (holds) return void(++passed);
    ++failed;
    std::printf("FAILED %s\n", what);
}

void require(scn_status status) {
    if (status != SCN_OK) throw std::runtime_error(std::string(scn_status_name(status)) + ": " + scn_last_error());
}

/// Owns one handle and releases it.
template <typename Type, scn_status (*release)(Type *)> class Guard {
  public:
    Guard() = default;
    Guard(Guard &&other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
    Guard &operator=(Guard other) noexcept { return std::swap(handle, other.handle), *this; }
    ~Guard() { release(handle); }
    operator Type *() const { return handle; }
    /// Where a function stores the handle that it returns.
    Type **receive() {
        release(std::exchange(handle, nullptr));
        return &handle;
    }

  private:
    Type *handle = nullptr;
};

using Tensor = Guard<scn_tensor, scn_tensor_release>;
using Module = Guard<scn_module, scn_module_release>;

Module network() {
    const int64_t size[] = {10, 10}, three[] = {3, 3};
    scn_batch_norm_options relu = SCN_BATCH_NORM_OPTIONS_INIT;
    relu.leakiness = 0;
    Module enter, convolution, normalization, dense, net;
    require(scn_input_layer_create(2, size, SCN_INPUT_SUM, enter.receive()));
    require(scn_submanifold_convolution_create(2, 1, 8, three, nullptr, convolution.receive()));
    require(scn_batch_norm_create(8, &relu, normalization.receive()));
    require(scn_sparse_to_dense_create(2, 8, dense.receive()));
    scn_module *const layers[] = {enter, convolution, normalization, dense};
    require(scn_sequential_create(layers, 4, net.receive()));
    return net;
}

std::vector<int64_t> shape_of(scn_tensor *tensor) {
    int32_t rank = 0;
    require(scn_tensor_rank(tensor, &rank));
    std::vector<int64_t> shape(static_cast<std::size_t>(rank));
    require(scn_tensor_shape(tensor, shape.data(), rank));
    return shape;
}

void run() {
    const int64_t shape[] = {2, 1}, where[] = {4, 5, 0, 4, 6, 0};
    std::vector<float> values = {1, 2};
    int returned = 0;
    {
        Module net = network();
        Tensor features, points, output, sum;
        const scn_release_callback on_release = [](void *context) { ++*static_cast<int *>(context); };
        require(scn_tensor_borrow(shape, 2, values.data(), on_release, &returned, features.receive()));
        require(scn_points_create(where, 2, 3, features, 0, points.receive()));
        require(scn_module_forward(net, points, output.receive()));
        check(shape_of(output) == std::vector<int64_t>{1, 8, 10, 10}, "the output is 1 x 8 x 10 x 10");
        require(scn_tensor_sum(output, sum.receive()));
        require(scn_tensor_backward(sum, nullptr, 0));
        check(returned == 0, "the buffer is on loan");
        try {
            require(scn_module_forward(net, output, sum.receive()));
            check(false, "a dense tensor is no input");
        } catch (const std::runtime_error &error) {
            std::printf("%s\n", error.what());
            check(std::string(error.what()).find("SCN_ERROR_") == 0, "the status has a name");
        }
    }
    check(returned == 1, "the buffer came back once");
    check(scn_live_handles() == 0, "every handle is released");
}

}  // namespace

int main() {
    try {
        run();
    } catch (const std::exception &error) {
        check(false, error.what());
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
