/* Batch norm: what each layer of a small network sees, before and after, and the
   running statistics, batch by batch.

   All follows from the settings: batch k always holds the same numbers, so the reader
   can go back and forth in time, and see what another momentum would have made of it. */
import { clamp, figure, finite, fixed, line, make, normal, number, random } from "./kit.js";

const [INPUTS, WIDTH, DEPTH, BATCHES, LARGEST, CHANGE, EPS] = [4, 8, 6, 60, 256, 30, 1e-5];
const ALL = DEPTH * WIDTH; // all units of all layers

/* Weights, (WIDTH, inputs) row by row, as Xavier's rule draws them. */
const weights = [...Array(DEPTH).keys()].map((layer) => {
  const inputs = layer ? WIDTH : INPUTS;
  const [draw, reach] = [random(1 + layer), Math.sqrt(6 / (inputs + WIDTH))];
  return Float64Array.from({ length: WIDTH * inputs }, () => (2 * draw() - 1) * reach);
});

/* The inputs of batch `place`, which counts from 0: the first examples are those of
   every smaller batch, too. */
const drawn = [];
function inputs(place) {
  return (drawn[place] ??= Float64Array.from({ length: LARGEST * INPUTS }, normal(random(1001 + place))));
}

const scratch = [0, 0, 0].map(() => new Float64Array(LARGEST * WIDTH));

/* A batch through all layers. given: statistics to use, {mean, variance}, in place of
   its own. keep(layer, before, after): is called for each layer.
   Returns mean and variance (divided by N) of each unit over the batch. */
export function forward(x, count, { gamma, beta, normalise }, given, keep) {
  const [before, after, output] = scratch;
  const [mean, variance] = [new Float64Array(ALL), new Float64Array(ALL)];
  for (let layer = 0; layer < DEPTH; layer++) {
    const [W, from, wide] = [weights[layer], layer ? output : x, layer ? WIDTH : INPUTS];
    for (let unit = 0; unit < WIDTH; unit++) {
      const place = layer * WIDTH + unit;
      let sum = 0;
      for (let n = 0; n < count; n++) {
        let z = 0;
        for (let i = 0; i < wide; i++) z += W[unit * wide + i] * from[n * wide + i];
        before[n * WIDTH + unit] = z;
        sum += z;
      }
      const own = (mean[place] = sum / count);
      let squares = 0;
      for (let n = 0; n < count; n++) squares += (before[n * WIDTH + unit] - own) ** 2;
      variance[place] = squares / count;
      const centre = normalise ? (given ? given.mean[place] : own) : 0;
      const scale = normalise ? gamma / Math.sqrt((given ? given.variance : variance)[place] + EPS) : 1;
      const added = normalise ? beta : 0;
      for (let n = unit; n < count * WIDTH; n += WIDTH) after[n] = (before[n] - centre) * scale + added;
    }
    for (let n = 0; n < count * WIDTH; n++) output[n] = 1 / (1 + Math.exp(-after[n]));
    keep?.(layer, before, after);
  }
  return { mean, variance };
}

/* What training saw: mean and variance of each unit in each batch. The inputs are as
   they were before they moved: a shift adds the same to all examples, which changes the
   means of the first layer, and nothing that comes after its normalisation. */
export function history(count, settings) {
  return [...Array(BATCHES).keys()].map((place) => forward(inputs(place), count, settings));
}
const shifted = (place, shift) => (place >= CHANGE ? shift : 0);
function meanOf(past, place, at, shift) {
  let moved = past[place].mean[at];
  if (at < WIDTH) for (let i = 0; i < INPUTS; i++) moved += shifted(place, shift) * weights[0][at * INPUTS + i];
  return moved;
}

/* Running mean and variance of the unit `at` at the start and after each batch. */
export function follow(past, count, at, { momentum, shift }) {
  const [mean, variance] = [[0], [1]];
  past.forEach((batch, place) => {
    const unbiased = (batch.variance[at] * count) / (count - 1);
    mean.push((1 - momentum) * mean[place] + momentum * meanOf(past, place, at, shift));
    variance.push((1 - momentum) * variance[place] + momentum * unbiased);
  });
  return { mean, variance };
}

/* All that the figure shows of one batch, with past = history(…), or null where
   training is refused or there is nothing to normalise. */
export function look(settings, past) {
  const { batch_size: count, mode, seen, shift, normalise } = settings;
  const x = inputs(seen - 1).slice(0, count * INPUTS).map((value) => value + shifted(seen - 1, shift));
  const running = { mean: Array(ALL).fill(0), variance: Array(ALL).fill(1) };
  if (past) {
    for (let at = 0; at < ALL; at++) {
      const { mean, variance } = follow(past, count, at, settings);
      [running.mean[at], running.variance[at]] = [mean[seen], variance[seen]];
    }
  }
  const [before, after] = [[], []];
  const refused = normalise && mode === "train" && count === 1;
  const batch = forward(x, count, settings, mode === "eval" ? running : null, (layer, one, other) => {
    if (!refused || !layer) before.push([...one.subarray(0, count * WIDTH)]);
    if (!refused) after.push([...other.subarray(0, count * WIDTH)]);
  });
  return { before, after, running, refused, mean: [...batch.mean], variance: [...batch.variance] };
}
export const run = (settings) =>
  look(settings, settings.normalise && settings.batch_size > 1 ? history(settings.batch_size, settings) : null);

const REFUSED = `Expected more than 1 value per channel when training, got input size torch.Size([1, ${WIDTH}])`;
export const refusal = () => REFUSED;

const SETTINGS = ["batch_size", "mode", "seen", "momentum", "shift", "gamma", "beta", "normalise"];
const plain = { batch_size: 32, mode: "train", momentum: 0.1, shift: 0, gamma: 1, beta: 0, normalise: true, layer: 1 };
const [ROW, HEAD] = [42, 22];

/* Numbers in sentences and rows. */
const short = (value) => number(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
const factor = (value) => (value < 0 ? `(${short(value)})` : short(value));
const minus = (value) => (value < 0 ? `+ ${short(-value)}` : `− ${short(value)}`);
const brief = (value) => (value && Math.abs(value) < 0.01 ? number(value, 1) : fixed(value, 2));

export default figure({
  name: "Batch normalisation, layer by layer",
  check(get) {
    const numbers = [...SETTINGS.filter((name) => name !== "mode" && name !== "normalise"), "layer", "unit"];
    if (!finite(numbers.map(get))) return "a setting is not a number";
  },
  build(stage) {
    stage.remember("layer", "unit", ...SETTINGS);
    stage.presets([
      { label: "Without it", set: { ...plain, normalise: false }, note: "Each layer shrinks the spread (σ, at the right of each row). In layer 6 the unit gives nearly the same number for every example: little is left to learn from." },
      { label: "A batch of two", set: { ...plain, batch_size: 2, seen: 20 }, note: "Of two numbers the larger becomes +1 and the smaller −1, however far apart they are. Press Step: the numbers before change, those after do not." },
      { label: "A batch of one", set: { ...plain, batch_size: 1 }, note: "One number has no spread to divide by: in training PyTorch refuses. Switch to eval: there the running statistics take the batch's place." },
      { label: "Read too early", set: { ...plain, mode: "eval", momentum: 0.03, seen: 5 }, note: "After five batches with momentum 0.03 the running statistics are still mostly their start, mean 0 and variance 1. Move the momentum, or let more batches go by." },
      { label: "The inputs move", set: { ...plain, mode: "eval", shift: 1.5, seen: CHANGE + 1 }, note: "From batch 31 on, 1.5 is added to every input. Training would not notice: switch to train and see. Eval is wrong in every layer, until the running statistics have followed: press Play." },
      { label: "Momentum 0.9", set: { ...plain, momentum: 0.9, batch_size: 8, seen: 45 }, note: "PyTorch's momentum weighs the new batch. At 0.9 the running statistics are little more than those of the last batch of 8, with all its noise." },
      { label: "γ and β", set: { ...plain, gamma: 2, beta: -1 }, note: "The dashed lines are at β and β ± γ: mean and spread are now what γ and β say, in every layer. These two are learned, so nothing is lost." },
    ], "Each dot is one example. Six layers see six different distributions; what do they see after batch norm? Now make the batch smaller.");

    const step = () => {
      stage.set({ seen: Math.min(BATCHES, stage.get("seen") + 1) });
      return stage.get("seen") < BATCHES;
    };
    stage.row(
      stage.slider("batch_size", "batch size N", { stops: [1, 2, 4, 8, 16, 32, 64, 128, 256] }),
      stage.choice("mode", "mode", ["train", "eval"]),
      stage.toggle("normalise", "batch norm"),
    );
    const rows = stage.pad("Six rows, one for each layer: the values of one unit over the batch, before and after normalisation", DEPTH * ROW + HEAD + 34);
    stage.root.append(make("div", {}, rows.canvas), stage.sentence);
    stage.row(
      stage.slider("seen", "batches seen", { from: 1, to: BATCHES }),
      stage.button("Step", step),
      stage.player("Play", step, 180),
    );
    const charts = ["mean", "variance"].map((name) => ({ name, pad: stage.pad(`The ${name} of the unit in each batch, and the running ${name}`, 190) }));
    stage.root.append(make("div", { class: "bh-sides" }, ...charts.map(({ pad }) => make("div", {}, pad.canvas))));
    stage.row(
      stage.slider("momentum", "momentum α", { from: 0.01, to: 1, log: true }),
      stage.slider("shift", "inputs move by", { from: -3, to: 3, step: 0.5, format: (value) => fixed(value, 1) }),
      stage.slider("gamma", "γ of all units", { from: 0, to: 3, step: 0.1, format: (value) => fixed(value, 1) }),
      stage.slider("beta", "β of all units", { from: -3, to: 3, step: 0.1, format: (value) => fixed(value, 1) }),
      stage.slider("layer", "layer", { from: 1, to: DEPTH }),
      stage.slider("unit", "unit", { from: 1, to: WIDTH }),
    );

    let past = null; // what training saw
    const known = new Map(); // and has seen by other settings
    function remember({ batch_size: count, gamma, beta, normalise }) {
      const key = [count, gamma, beta, normalise].join();
      if (known.size > 20 && !known.has(key)) known.clear();
      if (!known.has(key)) known.set(key, normalise && count > 1 ? history(count, { gamma, beta, normalise }) : null);
      return (past = known.get(key));
    }

    /* Dots of one unit's values, stacked where they are close, and what stands for
       mean ± σ below them. */
    function dots(context, values, X, bottom, colour, radius) {
      const high = new Map();
      context.fillStyle = colour;
      const most = ROW - 18;
      const places = values.map((value) => Math.round(X(clamp(value, -4.1, 4.1)) / (2 * radius)));
      for (const place of places) high.set(place, (high.get(place) ?? 0) + 1);
      const pitch = Math.min(2 * radius, most / Math.max(...high.values()));
      high.clear();
      context.beginPath();
      values.forEach((value, n) => {
        const stacked = high.get(places[n]) ?? 0;
        high.set(places[n], stacked + 1);
        const [x, y] = [X(clamp(value, -4.1, 4.1)), bottom - radius - stacked * pitch];
        context.moveTo(x + radius, y);
        context.arc(x, y, radius, 0, 7);
      });
      context.fill();
    }
    function whisker(context, mean, spread, X, y, colour, dash) {
      const [left, middle, right] = [mean - spread, mean, mean + spread].map((value) => X(clamp(value, -4.2, 4.2)));
      context.strokeStyle = context.fillStyle = colour;
      context.lineWidth = 2;
      context.setLineDash(dash);
      line(context, [[left, y], [right, y]]);
      context.setLineDash([]);
      context.beginPath();
      context.arc(middle, y, 2.7, 0, 7);
      if (dash.length) context.stroke();
      else context.fill();
    }

    function drawRows(settings, seenNow) {
      const context = stage.clear(rows);
      const { batch_size: count, normalise, gamma, beta, mode } = settings;
      const [layer, unit] = [stage.get("layer"), stage.get("unit") - 1];
      const gap = 14;
      const wide = (rows.width - gap) / 2;
      const radius = clamp(wide / 110, 1.3, 2.6);
      const ends = HEAD + DEPTH * ROW;
      [["before", "x, before", stage.colours.orange], ["after", normalise ? `y, after (${mode})` : "y: no batch norm", stage.colours.blue]].forEach(([name, title, colour], side) => {
        const start = side * (wide + gap);
        const X = (value) => start + 8 + ((value + 4.2) / 8.4) * (wide - 16);
        context.textAlign = "left";
        context.fillStyle = stage.colours.ink;
        context.fillText(title, start, 8);
        context.textAlign = "right";
        context.fillStyle = stage.colours.muted;
        context.fillText("mean, σ", start + wide - 4, 8);
        context.textAlign = "center";
        for (let tick = -4; tick <= 4; tick += 2) {
          context.fillText(number(tick, 1), X(tick), ends + 12);
        }
        context.lineWidth = 1;
        for (let row = 0; row < DEPTH; row++) {
          const top = HEAD + row * ROW;
          context.strokeStyle = stage.colours.line;
          context.setLineDash([]);
          line(context, [[start, top + ROW - 0.5], [start + wide, top + ROW - 0.5]]);
          if (side && normalise) {
            context.setLineDash([3, 3]);
            for (const value of [beta - gamma, beta, beta + gamma]) line(context, [[X(value), top], [X(value), top + ROW]]);
            context.setLineDash([]);
          }
          const values = seenNow[name][row]?.filter((_, n) => n % WIDTH === unit);
          const at = row * WIDTH + unit;
          if (values) {
            dots(context, values, X, top + ROW - 13, colour, radius);
            const mean = values.reduce((sum, value) => sum + value, 0) / count;
            const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count);
            whisker(context, mean, spread, X, top + ROW - 9, stage.colours.ink, []);
            if (!side && past) whisker(context, seenNow.running.mean[at], Math.sqrt(seenNow.running.variance[at]), X, top + ROW - 4, stage.colours.green, [3, 2]);
            context.textAlign = "right";
            context.fillStyle = stage.colours.ink;
            context.fillText(fixed(mean, 2), start + wide - 4, top + 10);
            context.fillText(brief(spread), start + wide - 4, top + 24);
          } else {
            context.textAlign = "center";
            context.fillStyle = stage.colours.muted;
            context.fillText("refused", start + wide / 2, top + ROW / 2);
          }
          context.textAlign = "left";
          context.fillStyle = stage.colours.muted;
          if (!side) context.fillText(wide > 250 ? `layer ${row + 1}` : row + 1, start + 4, top + 10);
        }
      });
      context.strokeStyle = stage.colours.ink;
      context.lineWidth = 1.5;
      context.strokeRect(0.75, HEAD + (layer - 1) * ROW + 0.5, rows.width - 1.5, ROW - 1);
      context.textAlign = "left";
      const key = past ? "● batch: mean ± σ   ○ running, dashed" : "● batch: mean ± σ";
      context.fillStyle = stage.colours.muted;
      context.fillText(`unit ${unit + 1}   ${key}`, 0, ends + 27);
    }

    function drawChart({ name, pad }, settings, at, followed) {
      const context = stage.clear(pad);
      const { batch_size: count, seen, shift } = settings;
      const box = { x: 42, y: 24, w: pad.width - 52, h: pad.tall() - 60 };
      const theirs = past
        ? past.map((batch, place) => (name === "mean" ? meanOf(past, place, at, shift) : (batch.variance[at] * count) / (count - 1)))
        : [];
      const start = name === "mean" ? 0 : 1;
      const [low, high] = [Math.min(0, ...theirs), Math.max(start, ...theirs)];
      const room = 0.06 * (high - low || 1);
      const ylabel = name === "mean" ? "mean of a batch, running mean" : "variance (unbiased), running variance";
      const { X, Y } = stage.axes(pad, box, { x: [0, BATCHES], y: [low - (low && room), high + room], xlabel: "batches seen", ylabel });
      if (shift && name === "mean") {
        context.strokeStyle = stage.colours.muted;
        context.setLineDash([2, 3]);
        line(context, [[X(CHANGE), box.y], [X(CHANGE), box.y + box.h]]);
        context.setLineDash([]);
      }
      if (!past) {
        context.fillStyle = stage.colours.ink;
        context.textAlign = "center";
        return context.fillText("nothing gathered", box.x + box.w / 2, box.y + box.h / 2);
      }
      context.fillStyle = stage.colours.ink;
      theirs.slice(0, seen).forEach((value, place) => {
        context.beginPath();
        context.arc(X(place + 1), Y(value), place + 1 === seen ? 4 : 2, 0, 7);
        context.fill();
      });
      context.strokeStyle = stage.colours.green;
      context.lineWidth = 2;
      context.setLineDash([6, 3]);
      const values = followed[name].slice(0, seen + 1);
      line(context, values.map((value, place) => [X(place), Y(value)]));
      context.setLineDash([]);
      context.beginPath();
      context.arc(X(values.length - 1), Y(values.at(-1)), 4, 0, 7);
      context.stroke();
    }

    stage.drag(rows, (_, y) => stage.set({ layer: clamp(Math.floor((y - HEAD) / ROW) + 1, 1, DEPTH) }));

    return () => {
      const settings = Object.fromEntries(SETTINGS.map((name) => [name, stage.get(name)]));
      const { batch_size: count, mode, seen, momentum, normalise, gamma, beta } = settings;
      const now = look(settings, remember(settings));
      const at = (stage.get("layer") - 1) * WIDTH + stage.get("unit") - 1;
      const followed = past && follow(past, count, at, settings);
      drawRows(settings, now);
      for (const chart of charts) drawChart(chart, settings, at, followed);
      const who = `Layer ${stage.get("layer")}, unit ${stage.get("unit")}`;
      if (now.refused) return stage.say(`PyTorch refuses: “${REFUSED}”. A single number has no spread. In eval it would go.`);
      const [mean, variance] = [now.mean[at], now.variance[at]];
      if (!normalise) return stage.say(`${who}, batch ${seen}: mean ${short(mean)} and σ = ${short(Math.sqrt(variance))} over the batch, and nothing is done about it.`);
      if (mode === "train") {
        const mix = (was, share, own, after) => `${short(1 - momentum)}·${factor(was)} + ${short(momentum)}·${share}${factor(own)} = ${short(after)}`;
        const [means, variances] = [followed.mean, followed.variance];
        return stage.say(
          `${who}, batch ${seen}: y = γ·(x ${minus(mean)}) / √(${short(variance)} + ε) + β. ` +
            `Running mean: ${mix(means[seen - 1], "", mean, means[seen])}. Running variance: ${mix(variances[seen - 1], `${count}/${count - 1}·`, variance, variances[seen])}.`,
        );
      }
      const scale = gamma / Math.sqrt(now.running.variance[at] + EPS);
      const [got, spread] = [(mean - now.running.mean[at]) * scale + beta, Math.sqrt(variance) * scale];
      stage.say(
        `${who}, batch ${seen}: y = γ·(x ${minus(now.running.mean[at])}) / √(${short(now.running.variance[at])} + ε) + β, by the running statistics. ` +
          `Over this batch y has mean ${short(got)} and σ = ${short(spread)}; training would make it ${short(beta)} and ${short(gamma)}.`,
      );
    };
  },
});
