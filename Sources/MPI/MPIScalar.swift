import COpenMPI

/// A scalar that MPI can move and reduce without conversion.
///
/// There is exactly one MPI datatype per conforming type, so a call can never pair a `Float` buffer
/// with `MPI_DOUBLE`. Conform no type outside this module.
///
/// - MPI standard: 3.1, section 3.2.2.
public protocol MPIScalar: BitwiseCopyable, Numeric, Sendable {
  /// The datatype that has this type's size and representation.
  static var datatype: Datatype { get }
}

/// A predefined MPI datatype.
public struct Datatype {
  let handle: MPI_Datatype?
}

extension Float: MPIScalar {
  /// `MPI_FLOAT`.
  public static var datatype: Datatype { .init(handle: COpenMPI_float()) }
}
extension Double: MPIScalar {
  /// `MPI_DOUBLE`.
  public static var datatype: Datatype { .init(handle: COpenMPI_double()) }
}
extension Int32: MPIScalar {
  /// `MPI_INT32_T`.
  public static var datatype: Datatype { .init(handle: COpenMPI_int32()) }
}
extension Int64: MPIScalar {
  /// `MPI_INT64_T`.
  public static var datatype: Datatype { .init(handle: COpenMPI_int64()) }
}
extension UInt8: MPIScalar {
  /// `MPI_UINT8_T`.
  public static var datatype: Datatype { .init(handle: COpenMPI_uint8()) }
}
extension UInt32: MPIScalar {
  /// `MPI_UINT32_T`.
  public static var datatype: Datatype { .init(handle: COpenMPI_uint32()) }
}
extension UInt64: MPIScalar {
  /// `MPI_UINT64_T`.
  public static var datatype: Datatype { .init(handle: COpenMPI_uint64()) }
}

/// An element-wise reduction.
public struct ReductionOperator {
  let handle: MPI_Op?

  /// Addition; of floats the last bits depend on the number of ranks.
  public static var sum: ReductionOperator { .init(handle: COpenMPI_op_sum()) }
  /// The smallest value.
  public static var minimum: ReductionOperator { .init(handle: COpenMPI_op_min()) }
  /// The largest value.
  public static var maximum: ReductionOperator { .init(handle: COpenMPI_op_max()) }
}
