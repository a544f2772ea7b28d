import Configuration
import Foundation
import Testing

@Suite("Recipes are read")
struct RecipeTests {
  /// Every key of a recipe.
  static let full = """
    name: everything
    sources:
      images: {idx: [a.gz, b.gz]}
      rows:
        csv: adult.data
        separator: ";"
        header: false
        columns: [age, work, income]
        comment: "|"
        trim: false
        missing: ["?", ""]
      records: {cifar: c.bin, height: 16, width: 8, labelBytes: 2}
      array: {npy: x.npy}
      file: {hdf5: y.h5, dataset: /a/b}
      photos: {images: {folder: p}}
      digits: {sounds: {archive: d.tar.gz, within: top, pattern: "{label}/{}_{index}.wav", badFiles: fail}}
      listed: {images: {csv: l.csv, path: file, label: kind, within: all}}
      drawn: {synthetic: glyphs, samples: 100, seed: 3, first: 50}
      numbers: {synthetic: noise, shape: [2, 3], below: 9, samples: 4, seed: 5, first: 6}
    splits:
      train:
        image: images
        label: rows.income
        numbers: rows
        more: file
        tone: digits
        clip: digits
        where: {digits.index: 5...49, rows.work: [a, b], digits.label: one}
        join: {digits: {on: rows.age, to: digits.label, seed: 4, where: {digits.index: 7}}}
        skip: 20
        limit: 1000
      validation: {from: train, fraction: 0.1, seed: 1}
      test: {from: train, folds: 5, fold: 4, seed: 2, limit: 9}
    fields:
      image: {modality: image, shape: [28, 28, 1], resize: [14, 14], crop: center, normalize: false, components: {energy: 0.25}}
      label: {modality: label, classes: ["0", "1"], strip: ".", mapping: {"<=50K": "0", ">50K": "1"}}
      numbers:
        modality: table
        numeric: [age]
        categorical: [work]
        log: [age]
        standardize: false
        missing: mean
        missingCategory: zeros
      more: {modality: value, shape: [3, 4], normalize: true, components: {count: 5}}
      tone: {modality: sound, rate: 8000, seconds: 1.5, scale: int16, noise: {kind: [white, babble], snr: [-5, 10], seed: 3}}
      clip: {modality: sound, frames: 100, noise: {kind: pink, snr: 6}}
    """

  @Test("The recipe of the design decodes to its values")
  func design() throws {
    let recipe = try RecipeConfiguration.decode(
      yaml: """
        name: mnist
        sources:
          trainImages: {idx: train-images-idx3-ubyte.gz}
          trainLabels: {idx: train-labels-idx1-ubyte.gz}
        splits:
          train:      {image: trainImages, label: trainLabels}
          validation: {from: train, fraction: 0.1, seed: 1}
        fields:
          image: {modality: image, shape: [28, 28, 1], normalize: true}
          label: {modality: label, classes: ["0", "1"]}
        """, name: "mnist.yaml")
    #expect(recipe.name == "mnist")
    #expect(
      recipe.sources[0]
        == RecipeSource(name: "trainImages", kind: .idx(paths: ["train-images-idx3-ubyte.gz"])))
    #expect(
      recipe.splits[0]
        == RecipeSplit(
          name: "train",
          origin: .sources([
            .init(field: "image", source: "trainImages"),
            .init(field: "label", source: "trainLabels"),
          ])))
    #expect(
      recipe.splits[1]
        == RecipeSplit(
          name: "validation", origin: .fraction(from: "train", fraction: 0.1, seed: 1)))
    #expect(
      recipe.fields == [
        RecipeField(name: "image", modality: .image(ImageField(shape: [28, 28, 1]))),
        RecipeField(name: "label", modality: .label(LabelField(classes: ["0", "1"]))),
      ])
  }

  @Test("Every key reaches its value")
  func everything() throws {
    let recipe = try RecipeConfiguration.decode(yaml: Self.full, name: "full.yaml")
    let options = RecipeSource.CSVOptions(
      separator: ";", header: false, columns: ["age", "work", "income"], comment: "|", trim: false,
      missing: ["?", ""])
    #expect(
      recipe.sources.map(\.kind) == [
        .idx(paths: ["a.gz", "b.gz"]), .csv(paths: ["adult.data"], options: options),
        .cifar(paths: ["c.bin"], height: 16, width: 8, labelBytes: 2), .npy(paths: ["x.npy"]),
        .hdf5(paths: ["y.h5"], dataset: "/a/b"),
        .files(FileCollection(content: .images, place: .folder("p"))),
        .files(
          FileCollection(
            content: .sounds, place: .archive("d.tar.gz"), within: "top",
            pattern: FilePattern("{label}/{}_{index}.wav"), badFiles: .fail)),
        .files(
          FileCollection(
            content: .images, place: .list("l.csv", path: "file", label: "kind"), within: "all")),
        .glyphs(samples: 100, seed: 3, first: 50),
        .noise(NoiseSource(shape: [2, 3], below: 9, samples: 4, seed: 5, first: 6)),
      ])
    #expect(recipe.splits.map(\.limit) == [1000, nil, 9])
    #expect(recipe.splits[2].origin == .fold(from: "train", folds: 5, fold: 4, seed: 2))
  }

  @Test("Options of fields reach their values")
  func fields() throws {
    let recipe = try RecipeConfiguration.decode(yaml: Self.full, name: "full.yaml")
    #expect(
      recipe.fields.map(\.modality) == [
        .image(
          ImageField(
            shape: [28, 28, 1], resize: [14, 14], crop: .center, normalize: false,
            components: .energy(0.25))),
        .label(
          LabelField(
            classes: ["0", "1"], strip: ".",
            mapping: [.init(text: "<=50K", className: "0"), .init(text: ">50K", className: "1")])),
        .table(
          TableField(
            numeric: ["age"], categorical: ["work"], log: ["age"], standardize: false,
            missing: .mean, missingCategory: .zeros)),
        .value(shape: [3, 4], normalize: true, components: .count(5)),
        .sound(
          SoundField(
            rate: 8000, length: .seconds(1.5), scale: .int16,
            noise: SoundNoise(kinds: [.white, .babble], snr: -5...10, seed: 3))),
        .sound(
          SoundField(length: .frames(100), noise: SoundNoise(kinds: [.pink], snr: 6...6))),
      ])
  }

  @Test("Joins, and samples that are passed over, reach their values")
  func joins() throws {
    let recipe = try RecipeConfiguration.decode(yaml: Self.full, name: "full.yaml")
    #expect(recipe.splits.map(\.skip) == [20, 0, 0])
    #expect(
      recipe.splits[0].joins == [
        RecipeJoin(
          source: "digits", on: .init(field: "on", source: "rows", part: "age"),
          to: .init(field: "to", source: "digits", part: "label"), seed: 4,
          conditions: [
            RecipeCondition(source: "digits", part: "index", accepted: .texts(["7"]))
          ])
      ])
  }

  @Test("Conditions of splits and patterns of names reach their values")
  func conditions() throws {
    let recipe = try RecipeConfiguration.decode(yaml: Self.full, name: "full.yaml")
    #expect(
      recipe.splits[0].conditions == [
        RecipeCondition(source: "digits", part: "index", accepted: .range(5...49)),
        RecipeCondition(source: "rows", part: "work", accepted: .texts(["a", "b"])),
        RecipeCondition(source: "digits", part: "label", accepted: .texts(["one"])),
      ])
    #expect(
      FilePattern("{label}/{}_{index}.wav")?.pieces == [
        .part("label"), .literal(Array("/".utf8)), .part(nil), .literal(Array("_".utf8)),
        .part("index"), .literal(Array(".wav".utf8)),
      ])
  }

  @Test("A source of concatenated clips reaches its values, and its defaults")
  func concatenated() throws {
    func kinds(_ source: String) throws -> RecipeSource.Kind {
      try RecipeConfiguration.decode(
        yaml: """
          name: strings
          sources:
            words: {sounds: {folder: w}}
            train: \(source)
          splits: {train: {sound: train}}
          fields: {sound: {modality: sound}}
          """, name: "strings.yaml"
      ).sources[1].kind
    }
    #expect(
      try kinds("{concatenated: words, clips: 3, samples: 7}")
        == .concatenated(.init(source: "words", clips: 3...3, samples: 7)))
    #expect(
      try kinds(
        "{concatenated: words, where: {words.label: [a]}, same: [x, y], clips: [1, 5], "
          + "silenceMilliseconds: [50, 200.5], samples: 7, seed: 4}")
        == .concatenated(
          .init(
            source: "words",
            conditions: [.init(source: "words", part: "label", accepted: .texts(["a"]))],
            same: ["x", "y"], clips: 1...5, silenceMilliseconds: 50...200.5, samples: 7, seed: 4)))
  }

  @Test("Every shipped recipe decodes")
  func shipped() throws {
    let folder = Samples.root.appending(path: "configs/data")
    let files = try Samples.files(in: folder, ending: "yaml")
    #expect(files.count >= 5)
    for file in files {
      let recipe = try RecipeConfiguration.load(path: file.path(percentEncoded: false))
      #expect(recipe.splits.contains { $0.name == "train" })
    }
  }
}
