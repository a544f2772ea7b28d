import HDF5

/// One field of a sample file to be written.
public struct SampleField: Sendable, Equatable {
  /// The field's name: the dataset's, under each split's group.
  public var name: String
  /// How its numbers are stored.
  public var element: Element
  /// The extents of one sample, `[]` for a single number; of one time step where the field is ragged.
  public var sampleShape: [Int]
  /// One letter per extent, `S` first, for example `SHWC`.
  public var axes: String
  /// What it is: `image`, `label`, `table`, `sound`, `text`, `ids`.
  public var modality: String
  /// The names of a label's classes, in order; empty where there are none.
  public var classes: [String]
  /// The number of classes or the vocabulary, where names are not known.
  public var classCount: Int?

  /// How numbers are stored.
  public enum Element: String, Sendable, Equatable, CaseIterable {
    /// Values 0 to 255.
    case uint8
    /// Amplitudes of sound.
    case int16
    /// Labels and ids.
    case int64
    /// Other values.
    case float32

    /// Bytes of one number.
    public var byteCount: Int {
      switch self {
      case .uint8: return 1
      case .int16: return 2
      case .int64: return 8
      case .float32: return 4
      }
    }
  }

  /// A field from its parts.
  ///
  /// - Parameters:
  ///   - name: the dataset's name under each split's group.
  ///   - element: how its numbers are stored.
  ///   - sampleShape: the extents of one sample, `[]` for a single number.
  ///   - axes: one letter per extent, `S` first.
  ///   - modality: what it is.
  ///   - classes: the names of a label's classes.
  ///   - classCount: the number of classes where names are not known.
  public init(
    name: String, element: Element, sampleShape: [Int], axes: String, modality: String,
    classes: [String] = [], classCount: Int? = nil
  ) {
    self.name = name
    self.element = element
    self.sampleShape = sampleShape
    self.axes = axes
    self.modality = modality
    self.classes = classes
    self.classCount = classCount
  }

  /// Y where known.
  var labelCount: Int? { classes.isEmpty ? classCount : classes.count }
}
