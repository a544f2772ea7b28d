/// A check that did not hold, or a failure made on purpose.
struct CheckFailure: Error, CustomStringConvertible {
  let description: String
  /// The exit code it asks for.
  let status: Int32

  init(_ description: String, status: Int32 = 70) {
    self.description = description
    self.status = status
  }
}

/// Throws unless two values are equal.
///
/// - Parameters:
///   - found: what came out.
///   - expected: what should have.
///   - what: what was looked at; built only on failure.
/// - Throws: ``CheckFailure`` with both.
func expectEqual<Value: Equatable>(
  _ found: Value, _ expected: Value, _ what: @autoclosure () -> String
) throws {
  guard found != expected else { return }
  throw CheckFailure("\(what()): found \(found), expected \(expected)")
}

/// Throws unless two long arrays are equal, naming the first difference.
///
/// - Parameters:
///   - found: what came out.
///   - expected: what should have.
///   - what: what was looked at; built only on failure.
/// - Throws: ``CheckFailure`` with the place.
func expectSame<Value: Equatable>(
  _ found: [Value], _ expected: [Value], _ what: @autoclosure () -> String
) throws {
  guard found != expected else { return }
  guard found.count == expected.count else {
    throw CheckFailure("\(what()): found \(found.count) scalars, expected \(expected.count)")
  }
  for index in found.indices where found[index] != expected[index] {
    throw CheckFailure("\(what()): [\(index)] is \(found[index]), expected \(expected[index])")
  }
}
