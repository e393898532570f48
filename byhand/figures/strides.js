/* Strides and broadcasting: operations change the rule for reading a strip of memory.

   A tensor is {shape, strides, offset}: element (i, j, …) lies at the place
   offset + i·strides[0] + j·strides[1] + … of its strip. */
import { clamp, figure, finite, make, number } from "./kit.js";

const product = (sizes) => sizes.reduce((total, size) => total * size, 1);
const dense = (shape) => shape.map((_, d) => product(shape.slice(d + 1)));
const tuple = (sizes) => `(${sizes.join(", ")}${sizes.length === 1 ? "," : ""})`;

export function place({ strides, offset }, index) {
  return index.reduce((sum, i, d) => sum + i * strides[d], offset);
}
/* Element number `flat` of a shape, counted row by row, as an index. */
export function indexOf(shape, flat) {
  return dense(shape).map((step, d) => Math.floor(flat / step) % shape[d]);
}
export function places(t) {
  return [...Array(product(t.shape)).keys()].map((flat) => place(t, indexOf(t.shape, flat)));
}
export function isContiguous({ shape, strides }) {
  return dense(shape).every((step, d) => shape[d] === 1 || strides[d] === step);
}

/* Strides by which a new shape reads the same elements in the same order; null if
   there are none. As PyTorch does: dimensions that lie behind each other
   in memory are one chunk, and each chunk is cut anew by itself. */
export function viewStrides({ shape, strides }, wanted) {
  const found = wanted.map(() => 1);
  let [at, base, old, now] = [wanted.length - 1, strides.at(-1), 1, 1];
  for (let d = shape.length - 1; d >= 0; d--) {
    old *= shape[d];
    if (d > 0 && (shape[d - 1] === 1 || strides[d - 1] === old * base)) continue;
    while (at >= 0 && (now < old || wanted[at] === 1)) {
      found[at] = now * base;
      now *= wanted[at--];
    }
    if (now !== old) return null;
    if (d > 0) [base, old, now] = [strides[d - 1], 1, 1];
  }
  return at < 0 ? found : null;
}

const ordered = (t, order) => ({ ...t, shape: order.map((d) => t.shape[d]), strides: order.map((d) => t.strides[d]) });

function indexed(t, parts) {
  let d = 0;
  for (const part of parts) {
    const [size, stride] = [t.shape[d], t.strides[d]];
    const [start, stop, by] = part.split(":");
    const bound = (text, otherwise) => (text ? Number(text) + (text < 0 ? size : 0) : otherwise);
    const from = bound(start, 0);
    const offset = t.offset + from * stride;
    if (stop === undefined) {
      t = { shape: t.shape.toSpliced(d, 1), strides: t.strides.toSpliced(d, 1), offset };
      continue;
    }
    const step = Number(by || 1);
    const length = Math.ceil((Math.min(bound(stop, size), size) - from) / step);
    t = { shape: t.shape.with(d, length), strides: t.strides.with(d, stride * step), offset };
    d++;
  }
  return t;
}

/* One operation as it is written behind a tensor's name. Gives the tensor, with
   copy: true where its numbers must be laid, row by row, into a strip of their own.
   Throws where PyTorch does. */
export function apply(t, text) {
  if (text[0] === "[") return indexed(t, text.slice(1, -1).split(",").map((part) => part.trim()));
  const [, name, list = ""] = /^(\w+)(?:\(([-\d, ]*)\))?$/.exec(text);
  const args = list.split(",").filter((arg) => arg.trim()).map(Number);
  const dims = t.shape.length;
  const all = t.shape.map((_, d) => d);
  const copied = (shape) => ({ shape, strides: dense(shape), offset: 0, copy: true });
  const refuse = (why) => {
    throw new Error(why);
  };
  switch (name) {
    case "T": return ordered(t, all.reverse());
    case "permute": return ordered(t, args.map((d) => (d + dims) % dims));
    case "contiguous": return isContiguous(t) ? t : copied(t.shape);
    case "expand": {
      const [shape, strides] = [[], []];
      for (let i = args.length - 1; i >= 0; i--) {
        const d = i - args.length + dims;
        const size = d < 0 ? 1 : t.shape[d];
        shape[i] = args[i] < 0 ? size : args[i];
        strides[i] = shape[i] !== size ? 0 : d < 0 ? shape[i + 1] * strides[i + 1] : t.strides[d];
        if (size !== 1 && shape[i] !== size) refuse(`size ${size} cannot be expanded to ${shape[i]}`);
      }
      return { ...t, shape, strides };
    }
    default: {
      const shape = args.map((size) => (size < 0 ? product(t.shape) / -product(args) : size));
      if (product(shape) !== product(t.shape)) refuse(`${tuple(shape)} is no shape for ${product(t.shape)} numbers`);
      const strides = viewStrides(t, shape);
      if (strides) return { ...t, shape, strides };
      return name === "reshape" ? copied(shape) : refuse("no strides read this order from the strip");
    }
  }
}

/* Gives the strips and, for the start and each operation, the tensor after it;
   refused: the operation that cannot be done, at which all ends. */
export function run(values, start, chain) {
  const strips = [values];
  const note = (text, t) => ({ copy: false, ...t, text, contiguous: isContiguous(t) });
  const steps = [note("A", start)];
  for (const text of chain) {
    const before = { ...steps.at(-1), copy: false };
    try {
      const t = apply(before, text);
      if (t.copy) strips.push(places(before).map((old) => strips.at(-1)[old]));
      steps.push(note(text, t));
    } catch ({ message }) {
      return { strips, steps, refused: { text, why: message } };
    }
  }
  return { strips, steps };
}

/* The common shape of two, and the strides by which each is read; or two sizes that clash. */
export function broadcast(...pair) {
  const dims = Math.max(...pair.map(({ length }) => length));
  const [A, B] = pair.map((own) => [...Array(dims - own.length).fill(1), ...own]);
  const bad = A.findLastIndex((size, d) => size !== B[d] && size !== 1 && B[d] !== 1);
  if (bad >= 0) return { clash: [A[bad], B[bad]] };
  const shape = A.map((size, d) => (size === 1 ? B[d] : size));
  return { shape, read: pair.map((own) => apply({ shape: own, strides: dense(own), offset: 0 }, `expand(${shape})`)) };
}

/* What can be tried next, up to two dimensions; slices have their sliders. */
export function offers({ shape }) {
  const [total, flat] = [product(shape), shape.length < 2];
  const cut = [[total]];
  for (let a = 2; a < total; a++) if (total % a === 0) cut.push([a, total / a]);
  const grown = flat ? [[3, total]] : shape.flatMap((size, d) => (size === 1 ? [2, 3, 4].map((n) => shape.with(d, n)) : []));
  const call = (name, list) => list.filter((sizes) => `${sizes}` !== `${shape}`).map((sizes) => `${name}(${sizes.join(", ")})`);
  return [
    ...(flat ? [] : ["T", "[0]", "[:, 0]", "[:, :1]"]), ...call("reshape", cut), ...call("view", cut),
    ...call("expand", grown.filter((sizes) => product(sizes) <= 16)), "contiguous()",
  ];
}

const LETTERS = ["i", "j"];
const TINTS = ["blue", "orange", "green", "pink"];
const SHAPES = [[3, 1], [4], [1, 4], [3], [2, 3], [2, 1], [5, 1], [5]];
const SLICE = /^\[\d*::\d*(, \d*::\d*)*\]$/;
const write = (value) => (Number.isInteger(value) ? `${value}`.replace("-", "−") : number(value, 2));
const rowOf = ({ shape }, flat) => indexOf(shape, flat).at(-2) ?? 0;
const dotted = (text) => (text === "A" || text[0] === "[" ? text : `.${text}`);

export default figure({
  name: "Strides and broadcasting",
  check(get) {
    const [shape, strides, offset] = ["shape", "strides", "offset"].map(get);
    if (!finite([get("values"), shape, strides, get("left"), get("right")])) return "a list of its numbers is empty";
    if (shape.length !== 2 || !(Math.max(...places({ shape, strides, offset })) < get("values").length)) return "A does not fit its strip";
  },
  build(stage) {
    const A = { shape: stage.get("shape"), strides: stage.get("strides"), offset: stage.get("offset") };
    const [rows, columns] = A.shape;
    const pair = () => [stage.get("left"), stage.get("right")];
    let shown; // what is drawn, but for the pointing

    stage.remember("at");
    const one = (...chain) => ({ broadcast: false, chain });
    const two = (left, right) => ({ broadcast: true, left, right });
    stage.presets([
      { label: "Transpose", set: one("T"), note: "Shape and strides have changed places, and that is all. A step to the right in A.T leaps over a row." },
      { label: "Cut anew", set: one(`reshape(${columns}, ${rows})`), note: "The shape of A.T with other contents: reshape keeps the order of the strip. Compare the colours with “Transpose”." },
      { label: "Slice", set: one("[1::, ::2]"), note: "A start goes into the offset, a step multiplies a stride. What is left out stays in the strip. Move the sliders." },
      { label: "Expand", set: one("[:, 1:2]", `expand(${rows}, 4)`), note: "One column, seen four times by a stride of 0: a step to the right stays where it is." },
      { label: "It must copy", set: one("T", `reshape(${rows * columns})`), note: "Row by row, A.T jumps to and fro: no stride does that. So reshape lays out a second strip." },
      { label: "view refuses", set: one("T", `view(${rows * columns})`), note: "The same wish put to view, which never copies. Undo twice: A itself takes every shape." },
      { label: "Broadcast", set: two([3, 1], [4]), note: "A column and a row make a table: each has stride 0 along the dimension that it lacks." },
      { label: "The trap", set: two([5, 1], [5]), note: "Predictions (5, 1), targets (5,): every prediction meets every target. 25 numbers, and no error." },
    ], "Point at a cell and find its place in the strip. Which operations touch the strip?");

    const last = () => Math.max(0, shown.cells.length - 1);
    const at = () => clamp(stage.get("at"), 0, last());
    stage.row(
      stage.slider("at", "element", { from: 0, to: last, format: () => `[${shown.index.join(", ")}]` }),
      stage.toggle("broadcast", "two tensors"),
    );
    const extend = (chain, text) => chain.length < 8 && stage.set({ chain: [...chain, text] });
    const next = make("select", { "data-lm-suppress-shortcuts": "true" });
    const forOne = [stage.row(
      make("label", { class: "bh-choice" }, "operation", next),
      stage.button("Apply", () => next.value && extend(stage.get("chain"), next.value)),
      stage.button("Undo", () => stage.set({ chain: stage.get("chain").slice(0, -1) })),
    ), stage.row()];

    /* The sliders of a slice read and write the last operation, if it is one. */
    const slice = () => {
      const { steps, refused } = shown;
      const own = !refused && SLICE.test(steps.at(-1).text);
      const parts = own ? steps.at(-1).text.slice(1, -1).split(",") : [];
      return {
        before: stage.get("chain").slice(0, own ? -1 : undefined),
        cuts: steps.at(own ? -2 : -1).shape.map((size, d) => {
          const [start, step] = (parts[d] ?? "::").split("::").map(Number);
          return { size, start, step: step || 1 };
        }),
      };
    };
    const sliders = LETTERS.flatMap((letter, d) => ["start", "step"].map((which, n) => {
      const box = stage.slider({
        get: () => slice().cuts[d]?.[which] ?? 1,
        set: (value) => {
          const { cuts, before } = slice();
          cuts[d][which] = value;
          const text = cuts.map(({ start, step }) => `${start || ""}::${step > 1 ? step : ""}`).join(", ");
          if (/\d/.test(text)) extend(before, `[${text}]`);
          else stage.set({ chain: before });
        },
      }, `slice ${letter}: ${which}`, { from: n, to: () => (slice().cuts[d]?.size ?? 1) - 1 + n });
      forOne[1].append(box);
      return { d, box };
    }));
    const shapes = [...new Map([...SHAPES, ...pair()].map((shape) => [tuple(shape), shape]))].map(([name, shape]) => [shape, name]);
    const forTwo = [stage.row(stage.choice("left", "shape of a", shapes), stage.choice("right", "shape of b", shapes))];
    const table = make("table");
    const pad = stage.pad("Strips of memory and, below, the tensor as a table; the sentence above says what is lit", (width) => layout(width).height);
    stage.root.append(table, stage.sentence, make("div", {}, pad.canvas));

    function look() { // what is shown, anew only if something but the pointing has changed
      const [chain, both] = [stage.get("chain"), stage.get("broadcast")];
      const key = JSON.stringify([chain, both, pair()]);
      if (shown?.key !== key) {
        shown = { key, ...run(stage.get("values"), A, chain) };
        for (const row of forOne) row.style.display = both ? "none" : "";
        for (const row of forTwo) row.style.display = both ? "" : "none";
        if (both) lookAtTwo();
        else lookAtOne(shown);
        const { cuts } = slice();
        for (const { d, box } of sliders) box.style.display = cuts[d]?.size > 1 ? "" : "none";
      }
      shown.index = shown.shape ? indexOf(shown.shape, at()) : [];
    }
    /* A strip, and which rows of the tensor see each place of it. */
    const strip = (title, values, t) => {
      const seen = values.map(() => []);
      if (t) places(t).forEach((where, flat) => {
        const row = rowOf(t, flat);
        if (!seen[where].includes(row)) seen[where].push(row);
      });
      return { title, values, t, seen };
    };
    function lookAtOne({ strips, steps, refused }) {
      const t = steps.at(-1);
      const last = strips.length - 1;
      Object.assign(shown, {
        shape: t.shape, title: "the tensor", cells: places(t).map((where) => strips[last][where]),
        strips: strips.map((values, n) => strip(n ? "a new strip" : "the strip of A", values, n === last && t))
          .filter((_, n) => n === 0 || n >= last - 1),
      });
      stage.fill(table, ["operation", "shape", "strides", "offset", "contiguous"], [
        ...steps.map((step) => [dotted(step.text), tuple(step.shape), tuple(step.strides), step.offset, `${step.contiguous ? "yes" : "no"}${step.copy ? ", a copy" : ""}`]),
        ...(refused ? [[dotted(refused.text), "refused", "", "", ""]] : []),
      ]);
      next.replaceChildren(...(refused ? [] : offers(t)).map((text) => make("option", {}, text)));
    }
    function lookAtTwo() {
      const { shape, read = [], clash } = broadcast(...pair());
      const values = pair().map((own, k) => Array.from({ length: product(own) }, (_, n) => (n + 1) * (k ? 1 : 10)));
      const sums = read.map((t, k) => places(t).map((where) => values[k][where]));
      Object.assign(shown, {
        shape, clash, title: "a + b", cells: sums[0]?.map((x, n) => x + sums[1][n]) ?? [],
        strips: values.map((own, k) => strip(`the strip of ${"ab"[k]}`, own, read[k])),
      });
      stage.fill(table, ["tensor", "shape", "read as", "strides"], pair().map((own, k) => ["ab"[k], tuple(own), shape ? tuple(shape) : "–", shape ? tuple(read[k].strides) : "–"]));
    }

    function layout(width) {
      look();
      const beside = stage.get("broadcast"); // two strips side by side, else one below the other
      const longest = shown.strips.map(({ values }) => values.length).reduce((a, b) => (beside ? a + b + 1 : Math.max(a, b)));
      const cell = Math.min(44, (width - 2) / longest);
      let [x, y] = [1, 48];
      const strips = shown.strips.map(({ values }) => {
        const [left, top] = [x, y];
        if (beside) x += (values.length + 1) * cell;
        else y += cell + 72;
        return { size: cell, y: top, x: (n) => left + n * cell };
      });
      y = strips.at(-1).y + cell + 24;
      if (!shown.shape) return { strips, height: y };
      const [high, wide] = [1, ...shown.shape].slice(-2);
      const size = Math.min(44, (width - 20) / wide);
      const top = y + 44;
      const spot = (flat) => [18 + (flat % wide) * size, top + Math.floor(flat / wide) * size];
      return { strips, size, spot, high, wide, top, height: top + high * size + 6 };
    }

    function draw() {
      const context = stage.clear(pad);
      const { ink } = stage.colours;
      const { strips, size: side, spot, high, wide, top } = layout(pad.width);
      const text = stage.write.bind(stage, context);
      const square = (x, y, size, value, seen, lit) =>
        stage.cell(context, x, y, size, write(value), { fills: seen.map((row) => stage.colours[TINTS[row % 4]]), lit });
      const curve = (x, y, up, X, Y, down) => {
        context.lineWidth = 1.5;
        context.strokeStyle = ink;
        context.beginPath();
        context.moveTo(x, y);
        context.bezierCurveTo(x, y + up, X, Y + down, X, Y);
        context.stroke();
      };
      shown.strips.forEach(({ title, values, t, seen }, s) => {
        const { size, y, x } = strips[s];
        const here = t ? place(t, shown.index) : -1;
        const middle = x(here) + size / 2;
        text(title, x(0), y - 40);
        if (t) curve(middle, y + size + 15, 40, spot(at())[0] + side / 2, spot(at())[1], -40);
        values.forEach((value, n) => {
          square(x(n), y, size, value, seen[n], n === here);
          text(`${n}`, x(n) + size / 2, y + size + 9, { px: 11, align: "center" });
        });
        if (t) t.shape.forEach((length, d) => { // where one step along each dimension leads
          if (shown.index[d] + 1 >= length) return;
          const to = x(here + t.strides[d]) + size / 2;
          context.setLineDash(d ? [5, 3] : []);
          const apart = t.strides[d] ? 0 : 7; // a loop where a step leads nowhere
          curve(middle - apart, y - 2, -18, to + apart, y - 3, -18);
          context.setLineDash([]);
          curve(to + apart - 4, y - 8, 2, to + apart, y - 2, -4);
          text(`${LETTERS[d]}: +${t.strides[d]}`, clamp(apart ? to - 26 : to, 18, pad.width - 18), y - 23, { px: 11, colour: ink, align: "center" });
        });
      });
      if (!shown.shape) return;
      text(shown.title, 0, top - 32);
      for (let r = 0; r < high && shown.shape.length > 1; r++) text(`${r}`, 8, top + (r + 0.5) * side, { px: 11, align: "center" });
      for (let c = 0; c < wide; c++) text(`${c}`, spot(c)[0] + side / 2, top - 9, { px: 11, align: "center" });
      shown.cells.forEach((value, flat) => square(...spot(flat), side, value, [rowOf(shown, flat)], flat === at()));
    }

    const point = (x, y) => {
      const { strips, spot, size } = layout(pad.width);
      const inside = (left, top, side) => x >= left && y >= top && x < left + side && y < top + side;
      let hit = shown.cells.findIndex((_, flat) => inside(...spot(flat), size));
      shown.strips.forEach(({ t, values }, s) => {
        const n = values.findIndex((_, i) => inside(strips[s].x(i), strips[s].y, strips[s].size));
        if (t && n >= 0) hit = places(t).indexOf(n);
      });
      if (hit >= 0 && hit !== at()) stage.set({ at: hit });
    };
    stage.drag(pad, point, true);

    function tell() {
      const { index, steps, refused, clash, strips, cells } = shown;
      const sum = (t) => index.map((i, d) => `${i}·${t.strides[d]}`).join(" + ");
      if (clash) return `The shapes do not fit: compared from the right, ${clash.join(" meets ")}, and neither is 1: PyTorch refuses.`;
      if (stage.get("broadcast")) {
        const numbers = strips.map(({ t, values }) => write(values[place(t, index)]));
        const where = strips.map(({ t }, k) => `place ${sum(t)} = ${place(t, index)} of ${"ab"[k]}`);
        return `(a + b)[${index.join(", ")}] takes ${where.join(" and ")}: ${numbers.join(" + ")} = ${write(cells[at()])}.`;
      }
      const t = steps.at(-1);
      const copies = steps.filter(({ copy }) => copy);
      const cost = refused ? `PyTorch refuses ${refused.text}: ${refused.why}.` : copies.length ? `${copies.at(-1).text} had to copy.` : "No number was moved or copied.";
      const name = `${steps.map(({ text }) => dotted(text)).join("")}[${index.join(", ")}]`;
      const formula = index.map((_, d) => `${LETTERS[d]}·stride${"₀₁"[d]}`).join(" + ");
      return `${name} lies at offset + ${formula} = ${t.offset} + ${sum(t)} = ${place(t, index)}: there stands ${write(cells[at()])}. ${cost}`;
    }

    return () => {
      look();
      for (const refresh of stage.refreshers) refresh(); // the slider's end has moved
      stage.fit();
      draw();
      stage.say(tell());
    };
  },
});
