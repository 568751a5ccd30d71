import SCNCore
import SCNOps
import SCNTestSupport
import Testing

@Suite(.exclusive) struct LinearTests {
    struct Setup {
        var rows: Int
        var inPlanes: Int
        var outPlanes: Int
        var isTransposed: Bool
        var input: [Float]
        var weight: [Float]
        var bias: [Float]?
        var gradient: [Float]

        init(
            _ rows: Int, _ inPlanes: Int, _ outPlanes: Int, isTransposed: Bool, bias hasBias: Bool,
            _ random: inout Random
        ) {
            (self.rows, self.inPlanes, self.outPlanes, self.isTransposed) = (rows, inPlanes, outPlanes, isTransposed)
            input = random.floats(rows * inPlanes)
            weight = random.floats(inPlanes * outPlanes)
            bias = hasBias ? random.floats(outPlanes) : nil
            gradient = random.floats(rows * outPlanes)
        }

        func product(_ input: [Double], _ weight: [Double], _ bias: [Double]?) -> [Double] {
            RowOracle.linear(
                input, rows: rows, inPlanes: inPlanes, outPlanes: outPlanes, weight: weight,
                isTransposed: isTransposed, bias: bias)
        }
    }

    /// Output and the gradients by input, weight and bias.
    static func run(_ setup: Setup) throws -> [[Float]] {
        let input = try Matrix(rows: setup.rows, planes: setup.inPlanes, setup.input)
        let gradient = try Matrix(rows: setup.rows, planes: setup.outPlanes, setup.gradient)
        let (from, to) =
            setup.isTransposed ? (setup.outPlanes, setup.inPlanes) : (setup.inPlanes, setup.outPlanes)
        let weight = try Matrix(rows: from, planes: to, setup.weight)
        let (output, byInput) = (try unwritten(setup.rows, setup.outPlanes), try unwritten(setup.rows, setup.inPlanes))
        let (byWeight, byBias) = (try unwritten(from, to), try unwritten(1, setup.outPlanes))
        try LinearOperation.forward(
            input, weight: weight, weightIsTransposed: setup.isTransposed, bias: setup.bias.map(vector), into: output)
        try LinearOperation.backwardInput(
            gradient, weight: weight, weightIsTransposed: setup.isTransposed, into: byInput)
        try LinearOperation.backwardWeight(
            input: input, gradient: gradient, weightIsTransposed: setup.isTransposed, weightResult: byWeight,
            biasResult: byBias)
        return [output.elements, byInput.elements, byWeight.elements, byBias.elements]
    }

    /// By OpenBLAS, and by the convolution's loops.
    static func eachWay(_ body: (_ way: String) throws -> Void) rethrows {
        defer { LinearOperation.usesOpenBLAS = nil }
        for usesOpenBLAS in [true, false] {
            LinearOperation.usesOpenBLAS = usesOpenBLAS
            try body(usesOpenBLAS ? "OpenBLAS" : "own loops")
        }
    }

    @Test(arguments: [(1, 1), (3, 17), (37, 3), (17, 37)], [false, true])
    func agreesWithTheDefinition(planes: (in: Int, out: Int), isTransposed: Bool) throws {
        var random = Random(seed: 31)
        for (rows, hasBias) in [(0, true), (1, true), (5, false), (300, true), (3_000, false)] {
            let setup = Setup(rows, planes.in, planes.out, isTransposed: isTransposed, bias: hasBias, &random)
            let (input, weight, bias) = (setup.input.doubles, setup.weight.doubles, setup.bias?.doubles)
            let gradient = setup.gradient.doubles
            let limit = rows > 1_000 ? 3 : 40
            let zeros = [Double](repeating: 0, count: planes.out)
            try Self.eachWay { way in
                try withEachInstructionSet { name in
                    let results = try Self.run(setup)
                    #expect(worstError(results[0], setup.product(input, weight, bias)) < 2e-5, "\(way), \(name)")
                    // Linear in each argument: central differences are exact at any step.
                    let byInput = gradientError(results[1], at: input, step: 1, limit: limit) {
                        dot(setup.product($0, weight, nil), gradient)
                    }
                    #expect(byInput < 2e-5, "\(way), \(name)")
                    let byWeight = gradientError(results[2], at: weight, step: 1, limit: limit) {
                        dot(setup.product(input, $0, nil), gradient)
                    }
                    #expect(byWeight < 1e-4, "\(way), \(name)")
                    let byBias = gradientError(results[3], at: bias ?? zeros, step: 1, limit: limit) {
                        dot(setup.product(input, weight, $0), gradient)
                    }
                    #expect(byBias < 1e-4, "\(way), \(name)")
                }
            }
        }
    }

    @Test(arguments: [false, true]) func givesTheSameBitsOnAllThreadCounts(isTransposed: Bool) throws {
        var random = Random(seed: 32)
        let setup = Setup(20_000, 17, 37, isTransposed: isTransposed, bias: true, &random)
        try Self.eachWay { way in
            let agree = try bitsAgreeOnAllThreadCounts { try Self.run(setup) }
            #expect(agree, "\(way)")
        }
    }

    @Test func refusesWrongShapes() throws {
        let weight = try Matrix(zeros: 3, planes: 4)
        func kind(_ input: (Int, Int), _ output: (Int, Int)) -> SCNError.Kind? {
            thrownError {
                try LinearOperation.forward(
                    Matrix(zeros: input.0, planes: input.1), weight: weight, weightIsTransposed: false,
                    bias: nil, into: Matrix(zeros: output.0, planes: output.1))
            }?.kind
        }
        #expect(kind((5, 3), (5, 4)) == nil)
        #expect(kind((5, 3), (6, 4)) == .shape)
        #expect(kind((5, 0), (5, 4)) == .shape)
        #expect(kind((5, 3), (5, 0)) == .shape)
    }
}
