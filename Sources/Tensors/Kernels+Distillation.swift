extension Kernels {
  /// What softened classes miss of a teacher's: Σ over the rows of `KL(p ‖ q)` with `q = softmax(z / T)`.
  ///
  /// Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015.
  ///
  /// - Parameters:
  ///   - rows: n.
  ///   - classes: Y.
  ///   - logits: z, `[n, Y]`.
  ///   - targets: p, `[n, Y]`, each row adding up to 1.
  ///   - temperature: T, above 0.
  ///   - scale: factor of the gradient with respect to `z / T`, not of the returned sum.
  ///   - scratch: Y floats, overwritten.
  ///   - gradient: receives, added, `scale · (q − p)`.
  /// - Returns: the unscaled sum in Float64, in the order of the rows.
  public static func softClasses(
    rows: Int, classes: Int, logits: ConstantFloats, targets: ConstantFloats, temperature: Float,
    scale: Float, scratch: Floats, gradient: Floats
  ) -> Double {
    table.pointee.softClasses(
      Int64(rows), Int64(classes), logits, targets, 1 / temperature, scale, scratch, gradient)
  }

  /// The same of yes-or-no outputs, `q = σ(z / T)`: the mean over a row's outputs, summed over the rows.
  ///
  /// - Parameters:
  ///   - count: rows times outputs.
  ///   - outputsPerRow: Y.
  ///   - logits: z, `[n, Y]`.
  ///   - targets: p, `[n, Y]` in `0 ... 1`.
  ///   - temperature: T, above 0.
  ///   - scale: factor of the gradient with respect to `z / T`, not of the returned sum.
  ///   - gradient: receives, added, `scale / Y · (q − p)`.
  /// - Returns: the unscaled sum in Float64.
  public static func softAnswers(
    count: Int, outputsPerRow: Int, logits: ConstantFloats, targets: ConstantFloats,
    temperature: Float, scale: Float, gradient: Floats
  ) -> Double {
    table.pointee.softAnswers(
      Int64(count), Int64(outputsPerRow), logits, targets, 1 / temperature, scale, gradient)
  }
}
