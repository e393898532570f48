/* Forward and reverse mode: two copies of a graph of layers n → h → h → m. On one,
   sweeps go from each input to all outputs, on the other from each output to all
   inputs; each brings a column, or a row, of the same Jacobian. */
import { clamp, figure, finite, fixed, line, make, number } from "./kit.js";

/* The corners of the three matrices of derivatives along edges, of these sizes. */
export function corners(partials, n, h, m) {
  const sizes = [[h, n], [h, h], [m, h]];
  return partials.map((matrix, k) => matrix.slice(0, sizes[k][0]).map((row) => row.slice(0, sizes[k][1])));
}
const transposed = (matrix) => matrix[0].map((_, j) => matrix.map((row) => row[j]));

/* One sweep: the numbers at the nodes of each layer that it passes, and how many
   multiplications each layer took. skip: none where the factor is the first 0s and 1. */
export function sweep(layers, seed, skip) {
  const values = [layers[0][0].map((_, j) => (j === seed ? 1 : 0))];
  const counts = layers.map((matrix, k) => {
    let count = 0;
    const before = values[k];
    values.push(matrix.map((row) => {
      if (skip && k === 0) return row[seed];
      return row.reduce((sum, partial, j) => (count++, sum + partial * before[j]), 0);
    }));
    return count;
  });
  return { values, counts };
}

/* All sweeps of a mode; the Jacobian (m × n), and all multiplications. */
export function sweeps(partials, n, h, m, mode, skip) {
  const up = corners(partials, n, h, m);
  const layers = mode === "forward" ? up : up.map(transposed).reverse();
  const all = Array.from({ length: mode === "forward" ? n : m }, (_, seed) => sweep(layers, seed, skip));
  const found = all.map(({ values }) => values[3]);
  const each = all[0].counts;
  return { all, each, jacobian: mode === "forward" ? transposed(found) : found, total: all.length * each.reduce((a, b) => a + b, 0) };
}

/* The same number of multiplications by formula, for sizes that cannot be drawn. */
export function cost(n, h, m, mode, skip) {
  const edges = n * h + h * h + h * m;
  return mode === "forward" ? n * (edges - (skip ? n * h : 0)) : m * (edges - (skip ? h * m : 0));
}

const brief = (value) => fixed(value, Math.abs(value) < 10 ? 1 : 0).replace(/\.0$/, "");
const MODES = ["forward", "reverse"];
const plain = { skip: false, hidden: 4 };
const LARGEST = 10;

export default figure({
  name: "Forward and reverse mode",
  check(get) {
    if (!finite(get("partials")) || get("partials").length !== 3) return "there are no derivatives along the edges";
    const sizes = ["inputs", "hidden", "outputs"].map(get);
    if (!finite([...sizes, get("step")]) || Math.min(...sizes) < 1 || Math.max(...sizes) > LARGEST) return "a size is not from 1 to 10";
  },
  build(stage) {
    let now = {};
    let key = "";
    function look() {
      const [n, h, m, skip] = ["inputs", "hidden", "outputs", "skip"].map((trait) => stage.get(trait));
      const fresh = JSON.stringify([n, h, m, skip]);
      if (fresh !== key) {
        const runs = MODES.map((mode) => sweeps(stage.get("partials"), n, h, m, mode, skip));
        now = { n, h, m, skip, runs, last: 3 * Math.max(n, m), layers: corners(stage.get("partials"), n, h, m) };
        key = fresh;
      }
      now.step = clamp(stage.get("step"), 0, now.last);
      now.at = now.runs.map(({ all, each, total }) => {
        const step = Math.min(now.step, 3 * all.length);
        const [done, part] = [Math.floor(step / 3), step % 3];
        const one = total / all.length;
        const spent = done * one + each.slice(0, part).reduce((a, b) => a + b, 0);
        return { done, part, spent, one, over: done === all.length };
      });
    }
    look();

    stage.remember("inputs", "hidden", "outputs", "skip", "step");
    stage.presets([
      { label: "A loss", set: { ...plain, inputs: 10, outputs: 1, step: 3 }, note: "Ten inputs, one output: after a single reverse sweep the whole gradient is there. Forward mode has one number of ten, for the same work." },
      { label: "One setting", set: { ...plain, inputs: 1, outputs: 10, step: 3 }, note: "How do ten results depend on one input? Now a single forward sweep says it all, and reverse mode has one number of ten." },
      { label: "As many", set: { ...plain, inputs: 5, outputs: 5, step: 9 }, note: "As many outputs as inputs: the same work, sweep by sweep, however wide the hidden layers are. One fills columns, the other rows." },
      { label: "Wide inside", set: { ...plain, inputs: 6, outputs: 2, hidden: 10, step: 6 }, note: "Wider hidden layers make each sweep dearer, in both modes alike. The ratio of the two does not move, and neither does the crossing." },
      { label: "Skip 0 and 1", set: { inputs: 10, outputs: 1, hidden: 4, skip: true, step: 3 }, note: "A sweep begins with a 1 among 0s, so its first layer need not be multiplied. What is left is the work of J₃J₂J₁, bracketed from either end: forward mode gains, and still loses." },
    ], "Press “Play”: both modes sweep side by side. Which has its Jacobian first? Change the number of inputs and of outputs until they are level.");
    const move = (by) => stage.set({ step: clamp(now.step + by, 0, now.last) });
    const play = () => {
      stage.set({ step: now.step >= now.last ? 0 : now.step + 1 });
      look();
      return now.step < now.last;
    };
    stage.row(
      stage.slider("step", "step", { from: 0, to: () => now.last, format: () => `${now.step} of ${now.last}` }),
      make("div", { class: "bh-row", style: "margin: 0" },
        stage.button("Back", () => (stage.stop(), move(-1))), stage.button("Step", () => (stage.stop(), move(1))), stage.player("Play", play, 450)),
    );
    const words = ["each of its sweeps starts at one input and fills a column of the Jacobian", "each of its sweeps starts at one output and fills a row of the Jacobian"];
    const pads = MODES.map((mode, k) => stage.pad(`The graph in ${mode} mode: ${words[k]}`, () => 300));
    const chart = stage.pad("Multiplications of both modes against the number of inputs, on logarithmic axes; the lines cross where there are as many inputs as outputs", 210);
    const sides = make("div", { class: "bh-sides" });
    sides.append(...pads.map((pad) => make("div", {}, pad.canvas)));
    stage.sentence.style.minHeight = "4.2em";
    stage.root.append(sides, stage.sentence);
    stage.row(
      stage.slider("inputs", "inputs n", { from: 1, to: LARGEST }),
      stage.slider("hidden", "hidden h", { from: 1, to: LARGEST }),
      stage.slider("outputs", "outputs m", { from: 1, to: LARGEST }),
      stage.toggle("skip", "skip factors 0 and 1"),
    );
    stage.root.append(make("div", {}, chart.canvas));

    const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");
    const colour = (k) => stage.colours[["blue", "orange"][k]];

    function drawMode(k) {
      const pad = pads[k];
      const context = stage.clear(pad);
      const { ink, muted, line: pale, ground } = stage.colours;
      const { font } = context;
      const run = now.runs[k];
      const { done, part, spent, over } = now.at[k];
      const many = run.all.length;
      context.textAlign = "left";
      context.fillStyle = colour(k);
      context.font = `bold ${font}`;
      context.fillText(k ? "← reverse mode" : "forward mode →", 0, 8);
      context.font = font;
      context.fillStyle = ink;
      context.textAlign = "right";
      context.fillText(over ? `done, ${many} sweep${many > 1 ? "s" : ""}` : `${part ? "in" : "before"} sweep ${done + 1} of ${many}`, pad.width, 8);

      // The graph: where the sweep is, and how far
      const sizes = [now.n, now.h, now.h, now.m];
      const [left, right, top, bottom] = [16, pad.width - 16, 28, 168];
      const X = (layer) => left + ((right - left) * layer) / 3;
      const Y = (layer, i) => (top + bottom) / 2 + (i - (sizes[layer] - 1) / 2) * Math.min(32, (bottom - top - 12) / Math.max(1, sizes[layer] - 1));
      const sweeping = over ? undefined : run.all[done];
      const passed = (layer) => part > (k ? 2 - layer : layer);
      const front = (layer) => part > 0 && layer === (k ? 3 - part : part - 1);
      for (let layer = 0; layer < 3; layer++) {
        for (let i = 0; i < sizes[layer]; i++) {
          for (let j = 0; j < sizes[layer + 1]; j++) {
            const idle = layer === (k ? 2 : 0) && done !== (k ? j : i); // a 0 passes here
            const lit = passed(layer) && !(idle && now.skip);
            context.strokeStyle = lit ? colour(k) : muted;
            context.globalAlpha = lit ? 1 : 0.35;
            context.lineWidth = lit && !idle ? (front(layer) ? 2 : 1.4) : 0.8;
            context.setLineDash(lit && idle ? [2, 3] : []);
            line(context, [[X(layer), Y(layer, i)], [X(layer + 1), Y(layer + 1, j)]]);
          }
        }
      }
      context.setLineDash([]);
      context.globalAlpha = 1;
      context.textAlign = "center";
      for (let layer = 0; layer < 4; layer++) {
        const order = k ? 3 - layer : layer;
        const known = sweeping && order <= part;
        const room = sizes[layer] > 1 ? Math.abs(Y(layer, 1) - Y(layer, 0)) : 40;
        const radius = clamp(room / 2 - 1, 4, 14);
        for (let i = 0; i < sizes[layer]; i++) {
          const start = sweeping && order === 0 && i === done;
          context.beginPath();
          context.arc(X(layer), Y(layer, i), radius, 0, 7);
          context.fillStyle = start ? colour(k) : ground;
          context.fill();
          context.lineWidth = known ? 1.8 : 1;
          context.strokeStyle = known ? colour(k) : muted;
          context.stroke();
          if (!known || radius < 11) continue;
          context.font = font.replace("12px", "11px");
          context.fillStyle = start ? ground : ink;
          context.fillText(brief(sweeping.values[order][i]), X(layer), Y(layer, i) + 0.5);
        }
      }
      context.font = font;
      context.fillStyle = muted;
      ["n", "h", "h", "m"].forEach((name, layer) => context.fillText(`${name} = ${sizes[layer]}`, clamp(X(layer), 24, pad.width - 24), 186));

      // The Jacobian, as far as it is known, and what it has cost
      const cell = Math.min(9.4 * 9 / now.m, 22, (pad.width * 0.44) / now.n);
      const [x, y] = [4, 206 + (84 - cell * now.m) / 2];
      const top2 = Math.max(...run.jacobian.flat().map(Math.abs), 1e-9);
      for (let i = 0; i < now.m; i++) {
        for (let j = 0; j < now.n; j++) {
          const [u, v] = [x + j * cell, y + i * cell];
          if ((k ? i : j) < done) {
            const value = run.jacobian[i][j];
            context.fillStyle = stage.colours[value < 0 ? "orange" : "blue"];
            context.globalAlpha = 0.2 + (0.8 * Math.abs(value)) / top2;
            context.fillRect(u, v, cell, cell);
            context.globalAlpha = 1;
            if (value < 0) { // a minus, so that colour does not say it alone
              context.fillStyle = ink;
              context.fillRect(u + cell * 0.28, v + cell * 0.46, cell * 0.44, Math.max(1, cell * 0.09));
            }
          }
          context.lineWidth = 1;
          context.strokeStyle = pale;
          context.strokeRect(u, v, cell, cell);
        }
      }
      context.strokeStyle = ink;
      context.strokeRect(x, y, cell * now.n, cell * now.m);
      context.textAlign = "left";
      const beside = x + cell * now.n + 12;
      context.fillStyle = muted;
      context.fillText(`Jacobian ${now.m} × ${now.n}`, beside, 222);
      context.fillText(`of ${grouped(run.total)} multiplications`, beside, 262);
      context.fillStyle = ink;
      context.font = `bold ${font.replace("12px", "17px")}`;
      context.fillText(grouped(spent), beside, 243);
      const [from, whole] = [beside, pad.width - beside - 4];
      const longest = Math.max(...now.runs.map(({ total }) => total));
      context.strokeStyle = muted;
      context.lineWidth = 1;
      context.strokeRect(from + 0.5, 274.5, (whole * run.total) / longest, 9);
      context.fillStyle = colour(k);
      context.fillRect(from + 0.5, 274.5, (whole * spent) / longest, 9);
    }

    function drawChart() {
      const context = stage.clear(chart);
      const { n, h, m, skip } = now;
      const box = { x: 62, y: 22, w: chart.width - 82, h: 140 };
      const wide = [1, 1000];
      const costs = (at) => MODES.map((mode) => cost(at, h, m, mode, skip));
      const ends = [...costs(1), ...costs(1000)];
      const { X, Y } = stage.axes(chart, box, { x: wide, y: [Math.min(...ends) / 1.5, Math.max(...ends) * 1.5], logX: true, logY: true, xlabel: "inputs n", ylabel: `multiplications, m = ${m}, h = ${h}` });
      MODES.forEach((mode, k) => {
        context.strokeStyle = context.fillStyle = colour(k);
        context.lineWidth = 2;
        context.setLineDash(k ? [6, 4] : []);
        line(context, Array.from({ length: 61 }, (_, i) => 1000 ** (i / 60)).map((at) => [X(at), Y(cost(at, h, m, mode, skip))]));
        context.setLineDash([]);
        const [x, y] = [X(n), Y(costs(n)[k])];
        context.beginPath();
        if (k) context.rect(x - 4.5, y - 4.5, 9, 9);
        else context.arc(x, y, 5, 0, 7);
        context.fill();
        const spot = k ? 150 : 300;
        context.textAlign = k ? "left" : "right";
        context.fillText(mode, X(spot) + (k ? 8 : -8), Y(costs(spot)[k]) + (k ? 10 : -4));
      });
      context.strokeStyle = stage.colours.ink;
      context.lineWidth = 1.5;
      context.setLineDash([2, 3]);
      line(context, [[X(m), box.y], [X(m), box.y + box.h]]);
      context.setLineDash([]);
      context.fillStyle = stage.colours.ink;
      context.textAlign = "left";
      context.fillText("equal at n = m", X(m) + 5, box.y + 9);
    }

    return () => {
      look();
      for (const refresh of stage.refreshers) refresh(); // the slider's end may have moved
      drawMode(0);
      drawMode(1);
      drawChart();
      const { n, m, runs, at } = now;
      const [forward, reverse] = runs.map(({ total }) => total);
      const part = (k, what) => `${runs[k].all.length} ${what}${runs[k].all.length > 1 ? "s" : ""} · ${grouped(at[k].one)} = ${grouped(runs[k].total)}`;
      const ratio = Math.max(forward, reverse) / Math.min(forward, reverse);
      const verdict = n === m ? "As many inputs as outputs: equal." : `${forward < reverse ? "Forward" : "Reverse"} mode needs ${number(ratio, 2).replace(/\.0$/, "")} times fewer; with ${m} input${m > 1 ? "s" : ""} they would be equal.`;
      const spent = `After step ${now.step}: ${grouped(at[0].spent)} and ${grouped(at[1].spent)} multiplications.`;
      stage.say(`${spent} In all, forward: ${part(0, "input")}; reverse: ${part(1, "output")}. ${verdict}`);
    };
  },
});
