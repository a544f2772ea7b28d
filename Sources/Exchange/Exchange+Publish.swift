import MPI
import Parameters

extension Exchange {
  /// Copies every owner's part of `store` to all ranks.
  ///
  /// - Parameter store: holds this rank's owned range up to date; afterwards all of it is.
  /// - Throws: `MPIError` if the collective fails.
  /// - Cost: P floats received per rank.
  /// - MPI standard: 3.1, section 5.7 (`MPI_Allgatherv`, in place).
  public func publish(_ store: ParameterStore) throws {
    try world.allGatherInPlace(store.all, counts: ownedCounts)
  }

  /// Joins numbers measured per piece of the owned blocks into the numbers of all blocks.
  ///
  /// - Parameters:
  ///   - all: room for every rank's numbers in rank order; this rank's own must be in place.
  ///   - counts: how many numbers each rank contributes.
  /// - Throws: `MPIError` if the collective fails.
  public func join(_ all: UnsafeMutableBufferPointer<Double>, counts: [Int]) throws {
    try world.allGatherInPlace(all, counts: counts)
  }
}
