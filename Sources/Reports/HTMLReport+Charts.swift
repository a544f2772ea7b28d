extension HTMLReport {
  /// The curves of training and validation over the steps.
  func charts() -> String {
    let charts = [lossChart()] + metricCharts() + [rateChart(), throughputChart()]
    let figures = charts.filter { !$0.isEmpty }.map { $0.html() }
    return figures.isEmpty ? "" : "<div class=\"charts\">\n\(figures.joined())</div>\n"
  }

  private func lossChart() -> SVGChart {
    let raw = content.training.map { (x: Double($0.step), y: $0.loss) }
    var series: [ChartSeries] = []
    var note = ""
    if raw.count >= 20 {
      let reach = max(2, raw.count / 100)
      let mean = ChartSeries.smoothed(raw, reach: reach)
      note = "training: mean of \(2 * reach + 1) logged values"
      series.append(ChartSeries(name: "training, each", points: raw, style: .faint, colour: 0))
      series.append(ChartSeries(name: "training", points: mean, colour: 0))
    } else {
      series.append(ChartSeries(name: "training", points: raw, colour: 0))
    }
    let validation = curve(of: "loss")
    if validation.contains(where: { $0.y.isFinite }) {
      series.append(
        ChartSeries(name: "validation", points: validation, style: .dotted, colour: 5))
    }
    return SVGChart(title: "Loss", note: note, series: series)
  }

  /// Validation metrics: shares together, at most four to a chart; each other quantity alone.
  private func metricCharts() -> [SVGChart] {
    var shares: [String] = []
    var others: [String] = []
    for name in metricNames() {
      let base = name.split(separator: ".").last.map(String.init) ?? name
      let isOpen = ["loss", "logLoss", "rmse", "mae", "r2"].contains(base)
      let values = curve(of: name).map(\.y).filter(\.isFinite)
      if isOpen || values.contains(where: { $0 < 0 || $0 > 1 }) {
        others.append(name)
      } else {
        shares.append(name)
      }
    }
    var groups = stride(from: 0, to: shares.count, by: 4).map {
      Array(shares[$0..<min($0 + 4, shares.count)])
    }
    groups += others.map { [$0] }
    return groups.map { names in
      let title = names.count == 1 ? names[0] : "Validation metrics"
      return SVGChart(
        title: title, note: names.count == 1 ? "validation" : "",
        series: names.enumerated().map { index, name in
          ChartSeries(name: name, points: curve(of: name), style: .dotted, colour: index)
        }, isLogarithmic: names.count == 1 && !shares.contains(names[0]) ? nil : false)
    }
  }

  private func rateChart() -> SVGChart {
    let points = content.training.map { (x: Double($0.step), y: $0.learningRate) }
    return SVGChart(
      title: "Learning rate",
      series: [ChartSeries(name: "learning rate", points: points, colour: 4)],
      isLogarithmic: false)
  }

  private func throughputChart() -> SVGChart {
    let points = content.training.map { (x: Double($0.step), y: $0.samplesPerSecond) }
    let finite = points.filter { $0.y.isFinite }
    // From 0 up, or a flicker of one percent would fill the chart.
    let floor = finite.prefix(1).map { (x: $0.x, y: 0.0) }
    let anchor = ChartSeries(name: "", points: floor, style: .anchor, colour: 0)
    return SVGChart(
      title: "Throughput", note: "samples per second, all ranks",
      series: [anchor, ChartSeries(name: "throughput", points: points, colour: 1)],
      isLogarithmic: false, format: { HumanUnits.rate($0) })
  }

  private func metricNames() -> [String] {
    var names: [String] = []
    for point in content.evaluations {
      for (name, _) in point.values where name != "loss" && !names.contains(name) {
        names.append(name)
      }
    }
    return names
  }

  private func curve(of name: String) -> [(x: Double, y: Double)] {
    content.evaluations.compactMap { point in
      point.values.first { $0.name == name }.map { (x: Double(point.step), y: $0.value) }
    }
  }
}
