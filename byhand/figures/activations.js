/* Activations: a function, its derivative, what arrives and what leaves; ten layers. */
import { clamp, figure, finite, line, make, number } from "./kit.js";

const LAYERS = 10;
const REACH = 6;
const [ALPHA, LAMBDA] = [1.6732632423543772, 1.0507009873554805]; // of SELU
const sigmoid = (z) => {
  const e = Math.exp(-Math.abs(z)); // at most 1: cannot overflow
  return (z >= 0 ? 1 : e) / (1 + e);
};
const density = (z) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

/* Distribution function of the standard normal, to 1e-7 of itself also far to the left
   (Chebyshev fit of erfc: Press and others, Numerical Recipes, section 6.2). */
const FIT = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277];
function phi(z) {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  const half = (t * Math.exp(-x * x + FIT.reduceRight((sum, c) => sum * t + c, 0))) / 2;
  return z < 0 ? half : 1 - half;
}
const elu = (z, alpha) => (z > 0 ? z : alpha * Math.expm1(z));
const dElu = (z, alpha) => (z > 0 ? 1 : alpha * Math.exp(z));

/* Value, derivative, and the trait that is the parameter. */
const CATALOGUE = {
  step: [(z) => (z >= 0 ? 1 : 0), () => 0],
  identity: [(z) => z, () => 1],
  sigmoid: [sigmoid, (z) => sigmoid(z) * sigmoid(-z)],
  tanh: [Math.tanh, (z) => 4 * sigmoid(2 * z) * sigmoid(-2 * z)],
  ReLU: [(z) => (z > 0 ? z : 0), (z) => (z > 0 ? 1 : 0)],
  "Leaky ReLU": [(z, a) => (z > 0 ? z : a * z), (z, a) => (z > 0 ? 1 : a), "a"],
  ELU: [elu, dElu, "alpha"],
  SELU: [(z) => LAMBDA * elu(z, ALPHA), (z) => LAMBDA * dElu(z, ALPHA)],
  Swish: [
    (z, beta) => z * sigmoid(beta * z),
    (z, beta) => { const s = sigmoid(beta * z); return s + beta * z * s * sigmoid(-beta * z); },
    "beta",
  ],
  GELU: [(z) => z * phi(z), (z) => phi(z) + z * density(z)],
  softplus: [(z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))), sigmoid],
  sine: [Math.sin, Math.cos],
};

/* Value and derivative at places, as the figure draws them. */
export function curves(name, parameter, places) {
  const [f, d] = CATALOGUE[name];
  return [places.map((z) => f(z, parameter)), places.map((z) => d(z, parameter))];
}

/* A normal variable's expectations are sums over 1600 places (the midpoint rule, since
   0, where some functions jump, must not be a place). */
const PLACES = Float64Array.from({ length: 1600 }, (_, k) => (k - 799.5) / 100);
const WEIGHTS = PLACES.map((t) => density(t) / 100);

/* Expectations of σ(Z), σ(Z)², σ′(Z), σ′(Z)². */
export function moments(name, parameter, mean, spread) {
  const [f, d] = CATALOGUE[name];
  const sums = [0, 0, 0, 0];
  for (let k = 0; k < PLACES.length; k++) {
    const z = mean + spread * PLACES[k];
    const [value, slope] = [f(z, parameter), d(z, parameter)];
    sums[0] += WEIGHTS[k] * value;
    sums[1] += WEIGHTS[k] * value * value;
    sums[2] += WEIGHTS[k] * slope;
    sums[3] += WEIGHTS[k] * slope * slope;
  }
  return sums;
}

/* Root mean squares of the signal that leaves each layer, and of the gradient that
   reaches its pre-activations; the layers after the first are wide, with weights of
   variance gain²/n. */
export function through(name, parameter, mean, spread, gain) {
  const rows = [];
  for (let l = 0; l < LAYERS; l++) {
    const [, square, , slope] = moments(name, parameter, mean, spread).map((x) => Math.max(x, 0));
    rows.push([Math.sqrt(square), Math.sqrt(slope)]);
    [mean, spread] = [0, gain * Math.sqrt(square)];
  }
  let gradient = 1 / gain;
  const gradients = rows.map(([, factor]) => factor).reverse().map((factor) => (gradient *= gain * factor)).reverse();
  return { signal: rows.map(([size]) => size), gradient: gradients };
}

/* Share of the arrivals at which the derivative is below 5 % of its largest. */
export function saturated(name, parameter, mean, spread) {
  const [, d] = CATALOGUE[name];
  const largest = Math.max(...PLACES.map((t) => Math.abs(d(1.5 * t, parameter))));
  return PLACES.reduce((sum, t, k) => sum + (Math.abs(d(mean + spread * t, parameter)) < 0.05 * largest || !largest ? WEIGHTS[k] : 0), 0);
}

const plain = { activation: "tanh", mean: 0, spread: 1, a: 0.1, alpha: 1, beta: 1, gain: 1 };
const Y = [-2.2, 2.6];

export default figure({
  name: "Activations",
  check(get) {
    if (!(get("activation") in CATALOGUE)) return "there is no such activation";
    if (!finite(["mean", "spread", "a", "alpha", "beta", "gain"].map(get))) return "a setting is not a number";
  },
  build(stage) {
    stage.remember(...Object.keys(plain));
    stage.presets([
      { label: "Saturated tanh", set: { ...plain, spread: 6 }, note: "Most arrivals stand where tanh is flat: what leaves is nearly −1 or 1, and they get hardly any gradient. Narrow the spread until half of them are filled again." },
      { label: "Sigmoid, ten times", set: { ...plain, activation: "sigmoid" }, note: "Nothing is saturated here, yet σ′ is at most ¼: look what is left of the gradient after ten layers. The signal does not vanish, because it is nowhere near mean 0." },
      { label: "ReLU loses half", set: { ...plain, activation: "ReLU" }, note: "Half of the arrivals pass, so each layer halves the mean square of the signal, and of the gradient as well. Which gain holds both in place? Move it towards √2 = 1.41." },
      { label: "Nearly dead", set: { ...plain, activation: "ReLU", mean: -3 }, note: "Almost no arrival is above 0: no signal, and no gradient that could move the weights back. Now take Leaky ReLU instead." },
      { label: "SELU holds", set: { ...plain, activation: "SELU", spread: 3 }, note: "Arrivals three times too wide: layer by layer the signal comes back to size 1, whatever it was. Try any other spread. Then move the gain: the promise is gone." },
      { label: "A step", set: { ...plain, activation: "step" }, note: "The derivative is 0 wherever it exists: whatever arrives, no gradient ever passes. Descent has nothing to go by." },
    ], "Drag the hill of arrivals to the left and right, and make it wider. When does the gradient suffer, and when the signal?");
    const parameters = {
      a: stage.slider("a", "slope a", { from: 0, to: 1, step: 0.05 }),
      alpha: stage.slider("alpha", "α", { from: 0, to: 3, step: 0.1 }),
      beta: stage.slider("beta", "β", { from: 0.1, to: 10, log: true }),
    };
    stage.row(
      stage.choice("activation", "activation", Object.keys(CATALOGUE)),
      stage.slider("mean", "mean of arrivals", { from: -REACH, to: REACH, step: 0.1 }),
      stage.slider("spread", "their spread", { from: 0.1, to: 10, log: true }),
      ...Object.values(parameters),
    );
    const shapes = stage.pad("The function and its derivative; below, what arrives; on the right, what leaves", 328);
    const sizes = stage.pad("Size of signal and gradient in ten layers; numbers below", 300);
    const sides = make("div", { class: "bh-sides", style: "--columns: 3fr 2fr" });
    sides.append(make("div", {}, shapes.canvas, make("p", { style: "color: var(--muted); font-size: 0.8rem; margin-top: 0" }, "Filled: arrivals where the derivative is above 5 % of its largest.")), make("div", {}, sizes.canvas));
    stage.root.append(sides, stage.sentence);
    stage.row(stage.slider("gain", "gain of the weights (variance gain²/n)", { from: 0.1, to: 5, log: true }));

    const box = () => ({ x: 30, y: 24, w: shapes.width - 30 - 64, h: 190 });
    stage.drag(shapes, (x) => {
      const { x: left, w } = box();
      stage.set({ mean: Number(clamp(REACH * ((2 * (x - left)) / w - 1), -REACH, REACH).toFixed(1)) });
    });
    shapes.canvas.style.cursor = "ew-resize";
    const places = Array.from({ length: 241 }, (_, k) => REACH * (k / 120 - 1));

    function drawShapes(name, parameter, mean, spread) {
      const context = stage.clear(shapes);
      const { x: left, y: top, w, h } = box();
      const { X, Y: V } = stage.axes(shapes, box(), { x: [-REACH, REACH], y: Y });
      const [values, slopes] = curves(name, parameter, places);
      const { ink, muted, blue, orange, green, pink } = stage.colours;
      context.save();
      context.beginPath();
      context.rect(left, top, w, h);
      context.clip();
      context.lineWidth = 2.5;
      for (const [points, colour, dash] of [[values, blue, []], [slopes, orange, [7, 4]]]) {
        context.strokeStyle = colour;
        context.setLineDash(dash);
        line(context, points.map((value, k) => [X(places[k]), V(value)]));
      }
      context.restore();

      // what arrives: filled where the derivative is above 5 % of its largest
      const floor = top + h + 88;
      const largest = Math.max(...PLACES.map((t) => Math.abs(curve(name, parameter, 1.5 * t))));
      const hill = (z) => floor - 60 * Math.exp(-(((z - mean) / spread) ** 2) / 2);
      context.fillStyle = green;
      for (let k = 0; k < 240; k++) {
        const z = (places[k] + places[k + 1]) / 2;
        const slope = Math.abs(curve(name, parameter, z));
        if (slope < 0.05 * largest || !largest) continue;
        context.fillRect(X(places[k]), hill(z), w / 240 + 0.5, floor - hill(z));
      }
      context.strokeStyle = ink;
      context.lineWidth = 1.2;
      line(context, [[left, floor], ...places.map((z) => [X(z), hill(z)]), [left + w, floor]]);
      line(context, [[left, floor], [left + w, floor]]);
      context.fillStyle = muted;
      context.textAlign = "left";
      context.fillText("what arrives: drag it", left, floor + 12);

      // what leaves
      const bins = 52;
      const counts = new Float64Array(bins);
      const [f] = CATALOGUE[name];
      for (let k = 0; k < PLACES.length; k++) {
        const at = Math.floor(((f(mean + spread * PLACES[k], parameter) - Y[0]) / (Y[1] - Y[0])) * bins);
        if (at >= 0 && at < bins) counts[at] += WEIGHTS[k];
      }
      const right = left + w + 8;
      const most = Math.max(0.08, ...counts);
      context.fillStyle = pink;
      counts.forEach((share, k) => share > 1e-4 && context.fillRect(right, top + h * (1 - (k + 1) / bins), Math.max(1, (50 * share) / most), h / bins));
      context.strokeStyle = ink;
      line(context, [[right, top], [right, top + h]]);
      context.fillStyle = muted;
      context.fillText("leaves", right, top - 10);
      context.fillStyle = blue;
      context.fillText(`── ${name}`, left, top - 12);
      context.fillStyle = orange;
      context.fillText("– – derivative", left + 100, top - 12);
    }
    const curve = (name, parameter, z) => CATALOGUE[name][1](z, parameter);

    function drawSizes({ signal, gradient }) {
      const context = stage.clear(sizes);
      const place = { x: 54, y: 24, w: sizes.width - 64, h: 232 };
      const all = [...signal, ...gradient].filter((size) => size > 0);
      const low = clamp(Math.floor(Math.log10(Math.min(0.1, ...all))), -12, -1);
      const high = clamp(Math.ceil(Math.log10(Math.max(10, ...all))), 1, 12);
      const map = stage.axes(sizes, place, { x: [1, LAYERS], y: [10 ** low, 10 ** high], logY: true, xlabel: "layer" });
      const V = (size) => map.Y(clamp(size, 10 ** low, 10 ** high));
      const kinds = [["signal", signal, "green", []], ["gradient", gradient, "pink", [6, 4]]];
      kinds.forEach(([name, rows, colour, dash], k) => {
        context.strokeStyle = context.fillStyle = stage.colours[colour];
        context.lineWidth = 2;
        context.setLineDash(dash);
        line(context, rows.map((size, l) => [map.X(l + 1), V(size)]));
        context.setLineDash([]);
        rows.forEach((size, l) => {
          const [x, y] = [map.X(l + 1), V(size)];
          context.beginPath();
          if (k) for (const [a, b] of [[0, -5], [4.5, 3], [-4.5, 3]]) context.lineTo(x + a, y + b);
          else context.arc(x, y, 3.5, 0, 7);
          context.fill();
        });
        context.textAlign = "left";
        context.fillText(k ? "▲ – gradient" : "● ─ signal", place.x + 90 * k, 10);
      });
    }

    return () => {
      const [name, mean, spread, gain] = ["activation", "mean", "spread", "gain"].map((trait) => stage.get(trait));
      const trait = CATALOGUE[name][2];
      for (const [each, slider] of Object.entries(parameters)) slider.style.display = each === trait ? "" : "none";
      const parameter = trait && stage.get(trait);
      drawShapes(name, parameter, mean, spread);
      const rows = through(name, parameter, mean, spread, gain);
      drawSizes(rows);
      const [first, square, slope] = moments(name, parameter, mean, spread);
      const share = Math.round(100 * saturated(name, parameter, mean, spread));
      stage.say(
        `What leaves has mean ${number(Math.abs(first) < 1e-12 ? 0 : first)} and spread ${number(Math.sqrt(Math.max(0, square - first * first)))}. Mean derivative: ${number(slope)}; ` +
        `${share} % of the arrivals are where it is below 5 % of its largest. After ten layers the signal has size ${number(rows.signal[LAYERS - 1])}; ` +
        `a gradient of size 1 at the end reaches the first with ${number(rows.gradient[0])}.`,
      );
    };
  },
});
