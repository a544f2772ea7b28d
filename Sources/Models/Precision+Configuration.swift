import Configuration
import Tensors

extension Precision {
  /// What a configuration asks for, for the kernels.
  public init(_ configured: TrainConfiguration.Precision) {
    switch configured {
    case .float32: self = .float32
    case .bfloat16: self = .bfloat16
    }
  }
}
