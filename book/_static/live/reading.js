// The reader's own recording: a table of numbers in a text file, by the rules of ecgkit classify,
// brought to mV and 360 Hz. What cannot be used is an Error of one sentence.
"use strict";
globalThis.Live ??= {};
Live.reading = (() => {
  const FS = 360, LONGEST_S = 300;
  const NUMBER = /^[+-]?(\d+\.|\d*[.,]?\d+)(e[+-]?\d+)?$/i;
  const MISSING = /^(nan|na|null|)$/i;
  const words = (list) => new RegExp(`(?<![a-z])(?:${list})(?![a-z])`, "i");
  const COUNTER = words("sample|index|idx|frame|n?seq|counter|unnamed|row");
  const TIME = words("(?:date|uhr)?(?:zeit|time(?:stamp)?)|temps|tiempo|date|seconds|t|m?s");
  const OTHER = words(
    "(?:acc|gyr|mag|temp|puls|plet|ppg|resp|thor|abdo|bat|stat|event|mark|trig|label|annot|class|" +
    "qual|rate)[a-z]*|hr|bpm|rr|ibi|rsp|s[pa]o2|eda|gsr|emg|eeg|eog|art|flow|light|lux");
  const SECONDS = { s: 1, ms: 1e-3, us: 1e-6, ns: 1e-9, min: 60 };
  const RATE = /(?:sampl\w*[\W_]*(?:rate|freq\w*)|\bfs\b)\D{0,20}?(\d+(?:[.,]\d+)?)\s*(k)?/gi;
  const VOLTS = /(?:[\s_,./:[(-]|^)(m|u|milli|micro)?v(?:olts?)?[\])\s]*$/i;
  const fail = (sentence) => {
    throw new Error(sentence);
  };

  const cellsOf = (line, separator) =>
    line.trim().split(separator).map((cell) => cell.trim().replace(/^["']|["']$/g, ""));

  // What stands between the cells: a tab, semicolon or bar; spaces; else a comma. 0,512 alone in
  // its lines is one number if a comma of decimals shows: -0,5 or 0,05.
  function findSeparator(lines, sample) {
    const mark = sample.match(/[\t;|]/);
    if (mark) return mark[0];
    const words = sample.trim().split(/\s+/);
    const spaced = !sample.includes(",") || words.every((word) => NUMBER.test(word));
    if (words.length > 1 && spaced) return /\s+/;
    const pairs = lines.slice(1, -1).every((l) => /^\s*[+-]?\d*,\d+\s*$/.test(l));
    return pairs && lines.some((l) => /-0,|,0\d/.test(l)) ? ";" : ",";
  }

  // The table of a text: names and columns of cells.
  function findTable(text, name) {
    const every = text.replace(/^\ufeff/, "").replace(/[µμ]/g, "u").split(/\r\n?|\n/);
    const filled = every.map((line, i) => [line, i + 1]).filter(([line]) => line.trim());
    const lines = filled.slice(0, 2000).map(([line]) => line);
    const sample = lines[lines.length < 4 ? lines.length - 1 : ((lines.length - 1) * 3) >> 2] ?? "";
    const separator = findSeparator(lines, sample), layout = cellsOf(sample, separator);
    const isRow = (line) => {
      const cells = cellsOf(line, separator);
      const alike = (cell, i) => !NUMBER.test(cell) || NUMBER.test(cells[i]);
      return cells.length === layout.length && layout.every(alike);
    };
    const start = lines.findIndex(isRow);
    if (start < 0 || !layout.some((c) => NUMBER.test(c))) {
      fail(`${name} is not an ECG: there are no numbers in its first lines.`);
    }
    const title = start ? cellsOf(lines[start - 1].replace(/^[#%\s]+/, ""), separator) : [];
    const names = layout.map((_, i) => (title.length === layout.length ? title[i] : ""));
    const columns = layout.map(() => new Float64Array(filled.length - start));
    const rows = lines.slice(start, -1).map((line) => cellsOf(line, separator));
    const mark = layout.map((_, i) => (isGrouped(rows.map((row) => row[i])) ? /[.,]/ : ""));
    filled.slice(start).forEach(([line, number], row) => {
      const cells = cellsOf(line, separator);
      const last = row === filled.length - start - 1;
      if (cells.length !== layout.length && !(last && cells.length < layout.length)) {
        const wanted = `where ${layout.length} are expected: mend it.`;
        fail(`Line ${number} of ${name} has ${cells.length} columns ${wanted}`);
      }
      columns.forEach((column, i) => {
        column[row] = parse((cells[i] ?? "").replace(mark[i], ""), number, name, last);
      });
    });
    return { names, columns, head: lines.slice(0, start).join("\n") };
  }

  // Whether commas or points mark thousands: 1,296 is an integer beside many like 296.
  function isGrouped(cells) {
    const plain = cells.filter((cell) => /^-?\d{1,3}$/.test(cell)).length;
    const marked = cells.filter((cell) => /^[+-]?[1-9]\d?\d?[.,]\d{3}$/.test(cell)).length;
    return marked > 0 && plain > cells.length / 50 && plain + marked === cells.length;
  }

  // A number, or a clock time in seconds; NaN for an empty cell.
  function parse(cell, line, name, last) {
    if (NUMBER.test(cell)) return Number(cell.replace(",", "."));
    const clock = cell.match(/(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)\W*$/);
    if (clock) {
      const [h, m, s] = [clock[1] ?? "0", clock[2], clock[3].replace(",", ".")].map(Number);
      return 3600 * h + 60 * m + s;
    }
    if (MISSING.test(cell) || last) return NaN;
    const found = `"${cell.slice(0, 60)}"`;
    return fail(`Line ${line} of ${name} has no number there, but ${found}: mend it.`);
  }

  // Whether a column holds times or counts samples: its name says so, or it rises steadily.
  function isTime(name, column) {
    if ((TIME.test(name) || COUNTER.test(name)) && !/ecg|ekg/i.test(name)) return true;
    const steps = column.slice(1, 10_000).map((v, i) => v - column[i]);
    const share = (test) => steps.filter(test).length / steps.length;
    return steps.length >= 10 && share((s) => s >= 0) > 0.98 && share((s) => s > 0) > 0.25;
  }

  // Samples per second by a column of times; null for one that counts samples. The unit is stated,
  // or the one that makes 20 to 20,000 Hz.
  function rateOf(name, column) {
    const n = Math.min(column.length, 10_000), step = (column[n - 1] - column[0]) / (n - 1);
    const unit = name.match(/(?<![a-z])([mun]?s|min)(?:ec(?:ond)?s?)?\W*$/i);
    if (!(step > 0) || (!unit && (step === 1 || COUNTER.test(name)))) return null;
    const fits = (s) => 20 <= 1 / (step * s) && 1 / (step * s) < 2e4;
    const likely = [1, 1e-3, 1e-6, 1e-9, 86_400].find(fits);
    const rate = 1 / (step * (unit ? SECONDS[unit[1].toLowerCase()] : likely ?? 1));
    return Math.abs(rate - Math.round(rate)) < 0.002 * rate ? Math.round(rate) : rate;
  }

  // What one step is in mV, and a sentence where that is a guess.
  function scaleOf(name, lead, column, stepsPerMv) {
    if (stepsPerMv) return [1 / stepsPerMv, ""];
    const unit = lead.match(VOLTS); // "Lead V" is a lead
    if (unit && (unit[1] || /[[(]/.test(unit[0]))) {
      return [/^(u|micro)/i.test(unit[1] ?? "") ? 1e-3 : unit[1] ? 1 : 1e3, ""];
    }
    const known = column.slice(0, 65_536).filter(Number.isFinite).sort();
    if (known.every((v) => v % 1 === 0) && new Set(known).size > 2) {
      fail(`${name} holds integers as of a converter: state its steps per mV in the field above.`);
    }
    const span = Live.rPeaks.quantile(known, 0.995) - Live.rPeaks.quantile(known, 0.005);
    let [guess, factor] = ["mV", 1]; // an ECG spans 0.1 to 10 mV
    if (span > 50) [guess, factor] = ["µV", 1e-3];
    else if (span > 0 && span < 0.05) [guess, factor] = ["V", 1e3];
    const looks = `a span of ${span.toPrecision(3)} looks like ${guess}, which is assumed`;
    return [factor, `No unit is stated: ${looks}.`];
  }

  // Straight lines through missing values; the number of those.
  function fillGaps(x) {
    let missing = 0, before = -1;
    for (let i = 0; i <= x.length; i++) {
      if (i < x.length && !Number.isFinite(x[i])) continue;
      for (let k = before + 1; k < i; k++, missing++) {
        const a = before >= 0 ? x[before] : x[i], b = i < x.length ? x[i] : a;
        x[k] = a + ((b - a) * (k - before)) / (i - before);
      }
      before = i;
    }
    return missing;
  }

  // Bring a signal to 360 Hz with a polyphase filter, mirrored at its ends (scipy's resample_poly).
  function resample(x, fs) {
    if (fs === FS) return Float64Array.from(x);
    const [up, down] = fraction(FS / fs), widest = Math.max(up, down), half = 10 * widest;
    const taps = Float64Array.from({ length: 2 * half + 1 }, (_, i) => {
      const t = (i - half) / widest, sinc = t ? Math.sin(Math.PI * t) / (Math.PI * t) : 1;
      return sinc * bessel(5 * Math.sqrt(1 - ((i - half) / half) ** 2));
    });
    const total = taps.reduce((a, b) => a + b);
    const n = x.length, y = new Float64Array(Math.ceil((n * up) / down));
    for (let m = 0; m < y.length; m++) {
      const at = m * down; // in samples of the signal with up - 1 zeros between its own
      let sum = 0;
      for (let i = Math.ceil((at - half) / up); i * up <= at + half; i++) {
        const value = x[i >= 0 && i < n ? i : Live.denoising.mirror(i, n)];
        sum += taps[at - i * up + half] * value;
      }
      y[m] = (sum * up) / total;
    }
    return y;
  }

  // The modified Bessel function of order 0, by its series.
  function bessel(x) {
    let term = 1, sum = 1;
    for (let k = 1; term > 1e-17 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
    return sum;
  }

  // The fraction nearest to a ratio, by continued fractions.
  function fraction(ratio) {
    let [a, b, c, d] = [0, 1, 1, 0], rest = ratio;
    for (let k = 0; k < 20; k++) {
      const whole = Math.floor(rest);
      if (whole * d + b > 10_000) break;
      [a, b, c, d] = [c, d, whole * c + a, whole * d + b];
      if (Math.abs(c / d - ratio) < 1e-12 * ratio) break;
      rest = 1 / (rest - whole);
    }
    return [c, d];
  }

  // The rate that lines state; of several that differ, the only one in a line that names an ECG.
  function statedRate(head) {
    const rates = new Map();
    for (const found of head.matchAll(RATE)) {
      const line = head.slice(head.lastIndexOf("\n", found.index) + 1).split("\n", 1)[0];
      const kilo = found[2] || /^[1-9]\d?[.,]\d{3}$/.test(found[1]); // 1,000 Hz
      const rate = Number(found[1].replace(",", ".")) * (kilo ? 1e3 : 1);
      rates.set(rate, rates.get(rate) || /ecg|ekg/i.test(line));
    }
    const all = [...rates.keys()], named = all.filter((rate) => rates.get(rate));
    return (named.length ? named : all).length === 1 ? (named[0] ?? all[0]) : 0;
  }

  // The sampling rate that is given, stated above the table, or told by its times.
  function findRate(name, head, byTimes, given) {
    const known = statedRate(head) || byTimes.find(Boolean) || 0;
    const hertz = (v) => Number(v.toPrecision(4));
    if (known && given && Math.abs(given / known - 1) > 0.01) {
      const remedy = "empty the field of the rate.";
      fail(`${name} has ${hertz(known)} Hz, as it or its times state, not ${given}: ${remedy}`);
    }
    const fs = given || known;
    if (!fs) fail(`${name} does not state its sampling rate: give it in Hz in the field above.`);
    if (fs < 100 || fs > 20_000) {
      fail(`Sampling at ${hertz(fs)} Hz cannot be used: give a recording at 100 to 20,000 Hz.`);
    }
    return fs;
  }

  // Read a text: { signal in mV at 360 Hz, fs, doubts }. `given`: the rate in Hz, 0 if it is not
  // known, and the steps per mV, 0 if the unit is stated or to be guessed.
  function read(text, name, { rate = 0, stepsPerMv = 0 } = {}) {
    const { names, columns, head } = findTable(text, name), doubts = [];
    const clocks = [], leads = [];
    names.forEach((title, i) => (isTime(title, columns[i]) ? clocks : leads).push(i));
    const ecg = leads.filter((i) => !OTHER.test(names[i]));
    if (!ecg.length) fail(`${name} holds times or counts, but no column that can be an ECG.`);
    const lead = ecg.find((i) => /^(.*\W)?(ML)?II(\W.*)?$/i.test(names[i])) ?? ecg[0];
    if (ecg.length > 1) {
      const title = names[lead] && ` (${names[lead]})`;
      doubts.push(`Column ${lead + 1}${title} of ${columns.length} is read.`);
    }
    const fs = findRate(name, head, clocks.map((i) => rateOf(names[i], columns[i])), rate);
    const [factor, guess] = scaleOf(name, names[lead], columns[lead], stepsPerMv);
    if (guess) doubts.push(guess);
    let x = columns[lead].map((v) => v * factor);
    if (x.length > LONGEST_S * fs) {
      x = x.slice(0, LONGEST_S * fs);
      const lasts = Math.round(columns[lead].length / fs);
      doubts.push(`It lasts ${lasts} s: the first ${LONGEST_S} s are read.`);
    }
    if (x.length < (250 / FS) * fs) {
      const lasts = `${(x.length / fs).toFixed(2)} s, less than one heartbeat`;
      fail(`${name} lasts ${lasts}: give at least 0.7 s.`);
    }
    if (!x.some(Number.isFinite)) fail(`${name} has no sample with a value: export it again.`);
    const missing = fillGaps(x);
    if (missing) doubts.push(`${missing} missing samples are bridged by straight lines.`);
    if (x.every((v) => v === x[0])) {
      fail(`${name} is flat: the electrode was off, or another column holds the ECG.`);
    }
    return { signal: resample(x, fs), fs, doubts };
  }

  return { read, resample };
})();
