// From a recording to answers: what the page "Try it" and the frames share.
"use strict";
globalThis.Live ??= {};
Live.beats = (() => {
  const FS = 360, BEFORE = 90, LENGTH = 180, MARGINS = [100, 150];
  const AAMI = { N: "NLRB", S: "JASajen", V: "VrE", F: "F", Q: "Q/f?" };

  // The annotators' class of a symbol, as a network's mapping has it; "" without an annotation.
  function classOf(symbol, { mapping }) {
    if (!symbol) return "";
    if (mapping === "literature" && "ej".includes(symbol)) return "N";
    return Object.keys(AAMI).find((name) => AAMI[name].includes(symbol));
  }
  const largest = (p) => Live.network.CLASSES[p.indexOf(Math.max(...p))];

  // One beat per mark [R peak, symbol, ...] that is far enough from both ends of the recording.
  // R peaks are aligned on the signal, beats cut `shift` samples later out of the denoised one.
  function cut(signal, clean, marks, { align_s }, shift = 0) {
    const within = Math.floor(align_s * FS + 1e-9);
    const peaks = Live.rPeaks.align(signal, marks.map((mark) => mark[0]), within);
    const [before, after] = Live.features.intervals(peaks);
    const beats = marks.map((mark, i) =>
      ({ mark, peak: peaks[i] + shift, before: before[i], after: after[i] }));
    const inside = beats.filter(({ peak }) =>
      peak >= MARGINS[0] && peak + MARGINS[1] <= signal.length);
    for (const beat of inside) {
      beat.samples = Float32Array.from(clean.subarray(beat.peak - BEFORE, beat.peak - BEFORE + LENGTH));
    }
    return inside;
  }

  // The middle of a beat, stretched to its whole length.
  function cropAndResize(samples, share) {
    const kept = Math.round(share * LENGTH), start = (LENGTH - kept) / 2;
    return samples.map((_, j) => {
      const p = start + (j * (kept - 1)) / (LENGTH - 1), i = Math.min(Math.floor(p), LENGTH - 2);
      return samples[i] + (p - i) * (samples[i + 1] - samples[i]);
    });
  }

  // What the network is given of all beats of a recording, in the order of time: samples, and
  // features where it reads some.
  function describe(beats, { features }) {
    const samples = beats.map((beat) => beat.samples);
    if (!features.length) return { beats: samples, features: null };
    const [before, after] = ["before", "after"].map((side) => beats.map((beat) => beat[side]));
    return Live.features.describe(samples, before, after, features);
  }

  return { FS, BEFORE, LENGTH, MARGINS, classOf, largest, cut, cropAndResize, describe };
})();
