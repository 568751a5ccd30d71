// As much of the PLY format as point clouds need: positions, colors and labels of the element `vertex`, in text or
// binary files of either byte order, whatever else the files hold (other properties, lists, faces, comments).
#ifndef PLY_HPP
#define PLY_HPP

#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

/// Points in space with colors in 0 ... 1 and, where somebody knows them, labels.
struct Scene {
    std::vector<double> positions;     // [points, 3]: x, y, z; in double, since coordinates on a map have seven digits
    std::vector<float> colors;        // [points, 3]: red, green, blue; gray where the file has none
    std::vector<std::int64_t> labels;  // [points], or none
    std::int64_t left_out = 0;         // points of the file without a position: NaN or infinite

    std::int64_t size() const { return static_cast<std::int64_t>(positions.size() / 3); }
};

namespace ply {

using Error = std::runtime_error;

struct Type {
    char kind = 'f';  // 'i', 'u' or 'f'
    std::size_t bytes = 4;
};

inline Type type_of(const std::string &name) {
    struct Known {
        const char *name, *same;
        Type type;
    };
    static const Known types[] = {
        {"char", "int8", {'i', 1}},   {"uchar", "uint8", {'u', 1}}, {"short", "int16", {'i', 2}},
        {"ushort", "uint16", {'u', 2}}, {"int", "int32", {'i', 4}},   {"uint", "uint32", {'u', 4}},
        {"float", "float32", {'f', 4}}, {"double", "float64", {'f', 8}},
    };
    for (const Known &known : types)
        if (name == known.name || name == known.same) return known.type;
    throw Error("'" + name + "' is no type of PLY");
}

struct Property {
    std::string name;
    Type type;
    bool is_list = false;
    Type count;  // of a list
};

struct Element {
    std::string name;
    std::int64_t count = 0;
    std::vector<Property> properties;
};

enum class Format { text, little_endian, big_endian };

struct Header {
    Format format = Format::text;
    std::vector<Element> elements;
    std::int64_t lines = 0;
};

/// Read a line of at most 1 MB, which ends in \n or \r\n; false at the end of the file.
inline bool read_line(std::istream &file, std::string &line) {
    line.clear();
    for (int next = file.get(); next != std::char_traits<char>::eof(); next = file.get()) {
        if (next == '\n') {
            if (!line.empty() && line.back() == '\r') line.pop_back();
            return true;
        }
        if (line.size() == 1 << 20) throw Error("a line of more than 1 MB");
        line.push_back(static_cast<char>(next));
    }
    return !line.empty();
}

inline std::int64_t count_of(const std::string &text) {
    std::int64_t count = 0;
    for (const char digit : text) {
        if (digit < '0' || digit > '9' || count > (std::numeric_limits<std::int64_t>::max() - 9) / 10)
            throw Error("'" + text + "' is no number of rows");
        count = 10 * count + (digit - '0');
    }
    if (text.empty()) throw Error("the number of rows is missing");
    return count;
}

/// Take what a line of the header says, which is split into words.
inline void read_header_line(const std::vector<std::string> &words, Header &header, bool &has_format) {
    const auto word = [&words](std::size_t index) { return index < words.size() ? words[index] : std::string(); };
    if (words[0] == "comment" || words[0] == "obj_info") return;
    if (words[0] == "format") {
        if (word(1) == "ascii") header.format = Format::text;
        else if (word(1) == "binary_little_endian") header.format = Format::little_endian;
        else if (word(1) == "binary_big_endian") header.format = Format::big_endian;
        else throw Error("'" + word(1) + "' is no format of PLY");
        has_format = true;
    } else if (words[0] == "element") {
        for (const Element &known : header.elements)
            if (known.name == word(1)) throw Error("element " + word(1) + " comes twice");
        header.elements.push_back({word(1), count_of(word(2)), {}});
    } else if (words[0] == "property") {
        if (header.elements.empty()) throw Error("a property comes before any element");
        Property property;
        property.is_list = word(1) == "list";
        const std::size_t first = property.is_list ? 2 : 1;
        if (property.is_list) property.count = type_of(word(2));
        if (property.count.kind == 'f' && property.is_list) throw Error("a list is counted in '" + word(2) + "'");
        property.type = type_of(word(property.is_list ? first + 1 : first));
        property.name = word(property.is_list ? first + 2 : first + 1);
        if (property.name.empty()) throw Error("a property without a name");
        for (const Property &known : header.elements.back().properties)
            if (known.name == property.name) throw Error("property " + property.name + " comes twice");
        header.elements.back().properties.push_back(property);
    } else {
        throw Error("'" + words[0] + "' is no word that a header has");
    }
}

inline Header read_header(std::istream &file) {
    Header header;
    std::string line;
    bool has_format = false;
    if (!read_line(file, line) || line != "ply") throw Error("is no PLY file: its first line is not 'ply'");
    for (header.lines = 1; read_line(file, line);) {
        header.lines++;
        std::istringstream text(line);
        std::vector<std::string> words;
        for (std::string word; text >> word;) words.push_back(word);
        if (words.empty()) continue;
        if (words[0] == "end_header") {
            if (!has_format) throw Error("the header names no format");
            return header;
        }
        try {
            read_header_line(words, header, has_format);
        } catch (const Error &error) {
            throw Error("line " + std::to_string(header.lines) + ": " + error.what());
        }
    }
    throw Error("the header has no end_header");
}

/// The number that some bytes stand for, on machines of any byte order.
inline double number(const unsigned char *bytes, Type type, Format format) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < type.bytes; i++)
        bits |= std::uint64_t(bytes[format == Format::big_endian ? type.bytes - 1 - i : i]) << (8 * i);
    if (type.kind == 'f' && type.bytes == 8) {
        double value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }
    if (type.kind == 'f') {
        const std::uint32_t half = static_cast<std::uint32_t>(bits);
        float value;
        std::memcpy(&value, &half, sizeof value);
        return static_cast<double>(value);
    }
    const double range = std::ldexp(1.0, static_cast<int>(8 * type.bytes)), value = static_cast<double>(bits);
    return type.kind == 'i' && value >= range / 2 ? value - range : value;
}

/// The number that a word of a text file stands for, held against its type.
inline double number(const std::string &word, Type type) {
    // As some compilers' libraries write what is no number: -1.#IND.
    if (type.kind == 'f' && word.find('#') != std::string::npos) return std::numeric_limits<double>::quiet_NaN();
    char *end = nullptr;
    const double value = std::strtod(word.c_str(), &end);
    const double range = std::ldexp(1.0, static_cast<int>(8 * type.bytes)), least = type.kind == 'i' ? -range / 2 : 0;
    if (*end != 0) throw Error("'" + word + "' is no number");
    if (type.kind != 'f' && !(value == std::floor(value) && value >= least && value < least + range))
        throw Error("'" + word + "' is no whole number of " + std::to_string(8 * type.bytes) + " bits");
    return value;
}

/// Gives the numbers of a file one after the other.
class Numbers {
  public:
    Numbers(std::istream &from, const Header &header) : file(from), format(header.format), line_number(header.lines) {}

    /// To be called before each row: in text, a row is a line.
    void begin_row() {
        if (format != Format::text) return;
        std::string line;
        do {
            if (!read_line(file, line)) throw Error("the file ends");
            line_number++;
            words.clear();
            words.str(line);
        } while (line.find_first_not_of(" \t") == std::string::npos);
    }

    double next(Type type) {
        if (format == Format::text) {
            std::string word;
            if (!(words >> word)) throw Error("line " + std::to_string(line_number) + " has too few numbers");
            try {
                return number(word, type);
            } catch (const Error &error) {
                throw Error("line " + std::to_string(line_number) + ": " + error.what());
            }
        }
        unsigned char bytes[8];
        if (!file.read(reinterpret_cast<char *>(bytes), static_cast<std::streamsize>(type.bytes)))
            throw Error("the file ends");
        return number(bytes, type, format);
    }

    void end_row() {
        std::string word;
        if (format == Format::text && words >> word)
            throw Error("line " + std::to_string(line_number) + " has more numbers than properties");
    }

  private:
    std::istream &file;
    Format format;
    std::int64_t line_number;
    std::istringstream words;
};

/// Which of the seven numbers of a point a property is; -1: none.
inline int role(const std::string &name) {
    static const char *const names[] = {"x", "y", "z", "red", "green", "blue", "label"};
    for (int i = 0; i < 7; i++)
        if (name == names[i] || (i >= 3 && i < 6 && name == std::string("diffuse_") + names[i])) return i;
    return -1;
}

/// What white is: 1 in floating point, else the largest value of 8 or 16 bits.
inline double white(Type type) { return type.kind == 'f' ? 1 : type.bytes == 2 ? 65535 : 255; }

/// Read one row; values: where the numbers of a point go, with colors in 0 ... 1.
inline void read_row(Numbers &numbers, const Element &element, double *values) {
    numbers.begin_row();
    for (const Property &property : element.properties) {
        if (property.is_list) {
            const double count = numbers.next(property.count);
            if (count < 0) throw Error("a list of " + std::to_string(static_cast<std::int64_t>(count)) + " numbers");
            for (double i = 0; i < count; i++) numbers.next(property.type);
            continue;
        }
        const double value = numbers.next(property.type);
        const int place = role(property.name);
        if (place >= 0) values[place] = place >= 3 && place < 6 ? value / white(property.type) : value;
    }
    numbers.end_row();
}

/// Read a scene. Throws std::runtime_error where the file is no PLY file of points; the message says why.
inline Scene read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw Error(path + ": cannot be opened: " + std::strerror(errno));
    Scene scene;
    try {
        const Header header = read_header(file);
        std::size_t vertex = 0;
        while (vertex < header.elements.size() && header.elements[vertex].name != "vertex") vertex++;
        if (vertex == header.elements.size()) throw Error("the header has no element vertex");
        bool has[7] = {};
        for (const Property &property : header.elements[vertex].properties)
            if (!property.is_list && role(property.name) >= 0) has[role(property.name)] = true;
        if (!has[0] || !has[1] || !has[2]) throw Error("element vertex has no properties x, y, z");
        Numbers numbers(file, header);
        for (std::size_t index = 0; index <= vertex; index++) {
            const Element &element = header.elements[index];
            for (std::int64_t row = 0; row < element.count && !element.properties.empty(); row++) {
                double values[7] = {0, 0, 0, 0.5, 0.5, 0.5, 0};
                try {
                    read_row(numbers, element, values);
                    if (index < vertex) continue;
                    if (!std::isfinite(values[0]) || !std::isfinite(values[1]) || !std::isfinite(values[2])) {
                        scene.left_out++;
                        continue;
                    }
                    if (has[6] && !(values[6] == std::floor(values[6]) && std::abs(values[6]) < 1e15))
                        throw Error("the label " + std::to_string(values[6]) + " is no whole number");
                } catch (const Error &error) {
                    throw Error(element.name + " " + std::to_string(row) + " of " + std::to_string(element.count) + ": "
                                + error.what());
                }
                scene.positions.insert(scene.positions.end(), values, values + 3);
                for (int i = 3; i < 6; i++) scene.colors.push_back(static_cast<float>(values[i]));
                if (has[6]) scene.labels.push_back(static_cast<std::int64_t>(values[6]));
            }
        }
    } catch (const std::exception &error) {
        throw Error(path + ": " + error.what());
    }
    return scene;
}

/// Write the bytes of a number, the lowest first.
inline void put(std::ostream &file, std::uint64_t bits, int bytes) {
    for (int i = 0; i < bytes; i++) file.put(static_cast<char>(bits >> (8 * i) & 255));
}

/// Write a scene, with its labels where it has them, as a little-endian binary file.
inline void write(const std::string &path, const Scene &scene) {
    const std::size_t points = scene.positions.size() / 3;
    if (scene.colors.size() != 3 * points || (!scene.labels.empty() && scene.labels.size() != points))
        throw std::invalid_argument("a scene of " + std::to_string(points) + " points with "
                                    + std::to_string(scene.colors.size() / 3) + " colors and "
                                    + std::to_string(scene.labels.size()) + " labels");
    std::ofstream file(path, std::ios::binary);
    if (!file) throw Error(path + ": cannot be opened for writing: " + std::strerror(errno));
    file << "ply\nformat binary_little_endian 1.0\nelement vertex " << points
         << "\nproperty double x\nproperty double y\nproperty double z\nproperty uchar red\nproperty uchar green\n"
            "property uchar blue\n"
         << (scene.labels.empty() ? "" : "property int label\n") << "end_header\n";
    for (std::size_t point = 0; point < points; point++) {
        for (std::size_t i = 3 * point; i < 3 * point + 3; i++) {
            std::uint64_t bits;
            std::memcpy(&bits, &scene.positions[i], sizeof bits);
            put(file, bits, 8);
        }
        for (std::size_t i = 3 * point; i < 3 * point + 3; i++) {
            const float color = scene.colors[i];
            put(file, color > 0 ? static_cast<std::uint64_t>(std::fmin(color, 1.0F) * 255 + 0.5F) : 0, 1);
        }
        if (scene.labels.empty()) continue;
        const std::int64_t label = scene.labels[point];
        if (label != static_cast<std::int32_t>(label))
            throw Error(path + ": the label " + std::to_string(label) + " has more than 32 bits");
        put(file, static_cast<std::uint64_t>(label), 4);
    }
    file.close();
    if (!file) throw Error(path + ": cannot be written");
}

}  // namespace ply

#endif
