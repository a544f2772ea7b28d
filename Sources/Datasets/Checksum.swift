import Tensors

/// The checksum of a chunk.
enum Checksum {
  /// HDF5's Fletcher32 of `count` bytes.
  static func fletcher32(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt32 {
    Kernels.fletcher32(bytes, count)
  }
}
