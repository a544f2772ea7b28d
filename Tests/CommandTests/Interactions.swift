import Foundation
import TestSupport

/// Interactions of users and items with a pattern in them, in the form of a prepared file.
///
/// 61 users with an age each and 83 items with two numbers; user 60 and items 80 to 82 occur in the test split only, so that nothing is
/// known of them.
enum Interactions {
  /// The sample file, made once.
  static let file: Result<String, any Error> = Result {
    let path = try Shelf.file("interactions.h5")
    _ = try Python.run(script, [path])
    return path
  }

  /// A configuration beside the file.
  static func configuration(_ name: String, _ factorization: String) throws -> String {
    _ = try file.get()
    let path = try Shelf.file("\(name).yaml")
    try """
    name: \(name)
    seed: 3
    data: {file: interactions.h5}
    factorization: \(factorization)

    """.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private static let script = """
    import sys, h5py, numpy as np
    rng = np.random.default_rng(5)
    p, q = rng.normal(size=(61, 3)), rng.normal(size=(83, 3))
    bu, bi = rng.normal(0, .4, 61), rng.normal(0, .6, 83)
    pairs = np.array([(u, i) for u in range(61) for i in range(83)])
    pairs = pairs[rng.permutation(len(pairs))[:2100]]
    u, i = pairs[:, 0], pairs[:, 1]
    r = 3.2 + bu[u] + bi[i] + .5 * (p[u] * q[i]).sum(1) + rng.normal(0, .3, len(u))
    r = (np.clip(np.round(2 * r), 1, 10) / 2).astype('<f4')
    age, film = rng.normal(size=61).astype('<f4'), rng.normal(size=(83, 2)).astype('<f4')
    test = (np.arange(len(u)) % 10 == 9) | (u == 60) | (i >= 80)
    with h5py.File(sys.argv[1], 'w', libver=('v110', 'v110')) as f:
      for name, rows in (('train', ~test), ('test', test)):
        g = f.create_group(name)
        for key, values, count in (('user', u, 61), ('item', i, 83)):
          d = g.create_dataset(key, data=values[rows].astype('<i8'))
          d.attrs['modality'], d.attrs['classes'] = 'ids', np.int64(count)
        g.create_dataset('rating', data=r[rows])
        g.create_dataset('age', data=age[u[rows]])
        g.create_dataset('film', data=film[i[rows]])
    """

  /// Alternating least squares in NumPy, from the same initial vectors, which come from a Philox of the
  /// script's own: prints the largest difference of any parameter, then RMSE and MAE of the test split and
  /// the run's loss by the script.
  static let oracle = """
    import sys, glob, json, struct, h5py, numpy as np
    data, run, method = sys.argv[1:4]
    o = json.loads(sys.argv[4])
    k, seed, sweeps = o['factors'], 3, o['sweeps']
    U, I = 61, 83
    def philox(c, key):
      c, key, M = list(c), list(key), 0xFFFFFFFF
      for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ key[0], b & M, (a >> 32) ^ c[3] ^ key[1], a & M]
        key = [(key[0] + 0x9E3779B9) & M, (key[1] + 0xBB67AE85) & M]
      return c
    h = 2166136261
    for b in b'items.factors': h = (h ^ b) * 16777619 & 0xFFFFFFFF
    def normal(n):
      w = philox((n, 0, h, 0), (seed, 0x9E3779B9))
      return np.sqrt(-2 * np.log((w[0] + 1) / 2**32)) * np.cos(2 * np.pi * w[1] / 2**32)
    Q = np.float32(.1) * np.array([normal(n) for n in range(I * k)], np.float32).reshape(I, k)
    P, bu, bi = np.zeros((U, k), np.float32), np.zeros(U, np.float32), np.zeros(I, np.float32)
    with h5py.File(data) as f:
      u, i, r = (f['train'][n][:] for n in ('user', 'item', 'rating'))
      tu, ti, tr = (f['test'][n][:] for n in ('user', 'item', 'rating'))
    r = r.astype(float)
    mu = r.mean() if method == 'als' else 0
    lam, bias = o['regularization'], o.get('biases', True) and method == 'als'
    def half(own, other, A, a, B, b):
      G = B.astype(float).T @ B.astype(float)
      for x in range(len(A)):
        at = own == x
        n = at.sum()
        if n == 0: A[x] = 0; a[x] = 0; continue
        X = B[other[at]].astype(float)
        if method == 'als':
          y = r[at] - mu - b[other[at]]
          D = [lam] * k
          if bias:
            X = np.c_[X, np.ones(n)]
            D = D + [o['biasRegularization']]
          D = np.array(D) * (n if o['weighted'] else 1)
          s = np.linalg.solve(X.T @ X + np.diag(D), X.T @ y)
        else:
          w = o['alpha'] * r[at]
          s = np.linalg.solve(G + X.T @ (w[:, None] * X) + lam * np.eye(k), X.T @ (1 + w))
        A[x] = s[:k]
        if bias: a[x] = s[k]
    for _ in range(sweeps):
      half(u, i, P, bu, Q, bi)
      half(i, u, Q, bi, P, bu)
    parts = [P.ravel()] + ([bu] if bias else []) + [Q.ravel()] + ([bi] if bias else [])
    if method == 'als': parts.append([np.float32(mu)])
    ours = np.concatenate(parts)
    theirs = np.full(len(ours), np.nan, np.float32)
    for name in glob.glob(run + '/checkpoints/step-%08d/*.safetensors' % sweeps):
      raw = open(name, 'rb').read()
      size = struct.unpack('<Q', raw[:8])[0]
      for key, entry in json.loads(raw[8:8 + size]).items():
        if not key.startswith('parameters@'): continue
        start, (a, b) = int(key.split('@')[1]), entry['data_offsets']
        values = np.frombuffer(raw[8 + size + a:8 + size + b], '<f4')
        theirs[start:start + len(values)] = values
    score = lambda x, y: mu + bu[x] + bi[y] + (P[x].astype(float) * Q[y]).sum(-1)
    e = score(tu, ti) - tr
    if method == 'als':
      loss = ((score(u, i) - r)**2).mean()
    else:
      S = P.astype(float) @ Q.T.astype(float)
      C, T = np.ones((U, I)), np.zeros((U, I))
      C[u, i], T[u, i] = 1 + o['alpha'] * r, 1
      loss = (C * (T - S)**2).mean()
    print(json.dumps({'difference': float(abs(ours - theirs).max()), 'rmse': float((e**2).mean()**.5),
      'mae': float(abs(e).mean()), 'loss': float(loss)}))
    """
}
