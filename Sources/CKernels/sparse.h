// Products with a matrix of which most weights are zero, included once per build.
//
// Samples lie transposed in tiles of SPARSE_TILE columns, so that a weight meets a whole line of samples
// and none is looked up twice. A sample's sums run over the weights of a row from the first to the last,
// whatever other samples there are.

/// tile[i][s] = x[s][i], zeros behind the last sample of a group of 16.
static void sparseTile(int64_t samples, int64_t width, const float *x, float *tile) {
  for (int64_t group = 0; group < samples; group += 16) {
    const int64_t here = samples - group < 16 ? samples - group : 16;
    for (int64_t i = 0; i < width; i += 16) {
      const int64_t valid = columnsLeft(width, i);
      v16 rows[16];
      for (int64_t s = 0; s < 16; s++) {
        rows[s] = s < here ? loadColumns(x + (group + s) * width + i, valid) : (v16){0};
      }
      transpose16(rows);
      for (int64_t l = 0; l < valid; l++) store16(tile + (i + l) * SPARSE_TILE + group, rows[l]);
    }
  }
}

/// One row for 16 · vectors samples: y[s] = Σ weight · tile[place][s].
INLINE void sparseRow(int64_t count, const float *values, const uint16_t *places, const float *tile,
                      float *y, const int vectors) {
  v16 sums[SPARSE_TILE / 16];
  for (int v = 0; v < vectors; v++) sums[v] = (v16){0};
  for (int64_t k = 0; k < count; k++) {
    const float *line = tile + (int64_t)places[k] * SPARSE_TILE;
    const float weight = values[k];
    for (int v = 0; v < vectors; v++) sums[v] += weight * load16(line + 16 * v);
  }
  for (int v = 0; v < vectors; v++) store16(y + 16 * v, sums[v]);
}

/// y[s][r] = Σ over the weights of row r of weight · tile[place][s], and the bias where there is one.
static void sparseProduct(int64_t samples, int64_t rows, const int64_t *starts,
                          const uint16_t *places, const float *values, const float *tile,
                          const float *bias, float *y) {
  const int64_t vectors = (samples + 15) / 16;
  float lines[16 * SPARSE_TILE];
  for (int64_t first = 0; first < rows; first += 16) {
    const int64_t valid = columnsLeft(rows, first);
    for (int64_t r = 0; r < valid; r++) {
      const int64_t start = starts[first + r], count = starts[first + r + 1] - start;
      const float *v = values + start;
      const uint16_t *p = places + start;
      float *line = lines + r * SPARSE_TILE;
      switch (vectors) {
        case 1: sparseRow(count, v, p, tile, line, 1); break;
        case 2: sparseRow(count, v, p, tile, line, 2); break;
        case 3: sparseRow(count, v, p, tile, line, 3); break;
        default: sparseRow(count, v, p, tile, line, 4);
      }
    }
    const v16 offset = bias ? loadColumns(bias + first, valid) : (v16){0};
    for (int64_t group = 0; group < samples; group += 16) {
      v16 block[16];
      for (int64_t r = 0; r < 16; r++) {
        block[r] = r < valid ? load16(lines + r * SPARSE_TILE + group) : (v16){0};
      }
      transpose16(block);
      for (int64_t s = 0; s < 16 && group + s < samples; s++) {
        storeColumns(y + (group + s) * rows + first, block[s] + offset, valid);
      }
    }
  }
}
