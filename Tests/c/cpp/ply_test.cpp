// The examples' reader and writer of PLY files: what real files hold comes in whole, what is none is an error that is
// true.
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <random>
#include <string>

#include "../../../bindings/cpp/examples/voxels.hpp"
#include "check.h"

namespace {

std::string folder() {
    static char name[] = "/tmp/scn-ply-XXXXXX";
    static const char *const made = mkdtemp(name);
    return made ? made : ".";
}

std::string file_of(const std::string &content) {
    const std::string path = folder() + "/scene.ply";
    std::ofstream(path, std::ios::binary) << content;
    return path;
}

Scene scene_of(const std::string &content) { return ply::read(file_of(content)); }

/// Count whether a file is refused with a message that names it and has `text` in it.
void refused(const std::string &content, const std::string &text, int line) {
    std::string message = "no error";
    try {
        scene_of(content);
    } catch (const std::runtime_error &error) {
        message = error.what();
    }
    const bool good = message.find("scene.ply: ") != std::string::npos && message.find(text) != std::string::npos;
    if (!good) std::printf("%s\n", message.c_str());
    check(good, __FILE__, line, text.c_str());
}
#define REFUSED(content, text) refused(content, text, __LINE__)

/// The bytes of numbers of any types, in either order.
class Bytes {
  public:
    explicit Bytes(bool is_big) : big(is_big) {}
    template <typename Value> Bytes &operator<<(Value value) {
        char bytes[sizeof value];
        std::memcpy(bytes, &value, sizeof value);
        const std::uint16_t probe = 1;
        const bool machine_is_big = *reinterpret_cast<const unsigned char *>(&probe) == 0;
        for (std::size_t i = 0; i < sizeof value; i++) text += bytes[big == machine_is_big ? i : sizeof value - 1 - i];
        return *this;
    }
    std::string text;

  private:
    bool big;
};

void text_files() {
    const std::string crlf =
        "ply\r\nformat ascii 1.0\r\ncomment made by hand, not end_header\r\nobj_info num_cols 2\r\nelement camera 1\r\n"
        "property float view_px\r\nproperty list uchar int links\r\nelement vertex 4\r\nproperty float nx\r\n"
        "property double y\r\nproperty double x\r\nproperty uchar red\r\nproperty uchar green\r\nproperty uchar blue\r\n"
        "property uchar alpha\r\nproperty list uchar float weights\r\nproperty double z\r\nproperty float label\r\n"
        "element face 1\r\nproperty list uchar int vertex_indices\r\nend_header\r\n0.5 2 7 8\r\n"
        "0 5400000.03125 450000.015625 0 51 255 9 2 0.5 0.25 -1e-3 3\r\n"
        "0 2 nan 1 1 1 1 0 3 1\r\n\r\n  \r\n0 -1.#IND 0 1 1 1 1 0 3 1\r\n0 2 1 1 1 1 1 1 -inf 4 -7\r\n3 0 1 2\r\n";
    const Scene scene = scene_of(crlf);
    CHECK(scene.size() == 2 && scene.left_out == 2);
    CHECK(scene.positions == (std::vector<double>{450000.015625, 5400000.03125, -1e-3, 1, 2, 4}));
    CHECK(scene.labels == (std::vector<std::int64_t>{3, -7}));
    CHECK(scene.colors[0] == 0 && scene.colors[1] == 0.2F && scene.colors[2] == 1);

    const std::string head =
        "ply\nformat ascii 1.0\nelement vertex 2\nproperty int x\nproperty int8 y\nproperty short z\n";
    const Scene gray = scene_of(head + "end_header\n-5 -128 7\n70000 127 -32768\n");
    CHECK(gray.positions == (std::vector<double>{-5, -128, 7, 70000, 127, -32768}));
    CHECK(gray.labels.empty() && gray.colors == std::vector<float>(6, 0.5F));
    const Scene floats =
        scene_of(head + "property float diffuse_red\nproperty ushort green\nend_header\n1 1 1 0.25 65535\n1 1 1 1 0");
    CHECK(floats.colors == (std::vector<float>{0.25F, 1, 0.5F, 1, 0, 0.5F}));
    CHECK(scene_of("ply\nformat ascii 1.0\nelement empty 9000000000000000000\nelement vertex 0\nproperty float x\n"
                   "property float y\nproperty float z\nend_header\n").size() == 0);

    REFUSED(head + "end_header\n1 2 3\n", "vertex 1 of 2: the file ends");
    REFUSED(head + "end_header\n1 2\n3 4 5\n", "vertex 0 of 2: line 8 has too few numbers");
    REFUSED(head + "end_header\n1 2 3 4\n", "vertex 0 of 2: line 8 has more numbers than properties");
    REFUSED(head + "end_header\n1 2 x\n", "line 8: 'x' is no number");
    REFUSED(head + "end_header\n1 2 3\n1 200 3\n", "vertex 1 of 2: line 9: '200' is no whole number of 8 bits");
    REFUSED(head + "end_header\n1 2 nan\n", "'nan' is no whole number of 16 bits");
    REFUSED(head + "property float label\nend_header\n1 2 3 nan\n", "the label nan is no whole number");
    REFUSED(head + "property list char int l\nend_header\n1 2 3 -1\n", "a list of -1 numbers");
    REFUSED(head + "property list uint int l\nend_header\n1 2 3 4294967295 1\n", "line 9 has too few numbers");
}

void binary_files() {
    for (const bool is_big : {false, true}) {
        const std::string header = std::string("ply\nformat binary_") + (is_big ? "big" : "little") +
                                   "_endian 1.0\nelement skipped 2\nproperty list ushort double d\nproperty char c\n"
                                   "element vertex 3\nproperty uint16 blue\nproperty double z\nproperty float32 y\n"
                                   "property list uint8 int32 ids\nproperty int32 x\nproperty uint label\n"
                                   "element face 1000000000000\nproperty list uchar int i\nend_header\n";
        Bytes bytes(is_big);
        bytes << std::uint16_t(2) << 1.0 << 2.0 << 'a' << std::uint16_t(0) << 'b';
        bytes << std::uint16_t(13107) << 5400000.03125 << -2.5F << std::uint8_t(2) << 10 << 13 << -7 << 4294967295U;
        bytes << std::uint16_t(0) << std::numeric_limits<double>::quiet_NaN() << 0.0F << std::uint8_t(0) << 0 << 1U;
        bytes << std::uint16_t(65535) << 1e300 << 3.0F << std::uint8_t(0) << 2147483647 << 0U;
        const Scene scene = scene_of(header + bytes.text);
        CHECK(scene.size() == 2 && scene.left_out == 1);
        CHECK(scene.positions == (std::vector<double>{-7, -2.5, 5400000.03125, 2147483647, 3, 1e300}));
        CHECK(scene.labels == (std::vector<std::int64_t>{4294967295, 0}));
        CHECK(scene.colors == (std::vector<float>{0.5F, 0.5F, 0.2F, 0.5F, 0.5F, 1}));
        for (std::size_t length = 0; length < bytes.text.size(); length += 3)
            REFUSED(header + bytes.text.substr(0, length), " of ");
    }
}

void headers() {
    const std::string format = "ply\nformat ascii 1.0\n", vertex = format + "element vertex 1\n",
                      whole = vertex + "property float x\nproperty float y\nproperty float z\n";
    const std::string head =
        "ply\nformat binary_little_endian 1.0\nelement vertex 1000000000000000000\nproperty float x\n"
        "property float y\nproperty float z\nend_header\n";
    REFUSED(head + std::string(24, 'x'), "vertex 2 of 1000000000000000000: the file ends");
    REFUSED("", "first line is not 'ply'");
    REFUSED("PLY\n", "first line is not 'ply'");
    REFUSED(std::string(3 << 20, 'p'), "a line of more than 1 MB");
    REFUSED("ply\n", "no end_header");
    REFUSED(whole, "no end_header");
    REFUSED("ply\nend_header\n", "names no format");
    REFUSED("ply\nformat ascci 1.0\n", "line 2: 'ascci' is no format");
    REFUSED(format + "end_header\n", "no element vertex");
    REFUSED(vertex + "property float x\nproperty float y\nproperty list uchar float z\nend_header\n",
            "no properties x, y, z");
    REFUSED(format + "element vertex -1\n", "line 3: '-1' is no number of rows");
    REFUSED(format + "element vertex 99999999999999999999\n", "is no number of rows");
    REFUSED(format + "element vertex\n", "the number of rows is missing");
    REFUSED(format + "property float x\n", "before any element");
    REFUSED(vertex + "element vertex 2\n", "element vertex comes twice");
    REFUSED(whole + "property double x\n", "line 7: property x comes twice");
    REFUSED(vertex + "property half x\n", "'half' is no type");
    REFUSED(vertex + "property float\n", "without a name");
    REFUSED(vertex + "property list float int x\n", "counted in 'float'");
    REFUSED(vertex + "vertices 3\n", "'vertices' is no word");
    std::string message;
    try {
        ply::read(folder() + "/none.ply");
    } catch (const std::runtime_error &error) {
        message = error.what();
    }
    CHECK(message == folder() + "/none.ply: cannot be opened: No such file or directory");
}

void damaged_files() {
    std::mt19937 bits(1);
    Bytes bytes(false);
    for (int i = 0; i < 4; i++) bytes << double(i) << 1.0 << 2.0 << std::uint8_t(1) << i << std::uint8_t(7);
    const std::string whole =
        "ply\nformat binary_little_endian 1.0\nelement vertex 4\nproperty double x\nproperty double y\n"
        "property double z\nproperty list uchar int l\nproperty uchar red\nend_header\n" +
        bytes.text;
    int read = 0;
    for (int round = 0; round < 3000; round++) {
        std::string content = whole;
        for (unsigned change = 0; change <= bits() % 3; change++)
            content[bits() % content.size()] = static_cast<char>(bits());
        try {
            const Scene scene = scene_of(content);
            read += scene.size() + scene.left_out <= 9999 && scene.colors.size() == scene.positions.size();
        } catch (const std::runtime_error &) {
        }
    }
    CHECK(read > 100);
}

/// A cloud on a map (UTM) keeps its points to the last bit, and has the voxels that it has near the origin.
void far_from_the_origin() {
    Scene near, far;
    std::mt19937 bits(2);
    for (int i = 0; i < 20000; i++) {
        const double position[] = {std::ldexp(bits() >> 12, -18), std::ldexp(bits() >> 12, -18),
                                   std::ldexp(bits() >> 12, -20)};
        near.positions.insert(near.positions.end(), position, position + 3);
        far.positions.insert(far.positions.end(), {position[0] + 4.5e5, position[1] + 5.4e6, position[2]});
    }
    near.colors.assign(near.positions.size(), 0.2F);
    far.colors = near.colors;
    near.labels.assign(20000, 300);
    near.labels[1] = -1;
    for (Scene *scene : {&near, &far}) {
        ply::write(folder() + "/scene.ply", *scene);
        Scene again = ply::read(folder() + "/scene.ply");
        CHECK(again.positions == scene->positions && again.labels == scene->labels && again.colors == scene->colors);
        *scene = again;
    }
    const scn::Tensor a = voxels_of(near, 0.125), b = voxels_of(far, 0.125);
    CHECK(a.geometry().site_count() > 5000 && a.geometry().site_count() == b.geometry().site_count());
    CHECK(a.geometry().row_sites() == b.geometry().row_sites());
    far.colors.pop_back();
    bool is_refused = false;
    try {
        ply::write(folder() + "/scene.ply", far);
    } catch (const std::invalid_argument &) {
        is_refused = true;
    }
    CHECK(is_refused);
}

}  // namespace

int main() {
    text_files();
    binary_files();
    headers();
    damaged_files();
    far_from_the_origin();
    CHECK(unlink((folder() + "/scene.ply").c_str()) == 0 && rmdir(folder().c_str()) == 0);
    return finish();
}
