package import SCNCore

extension Rulebook {
    /// The rules of a submanifold filter: output row o reads, under filter offset k, the row of the site
    /// `o + filter.offset(k)` where that is active.
    package static func submanifold(_ sites: SiteSet, _ filter: FilterGeometry) throws(SCNError) -> Rulebook {
        try require(
            filter.kind.keepsSites && filter.dimension == sites.dimension, .shape,
            "filter: has dimension \(filter.dimension), expected \(sites.dimension), that of the sites")
        return try between(sites, sites, SiteRelation(filter))
    }

    /// The rules from one site set to another: output row o reads, under filter offset k, the row of the site i where
    /// `i * inputStride = o * outputStride + offset(k)` on each axis.
    ///
    /// On an axis, with strides a and b that have no common divisor, and a constant D that makes places of coordinates,
    /// `i * a = o * b + D` holds for one residue of i modulo b and one of o modulo a alone, and then the quotients
    /// differ by a constant. So each offset is the intersection of two sorted arrays, one of them moved by a constant.
    package static func between(
        _ input: SiteSet, _ output: SiteSet, _ relation: SiteRelation
    ) throws(SCNError) -> Rulebook {
        for (sites, name) in [(input, "input sites"), (output, "output sites")] {
            try require(
                sites.dimension == relation.dimension, .shape,
                "\(name): have dimension \(sites.dimension), expected \(relation.dimension), that of the offsets")
        }
        let taps = try RelatedTaps(input, output, relation)
        let layout = try taps.layout(input, output)
        let classes = (
            try ClassifiedSites<UInt128>.classLayout(input, modulo: taps.inputModulus),
            try ClassifiedSites<UInt128>.classLayout(output, modulo: taps.outputModulus)
        )
        return layout.isWide || classes.0.isWide || classes.1.isWide
            ? try between(input, output, relation, taps, layout, UInt128.self)
            : try between(input, output, relation, taps, layout, UInt64.self)
    }

    private static func between<Key: SiteKey>(
        _ input: SiteSet, _ output: SiteSet, _ relation: SiteRelation, _ taps: RelatedTaps, _ layout: KeyLayout,
        _: Key.Type
    ) throws(SCNError) -> Rulebook {
        let inputs = try ClassifiedSites<Key>(input, modulo: taps.inputModulus, scaledBy: taps.inputScale, layout)
        let areOne =
            input === output && taps.inputModulus == taps.outputModulus && taps.inputScale == taps.outputScale
        let outputs =
            areOne
            ? inputs
            : try ClassifiedSites<Key>(output, modulo: taps.outputModulus, scaledBy: taps.outputScale, layout)
        let passes = try RelationPasses(relation, taps, layout, inputs, outputs)
        let symmetry = input === output ? relation.symmetry : nil
        let (volume, passCount) = (relation.volume, symmetry?.passCount ?? relation.volume)
        func offset(_ pass: Int) -> Int { symmetry?.offset(ofPass: pass) ?? pass }

        let counts = try Storage<Int64>(count: volume + 1, zeroed: true)
        let counter = counts.pointer
        // Whole rows of the last axis where neighbors are found together, enough pieces for an even load, or steps
        // worth waking a thread; the cut does not show in the result.
        let row = KeyMatching<Key>.vectorized == nil ? relation.rowLength : 1
        let steps = max(1, max(input.count, output.count) * row)
        let size = max(1, passCount / row / ChunkSizes.matchedPieces, ChunkSizes.stepsWorthAThread / steps) * row
        let chunks = Parallel.chunkCount(passCount, size: size)
        func range(_ chunk: Int) -> Range<Int> { chunk * size..<min(passCount, (chunk + 1) * size) }
        var pieces = [Result<RowPairs, SCNError>?](repeating: nil, count: chunks)
        pieces.withUnsafeMutableBufferPointer { pieces in
            nonisolated(unsafe) let pieces = pieces
            Parallel.forEach(chunks) { chunk in
                pieces[chunk] = Result { () throws(SCNError) in
                    try passes.matches(range(chunk), offset, counts: counter + 1)
                }
            }
        }
        var lists: [RowPairs] = []
        for piece in pieces { if let pairs = try piece?.get() { lists.append(pairs) } }
        if let symmetry {
            for pass in 0..<passCount {
                let k = symmetry.offset(ofPass: pass)
                counter[symmetry.image(k) + 1] = counter[k + 1]
            }
            if let center = passes.center { counter[center + 1] = Int64(input.count) }
        }
        for k in 0..<volume { counter[k + 1] += counter[k] }
        try require(
            counter[volume] <= Int64(Int32.max), .overflow,
            "a rulebook of more than \(Int32.max) rules is not possible")

        let (storedInputs, storedOutputs) = (
            try Storage<Int32>(count: Int(counter[volume])), try Storage<Int32>(count: Int(counter[volume]))
        )
        let (inputRow, outputRow) = (storedInputs.pointer, storedOutputs.pointer)
        let (rowOfInput, rowOfOutput) = (inputs.rows?.pointer, outputs.rows?.pointer)
        Parallel.forEach(chunks) { chunk in
            var first = 0
            for pass in range(chunk) {
                let k = offset(pass)
                let pairs = first..<first + Int(counter[k + 1] - counter[k])
                lists[chunk].copy(pairs, to: Int(counter[k]), (inputRow, rowOfInput), (outputRow, rowOfOutput))
                if let symmetry {
                    lists[chunk].copy(pairs, to: Int(counter[symmetry.image(k)]), (outputRow, nil), (inputRow, nil))
                }
                first = pairs.upperBound
            }
        }
        if symmetry != nil, let center = passes.center {
            let start = Int(counter[center])
            for row in 0..<input.count {
                inputRow[start + row] = Int32(truncatingIfNeeded: row)
                outputRow[start + row] = Int32(truncatingIfNeeded: row)
            }
        }
        withExtendedLifetime((inputs, outputs)) {}
        return Rulebook(
            offsets: counts, inputRows: storedInputs, outputRows: storedOutputs, inputCount: input.count,
            outputCount: output.count)
    }
}
