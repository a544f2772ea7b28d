import Configuration
import Datasets

extension Dataset {
  /// Opens files with the memory that this job may use.
  ///
  /// - Parameters:
  ///   - configuration: files, fields and splits.
  ///   - folder: where relative paths are looked for before `AIMASS_DATA`.
  ///   - fields: the fields to deliver, in this order.
  ///   - memoryBytes: what the job may use of a node; nil is what it may use of this one.
  /// - Throws: ``DatasetError``.
  convenience init(
    ofJob configuration: DataConfiguration, relativeTo folder: String, fields: [String],
    memoryBytes: Int? = nil
  ) throws(DatasetError) {
    try self.init(
      configuration, relativeTo: folder, fields: fields,
      memoryBytes: memoryBytes ?? TrainingSetUp.memoryBytes())
  }
}
