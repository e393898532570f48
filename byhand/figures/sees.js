/* What a convnet sees: the network runs here, forward and back to the picture. */
import { clamp, figure, finite, fixed, make, number, random } from "./kit.js";
import { fromBase64, inkStroke, paintPixels, toBase64, unpackLayers } from "./pixels.js";

/* A convolution ready to run: its weights as numbers, rows (T, Q) and columns (Q, T),
   and for each output cell the Q places of the input that it sees; −1 is padding. */
function ready([S, T, k, s, p, relu], { weight, scale, bias }, [H, W]) {
  const [h, w, Q] = [Math.floor((H + 2 * p - k) / s) + 1, Math.floor((W + 2 * p - k) / s) + 1, S * k * k];
  const rows = Float64Array.from(weight, (value, i) => value * scale[Math.floor(i / Q)]);
  const columns = rows.map((_, i) => rows[(i % T) * Q + Math.floor(i / T)]);
  const sees = Int32Array.from({ length: h * w * Q }, (_, n) => {
    const [cell, q] = [Math.floor(n / Q), n % Q];
    const [y, x] = [Math.floor(cell / w) * s + (Math.floor(q / k) % k) - p, (cell % w) * s + (q % k) - p];
    return y >= 0 && x >= 0 && y < H && x < W ? (Math.floor(q / (k * k)) * H + y) * W + x : -1;
  });
  return { T, Q, relu, stride: s, rows, columns, sees, bias, inputs: S * H * W, size: [h, w] };
}

/* Many inputs are 0, behind a ReLU: they cost nothing, neither here nor on the way back. */
function forward({ T, Q, relu, columns, sees, bias, size }, x) {
  const cells = size[0] * size[1];
  const [out, sum] = [new Float64Array(T * cells), new Float64Array(T)];
  for (let o = 0; o < cells; o++) {
    sum.set(bias);
    for (let q = 0; q < Q; q++) {
      const place = sees[o * Q + q];
      const value = place < 0 ? 0 : x[place];
      if (value === 0) continue;
      for (let t = 0, at = q * T; t < T; t++, at++) sum[t] += value * columns[at];
    }
    for (let t = 0; t < T; t++) out[t * cells + o] = relu && sum[t] < 0 ? 0 : sum[t];
  }
  return out;
}

/* ∂ℓ/∂x from ∂ℓ/∂out; where a ReLU has cut off, nothing comes back. */
function backward({ T, Q, relu, rows, sees, inputs, size }, out, dout) {
  const cells = size[0] * size[1];
  const [dx, d] = [new Float64Array(inputs), new Float64Array(Q)];
  for (let o = 0; o < cells; o++) {
    d.fill(0);
    for (let t = 0; t < T; t++) {
      const share = relu && out[t * cells + o] <= 0 ? 0 : dout[t * cells + o];
      if (share === 0) continue;
      for (let q = 0, at = t * Q; q < Q; q++, at++) d[q] += share * rows[at];
    }
    for (let q = 0; q < Q; q++) {
      const place = sees[o * Q + q];
      if (place >= 0) dx[place] += d[q];
    }
  }
  return dx;
}

/* The network of a state: run(x) gives maps and logits and keeps the way back. */
export function convnet({ plan, weights, numbers }) {
  const every = plan.flatMap(({ f, shortcut }) => [...f, ...shortcut]);
  const channels = plan.at(-1).f.at(-1)[1];
  const layers = unpackLayers(weights, numbers, [...every.map(([S, T, k]) => [T, S * k * k]), [10, channels]]);
  const head = layers.at(-1);
  let next = 0;
  let size = [28, 28];
  const stages = plan.map(({ name, residual, f, shortcut }) => {
    const own = (list) => list.reduce((made, settings) => [...made, ready(settings, layers[next++], made.at(-1)?.size ?? size)], []);
    const made = { name, residual, f: own(f), shortcut: own(shortcut) };
    size = made.f.at(-1).size;
    return { ...made, size };
  });
  const through = (list, x) => list.reduce((steps, each) => [...steps, forward(each, steps.at(-1))], [x]);
  const back = (list, steps, d) => list.reduceRight((d, each, i) => backward(each, steps[i + 1], d), d);

  function run(picture) {
    let out = Float64Array.from(picture);
    const kept = stages.map(({ residual, f, shortcut }) => {
      const main = through(f, out);
      const aside = residual ? through(shortcut, out) : null;
      out = residual ? main.at(-1).map((value, i) => Math.max(0, value + aside.at(-1)[i])) : main.at(-1);
      return { main, aside, out };
    });
    const cells = size[0] * size[1];
    const means = Array.from({ length: channels }, (_, c) => out.subarray(c * cells, (c + 1) * cells).reduce((a, b) => a + b) / cells);
    const logits = Array.from({ length: 10 }, (_, k) => means.reduce((sum, mean, c) => sum + head.weight[k * channels + c] * mean, 0) * head.scale[k] + head.bias[k]);
    const top = Math.max(...logits);
    const powers = logits.map((z) => Math.exp(z - top));
    const total = powers.reduce((a, b) => a + b);
    return { kept, logits, p: powers.map((power) => power / total), logTotal: top + Math.log(total) };
  }
  const loss = ({ logits, logTotal }, target) => logTotal - logits[target];

  /* ∂(−log p_target)/∂picture. */
  function gradient({ kept, p }, target) {
    const [h, w] = size;
    let d = new Float64Array(channels * h * w);
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let k = 0; k < 10; k++) sum += (p[k] - (k === target)) * head.scale[k] * head.weight[k * channels + c];
      d.fill(sum / (h * w), c * h * w, (c + 1) * h * w);
    }
    for (let i = stages.length - 1; i >= 0; i--) {
      const { main, aside, out } = kept[i];
      if (stages[i].residual) d = d.map((value, j) => (out[j] > 0 ? value : 0));
      const branch = back(stages[i].f, main, d);
      if (!stages[i].residual) d = branch;
      else {
        const short = back(stages[i].shortcut, aside, d);
        d = branch.map((value, j) => value + short[j]);
      }
    }
    return d;
  }
  return { run, loss, gradient, stages };
}

/* (C, H, W) flat, moved by whole cells; what comes in from outside is 0. */
export function moved(values, [H, W], dy, dx) {
  const out = new Float64Array(values.length);
  for (let c = 0; c < values.length / (H * W); c++) {
    for (let y = Math.max(0, dy); y < Math.min(H, H + dy); y++) {
      for (let x = Math.max(0, dx); x < Math.min(W, W + dx); x++) out[(c * H + y) * W + x] = values[(c * H + y - dy) * W + x - dx];
    }
  }
  return out;
}

/* x + ε sign(direction), kept within [0, 1]. */
export const fgsm = (x, direction, epsilon) => x.map((value, i) => clamp(value + epsilon * Math.sign(direction[i]), 0, 1));

/* By how much maps differ from those of the picture in its place, moved along with it:
   the difference, and its length as a share of theirs, where both are. A cell is `step`
   pixels; a shift of part of a cell is rounded. */
export function unlike(now, before, [H, W], step, dy, dx) {
  const [cy, cx] = [Math.round(dy / step), Math.round(dx / step)];
  const wanted = moved(before, [H, W], cy, cx);
  const change = new Float64Array(now.length);
  let [own, all] = [0, 0];
  for (let i = 0; i < now.length; i++) {
    const [y, x] = [Math.floor(i / W) % H, i % W];
    if (y - cy < 0 || y - cy >= H || x - cx < 0 || x - cx >= W) continue;
    change[i] = now[i] - wanted[i];
    own += change[i] ** 2;
    all += wanted[i] ** 2;
  }
  return { change, share: all ? Math.sqrt(own / all) : 0 };
}

/* For tests: plain data in and out. */
export function answers(state, picture, target) {
  const net = convnet(state);
  const found = net.run(picture);
  return {
    maps: found.kept.map(({ out }) => [...out]), logits: found.logits, p: found.p,
    loss: net.loss(found, target), gradient: [...net.gradient(found, target)],
  };
}

const plain = { dx: 0, dy: 0, epsilon: 0, direction: "gradient", view: "maps" };
const percent = (share) => (share > 0 && share < 0.001 ? "<0.1 %" : `${fixed(100 * share, share > 0 && share < 0.0995 ? 1 : 0)} %`);
const named = (digit) => `a${digit === 8 ? "n" : ""} ${digit}`;

export default figure({
  name: "What a convnet sees",
  check(get) {
    if (!finite(["picked", "dx", "dy", "epsilon"].map(get))) return "a setting is not a number";
    const plan = get("plan");
    if (!plan.length || plan.length !== get("shown").length) return "the network has no stages";
    const every = plan.flatMap(({ f, shortcut }) => [...f, ...shortcut]);
    const count = every.reduce((sum, [S, T, k]) => sum + S * T * k * k, 10 * every.at(-1)[1]);
    if (!finite(every) || atob(get("weights")).length !== count) return "the network is not whole";
    if (atob(get("pictures")).length !== 30 * 784) return "the pictures are not whole";
  },
  build(stage) {
    const net = convnet({ plan: stage.get("plan"), weights: stage.get("weights"), numbers: stage.get("numbers") });
    const shown = stage.get("shown");
    const pictures = fromBase64(stage.get("pictures"));
    const uniform = random(1);
    const noise = Float64Array.from({ length: 784 }, () => uniform() - 0.5);
    const steps = []; // pixels to a cell, of each stage
    net.stages.reduce((step, { f }) => (steps.push(f.reduce((s, { stride }) => s * stride, step)), steps.at(-1)), 1);

    stage.remember("picked", "drawing", ...Object.keys(plain));
    const least = steps[0];
    stage.presets([
      { label: `Shift by ${least}`, set: { ...plain, dx: least, view: "change" }, note: `A cell of the first maps is ${least} pixels wide, so they move by exactly one cell: nothing else changes there. Deeper cells are wider, and zeros come in at the border: what differs is coloured.` },
      { label: "Shift by 1", set: { ...plain, dx: 1, view: "change" }, note: "Half a cell is no cell: the stride skips other pixels now, and already the first maps change. Equivariance holds for whole strides only. Did the verdict stay?" },
      { label: "Far to the right", set: { ...plain, dx: 8 }, note: "Eight pixels, a whole cell even of deep maps; but some of the digit may leave the picture. The maps move along, and the mean over all places forgets where they went." },
      { label: "Fool it", set: { ...plain, epsilon: 0.1 }, note: "No pixel changes by more than 0.1, each in the direction that raises the loss. You read the same digit. Move ε back to 0 and find where the verdict turns." },
      { label: "Same size, at random", set: { ...plain, epsilon: 0.1, direction: "random" }, note: "As many pixels change by as much as before, but up or down at random. Compare the bars, and what becomes of the difference from layer to layer (show: what changes)." },
      { label: "Draw your own", set: { ...plain, picked: -1, drawing: "" }, note: "Draw a digit into the first picture, as large as the dashed box. Without a pen, pick a test digit by the slider “digit”. Then shift it, or fool the network on your own hand." },
    ], "Shift the digit and watch the maps move with it. Then raise ε: how little does it take to change the verdict?");

    const four = (width) => width >= 520;
    const cell = (width) => Math.floor(four(width) ? (width - 36) / 4 : (width - 12) / 2);
    const top = stage.pad("The digit, to draw on; the direction of the step; what the network reads; and the probability of each class as a bar", (width) => (four(width) ? cell(width) + 22 : 2 * cell(width) + 50));
    const many = (width) => (width < 520 ? 8 : 12);
    const tile = (width) => Math.floor((width + 3) / many(width)) - 3;
    const maps = stage.pad("Feature maps, stage by stage, the same channels in the same places", (width) => net.stages.length * (tile(width) + 26));
    stage.root.append(stage.sentence, ...[top, maps].map(({ canvas }) => make("div", { style: "margin-top: 0.4rem" }, canvas)));
    stage.row(
      stage.slider("picked", "digit", { from: -1, to: 29, format: (i) => (i < 0 ? "your own" : named(i % 10)) }),
      stage.slider("dx", "shift right", { from: -8, to: 8, format: (d) => fixed(d, 0) }),
      stage.slider("dy", "shift down", { from: -8, to: 8, format: (d) => fixed(d, 0) }),
      stage.slider("epsilon", "ε", { from: 0, to: 0.3, step: 0.005, format: (e) => fixed(e, 3) }),
      stage.choice("direction", "step along", [["gradient", "the gradient's signs"], ["random", "random signs"]]),
      stage.choice("view", "show", [["maps", "feature maps"], ["change", "what changes besides moving"]]),
      stage.button("Empty the pad", () => stage.set({ picked: -1, drawing: "" })),
    );

    // What is computed, each as long as nothing that it depends on has changed

    const memo = {};
    const kept = (name, key, compute) => (memo[name]?.key === key ? memo[name] : (memo[name] = { key, ...compute() }));
    function everything() {
      const [picked, drawing, dx, dy, epsilon, direction] = ["picked", "drawing", "dx", "dy", "epsilon", "direction"].map((name) => stage.get(name));
      const which = picked < 0 ? drawing : String(picked);
      const home = kept("home", which, () => {
        const bytes = picked >= 0 ? pictures.subarray(784 * picked, 784 * (picked + 1)) : drawing ? fromBase64(drawing) : new Uint8Array(784);
        const x = Float64Array.from(bytes, (byte) => byte / 255);
        return { x, empty: !bytes.some(Boolean), found: net.run(x) };
      });
      const place = [which, dx, dy].join();
      const clean = kept("clean", place, () => {
        const x = moved(home.x, [28, 28], dy, dx);
        const found = dx || dy ? net.run(x) : home.found;
        const target = picked >= 0 ? picked % 10 : found.logits.indexOf(Math.max(...found.logits));
        return { x, found, target, gradient: net.gradient(found, target) };
      });
      const signs = direction === "random" ? noise : clean.gradient;
      const final = kept("final", [place, epsilon, direction].join(), () => {
        const x = fgsm(clean.x, signs, epsilon);
        return { x, found: epsilon ? net.run(x) : clean.found };
      });
      return { picked, dx, dy, epsilon, home, clean, signs, final };
    }

    // Drawing

    const frames = () => {
      const size = cell(top.width);
      return four(top.width) ? [0, 1, 2, 3].map((i) => [i * (size + 12), 18, size]) : [0, 1, 2, 3].map((i) => [(i % 2) * (size + 12), 18 + Math.floor(i / 2) * (size + 28), size]);
    };
    const channels = (name) => stage.colours[name].match(/[\da-f]{2}/gi).map((pair) => parseInt(pair, 16));

    function drawTop({ picked, home, clean, signs, epsilon, final }) {
      const context = stage.clear(top);
      const boxes = frames();
      const title = (text, [x, y]) => {
        context.fillStyle = stage.colours.ink;
        context.textAlign = "left";
        context.fillText(text, x, y - 9);
      };
      title(picked < 0 ? "in: draw here" : `in: ${named(picked % 10)}`, boxes[0]);
      title(stage.get("direction") === "random" ? "random signs" : "signs of the gradient", boxes[1]);
      title(`in + ${fixed(epsilon, 3)} · signs`, boxes[2]);
      title("verdict (line: ε = 0)", boxes[3]);
      const square = ([x, y, size]) => [x, y, size, size];
      paintPixels(context, clean.x, 28, square(boxes[0]));
      if (picked < 0) {
        const [x, y, size] = boxes[0];
        context.strokeStyle = "#9aa5a9";
        context.setLineDash([4, 4]);
        context.strokeRect(x + size / 7, y + size / 7, (size * 5) / 7, (size * 5) / 7);
        context.setLineDash([]);
      }
      const [plus, minus] = [[255, 255, 255], [0, 0, 0]];
      paintPixels(context, home.empty && stage.get("direction") !== "random" ? new Float64Array(784) : signs, 28, square(boxes[1]), (value) => (value > 0 ? plus : value < 0 ? minus : [128, 128, 128]));
      context.strokeStyle = stage.colours.muted;
      context.strokeRect(boxes[1][0] + 0.5, boxes[1][1] + 0.5, boxes[1][2] - 1, boxes[1][2] - 1);
      paintPixels(context, final.x, 28, square(boxes[2]));
      top.canvas.style.touchAction = picked < 0 ? "none" : "pan-y"; // a pad to draw on
      if (home.empty) return;
      const [X, Y, size] = boxes[3];
      const row = size / 10;
      const long = size - 68;
      final.found.p.forEach((share, k) => {
        const y = Y + k * row;
        context.fillStyle = stage.colours.ink;
        context.textAlign = "left";
        context.fillText(k === clean.target && picked >= 0 ? `${k}✓` : k, X, y + row / 2);
        context.fillStyle = stage.colours.line;
        context.fillRect(X + 22, y + 2, long, row - 4);
        context.fillStyle = picked < 0 || k === clean.target ? stage.colours.green : stage.colours.orange;
        context.fillRect(X + 22, y + 2, long * share, row - 4);
        context.fillStyle = stage.colours.ink;
        context.fillRect(X + 21 + long * clean.found.p[k], y + 1, 2, row - 2);
        context.textAlign = "right";
        context.fillText(percent(share), X + size, y + row / 2);
      });
    }

    function drawMaps({ dx, dy, epsilon, home, final }) {
      const context = stage.clear(maps);
      const [count, size] = [many(maps.width), tile(maps.width)];
      const change = stage.get("view") === "change";
      const mark = channels("orange");
      context.strokeStyle = stage.colours.line;
      const dark = stage.root.dataset.theme === "dark" ? 20 : 255;
      return net.stages.map(({ name, size: [H, W] }, i) => {
        const { out: before } = home.found.kept[i];
        const now = final.found.kept[i].out;
        const found = unlike(now, before, [H, W], steps[i], dy, dx);
        const y = i * (size + 26);
        context.fillStyle = stage.colours.ink;
        context.textAlign = "left";
        const told = dx || dy || epsilon ? `, changed by ${percent(found.share)}` : `, a cell is ${steps[i]} pixels wide`;
        context.fillText(`${name}, ${now.length / (H * W)} maps of ${W}×${H}${told}`, 0, y + 10);
        shown[i].slice(0, count).forEach((channel, place) => {
          const cells = [channel * H * W, (channel + 1) * H * W];
          const most = before.subarray(...cells).reduce((a, b) => Math.max(a, b), 1e-9);
          const box = [place * (size + 3), y + 20, size, size];
          if (change) {
            paintPixels(context, found.change.subarray(...cells), W, box, (value) => {
              const share = Math.min(1, Math.abs(value) / most);
              return mark.map((part) => dark + share * (part - dark));
            });
          } else paintPixels(context, now.subarray(...cells), W, box, (value) => Array(3).fill(255 * Math.min(1, value / most)));
          context.strokeRect(box[0] + 0.5, box[1] + 0.5, size - 1, size - 1);
        });
        return found.share;
      });
    }

    let last = null;
    stage.drag(top, (x, y, first) => {
      const [[left, upper, size]] = frames();
      const place = [((x - left) / size) * 28 - stage.get("dx"), ((y - upper) / size) * 28 - stage.get("dy")];
      const inside = x >= left && x <= left + size && y >= upper && y <= upper + size;
      if (first || !inside) last = inside ? place : null;
      if (first || !inside) return;
      const drawn = stage.get("picked") < 0 && stage.get("drawing");
      const ink = drawn ? fromBase64(drawn) : new Uint8Array(784);
      inkStroke(ink, last ?? place, place);
      last = place;
      stage.set({ picked: -1, drawing: toBase64(ink) });
    });

    return () => {
      const all = everything();
      const { picked, dx, dy, epsilon, home, clean, final } = all;
      drawTop(all);
      const shares = drawMaps(all);
      if (home.empty) return stage.say("The picture is empty: draw a digit, or pick one by the slider “digit”.");
      const best = final.found.p.indexOf(Math.max(...final.found.p));
      const right = picked < 0 ? "" : best === clean.target ? ", which is right" : `, but it is ${named(clean.target)}`;
      const loss = `Loss ${number(net.loss(final.found, clean.target))}${epsilon ? `, ${number(net.loss(clean.found, clean.target))} at ε = 0` : ""}`;
      const path = dx || dy || epsilon ? ` ${dx || dy ? "Besides moving, the" : "The"} maps change by ${shares.map(percent).join(", ")} of their length, stage by stage.` : "";
      stage.say(`The network reads ${named(best)} (${percent(final.found.p[best])})${right}. ${loss}.${path}`);
    };
  },
});
