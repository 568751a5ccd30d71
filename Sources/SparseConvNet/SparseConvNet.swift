/// Submanifold sparse convolutional networks on a CPU: everything that a Swift program needs, under one import.
@_exported public import SCNCore
@_exported public import SCNGeometry
@_exported public import SCNNN
@_exported public import SCNOps
