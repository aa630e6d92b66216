// The convolution as a WebAssembly program of a few hundred bytes, assembled here instruction by
// instruction. It computes what convolve() in network.js defines, with four numbers at a time.
"use strict";
globalThis.Live ??= {};
Live.kernel = (() => {
  // Numbers in WebAssembly: seven bits per byte, the lowest first.
  function leb(value) {
    const bytes = [];
    for (;;) {
      const low = value & 127;
      value >>= 7;
      const done = (value === 0 && !(low & 64)) || (value === -1 && low & 64);
      bytes.push(done ? low : low | 128);
      if (done) return bytes;
    }
  }
  const count = (value) => // the same of a number that is never negative
    (value < 128 ? [value] : [(value & 127) | 128, ...count(value >> 7)]);
  const vector = (items) => [...count(items.length), ...items.flat()];
  const section = (id, body) => [id, ...count(body.length), ...body];

  const I32 = 0x7f, V128 = 0x7b;
  const get = (local) => [0x20, ...count(local)];
  const set = (local) => [0x21, ...count(local)];
  const tee = (local) => [0x22, ...count(local)];
  const constant = (value) => [0x41, ...leb(value)];
  const add = [0x6a], multiply = [0x6c], less = [0x48], simd = (op) => [0xfd, ...count(op)];
  const loadVector = (offset) => [...simd(0), 2, ...count(offset)];
  const loadSplat = [...simd(9), 2, 0]; // one number, four times
  const storeVector = (offset) => [...simd(11), 2, ...count(offset)];
  const addVectors = simd(0xe4), multiplyVectors = simd(0xe6), largerOf = simd(0xe9);
  const zeros = [...simd(12), ...new Array(16).fill(0)];
  const loop = (body) => [0x03, 0x40, ...body, 0x0b];
  const again = [0x0d, 0]; // repeat the innermost loop if the condition holds
  const when = (condition, body) => [...condition, 0x04, 0x40, ...body, 0x0b];
  const increase = (local, by) => [...get(local), ...by, ...add, ...set(local)];

  // Parameters, all addresses and steps in bytes. x: input; step: from one output position to the
  // next; n: length of a window; w: weights (window, outputs); b: biases; outputs: a multiple of 8;
  // edge: what is added (or 0); relu: 1 or 0; y: output; end: where the output ends.
  const NAMES = ["x", "step", "n", "w", "b", "outputs", "edge", "relu", "y", "end"];
  const P = Object.fromEntries(NAMES.map((name, i) => [name, i]));
  const STOP = NAMES.length, WEIGHT = STOP + 1, COLUMN = STOP + 2, AT = STOP + 3; // i32, AT + row

  // Compute `rows` output positions at once: each weight that is loaded serves all of them.
  function program(rows) {
    const LOW = AT + rows, HIGH = LOW + 1, VALUE = LOW + 2, SUM = LOW + 3; // v128, SUM + 2 * row + half
    const each = (f) => Array.from({ length: rows }, (_, row) => f(row)).flat();
    const sum = (row, half) => SUM + 2 * row + half;
    const row = (address, pitch, r) =>
      [...get(address), ...constant(r), ...get(pitch), ...multiply, ...add];
    const accumulate = (r, half) => [
      ...get(VALUE), ...get(half ? HIGH : LOW), ...multiplyVectors,
      ...get(sum(r, half)), ...addVectors, ...set(sum(r, half)),
    ];
    const dot = [
      ...each((r) => [...row(P.x, P.step, r), ...set(AT + r)]),
      ...get(P.x), ...get(P.n), ...add, ...set(STOP),
      ...get(P.w), ...get(COLUMN), ...add, ...set(WEIGHT),
      ...loop([
        ...get(WEIGHT), ...loadVector(0), ...set(LOW), ...get(WEIGHT), ...loadVector(16), ...set(HIGH),
        ...each((r) => [
          ...get(AT + r), ...loadSplat, ...set(VALUE), ...accumulate(r, 0), ...accumulate(r, 1),
        ]),
        ...increase(WEIGHT, get(P.outputs)),
        ...each((r) => increase(AT + r, constant(4))),
        ...get(AT), ...get(STOP), ...less, ...again,
      ]),
    ];
    const halves = (f) => each((r) => [...f(r, 0), ...f(r, 1)]);
    const update = (f) =>
      halves((r, half) => [...get(sum(r, half)), ...f(r, half), ...set(sum(r, half))]);
    const beside = (base, r) => [...row(base, P.outputs, r), ...get(COLUMN), ...add];
    return loop([
      ...constant(0), ...set(COLUMN),
      ...loop([
        ...halves((r, half) => [
          ...get(P.b), ...get(COLUMN), ...add, ...loadVector(16 * half), ...set(sum(r, half)),
        ]),
        ...dot,
        ...when(get(P.edge), update((r, half) =>
          [...beside(P.edge, r), ...loadVector(16 * half), ...addVectors])),
        ...when(get(P.relu), update(() => [...zeros, ...largerOf])),
        ...halves((r, half) => [...beside(P.y, r), ...get(sum(r, half)), ...storeVector(16 * half)]),
        ...get(COLUMN), ...constant(32), ...add, ...tee(COLUMN), ...get(P.outputs), ...less, ...again,
      ]),
      ...increase(P.x, [...constant(rows), ...get(P.step), ...multiply]),
      ...when(get(P.edge), increase(P.edge, [...constant(rows), ...get(P.outputs), ...multiply])),
      ...increase(P.y, [...constant(rows), ...get(P.outputs), ...multiply]),
      ...get(P.y), ...get(P.end), ...less, ...again,
    ]);
  }

  const ROWS = 4;
  const text = (s) => vector(Array.from(s, (c) => [c.charCodeAt(0)]));
  function assemble(pages) {
    const bodies = [ROWS, 1].map((rows) => {
      const locals = vector([[3 + rows, I32], [3 + 2 * rows, V128]]);
      const code = [...locals, ...program(rows), 0x0b];
      return [...count(code.length), ...code];
    });
    return new Uint8Array([
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      ...section(1, vector([[0x60, ...vector(NAMES.map(() => [I32])), 0]])),
      ...section(3, vector([[0], [0]])),
      ...section(5, vector([[0, ...count(pages)]])),
      ...section(7, vector([
        [...text("memory"), 2, 0], [...text("four"), 0, 0], [...text("one"), 0, 1],
      ])),
      ...section(10, vector(bodies)),
    ]);
  }

  // Memory for so many numbers, and the two functions; throws where WebAssembly is not allowed.
  function instantiate(floats) {
    const pages = Math.ceil((4 * floats) / 65536);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble(pages)));
    const memory = new Float32Array(exports.memory.buffer);
    // All addresses and steps in numbers of four bytes; `rows` positions are computed.
    function convolve(x, step, n, layer, edge, relu, y, rows) {
      const { weights, biases, outputs } = layer, many = rows - (rows % ROWS);
      const run = (f, from, to) =>
        f(4 * (x + from * step), 4 * step, 4 * n, 4 * weights, 4 * biases, 4 * outputs,
          edge ? 4 * (edge + from * outputs) : 0, relu ? 1 : 0,
          4 * (y + from * outputs), 4 * (y + to * outputs));
      if (many) run(exports.four, 0, many);
      if (many < rows) run(exports.one, many, rows);
    }
    return { memory, convolve };
  }

  return { instantiate, assemble };
})();
