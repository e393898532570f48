/* Optimisers race: from one start, on one surface, step by step.

   A surface is drawn once and kept as a picture; a run is computed anew only when
   something that it depends on has changed. */
import { clamp, figure, finite, line, make, number } from "./kit.js";

/* Surfaces: height above the lowest point, slope (into g), heights between which the
   map and the losses are drawn, lowest points (the first is the lowest) and saddles. */
const LOWEST = -1.483967893197728; // where θ⁴/4 − θ² + 0.3 θ is
const quartic = (t) => t ** 4 / 4 - t ** 2 + 0.3 * t;
const valleys = (t) => quartic(t) - quartic(LOWEST);
const OTHER = 1.3322207371911874; // its other valley
const bowl = (steep) => ({
  value: (x, y) => (x * x + steep * y * y) / 2,
  slope: (x, y, g) => ((g[0] = x), (g[1] = steep * y)),
});
const SURFACES = {
  bowl: {
    name: "elongated bowl, ½(x² + 20y²)",
    ...bowl(20), from: 0.02, span: [1e-8, 1e3], lowest: [[0, 0]],
  },
  valley: {
    name: "banana valley (Rosenbrock’s)",
    value: (x, y) => (1 - x) ** 2 + 10 * (y - x * x) ** 2,
    slope: (x, y, g) => ((g[0] = 2 * (x - 1) - 40 * x * (y - x * x)), (g[1] = 20 * (y - x * x))),
    from: 0.02, span: [1e-8, 1e3], lowest: [[1, 1]],
  },
  saddle: {
    name: "saddle between two minima",
    value: (x, y) => (x * x) / 2 + (y * y - 1) ** 2 / 4,
    slope: (x, y, g) => ((g[0] = x), (g[1] = y * (y * y - 1))),
    from: 0.01, span: [1e-4, 1e1], lowest: [[0, 1], [0, -1]], saddle: [0, 0],
  },
  minima: {
    name: "four minima",
    value: (x, y) => valleys(x) + valleys(y),
    slope: (x, y, g) => ((g[0] = x ** 3 - 2 * x + 0.3), (g[1] = y ** 3 - 2 * y + 0.3)),
    from: 0.03, span: [1e-4, 1e1], lowest: [[LOWEST, LOWEST], [OTHER, OTHER], [LOWEST, OTHER], [OTHER, LOWEST]],
  },
  noisy: {
    name: "bowl with a noisy gradient",
    ...bowl(4), from: 0.02, span: [1e-5, 1e2], lowest: [[0, 0]],
  },
};
export function height(surface, x, y) {
  const g = [0, 0];
  SURFACES[surface].slope(x, y, g);
  return [SURFACES[surface].value(x, y), ...g];
}

/* Schedules: the share of the rate at step k of T. */
const cosine = (k, T) => (1 + Math.cos((Math.PI * k) / T)) / 2;
const SHAPES = {
  constant: () => 1,
  step: (k, T) => 0.1 ** Math.floor((3 * k) / T),
  cosine,
  "warm-up": (k, T) => {
    const warm = Math.floor(T / 10);
    return k < warm ? (k + 1) / warm : cosine(k - warm, T - warm);
  },
};
export function share(schedule, k, T) {
  return SHAPES[schedule](k, T);
}

/* Optimisers: the direction from the gradient g of parameter i at step t = 1, 2, …;
   m and v are their memory. Constants are PyTorch's defaults; weight decay is 0.1. */
const mean = (old, beta, now) => beta * old + (1 - beta) * now;
const adam = (g, m, v, i, t) => {
  m[i] = mean(m[i], 0.9, g);
  v[i] = mean(v[i], 0.999, g * g);
  return m[i] / (1 - 0.9 ** t) / (Math.sqrt(v[i] / (1 - 0.999 ** t)) + 1e-8);
};
const RULES = {
  descent: (g) => g,
  momentum: (g, m, v, i, t, mu) => (m[i] = mu * m[i] + g),
  Nesterov: (g, m, v, i, t, mu) => g + mu * (m[i] = mu * m[i] + g),
  Adagrad: (g, m, v, i) => g / (Math.sqrt((v[i] += g * g)) + 1e-10),
  RMSprop: (g, m, v, i) => g / (Math.sqrt((v[i] = mean(v[i], 0.99, g * g))) + 1e-8),
  Adam: adam,
  AdamW: adam,
  uncorrected: (g, m, v, i) => adam(g, m, v, i, Infinity),
};
const NAMES = Object.keys(RULES);
const DECAY = 0.1;
const SETTINGS = ["surface", "x", "y", "tuned", "rate", "schedule", "momentum"];
const RATES = Array.from({ length: 12 }, (_, i) => 0.002 * 1000 ** (i / 11));

/* The path (x, y, x, y, …) and the losses of one optimiser; noise is as flat. */
export function run(name, { surface, x, y, rate, schedule, momentum, noise }) {
  const { value, slope } = SURFACES[surface];
  const [rule, shape, steps] = [RULES[name], SHAPES[schedule], noise.length / 2];
  const [path, losses] = [new Float64Array(2 * steps + 2), new Float64Array(steps + 1)];
  const [p, g, m, v] = [[x, y], [0, 0], [0, 0], [0, 0]];
  for (let k = 0; ; k++) {
    path[2 * k] = p[0];
    path[2 * k + 1] = p[1];
    losses[k] = value(p[0], p[1]);
    if (k === steps) return { rate, path, losses };
    slope(p[0], p[1], g);
    const lr = rate * shape(k, steps);
    for (let i = 0; i < 2; i++) {
      if (surface === "noisy") g[i] += noise[2 * k + i];
      if (name === "AdamW") p[i] *= 1 - lr * DECAY;
      p[i] -= lr * rule(g[i], m, v, i, k + 1, momentum);
    }
  }
}

/* The run of a dozen rates that ends lowest. */
export function best(name, settings) {
  const end = ({ losses }) => losses.at(-1);
  let found;
  for (const rate of RATES) {
    const tried = run(name, { ...settings, rate });
    if (!found || !(end(tried) >= end(found) || Number.isNaN(end(tried)))) found = tried;
  }
  return found;
}

/* How each is drawn: colour, dashes, and a mark at the end. */
const LOOKS = {
  descent: ["ink", [], "M-4,-4H4V4H-4Z"],
  momentum: ["blue", [7, 3], "M0,-5.5L5,4H-5Z"],
  Nesterov: ["sky", [2, 2], "M0,5.5L5,-4H-5Z"],
  Adagrad: ["green", [8, 3, 2, 3], "M0,-6L5,0L0,6L-5,0Z"],
  RMSprop: ["amber", [4, 2], "M-2,-5H2V-2H5V2H2V5H-2V2H-5V-2H-2Z"],
  Adam: ["orange", [], "M5,0A5,5 0 1 1 -5,0A5,5 0 1 1 5,0Z"],
  AdamW: ["pink", [10, 4], "M-5,-2L0,-6L5,-2L3,4.5H-3Z"],
  uncorrected: ["muted", [3, 3], "M-5,-3L-3,-5L0,-2L3,-5L5,-3L2,0L5,3L3,5L0,2L-3,5L-5,3L-2,0Z"],
};
const STAR = new Path2D("M0,-8L2,-2.5H7.6L3.2,1L4.8,6.5L0,3.2L-4.8,6.5L-3.2,1L-7.6,-2.5H-2Z");
const CROSS = new Path2D("M-6,-6L6,6M6,-6L-6,6");
const titled = (name) => (name === "uncorrected" ? "uncorrected Adam" : name);

const STYLE = `
.bh-racers { display: grid; gap: 0.1rem 0.5rem; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); margin: 0.6rem 0; }
.bh-racers label { font-size: 0.9rem; min-height: 1.8rem; }
.bh-racers input { flex: none; }
.bh-racers svg { color: var(--colour); flex: none; height: 14px; width: 30px; }
.bh-racers small { color: var(--muted); display: block; font-size: 0.8rem; font-variant-numeric: tabular-nums; min-height: 1.3em; padding-left: 1.5rem; }`;

export default figure({
  name: "Optimisers race",
  check(get) {
    if (!finite(["x", "y", "rate", "momentum", "at"].map(get))) return "a setting is not a number";
    if (!finite(get("noise"))) return "there are no steps";
    if (!SURFACES[get("surface")] || !SHAPES[get("schedule")]) return "there is no such surface or schedule";
  },
  build(stage) {
    const noise = Float64Array.from(stage.get("noise").flat());
    const steps = noise.length / 2;
    const at = () => clamp(stage.get("at"), 0, steps);
    const on = () => NAMES.filter((name) => stage.get("optimisers").includes(name));

    stage.remember(...SETTINGS, "optimisers", "at");
    const one = { tuned: false, schedule: "constant", momentum: 0.9, at: steps };
    stage.presets([
      { label: "One rate for all", set: { ...one, surface: "valley", rate: 0.01, optimisers: ["descent", "momentum", "RMSprop", "Adam"] }, note: "At 0.01 Adam seems the slowest. Raise the rate: it gains, and others fly off. A race at one rate compares rates." },
      { label: "What if the rate is too large?", set: { ...one, surface: "bowl", x: -1.8, y: 0.1, rate: 0.102, optimisers: ["descent", "momentum"] }, note: "The largest curvature is 20, so descent needs a rate below 2/20 = 0.1. At 0.102 every step lands further up the other wall. Lower the rate a little. Momentum stands nearly twice as much." },
      { label: "A ravine", set: { ...one, surface: "bowl", x: -1.8, y: 1.4, rate: 0.02, optimisers: ["descent", "momentum", "Nesterov"] }, note: "Across the ravine gradients change sign, along it they add up: momentum is faster, and overshoots. Nesterov’s variant swings less. Move μ and look for the best." },
      { label: "Near a saddle", set: { ...one, surface: "saddle", x: 1.5, y: 0.01, rate: 0.05, optimisers: ["descent", "momentum", "RMSprop", "Adam"] }, note: "The start is 0.01 beside the ridge. Plain descent waits at the saddle for long; Adam and RMSprop, who divide by the size of the gradient, leave at once. Now set start y to 0: who leaves then?" },
      { label: "Which minimum?", set: { ...one, surface: "minima", x: 1.9, y: 1.7, rate: 0.2, optimisers: ["descent", "momentum", "Adam"] }, note: "Four minima; the filled star is the lowest. Descent and Adam end in the nearest, momentum is carried over the ridges. Drag the start and watch the ends jump." },
      { label: "Adam’s first steps", set: { ...one, surface: "bowl", x: -1.5, y: 1.4, rate: 0.1, at: 4, optimisers: ["Adam", "uncorrected"] }, note: "Both averages start at zero. Corrected, the first step moves each parameter by the rate itself; uncorrected by 3.2 times as much. Go on step by step: for how long do they differ?" },
      { label: "A schedule for the noise", set: { ...one, surface: "noisy", x: -1.8, y: 1.6, rate: 0.1, schedule: "cosine", optimisers: ["descent", "momentum", "Adam"] }, note: "Each gradient carries noise, as that of a mini-batch does. The cosine lets the rate end near zero, and the dance settles. Now choose “constant”: how high is the floor?" },
    ], "Drag the start on the map, and press Play. Each runs at the rate, out of a dozen, with which it ends lowest.");

    const next = () => {
      stage.set({ at: at() >= steps ? 0 : at() + 1 });
      return at() < steps;
    };
    stage.row(
      stage.slider("at", "step", { from: 0, to: steps, format: () => `${at()} of ${steps}` }),
      stage.button("Step", next),
      stage.player("Play", next, 30),
      stage.choice("surface", "surface", Object.entries(SURFACES).map(([key, { name }]) => [key, name])),
    );
    const map = stage.pad("Map of the surface with the paths; the sentence below says who is where", (width) => side(width) + 28);
    const plot = stage.pad("Losses by step on a logarithmic scale, and the rate by step", () => 342);
    const sides = make("div", { class: "bh-sides" }, make("style", {}, STYLE));
    sides.append(make("div", {}, map.canvas), make("div", {}, plot.canvas));
    const racers = make("div", { class: "bh-racers", role: "group", "aria-label": "optimisers" });
    const rows = Object.fromEntries(NAMES.map((name) => [name, racer(name)]));
    stage.root.append(sides, racers, stage.sentence);
    const rate = stage.slider("rate", "rate η", { from: 0.001, to: 2, log: true });
    const [, shown, input] = rate.children;
    input.addEventListener("input", () => stage.set({ tuned: false }));
    stage.refreshers.push(() => {
      if (!stage.get("tuned")) return;
      shown.textContent = "each its own";
      input.setAttribute("aria-valuetext", "each its own");
    });
    stage.row(
      stage.toggle("tuned", "each at its best rate"),
      rate,
      stage.choice("schedule", "schedule", ["constant", "step", "cosine", ["warm-up", "warm-up, then cosine"]]),
    );
    stage.row(
      stage.slider("momentum", "momentum μ", { from: 0, to: 0.99, step: 0.01 }),
      stage.slider("x", "start x", { from: -2, to: 2, step: 0.01 }),
      stage.slider("y", "start y", { from: -2, to: 2, step: 0.01 }),
    );

    function racer(name) {
      const [colour, dash, mark] = LOOKS[name];
      const swatch = make("span", { "aria-hidden": "true" });
      swatch.innerHTML = `<svg viewBox="0 -7 30 14" style="--colour: ${colour === "ink" ? "currentcolor" : `var(--${colour})`}"><path d="M0,0H30" stroke="currentcolor" stroke-width="2" stroke-dasharray="${dash}"/><path d="${mark}" transform="translate(15 0)" fill="currentcolor"/></svg>`;
      const input = make("input", {
        type: "checkbox", "data-lm-suppress-shortcuts": "true",
        change: () => stage.set({ optimisers: NAMES.filter((other) => rows[other].input.checked) }),
      });
      const says = make("small");
      racers.append(make("div", {}, make("label", { class: "bh-toggle" }, input, swatch, titled(name)), says));
      return { input, says };
    }

    // Runs, kept while nothing that they depend on changes

    const runs = new Map();
    let known = "";
    function racing() {
      const settings = Object.fromEntries(SETTINGS.map((name) => [name, stage.get(name)]));
      const key = JSON.stringify(settings);
      if (key !== known) runs.clear();
      known = key;
      for (const name of on()) {
        if (!runs.has(name)) runs.set(name, (settings.tuned ? best : run)(name, { ...settings, noise }));
      }
    }

    // The map: a picture of the surface, made once for each size and theme

    const LEFT = 22;
    const side = (width) => Math.min(width - LEFT - 6, 318);
    let picture = { key: "" };
    const rgb = (context, colour) => {
      context.fillStyle = colour; // which a canvas gives back as #rrggbb
      return [1, 3, 5].map((i) => parseInt(context.fillStyle.slice(i, i + 2), 16));
    };
    function ground(pixels) {
      const surface = stage.get("surface");
      const key = [surface, pixels, stage.root.dataset.theme].join();
      if (picture.key === key) return picture.canvas;
      const canvas = make("canvas", { width: pixels, height: pixels });
      const context = canvas.getContext("2d");
      const { value, from, lowest, saddle } = SURFACES[surface];
      const [low, high, ink] = ["ground", "sky", "ink"].map((name) => rgb(context, stage.colours[name]));
      const place = (i) => -2 + (4 * (i + 0.5)) / pixels;
      const bands = 13 / Math.log(value(-2, 2) / from);
      const level = new Float32Array(pixels * pixels);
      for (let j = 0, n = 0; j < pixels; j++) {
        for (let i = 0; i < pixels; i++) level[n++] = Math.max(0, bands * Math.log(value(place(i), -place(j)) / from));
      }
      const image = context.createImageData(pixels, pixels);
      for (let n = 0; n < level.length; n++) {
        const [here, beside, below] = [level[n], level[n + 1] ?? level[n], level[n + pixels] ?? level[n]];
        const steep = Math.max(1e-6, Math.hypot(beside - here, below - here));
        const line = here > 0.5 ? clamp(1.1 - Math.abs(here - Math.round(here)) / steep, 0, 1) * 0.35 : 0;
        const fill = clamp(Math.floor(here) / 15, 0, 1) * 0.5;
        for (let c = 0; c < 3; c++) {
          const flat = low[c] + (high[c] - low[c]) * fill;
          image.data[4 * n + c] = flat + (ink[c] - flat) * line;
        }
        image.data[4 * n + 3] = 255;
      }
      context.putImageData(image, 0, 0);
      context.scale(pixels / 4, pixels / 4);
      context.translate(2, 2);
      const note = (path, [x, y], filled) => mark(context, path, x, -y, stage.colours.ink, filled, 4 / side(map.width));
      lowest.forEach((place, n) => note(STAR, place, n === 0 || saddle));
      if (saddle) note(CROSS, saddle, false);
      picture = { key, canvas };
      return canvas;
    }
    function mark(context, path, x, y, colour, filled = true, scale = 1) {
      context.save();
      context.translate(x, y);
      context.scale(scale, scale);
      context.fillStyle = filled ? colour : stage.colours.ground;
      context.strokeStyle = filled ? stage.colours.ground : colour;
      context.lineWidth = 1.5;
      context.fill(path);
      context.stroke(path);
      context.restore();
    }
    const marks = Object.fromEntries(NAMES.map((name) => [name, new Path2D(LOOKS[name][2])]));
    const pen = (context, name) => {
      context.strokeStyle = stage.colours[LOOKS[name][0]];
      context.lineWidth = 1.8;
      context.lineJoin = "round";
      context.setLineDash(LOOKS[name][1]);
    };

    function drawMap(now) {
      const context = stage.clear(map);
      const size = side(map.width);
      const [X, Y] = [(x) => LEFT + ((x + 2) * size) / 4, (y) => 6 + ((2 - y) * size) / 4];
      context.drawImage(ground(Math.round((size * map.canvas.width) / map.width)), LEFT, 6, size, size);
      context.fillStyle = stage.colours.muted;
      for (let tick = -2; tick <= 2; tick++) {
        context.textAlign = "center";
        context.fillText(number(tick, 1), X(tick), size + 17);
        context.textAlign = "right";
        context.fillText(number(tick, 1), LEFT - 5, Y(tick));
      }
      context.save();
      context.beginPath();
      context.rect(LEFT, 6, size, size);
      context.clip();
      context.strokeStyle = stage.colours.ink;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(X(stage.get("x")), Y(stage.get("y")), 8, 0, 7);
      context.stroke();
      for (const name of on()) {
        const { path } = runs.get(name);
        const points = [];
        for (let k = 0; k <= now && Math.abs(path[2 * k]) < 1e3 && Math.abs(path[2 * k + 1]) < 1e3; k++) {
          points.push([X(path[2 * k]), Y(path[2 * k + 1])]);
        }
        pen(context, name);
        line(context, points);
        context.setLineDash([]);
        context.fillStyle = context.strokeStyle;
        if (now <= 40) for (const [x, y] of points) context.fillRect(x - 2, y - 2, 4, 4);
      }
      for (const name of on()) {
        const { path } = runs.get(name);
        mark(context, marks[name], X(path[2 * now]), Y(path[2 * now + 1]), stage.colours[LOOKS[name][0]]);
      }
      context.restore();
    }

    function drawPlot(now) {
      const context = stage.clear(plot);
      const box = { x: 50, y: 20, w: plot.width - 62, h: 196 };
      const { span } = SURFACES[stage.get("surface")];
      const { X, Y } = stage.axes(plot, box, { x: [0, steps], y: span, logY: true, ylabel: "loss above the minimum" });
      const strip = { x: 50, y: 264, w: box.w, h: 40 };
      const { Y: R } = stage.axes(plot, strip, { x: [0, steps], y: [0, 1], xlabel: "step", ylabel: "rate, as a share of η" });
      context.save();
      context.beginPath();
      context.rect(box.x, box.y - 1, box.w + 8, strip.y + strip.h + 2 - box.y);
      context.clip();
      context.strokeStyle = stage.colours.ink;
      for (const { y, h } of [box, strip]) line(context, [[X(now), y], [X(now), y + h]]);
      context.lineWidth = 1.8;
      const shape = SHAPES[stage.get("schedule")];
      line(context, Array.from({ length: steps }, (_, k) => [X(k), R(shape(k, steps))]));
      context.beginPath();
      context.rect(box.x, box.y - 1, box.w + 8, box.h + 2);
      context.clip();
      for (const name of on()) {
        const { losses } = runs.get(name);
        const points = [];
        for (let k = 0; losses[k] < 1e9; k++) points.push([X(k), Y(Math.max(losses[k], span[0] / 10))]);
        pen(context, name);
        context.globalAlpha = 0.3;
        line(context, points.slice(now));
        context.globalAlpha = 1;
        line(context, points.slice(0, now + 1));
        context.setLineDash([]);
        if (points[now]) mark(context, marks[name], ...points[now], stage.colours[LOOKS[name][0]]);
      }
      context.restore();
    }

    stage.drag(map, (x, y) => {
      const size = side(map.width);
      const place = (share) => Math.round(clamp(4 * share - 2, -2, 2) * 100) / 100;
      stage.set({ x: place((x - LEFT) / size), y: place(1 - (y - 6) / size) });
    });
    stage.drag(plot, (x) => {
      stage.stop();
      stage.set({ at: Math.round(clamp((x - 50) / (plot.width - 62), 0, 1) * steps) });
    });

    return () => {
      racing();
      const now = at();
      drawMap(now);
      drawPlot(now);
      const loss = (name) => {
        const found = runs.get(name).losses[now];
        return found < 1e6 ? found : Infinity; // a number or not, it has left
      };
      for (const name of NAMES) {
        const there = on().includes(name);
        rows[name].input.checked = there;
        rows[name].says.textContent = there ? `η ${number(runs.get(name).rate, 2)}, loss ${number(loss(name), 2)}` : "";
      }
      const order = on().sort((a, b) => loss(a) - loss(b));
      const told = order.map((name) => `${titled(name)} ${loss(name) === Infinity ? "has flown off" : number(loss(name), 2)}`);
      stage.say(order.length ? `Loss above the minimum after ${now} step${now === 1 ? "" : "s"}: ${told.join(", ")}.` : "Nobody takes part: choose an optimiser.");
    };
  },
});
