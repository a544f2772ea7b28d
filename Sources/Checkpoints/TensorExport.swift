/// The tensors of a model as an exported safetensors file holds them, made for writing or for counting bytes.
public final class TensorExport {
  /// What the file says of itself.
  private let metadata: [String: String]
  private let written: [SafetensorsTensor]
  /// The memory that tensors point into which are not as they were.
  private let kept: [AnyObject]
  /// What will be written, but for the size of the file.
  public let report: ExportReport

  /// How what enters a layer is coded, for programs that compute with bytes.
  public struct Input: Sendable {
    let name: String
    let scale: Float
    let zeroPoint: UInt8

    /// The input of a layer, by the name of its weights: `LAYER.weight` gives `LAYER.input_scale` and
    /// `LAYER.input_zero_point`.
    public init(weight: String, scale: Float, zeroPoint: Int) {
      name = weight.hasSuffix(".weight") ? String(weight.dropLast(7)) : weight
      self.scale = scale
      self.zeroPoint = UInt8(clamping: zeroPoint)
    }
  }

  /// Lays tensors out.
  ///
  /// - Parameters:
  ///   - array: what the values are, `parameters` or `ema`.
  ///   - step: optimizer steps done.
  ///   - tensors: where each tensor lies.
  ///   - values: all scalars; must stay as they are as long as this lives.
  ///   - form: how tensors of two extents and more lie there; nil takes the one with the fewest bytes for each.
  ///   - coded: names of tensors that lie there as codes whatever the form.
  ///   - inputs: how what enters layers is coded.
  /// - Cost: one pass over the values, and memory for what lies there without its zeros.
  public init(
    _ array: String, step: Int, _ tensors: [TensorPlace], _ values: UnsafePointer<Float>,
    form: TensorForm?, coded: Set<String> = [], inputs: [Input] = []
  ) {
    metadata = ["format": "aimass", "array": array, "step": "\(step)"]
    var report = ExportReport(array: array)
    var written: [SafetensorsTensor] = []
    var kept: [AnyObject] = []
    for tensor in tensors {
      let floats = values + tensor.start
      let isMatrix = tensor.shape.count >= 2
      report.denseBytes += 4 * (tensor.range?.count ?? 0)
      let own = isMatrix ? form ?? SparseTensor.smallest(tensor.shape, floats) : .dense
      if own == .int8 || coded.contains(tensor.name),
        let codes = CodedTensor(tensor.name, tensor.shape, floats)
      {
        report.tensors[.int8, default: 0] += 1
        kept.append(codes)
        written += codes.parts
      } else if own == .dense || own == .int8 {
        report.tensors[.dense, default: 0] += 1
        written.append(SafetensorsTensor(name: tensor.name, shape: tensor.shape, floats: floats))
      } else {
        report.tensors[own, default: 0] += 1
        let sparse = SparseTensor(tensor.name, tensor.shape, floats, as: own)
        kept.append(sparse)
        written += sparse.parts
      }
    }
    for input in inputs {
      let codes = InputCodes(input.name, scale: input.scale, zeroPoint: input.zeroPoint)
      kept.append(codes)
      written += codes.parts
    }
    report.tensorBytes = written.reduce(0) { $0 + $1.bytes.count }
    (self.written, self.kept, self.report) = (written, kept, report)
  }

  /// The size of the file, header included.
  public var fileBytes: Int { SafetensorsWriter.byteCount(written, metadata: metadata) }

  /// Writes the file, which appears whole or not at all.
  ///
  /// - Parameter path: the file, which is replaced if it exists.
  /// - Returns: what was written.
  /// - Throws: `CheckpointError` naming the path.
  public func write(to path: String) throws -> ExportReport {
    var report = report
    try ModelFile.replace(path) { temporary in
      report.fileBytes = try SafetensorsWriter.write(written, metadata: metadata, to: temporary)
        .bytes
    }
    return report
  }
}
