/* Playground: a small network, trained in the browser.

   What is shown is settings and a number of steps, and nothing else: a run is made
   from them anew wherever they change, a few milliseconds of it a frame. */
import { clamp, figure, finite, line, make, number } from "./kit.js";
import { ACTIVATIONS, REACH, Run, SIDE, grid, record, room, sigmoid, surfaces, toy } from "./network.js";

export { record, toy };

const LAST = 3000;

/* What is said and drawn of a step, for a test. */
export function examine(settings, train, test, step) {
  const run = new Run(settings, train, test);
  run.go(step);
  const plane = [...surfaces(run, step, room(run.layers, SIDE * SIDE))];
  return { losses: run.losses(step), dead: run.silent(step), plane };
}

/* Where a surface passes a level: segment(end, end), [column, row] on its points. */
function contour(values, side, stride, level, segment) {
  const cut = (a, b) => (level - a) / (b - a);
  for (let y = 0; y < side - 1; y++) {
    for (let x = 0, at = y * stride * SIDE; x < side - 1; x++, at += stride) {
      const a = values[at];
      const b = values[at + stride];
      const c = values[at + stride * SIDE];
      const d = values[at + stride * SIDE + stride];
      const above = a > level;
      if (above === b > level && above === c > level && above === d > level) continue;
      const ends = [];
      if (above !== b > level) ends.push([x + cut(a, b), y]);
      if (above !== c > level) ends.push([x, y + cut(a, c)]);
      if (b > level !== d > level) ends.push([x + 1, y + cut(b, d)]);
      if (c > level !== d > level) ends.push([x + cut(c, d), y + 1]);
      for (let k = 0; k + 1 < ends.length; k += 2) segment(ends[k], ends[k + 1]);
    }
  }
}

const SETTINGS = ["data", "noise", "activation", "depth", "width", "init", "optimiser", "rate", "batch", "decay", "seed"];
const plain = { data: "circles", noise: 0.1, activation: "tanh", depth: 1, width: 4, init: "linear", optimiser: "SGD", rate: 3, batch: 0, decay: 0, seed: 0, step: 200 };
const spirals = { data: "spirals", noise: 0.05, activation: "ReLU", width: 8, optimiser: "Adam", rate: 0.03, step: 1000 };
const STYLE = ".bh-playground .small { color: var(--muted); font-size: 0.8rem; margin-top: 0.3rem; } .bh-playground canvas { max-width: 26rem; } .bh-playground .wide { margin-top: 0.6rem; } .bh-playground .wide canvas { max-width: none; }";
const HALF = SIDE / 2; // the side of a hidden unit's picture
const BOUNDED = { tanh: 1, sine: 1, sigmoid: 1 };

export default figure({
  name: "Playground",
  check(get) {
    if (!finite(["noise", "depth", "width", "rate", "batch", "decay", "seed", "step", "x1", "x2"].map(get))) return "a setting is not a number";
    if (!(get("activation") in ACTIVATIONS)) return "there is no such activation";
    if (get("points").length && !finite(get("points"))) return "a point is not made of numbers";
  },
  build(stage) {
    stage.root.classList.add("bh-playground");
    stage.remember("points", "label", "x1", "x2", "speed", "step", ...SETTINGS);
    stage.presets([
      { label: "No activation", set: { ...plain, activation: "identity", depth: 3 }, note: "Three hidden layers with nothing between them: every unit is a tilted plane, and so is the output. One straight line is all that it can draw. Choose an activation." },
      { label: "Three ReLUs", set: { ...plain, activation: "ReLU", width: 3, rate: 1, seed: 11, step: 400 }, note: "Each unit is 0 on one side of a line, and three of them can close a polygon round the disc. Move the seed: from many starts a unit dies, and the polygon stays open. Then give it 8 units." },
      { label: "Rate too large", set: { ...plain, activation: "ReLU", width: 8, rate: 20 }, note: "The first steps overshoot: all units are pushed so far that they are 0 for every point, and none comes back. Move the rate down until they live." },
      { label: "All equal", set: { ...plain, init: "equal", rate: 1 }, note: "All units start with the same weights, get the same gradients, and stay one unit drawn four times. With zeros nothing moves at all. Chance breaks the symmetry: choose other initial weights." },
      { label: "Spirals, shallow", set: { ...plain, ...spirals }, note: "One layer of eight ReLUs: eight folds are not enough to follow the arms. More steps do not help. Add layers." },
      { label: "Spirals, deep", set: { ...plain, ...spirals, depth: 3 }, note: "Three layers of eight: each folds again what the one before has folded. Go along the columns: the later, the more the pictures look like spirals." },
      { label: "Too free", set: { ...plain, ...spirals, data: "moons", noise: 0.35, depth: 3, activation: "tanh" }, note: "Noisy points and many parameters: training loss falls, test loss turns and rises. Go back along the steps to where it is lowest, or raise the penalty λ to 0.01." },
    ], "Move the slider through the steps, or press Play. Then change a setting: the whole run is made again.");

    const reduced = matchMedia("(prefers-reduced-motion: reduce)");
    const step = () => clamp(stage.get("step"), 0, LAST);
    const on = (many) => stage.set({ step: Math.min(LAST, step() + many) });
    const play = () => {
      if (run.done < step()) return; // still on its way there
      if (stage.get("speed")) on(stage.get("speed"));
      else run.go(LAST, 10), stage.set({ step: step() < run.done ? run.done : step() });
      return step() < LAST && run.train.n > 0;
    };
    stage.row(
      stage.slider("step", "step", { from: 0, to: LAST }),
      stage.player("Play", play),
      stage.button("Step", () => on(1)),
      stage.button("To step 0", () => stage.set({ step: 0 })),
      stage.choice("speed", "speed", [[1, "1 step"], [5, "5 steps"], [20, "20 steps"], [0, "all it can"]]),
    );
    const net = stage.pad("The network: what each unit says on the plane, in small, joined by the weights", (width) => layout(width).height);
    const plane = stage.pad("The plane with the points, coloured by the probability of class 1", (width) => width);
    const losses = stage.pad("Loss of training and test points by step; numbers below", 150);
    const sides = make("div", { class: "bh-sides", style: "--columns: 3fr 2fr" },
      make("div", {}, net.canvas, make("p", { class: "small" }, "Lines: weights, thick where large, dashed where negative. Inside a unit, the line is where it begins, or is half on.")),
      make("div", {}, plane.canvas, make("p", { class: "small" }, "● class 0, ▲ class 1, line: probability ½. Press to add a point.")));
    stage.root.append(make("style", {}, STYLE), sides, make("div", { class: "wide" }, losses.canvas), stage.sentence);
    stage.row(
      stage.choice("data", "points", [["circles", "circles"], ["xor", "grid (xor)"], ["spirals", "spirals"], ["moons", "moons"], ["own", "my own"]]),
      stage.choice("activation", "activation", Object.keys(ACTIVATIONS)),
      stage.slider("depth", "hidden layers", { from: 1, to: 4 }),
      stage.slider("width", "units in each", { from: 1, to: 8 }),
      stage.slider("rate", "learning rate", { from: 0.001, to: 30, log: true }),
      stage.choice("init", "initial weights", [["linear", "nn.Linear’s"], ["he", "He’s"], ["large", "10 × nn.Linear’s"], ["equal", "all ½"], ["zero", "all 0"]]),
      stage.choice("optimiser", "optimiser", ["SGD", "Adam"]),
      stage.choice("batch", "batch", [[0, "all"], [50, "50"], [10, "10"]]),
      stage.slider("decay", "L2 penalty λ", { from: 0, to: 0.05, step: 0.001 }),
      stage.slider("noise", "noise", { from: 0, to: 0.5, step: 0.05 }),
      stage.slider("seed", "seed", { from: 0, to: 99 }),
    );
    const add = (x1, x2) => {
      const now = stage.get("data") === "own" ? stage.get("points") : points.map((point) => point.map((x) => Number(x.toFixed(3))));
      stage.set({ data: "own", points: [...now, [x1, x2, stage.get("label")].map((x) => Number(x.toFixed(3)))] });
    };
    const own = stage.row(
      stage.choice("label", "class of the next", [[0, "● 0"], [1, "▲ 1"]]),
      stage.slider("x1", "its x₁", { from: -REACH, to: REACH, step: 0.05 }),
      stage.slider("x2", "its x₂", { from: -REACH, to: REACH, step: 0.05 }),
      stage.button("Add it", () => add(stage.get("x1"), stage.get("x2"))),
      stage.button("Remove the last", () => stage.set({ points: stage.get("points").slice(0, -1) })),
      stage.button("Remove all", () => stage.set({ points: [] })),
    );
    plane.canvas.style.cursor = "crosshair";
    plane.canvas.addEventListener("click", ({ offsetX, offsetY }) => {
      stage.touched = true;
      add(REACH * ((2 * offsetX) / plane.width - 1), REACH * (1 - (2 * offsetY) / plane.width));
    });
    stage.drag(losses, (x) => {
      stage.stop();
      const { box, end } = frame();
      stage.set({ step: Math.round(clamp((x - box.x) / box.w, 0, 1) * end) });
    });

    // The run that the settings ask for

    let run, points, key, from;
    const space = {};
    const runs = new Map();
    function prepare() {
      const now = Object.fromEntries(SETTINGS.map((name) => [name, stage.get(name)]));
      const mine = now.data === "own" && stage.get("points");
      const wanted = JSON.stringify(now);
      if (wanted === key && mine === from) return;
      [key, from] = [wanted, mine];
      points = mine || toy(now.data, now.noise, 3 * now.seed);
      run = (!mine && runs.get(key)) || new Run(now, points, mine ? [] : toy(now.data, now.noise, 3 * now.seed + 1));
      runs.delete(key);
      runs.set(key, run); // the last one used is the last to go
      if (runs.size > 9) runs.delete(runs.keys().next().value);
      const size = `${now.depth} ${now.width}`;
      if (space.size !== size) {
        Object.assign(space, { size, rows: room(run.layers, SIDE * SIDE) });
        stage.fit(); // the network's picture is as high as its layers
      }
      drawnPoints = null;
    }

    // Pictures

    const sheet = (width, height) => {
      const canvas = make("canvas", { width, height });
      const context = canvas.getContext("2d");
      const image = context.createImageData(width, height);
      return { canvas, context, image, pixels: new Uint32Array(image.data.buffer) };
    };
    const atlas = sheet(8 * HALF, 5 * HALF); // a row for each layer, the input's first
    const whole = sheet(SIDE, SIDE);
    let ramp, tinted, drawnPoints;
    function colours() {
      if (tinted === stage.colours) return;
      tinted = stage.colours;
      drawnPoints = null;
      const one = make("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
      const rgb = (name) => {
        one.fillStyle = tinted[name];
        one.fillRect(0, 0, 1, 1);
        return one.getImageData(0, 0, 1, 1).data;
      };
      const [low, middle, high] = ["blue", "ground", "orange"].map(rgb);
      ramp = Uint32Array.from({ length: 256 }, (_, k) => {
        const share = Math.abs(k - 127.5) / 127.5;
        const mixed = (k < 128 ? low : high).map((end, i) => Math.round(middle[i] + 0.65 * share * (end - middle[i])));
        return (255 << 24) | (mixed[2] << 16) | (mixed[1] << 8) | mixed[0];
      });
    }
    const shade = (t) => ramp[t > 1 ? 255 : t < -1 ? 0 : Math.round(127.5 * (1 + t)) || 0];
    const half = (activation) => (activation === "sigmoid" ? 0.5 : 0);

    function paintAtlas() {
      const { activation, depth, width } = run.settings;
      for (let l = 0; l <= depth; l++) {
        const values = l ? space.rows[l - 1].a : grid;
        const middle = l ? half(activation) : 0;
        for (let u = 0; u < (l ? width : 2); u++) {
          const at = (row, column) => values[u * SIDE * SIDE + row * 2 * SIDE + column * 2];
          let scale = (l ? BOUNDED[activation] : REACH) ?? 0;
          if (!scale) {
            for (let p = u * SIDE * SIDE; p < (u + 1) * SIDE * SIDE; p += 7) scale = Math.max(scale, Math.abs(values[p]));
          }
          scale = (scale || 1) - middle;
          for (let row = 0; row < HALF; row++) {
            const first = (l * HALF + row) * 8 * HALF + u * HALF;
            for (let column = 0; column < HALF; column++) atlas.pixels[first + column] = shade((at(row, column) - middle) / scale);
          }
        }
      }
      atlas.context.putImageData(atlas.image, 0, 0, 0, 0, Math.max(2, width) * HALF, (depth + 1) * HALF);
    }

    const outline = (context, values, { x, y, size }, side, stride, level) => {
      const scale = size / side;
      context.beginPath();
      contour(values, side, stride, level, ([x1, y1], [x2, y2]) => {
        context.moveTo(x + (x1 + 0.5) * scale, y + (y1 + 0.5) * scale);
        context.lineTo(x + (x2 + 0.5) * scale, y + (y2 + 0.5) * scale);
      });
      context.stroke();
    };

    function layout(width) {
      const [depth, units] = [stage.get("depth"), stage.get("width")];
      const cell = clamp(Math.floor(width / (1.5 * (depth + 2))), 18, 52);
      const [high, rows] = [cell + 7, Math.max(units, 4)];
      const many = (l) => (l === 0 ? 2 : l > depth ? 1 : units);
      const place = (l, u) => [1 + ((width - cell - 2) * l) / (depth + 1), 18 + ((rows - many(l)) / 2 + u) * high];
      return { cell, height: rows * high + 18, many, place };
    }

    function drawNetwork(theta) {
      const context = stage.clear(net);
      const { cell, many, place } = layout(net.width);
      const { depth, activation } = run.settings;
      run.layers.forEach(({ from, to, weight }, l) => {
        for (let u = 0; u < to; u++) {
          for (let i = 0; i < from; i++) {
            const w = theta[weight + u * from + i];
            const [[x1, y1], [x2, y2]] = [place(l, i), place(l + 1, u)];
            const [left, middle] = [x1 + cell, (x1 + cell + x2) / 2];
            context.lineWidth = clamp(0.4 + 0.9 * Math.abs(w), 0.4, 4.5) || 0.4;
            context.strokeStyle = w < 0 ? tinted.blue : tinted.orange;
            context.setLineDash(w < 0 ? [5, 3] : []);
            context.globalAlpha = 0.75;
            context.beginPath();
            context.moveTo(left, y1 + cell / 2);
            context.bezierCurveTo(middle, y1 + cell / 2, middle, y2 + cell / 2, x2, y2 + cell / 2);
            context.stroke();
          }
        }
      });
      context.setLineDash([]);
      context.globalAlpha = 1;
      context.font = context.font.replace("12px", "11px");
      for (let l = 0; l <= depth + 1; l++) {
        context.fillStyle = tinted.muted;
        context.textAlign = "center";
        context.fillText(l === 0 ? "input" : l > depth ? "output" : `layer ${l}`, place(l, 0)[0] + cell / 2, 6);
        for (let u = 0; u < many(l); u++) {
          const [x, y] = place(l, u);
          if (l > depth) context.drawImage(whole.canvas, x, y, cell, cell);
          else context.drawImage(atlas.canvas, u * HALF + 1, l * HALF + 1, HALF - 2, HALF - 2, x, y, cell, cell);
          context.lineWidth = 1;
          context.strokeStyle = tinted.ink;
          if (l > 0 && l <= depth) {
            const values = space.rows[l - 1].a.subarray(u * SIDE * SIDE, (u + 1) * SIDE * SIDE);
            outline(context, values, { x, y, size: cell }, HALF, 2, half(activation) || 1e-9);
          }
          context.strokeRect(x - 0.5, y - 0.5, cell + 1, cell + 1);
          if (l === 0) {
            context.fillStyle = tinted.ink;
            context.textAlign = "center";
            context.fillText(u ? "x₂" : "x₁", x + cell / 2, y + cell / 2);
          }
        }
      }
    }

    function drawPlane(z) {
      for (let p = 0; p < SIDE * SIDE; p++) whole.pixels[p] = shade(2 * sigmoid(z[p]) - 1);
      whole.context.putImageData(whole.image, 0, 0);
      const context = stage.clear(plane);
      const size = plane.width;
      context.drawImage(whole.canvas, 0, 0, size, size);
      context.strokeStyle = tinted.ink;
      context.lineWidth = 2;
      outline(context, z, { x: 0, y: 0, size }, SIDE, 1, 0);
      if (!size) return; // out of sight
      if (drawnPoints?.width !== plane.canvas.width) drawPoints();
      context.drawImage(drawnPoints, 0, 0, size, size);
      if (stage.get("data") !== "own") return;
      const [x, y] = spot([stage.get("x1"), stage.get("x2")]);
      context.lineWidth = 1;
      for (const [a, b] of [[8, 0], [0, 8]]) line(context, [[x - a, y - b], [x + a, y + b]]);
    }
    const spot = ([x1, x2]) => [(plane.width * (1 + x1 / REACH)) / 2, (plane.width * (1 - x2 / REACH)) / 2];
    function drawPoints() {
      drawnPoints = make("canvas", { width: plane.canvas.width, height: plane.canvas.height });
      const context = drawnPoints.getContext("2d");
      const ratio = plane.canvas.width / plane.width;
      context.scale(ratio, ratio);
      context.strokeStyle = tinted.ground;
      for (const point of points) {
        const [x, y] = spot(point);
        context.beginPath();
        if (point[2]) [[0, -4.6], [4, 2.6], [-4, 2.6]].forEach(([a, b]) => context.lineTo(x + a, y + b));
        else context.arc(x, y, 3.4, 0, 7);
        context.closePath();
        context.fillStyle = point[2] ? tinted.orange : tinted.blue;
        context.fill();
        context.stroke();
      }
    }

    const frame = () => ({ box: { x: 36, y: 18, w: losses.width - 52, h: 96 }, end: clamp(Math.ceil(Math.max(run.done, 1) / 100) * 100, 100, LAST) });
    function drawLosses(now, score) {
      const context = stage.clear(losses);
      const { box, end } = frame();
      const top = clamp(Math.max(...run.curve.flatMap(([, loss, , test]) => [loss || 0, test || 0])), 0.75, 3);
      const { X, Y } = stage.axes(losses, box, { x: [0, end], y: [0, top], xlabel: "step", ylabel: "loss" });
      const height = (loss) => Y(Number.isFinite(loss) ? Math.min(loss, top) : top);
      const kinds = [["training", 1, "green", []], ["test", 3, "pink", [6, 4]]];
      kinds.forEach(([name, column, colour, dash], k) => {
        if (column === 3 && !run.test.n) return;
        context.strokeStyle = tinted[colour];
        context.lineWidth = 2;
        context.setLineDash(dash);
        line(context, run.curve.map((row) => [X(row[0]), height(row[column])]));
        const left = box.x + box.w - 160 + 95 * k;
        line(context, [[left, 8], [left + 24, 8]]);
        context.setLineDash([]);
        context.fillStyle = tinted[colour];
        context.textAlign = "left";
        context.fillText(name, left + 29, 8);
        context.beginPath();
        context.arc(X(now), height(score[column - 1]), 4, 0, 7);
        context.fill();
      });
      context.strokeStyle = tinted.ink;
      context.lineWidth = 1;
      line(context, [[X(now), box.y], [X(now), box.y + box.h]]);
    }

    const percent = (share) => `${(100 * share).toFixed(share > 0.95 && share < 1 ? 1 : 0)} %`;
    let first = true;
    return () => {
      prepare();
      colours();
      own.style.display = stage.get("data") === "own" ? "" : "none";
      run.go(step(), first ? Infinity : reduced.matches ? 300 : 4);
      first = false;
      const now = Math.min(step(), run.done);
      if (now < step() && run.train.n) stage.redraw(); // the rest in the next frame
      const z = surfaces(run, now, space.rows);
      paintAtlas();
      drawPlane(z);
      drawNetwork(run.at(now));
      const score = run.losses(now);
      drawLosses(now, score);
      if (!run.train.n) return stage.say("No points yet: press on the plane, or add one below.");
      const dead = run.settings.activation === "ReLU" ? run.silent(now) : 0;
      const hidden = run.settings.depth * run.settings.width;
      const test = run.test.n ? ` On the test points ${number(score[2])} and ${percent(score[3])}.` : "";
      stage.say(
        `After ${now} steps: loss ${number(score[0])}, ${percent(score[1])} of the points right.${test} ` +
        `${run.count} parameters.${dead ? ` ${dead} of ${hidden} hidden units are dead: 0 for every training point.` : ""}` +
        `${Number.isFinite(score[0]) ? "" : " The weights have left the range of numbers."}`,
      );
    };
  },
});
