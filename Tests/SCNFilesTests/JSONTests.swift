import SCNCore
import Testing

@testable import SCNFiles

@Suite struct JSONTests {
    @Test func readsEveryKindOfValue() throws {
        let text = " {\"a\" : [null,true,false, -12, 0, 1.5, -0.0, 2E3, 1e-2],\n\t\"b\":{},\"c\":[], \"d\":\"x\"}\r\n"
        let expected = JSON.object([
            (
                "a",
                .array([
                    .null, .bool(true), .bool(false), .integer(-12), .integer(0), .number(1.5), .number(-0.0),
                    .number(2000), .number(0.01),
                ])
            ), ("b", .object([])), ("c", .array([])), ("d", .string("x")),
        ])
        #expect(try parsed(text) == expected)
        #expect(try parsed(expected.text()) == expected)
    }

    @Test func integersAreExact() throws {
        #expect(try parsed("9223372036854775807") == .integer(.max))
        #expect(try parsed("-9223372036854775808") == .integer(.min))
        #expect(try parsed("-0") == .integer(0))
    }

    @Test(arguments: [
        ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\u{8}\u{C}\n\r\t"), ("\"\\u00e9\\u0000\"", "é\0"),
        ("\"\\uD83D\\uDE00 \\ud83d\\ude00\"", "😀 😀"), ("\"\\udbff\\udfff\"", "\u{10FFFF}"),
        ("\"é😀\u{7F}\"", "é😀\u{7F}"),
    ]) func decodesStrings(text: String, expected: String) throws {
        #expect(try parsed(text) == .string(expected))
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}",
        "{\"a\":1 \"b\":2}", "]", "nul", "True", "nullx", "1 2", "01", "-", "+1", ".5", "1.", "1.e3", "1e", "1e+",
        "--1",
        "0x10", "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9223372036854775808", "-9223372036854775809", "\"",
        "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u+123\"", "\"\\ud800\"", "\"\\udc00\"",
        "\"\\ud800\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"a\nb\"", "\"\t\"", "\"\0\"", "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":2}", "\u{FEFF}1", "'a'", "/**/1", "[1]]", "\u{A0}1",
    ]) func refuses(text: String) throws {
        let error = try failure { _ = try parsed(text) }
        #expect(error.kind == .format)
        #expect(error.message.hasPrefix("byte "))
    }

    @Test(
        arguments: [
            [0x80], [0xC3], [0xC0, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF],
        ] as [[UInt8]]) func refusesInvalidUTF8(bytes: [UInt8]) throws
    {
        let text = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
        let storage = try Storage(text)
        let error = try failure { _ = try JSONDocument(storage) }
        #expect(error == SCNError(.format, "byte 0: a string that is not valid UTF-8"))
    }

    @Test func errorsNameThePlace() throws {
        #expect(try failure { _ = try parsed("[1, x]") }.message == "byte 4: a value expected, 'x' found")
        #expect(try failure { _ = try parsed("[1, 2") }.message == "byte 5: ',' or ']' expected, the text ends")
        #expect(try failure { _ = try parsed("{\"k\":1,\"k\":2}") }.message == "byte 7: duplicate key 'k'")
    }

    @Test func depthIsLimited() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[{\"a\":", count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2)
        }
        let deepest = try parsed(nested(64))
        #expect(try deepest.text() == nested(64))
        #expect(try failure { _ = try parsed(nested(66)) }.message.contains("nest deeper than 64"))
        #expect(try failure { _ = try parsed(String(repeating: "[", count: 10_000)) }.kind == .format)
        #expect(try failure { _ = try parsed(nested(10_000)) }.kind == .format)
        #expect(try failure { _ = try JSON.array([deepest]).text() }.kind == .invalidArgument)
        #expect(try JSON.array([deepest]).text(depthLimit: 65) == "[" + nested(64) + "]")
        #expect(try parsed(nested(300), depthLimit: 300).text(depthLimit: 300) == nested(300))
    }

    @Test func valuesAreCounted() throws {
        let text = "[" + String(repeating: "0,", count: 4_000_000) + "0]"
        #expect(try failure { _ = try parsed(text) }.message.contains("more than 4000000 values"))
    }

    @Test func numbersAndStringsThatAreAskedForAreShort() throws {
        let digits = String(repeating: "1", count: 1000)
        #expect(try parsed("0." + digits.dropLast(2)) == .number(Double("0." + digits)!))
        #expect(
            try failure { _ = try parsed("0." + digits) }.message == "byte 0: a number of more than 1000 characters")
        #expect(try failure { _ = try parsed("1" + digits) }.message == "byte 0: an integer beyond 64 bits")
        let json = try JSONDocument(
            "{\"s\":\"\(digits)\",\"l\":\"\(digits)x\",\"is\":[\(String(repeating: "0,", count: 64))0]}"
        ).root
        #expect(try json.string("s") == digits)
        #expect(
            try failure { _ = try json.string("l") }.message == "l: is a string of more than 1000 bytes, expected fewer"
        )
        #expect(
            try failure { _ = try json.ints("is") }.message
                == "is: is an array of more than 64 elements, expected fewer")
        #expect(try json.ints("is", limit: 65).count == 65)
    }

    /// Few keys are compared with each other, many are looked up.
    @Test(arguments: [2, 8, 9, 1000]) func duplicateKeysAreFoundHoweverTheyAreWritten(count: Int) throws {
        let keys = (0..<count).map { "\"k\($0)\":{}" }
        #expect(
            try parsed("{" + keys.joined(separator: ",") + "}") == .object((0..<count).map { ("k\($0)", .object([])) }))
        for key in ["\"k0\"", "\"\\u006b0\"", "\"k\\u0030\""] {
            let text = "[{" + keys.joined(separator: ",") + ",\(key):1}]"
            let place = text.utf8.count - key.utf8.count - 4
            #expect(try failure { _ = try parsed(text) }.message == "byte \(place): duplicate key 'k0'")
        }
        #expect(try parsed("{" + keys.joined(separator: ",") + ",\"k\":1,\"k00\":2}") != .null)
    }

    @Test func writesStringsThatReadBack() throws {
        let all = String(String.UnicodeScalarView((0...0x2FF).map { UnicodeScalar($0)! })) + "\u{2028}😀\u{10FFFF}"
        let text = try JSON.string(all).text()
        #expect(try parsed(text) == .string(all))
        #expect(text.utf8.allSatisfy { $0 >= 0x20 })
        #expect(try JSON.string("a\"\\\n\u{1}\u{1F}é/").text() == "\"a\\\"\\\\\\n\\u0001\\u001fé/\"")
    }

    @Test func writesNumbersThatReadBack() throws {
        var random = Random(seed: 3)
        var values = [
            0, -0.0, 0.1, 1e-5, 1e16, 1e22, 1e300, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
            .leastNormalMagnitude, -2,
        ]
        values += (0..<2000).map { _ in Double(bitPattern: random.next()) }.filter(\.isFinite)
        for value in values {
            guard case .number(let read) = try parsed(JSON.number(value).text()) else {
                Issue.record("\(value) reads back as another kind")
                continue
            }
            #expect(read.bitPattern == value.bitPattern)
        }
        for value in [Double.nan, .infinity, -.infinity] {
            #expect(try failure { _ = try JSON.array([.number(value)]).text() }.kind == .invalidArgument)
        }
        #expect(try failure { _ = try JSON.object([("a", .null), ("a", .null)]).text() }.kind == .invalidArgument)
    }

    @Test func accessorsNameTheKey() throws {
        let json = try JSONDocument(
            "{\"i\":3,\"d\":0.5,\"s\":\"x\",\"b\":true,\"n\":null,\"is\":[1,2],\"ds\":[1,2.5],\"ss\":[\"a\"],\"o\":{\"k\":1}}"
        ).root
        #expect(try json.int("i") == 3)
        #expect(try json.int("i", in: 3...3) == 3)
        #expect(try json.double("d") == 0.5)
        #expect(try json.double("i") == 3)
        #expect(try json.string("s") == "x")
        #expect(try json.ints("is") == [1, 2])
        #expect(try json.array("is").map(tree) == [.integer(1), .integer(2)])
        #expect(try json["o"].int("k") == 1)
        #expect(json.find("n")?.kind == .null)
        #expect(json.find("nothing")?.kind == nil)
        #expect(json.find("n")?.find("n")?.kind == nil)

        func message(_ body: () throws -> Void) throws -> String {
            let error = try failure(body)
            #expect(error.kind == .format)
            return error.message
        }
        #expect(try message { _ = try json.int("x") } == "x: is missing")
        #expect(try message { _ = try json.int("d") } == "d: is 0.5, expected an integer")
        #expect(
            try message { _ = try json.int("i", in: 4...9) } == "i: is 3, expected an integer from 4 to 9")
        #expect(try message { _ = try json.string("n") } == "n: is null, expected a string")
        #expect(try message { _ = try json.double("s") } == "s: is the string 'x', expected a number")
        #expect(try message { _ = try json.array("o") } == "o: is an object, expected an array")
        #expect(try message { _ = try json.double("is") } == "is: is an array, expected a number")
        #expect(try message { _ = try json.ints("ds") } == "ds[1]: is 2.5, expected an integer")
        #expect(
            try message { _ = try JSONDocument("1").root["k"] }
                == "k: is missing in 1, expected an object with this key")
    }
}
