/* Backpropagation, one step at a time: values go up a graph, gradients come down.

   A node is {name, op, value} or {name, op, parents}; `at` and `via` say where it and
   the edges to it are drawn (see backprop.py). */
import { clamp, figure, finite, line, make, number } from "./kit.js";

/* Operations: value, partial derivatives (y: the value), and both as people write them,
   for operands called a and b and a result called y. */
const sigmoid = (a) => 1 / (1 + Math.exp(-a));
const unary = {
  relu: { f: (a) => Math.max(a, 0), d: (a) => [a > 0 ? 1 : 0], write: (a) => `relu(${a})`, why: (a) => [(v) => (v > 0 ? `1, since ${a} > 0` : `0, since ${a} ≤ 0`)] },
  tanh: { f: Math.tanh, d: (a, _, y) => [1 - y * y], write: (a) => `tanh(${a})`, why: (a, _, y) => [`1 − ${y}²`] },
  σ: { f: sigmoid, d: (a, _, y) => [y * (1 - y)], write: (a) => `σ(${a})`, why: (a, _, y) => [`${y}(1 − ${y})`] },
  exp: { f: Math.exp, d: (a, _, y) => [y], write: (a) => `exp(${a})`, why: (a) => [`exp(${a})`] },
  log: { f: Math.log, d: (a) => [1 / a], write: (a) => `log(${a})`, why: (a) => [`1/${a}`] },
  square: { f: (a) => a * a, d: (a) => [2 * a], write: (a) => `${a}²`, why: (a) => [`2·${a}`] },
  "1/": { f: (a) => 1 / a, d: (a, _, y) => [-y * y], write: (a) => `1/${a}`, why: (a) => [`−1/${a}²`] },
  "−": { f: (a) => -a, d: () => [-1], write: (a) => `−${a}`, why: () => ["−1"] },
};
const larger = (a, b) => (a > b ? 1 : a < b ? 0 : 0.5);
const binary = {
  "+": { f: (a, b) => a + b, d: () => [1, 1], write: (a, b) => `${a} + ${b}`, why: () => ["1", "1"] },
  "−": { f: (a, b) => a - b, d: () => [1, -1], write: (a, b) => `${a} − ${b}`, why: () => ["1", "−1"] },
  "·": { f: (a, b) => a * b, d: (a, b) => [b, a], write: (a, b) => `${a}·${b}`, why: (a, b) => [b, a] },
  "/": { f: (a, b) => a / b, d: (a, b, y) => [1 / b, -y / b], write: (a, b) => `${a}/${b}`, why: (a, b) => [`1/${b}`, `−${a}/${b}²`] },
  max: { f: Math.max, d: (a, b) => [larger(a, b), larger(b, a)], write: (a, b) => `max(${a}, ${b})`, why: () => ["1 for the larger, 0 for the other", "1 for the larger, 0 for the other"] },
};
const rule = ({ op, parents = [] }) => [undefined, unary, binary][parents.length]?.[op];

/* Values of all nodes; the edges in the order in which gradients go down them, each
   with its local derivative and the share that it brings; and all gradients. */
export function passes(nodes) {
  const values = [];
  for (const node of nodes) {
    values.push(node.parents ? rule(node).f(...node.parents.map((p) => values[p])) : node.value);
  }
  const gradients = nodes.map((_, i) => (i === nodes.length - 1 ? 1 : 0));
  const edges = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const { parents = [] } = nodes[i];
    if (!parents.length) continue;
    const [a, b] = parents.map((p) => values[p]);
    const partials = rule(nodes[i]).d(a, b, values[i]);
    parents.forEach((p, side) => {
      if (nodes[p].op === "constant") return;
      const share = gradients[i] * partials[side];
      gradients[p] += share;
      edges.push({ from: p, to: i, side, partial: partials[side], above: gradients[i], share });
    });
  }
  return { values, edges, gradients };
}

/* What has been reached after so many steps: which values and edges, which shares of
   each gradient, how many there will be, and what the last step was. */
export function reached(nodes, edges, step) {
  const made = nodes.flatMap(({ parents }, i) => (parents ? [i] : []));
  const total = made.length + 1 + edges.length;
  const now = clamp(step, 0, total);
  const down = edges.slice(0, Math.max(0, now - made.length - 1));
  const shares = nodes.map((_, i) => down.filter(({ from }) => from === i).map(({ share }) => share));
  const due = nodes.map((_, i) => edges.filter(({ from }) => from === i).length);
  const known = nodes.map(({ parents }, i) => !parents || made.indexOf(i) < now);
  const backward = now > made.length;
  if (backward) [shares[nodes.length - 1], due[nodes.length - 1]] = [[1], 1];
  return { made, total, now, known, down, shares, due, backward };
}

/* 2, 0.5, −1.08: without zeros at the end. */
function brief(value) {
  const text = Number.isNaN(value) ? "NaN" : number(value);
  return /^−?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, "") : text;
}
const bracketed = (value) => (value < 0 ? `(${brief(value)})` : brief(value));
const sum = (list) => list.reduce((total, each) => total + each, 0);

/* The two passes in words: what the last step was. */
function words(nodes, { values, edges }, at) {
  const name = (i) => nodes[i].name;
  const last = nodes.length - 1;
  if (at.now === 0) return `Only ${nodes.flatMap((n) => (n.op === "input" ? [n.name] : [])).join(", ")} are known, the inputs. Step forward: each operation takes the values below it.`;
  if (!at.backward) {
    const i = at.made[at.now - 1];
    const { parents } = nodes[i];
    const { write } = rule(nodes[i]);
    return `Forward: ${name(i)} = ${write(...parents.map(name))} = ${write(...parents.map((p) => bracketed(values[p]))).replace(/\(\((.*)\)\)/, "($1)")} = ${brief(values[i])}.`;
  }
  if (!at.down.length) return `Backward begins at the top: ∂${name(last)}/∂${name(last)} = 1.`;
  const { from, to, side, partial, above, share } = at.down.at(-1);
  const { parents } = nodes[to];
  const { write, why } = rule(nodes[to]);
  const called = parents.map(name);
  if (called[0] === called[1]) [called[0], called[1]] = [`first ${name(from)}`, `second ${name(from)}`];
  let reason = why(called[0], called[1], name(to))[side];
  if (typeof reason === "function") reason = reason(values[parents[0]]);
  const local = reason === brief(partial) || /since/.test(reason) ? reason : `${reason} = ${brief(partial)}`;
  const times = `∂(${write(...called)})/∂${called[side]} = ${local}; times ${brief(above)} from above: ${brief(share)}.`;
  const shares = at.shares[from];
  let so = "";
  if (at.due[from] > 1 && shares.length < at.due[from]) so = ` This is share ${shares.length} of ${at.due[from]} of ∂${name(last)}/∂${name(from)}.`;
  else if (at.due[from] > 1) so = ` The shares add up: ∂${name(last)}/∂${name(from)} = ${shares.map((each, i) => (i ? bracketed(each) : brief(each))).join(" + ")} = ${brief(sum(shares))}.`;
  const end = at.now === at.total ? " Done: one pass down, all gradients." : "";
  return `Backward, ${name(to)} → ${name(from)}: ${times}${so}${end}`;
}

const STYLE = `
.bh-tape { align-content: start; align-items: center; display: grid; font-variant-numeric: tabular-nums; gap: 0.25rem 0.6rem; grid-template-columns: auto 1fr auto auto; }
.bh-tape > .head { color: var(--muted); font-size: 0.85rem; }
.bh-tape > output { text-align: right; min-width: 3.4em; }
.bh-tape > output + output { color: var(--orange); }
.bh-tape > b { font-weight: 650; }
.bh-tape > span { align-items: center; display: flex; gap: 0.3rem; min-width: 0; white-space: nowrap; }
.bh-figure .bh-tape select { min-height: 1.8rem; padding: 0 0.2rem; }`;

const [PITCH, HALF, MARGIN] = [84, 20, 6];

export default figure({
  name: "Backpropagation, one step at a time",
  check(get) {
    const nodes = get("nodes");
    if (!Array.isArray(nodes) || nodes.length < 2) return "there is no graph";
    for (const [i, node] of nodes.entries()) {
      if (!finite(node.at)) return `${node.name} has no place`;
      if (!node.parents ? !finite(node.value) : !rule(node)) return `${node.name} cannot be computed`;
      if (node.parents?.some((p) => !(p in nodes) || p >= i)) return `${node.name} comes before what it needs`;
    }
    if (!nodes.at(-1).parents) return "the last node is no operation";
    if (!finite([get("step")])) return "the step is not a number";
  },
  build(stage) {
    let now = {};
    const look = () => {
      const nodes = stage.get("nodes");
      const run = passes(nodes);
      now = { nodes, run, at: reached(nodes, run.edges, stage.get("step")) };
    };
    look();
    const total = () => now.at.total;

    stage.remember("nodes", "step");
    stage.presets(
      stage.get("cases").map(({ label, nodes, step, note }) => ({ label, set: { nodes, step }, note })),
      "Press “Step” and read what each step does. Then change a value or an operation: what changes below it, what above?",
    );
    const step = (by) => stage.set({ step: clamp(now.at.now + by, 0, total()) });
    const play = () => {
      stage.set({ step: now.at.now >= total() ? 0 : now.at.now + 1 });
      look();
      return now.at.now < total();
    };
    const halt = (by) => () => (stage.stop(), step(by));
    stage.row(
      stage.slider("step", "step", { from: 0, to: total, format: () => `${now.at.now} of ${total()}` }),
      make("div", { class: "bh-row", style: "margin: 0" }, stage.button("Back", halt(-1)), stage.button("Step", halt(1)), stage.player("Play", play, 1100)),
    );
    const rows = () => 1 + Math.max(...now.nodes.map(({ at }) => at[1]));
    const pad = stage.pad("The graph: inputs below, the result on top; the sentence above says what the last step did", () => (rows() - 1) * PITCH + 2 * (HALF + MARGIN) + 14);
    const tape = make("div", { class: "bh-tape" });
    const sides = make("div", { class: "bh-sides", style: "--columns: 5fr 4fr" });
    sides.append(make("div", {}, pad.canvas), tape);
    stage.sentence.style.minHeight = "4.2em";
    stage.root.append(make("style", {}, STYLE), stage.sentence, sides);

    // The list of all nodes, with what can be changed

    let lines = [];
    let built = "";
    const change = (i, what) =>
      stage.set({ nodes: stage.get("nodes").map((node, j) => (j === i ? { ...node, ...what } : node)) });
    function list() {
      const shape = JSON.stringify(now.nodes.map(({ name, parents }) => [name, parents]));
      if (shape === built) return;
      built = shape;
      tape.replaceChildren(...["", "", "value", "grad"].map((text) => make("span", { class: "head" }, text)));
      lines = now.nodes.map((node, i) => {
        const quiet = { "data-lm-suppress-shortcuts": "true" };
        const [value, gradient] = [make("output"), make("output")];
        let control = null;
        let cell = make("span", {}, "constant");
        if (node.parents) {
          const names = node.parents.map((p) => now.nodes[p].name);
          const options = Object.keys(names.length === 1 ? unary : binary);
          control = make("select", { ...quiet, "aria-label": `operation of ${node.name}`, change: () => change(i, { op: options[control.selectedIndex] }) }, ...options.map((op) => make("option", { value: op }, op)));
          cell = names.length === 1 ? make("span", {}, control, names[0]) : make("span", {}, names[0], control, names[1]);
        } else if (node.op === "input") {
          const end = Math.max(4, Math.ceil(Math.abs(node.value)));
          control = make("input", { ...quiet, type: "range", min: -end, max: end, step: 0.1, "aria-label": `value of ${node.name}`, input: () => change(i, { value: Number(control.value) }) });
          cell = make("span", {}, control);
        }
        const label = make("b", {}, node.op === "constant" ? node.name : `${node.name} =`);
        tape.append(label, cell, value, gradient);
        return { control, value, gradient };
      });
    }

    // Where things are

    function frame() {
      const places = now.nodes.flatMap(({ at, via = [] }) => [[at[0] - 0.5, at[0] + 0.5], ...via.flat().map((x) => [x - 0.06, x + 0.06])]);
      const [low, high] = [Math.min(...places.map(([x]) => x)), Math.max(...places.map(([, x]) => x))];
      const scale = Math.min(128, (pad.width - 2 * MARGIN) / (high - low));
      const middle = pad.width / 2 - (scale * (low + high)) / 2;
      const height = pad.tall();
      return { scale, wide: Math.min(124, scale), X: (x) => middle + scale * x, Y: (row) => height - HALF - MARGIN - 14 - row * PITCH };
    }

    /* The points of an edge, from the top of one box to the bottom of another. */
    function route({ X, Y, wide }, from, to, side) {
      const [a, b] = [now.nodes[from], now.nodes[to]];
      const via = b.via[side].map((x, k) => [X(x), Y(a.at[1] + 1 + k)]);
      const twin = b.parents.length > 1 && b.parents[0] === b.parents[1] ? (side ? 1 : -1) * wide * 0.25 : 0;
      const foot = [...via, [X(b.at[0]), 0]][0][0] - X(a.at[0]);
      const head = [[X(a.at[0]), 0], ...via].at(-1)[0] - X(b.at[0]);
      const lean = (x) => clamp(x * 0.3, -wide * 0.3, wide * 0.3) + twin;
      return [[X(a.at[0]) + lean(foot), Y(a.at[1]) - HALF], ...via, [X(b.at[0]) + lean(head), Y(b.at[1]) + HALF + (now.at.due[to] > 1 ? 14 : 0)]];
    }
    function draw(context, points) {
      context.beginPath();
      context.moveTo(...points[0]);
      for (let i = 1; i < points.length; i++) {
        const [[x, y], [u, v]] = [points[i - 1], points[i]];
        context.bezierCurveTo(x, (y + v) / 2, u, (y + v) / 2, u, v);
      }
      context.stroke();
    }
    function arrow(context, [x, y], up) {
      context.setLineDash([]);
      line(context, [[x - 4, y + 6 * up], [x, y], [x + 4, y + 6 * up]]);
    }

    function drawGraph() {
      const { ink, muted, line: pale, ground, blue, orange } = stage.colours;
      const { nodes, at, run } = now;
      const context = stage.clear(pad);
      const { font } = context;
      const small = font.replace("12px", "11px");
      const place = frame();
      const { X, Y, wide } = place;
      const labels = [];
      const fresh = at.backward ? at.down.at(-1) : undefined;
      const rising = !at.backward && at.now ? at.made[at.now - 1] : -1;
      nodes.forEach(({ parents = [] }, to) => parents.forEach((from, side) => {
        const points = route(place, from, to, side);
        const edge = at.down.find((each) => each.to === to && each.side === side);
        const current = edge === fresh && edge !== undefined;
        context.lineWidth = current || to === rising ? 3 : edge ? 1.8 : 1.2;
        context.strokeStyle = edge ? orange : to === rising ? blue : at.known[to] ? ink : muted;
        context.setLineDash(edge && edge.share === 0 ? [2, 4] : at.known[to] ? [] : [5, 4]);
        draw(context, points);
        if (edge) arrow(context, points[0], -1);
        else arrow(context, points.at(-1), 1);
        if (edge) labels.push({ points: points.slice(-2), text: `×${brief(edge.partial)}`, current });
      }));
      context.textAlign = "center";
      for (const { points: [[x, y], [u, v]], text, current } of labels) {
        context.font = current ? `bold ${font}` : small;
        const half = context.measureText(text).width / 2 + 3;
        const aside = (x < u - 4 ? -1 : 1) * (half + (Math.abs(x - u) > 4 ? 8 : 1)); // on the outer side of its edge
        const [cx, cy] = [clamp((x + u) / 2 + aside, half, pad.width - half), (y + v) / 2];
        context.fillStyle = ground;
        context.fillRect(cx - half, cy - 8, 2 * half, 16);
        context.fillStyle = ink;
        context.fillText(text, cx, cy + 0.5);
      }
      nodes.forEach((node, i) => {
        const [x, y] = [X(node.at[0]), Y(node.at[1])];
        const many = at.due[i] > 1;
        const height = 2 * HALF + (many ? 14 : 0);
        const [left, top, middle] = [x - wide / 2, y - HALF, x + wide * (node.op === "constant" ? 0.5 : 0.05)];
        const [one, another] = [(left + middle) / 2, (middle + left + wide) / 2]; // of both parts
        const partly = at.shares[i].length > 0;
        const current = i === rising || (fresh && (i === fresh.from || i === fresh.to)) || (at.backward && !fresh && i === nodes.length - 1);
        context.beginPath();
        context.roundRect(left, top, wide, height, node.parents ? 4 : 14);
        context.fillStyle = ground;
        context.fill();
        context.save();
        context.clip();
        context.globalAlpha = 0.14;
        context.fillStyle = blue;
        if (at.known[i]) context.fillRect(left, top, middle - left, height);
        context.fillStyle = orange;
        if (partly) context.fillRect(middle, top, wide, height);
        context.restore();
        context.setLineDash(at.known[i] ? [] : [5, 4]);
        context.lineWidth = current ? 3 : 1.2;
        context.strokeStyle = current ? ink : at.known[i] ? ink : muted;
        context.stroke();
        context.setLineDash([]);
        context.font = small;
        const title = node.parents ? `${node.name} = ${rule(node).write(...node.parents.map((p) => nodes[p].name))}` : node.op === "input" ? node.name : "constant";
        context.fillStyle = ink;
        context.fillText(title, one, y - 9, middle - left - 6);
        context.font = `bold ${font}`;
        context.fillText(at.known[i] ? brief(run.values[i]) : "?", one, y + 8, middle - left - 6);
        if (node.op === "constant") return;
        context.fillStyle = orange;
        context.font = small;
        context.fillText("grad", another, y - 9);
        context.font = `bold ${font}`;
        context.fillText(partly ? brief(sum(at.shares[i])) : "?", another, y + 8, wide * 0.45 - 6);
        if (many && partly) {
          const rest = at.shares[i].length < at.due[i] ? " + …" : "";
          context.font = small;
          context.fillText(`${at.shares[i].map((each, k) => (k ? bracketed(each) : brief(each))).join(" + ")}${rest}`, x, y + 24, wide - 8);
        }
        context.strokeStyle = pale;
        context.lineWidth = 1;
        line(context, [[middle, top + 5], [middle, y + HALF - 5]]);
      });
    }

    // A node pressed: to the step at which its value, or its gradient, is complete
    stage.drag(pad, (x, y, first) => {
      const { X, Y, wide } = frame();
      const i = now.nodes.findIndex(({ at }) => Math.abs(X(at[0]) - x) < wide / 2 && Math.abs(Y(at[1]) - y) < HALF + 4);
      if (!first || i < 0) return;
      stage.stop();
      const { made, backward } = now.at;
      const up = made.indexOf(i) + 1;
      const down = made.length + 2 + now.run.edges.findLastIndex(({ from }) => from === i);
      stage.set({ step: backward ? down : up });
    });

    return () => {
      look();
      for (const refresh of stage.refreshers) refresh(); // the slider's end may have moved
      list();
      stage.fit();
      const { nodes, run, at } = now;
      nodes.forEach((node, i) => {
        const { control, value, gradient } = lines[i];
        if (node.parents) control.value = node.op;
        else if (control) {
          control.value = node.value;
          control.setAttribute("aria-valuetext", brief(node.value));
        }
        value.textContent = at.known[i] ? brief(run.values[i]) : "?";
        gradient.textContent = node.op === "constant" ? "–" : at.shares[i].length ? brief(sum(at.shares[i])) : "?";
      });
      drawGraph();
      const lost = nodes.find((_, i) => at.known[i] && !Number.isFinite(run.values[i]));
      const why = lost ? ` ${lost.name} is no finite number: change a value or an operation below it.` : "";
      stage.say((words(nodes, run, at) + why).replaceAll("/∂", "/\u2060∂")); // no break within ∂L/∂w
    };
  },
});
