/// Several calls as one, kept or put back together.
public enum Scope {
    /// Runs `body`, whose calls on this thread count as one: where it throws, the running statistics, spectral norms,
    /// forward counts, geometries and the generator that they changed are put back.
    ///
    /// Gradients and what an optimizer wrote stay. What would be put back is kept in memory until then. Scopes nest.
    ///
    /// - Parameter seed: If given, calls draw from a stream of their own, which begins with this seed, and the
    ///   generator stays as it is.
    public static func run<R, E: Error>(seed: UInt64? = nil, _ body: () throws(E) -> R) throws(E) -> R {
        guard let seed else { return try Transaction.run(body) }
        return try Transaction.run(drawingFrom: Random(seed: seed), body)
    }
}
