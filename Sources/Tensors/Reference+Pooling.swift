extension Reference {
  /// The cells of each window that lie in the image, as positions `row · W + column`, window by window.
  package static func windows(_ g: PoolGeometry) -> [[Int]] {
    let p = g.native
    return (0..<g.outHeight * g.outWidth).map { window in
      let top = window / g.outWidth * Int(p.strideHeight) - Int(p.paddingHeight)
      let left = window % g.outWidth * Int(p.strideWidth) - Int(p.paddingWidth)
      return (0..<Int(p.sizeHeight * p.sizeWidth)).compactMap {
        let row = top + $0 / Int(p.sizeWidth)
        let column = left + $0 % Int(p.sizeWidth)
        let inside = row >= 0 && row < Int(p.height) && column >= 0 && column < Int(p.width)
        return inside ? row * Int(p.width) + column : nil
      }
    }
  }
}
