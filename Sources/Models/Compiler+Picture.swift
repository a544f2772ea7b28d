import Configuration
import Tensors

extension Compiler {
  /// `flip`, `randomCrop` and `cutout`: images stay what they are, but for what is moved or hidden.
  mutating func augmentedImage(
    _ configuration: FrontEndConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    let input = whole(context.input)
    let shape = input.shape
    guard shape.count == 2 || shape.count == 3 else {
      throw ModelError(
        .shape, context.path,
        "\(configuration.kind) expected images [H, W, C], found \(described(context.input))")
    }
    let image = ImageShape(
      height: shape[0], width: shape[1], channels: shape.count == 3 ? shape[2] : 1)
    let output = try output(
      shape, context.reading(input), requiresGradient: false, channelsFirst: input.channelsFirst)
    let (source, target, scalars, axis) = (input.place, output.place, input.scalars, input.axis)
    let path = pathHash(context.path)
    let layer = FrontEndLayer(input: input, output: output) { pass in
      let (x, y) = (pass.floats(source), pass.floats(target))
      guard pass.training else {
        Kernels.copy(count: pass.count(scalars), source: x, destination: y)
        return
      }
      // A sample has no image, one, or several that are treated alike.
      let offsets = axis.map { pass.offsets($0) }
      for sample in 0..<pass.samples {
        let random = PassRandom(
          seed: pass.seed, path: path, step: pass.step,
          sampleNumbers: pass.sampleNumbers + sample)
        let units = (offsets?[sample] ?? sample)..<(offsets?[sample + 1] ?? sample + 1)
        for unit in units {
          image.change(configuration, x + unit * image.count, y + unit * image.count, random)
        }
      }
    }
    return Compiled(layer: layer, output: output)
  }
}

/// The extents of one image.
private struct ImageShape {
  let height, width, channels: Int

  var count: Int { height * width * channels }

  func change(
    _ configuration: FrontEndConfiguration, _ x: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, _ random: PassRandom
  ) {
    switch configuration {
    case .randomCrop(let padding):
      Kernels.crop(
        samples: 1, height: height, width: width, channels: channels, padding: padding,
        random: random, x: x, y: y)
    case .cutout(let size):
      Kernels.cutout(
        samples: 1, height: height, width: width, channels: channels, size: size, random: random,
        x: x, y: y)
    default:
      Kernels.flip(
        samples: 1, height: height, width: width, channels: channels, random: random, x: x, y: y)
    }
  }
}
