extension EvaluationResult {
  /// One JSON object: `split`, `samples`, `loss` and each metric by name.
  ///
  /// With several heads their losses and metrics stand by head under `heads`. What is undefined is
  /// null; keys keep the order of the configuration; numbers are the shortest that read back equal.
  ///
  /// - Parameters:
  ///   - split: the name of the split.
  ///   - subsets: what was measured of subsets of the modalities; a list `subsets` of objects.
  ///   - ranking: what was measured of ranked lists; its metrics follow, and `rankedUsers`.
  /// - Returns: the object on one line, without a line break.
  public func json(
    split: String, subsets: [SubsetResult] = [], ranking: RankingResult? = nil
  ) -> String {
    var members = [("split", EvaluationResult.quoted(split))] + self.members
    if !subsets.isEmpty {
      members.append(("subsets", "[" + subsets.map(\.json).joined(separator: ", ") + "]"))
    }
    return EvaluationResult.object(members + (ranking?.members ?? []))
  }

  /// Samples, loss and metrics.
  fileprivate var members: [(String, String)] {
    var members = [("samples", "\(samples)"), ("loss", EvaluationResult.number(loss))]
    if heads.count == 1 {
      members += heads[0].members
    } else {
      let inner = heads.map { head in
        let loss = ("loss", EvaluationResult.number(head.loss))
        return (head.name, EvaluationResult.object([loss] + head.members))
      }
      members.append(("heads", EvaluationResult.object(inner)))
    }
    return members
  }

  fileprivate static func object(_ members: [(String, String)]) -> String {
    "{" + members.map { "\(quoted($0.0)): \($0.1)" }.joined(separator: ", ") + "}"
  }

  fileprivate static func number(_ value: Double?) -> String {
    value.map { "\($0)" } ?? "null"
  }

  fileprivate static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case let control where control.value < 0x20:
        let digits = String(control.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}

extension SubsetResult {
  /// One JSON object: `modalities`, then as of the whole.
  fileprivate var json: String {
    let names = modalities.map(EvaluationResult.quoted).joined(separator: ", ")
    return EvaluationResult.object([("modalities", "[\(names)]")] + result.members)
  }
}

extension HeadResult {
  /// The metrics as members of a JSON object.
  fileprivate var members: [(String, String)] {
    var members = metrics.map { ($0.name, EvaluationResult.number($0.value)) }
    if let confusion {
      let rows = confusion.map { "[" + $0.map(String.init).joined(separator: ", ") + "]" }
      members.append(("confusion", "[" + rows.joined(separator: ", ") + "]"))
    }
    if nonFinite > 0 { members.append(("nonFiniteSamples", "\(nonFinite)")) }
    if infeasible > 0 { members.append(("infeasibleSamples", "\(infeasible)")) }
    return members
  }
}

extension RankingResult {
  /// The users and metrics as members of a JSON object.
  fileprivate var members: [(String, String)] {
    [("rankedUsers", "\(users)")] + named.map { ($0.name, EvaluationResult.number($0.value)) }
  }

  /// One JSON object like an evaluation's, of a model that only ranks.
  ///
  /// - Parameters:
  ///   - split: the name of the split.
  ///   - samples: S of the split.
  /// - Returns: the object on one line, without a line break.
  public func json(split: String, samples: Int) -> String {
    EvaluationResult.object(
      [("split", EvaluationResult.quoted(split)), ("samples", "\(samples)")] + members)
  }
}
