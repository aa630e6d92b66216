// Wavelet denoising, as ecgkit.data.denoising does it: db6, nine levels, the signal mirrored.
"use strict";
globalThis.Live ??= {};
Live.denoising = (() => {
  const LOW = [
    -0.0010773010853084796, 0.004777257510945511, 0.0005538422011614961, -0.03158203931748603,
    0.027522865530305727, 0.09750160558732304, -0.12976686756726194, -0.22626469396543983,
    0.31525035170919763, 0.7511339080210954, 0.49462389039845306, 0.11154074335010947,
  ];
  const K = LOW.length;
  const HIGH = LOW.map((_, j) => (j % 2 ? 1 : -1) * LOW[K - 1 - j]);
  const LEVELS = 9;

  // Position in a signal of n samples that is mirrored at both ends: ... 1 0 | 0 1 ... n-1 | n-1
  function mirror(i, n) {
    const at = ((i % (2 * n)) + 2 * n) % (2 * n);
    return at < n ? at : 2 * n - 1 - at;
  }

  // One level: (samples,) -> approximation and detail, each (n + 11) >> 1 coefficients.
  function decompose(x) {
    const n = x.length, m = (n + K - 1) >> 1;
    const approximation = new Float64Array(m), detail = new Float64Array(m);
    for (let k = 0; k < m; k++) {
      let low = 0, high = 0;
      for (let j = 0; j < K; j++) {
        const i = 2 * k + 1 - j;
        const value = x[i >= 0 && i < n ? i : mirror(i, n)];
        low += LOW[j] * value;
        high += HIGH[j] * value;
      }
      approximation[k] = low;
      detail[k] = high;
    }
    return [approximation, detail];
  }

  // Undo a level: the filters run backwards.
  function compose(approximation, detail) {
    const m = detail.length, n = 2 * m - K + 2, x = new Float64Array(n);
    for (let k = 0; k < m; k++) {
      for (let j = 0; j < K; j++) {
        const i = 2 * k + 1 - j;
        if (i >= 0 && i < n) x[i] += LOW[j] * approximation[k] + HIGH[j] * detail[k];
      }
    }
    return x;
  }

  // Set bands to zero, named A9, D9, ..., D1 from low to high frequencies.
  function denoise(signal, zeroed = ["A9", "D1", "D2"]) {
    const details = [];
    let x = Float64Array.from(signal);
    for (let level = 1; level <= LEVELS; level++) {
      const [approximation, detail] = decompose(x);
      details.push(zeroed.includes(`D${level}`) ? detail.fill(0) : detail);
      x = approximation;
    }
    if (zeroed.includes(`A${LEVELS}`)) x.fill(0);
    // Of an odd length, the approximation has a coefficient more than the detail; it is not used.
    for (const detail of details.reverse()) x = compose(x, detail);
    return x.slice(0, signal.length);
  }

  // Denoise a signal of any length: one of less than 17 seconds is continued by its mirror image.
  function prepareSignal(signal, zeroed) {
    const grid = 2 ** LEVELS, needed = grid * (1 + Math.floor(((K - 1) * (grid - 1)) / (grid - 1)));
    const n = signal.length, short = needed - n;
    if (short <= 0) return denoise(signal, zeroed);
    const before = short >> 1;
    const mirrored = Float64Array.from({ length: needed }, (_, i) => signal[mirror(i - before, n)]);
    return denoise(mirrored, zeroed).slice(before, before + n);
  }

  return { decompose, compose, denoise, prepareSignal, mirror };
})();
