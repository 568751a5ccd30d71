internal import SCNCore

/// Lists of layers as text: words with white space between them.
enum LayerList {
    /// A layer for each word, or a format error that says what was expected.
    static func parse<Layer>(
        _ text: String, expected: String, _ layer: (Substring) -> Layer?
    ) throws(SCNError) -> [Layer] {
        var layers: [Layer] = []
        let limit = Container.maximumOccurrences
        for word in text.split(maxSplits: limit, whereSeparator: \.isWhitespace) {
            try require(layers.count < limit, .state, "layers: more than \(limit) words, which no network can hold")
            guard let next = layer(word) else {
                throw SCNError(.format, "layers: \"\(word.prefix(40))\" is none of \(expected)")
            }
            layers.append(next)
        }
        return layers
    }

    /// A whole number of at least 1.
    static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let value = Int(text), value >= 1 else {
            return nil
        }
        return value
    }

    /// Exactly `count` such numbers with a separator between them.
    static func numbers(_ text: Substring, separator: Character, count: Int) -> [Int]? {
        let numbers = text.split(separator: separator, omittingEmptySubsequences: false).map(number)
        let known = numbers.compactMap { $0 }
        return known.count == count && numbers.count == count ? known : nil
    }
}
