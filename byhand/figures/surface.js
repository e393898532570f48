/* Loss surface of a data set: data on the left, parameters on the right. The surface is
   computed anew only when the data or the loss have changed. */
import { clamp, figure, finite, fixed, line, make, number } from "./kit.js";

/* The loss of one example, from the model's output z, and its derivative by z. */
const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const label = (y) => Number(y > 0);
const LOSSES = {
  squared: { name: "line, squared error", loss: (z, y) => (z - y) ** 2, slope: (z, y) => 2 * (z - y), bend: () => 2 },
  absolute: { name: "line, absolute error", loss: (z, y) => Math.abs(z - y), slope: (z, y) => Math.sign(z - y) },
  Huber: {
    name: "line, Huber (δ = 1)",
    loss: (z, y) => (Math.abs(z - y) <= 1 ? (z - y) ** 2 / 2 : Math.abs(z - y) - 0.5),
    slope: (z, y) => clamp(z - y, -1, 1),
    bend: (z, y) => (Math.abs(z - y) <= 1 ? 1 : 0),
  },
  logistic: {
    name: "two classes, cross entropy",
    loss: (z, y) => softplus(z) - label(y) * z,
    slope: (z, y) => sigmoid(z) - label(y),
    bend: (z) => sigmoid(z) * sigmoid(-z),
  },
};

/* The mean loss and its gradient: [J, ∂J/∂w, ∂J/∂b]. */
export function lossAt(kind, xs, ys, w, b) {
  const { loss, slope } = LOSSES[kind];
  let [J, dw, db] = [0, 0, 0];
  for (let n = 0; n < xs.length; n++) {
    const z = w * xs[n] + b;
    const share = slope(z, ys[n]);
    J += loss(z, ys[n]);
    dw += share * xs[n];
    db += share;
  }
  return [J / xs.length, dw / xs.length, db / xs.length];
}

/* The mean loss on a square of (w, b), row by row from the largest b down. */
export function surface(kind, xs, ys, count, reach) {
  const { loss } = LOSSES[kind];
  const heights = new Float64Array(count * count);
  const at = (i) => -reach + (2 * reach * i) / (count - 1);
  for (let j = 0, place = 0; j < count; j++) {
    for (let i = 0; i < count; i++, place++) {
      let J = 0;
      for (let n = 0; n < xs.length; n++) J += loss(at(i) * xs[n] - at(j), ys[n]);
      heights[place] = J / xs.length;
    }
  }
  return heights;
}

/* Steps of gradient descent, the start first. */
export function descend(kind, xs, ys, w, b, rate, steps) {
  const path = [[w, b]];
  for (let k = 0; k < steps; k++) {
    const [, dw, db] = lossAt(kind, xs, ys, w, b);
    path.push([(w -= rate * dw), (b -= rate * db)]);
  }
  return path;
}

/* The minimum {w, b, J}; line: one of many, since all x are equal; undefined: there is
   none, as a threshold separates the classes. */
export function minimum(kind, xs, ys) {
  const line = xs.every((x) => x === xs[0]);
  if (kind === "logistic") {
    const [no, yes] = [0, 1].map((c) => xs.filter((_, n) => label(ys[n]) === c));
    const apart = (a, b) => Math.max(...a) <= Math.min(...b); // true if one is empty
    if (!no.length || !yes.length || (!line && (apart(no, yes) || apart(yes, no)))) return undefined;
  }
  return { ...(kind === "absolute" ? throughTwo(xs, ys) : newton(kind, xs, ys)), line };
}

/* Some line with the least absolute error goes through two of the points. */
function throughTwo(xs, ys) {
  let found;
  const offer = (w, b) => {
    const [J] = lossAt("absolute", xs, ys, w, b);
    if (!found || J < found.J) found = { w, b, J };
  };
  for (let i = 0; i < xs.length; i++) {
    offer(0, ys[i]); // when all x are equal
    for (let j = 0; j < i; j++) {
      if (xs[i] === xs[j]) continue;
      const w = (ys[i] - ys[j]) / (xs[i] - xs[j]);
      offer(w, ys[i] - w * xs[i]);
    }
  }
  return found;
}

/* Newton's method, damped (Levenberg and Marquardt). */
function newton(kind, xs, ys) {
  const { bend } = LOSSES[kind];
  let [w, b, damping] = [0, 0, 1e-3];
  let [J, dw, db] = lossAt(kind, xs, ys, w, b);
  for (let k = 0; k < 200 && Math.hypot(dw, db) > 1e-12; k++) {
    let [ww, wb, bb] = [damping, 0, damping];
    for (let n = 0; n < xs.length; n++) {
      const share = bend(w * xs[n] + b, ys[n]) / xs.length;
      ww += share * xs[n] ** 2;
      wb += share * xs[n];
      bb += share;
    }
    const det = ww * bb - wb * wb;
    const next = [w - (bb * dw - wb * db) / det, b - (ww * db - wb * dw) / det];
    const there = lossAt(kind, xs, ys, ...next);
    if (there[0] <= J) {
      [w, b] = next;
      [J, dw, db] = there;
      damping = Math.max(damping / 10, 1e-15);
    } else if ((damping *= 10) > 1e12) break;
  }
  return { w, b, J };
}

const DATA = 3;
const REACH = 4; // of the parameters
const COUNT = 73; // heights along a side of the map
const STEPS = 60;
const LEVELS = Array.from({ length: 14 }, (_, k) => 0.05 * 2 ** k); // above the lowest
const STAR = new Path2D("M0,-9L2.2,-2.8H8.5L3.6,1.1L5.4,7.3L0,3.6L-5.4,7.3L-3.6,1.1L-8.5,-2.8H-2.2Z");
const classes = { xs: [-2.4, -1.7, -1.1, -0.6, 0.2, 0.7, 1.3, 1.9, 2.5], loss: "logistic", w: -2, b: 2.5, rate: 1, steps: 60 };

export default figure({
  name: "Loss surface of a data set",
  check(get) {
    const [xs, ys] = [get("xs"), get("ys")];
    if (!finite(xs) || !finite(ys) || xs.length !== ys.length) return "the data are no pairs of numbers";
    if (!finite(["w", "b", "rate", "steps", "picked"].map(get))) return "a setting is not a number";
    if (!LOSSES[get("loss")]) return "there is no such loss";
  },
  build(stage) {
    stage.remember("xs", "ys", "loss", "w", "b", "rate", "steps", "picked");
    const [xs, ys] = [stage.get("xs"), stage.get("ys")];
    const outlier = { xs, ys: [...ys.slice(0, -1), -3], picked: ys.length - 1 };
    stage.presets([
      { label: "One outlier", set: { ...outlier, loss: "squared" }, note: "One wrong point, and the minimum (filled star) moves away: its residual counts squared. The hollow star is where absolute error would be lowest. Move the point up and down: which star follows?" },
      { label: "… absolute error", set: { ...outlier, loss: "absolute", w: 2.5, b: 2, rate: 0.3, steps: 60 }, note: "Now the outlier counts as often as any other point, and the minimum stays. The surface has creases, one for each point; steps do not get shorter at the minimum: they jitter." },
      { label: "… Huber", set: { ...outlier, loss: "Huber", w: 2.5, b: 2, rate: 0.3, steps: 60 }, note: "Squared near zero, absolute beyond 1: the minimum is hardly moved, and steps become short before it." },
      { label: "All x far from 0", set: { xs: [1.4, 1.6, 1.8, 2, 2.1, 2.3, 2.5, 2.7, 2.9], ys: [0.9, 1.3, 1.2, 1.7, 1.5, 1.9, 1.8, 2.3, 2.2], loss: "squared", w: 2.5, b: 2.5, rate: 0.1, steps: 60 }, note: "Same model, other data: less b makes up for more w, and the bowl becomes a narrow valley along which descent creeps. Now drag the points to the left, about 0." },
      { label: "All x the same", set: { xs: xs.map(() => 1), ys, loss: "squared", w: 3, b: 1, rate: 0.1, steps: 30 }, note: "With one x nothing tells w from b: the minimum is a whole line. Drag one point away from the others, and a lowest point appears." },
      { label: "Two classes", set: { ...classes, ys: [-1, -1, -1, 1, -1, 1, -1, 1, 1] }, note: "Points are labels, 0 or 1, and the curve is the probability of 1. The surface is steep where the model is sure and wrong, and flat near the minimum." },
      { label: "Classes apart", set: { ...classes, ys: [-1, -1, -1, -1, -1, 1, 1, 1, 1] }, note: "A threshold separates the classes, and there is no minimum: a larger w is always better. Drag one point across the middle, and a minimum appears." },
    ], "Drag a data point: the surface changes. Drag the ring on the surface: the line changes. The arrow is one step of gradient descent.");

    const data = () => [stage.get("xs"), stage.get("ys")];
    const picked = () => clamp(stage.get("picked"), 0, stage.get("xs").length - 1);
    const logistic = () => stage.get("loss") === "logistic";
    const round = (value, reach) => Math.round(clamp(value, -reach, reach) * 100) / 100;
    const put = (changes) => { // of the picked point
      const moved = ([list, value]) => [list, stage.get(list).with(picked(), value)];
      stage.set(Object.fromEntries(Object.entries(changes).map(moved)));
    };
    const ofPoint = Object.assign(Object.create(stage), { get: (list) => stage.get(list)[picked()], set: put });
    const step = () => {
      const [, [w, b]] = descend(stage.get("loss"), ...data(), stage.get("w"), stage.get("b"), stage.get("rate"), 1);
      stage.set({ w: clamp(w, -REACH, REACH), b: clamp(b, -REACH, REACH) });
    };

    stage.row(
      stage.choice("loss", "model and loss", Object.entries(LOSSES).map(([key, { name }]) => [key, name])),
      stage.slider("picked", "point", { from: 0, to: () => stage.get("xs").length - 1, format: () => `${picked() + 1} of ${stage.get("xs").length}` }),
      ofPoint.slider("xs", "its x", { from: -DATA, to: DATA, step: 0.1, format: (x) => fixed(x, 2) }),
      ofPoint.slider("ys", "its y", { from: -DATA, to: DATA, step: 0.1, format: (y) => (logistic() ? `label ${label(y)}` : fixed(y, 2)) }),
    );
    const plot = stage.pad("The data and the model; the sentence below tells the loss", () => 330);
    const map = stage.pad("Map of the mean loss over w and b, with steps of gradient descent", () => 330);
    const sides = make("div", { class: "bh-sides" });
    sides.append(make("div", {}, plot.canvas), make("div", {}, map.canvas));
    stage.root.append(sides, stage.sentence);
    stage.row(
      stage.slider("w", "w", { from: -REACH, to: REACH, step: 0.05, format: (w) => fixed(w, 2) }),
      stage.slider("b", "b", { from: -REACH, to: REACH, step: 0.05, format: (b) => fixed(b, 2) }),
      stage.slider("rate", "rate η", { from: 0.01, to: 2, log: true }),
      stage.slider("steps", "steps ahead", { from: 1, to: STEPS }),
      stage.button("Take a step", step),
    );

    // The surface, kept while data and loss stay

    let known = {};
    function land() {
      const [xs, ys] = data();
      const loss = stage.get("loss");
      const { theme } = stage.root.dataset;
      if (known.xs === xs && known.ys === ys && known.loss === loss && known.theme === theme) return known;
      const lowest = minimum(loss, xs, ys);
      const other = logistic() ? undefined : minimum(loss === "squared" ? "absolute" : "squared", xs, ys);
      const heights = surface(loss, xs, ys, COUNT, REACH);
      const base = heights.reduce((low, height) => Math.min(low, height), lowest?.J ?? Infinity);
      known = { xs, ys, loss, theme, lowest, other, picture: paint(heights, base), lines: contours(heights, base) };
      return known;
    }
    function paint(heights, base) {
      const canvas = make("canvas", { width: COUNT, height: COUNT });
      const context = canvas.getContext("2d");
      const [low, high] = ["ground", "sky"].map((name) => {
        context.fillStyle = stage.colours[name]; // which a canvas gives back as #rrggbb
        return [1, 3, 5].map((i) => parseInt(context.fillStyle.slice(i, i + 2), 16));
      });
      const image = context.createImageData(COUNT, COUNT);
      heights.forEach((height, n) => {
        const share = 0.75 * clamp(Math.log2((height - base) / LEVELS[0] + 1) / 12, 0, 1);
        for (let c = 0; c < 3; c++) image.data[4 * n + c] = low[c] + (high[c] - low[c]) * share;
        image.data[4 * n + 3] = 255;
      });
      context.putImageData(image, 0, 0);
      return canvas;
    }
    /* Marching squares, in units of the grid. */
    function contours(heights, base) {
      const path = new Path2D();
      for (const above of LEVELS) {
        const level = base + above;
        for (let j = 0; j < COUNT - 1; j++) {
          for (let i = 0; i < COUNT - 1; i++) {
            const n = j * COUNT + i;
            const [a, b, c, d] = [heights[n] - level, heights[n + 1] - level, heights[n + COUNT + 1] - level, heights[n + COUNT] - level];
            if (a < 0 === b < 0 && b < 0 === c < 0 && c < 0 === d < 0) continue;
            const ends = [];
            if (a < 0 !== b < 0) ends.push([i + a / (a - b), j]);
            if (b < 0 !== c < 0) ends.push([i + 1, j + b / (b - c)]);
            if (c < 0 !== d < 0) ends.push([i + d / (d - c), j + 1]);
            if (d < 0 !== a < 0) ends.push([i, j + a / (a - d)]);
            ends.forEach((end, n) => (n % 2 ? path.lineTo(...end) : path.moveTo(...end)));
          }
        }
      }
      return path;
    }

    // Drawing

    const box = (pad) => ({ x: 36, y: 18, w: pad.width - 48, h: 262 });
    const range = () => (logistic() ? [-0.15, 1.15] : [-3.3, 3.3]);
    const place = (n) => [data()[0][n], logistic() ? label(data()[1][n]) : data()[1][n]];
    const within = (context, { x, y, w, h }) => {
      context.save();
      context.beginPath();
      context.rect(x, y, w, h);
      context.clip();
    };
    const mark = (context, path, x, y, fill, edge) => {
      context.save();
      context.translate(x, y);
      context.fillStyle = fill;
      context.strokeStyle = edge;
      context.lineWidth = 1.5;
      context.fill(path);
      context.stroke(path);
      context.restore();
    };
    const model = (w, b, x) => (logistic() ? sigmoid(w * x + b) : w * x + b);
    let maps = {};

    function drawPlot(path, { lowest }) {
      const context = stage.clear(plot);
      const { X, Y } = (maps.plot = stage.axes(plot, box(plot), { x: [-3.3, 3.3], y: range(), xlabel: "x", ylabel: logistic() ? "label; probability of 1" : "y" }));
      within(context, box(plot));
      const curve = ([w, b], colour, dash, width) => {
        context.strokeStyle = stage.colours[colour];
        context.lineWidth = width;
        context.setLineDash(dash);
        const many = logistic() ? 60 : 1;
        line(context, Array.from({ length: many + 1 }, (_, i) => {
          const x = -3.3 + (6.6 * i) / many;
          return [X(x), Y(model(w, b, x))];
        }));
        context.setLineDash([]);
      };
      const [w, b] = path[0];
      context.strokeStyle = stage.colours.muted;
      context.lineWidth = 1;
      data()[0].forEach((x, n) => line(context, [[X(x), Y(place(n)[1])], [X(x), Y(model(w, b, x))]]));
      if (lowest) curve([lowest.w, lowest.b], "green", [8, 4], 2);
      curve(path.at(-1), "orange", [2, 3], 1.8);
      curve(path[0], "orange", [], 2.5);
      data()[0].forEach((_, n) => {
        const [x, y] = place(n);
        const shape = new Path2D();
        if (logistic() && y) shape.rect(-5, -5, 10, 10);
        else shape.arc(0, 0, 5.5, 0, 7);
        mark(context, shape, X(x), Y(y), stage.colours.blue, stage.colours.ground);
        if (n !== picked()) return;
        context.strokeStyle = stage.colours.ink;
        context.lineWidth = 1.5;
        context.beginPath();
        context.arc(X(x), Y(y), 9.5, 0, 7);
        context.stroke();
      });
      context.restore();
      const stroke = (colour, dash) => (x) => {
        context.strokeStyle = stage.colours[colour];
        context.lineWidth = 2;
        context.setLineDash(dash);
        line(context, [[x - 9, 322], [x + 11, 322]]);
        context.setLineDash([]);
      };
      const steps = stage.get("steps");
      const entries = [["now", stroke("orange", [])], [steps > 1 ? `after ${steps} steps` : "after the step", stroke("orange", [2, 3])]];
      legend(context, lowest ? [...entries, ["minimum", stroke("green", [8, 4])]] : entries);
    }
    function legend(context, entries) {
      let x = 46;
      context.textAlign = "left";
      for (const [text, draw] of entries) {
        draw(x);
        context.fillStyle = stage.colours.ink;
        context.fillText(text, x + 16, 322);
        x += 42 + context.measureText(text).width;
      }
    }

    function drawMap(path, { picture, lines, lowest, other, loss }) {
      const context = stage.clear(map);
      const area = box(map);
      const { ground, green, ink, muted, orange } = stage.colours;
      const { X, Y } = stage.axes(map, area, { x: [-REACH, REACH], y: [-REACH, REACH], xlabel: "w", ylabel: "b (the bluer, the higher the loss)" });
      within(context, area);
      const cell = [area.w / (COUNT - 1), area.h / (COUNT - 1)];
      context.drawImage(picture, area.x - cell[0] / 2, area.y - cell[1] / 2, area.w + cell[0], area.h + cell[1]);
      const scaled = new Path2D();
      scaled.addPath(lines, new DOMMatrix([cell[0], 0, 0, cell[1], area.x, area.y]));
      context.strokeStyle = muted;
      context.lineWidth = 0.8;
      context.stroke(scaled);
      if (lowest?.line) { // w x + b is the same all along
        context.strokeStyle = green;
        context.lineWidth = 2.5;
        context.setLineDash([8, 4]);
        const x = data()[0][0];
        line(context, [-9, 9].map((dw) => [X(lowest.w + dw), Y(lowest.b - dw * x)]));
        context.setLineDash([]);
      }
      const stars = [];
      if (lowest && !lowest.line) {
        stars.push(["minimum", (x, y = 322) => mark(context, STAR, x, y, green, ground), lowest]);
        if (other) stars.push([`of ${loss === "squared" ? "absolute" : "squared"} error`, (x, y = 322) => mark(context, STAR, x, y, ground, ink), other]);
      }
      for (const [, draw, { w, b }] of [...stars].reverse()) draw(X(w), Y(b));
      const spots = path.map(([w, b]) => [X(clamp(w, -99, 99)), Y(clamp(b, -99, 99))]);
      context.strokeStyle = context.fillStyle = orange;
      context.lineWidth = 1.5;
      line(context, spots);
      for (const [x, y] of spots.slice(2)) context.fillRect(x - 2, y - 2, 4, 4);
      arrow(context, spots[0], spots[1]);
      context.strokeStyle = ink;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(...spots[0], 8, 0, 7);
      context.stroke();
      context.restore();
      legend(context, stars);
    }
    function arrow(context, [x, y], [u, v]) {
      const angle = Math.atan2(v - y, u - x);
      const head = Math.min(10, Math.hypot(u - x, v - y));
      context.lineWidth = 3;
      line(context, [[x, y], [u, v]]);
      context.beginPath();
      for (const turn of [0, 2.6, -2.6]) context.lineTo(u + (turn ? head : 3) * Math.cos(angle + turn), v + (turn ? head : 3) * Math.sin(angle + turn));
      context.fill();
    }

    stage.drag(plot, (x, y, first) => {
      const { X, Y } = maps.plot;
      if (first) {
        const far = data()[0].map((_, n) => Math.hypot(X(place(n)[0]) - x, Y(place(n)[1]) - y));
        maps.held = Math.min(...far) < 26;
        if (maps.held) stage.set({ picked: far.indexOf(Math.min(...far)) });
      } else if (maps.held) {
        const { x: left, y: top, w, h } = box(plot);
        const [low, high] = range();
        const value = high - ((y - top) / h) * (high - low);
        const old = stage.get("ys")[picked()];
        const side = Math.max(Math.abs(old), 0.5) * (value > 0.5 ? 1 : -1);
        put({ xs: round(-3.3 + (6.6 * (x - left)) / w, DATA), ys: logistic() ? side : round(value, DATA) });
      }
    });
    stage.drag(map, (x, y) => {
      const { x: left, y: top, w, h } = box(map);
      stage.set({ w: round(-REACH + (2 * REACH * (x - left)) / w, REACH), b: round(REACH - (2 * REACH * (y - top)) / h, REACH) });
    });

    return () => {
      const [loss, w, b, rate] = ["loss", "w", "b", "rate"].map((name) => stage.get(name));
      const now = land();
      const path = descend(loss, ...data(), w, b, rate, clamp(stage.get("steps"), 1, STEPS));
      drawPlot(path, now);
      drawMap(path, now);
      const [J, dw, db] = lossAt(loss, ...data(), w, b);
      const [after] = lossAt(loss, ...data(), ...path[1]);
      const { lowest } = now;
      const n = picked();
      const y = place(n)[1];
      const z = model(w, b, data()[0][n]);
      const best = !lowest ? "There is no minimum: further out it is always lower" : lowest.line ? `The minimum, ${number(lowest.J)}, is the whole dashed line` : `The minimum is ${number(lowest.J)}, at w = ${fixed(lowest.w, 2)}, b = ${fixed(lowest.b, 2)}`;
      stage.say(`Loss ${number(J)}, gradient (${number(dw)}, ${number(db)}). A step leads ${after > J ? "up" : "down"} to ${number(after)}. ${best}. Point ${n + 1}: residual ${number(z - y)}.`);
    };
  },
});
