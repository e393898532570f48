/* Double descent: a curve through a few points, as a sum of random curves.

   For each number of features the least-squares problem is solved once, by a singular
   value decomposition; other noise and another weight decay are then cheap. */
import { clamp, figure, finite, fixed, line, make, normal, number, random } from "./kit.js";

const [WAVES, MOST, GRID] = [60, 200, 201];
const COUNTS = [...Array(30).keys()].map((i) => i + 1).concat([34, 40, 48, 60, 80, 100, 140, MOST]);
const truth = (x) => Math.sin(3 * x);
const grid = Float64Array.from({ length: GRID }, (_, i) => -1 + (2 * i) / (GRID - 1));
const real = grid.map(truth);

function dot(a, b, length = a.length) {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[i] * b[i];
  return sum;
}

/* The points: their places, and noise of standard deviation 1. */
export function sample(draw, n) {
  const [uniform, noise] = [random(100 * draw), normal(random(100 * draw + 1))];
  const x = Float64Array.from({ length: n }, (_, i) => ((i + 0.2 + 0.6 * uniform()) * 2) / n - 1);
  return { x, noise: Float64Array.from({ length: n }, noise) };
}

/* All features at places x, a row for each place, before they are scaled by 1/√P. */
const shares = new Map();
export function matrix(draw, places) {
  if (!shares.has(draw)) {
    const next = normal(random(100 * draw + 2));
    shares.set(draw, Array.from({ length: MOST }, () => Float64Array.from({ length: WAVES }, (_, k) => next() / (k + 1))));
  }
  return Array.from(places, (x) => {
    const waves = Float64Array.from({ length: WAVES }, (_, k) => Math.cos((Math.PI / 2) * k * (x + 1)));
    return Float64Array.from(shares.get(draw), (share) => dot(share, waves));
  });
}

/* Jacobi: turns vectors (rows) until they are orthogonal, pair by pair; returns them,
   and the turn as a matrix: turned = turn · given. */
export function orthogonal(vectors) {
  const count = vectors.length;
  const turned = vectors.map((vector) => Float64Array.from(vector));
  const turn = turned.map((_, i) => Float64Array.from({ length: count }, (_, j) => (i === j ? 1 : 0)));
  const rotate = (a, b, cos, sin) => {
    for (let i = 0; i < a.length; i++) {
      const x = a[i];
      const y = b[i];
      a[i] = cos * x - sin * y;
      b[i] = sin * x + cos * y;
    }
  };
  for (let sweep = 0, moved = true; moved && sweep < 40; sweep++) {
    moved = false;
    const squares = turned.map((vector) => dot(vector, vector));
    for (let p = 0; p < count; p++) {
      for (let q = p + 1; q < count; q++) {
        const product = dot(turned[p], turned[q]);
        if (Math.abs(product) <= 1e-14 * Math.sqrt(squares[p] * squares[q])) continue;
        const slope = (squares[q] - squares[p]) / (2 * product);
        const tan = (slope < 0 ? -1 : 1) / (Math.abs(slope) + Math.sqrt(1 + slope * slope));
        const cos = 1 / Math.sqrt(1 + tan * tan);
        rotate(turned[p], turned[q], cos, cos * tan);
        rotate(turn[p], turn[q], cos, cos * tan);
        squares[p] -= tan * product;
        squares[q] += tan * product;
        moved = true;
      }
    }
  }
  return { turned, turn, squares: turned.map((vector) => dot(vector, vector)) };
}

/* The problem with the first P features, taken apart: with c_i = sides_i·y / (squares_i
   + λ), the best weights are Σ c_i parts_i, and the fit Σ c_i fits_i on the grid and
   Σ c_i hits_i at the points. */
export function takeApart(atPoints, onGrid, P) {
  const n = atPoints.length;
  const scale = 1 / Math.sqrt(P);
  const rows = atPoints.map((row) => row.subarray(0, P).map((value) => value * scale));
  const wide = P >= n;
  const vectors = wide ? rows : Array.from({ length: P }, (_, j) => Float64Array.from(rows, (row) => row[j]));
  const { turned, turn, squares } = orthogonal(vectors);
  const parts = wide ? turned : turn;
  const values = (places) =>
    parts.map((part) => {
      const found = new Float64Array(places.length);
      for (let i = 0; i < found.length; i++) found[i] = scale * dot(places[i], part, P);
      return found;
    });
  return { parts, squares, sides: wide ? turn : turned, fits: values(onGrid), hits: values(atPoints) };
}

/* Errors, norm of the weights, and the fit itself, for one problem taken apart. */
export function solve({ parts, squares, sides, fits, hits }, y, decay) {
  const most = Math.max(...squares);
  const c = sides.map((side, i) => (squares[i] > 1e-28 * most ? dot(side, y) / (squares[i] + decay) : 0));
  const sum = (vectors, start) => {
    const total = Float64Array.from(start, (value) => -value);
    vectors.forEach((vector, i) => {
      for (let j = 0; j < total.length; j++) total[j] += c[i] * vector[j];
    });
    return total;
  };
  const [off, missed] = [sum(fits, real), sum(hits, y)];
  const w = sum(parts, new Float64Array(parts[0].length));
  return {
    training: dot(missed, missed) / y.length, test: dot(off, off) / GRID, norm: Math.sqrt(dot(w, w)),
    fit: () => off.map((value, i) => value + real[i]),
  };
}

const known = new Map(); // problems taken apart, by draw and number of points
export function problems(draw, n) {
  const key = `${draw} ${n}`;
  if (known.size > 40 && !known.has(key)) known.clear();
  if (!known.has(key)) {
    const { x, noise } = sample(draw, n);
    const [atPoints, onGrid] = [matrix(draw, x), gridOf(draw)];
    known.set(key, { x, noise, atPoints, onGrid, apart: new Map(COUNTS.map((P) => [P, takeApart(atPoints, onGrid, P)])) });
  }
  return known.get(key);
}
const grids = new Map();
function gridOf(draw) {
  if (!grids.has(draw)) grids.set(draw, matrix(draw, grid));
  return grids.get(draw);
}

/* All for one setting: {x, y, P of each column, results, and the one asked for}. */
export function look({ draw, points, noise, decay, features }) {
  const problem = problems(draw, points);
  const y = problem.x.map((x, i) => truth(x) + noise * problem.noise[i]);
  const results = COUNTS.map((P) => solve(problem.apart.get(P), y, decay));
  const apart = problem.apart.get(features) ?? takeApart(problem.atPoints, problem.onGrid, features);
  const plain = decay ? COUNTS.map((P) => solve(problem.apart.get(P), y, 0).test) : null;
  return { x: problem.x, y, results, plain, now: solve(apart, y, decay) };
}

/* The same as lists, for the tests. */
export function run(settings) {
  const { x, y, results, now } = look(settings);
  const lists = Object.fromEntries(["training", "test", "norm"].map((name) => [name, results.map((result) => result[name])]));
  return { x: [...x], y: [...y], counts: COUNTS, ...lists, now: { training: now.training, test: now.test, norm: now.norm, fit: [...now.fit()] } };
}

const NAMES = ["features", "points", "noise", "decay", "draw"];
const plain = { points: 20, noise: 0.3, decay: 0, draw: 8 };
const DECAYS = [0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1];

export default figure({
  name: "Double descent",
  check(get) {
    if (!finite(NAMES.map(get))) return "a setting is not a number";
  },
  build(stage) {
    stage.remember(...NAMES);
    stage.presets([
      { label: "Five features", set: { ...plain, features: 5 }, note: "Five random curves follow twenty points only roughly. Training error and test error are not far apart: nothing is learnt by heart." },
      { label: "As many as points", set: { ...plain, features: 20 }, note: "Twenty features, twenty points: one single fit goes through all of them, noise included, and between them it goes wherever it must. Its weights are huge." },
      { label: "200 features", set: { ...plain, features: 200 }, note: "Ten times as many features as points. Many fits go through all points; the one with the smallest weights is the calmest of them." },
      { label: "Weight decay", set: { ...plain, features: 20, decay: 0.01 }, note: "The same twenty features with λ = 0.01. Huge weights are now too dear: no fit goes through all points any more, and the peak (dotted, for comparison) is gone." },
      { label: "Ten points", set: { ...plain, points: 10, features: 10 }, note: "With ten points the peak stands at ten features. Twenty features are now past it: move there." },
      { label: "No noise", set: { ...plain, noise: 0, features: 20 }, note: "Even points that lie on the true curve give a peak, a lower one: the features are no sines, and what they cannot say acts as noise." },
    ], "Twenty points, twenty features: the fit goes through every point, and is useless. Take one feature away, or add some, or press the chart of the errors.");
    stage.row(
      stage.slider("features", "features P", { stops: COUNTS }),
      stage.slider("decay", "weight decay λ", { stops: DECAYS, format: (value) => (value ? number(value, 1) : "0") }),
    );
    const fit = stage.pad("The points, the true curve, and the fit", (width) => clamp(width * 0.42, 200, 290));
    stage.root.append(make("div", {}, fit.canvas), stage.sentence);
    const errors = stage.pad("Training error and test error over the number of features; press it to choose a number", 230);
    const norms = stage.pad("The norm of the weights over the number of features", 230);
    stage.root.append(make("div", { class: "bh-sides", style: "--columns: 3fr 2fr" }, make("div", {}, errors.canvas), make("div", {}, norms.canvas)));
    stage.row(
      stage.slider("points", "points n", { from: 6, to: 24 }),
      stage.slider("noise", "noise", { from: 0, to: 1, step: 0.05, format: (value) => fixed(value, 2) }),
      stage.slider("draw", "draw of all this", { from: 1, to: 10 }),
    );

    const X = (pad) => (P) => 44 + (Math.log(P) / Math.log(MOST)) * (pad.width - 56);
    stage.drag(errors, (x) => {
      const P = Math.exp(((x - 44) / (errors.width - 56)) * Math.log(MOST));
      stage.set({ features: COUNTS.reduce((best, count) => (Math.abs(Math.log(count / P)) < Math.abs(Math.log(best / P)) ? count : best)) });
    });

    function curve(context, points, colour, dash, width = 2) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.setLineDash(dash);
      line(context, points);
      context.setLineDash([]);
    }
    function dot_(context, x, y, colour, radius = 4) {
      context.fillStyle = colour;
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.fill();
    }
    function legend(context, entries, x, y) {
      context.textAlign = "left";
      for (const [text, colour, dash] of entries) {
        curve(context, [[x, y], [x + 20, y]], colour, dash);
        context.fillStyle = stage.colours.ink;
        context.fillText(text, x + 25, y);
        x += 38 + context.measureText(text).width;
      }
    }

    function drawFit({ x, y, now }) {
      const context = stage.clear(fit);
      const { colours } = stage;
      const box = { x: 36, y: 24, w: fit.width - 46, h: fit.tall() - 46 };
      const maps = stage.axes(fit, box, { x: [-1, 1], y: [-2.4, 2.4] });
      legend(context, [["fit", colours.blue, []], ["true curve", colours.muted, [2, 3]]], box.x, 9);
      context.fillText(`● ${x.length} points`, box.x + 178, 9);
      context.save();
      context.beginPath();
      context.rect(box.x, box.y, box.w, box.h);
      context.clip();
      curve(context, [...grid].map((t, i) => [maps.X(t), maps.Y(real[i])]), colours.muted, [2, 3]);
      curve(context, [...now.fit()].map((value, i) => [maps.X(grid[i]), maps.Y(clamp(value, -99, 99))]), colours.blue, [], 2.2);
      x.forEach((place, i) => dot_(context, maps.X(place), maps.Y(y[i]), colours.ink, 3.2));
      context.restore();
    }

    function drawChart(pad, lines, range, ylabel, { features, points }, now) {
      const context = stage.clear(pad);
      const box = { x: 44, y: 40, w: pad.width - 56, h: pad.tall() - 82 };
      const { Y } = stage.axes(pad, box, { x: [1, MOST], y: range, logX: true, logY: true, xlabel: "features P" });
      const place = X(pad);
      const top = (value) => Y(clamp(value, ...range));
      curve(context, [[place(points), box.y], [place(points), box.y + box.h]], stage.colours.ink, [2, 3], 1);
      context.fillStyle = stage.colours.ink;
      context.textAlign = "center";
      context.fillText(`P = n = ${points}`, place(points), box.y - 8);
      lines.forEach(({ values, colour, dash, at }) => {
        curve(context, COUNTS.map((P, i) => [place(P), top(values[i])]), colour, dash);
        if (at) dot_(context, place(features), top(now[at]), colour);
      });
      legend(context, ylabel, 4, 10);
    }

    return () => {
      const settings = Object.fromEntries(NAMES.map((name) => [name, stage.get(name)]));
      const found = look(settings);
      const { results, plain: without, now } = found;
      const { blue, orange, green, muted } = stage.colours;
      drawFit(found);
      const of = (name) => results.map((result) => result[name]);
      const above = (values) => 10 ** Math.ceil(Math.log10(Math.max(...values)));
      const tests = of("test");
      drawChart(
        errors,
        [...(without ? [{ values: without, colour: muted, dash: [1, 3] }] : []), { values: of("training"), colour: orange, dash: [6, 3], at: "training" }, { values: tests, colour: blue, dash: [], at: "test" }],
        [1e-2, Math.max(10, above(tests), without ? above(without) : 0)],
        [["test error", blue, []], ["training error", orange, [6, 3]]], settings, now,
      );
      const norm = of("norm");
      drawChart(norms, [{ values: norm, colour: green, dash: [], at: "norm" }], [0.1, Math.max(100, above(norm))], [["norm of the weights", green, []]], settings, now);
      const { features: P, points: n, decay } = settings;
      const kind = P < n ? "fewer than points: one best fit" : P === n ? "as many as points: one fit through all of them" : "more than points: of all fits through them, that with the smallest weights";
      const training = now.training < 1e-12 ? "0" : number(now.training, 2);
      stage.say(`${P} feature${P > 1 ? "s" : ""}, ${decay ? `weight decay λ = ${number(decay, 1)}` : kind}. Training error ${training}, test error ${number(now.test, 2)}, norm of the weights ${number(now.norm, 2)}.`);
    };
  },
});
