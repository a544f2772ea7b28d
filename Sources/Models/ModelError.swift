/// Why a configuration cannot become a model of the given fields.
public struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of mistake it is.
  public let code: Code
  /// The dotted path of the layer, head or modality, for example `modalities.image.2`.
  public let path: String
  /// What was expected, what was found, and what to do.
  public let message: String

  /// The kinds of mistakes.
  public enum Code: Sendable, Equatable {
    /// No modality or no head, or two of one name.
    case structure
    /// A field that the data does not have.
    case missingField
    /// The shape that arrives does not suit the layer.
    case shape
    /// Numbers of the wrong kind: ids where values are needed, or values where ids are.
    case element
    /// A setting outside its range.
    case setting
    /// A head that does not fit its loss or its target.
    case head
    /// More memory than can be addressed.
    case size
  }

  /// `path: message`.
  public var description: String { "\(path): \(message)" }

  /// An error from its parts.
  init(_ code: Code, _ path: String, _ message: String) {
    self.code = code
    self.path = path
    self.message = message
  }
}
