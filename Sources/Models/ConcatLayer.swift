import Tensors

/// Every branch sees the input; the outputs are joined on the last axis.
final class ConcatLayer: Layer {
  let input: Value
  let output: Value
  var readsOutput: Bool { false }
  var tape: Tape { .apart }
  private let branches: [Branch]
  /// The way back is the reverse of the way there, so that finished slots form one run.
  private let reversed: [Branch]
  private let index: Int
  private let rows: Extent
  private let width: Int
  private let inputScalars: Extent
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// A chain, its columns in the output, and where its gradients lie.
  private final class Branch {
    let chain: Chain
    let column, width: Int
    var outputGradient: Place?
    var inputGradient: Place?

    init(chain: Chain, column: Int, width: Int) {
      self.chain = chain
      self.column = column
      self.width = width
    }
  }

  /// A concatenation of chains with the same input and equal leading extents.
  ///
  /// `index` is its place among the model's summaries.
  init(input: Value, output: Value, chains: [Chain], index: Int) {
    self.input = input
    self.output = output
    self.index = index
    var column = 0
    branches = chains.map { chain in
      defer { column += chain.output.channels }
      return Branch(chain: chain, column: column, width: chain.output.channels)
    }
    reversed = branches.reversed()
    rows = output.rows
    width = output.channels
    inputScalars = input.scalars
  }

  func forward(_ group: Group) {
    for branch in branches {
      branch.chain.forward(group)
      join(branch, group)
    }
  }

  func forwardAgain(_ group: Group, needsOutput: Bool) {
    for branch in branches {
      let chain = branch.chain
      chain.forwardAgain(group, needsOutput: needsOutput || chain.readsOutput)
      if needsOutput { join(branch, group) }
    }
  }

  /// Copies a branch into its columns.
  private func join(_ branch: Branch, _ group: Group) {
    group.observer?.forward(layer: index)
    for pass in group.passes {
      Kernels.copyColumns(
        rows: pass.count(rows), width: branch.width,
        source: pass.floats(branch.chain.output.place), sourceStride: branch.width,
        destination: pass.floats(output.place) + branch.column, destinationStride: width)
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    var sum: Gradient?
    for branch in reversed where branch.chain.output.requiresGradient {
      let slice = slabs.acquire(branch.chain.output.count)
      branch.outputGradient = slice.place
      guard let result = branch.chain.planBackward(slice, &slabs) else { continue }
      branch.inputGradient = result.place
      if sum == nil { sum = result } else { slabs.release(result) }
    }
    slabs.release(gradient)
    inputGradient = sum?.place
    return sum
  }

  func backward(_ group: Group) {
    for branch in reversed {
      guard let slice = branch.outputGradient else { continue }
      for pass in group.passes {
        Kernels.copyColumns(
          rows: pass.count(rows), width: branch.width,
          source: UnsafePointer(pass.floats(outputGradient)) + branch.column, sourceStride: width,
          destination: pass.floats(slice), destinationStride: branch.width)
      }
      branch.chain.backward(group)
      group.observer?.backward(layer: index)
      // The last branch's gradient is where the others are added.
      guard let inputGradient, let own = branch.inputGradient, own != inputGradient else {
        continue
      }
      for pass in group.passes {
        Kernels.addInto(
          count: pass.count(inputScalars), source: pass.floats(own),
          destination: pass.floats(inputGradient))
      }
    }
  }
}
