import Checkpoints
import Configuration
import Parameters
import Testing

private let hasTorch = (try? python("torch, safetensors.torch", "", [])) != nil

/// A state dictionary of PyTorch's, both ways.
@Suite(.enabled(if: hasTorch, "the Python packages torch and safetensors are not installed"))
struct PyTorchFileTests {
  private func layout() -> ParameterLayout {
    var layout = ParameterLayout()
    _ = layout.reserve(
      "net.0.weight", [3, 3, 2, 4], initializer: .constant(0), foreign: .convolution(flat: false))
    _ = layout.reserve("net.0.bias", [4], initializer: .constant(0))
    _ = layout.reserve("net.1.weight", [4], initializer: .constant(0))
    _ = layout.reserve("net.1.bias", [4], initializer: .constant(0))
    for name in ["net.1.runningMean", "net.1.runningVariance"] {
      _ = layout.reserve(
        name, [4], role: .statistic(momentum: 0.1, rowsPerSample: 1), initializer: .constant(0))
    }
    _ = layout.reserve(
      "net.3.weight", [5, 100], initializer: .constant(0),
      foreign: .flattenedImage(height: 5, width: 5, channels: 4))
    _ = layout.reserve("net.3.bias", [5], initializer: .constant(0))
    return layout
  }

  /// Saves a small network's state dictionary and loads it.
  private func loaded(_ scratch: Scratch) throws -> (ParameterStore, InitialValues.Report) {
    _ = try python(
      "torch",
      """
      import sys, torch
      from safetensors.torch import save_file
      torch.manual_seed(1)
      net = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.BatchNorm2d(4),
        torch.nn.Flatten(), torch.nn.Linear(100, 5))
      net(torch.randn(8, 2, 7, 7))
      save_file({k: v.contiguous() for k, v in net.state_dict().items()}, sys.argv[1])
      """, [scratch.file("torch")])
    let store = ParameterStore(layout())
    let report = try InitialValues.load(
      into: store, from: scratch.file("torch"),
      InitializeConfiguration(from: "torch", rename: ["net.": ""]))
    return (store, report)
  }

  @Test func aStateDictionaryGoesInAndComesOutTheSame() throws {
    let scratch = try Scratch()
    let (store, report) = try loaded(scratch)
    #expect(report.unused == ["1.num_batches_tracked"])
    try ModelFile.write(store, to: scratch.file("ours"), foreignLayout: true)
    let text = try python(
      "torch",
      """
      import sys, torch
      from safetensors.torch import load_file
      theirs, ours = load_file(sys.argv[1]), load_file(sys.argv[2])
      for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name.removeprefix("net.")]), name
      print(len(ours))
      """, [scratch.file("torch"), scratch.file("ours")])
    #expect(text == "8\n")
  }

  @Test func scalarsLieInOurOrder() throws {
    let scratch = try Scratch()
    let (store, _) = try loaded(scratch)
    let theirs = try python(
      "torch",
      """
      import sys
      from safetensors.torch import load_file
      t = load_file(sys.argv[1])
      w = t["0.weight"].permute(2, 3, 1, 0).flatten().tolist()
      l = t["3.weight"].reshape(5, 4, 5, 5).permute(0, 2, 3, 1).flatten().tolist()
      print(" ".join(map(repr, w + l)))
      """, [scratch.file("torch")])
    let expected = (theirs ?? "").split { $0 == " " || $0 == "\n" }.compactMap { Double($0) }
    let names = ["net.0.weight", "net.3.weight"]
    let found = names.flatMap { name in layout()[name].map { Array(store[$0]) } ?? [] }
    #expect(found.map(Double.init) == expected && expected.count == 72 + 500)
  }
}
