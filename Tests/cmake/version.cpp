// scn.hpp is found beside scn.h, and a network runs.
#include <scn.hpp>
#include <iostream>

int main() {
    scn::Module network = scn::sequential({
        scn::input_layer(2, 10, SCN_INPUT_SUM),
        scn::submanifold_convolution(2, 1, 8, 3),
        scn::sparse_to_dense(2, 8),
    });
    scn::Tensor features({2, 1}, {1, 2});
    auto shape = network(scn::points({4, 5, 0, 4, 6, 0}, 3, features)).shape();
    std::cout << "scn " << scn::version() << ": " << shape.size() << " dimensions, " << shape[1] << " planes\n";
    return shape.size() == 4 && shape[1] == 8 ? 0 : 1;
}
