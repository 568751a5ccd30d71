// As much of the PLY format as point clouds need: the scalar properties of the element `vertex`, which comes first, in
// ASCII or little-endian binary files.
#ifndef PLY_HPP
#define PLY_HPP

#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// Points in space with colours in 0 ... 1 and, where somebody knows them, labels.
struct Scene {
    std::vector<float> positions;      // [points, 3]: x, y, z
    std::vector<float> colours;        // [points, 3]: red, green, blue; grey where the file has none
    std::vector<std::int64_t> labels;  // [points], or none

    std::int64_t size() const { return static_cast<std::int64_t>(positions.size() / 3); }
};

namespace ply {

struct Property {
    std::string name;
    char kind;  // 'i', 'u' or 'f'
    std::size_t bytes;
};

inline Property property(const std::string &type, const std::string &name) {
    static const std::pair<const char *, Property> types[] = {
        {"char", {"", 'i', 1}},   {"uchar", {"", 'u', 1}},   {"short", {"", 'i', 2}},   {"ushort", {"", 'u', 2}},
        {"int", {"", 'i', 4}},    {"uint", {"", 'u', 4}},    {"float", {"", 'f', 4}},   {"double", {"", 'f', 8}},
        {"int8", {"", 'i', 1}},   {"uint8", {"", 'u', 1}},   {"int16", {"", 'i', 2}},   {"uint16", {"", 'u', 2}},
        {"int32", {"", 'i', 4}},  {"uint32", {"", 'u', 4}},  {"float32", {"", 'f', 4}}, {"float64", {"", 'f', 8}},
    };
    for (const auto &[known, layout] : types)
        if (type == known) return {name, layout.kind, layout.bytes};
    throw std::runtime_error("property " + name + " has the type " + type + ", which this reader does not know");
}

/// Read one little-endian number; this program runs on little-endian machines only.
inline double number(const char *bytes, const Property &property) {
    const auto as = [bytes](auto value) {
        std::memcpy(&value, bytes, sizeof value);
        return static_cast<double>(value);
    };
    if (property.kind == 'f') return property.bytes == 4 ? as(float{}) : as(double{});
    const bool is_signed = property.kind == 'i';
    switch (property.bytes) {
    case 1: return is_signed ? as(std::int8_t{}) : as(std::uint8_t{});
    case 2: return is_signed ? as(std::int16_t{}) : as(std::uint16_t{});
    default: return is_signed ? as(std::int32_t{}) : as(std::uint32_t{});
    }
}

/// The header: whether the body is text, the number of points, and their properties.
struct Header {
    bool is_text = false;
    std::int64_t points = -1;
    std::vector<Property> properties;
};

inline Header read_header(std::istream &file) {
    Header header;
    std::string line, word, type, name;
    bool in_vertex = false, has_format = false;
    for (int number = 0; std::getline(file, line); number++) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        std::istringstream words(line);
        words >> word;
        if (number == 0 && line != "ply") break;
        if (line == "end_header") {
            if (!has_format || header.points < 0) break;
            return header;
        }
        if (word == "format") {
            words >> type;
            if (type != "ascii" && type != "binary_little_endian")
                throw std::runtime_error("format " + type + " is none that this reader knows");
            header.is_text = type == "ascii";
            has_format = true;
        } else if (word == "element") {
            words >> name;
            in_vertex = name == "vertex";
            if (!in_vertex && header.points < 0) throw std::runtime_error("element " + name + " comes before vertex");
            if (in_vertex && !(words >> header.points)) break;
        } else if (word == "property" && in_vertex) {
            words >> type >> name;
            if (type == "list") throw std::runtime_error("vertex has a property that is a list");
            header.properties.push_back(property(type, name));
        }
    }
    throw std::runtime_error("the header is none of a PLY file with vertices");
}

/// Read a scene. Throws std::runtime_error where the file is no PLY file of points.
inline Scene read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + ": cannot be opened");
    Scene scene;
    try {
        const Header header = read_header(file);
        std::size_t bytes = 0;
        bool has[7] = {};
        static const char *const names[7] = {"x", "y", "z", "red", "green", "blue", "label"};
        for (const Property &property : header.properties) {
            bytes += property.bytes;
            for (int i = 0; i < 7; i++) has[i] = has[i] || property.name == names[i];
        }
        if (!has[0] || !has[1] || !has[2]) throw std::runtime_error("vertices have no x, y, z");
        std::vector<char> row(bytes);
        for (std::int64_t point = 0; point < header.points; point++) {
            double values[7] = {0, 0, 0, 127.5, 127.5, 127.5, 0};
            if (!header.is_text) file.read(row.data(), static_cast<std::streamsize>(bytes));
            const char *next = row.data();
            for (const Property &property : header.properties) {
                double value = 0;
                if (header.is_text) file >> value;
                else value = number(next, property);
                next += property.bytes;
                for (int i = 0; i < 7; i++)
                    if (property.name == names[i]) values[i] = value * (i >= 3 && i < 6 && property.kind == 'f' ? 255 : 1);
            }
            if (!file) throw std::runtime_error("the file ends before point " + std::to_string(point));
            for (int i = 0; i < 3; i++) scene.positions.push_back(static_cast<float>(values[i]));
            for (int i = 3; i < 6; i++) scene.colours.push_back(static_cast<float>(values[i] / 255));
            if (has[6]) scene.labels.push_back(static_cast<std::int64_t>(values[6]));
        }
    } catch (const std::exception &error) {
        throw std::runtime_error(path + ": " + error.what());
    }
    return scene;
}

/// Write a scene with its labels as a little-endian binary file.
inline void write(const std::string &path, const Scene &scene) {
    std::ofstream file(path, std::ios::binary);
    file << "ply\nformat binary_little_endian 1.0\nelement vertex " << scene.size()
         << "\nproperty float x\nproperty float y\nproperty float z\nproperty uchar red\nproperty uchar green\n"
            "property uchar blue\nproperty uchar label\nend_header\n";
    for (std::size_t point = 0; point < scene.labels.size(); point++) {
        file.write(reinterpret_cast<const char *>(&scene.positions[3 * point]), 3 * sizeof(float));
        for (std::size_t i = 0; i < 3; i++)
            file.put(static_cast<char>(static_cast<std::uint8_t>(scene.colours[3 * point + i] * 255 + 0.5F)));
        file.put(static_cast<char>(static_cast<std::uint8_t>(scene.labels[point])));
    }
    file.close();
    if (!file) throw std::runtime_error(path + ": cannot be written");
}

}  // namespace ply

#endif
