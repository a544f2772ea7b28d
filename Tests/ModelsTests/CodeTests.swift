import Foundation
import Parameters
import Tensors
import TestSupport
import Testing

/// Codes of weights and inputs beside those of PyTorch.
struct CodeTests {
  /// Numbers between -2 and 2, with zeros of both signs, ties and denormal ones among them.
  private static let drawn: [Float] = {
    var state: UInt64 = 0x2545_F491_4F6C_DD1D
    return (0..<1680).map { index in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      if index % 41 == 0 { return index % 2 == 0 ? 0 : -0.0 }
      if index % 53 == 0 { return Float(Int(state >> 60) - 8) / 8 }
      if index % 97 == 0 { return 1e-42 }
      return (Float(state >> 40) / Float(1 << 23) - 1) * (index < 840 ? 2 : 0.01)
    }
  }()

  @Test func channelsHaveTheirOwnScales() {
    for (shape, axis) in [([60, 28], 0), ([2, 3, 7, 40], 3)] {
      let codes = Self.drawn.withUnsafeBufferPointer { values in
        values.baseAddress.map { ChannelCodes($0, shape: shape) }
      }
      guard let codes else { continue }
      #expect(codes.scales.count == shape[axis])
      #expect(ChannelCodes.scaleShape(shape).reduce(1, *) == shape[axis])
      var back = [Float](repeating: .nan, count: Self.drawn.count)
      back.withUnsafeMutableBufferPointer { room in
        if let base = room.baseAddress { codes.decode(into: base) }
      }
      for (index, value) in Self.drawn.enumerated() {
        let channel = axis == 3 ? index % 40 : index / 28
        #expect(abs(back[index] - value) <= 0.5001 * codes.scales[channel])
        if value == 0 { #expect(back[index] == 0) }
      }
      #expect(codes.codes.contains { abs(Int($0)) == 127 } && !codes.codes.contains(-128))
    }
  }

  @Test func zeroHasACodeAndEndsClamp() {
    for (low, high) in [(-1, 3), (0, 0), (0.5, 2), (-4, -1), (-1e-30, 1e-30)] as [(Float, Float)] {
      let code = AffineCode(from: low, to: high)
      #expect(code.value(of: code.code(of: 0)) == 0)
      #expect(code.code(of: 1e30) == 255 && code.code(of: -1e30) == 0)
      #expect(abs(code.value(of: code.code(of: high)) - high) <= code.scale)
    }
  }

  @Test(.enabled(if: Python.has("numpy", "torch"), "numpy or torch is missing"))
  func codesAreThoseOfPyTorch() throws {
    try withTemporaryFolder { folder in
      try Self.drawn.withUnsafeBytes { Data($0) }.write(
        to: URL(fileURLWithPath: folder.file("values")))
      for (name, shape) in [("rows", [60, 28]), ("last", [2, 3, 7, 40])] {
        let codes = Self.drawn.withUnsafeBufferPointer { values in
          values.baseAddress.map { ChannelCodes($0, shape: shape) }
        }
        guard let codes else { continue }
        try codes.codes.withUnsafeBytes { Data($0) }.write(
          to: URL(fileURLWithPath: folder.file(name + ".codes")))
        try codes.scales.withUnsafeBytes { Data($0) }.write(
          to: URL(fileURLWithPath: folder.file(name + ".scales")))
      }
      let code = AffineCode(from: Self.drawn.min() ?? 0, to: Self.drawn.max() ?? 0)
      var back = Self.drawn
      back.withUnsafeMutableBufferPointer { room in
        if let base = room.baseAddress { code.roundTrip(count: room.count, base, base) }
      }
      try back.withUnsafeBytes { Data($0) }.write(to: URL(fileURLWithPath: folder.file("back")))
      let script = """
        import sys, warnings, numpy as np, torch
        warnings.simplefilter("ignore")
        folder, scale, zero = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
        values = torch.from_numpy(np.fromfile(folder + "/values", np.float32))
        for name, shape, axis in [("rows", (60, 28), 0), ("last", (2, 3, 7, 40), 3)]:
          weights = values.reshape(shape)
          scales = torch.from_numpy(np.fromfile(f"{folder}/{name}.scales", np.float32))
          others = tuple(i for i in range(len(shape)) if i != axis)
          assert torch.equal(scales, weights.abs().amax(others) / 127), name + " scales"
          theirs = torch.quantize_per_channel(
            weights, scales.double(), torch.zeros(len(scales), dtype=torch.long), axis, torch.qint8)
          mine = np.fromfile(f"{folder}/{name}.codes", np.int8).reshape(shape)
          assert (theirs.int_repr().numpy() == mine).all(), name + " codes"
        observer = torch.ao.quantization.MinMaxObserver(dtype=torch.quint8)
        observer(values)
        their_scale, their_zero = observer.calculate_qparams()
        assert their_scale.item() == scale and their_zero.item() == zero, (their_scale, scale, their_zero, zero)
        back = torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, 255)
        assert (back.numpy() == np.fromfile(folder + "/back", np.float32)).all(), "round trip"
        print("agreed")
        """
      let opinion = try Python.run(
        script, [folder.path, "\(Double(code.scale))", "\(code.zeroPoint)"])
      #expect(opinion.contains("agreed"), "\(opinion)")
    }
  }
}
