// Selection by the bits of magnitudes, included once per build.

/// Keeps those of `count` magnitudes whose bits lie in `first ... last`, in order, and counts those below.
///
/// Returns how many were kept, or -1 where one is NaN or infinite or where `room` is short; writes up to 16
/// words behind the last one it keeps.
static int64_t keepMagnitudes(int64_t count, const float *values, uint32_t first, uint32_t last,
                              uint32_t *kept, int64_t room, int64_t *below) {
  const uint32_t magnitude = 0x7fffffffu, infinity = 0x7f800000u;
  int64_t n = 0, lower = 0, i = 0;
  u16 top = {0};
  for (; i + 16 <= count; i += 16) {
    if (n + 16 > room) return -1;
    u16 keys = *(const u16 *)(const void *)(values + i) & magnitude;
    top = __builtin_elementwise_max(top, keys);
#ifdef BUILD_MASKS
    __mmask16 less = _mm512_cmplt_epu32_mask((__m512i)keys, _mm512_set1_epi32((int)first));
    __mmask16 most = _mm512_cmple_epu32_mask((__m512i)keys, _mm512_set1_epi32((int)last));
    __mmask16 hits = (__mmask16)(most & ~less);
    lower += __builtin_popcount(less);
    _mm512_storeu_si512(kept + n, _mm512_maskz_compress_epi32(hits, (__m512i)keys));
    n += __builtin_popcount(hits);
#else
    i16 less = keys < first, hits = keys - first <= last - first;
    lower -= __builtin_reduce_add(less);
    if (!__builtin_reduce_or(hits)) continue;
    for (int64_t lane = 0; lane < 16; lane++) {
      kept[n] = keys[lane];
      n += keys[lane] - first <= last - first;
    }
#endif
  }
  if (__builtin_reduce_max(top) >= infinity || n + 16 > room) return -1;
  for (; i < count; i++) {
    uint32_t key;
    __builtin_memcpy(&key, values + i, sizeof key);
    key &= magnitude;
    if (key >= infinity) return -1;
    lower += key < first;
    kept[n] = key;
    n += key - first <= last - first;
  }
  *below += lower;
  return n;
}
