import Configuration
import Foundation
import Preparation
import TestSupport
import Testing

/// Pictures and sounds that other programs wrote become what those programs read.
struct MediaOracleTests {
  @Test(.enabled(if: Python.has("numpy", "PIL"), "python3 with numpy and Pillow is not installed"))
  func picturesAsPillowReadsThem() throws {
    let bench = try Workbench()
    _ = try Python.run(
      MediaScripts.pictures, [bench.folder])
    for (folder, tolerance) in [("png", 0), ("jpg", 1)] {
      try bench.prepare(
        recipe(
          [("f", files(.images, .folder(folder)))], train: [("x", "f")],
          fields: [("x", .image(.init(shape: [37, 50, 3])))]))
      let found = try bench.bytes("train/x")
      let wanted = try bench.read("\(folder).raw")
      #expect(found.count == wanted.count)
      let worst = zip(found, wanted).map { abs(Int($0) - Int($1)) }.max() ?? 255
      #expect(worst <= tolerance, "\(folder): \(worst)")
    }
  }

  @Test(
    .enabled(
      if: Python.has("numpy", "scipy", "soundfile"), "python3 with scipy and soundfile is missing"))
  func soundsAsSoundfileReadsThem() throws {
    let bench = try Workbench()
    _ = try Python.run(
      MediaScripts.sounds, [bench.folder])
    func prepare(_ field: SoundField) throws -> [Float] {
      try bench.prepare(
        recipe(
          [("f", files(.sounds, .folder("s")))], train: [("x", "f")], fields: [("x", .sound(field))]
        ))
      return try bench.floats("train/x/values")
    }
    let plain = try bench.read("plain.raw").withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    let read = try prepare(.init())
    // Decoders of Vorbis differ in the last bits of a float32, the others not at all.
    let exact = try Int(bench.labels("train/x/offsets")[6])
    #expect(read.count == plain.count && read.prefix(exact) == plain.prefix(exact))
    #expect(zip(read, plain).allSatisfy { abs($0 - $1) < 1e-6 })
    let changed = try bench.read("changed.raw").withUnsafeBytes {
      Array($0.bindMemory(to: Double.self))
    }
    let found = try prepare(.init(rate: 16000))
    #expect(found.count == changed.count)
    let kept = try Int(bench.labels("train/x/offsets")[6])
    let worst = zip(found, changed).prefix(kept).map { abs(Double($0) - $1) }.max() ?? 1
    // Half a last bit of a float32 between 1 and 2.
    #expect(worst < 6.1e-8, "\(worst)")
  }

  /// What the script that users may run says of a file.
  private func compare(_ arguments: [String]) throws -> String {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Oracles/prepared.py")
    return try Python.run(String(contentsOf: script, encoding: .utf8), arguments)
  }

  @Test(
    .enabled(
      if: Python.has("h5py", "scipy", "soundfile") && DataFolder.has("fsdd"),
      "python3 with h5py, scipy and soundfile, or the data, is missing"),
    arguments: [
      SoundField(rate: 8000, scale: .int16), SoundField(rate: 11025, length: .frames(9000)),
    ])
  func spokenDigitsAreThoseOfSoundfile(field: SoundField) throws {
    let bench = try Workbench()
    var recipe = try shipped("fsdd")
    recipe.fields[0].modality = .sound(field)
    _ = try Preparation(recipe, root: DataFolder.path ?? "").run(output: bench.output)
    let archive = try #require(DataFolder.file("fsdd/fsdd-recordings.tar.gz"))
    let said = try compare(
      ["sounds", bench.output, archive, #"recordings/(?P<label>\d)_[a-z]+_\d+\.wav"#])
    #expect(said.hasPrefix("equal: 3000 files"))
  }

  @Test(
    .enabled(if: Python.has("h5py", "numpy", "PIL"), "python3 with h5py and Pillow is missing"),
    arguments: [true, false])
  func foldersOfPicturesAreThoseOfPillow(crops: Bool) throws {
    let bench = try Workbench()
    _ = try Python.run(
      """
      import os, sys, numpy as np
      from PIL import Image
      os.chdir(sys.argv[1])
      g = np.random.default_rng(3)
      for k in range(24):
          folder = 'f/%s' % 'abc'[k % 3]
          os.makedirs(folder, exist_ok=True)
          pixels = g.integers(0, 256, (20 + k, 40 - k, 3), dtype='u1')
          Image.fromarray(pixels if k % 4 else pixels[..., 0]).save('%s/%d.png' % (folder, k))
      """, [bench.folder])
    try bench.prepare(
      recipe(
        [("f", files(.images, .folder("f")))], train: [("image", "f"), ("label", "f")],
        more: [.init(name: "test", origin: .fraction(from: "train", fraction: 0.3, seed: 1))],
        fields: [
          ("image", .image(.init(resize: [17, 23], crop: crops ? .center : nil))),
          ("label", .label(.init())),
        ]))
    let said = try compare(["images", bench.output, bench.folder + "/f"] + (crops ? ["crop"] : []))
    #expect(said.hasPrefix("equal: 24 files"))
  }

  @Test(.enabled(if: Python.has("numpy"), "python3 with numpy is not installed"))
  func zipFiles() throws {
    let bench = try Workbench()
    try bench.write("a.png", grey(2, 2, 1))
    try bench.write("b.png", grey(2, 2, 2))
    _ = try Python.run(
      """
      import os, sys, zipfile
      os.chdir(sys.argv[1])
      with zipfile.ZipFile('z.zip', 'w') as z:
          z.write('b.png', 'top/two/b.png', zipfile.ZIP_DEFLATED)
          z.write('a.png', 'top/one/a.png', zipfile.ZIP_STORED)
          z.writestr('top/three/', '')
      """, [bench.folder])
    try bench.prepare(
      recipe(
        [("z", files(.images, .archive("z.zip"), within: "top"))],
        train: [("image", "z"), ("label", "z")],
        fields: [("image", .image(.init())), ("label", .label(.init()))]))
    #expect(try bench.bytes("train/image") == [1, 1, 1, 1, 2, 2, 2, 2])
    #expect(try bench.dataset("train/label").attribute("classes")?.asTexts == ["one", "two"])
  }
}

/// What Python makes and reads for the tests above.
private enum MediaScripts {
  /// Pictures of many kinds, and their pixels by Pillow.
  static let pictures = """
    import os, sys, numpy as np
    from PIL import Image
    os.chdir(sys.argv[1]); os.mkdir('png'); os.mkdir('jpg')
    g = np.random.default_rng(1)
    y, x = np.mgrid[0:37, 0:50]
    smooth = np.stack([127 + 100 * np.sin(x / 7 + k) * np.cos(y / 5 - k) for k in range(4)], -1).astype('u1')
    noise = g.integers(0, 256, (37, 50, 4), dtype='u1')
    wanted = []
    def add(image, name, **more):
        image.save('png/' + name + '.png', **more)
        wanted.append(np.asarray(image.convert('RGB')))
    add(Image.fromarray(noise[..., :3]), 'a')
    add(Image.fromarray(noise[..., 0]), 'b')
    add(Image.fromarray(noise[..., :3]).quantize(50), 'c')
    add(Image.fromarray(noise[..., 0] > 127), 'd')
    add(Image.fromarray(noise[..., :3]), 'e', pnginfo=None, optimize=True)
    Image.fromarray(noise).save('png/f.png')
    a = noise[..., 3:].astype(int)
    wanted.append(((noise[..., :3].astype(int) * a * 2 + 255) // 510).astype('u1'))
    np.stack(wanted).tofile('png.raw')
    jpegs = []
    for k, options in enumerate([dict(quality=90), dict(quality=50, subsampling=2), dict(progressive=True),
                                 dict(quality=95, subsampling=0)]):
        Image.fromarray(smooth[..., :3]).save('jpg/%d.jpg' % k, **options)
    Image.fromarray(noise[..., 0]).save('jpg/4.jpeg')
    for name in sorted(os.listdir('jpg')):
        jpegs.append(np.asarray(Image.open('jpg/' + name).convert('RGB')))
    np.stack(jpegs).tofile('jpg.raw')
    """

  /// Sounds of many kinds, and their amplitudes by soundfile and SciPy.
  static let sounds = """
    import os, sys, numpy as np, soundfile as sf
    from scipy import signal
    os.chdir(sys.argv[1]); os.mkdir('s')
    g = np.random.default_rng(2)
    plain, changed = [], []
    def filter(up, down):
        most = max(up, down)
        h = signal.firwin(128 * most + 1, 0.95 / most, window=('kaiser', 10.06126))
        return h
    kinds = [('a.wav', 'PCM_16'), ('b.flac', 'PCM_16'), ('c.flac', 'PCM_24'), ('d.wav', 'FLOAT'),
             ('f.wav', 'PCM_24'), ('g.wav', 'PCM_U8'), ('z.ogg', 'VORBIS')]
    for k, (name, kind) in enumerate(kinds):
        x = g.uniform(-0.9, 0.9, (2000 + 31 * k, 1 + k % 2))
        sf.write('s/' + name, x, 44100, subtype=kind)
        y = sf.read('s/' + name, always_2d=True)[0].mean(1)
        plain.append(y)
        changed.append(signal.resample_poly(y, 160, 441, window=filter(160, 441)))
    np.concatenate(plain).astype('f4').tofile('plain.raw')
    np.concatenate(changed).astype('f8').tofile('changed.raw')
    """
}
