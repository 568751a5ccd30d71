internal import CSCNKernels
internal import SCNCore

/// How often the kernels were called that gradients by parameters are made of.
package struct KernelCalls: Equatable, CustomStringConvertible {
    /// Of convolutions and dense products, over rows or runs of rules.
    package var weightGradients = 0
    /// Of biases.
    package var columnSums = 0
    /// Of normalizations.
    package var normSums = 0

    package init(weightGradients: Int = 0, columnSums: Int = 0, normSums: Int = 0) {
        self.weightGradients = weightGradients
        self.columnSums = columnSums
        self.normSums = normSums
    }

    package var description: String { "\(weightGradients) weights, \(columnSums) columns, \(normSums) norms" }

    /// Runs `body` on one thread with kernels that count; only in suites with the trait `exclusive`.
    package static func count(_ body: () throws -> Void) throws -> KernelCalls {
        let threads = Parallel.threadCount
        counted = KernelCalls()
        original = try Kernels.fitting([:])
        var table = original!
        table.convolution_weight_gradient = {
            counted.weightGradients += 1
            original!.convolution_weight_gradient($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        }
        table.convolution_weight_gradient_rows = {
            counted.weightGradients += 1
            original!.convolution_weight_gradient_rows($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        }
        table.dense_weight_gradient = {
            counted.weightGradients += 1
            original!.dense_weight_gradient($0, $1, $2, $3, $4, $5, $6, $7, $8)
        }
        table.column_sums = {
            counted.columnSums += 1
            original!.column_sums($0, $1, $2, $3, $4)
        }
        table.batch_norm_backward_sums = {
            counted.normSums += 1
            original!.batch_norm_backward_sums($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        }
        Parallel.threadCount = 1
        defer {
            Parallel.threadCount = threads
            Kernels.override = nil
        }
        try withUnsafePointer(to: table) {
            Kernels.override = $0
            try body()
        }
        return counted
    }
}

// C calls these kernels: they cannot capture.
private nonisolated(unsafe) var counted = KernelCalls()
private nonisolated(unsafe) var original: scn_kernel_table?
