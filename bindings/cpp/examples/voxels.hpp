// From the points of a scene to the sparse tensor that a network takes; the same for training and for use.
#ifndef VOXELS_HPP
#define VOXELS_HPP

#include <scn.hpp>

#include "ply.hpp"

/// Sort a scene's points into voxels; each voxel gets the mean of its points' colors.
inline scn::Tensor voxels_of(const Scene &scene, double voxel_size) {
    scn::VoxelizeOptions options;
    options.spatial_size = 4096;  // Costs nothing, and divides by two at every level of a U-Net.
    const scn::Geometry geometry = scn::voxelize(3, scene.positions, voxel_size, options);
    return scn::sparse(geometry, 0, scn::voxel_features(geometry, scene.colors, 3));
}

#endif
