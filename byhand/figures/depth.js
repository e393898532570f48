/* A hundred layers: the size of signal and gradient by layer, from a forward and a
   backward pass through a network that is drawn anew with every change. */
import { clamp, figure, finite, line, make, normal, number, random } from "./kit.js";

const BATCH = 8;
const MOST = 100;
const ACTS = { // each with its slope, from what it gives
  linear: [(z) => z, () => 1],
  ReLU: [(z) => (z > 0 ? z : 0), (a) => (a > 0 ? 1 : 0)],
  tanh: [Math.tanh, (a) => 1 - a * a],
  sigmoid: [(z) => 1 / (1 + Math.exp(-z)), (a) => a * (1 - a)],
};
const RESIDUALS = ["none", "z + f", "z + f/√L"];

function draw(seed, count, size = 1) {
  const next = normal(random(seed));
  return Float64Array.from({ length: count }, () => size * next());
}
/* What does not depend on gain, activation, depth: inputs, weights of N(0, 1/width) for
   all layers, and the gradient that comes in at the end. */
function numbers(seed, width) {
  const batch = BATCH * width;
  const weights = draw(3 * seed + 1, MOST * width * width, 1 / Math.sqrt(width));
  return { seed, width, weights, inputs: draw(3 * seed, batch), upstream: draw(3 * seed + 2, batch) };
}
let kept = {};

const rms = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

/* Root mean square of z and ∂L/∂z in layers 0 … depth, and the mean cosine between two
   inputs in the last layer. A layer: z becomes f = scale · W act(z), or z + f. */
export function measure({ gain, activation, residual, width, depth, seed }) {
  if (kept.seed !== seed || kept.width !== width) kept = numbers(seed, width);
  const { weights, inputs, upstream } = kept;
  const [act, slope] = ACTS[activation];
  const scale = gain * (residual === "z + f/√L" ? depth ** -0.5 : 1);
  const keep = residual === "none" ? 0 : 1;
  const n = BATCH * width;
  const all = new Float64Array((depth + 1) * n);
  all.set(inputs);
  const acts = new Float64Array(depth * n);
  for (let l = 0; l < depth; l++) {
    const z = all.subarray(l * n, (l + 1) * n);
    const out = all.subarray((l + 1) * n, (l + 2) * n);
    const a = acts.subarray(l * n, (l + 1) * n);
    for (let i = 0; i < n; i++) a[i] = act(z[i]);
    for (let o = 0; o < width; o++) {
      const row = (l * width + o) * width;
      for (let b = 0; b < n; b += width) {
        let [s, t] = [0, 0]; // two sums at a time are quicker
        for (let i = 0; i < width; i += 2) {
          s += weights[row + i] * a[b + i];
          t += weights[row + i + 1] * a[b + i + 1];
        }
        out[b + o] = scale * (s + t) + keep * z[b + o];
      }
    }
  }
  const signal = [];
  for (let l = 0; l <= depth; l++) signal.push(rms(all.subarray(l * n, (l + 1) * n)));

  const gradient = Array(depth + 1);
  const g = Float64Array.from(upstream);
  const back = new Float64Array(n);
  gradient[depth] = rms(g);
  for (let l = depth - 1; l >= 0; l--) {
    back.fill(0);
    for (let o = 0; o < width; o++) {
      const row = (l * width + o) * width;
      for (let b = 0; b < n; b += width) {
        const share = g[b + o];
        for (let i = 0; i < width; i++) back[b + i] += weights[row + i] * share;
      }
    }
    for (let i = 0; i < n; i++) g[i] = scale * slope(acts[l * n + i]) * back[i] + keep * g[i];
    gradient[l] = rms(g);
  }
  return { signal, gradient, cosine: cosine(all.subarray(depth * n), width) };
}

/* Mean over all pairs of rows. */
function cosine(z, width) {
  const rows = [...Array(BATCH).keys()].map((b) => z.subarray(b * width, (b + 1) * width));
  const unit = rows.map((row) => row.map((value) => value / (rms(row) * Math.sqrt(width))));
  let sum = 0;
  for (let p = 1; p < BATCH; p++) {
    for (let q = 0; q < p; q++) sum += unit[p].reduce((dot, value, i) => dot + value * unit[q][i], 0);
  }
  return sum / ((BATCH * (BATCH - 1)) / 2);
}

/* The factor per layer that (9.1) expects; where the activation is no straight line on
   each side of 0, there is none. */
export function expected({ gain, activation, residual, depth }) {
  const kept = { linear: 1, ReLU: 0.5 }[activation];
  if (!kept) return null;
  const f = gain * gain * kept;
  return Math.sqrt(residual === "none" ? f : 1 + (residual === "z + f" ? f : f / depth));
}

/* 10 to this power holds the values, up and down: a few fixed ranges, so that the axis
   does not follow the curve. */
export function decades(...curves) {
  const found = curves.flat().filter((value) => value > 0).map((value) => Math.abs(Math.log10(value)));
  return [2, 5, 10, 20, 40, 80, 160].find((power) => Math.max(...found) <= power) ?? 320;
}

const SETTINGS = ["gain", "activation", "residual", "width", "depth", "seed"];
const he = { activation: "ReLU", gain: Math.SQRT2 };

export default figure({
  name: "A hundred layers",
  check(get) {
    if (!finite([get("gain"), get("width"), get("depth"), get("seed"), get("layer")])) return "a setting is not a number";
    if (!ACTS[get("activation")] || !RESIDUALS.includes(get("residual"))) return "activation or residual is not known";
  },
  build(stage) {
    const plain = { residual: "none", width: 64, depth: 100 };
    stage.remember("seed", "layer");
    stage.presets([
      { label: "Gain 1, tanh", set: { ...plain, activation: "tanh", gain: 1 }, note: "Tanh presses large values together, and less the smaller they are: signal and gradient fall ever more slowly, by no constant factor." },
      { label: "0.9", set: { ...plain, activation: "linear", gain: 0.9 }, note: "Linear layers, 10 % too small. Nothing happens in one layer; a hundred leave 0.9¹⁰⁰, a few hundred-thousandths." },
      { label: "1.1", set: { ...plain, activation: "linear", gain: 1.1 }, note: "10 % too large, and the signal is thousands of times as large at the end, and so is the gradient at the beginning." },
      { label: "He, ReLU", set: { ...plain, ...he }, note: "ReLU halves the mean square, a gain of √2 makes up for it, in both directions. What is left is chance, the less of it the wider the layers. But read the cosine: all inputs have become one." },
      { label: "Sigmoid", set: { ...plain, activation: "sigmoid", gain: 1 }, note: "The signal looks healthy, for the sigmoid always gives about a half. The gradient tells the truth: a slope of a quarter at most, in every layer." },
      { label: "Residual", set: { ...plain, ...he, residual: "z + f" }, note: "Each layer adds as much as there is already: the mean square doubles, and after a hundred layers that is 2¹⁰⁰." },
      { label: "Residual, tamed", set: { ...plain, ...he, residual: "z + f/√L" }, note: "Each branch divided by √L: all of them together add about as much as one. Change the gain now: how much does it matter?" },
    ], "Turn the gain: where do signal and gradient survive a hundred layers? Then change the activation, and try again.");
    stage.row(
      stage.slider("gain", "gain", { from: 0.25, to: 4, log: true }),
      stage.choice("activation", "activation", Object.keys(ACTS)),
      stage.choice("residual", "residual", RESIDUALS),
    );
    const pads = ["signal", "gradient"].map((name) => stage.pad(`Root mean square of the ${name} by layer, logarithmic; the sentence above gives the numbers`, 260));
    stage.root.append(stage.sentence, make("div", { class: "bh-sides" }, ...pads.map(({ canvas }) => make("div", {}, canvas))));
    stage.row(
      stage.slider("layer", "read off layer", { from: 0, to: () => stage.get("depth") }),
      stage.slider("depth", "depth L", { from: 2, to: MOST }),
      stage.choice("width", "width", [8, 16, 32, 64]),
      stage.button("Other weights", () => stage.set({ seed: (stage.get("seed") + 1) % 1000 })),
    );
    const box = (pad) => ({ x: 52, y: 26, w: pad.width - 66, h: 190 });
    for (const pad of pads) {
      stage.drag(pad, (x) => {
        const { x: left, w } = box(pad);
        stage.set({ layer: clamp(Math.round(((x - left) / w) * stage.get("depth")), 0, stage.get("depth")) });
      }, true);
    }

    let found, key;
    return () => {
      const now = Object.fromEntries(SETTINGS.map((name) => [name, stage.get(name)]));
      if (key !== JSON.stringify(now)) [found, key] = [measure(now), JSON.stringify(now)];
      const { depth } = now;
      for (const refresh of stage.refreshers) refresh(); // the end of a slider has moved
      const layer = clamp(stage.get("layer"), 0, depth);
      const reach = decades(found.signal, found.gradient);
      const factor = expected(now);
      pads.forEach((pad, k) => {
        const context = stage.clear(pad);
        const [values, colour, name] = [[found.signal, "blue", "signal"], [found.gradient, "orange", "gradient, from the last layer back"]][k];
        const { X, Y } = stage.axes(pad, box(pad), { x: [0, depth], y: [10 ** -reach, 10 ** reach], logY: true, xlabel: "layer", ylabel: name });
        const inside = (value) => value > 0 && Math.abs(Math.log10(value)) <= reach;
        if (factor) {
          context.strokeStyle = stage.colours.ink;
          context.lineWidth = 1;
          context.setLineDash([2, 4]);
          const theory = values.map((_, l) => values[k ? depth : 0] * factor ** (k ? depth - l : l));
          line(context, theory.flatMap((value, l) => (inside(value) ? [[X(l), Y(value)]] : [])));
        }
        context.strokeStyle = stage.colours[colour];
        context.lineWidth = 2.5;
        context.setLineDash(k ? [6, 3] : []);
        line(context, values.flatMap((value, l) => (inside(value) ? [[X(l), Y(value)]] : [])));
        context.setLineDash([]);
        context.lineWidth = 1;
        context.strokeStyle = stage.colours.ink;
        line(context, [[X(layer), Y(10 ** reach)], [X(layer), Y(10 ** -reach)]]);
        if (!inside(values[layer])) return;
        context.fillStyle = stage.colours[colour];
        context.beginPath();
        context.arc(X(layer), Y(values[layer]), 4.5, 0, 2 * Math.PI);
        context.fill();
        const right = X(layer) > pad.width * 0.6;
        stage.write(context, number(values[layer]), X(layer) + (right ? -8 : 8), Y(values[layer]) - 12, { colour: stage.colours.ink, align: right ? "right" : "left" });
      });
      const grown = (values, from, to) => number(values[to] / values[from], 2);
      const a = found.signal[depth];
      const theory = factor ? ` Expected by (9.1), dotted: a factor of ${number(factor)} per layer.` : "";
      stage.say(`Layer ${layer}: signal ${number(found.signal[layer])}, gradient ${number(found.gradient[layer])}. Through ${depth} layers the signal is multiplied by ${grown(found.signal, 0, depth)}, the gradient, on its way back, by ${grown(found.gradient, depth, 0)}.${a > 0 ? ` Cosine between two inputs at the end: ${number(found.cosine)}.` : " Nothing is left of the signal."}${theory}`);
    };
  },
});
