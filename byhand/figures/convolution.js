/* Convolution arithmetic: a window moves, a product sum is written, an output fills.

   One drawing serves both ways. A large grid and a small one are wired together: place
   y of the small one belongs to the places y·s + i·d − p of the large one, i = 0 … k − 1.
   Convolution reads the large grid and writes the small one; transposed convolution
   sends its numbers along the same wires the other way. */
import { clamp, figure, finite, make, number } from "./kit.js";

export function outSize(X, k, p = 0, s = 1, d = 1) {
  return Math.floor((X + 2 * p - d * (k - 1) - 1) / s) + 1;
}
export function transposedSize(Y, k, p = 0, s = 1, d = 1) {
  return (Y - 1) * s + d * (k - 1) + 1 - 2 * p;
}

/* The sizes of both grids and the wires between them, for one dimension or two:
   small and large are [rows, columns], wires [small place, large place, tap], where a
   large place outside (padding) is −1. */
export function wiring({ dims, size, kernel, stride: s, padding: p, dilation: d, transposed }) {
  const other = transposed ? transposedSize(size, kernel, p, s, d) : outSize(size, kernel, p, s, d);
  const [one, another] = transposed ? [size, other] : [other, size];
  const rows = dims === 1 ? [1, 1, 1, [0]] : [one, another, kernel, [...Array(kernel).keys()]];
  const wires = [];
  for (let y = 0; y < rows[0]; y++) {
    for (let x = 0; x < one; x++) {
      for (const i of rows[3]) {
        for (let j = 0; j < kernel; j++) {
          const [Y, X] = [dims === 1 ? 0 : y * s + i * d - p, x * s + j * d - p];
          const inside = Y >= 0 && X >= 0 && Y < rows[1] && X < another;
          wires.push([y * one + x, inside ? Y * another + X : -1, i * kernel + j, Y, X]);
        }
      }
    }
  }
  return { fits: other >= 1, small: [rows[0], one], large: [rows[1], another], taps: [rows[2], kernel], wires };
}

/* Numbers (flat) through the wires with the kernel's values (flat); until: only the
   first so many places of the small grid. */
export function send(plan, values, taps, transposed, until = Infinity) {
  const [rows, columns] = transposed ? plan.large : plan.small;
  const out = Array(Math.max(0, rows * columns)).fill(0);
  for (const [small, large, tap] of plan.wires) {
    if (small >= until || large < 0) continue;
    if (transposed) out[large] += taps[tap] * values[small];
    else out[small] += taps[tap] * values[large];
  }
  return out;
}

/* The top left corner of a table, repeated where it is too small; flat. */
export function corner(table, rows, columns) {
  const found = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) found.push(table[y % table.length][x % table[0].length]);
  }
  return found;
}

const SETTINGS = ["dims", "size", "kernel", "stride", "padding", "dilation", "transposed"];
const plain = { dims: 2, size: 5, kernel: 3, stride: 1, padding: 0, dilation: 1, transposed: false, at: 0 };

export default figure({
  name: "Convolution arithmetic",
  check(get) {
    if (!finite(get("values")) || !finite(get("taps"))) return "input or kernel are not numbers";
    if (!finite(SETTINGS.slice(0, 6).map(get)) || !finite(get("at"))) return "a setting is not a number";
  },
  build(stage) {
    const settings = () => Object.fromEntries(SETTINGS.map((name) => [name, stage.get(name)]));
    let plan = wiring(settings());
    const places = () => Math.max(1, plan.small[0] * plan.small[1]);
    const at = () => clamp(stage.get("at"), 0, places() - 1);

    stage.remember("at", ...SETTINGS);
    stage.presets([
      { label: "Keep the size", set: { ...plain, padding: 1 }, note: "Padding 1 for a kernel of 3: the window can stand on every pixel, so the output is as large as the input. In the corners most of what it sees are zeros that nobody photographed." },
      { label: "Every overlap", set: { ...plain, padding: 2 }, note: "Padding k − 1: even a single pixel of overlap counts, and the output is larger than the input." },
      { label: "Stride 2, and a floor", set: { ...plain, size: 6, padding: 1, stride: 2 }, note: "(6 + 2 − 3)/2 is not whole: the floor drops half a step. Go to the last window: the last column of padding is never looked at, and an input of 5 gives the same size." },
      { label: "Dilation 2", set: { ...plain, size: 7, dilation: 2 }, note: "Nine weights look at a square of 5×5. In the matrix the diagonals move apart; there are still nine different numbers." },
      { label: "One dimension", set: { ...plain, dims: 1, size: 7, padding: 1 }, note: "The whole matrix fits on a page now: the same three numbers in every row, one place further each time. Change stride and dilation and watch it." },
      { label: "Turn it round", set: { ...plain, size: 3, stride: 2, transposed: true, at: 4 }, note: "Transposed: every input stamps the kernel, times its value, into the output; where stamps overlap they add. With stride 2 and kernel 3 some places get one stamp, some two, some four: the checkerboard." },
    ], "Step on, or press a number of the output. Which pixels does it see, and which row of the matrix is that?");

    const step = () => {
      stage.set({ at: (at() + 1) % places() });
      return at() < places() - 1;
    };
    stage.row(
      stage.slider("at", "window", { from: 0, to: () => places() - 1, format: () => `${at() + 1} of ${places()}` }),
      stage.button("Step", step),
      stage.player("Play", step, 600),
    );
    const grids = stage.pad("Input, kernel and output as tables of numbers; the sentence below says what is lit", (width) => layout(width).height);
    const matrix = stage.pad("The matrix of this convolution; what the window touches is framed", (width) => matrixCell(width) * shape()[0] + 24);
    const sides = make("div", { class: "bh-sides", style: "--columns: 3fr 2fr" });
    sides.append(make("div", {}, grids.canvas), make("div", {}, matrix.canvas));
    stage.root.append(stage.sentence, sides);
    stage.row(
      stage.choice("dims", "dimensions", [[1, "1-D"], [2, "2-D"]]),
      stage.slider("size", "input size", { from: 2, to: 7 }),
      stage.slider("kernel", "kernel size", { from: 1, to: 4 }),
      stage.slider("stride", "stride", { from: 1, to: 3 }),
      stage.slider("padding", "padding", { from: 0, to: 2 }),
      stage.slider("dilation", "dilation", { from: 1, to: 3 }),
      stage.toggle("transposed", "transposed"),
    );

    // Where things are

    const frame = () => [stage.get("dims") === 1 ? 0 : stage.get("padding"), stage.get("padding")];
    function layout(width) {
      const [high, wide] = frame();
      const [rows, columns] = [plan.large[0] + 2 * high, plan.large[1] + 2 * wide];
      const side = Math.max(plan.small[1], plan.taps[1], 2);
      const cell = clamp((width - 28) / (columns + side + 0.2), 10, 34);
      const height = Math.max(rows, plan.small[0] + plan.taps[0] + 1.6) * cell + 24;
      const right = (columns + 0.2) * cell + 26;
      return { cell, height, high, wide, right, below: (plan.small[0] + 0.8) * cell + 36 };
    }
    const shape = () => {
      const [a, b] = [places(), Math.max(1, plan.large[0] * plan.large[1])];
      return stage.get("transposed") ? [b, a] : [a, b];
    };
    const matrixCell = (width) => clamp(Math.min(width / shape()[1], 330 / shape()[0]), 2, 24);
    const tint = (tap, light) => {
      const count = plan.taps[0] * plan.taps[1];
      const dark = stage.root.dataset.theme === "dark";
      return `hsl(${(360 * tap) / count + 200} 70% ${dark ? 62 : 42}% / ${light})`;
    };

    const cell = (context, x, y, size, { fill, text, corner, hollow, edge }) => {
      context.lineWidth = edge ? 2 : 1;
      context.strokeStyle = edge ? stage.colours.ink : stage.colours.line;
      context.setLineDash(hollow ? [2, 2] : []);
      if (fill) {
        context.fillStyle = fill;
        context.fillRect(x, y, size, size);
      }
      context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
      context.setLineDash([]);
      if (text !== undefined && size >= 11) {
        context.fillStyle = hollow ? stage.colours.muted : stage.colours.ink;
        context.textAlign = "center";
        context.fillText(text, x + size / 2, y + size * (corner === undefined ? 0.54 : 0.38));
      }
      if (corner !== undefined && size >= 22) {
        const { font } = context;
        context.font = font.replace(/[\d.]+px/, `${size * 0.3}px`);
        context.textAlign = "right";
        context.fillText(`×${corner}`, x + size - 3, y + size * 0.8);
        context.font = font;
      }
    };
    const write = (value) => number(value, Number.isInteger(value) ? 5 : 2).replace(/\.0+$/, "");

    function drawGrids(values, taps, out, wires, now) {
      const context = stage.clear(grids);
      const { cell: size, high, wide, right, below } = layout(grids.width);
      const { transposed } = settings();
      context.font = context.font.replace(/[\d.]+px/, `${clamp(size * 0.42, 8, 14)}px`);
      const title = (text, x, y) => {
        const { font } = context;
        context.font = font.replace(/[\d.]+px/, "12px");
        context.fillStyle = stage.colours.muted;
        context.textAlign = "left";
        context.fillText(text, x, y);
        context.font = font;
      };
      const lit = new Map(wires.map(([, , tap, y, x]) => [`${y} ${x}`, tap]));
      const [large, small] = transposed ? [out, values] : [values, out];
      title(transposed ? "output" : "input", 0, 8);
      for (let y = -high; y < plan.large[0] + high; y++) {
        for (let x = -wide; x < plan.large[1] + wide; x++) {
          const inside = y >= 0 && x >= 0 && y < plan.large[0] && x < plan.large[1];
          const tap = lit.get(`${y} ${x}`);
          cell(context, (x + wide) * size, (y + high) * size + 20, size, {
            fill: tap === undefined ? undefined : tint(tap, 0.3), hollow: !inside, edge: tap !== undefined,
            text: inside ? write(large[y * plan.large[1] + x]) : transposed ? "" : "0",
            corner: tap === undefined ? undefined : write(taps[tap]),
          });
        }
      }
      title(transposed ? "input" : "output", right, 8);
      small.forEach((value, place) => {
        const [y, x] = [Math.floor(place / plan.small[1]), place % plan.small[1]];
        const known = transposed || place <= now;
        cell(context, right + x * size, y * size + 20, size, { text: known ? write(value) : "", edge: place === now, fill: place === now ? tint(0, 0.18) : undefined });
      });
      title("kernel", right, below - 10);
      taps.forEach((value, tap) => {
        const [y, x] = [Math.floor(tap / plan.taps[1]), tap % plan.taps[1]];
        cell(context, right + x * size, below + y * size, size, { text: write(value), fill: tint(tap, 0.3) });
      });
    }

    function drawMatrix(taps, now) {
      const context = stage.clear(matrix);
      const { transposed } = settings();
      const size = matrixCell(matrix.width);
      const [rows, columns] = shape();
      context.fillStyle = stage.colours.muted;
      context.textAlign = "left";
      context.fillText(`as a matrix: ${rows} × ${columns}, ${transposed ? "column" : "row"} ${now + 1} framed`, 0, 8);
      context.strokeStyle = stage.colours.line;
      context.strokeRect(0.5, 20.5, columns * size - 1, rows * size - 1);
      context.textAlign = "center";
      context.font = context.font.replace(/[\d.]+px/, `${size * 0.5}px`);
      for (const [small, large, tap] of plan.wires) {
        if (large < 0) continue;
        const [y, x] = transposed ? [large, small] : [small, large];
        context.fillStyle = tint(tap, small === now ? 0.95 : 0.4);
        context.fillRect(x * size, 20 + y * size, Math.max(1, size - 0.5), Math.max(1, size - 0.5));
        if (size >= 15) {
          context.fillStyle = small === now ? stage.colours.ground : stage.colours.ink;
          context.fillText(write(taps[tap]), (x + 0.5) * size, 20 + (y + 0.55) * size);
        }
      }
      context.strokeStyle = stage.colours.ink;
      context.lineWidth = 2;
      if (transposed) context.strokeRect(now * size - 1, 19, size + 2, rows * size + 2);
      else context.strokeRect(1, 19 + now * size, columns * size - 2, size + 2);
    }

    stage.drag(grids, (x, y) => {
      const { cell: size, right } = layout(grids.width);
      const [column, row] = [Math.floor((x - right) / size), Math.floor((y - 20) / size)];
      if (column >= 0 && row >= 0 && row < plan.small[0] && column < plan.small[1]) {
        stage.stop();
        stage.set({ at: row * plan.small[1] + column });
      }
    });

    return () => {
      const now = settings();
      plan = wiring(now);
      for (const refresh of stage.refreshers) refresh(); // the slider's end has moved
      const { size, kernel: k, stride: s, padding: p, dilation: d, transposed } = now;
      const formula = transposed
        ? `(${size} − 1)·${s} + ${d}·(${k} − 1) + 1 − 2·${p} = ${transposedSize(size, k, p, s, d)}`
        : `⌊(${size} + 2·${p} − ${d}·(${k} − 1) − 1) / ${s}⌋ + 1 = ${outSize(size, k, p, s, d)}`;
      if (!plan.fits) {
        plan = { ...plan, small: [0, 0], large: transposed ? [0, 0] : plan.large, wires: [] };
        for (const pad of [grids, matrix]) stage.clear(pad);
        return stage.say(`Output size: ${formula}. ${transposed ? "Nothing is left of the output" : `The kernel covers ${d * (k - 1) + 1} pixels, and the padded input has only ${size + 2 * p}`}: PyTorch refuses this.`);
      }
      stage.fit();
      const place = at();
      const values = corner(stage.get("values"), ...(transposed ? plan.small : plan.large));
      const taps = corner(stage.get("taps"), ...plan.taps);
      const out = send(plan, values, taps, transposed, place + 1);
      const wires = plan.wires.filter(([small]) => small === place);
      drawGrids(values, taps, out, wires, place);
      drawMatrix(taps, place);
      const terms = wires.filter(([, large]) => large >= 0);
      const [row, column] = [Math.floor(place / plan.small[1]), place % plan.small[1]];
      const name = now.dims === 1 ? column : `${row}, ${column}`;
      const written = transposed
        ? `U(${name}) = ${write(values[place])} stamps ${write(values[place])}·K: ${terms.length} of ${taps.length} taps land inside.`
        : `V(${name}) = ${terms.map(([, large, tap]) => `${write(taps[tap])}·${write(values[large])}`).join(" + ").replaceAll("+ −", "− ") || "0, all padding"}${terms.length ? ` = ${write(out[place])}` : ""}.`;
      stage.say(`${written} Output size: ${formula}.`);
    };
  },
});
