// Conversion of numbers for messages between nodes, included once per build.

/// bfloat16 is the upper half of a float32. Ties go to even; NaN keeps its upper half and becomes quiet,
/// since the carry could turn it into infinity or zero.
static void roundToBFloat16(int64_t count, const float *source, uint16_t *output) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    __builtin_memcpy(&bits, source + i, sizeof bits);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    uint32_t quiet = (bits >> 16) | 0x40u;
    output[i] = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
  }
}

static void widenBFloat16(int64_t count, const uint16_t *source, float *output) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits = (uint32_t)source[i] << 16;
    __builtin_memcpy(output + i, &bits, sizeof bits);
  }
}
