/* A small network and its training: activations, points, initial weights, gradients.

   Numbers lie unit by unit, point after point, in typed arrays. */
import { normal, random } from "./kit.js";

const COUNT = 200;

export const sigmoid = (z) => 1 / (1 + Math.exp(-z));

/* Value, and derivative from z and the value. */
export const ACTIVATIONS = {
  identity: [(z) => z, () => 1],
  ReLU: [(z) => (z > 0 ? z : 0), (z) => (z > 0 ? 1 : 0)],
  "Leaky ReLU": [(z) => (z > 0 ? z : 0.1 * z), (z) => (z > 0 ? 1 : 0.1)],
  tanh: [Math.tanh, (z, a) => 1 - a * a],
  sigmoid: [sigmoid, (z, a) => a * (1 - a)],
  SiLU: [(z) => z * sigmoid(z), (z, a) => { const s = sigmoid(z); return s + a * (1 - s); }],
  sine: [Math.sin, Math.cos],
};

/* Points [x₁, x₂, class]; `byhand.figures.playground.toy` makes the same. */
export function toy(name, noise, seed) {
  const uniform = random(seed);
  const gauss = normal(uniform);
  return Array.from({ length: COUNT }, (_, place) => {
    const label = place % 2;
    const [u, v] = [uniform(), uniform()];
    let x;
    if (name === "circles") {
      const radius = label ? 0.5 * Math.sqrt(u) : 1;
      x = [radius * Math.cos(2 * Math.PI * v), radius * Math.sin(2 * Math.PI * v)];
    } else if (name === "xor") {
      const sign = uniform() < 0.5 ? 1 : -1;
      x = [sign * (0.1 + 1.1 * u), (label ? -sign : sign) * (0.1 + 1.1 * v)];
    } else if (name === "spirals") {
      const t = Math.sqrt(0.02 + 0.98 * u);
      const angle = 3.5 * Math.PI * t + Math.PI * label;
      x = [1.2 * t * Math.cos(angle), 1.2 * t * Math.sin(angle)];
    } else {
      x = [Math.cos(Math.PI * u), Math.sin(Math.PI * u)];
      x = label ? [0.5 - x[0], 0.25 - x[1]] : [x[0] - 0.5, x[1] - 0.25];
    }
    return [...x.map((value) => value + noise * gauss()), label];
  });
}

function shuffled(count, seed) {
  const order = [...Array(count).keys()];
  const uniform = random(seed);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(uniform() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/* Where each layer's weights (a row for each unit) and biases lie among all. */
function layersOf(sizes) {
  let count = 0;
  const layers = sizes.slice(1).map((to, l) => {
    const weight = count;
    const bias = weight + to * sizes[l];
    count = bias + to;
    return { from: sizes[l], to, weight, bias };
  });
  return { layers, count };
}

function initial({ layers, count }, init, seed) {
  const uniform = random(seed);
  const gauss = normal(uniform);
  const draw = {
    linear: (from) => (2 * uniform() - 1) / Math.sqrt(from),
    large: (from) => (10 * (2 * uniform() - 1)) / Math.sqrt(from),
    he: (from) => Math.sqrt(2 / from) * gauss(),
    equal: () => 0.5,
    zero: () => 0,
  }[init];
  const biased = init === "linear" || init === "large";
  const theta = new Float64Array(count);
  for (const { from, to, weight, bias } of layers) {
    for (let k = weight; k < bias + to; k++) {
      const value = draw(from);
      theta[k] = k < bias || biased ? value : 0;
    }
  }
  return theta;
}

export const room = (layers, n) =>
  layers.map(({ to }) => ({ z: new Float64Array(to * n), a: new Float64Array(to * n), d: new Float64Array(to * n) }));

/* z and value of all units for n points (x: first all x₁, then all x₂); the last
   layer has z only, the logit. */
export function forward(layers, theta, x, n, value, space) {
  let input = x;
  for (let l = 0; l < layers.length; l++) {
    const { from, to, weight, bias } = layers[l];
    const { z, a } = space[l];
    for (let u = 0; u < to; u++) {
      const row = u * n;
      z.fill(theta[bias + u], row, row + n);
      for (let i = 0, at = 0; i < from; i++, at += n) {
        const w = theta[weight + u * from + i];
        for (let p = 0; p < n; p++) z[row + p] += w * input[at + p];
      }
    }
    if (l < layers.length - 1) for (let p = 0; p < to * n; p++) a[p] = value(z[p]);
    input = a;
  }
  return space[layers.length - 1].z;
}

const bce = (z, y) => Math.max(z, 0) - z * y + Math.log1p(Math.exp(-Math.abs(z)));

/* Points as arrays: x₁ of all, x₂ of all, and the classes. */
function columns(points) {
  const n = points.length;
  const x = new Float64Array(2 * n);
  const y = new Float64Array(n);
  points.forEach(([a, b, label], p) => ([x[p], x[n + p], y[p]] = [a, b, label]));
  return { x, y, n };
}

/* A run of training. All its parameters are kept, so that one can go back. */
export class Run {
  constructor(settings, train, test = []) {
    const { activation, depth, width, init, seed, batch } = settings;
    Object.assign(this, { settings, ...layersOf([2, ...Array(depth).fill(width), 1]) });
    [this.value, this.slope] = ACTIVATIONS[activation];
    [this.train, this.test] = [columns(train), columns(test)];
    this.size = Math.min(batch || Infinity, this.train.n);
    this.each = Math.ceil(this.train.n / this.size) || 1;
    this.theta = initial(this, init, 3 * seed + 2);
    this.space = room(this.layers, this.size);
    this.wide = room(this.layers, Math.max(this.train.n, this.test.n));
    this.gradient = new Float64Array(this.count);
    this.moments = [new Float64Array(this.count), new Float64Array(this.count)];
    this.part = this.size < this.train.n ? columns(train.slice(0, this.size)) : this.train;
    this.history = new Float64Array(64 * this.count);
    this.history.set(this.theta);
    this.done = 0;
    this.every = 10 * Math.min(5, this.each); // how often losses are looked at
    this.curve = [[0, ...this.losses(0)]];
  }

  at(step) {
    return this.history.subarray(step * this.count, (step + 1) * this.count);
  }

  /* Loss of training and of test points, and the share that is right. */
  losses(step) {
    const score = ({ x, y, n }) => {
      const z = forward(this.layers, this.at(step), x, n, this.value, this.wide);
      let [loss, right] = [0, 0];
      for (let p = 0; p < n; p++) {
        loss += bce(z[p], y[p]);
        right += z[p] > 0 === y[p] > 0.5;
      }
      return [loss / n, right / n];
    };
    return [...score(this.train), ...score(this.test)];
  }

  /* How many hidden units are 0 for all training points. */
  silent(step) {
    const { layers, train: { x, n } } = this;
    forward(layers, this.at(step), x, n, this.value, this.wide);
    let count = 0;
    layers.slice(0, -1).forEach(({ to }, l) => {
      for (let u = 0; u < to; u++) count += this.wide[l].a.subarray(u * n, (u + 1) * n).every((a) => a === 0);
    });
    return count;
  }

  /* The points of the next step. */
  rows() {
    const { train, part, size, each, done, settings } = this;
    if (size >= train.n) return train;
    if (done % each === 0) this.order = shuffled(train.n, 7919 * (settings.seed + 1) + done / each);
    const first = (done % each) * size;
    part.n = Math.min(size, train.n - first);
    for (let p = 0; p < part.n; p++) {
      const from = this.order[first + p];
      part.x[p] = train.x[from];
      part.x[part.n + p] = train.x[train.n + from];
      part.y[p] = train.y[from];
    }
    return part;
  }

  /* The loss's gradient, without the penalty, into this.gradient. */
  backward({ x, y, n }) {
    const { layers, theta, space, gradient, slope } = this;
    const z = forward(layers, theta, x, n, this.value, space);
    const last = space[layers.length - 1].d;
    for (let p = 0; p < n; p++) last[p] = (sigmoid(z[p]) - y[p]) / n;
    for (let l = layers.length - 1; l >= 0; l--) {
      const { from, to, weight, bias } = layers[l];
      const { d } = space[l];
      const below = space[l - 1];
      below?.d.fill(0, 0, from * n);
      for (let u = 0; u < to; u++) {
        const row = u * n;
        let sum = 0;
        for (let p = 0; p < n; p++) sum += d[row + p];
        gradient[bias + u] = sum;
        for (let i = 0, at = 0; i < from; i++, at += n) {
          const w = theta[weight + u * from + i];
          sum = 0;
          if (l === 0) for (let p = 0; p < n; p++) sum += d[row + p] * x[at + p];
          else {
            for (let p = 0; p < n; p++) {
              sum += d[row + p] * below.a[at + p];
              below.d[at + p] += w * d[row + p];
            }
          }
          gradient[weight + u * from + i] = sum;
        }
      }
      if (l > 0) for (let k = 0; k < from * n; k++) below.d[k] *= slope(below.z[k], below.a[k]);
    }
  }

  /* One step. */
  once() {
    const { theta, gradient, settings: { rate, decay, optimiser } } = this;
    this.backward((this.points = this.rows()));
    if (decay) {
      for (const { weight, bias } of this.layers) {
        for (let k = weight; k < bias; k++) gradient[k] += decay * theta[k];
      }
    }
    this.done++;
    if (optimiser === "Adam") {
      const [m, v] = this.moments;
      const [one, two] = [1 - 0.9 ** this.done, Math.sqrt(1 - 0.999 ** this.done)];
      for (let k = 0; k < theta.length; k++) {
        m[k] = 0.9 * m[k] + 0.1 * gradient[k];
        v[k] = 0.999 * v[k] + 0.001 * gradient[k] ** 2;
        theta[k] -= ((rate / one) * m[k]) / (Math.sqrt(v[k]) / two + 1e-8);
      }
    } else {
      for (let k = 0; k < theta.length; k++) theta[k] -= rate * gradient[k];
    }
    const end = (this.done + 1) * this.count;
    if (end > this.history.length) {
      const longer = new Float64Array(2 * this.history.length);
      longer.set(this.history);
      this.history = longer;
    }
    this.history.set(theta, end - this.count);
    if (this.done % this.every === 0) this.curve.push([this.done, ...this.losses(this.done)]);
  }

  /* Train until so many steps are done, or so many milliseconds have passed. */
  go(until, budget = Infinity) {
    const end = performance.now() + budget;
    while (this.train.n && this.done < until && performance.now() < end) this.once();
  }
}

/* What a test compares: every step's loss, of its own points, and all parameters. */
export function record(settings, points, steps) {
  const { depth } = settings;
  const run = new Run(settings, points);
  const losses = Array.from({ length: steps }, () => {
    run.once();
    const { points: { y, n }, space } = run;
    return space[depth].z.subarray(0, n).reduce((sum, z, p) => sum + bce(z, y[p]) / n, 0);
  });
  return { losses, parameters: Array.from({ length: steps + 1 }, (_, step) => [...run.at(step)]) };
}

/* The plane's points, row after row from the top. */
export const REACH = 1.6; // of the plane that is shown
export const SIDE = 80; // of its picture, in points
export const grid = new Float64Array(2 * SIDE * SIDE);
for (let p = 0; p < SIDE * SIDE; p++) {
  grid[p] = REACH * ((2 * (p % SIDE) + 1) / SIDE - 1);
  grid[SIDE * SIDE + p] = REACH * (1 - (2 * Math.floor(p / SIDE) + 1) / SIDE);
}

/* What the output (its logit) and, in `space`, all units say on the plane. */
export const surfaces = (run, step, space) => forward(run.layers, run.at(step), grid, SIDE * SIDE, run.value, space);
