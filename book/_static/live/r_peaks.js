// R peaks at 360 Hz, as ecgkit.data.r_peaks finds and aligns them: steep, short, as steep as usual.
"use strict";
globalThis.Live ??= {};
Live.rPeaks = (() => {
  const FS = 360, REFRACTORY = 72, SMOOTHED = 44, APART = 54, SHIFT = 27, SHORTEST = 18;
  const WEIGHTS = [3.18, 3.19, 1.51, 2.36], BIAS = 0.99, FLOOR = 1 / 30;
  // scipy.signal.butter(2, (3, 20), "bandpass", output="sos", fs=360): b0 b1 b2, a1 a2.
  const BAND = [
    [
      [0.018104693600641323, 0.036209387201282646, 0.018104693600641323],
      [-1.619341912386175, 0.7023479841756352],
    ],
    [[1, -2, 1], [-1.9326466417563473, 0.9359471104496756]],
  ];
  const EDGE = 15; // samples by which a signal is continued before it is filtered

  // Filter in place with sections of second order that begin as if x[0] had always been there.
  function filterSections(x) {
    let start = x[0];
    for (const [[b0, b1, b2], [a1, a2]] of BAND) {
      const steady = (b0 + b1 + b2) / (1 + a1 + a2);
      let s2 = (b2 - a2 * steady) * start;
      let s1 = (b1 - a1 * steady) * start + s2;
      start *= steady;
      for (let i = 0; i < x.length; i++) {
        const value = x[i], y = b0 * value + s1;
        s1 = b1 * value - a1 * y + s2;
        s2 = b2 * value - a2 * y;
        x[i] = y;
      }
    }
    return x;
  }

  // Keep 3 to 20 Hz: forwards and backwards, so that nothing is delayed (scipy's sosfiltfilt).
  function filterBand(x) {
    const n = x.length, y = new Float64Array(n + 2 * EDGE);
    if (n <= SHORTEST) return new Float64Array(n);
    for (let i = 1; i <= EDGE; i++) {
      y[EDGE - i] = 2 * x[0] - x[i];
      y[EDGE + n - 1 + i] = 2 * x[n - 1] - x[n - 1 - i];
    }
    y.set(x, EDGE);
    return filterSections(filterSections(y).reverse()).reverse().slice(EDGE, EDGE + n);
  }

  // Move R peaks to the largest deflection of a filtered signal, upward ones counting 25 % more.
  function move(band, peaks, within) {
    return peaks.map((peak) => {
      let best = -1, most = -Infinity;
      for (let k = peak - within; k <= peak + within; k++) {
        const i = Math.min(Math.max(k, 0), band.length - 1);
        const deflection = band[i] > 0 ? 1.25 * band[i] : -band[i];
        if (deflection > most) [best, most] = [i, deflection];
      }
      return best;
    });
  }

  function align(x, peaks, within) {
    return within && x.length > SHORTEST ? move(filterBand(x), peaks, within) : peaks.slice();
  }

  // Root mean square of the slope over 0.12 s.
  function steepness(x, band) {
    const n = x.length, mirror = Live.denoising.mirror, half = SMOOTHED / 2;
    const power = Float64Array.from(band, (v, i) => (v - band[Math.max(i - 1, 0)]) ** 2);
    const steep = new Float64Array(n);
    const largest = x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const least = 2 ** -23 * largest; // what rounding makes of flat lines
    let sum = 0;
    for (let k = -half; k < half; k++) sum += power[mirror(k, n)];
    for (let i = 0; i < n; i++) {
      steep[i] = Math.sqrt(Math.max(sum / SMOOTHED, least ** 2));
      sum += power[mirror(i + half, n)] - power[mirror(i - half, n)];
    }
    return [steep, least];
  }

  // Largest value within `reach` samples of each position.
  function maximumAround(x, reach) {
    const n = x.length, found = new Float64Array(n), queue = new Int32Array(n);
    let head = 0, tail = 0; // positions of falling values, the largest first
    for (let i = 0; i < n + reach; i++) {
      if (i < n) {
        while (tail > head && x[queue[tail - 1]] <= x[i]) tail--;
        queue[tail++] = i;
      }
      if (i < reach) continue;
      while (queue[head] < i - 2 * reach) head++;
      found[i - reach] = x[queue[head]];
    }
    return found;
  }

  // Local maxima of the steepness, with the four numbers that describe each.
  function findCandidates(x) {
    const n = x.length, band = filterBand(x);
    const [steep, least] = steepness(x, band);
    const near = maximumAround(steep, APART), far = maximumAround(steep, 400);
    const sample = [];
    for (let i = 0; i < n; i++) if (steep[i] === near[i] && steep[i] > least) sample.push(i);
    const at = (i) => steep[Math.min(Math.max(i, 0), n - 1)];
    const peaks = move(band, sample, SHIFT);
    return sample.map((i, k) => ({
      sample: i,
      peak: peaks[k],
      steepness: steep[i],
      highest: far[i],
      around: (at(i - 72) + at(i + 72)) / 2,
      beside: Math.max(at(i - 54), at(i + 54)),
    }));
  }

  // Quantile of sorted numbers, between neighbours in proportion.
  function quantile(sorted, share) {
    const at = share * (sorted.length - 1), low = Math.floor(at), high = Math.ceil(at);
    return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
  }

  // Weighted sum of the logarithms of four ratios: positive for a beat.
  function judge(candidates) {
    return candidates.map((c, k) => {
      const from = c.sample - 5 * FS, to = c.sample + 5 * FS;
      const around = candidates.filter((o) => o.sample > from && o.sample <= to);
      const usual = quantile(around.map((o) => o.highest).sort((a, b) => a - b), 0.75);
      let other = 0;
      for (const d of [-2, -1, 1, 2]) {
        const o = candidates[k + d];
        if (o && Math.abs(o.sample - c.sample) <= 130) other = Math.max(other, o.steepness);
      }
      const against = [usual, other].map((v) => Math.max(v, c.steepness));
      return [...against, c.around, c.beside].reduce((sum, v, i) => sum + WEIGHTS[i] * Math.log(c.steepness / v), BIAS);
    });
  }

  // Detect R peaks in one lead at 360 Hz: sorted, at least 0.2 s apart.
  function detect(x) {
    const candidates = findCandidates(x), scores = judge(candidates);
    const median = quantile(candidates.map((c) => c.highest).sort((a, b) => a - b), 0.5);
    const found = [];
    let last = -REFRACTORY;
    candidates.forEach((c, k) => {
      if (!(scores[k] > 0 && c.steepness > FLOOR * median) || c.peak - last < REFRACTORY) return;
      found.push((last = c.peak));
    });
    return found;
  }

  return { detect, align, filterBand, quantile };
})();
