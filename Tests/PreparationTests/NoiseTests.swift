import Configuration
import Foundation
import HDF5
import Preparation
import TestSupport
import Testing

/// Noise that is mixed into sounds.
@Suite struct NoiseTests {
  private let kinds: [SoundNoise.Kind] = [.white, .pink, .babble]

  /// Sounds of different lengths in folder `s`; the last one is silent.
  private func fill(_ bench: Workbench) throws {
    for sound in 0..<12 {
      let samples = (0..<300 + 41 * sound).map { index in
        let wave = sin(Double(index) * (0.05 + 0.03 * Double(sound))) * 4000
        return Int16(sound == 11 ? 0 : wave + Double((index * 37 + sound * 11) % 101) * 20)
      }
      try bench.write("s/\(10 + sound).wav", wav(raw(samples)))
    }
  }

  private func trial(_ field: SoundField) -> RecipeConfiguration {
    recipe(
      [("f", files(.sounds, .folder("s")))], train: [("x", "f")], fields: [("x", .sound(field))])
  }

  /// The mixture made again from the clean sounds: Philox, Box and Muller, Kasdin's filter.
  private static let oracle = """
    import sys, numpy as np, h5py
    folder, seed, low, high, kinds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), sys.argv[5].split()
    def philox(counters, key):
        c = [np.array(x, dtype='u8') for x in counters]
        k = [key[0], key[1]]
        mask = np.uint64(0xFFFFFFFF)
        for _ in range(10):
            a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
            c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), b & mask,
                 (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), a & mask]
            k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
        return c
    def stream(name):
        h = 2166136261
        for byte in name.encode():
            h = (h ^ byte) * 16777619 % 2**32
        return h
    key = (seed % 2**32, (seed >> 32) ^ (5 * 0x9E3779B9 % 2**32))
    def blocks(name, row, count):
        i, one = np.arange(count), np.ones(count, dtype='u8')
        return philox([i, 0 * one, stream(name) * one, row * one], key)
    def bits(name, row, count):
        return [int(x) for x in np.stack(blocks(name, row, (count + 3) // 4), 1).reshape(-1)[:count]]
    def white(row, count):
        w = blocks('noise amplitudes x train', row, count)
        u, v = (w[0].astype('f8') + 1) * 2.0**-32, w[1].astype('f8') * 2.0**-32
        return (np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)).astype('f4').astype('f8')
    def pink(row, count):
        h = np.cumprod(np.concatenate([[1], (np.arange(1, 256) - 0.5) / np.arange(1, 256)]))
        return np.convolve(white(row, count + 255), h)[255:255 + count]
    clean, noisy = h5py.File(folder + '/clean.h5'), h5py.File(folder + '/noisy.h5')
    def sounds(file):
        entry = file['train/x']
        if isinstance(entry, h5py.Dataset): return list(entry[:].astype('f8'))
        o, v = entry['offsets'][:], entry['values'][:].astype('f8')
        return [v[o[i]:o[i + 1]] for i in range(len(o) - 1)]
    whole = clean['train/x']['values'].dtype == np.int16
    scale = 32768 if whole else 1
    x, y = [s / scale for s in sounds(clean)], sounds(noisy)
    worst, decibels, seen = 0, 0, set()
    for row in range(len(x)):
        words = bits('noise x train', row, 10)
        snr = low + (words[0] >> 8) * 2.0**-24 * (high - low)
        kind = kinds[words[1] * len(kinds) >> 32]
        seen.add(kind)
        own = x[row]
        padded = np.zeros(len(y[row])); extent = min(len(own), len(padded)); padded[:extent] = own[:extent]
        if kind == 'babble':
            noise = np.zeros(len(padded))
            for talker in range(4):
                pick = words[2 + 2 * talker] * len(x) >> 32
                while pick == row: pick = (pick + 1) % len(x)
                voice = x[pick]
                power = (voice ** 2).mean()
                if power > 0:
                    place = words[3 + 2 * talker] * len(voice) >> 32
                    noise += voice[(place + np.arange(len(noise))) % len(voice)] / np.sqrt(power)
        else:
            noise = {'white': white, 'pink': pink}[kind](row, len(padded))
        signal, power = (padded[:extent] ** 2).mean(), (noise[:extent] ** 2).mean()
        if signal == 0:
            assert not y[row].any(); continue
        mixed = padded + np.sqrt(signal / power / 10 ** (snr / 10)) * noise
        peak = np.abs(mixed).max()
        if whole and peak > 32767 / 32768: mixed *= 32767 / 32768 / peak
        wanted = np.rint(mixed * 32768) if whole else mixed
        worst = max(worst, np.abs(wanted - y[row]).max())
        if not whole or peak <= 32767 / 32768:
            rest = (y[row] / scale - padded)[:extent]
            decibels = max(decibels, abs(10 * np.log10(signal / (rest ** 2).mean()) - snr))
    assert seen == set(kinds), seen
    assert list(noisy['train/x'].attrs['snr']) == [low, high]
    print(worst, decibels)
    """

  private func compare(
    _ clean: SoundField, _ noisy: SoundField, _ noise: SoundNoise
  ) throws -> [Double] {
    let bench = try Workbench()
    try fill(bench)
    for (name, field) in [("clean", clean), ("noisy", noisy)] {
      _ = try Preparation(trial(field), root: bench.folder).run(
        output: "\(bench.folder)/\(name).h5")
    }
    return try Python.run(
      Self.oracle,
      [
        bench.folder, "\(noise.seed)", "\(noise.snr.lowerBound)", "\(noise.snr.upperBound)",
        noise.kinds.map(\.rawValue).joined(separator: " "),
      ]
    ).split(separator: " ").compactMap { Double($0.trimmingCharacters(in: .newlines)) }
  }

  @Test(.enabled(if: Python.hasH5py, "python3 with h5py and numpy is not installed"))
  func ratiosAreTheDrawnOnes() throws {
    let noise = SoundNoise(kinds: kinds, snr: -5...10, seed: 7 << 33 | 5)
    let unit = try compare(.init(), .init(noise: noise), noise)
    // Half a last bit of a float32 near 1.
    #expect(unit.count == 2 && unit[0] < 1e-7 && unit[1] < 1e-4, "\(unit)")
    let whole = try compare(.init(scale: .int16), .init(scale: .int16, noise: noise), noise)
    // One level where rounding ties; some ten levels of noise make the ratio coarse.
    #expect(whole.count == 2 && whole[0] <= 1 && whole[1] < 0.05, "\(whole)")
    let filled = try compare(.init(), .init(length: .frames(500), noise: noise), noise)
    #expect(filled.count == 2 && filled[0] < 1e-7 && filled[1] < 1e-4, "\(filled)")
  }

  @Test(.enabled(if: Python.hasH5py, "python3 with h5py and numpy is not installed"))
  func loudNoiseIsTurnedDownAsAWhole() throws {
    let noise = SoundNoise(kinds: kinds, snr: -30 ... -20, seed: 3)
    let whole = try compare(.init(scale: .int16), .init(scale: .int16, noise: noise), noise)
    #expect(whole.count == 2 && whole[0] <= 1, "\(whole)")
  }

  @Test func givesTheSameBytesOnAnyNumberOfRanks() throws {
    let bench = try Workbench()
    try fill(bench)
    let trial = trial(.init(rate: 5000, noise: SoundNoise(kinds: kinds, snr: 0...5, seed: 2)))
    var first: [UInt8]?
    for ranks in 1...4 {
      _ = try onRanks(ranks) { rank, exchange in
        var part = Preparation(trial, root: bench.folder, rank: rank, ranks: ranks)
        part.slabBytes = 3000
        return try part.run(output: bench.output, exchange: exchange)
      }
      let bytes = try bench.read("out.h5")
      #expect(bytes == first ?? bytes, "\(ranks) ranks")
      first = first ?? bytes
      try FileManager.default.removeItem(atPath: bench.output)
    }
  }

  @Test func oneSoundCannotBabble() throws {
    let bench = try Workbench()
    try bench.write("s/a.wav", wav(raw([Int16](repeating: 5, count: 100))))
    let field = SoundField(noise: SoundNoise(kinds: [.babble], snr: 0...0))
    #expect(try bench.failure(trial(field)).contains("there is no other sound that could babble"))
  }
}
