extension Reference {
  /// Where the parts of one term of a convolution lie in their arrays.
  private struct Place {
    let input: Int
    let weight: Int
    let output: Int
  }

  /// Visits every product of a convolution of `samples` images once.
  private static func visit(
    _ g: ConvolutionGeometry, samples: Int, _ body: (Place) -> Void
  ) {
    let C = g.channels / g.groups
    let O = g.outChannels / g.groups
    for n in 0..<samples {
      for i in 0..<g.outHeight {
        for j in 0..<g.outWidth {
          for k in 0..<g.kernel[0] {
            let y = i * g.stride[0] - g.padding[0] + k * g.dilation[0]
            guard y >= 0 && y < g.height else { continue }
            for l in 0..<g.kernel[1] {
              let x = j * g.stride[1] - g.padding[1] + l * g.dilation[1]
              guard x >= 0 && x < g.width else { continue }
              let pixel = ((n * g.height + y) * g.width + x) * g.channels
              let target = ((n * g.outHeight + i) * g.outWidth + j) * g.outChannels
              let tap = (k * g.kernel[1] + l) * C
              for o in 0..<g.outChannels {
                for c in 0..<C {
                  body(
                    Place(
                      input: pixel + o / O * C + c, weight: (tap + c) * g.outChannels + o,
                      output: target + o))
                }
              }
            }
          }
        }
      }
    }
  }

  /// The convolution of `samples` images, `[n, outHeight, outWidth, O]`.
  package static func convolution(
    _ g: ConvolutionGeometry, samples: Int, input: ConstantFloats, weights: ConstantFloats,
    bias: ConstantFloats?
  ) -> [Sum] {
    var sums = [Sum](repeating: Sum(), count: samples * g.outHeight * g.outWidth * g.outChannels)
    if let bias {
      for index in sums.indices { sums[index].add(Double(bias[index % g.outChannels])) }
    }
    visit(g, samples: samples) {
      sums[$0.output].add(Double(input[$0.input]) * Double(weights[$0.weight]))
    }
    return sums
  }

  /// The gradient of the input, `[n, H, W, C]`.
  package static func convolutionInputGradient(
    _ g: ConvolutionGeometry, samples: Int, outputGradient: ConstantFloats, weights: ConstantFloats
  ) -> [Sum] {
    var sums = [Sum](repeating: Sum(), count: samples * g.height * g.width * g.channels)
    visit(g, samples: samples) {
      sums[$0.input].add(Double(outputGradient[$0.output]) * Double(weights[$0.weight]))
    }
    return sums
  }

  /// The gradient of the weights, `[KH, KW, C / groups, O]`.
  package static func convolutionWeightGradient(
    _ g: ConvolutionGeometry, samples: Int, input: ConstantFloats, outputGradient: ConstantFloats
  ) -> [Sum] {
    var sums = [Sum](repeating: Sum(), count: g.weightCount)
    visit(g, samples: samples) {
      sums[$0.weight].add(Double(input[$0.input]) * Double(outputGradient[$0.output]))
    }
    return sums
  }

  /// Column sums of `[rows, width]`.
  package static func sumRows(rows: Int, width: Int, values: ConstantFloats) -> [Sum] {
    var sums = [Sum](repeating: Sum(), count: width)
    for index in 0..<rows * width { sums[index % width].add(Double(values[index])) }
    return sums
  }
}
