// Label a growing map of a depth camera's frames while they come: after each frame, only what it changed.
//
//     live network.safetensors voxel_size margin result.bin frame ...
//
// The network takes sites of a field without bounds with 7 planes: the mean color of the points of each, -1 ... 1;
// their mean normal; 1. It gives a row for each. voxel_size: meters. margin: how many voxels around those that changed
// go through the network with them; see `segment_changed`.
//
// A frame is a file of points in meters in the map's axes: the eight characters "scnframe", how many points it has
// (uint32), x, y, z of each (float32), the normal of each (float32), red, green, blue of each (uint8); numbers are
// little-endian. result.bin has, in the same way, "scnlabel", how many sites there are and how many columns (uint32),
// the coordinates (int32), where the points lie in meters (float32), the rows that were kept and those of the whole map
// at the end (float32).
//
// One line of results goes to the standard output: milliseconds and agreement.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <scn.hpp>
#include <string>
#include <unordered_map>

namespace {

constexpr std::size_t planes = 7;
constexpr std::size_t classes = 6;         // The first columns of the network's output.
constexpr std::size_t sums_of_site = 9;    // Of colors, normals and positions.
constexpr std::int64_t block_edge = 8;     // Voxels of a block along each axis; the margin is a number of blocks.
constexpr float noticeable = 0.1F;         // How much a plane of a site may change before it counts as changed.
constexpr std::int64_t farthest = 100000;  // Voxels from the origin.

struct Site {
    std::int64_t x, y, z;
    bool operator==(const Site &other) const { return x == other.x && y == other.y && z == other.z; }
};

struct SiteHash {
    std::size_t operator()(const Site &site) const {
        const auto mixed = static_cast<std::uint64_t>(site.x) * 0x9E3779B97F4A7C15U ^
                           static_cast<std::uint64_t>(site.y) * 0xC2B2AE3D27D4EB4FU ^
                           static_cast<std::uint64_t>(site.z) * 0x165667B19E3779F9U;
        return static_cast<std::size_t>(mixed ^ mixed >> 29U);
    }
};

struct Frame {
    std::vector<float> positions;
    std::vector<float> normals;
    std::vector<unsigned char> colors;
};

Frame read_frame(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + ": cannot be opened");
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const std::size_t head = 12;
    if (bytes.size() < head || std::memcmp(bytes.data(), "scnframe", 8) != 0)
        throw std::runtime_error(path + ": is no frame: it does not begin with scnframe and a number of points");
    std::uint32_t count = 0;
    std::memcpy(&count, bytes.data() + 8, 4);
    const std::uint64_t expected = head + 27 * static_cast<std::uint64_t>(count);
    if (bytes.size() != expected)
        throw std::runtime_error(path + ": has " + std::to_string(bytes.size()) + " bytes, expected " +
                                 std::to_string(expected) + " of " + std::to_string(count) + " points");
    const auto numbers = 3 * static_cast<std::size_t>(count);
    Frame frame{std::vector<float>(numbers), std::vector<float>(numbers), std::vector<unsigned char>(numbers)};
    if (count == 0) return frame;
    std::memcpy(frame.positions.data(), bytes.data() + head, 4 * numbers);
    std::memcpy(frame.normals.data(), bytes.data() + head + 4 * numbers, 4 * numbers);
    std::memcpy(frame.colors.data(), bytes.data() + head + 8 * numbers, numbers);
    return frame;
}

/// All that was seen so far: sites with the sums of their points, in blocks, and what the network last said of each.
class Map {
  public:
    Map(scn::Module network, double voxel_size, std::int64_t margin)
        : network_(std::move(network)), voxel_size_(voxel_size), margin_((margin + block_edge - 1) / block_edge) {}

    [[nodiscard]] std::size_t size() const { return sites_.size(); }
    [[nodiscard]] std::size_t columns() const { return columns_; }

    /// Take the points of a frame in. path: what messages call it.
    void add(const Frame &frame, const std::string &path) {
        changed_.clear();
        std::vector<std::size_t> touched;
        for (std::size_t point = 0; point < frame.colors.size() / 3; point++) {
            double cells[3];
            for (std::size_t axis = 0; axis < 3; axis++) {
                cells[axis] = std::floor(static_cast<double>(frame.positions[3 * point + axis]) / voxel_size_);
                if (!(std::fabs(cells[axis]) < static_cast<double>(farthest)))
                    throw std::runtime_error(path + ": point " + std::to_string(point) + " is not a number, or more " +
                                             "than " + std::to_string(farthest) + " voxels from the origin");
            }
            const Site site{static_cast<std::int64_t>(cells[0]), static_cast<std::int64_t>(cells[1]),
                            static_cast<std::int64_t>(cells[2])};
            const auto [found, is_new] = places_.try_emplace(site, sites_.size());
            const std::size_t place = found->second;
            if (is_new) append(site);
            double *sums = &sums_[sums_of_site * place];
            for (std::size_t axis = 0; axis < 3; axis++) {
                const auto normal = static_cast<double>(frame.normals[3 * point + axis]);
                if (!(std::fabs(normal) <= 1.001))
                    throw std::runtime_error(path + ": point " + std::to_string(point) + " has no unit normal");
                sums[axis] += frame.colors[3 * point + axis];
                sums[3 + axis] += normal;
                sums[6 + axis] += static_cast<double>(frame.positions[3 * point + axis]);
            }
            counts_[place]++;
            touched.push_back(place);
        }
        std::sort(touched.begin(), touched.end());
        touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
        for (const std::size_t place : touched)
            if (renew_features(place)) changed_.push_back(place);
    }

    /// Label what the last frame changed; return how many sites went through the network.
    ///
    /// Blocks of sites that are new, or whose planes changed noticeably, and the blocks within the margin around them
    /// are what the network sees. Of these, the changed ones and those within half the margin get what it says; those
    /// beyond only lend their neighborhood, since the network does not see theirs, and keep what they had. A network
    /// that reaches farther than half the margin therefore says something else than it would of the whole map.
    std::size_t segment_changed() {
        std::unordered_map<Site, bool, SiteHash> near;  // Blocks, and whether their sites get new rows.
        for (const std::size_t place : changed_) {
            near.try_emplace(block_of(sites_[place]), true);
            std::copy_n(&features_[planes * place], planes, &used_[planes * place]);
        }
        std::vector<Site> changed_blocks;
        for (const auto &[block, is_changed] : near) changed_blocks.push_back(block);
        for (const Site &block : changed_blocks)
            for (std::int64_t x = -margin_; x <= margin_; x++)
                for (std::int64_t y = -margin_; y <= margin_; y++)
                    for (std::int64_t z = -margin_; z <= margin_; z++) {
                        const Site other{block.x + x, block.y + y, block.z + z};
                        if (blocks_.count(other) == 0) continue;
                        const bool is_inner = 2 * std::max({std::abs(x), std::abs(y), std::abs(z)}) <= margin_;
                        const auto [found, is_new] = near.try_emplace(other, is_inner);
                        if (!is_new && is_inner) found->second = true;
                    }
        std::vector<std::size_t> chosen, written;
        for (const auto &[block, is_inner] : near)
            for (const std::size_t place : blocks_[block]) {
                chosen.push_back(place);
                if (is_inner) written.push_back(place);
            }
        std::sort(chosen.begin(), chosen.end());
        const std::vector<float> rows = labeled(chosen, used_);
        for (const std::size_t place : written) {
            const auto found = std::lower_bound(chosen.begin(), chosen.end(), place);
            const auto row = static_cast<std::size_t>(found - chosen.begin());
            std::copy_n(&rows[columns_ * row], columns_, &kept_[columns_ * place]);
        }
        return chosen.size();
    }

    /// Label all sites there are, and return the rows, [sites, columns].
    std::vector<float> segment_whole() {
        std::vector<std::size_t> all(size());
        for (std::size_t place = 0; place < all.size(); place++) all[place] = place;
        return labeled(all, features_);
    }

    /// On how many sites the class, the largest of the first scores, is the same in the kept rows and in others.
    [[nodiscard]] std::size_t agreeing(const std::vector<float> &rows) const {
        std::size_t result = 0;
        for (std::size_t place = 0; place < size(); place++)
            result += best(&kept_[columns_ * place]) == best(&rows[columns_ * place]);
        return result;
    }

    /// Write all sites with the kept rows and others.
    void write(const std::string &path, const std::vector<float> &whole) const {
        std::ofstream file(path, std::ios::binary);
        const std::uint32_t head[2] = {static_cast<std::uint32_t>(size()), static_cast<std::uint32_t>(columns_)};
        std::vector<std::int32_t> coordinates;
        std::vector<float> centers;
        for (std::size_t place = 0; place < size(); place++) {
            for (const std::int64_t cell : {sites_[place].x, sites_[place].y, sites_[place].z})
                coordinates.push_back(static_cast<std::int32_t>(cell));
            for (std::size_t axis = 6; axis < 9; axis++)
                centers.push_back(static_cast<float>(sums_[sums_of_site * place + axis] / counts_[place]));
        }
        file.write("scnlabel", 8);
        put(file, head, 2);
        put(file, coordinates.data(), coordinates.size());
        put(file, centers.data(), centers.size());
        put(file, kept_.data(), kept_.size());
        put(file, whole.data(), whole.size());
        if (!file.flush()) throw std::runtime_error(path + ": cannot be written");
    }

  private:
    static Site block_of(const Site &site) {
        // Shifts round down, as blocks of negative coordinates need.
        return {site.x >> 3, site.y >> 3, site.z >> 3};
    }

    static std::size_t best(const float *row) {
        return static_cast<std::size_t>(std::max_element(row, row + classes) - row);
    }

    template <typename Number>
    static void put(std::ofstream &file, const Number *numbers, std::size_t count) {
        file.write(reinterpret_cast<const char *>(numbers), static_cast<std::streamsize>(count * sizeof(Number)));
    }

    void append(const Site &site) {
        blocks_[block_of(site)].push_back(sites_.size());
        sites_.push_back(site);
        counts_.push_back(0);
        sums_.resize(sums_of_site * size(), 0);
        features_.resize(planes * size(), 0);
        used_.resize(planes * size(), 0);  // The last plane is 1 once it was used: a new site has changed.
        kept_.resize(columns_ * size(), 0);
    }

    /// Compute the planes of a site; return whether they differ noticeably from those that were last used.
    bool renew_features(std::size_t place) {
        const double *sums = &sums_[sums_of_site * place];
        float *row = &features_[planes * place];
        for (std::size_t axis = 0; axis < 3; axis++) {
            row[axis] = static_cast<float>(sums[axis] / counts_[place] / 127.5 - 1);
            row[3 + axis] = static_cast<float>(sums[3 + axis] / counts_[place]);
        }
        row[6] = 1;
        const float *before = &used_[planes * place];
        for (std::size_t plane = 0; plane < planes; plane++)
            if (std::fabs(row[plane] - before[plane]) > noticeable) return true;
        return false;
    }

    /// What the network says of some sites, a row for each.
    std::vector<float> labeled(const std::vector<std::size_t> &chosen, const std::vector<float> &features) {
        if (chosen.empty()) return {};
        std::vector<std::int64_t> coordinates;
        std::vector<float> rows;
        coordinates.reserve(3 * chosen.size());
        rows.reserve(planes * chosen.size());
        for (const std::size_t place : chosen) {
            coordinates.insert(coordinates.end(), {sites_[place].x, sites_[place].y, sites_[place].z});
            rows.insert(rows.end(), &features[planes * place], &features[planes * place] + planes);
        }
        const scn::Tensor input({static_cast<std::int64_t>(chosen.size()), planes}, rows);
        const scn::Tensor output = network_(scn::points(coordinates, 3, input));
        const scn::Shape shape = output.shape();
        if (shape.size() != 2 || shape[0] != input.shape()[0] || shape[1] < static_cast<std::int64_t>(classes))
            throw std::runtime_error("the network does not give a row of at least " + std::to_string(classes) +
                                     " numbers for each site");
        if (columns_ == 0) {
            columns_ = static_cast<std::size_t>(shape[1]);
            kept_.assign(columns_ * size(), 0);
        }
        const scn::Span<float> values = output.values();
        return {values.begin(), values.end()};
    }

    scn::Module network_;
    double voxel_size_;
    std::int64_t margin_;  // Blocks.
    std::size_t columns_ = 0;
    std::unordered_map<Site, std::size_t, SiteHash> places_;
    std::unordered_map<Site, std::vector<std::size_t>, SiteHash> blocks_;
    std::vector<Site> sites_;
    std::vector<int> counts_;
    std::vector<double> sums_;     // Of colors, normals and positions, of each site.
    std::vector<float> features_;  // As they are now,
    std::vector<float> used_;      // and as they were when the network last saw them as changed.
    std::vector<float> kept_;      // What the network said, a row for each site.
    std::vector<std::size_t> changed_;
};

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// The smallest value that a fraction of the values does not exceed.
double quantile(std::vector<double> values, double fraction) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const double place = std::ceil(fraction * static_cast<double>(values.size())) - 1;
    return values[static_cast<std::size_t>(std::max(place, 0.0))];
}

void run(const std::vector<std::string> &arguments) {
    const std::size_t first_frame = 4;
    char *end = nullptr;
    const double voxel_size = std::strtod(arguments[1].c_str(), &end);
    if (*end != 0 || !(voxel_size > 0) || !std::isfinite(voxel_size))
        throw std::runtime_error("voxel_size: is " + arguments[1] + ", expected meters above 0");
    const long margin = std::strtol(arguments[2].c_str(), &end, 10);
    if (*end != 0 || end == arguments[2].c_str() || margin < 0 || margin > 1000)
        throw std::runtime_error("margin: is " + arguments[2] + ", expected a whole number, 0 ... 1000");
    scn::require_compatible_library();
    Map map(scn::checkpoint_open(arguments[0]).optimize_for_inference(), voxel_size, margin);
    const scn::NoGradientRecording recording_is_off;
    std::vector<double> merging, of_changed, of_whole;
    std::vector<float> whole;
    double seen = 0, agreeing = 0, sites = 0;
    const std::size_t frames = arguments.size() - first_frame;
    const Clock::time_point start = Clock::now();
    double last_shown = 0;
    for (std::size_t number = 0; number < frames; number++) {
        const std::string &path = arguments[first_frame + number];
        const Frame frame = read_frame(path);
        Clock::time_point begin = Clock::now();
        map.add(frame, path);
        merging.push_back(milliseconds_since(begin));
        begin = Clock::now();
        const std::size_t through = map.segment_changed();
        of_changed.push_back(milliseconds_since(begin));
        begin = Clock::now();
        whole = map.segment_whole();
        of_whole.push_back(milliseconds_since(begin));
        if (map.size() > 0) {
            agreeing += static_cast<double>(map.agreeing(whole));
            sites += static_cast<double>(map.size());
            seen += static_cast<double>(through) / static_cast<double>(map.size());
        }
        const double elapsed = milliseconds_since(start) / 1000;
        if (elapsed - last_shown > 2 || number + 1 == frames) {
            last_shown = elapsed;
            const double rate = static_cast<double>(number + 1) / elapsed;
            std::fprintf(stderr, "frame %zu of %zu, %.1f frames/s, %.0f s left\n", number + 1, frames, rate,
                         static_cast<double>(frames - number - 1) / rate);
        }
    }
    map.write(arguments[3], whole);
    std::printf("%zu frames, %zu sites; ms a frame, median and 95th percentile: merging %.1f, %.1f; what changed %.1f, "
                "%.1f (%.0f%% of the sites); the whole map %.1f, %.1f; same class on %.2f%% of the sites\n",
                frames, map.size(), quantile(merging, 0.5), quantile(merging, 0.95), quantile(of_changed, 0.5),
                quantile(of_changed, 0.95), 100 * seen / static_cast<double>(frames), quantile(of_whole, 0.5),
                quantile(of_whole, 0.95), 100 * agreeing / std::max(sites, 1.0));
}

}  // namespace

int main(int count, char **values) {
    const std::vector<std::string> arguments(values + 1, values + count);
    if (arguments.size() < 5) {
        std::fprintf(stderr, "usage: %s network.safetensors voxel_size margin result.bin frame ...\n", values[0]);
        return 2;
    }
    try {
        run(arguments);
    } catch (const std::exception &error) {
        return std::fprintf(stderr, "%s\n", error.what()), 1;
    }
    return 0;
}
