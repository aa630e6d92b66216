// What a beat is relative to the beats before it, as ecgkit.data.features computes it.
"use strict";
globalThis.Live ??= {};
Live.features = (() => {
  const FAR = 200, LIMIT = 1.5, FS = 360;
  const QRS = [22, 40]; // of the 60 samples of a beat at 120 Hz

  const mean = (x) => x.reduce((sum, v) => sum + v, 0) / x.length;
  const spread = (x) => {
    const m = mean(x);
    return Math.sqrt(x.reduce((sum, v) => sum + (v - m) ** 2, 0) / x.length);
  };
  const median = (x) => {
    const sorted = Float64Array.from(x).sort(), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  };
  const clip = (v) => Math.min(Math.max(v, -LIMIT), LIMIT);
  const finite = (v) => (Number.isFinite(v) ? v : 0);

  // A statistic of the `width` known values before each; NaN where there are none.
  function previous(values, width, statistic) {
    return Array.from(values, (_, i) => {
      const known = values.slice(Math.max(i - width, 0), i).filter((v) => !Number.isNaN(v));
      return known.length ? statistic(known) : NaN;
    });
  }

  // Logarithm of a ratio, limited; 0 where one of the two is unknown or not positive.
  const logRatio = (part, usual) => (part > 0 && usual > 0 ? clip(Math.log(part / usual)) : 0);

  // Correlation of two stretches; 1 where it is not defined.
  function correlation(a, b, from = 0, to = a.length) {
    const x = a.slice(from, to), y = b.slice(from, to), mx = mean(x), my = mean(y);
    let xy = 0, xx = 0, yy = 0;
    for (let i = 0; i < x.length; i++) {
      xy += (x[i] - mx) * (y[i] - my);
      xx += (x[i] - mx) ** 2;
      yy += (y[i] - my) ** 2;
    }
    const size = Math.sqrt(xx * yy);
    return size > 1e-12 ? xy / size : 1;
  }

  // Intervals between beats, relative to medians of those before: one object of columns.
  function intervalColumns(before, after) {
    const logs = before.map((v) => (v > 0 ? Math.log(v) : NaN));
    const ten = previous(before, 10, median), fifty = previous(before, 50, median);
    const changes = logs.map((v, i) => Math.abs(v - (i ? logs[i - 1] : NaN)));
    const earlier = (i, lag) => (i >= lag ? logs[i - lag] : NaN);
    const column = (f) => before.map((_, i) => finite(f(i)));
    const few = previous(changes, 10, median), many = previous(changes, 50, median);
    const spreads = previous(logs, 10, spread);
    return {
      rr_next: column((i) => logRatio(after[i], before[i])),
      rr_spread: column((i) => Math.min(finite(spreads[i]), LIMIT)),
      interval: column((i) => logs[i]),
      usual_interval: column((i) => (fifty[i] > 0 ? Math.log(fifty[i]) : NaN)),
      early_10: column((i) => logRatio(before[i], ten[i])),
      early_50: column((i) => logRatio(before[i], fifty[i])),
      pause_10: column((i) => logRatio(after[i], ten[i])),
      pause_50: column((i) => logRatio(after[i], fifty[i])),
      pair: column((i) => logRatio(before[i] + after[i], 2 * ten[i])),
      last_early: column((i) => logRatio(Math.exp(earlier(i, 1)), ten[i])),
      second_last_early: column((i) => logRatio(Math.exp(earlier(i, 2)), ten[i])),
      irregular_10: column((i) => few[i]),
      irregular_50: column((i) => many[i]),
      nearest: column((i) => {
        let least = LIMIT;
        for (let lag = 1; lag <= 10; lag++) {
          const gap = Math.abs(logs[i] - earlier(i, lag));
          if (gap < least) least = gap;
        }
        return least;
      }),
    };
  }

  // Measures of one beat of 60 samples; widths count samples of the QRS complex.
  function measure(x) {
    const base = median(x), away = Array.from(x, (v) => Math.abs(v - base));
    const height = Math.max(...away.slice(...QRS));
    const wide = (part) => away.slice(18, 44).filter((v) => v > height / part).length;
    let steep = 0;
    for (let i = 21; i < 43; i++) steep = Math.max(steep, Math.abs(x[i] - x[i - 1]));
    const p = Math.max(...x.slice(8, 20)) - base;
    return { base, height, half: wide(2), quarter: wide(4), steep, p, spread: spread(x) };
  }

  // The shape of each beat, relative to the median of the 100 beats before.
  function shapeColumns(beats) {
    const third = (x, i) => (x[3 * i] + x[3 * i + 1] + x[3 * i + 2]) / 3; // 360 to 120 Hz
    const short = beats.map((x) => Float64Array.from({ length: 60 }, (_, i) => third(x, i)));
    const rows = short.map((x, i) => {
      const history = short.slice(Math.max(i - 100, 0), i);
      const usual = history.length ? x.map((_, j) => median(history.map((row) => row[j]))) : x;
      const own = measure(x), other = measure(usual);
      const [unit, usualUnit] = [own, other].map(({ height }) => (height > 1e-6 ? height : 1));
      const away = x.map((v, j) => (v - usual[j]) / usualUnit);
      const qrs = x.slice(...QRS), size = away.map(Math.abs);
      const row = {
        fit: correlation(x, usual),
        fit_p: correlation(x, usual, 5, 22),
        fit_qrs: correlation(x, usual, ...QRS),
        fit_t: correlation(x, usual, 40, 60),
        fit_to_last: correlation(x, i ? short[i - 1] : x),
        height: logRatio(own.height, other.height),
        spread: logRatio(own.spread, other.spread),
        half_ratio: logRatio(own.half, other.half),
        quarter_ratio: logRatio(own.quarter, other.quarter),
        steep_ratio: logRatio(own.steep, other.steep),
        distance: mean(size),
        distance_qrs: mean(size.slice(...QRS)),
        half: own.half,
        quarter: own.quarter,
        upward: (Math.max(...qrs) - own.base) / unit,
        downward: (own.base - Math.min(...qrs)) / unit,
        steep: own.steep / unit,
        p_height: own.p / usualUnit,
        p_usual: other.p / usualUnit,
      };
      for (let k = 0; k < 20; k++) row[`away_${k}`] = mean(away.slice(3 * k, 3 * k + 3));
      return row;
    });
    rows.forEach((row, i) => (row.fit_last = i ? rows[i - 1].fit : 1));
    return rows;
  }

  // Divide beats by the mean standard deviation of the last 200, their own included.
  function normalise(beats) {
    const sizes = beats.map(spread);
    return beats.map((beat, i) => {
      const size = mean(sizes.slice(Math.max(i - FAR + 1, 0), i + 1));
      return Float32Array.from(beat, (v) => v / (size > 0 ? size : 1));
    });
  }

  // Seconds to the beat before and after each R peak, NaN where there is none.
  function intervals(peaks) {
    const gap = (a, b) => (a === undefined || b === undefined ? NaN : Math.fround((b - a) / FS));
    return [peaks.map((p, i) => gap(peaks[i - 1], p)), peaks.map((p, i) => gap(p, peaks[i + 1]))];
  }

  // Beats of one recording in the order of time, in mV -> normalised beats, and features (n, k).
  function describe(beats, before, after, names) {
    const normal = normalise(beats), shapes = shapeColumns(normal);
    const columns = intervalColumns(before, after);
    const features = shapes.map((row, i) =>
      Float32Array.from(names, (name) => (name in row ? row[name] : columns[name][i])));
    return { beats: normal, features };
  }

  return { describe, intervals };
})();
