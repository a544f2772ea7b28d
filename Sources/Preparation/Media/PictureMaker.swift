import Configuration

/// uint8 pictures `[H, W, C]` out of PNG and JPEG files.
struct PictureMaker: FieldMaker {
  let description: FieldDescription
  private let inputs: [MediaSource]
  private let height: Int
  private let width: Int
  private let channels: Int
  private let resizes: Bool
  private let crops: Bool

  /// Checks the files of an image field.
  ///
  /// - Parameters:
  ///   - field: the recipe's options.
  ///   - input: the sources.
  /// - Throws: ``PreparationError`` where pictures and options do not fit, naming the first picture.
  init(_ field: ImageField, _ input: FieldInput) throws {
    inputs = try input.parts.map { part in
      guard case .media(let media) = part, media.content == .images else {
        throw input.bad("all splits must give it pictures from files, or none")
      }
      return media
    }
    let sizes = inputs.flatMap(\.verdicts).compactMap { verdict -> [Int]? in
      if case .image(let height, let width, let channels) = verdict {
        [height, width, channels]
      } else {
        nil
      }
    }
    let first = sizes.first ?? [1, 1, 1]
    let shape = field.shape ?? Array(first.prefix(2)) + [sizes.map { $0[2] }.max() ?? 1]
    if let resize = field.resize, field.shape != nil, Array(shape.prefix(2)) != resize {
      throw input.bad(
        "for pictures from files 'shape' is what is stored; it says \(shape), 'resize' \(resize)")
    }
    let size = field.resize ?? Array(shape.prefix(2))
    guard shape.count == 3, [1, 3].contains(shape[2]),
      size.allSatisfy({ (1...16384).contains($0) })
    else {
      throw input.bad(
        "expected [height, width, channels] of 1 to 16384 with 1 or 3 channels, found \(shape)")
    }
    (height, width, channels) = (size[0], size[1], shape[2])
    resizes = field.resize != nil
    crops = field.crop == .center
    description = FieldDescription(
      name: input.name, modality: "image", element: .uint8, sampleShape: size + [shape[2]])
    if !resizes { try checkSizes(input) }
  }

  /// Without resizing, pictures have the stored size, or are cut to it.
  private func checkSizes(_ input: FieldInput) throws {
    for media in inputs {
      for row in media.files.indices {
        guard case .image(let found, let across, _) = media.verdicts[row] else { continue }
        let fits = crops ? found >= height && across >= width : [found, across] == [height, width]
        guard fits else {
          throw PreparationError(
            .badData,
            "\(media.place(row)): expected \(height) x \(width) pixels"
              + (crops ? " or more" : "")
              + " for field '\(input.name)', found \(found) x \(across);"
              + " set 'resize: [height, width]' of the field")
        }
      }
    }
  }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    var image = try inputs[origin].decoded(row) { bytes throws(BadFile) in
      try DecodedImage(bytes)
    }
    image = image.inChannels(channels)
    if crops {
      let window = resizes ? window(image) : (height, width)
      guard window.0 <= image.height, window.1 <= image.width else {
        throw PreparationError(
          .badData, "\(inputs[origin].place(row)): it has changed while it was being read")
      }
      image = image.center(window.0, window.1)
    }
    let output = target.assumingMemoryBound(to: UInt8.self)
    image.pixels.withUnsafeBufferPointer { pixels in
      guard let base = pixels.baseAddress else { return }
      if image.height == height, image.width == width {
        output.update(from: base, count: pixels.count)
      } else {
        BilinearResize(
          from: (image.height, image.width), to: (height, width), channels: channels
        ).apply(base, output)
      }
    }
  }

  /// The largest window of the stored aspect, in whole pixels, rounded down.
  private func window(_ image: DecodedImage) -> (Int, Int) {
    if image.height * width > image.width * height {
      return (max(1, image.width * height / width), image.width)
    }
    return (image.height, max(1, image.height * width / height))
  }
}
