/* The latent plane of a VAE: encoder and decoder run here, on the chapter's weights. */
import { clamp, figure, finite, fixed, line, make, number } from "./kit.js";
import { fromBase64, inkStroke, paintPixels, toBase64, unpackLayers } from "./pixels.js";

/* y = s·(W x) + b for each row; the pixels of a digit are mostly 0, which cost nothing. */
function linear({ rows, columns, weight, scale, bias }, x, relu) {
  const y = new Float64Array(rows);
  const ink = [];
  for (let c = 0; c < columns; c++) if (x[c] !== 0) ink.push(c);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    const start = r * columns;
    for (let i = 0; i < ink.length; i++) sum += weight[start + ink[i]] * x[ink[i]];
    sum = sum * scale[r] + bias[r];
    y[r] = relu && sum < 0 ? 0 : sum;
  }
  return y;
}

/* The two networks, from the state's texts. */
export function vae({ weights, numbers, hidden: H }) {
  const [fc1, fcMu, fcLogvar, fc3, fc4] = unpackLayers(weights, numbers, [[H, 784], [2, H], [2, H], [H, 2], [784, H]]);
  return {
    encode(x) {
      const h = linear(fc1, x, true);
      const [mu, logvar] = [linear(fcMu, h), linear(fcLogvar, h)];
      const kl = 0.5 * mu.reduce((sum, m, j) => sum + m * m + Math.exp(logvar[j]) - 1 - logvar[j], 0);
      return { mu, sigma: logvar.map((l) => Math.exp(l / 2)), kl };
    },
    logits: (z) => linear(fc4, linear(fc3, z, true)),
  };
}
export const inked = (logits) => logits.map((l) => 1 / (1 + Math.exp(-l)));

/* −log p(x | z) of a picture, in nats, from the decoder's logits. */
export function surprise(logits, x) {
  let sum = 0;
  for (let i = 0; i < 784; i++) {
    const l = logits[i];
    sum += Math.max(l, 0) + Math.log1p(Math.exp(-Math.abs(l))) - x[i] * l;
  }
  return sum;
}

/* A drawing (bytes), moved by whole pixels so that its centre of mass is in the middle,
   as those of MNIST are. */
export function centred(pixels) {
  let [mass, X, Y] = [0, 0, 0];
  for (let i = 0; i < 784; i++) {
    mass += pixels[i];
    X += pixels[i] * ((i % 28) + 0.5);
    Y += pixels[i] * (Math.floor(i / 28) + 0.5);
  }
  const moved = new Float64Array(784);
  if (!mass) return moved;
  const [dx, dy] = [Math.round(14 - X / mass), Math.round(14 - Y / mass)];
  for (let y = Math.max(0, dy); y < Math.min(28, 28 + dy); y++) {
    for (let x = Math.max(0, dx); x < Math.min(28, 28 + dx); x++) moved[28 * y + x] = pixels[28 * (y - dy) + x - dx] / 255;
  }
  return moved;
}

/* For tests: plain data in and out. */
export function run(state, x, z) {
  const net = vae(state);
  const { mu, sigma, kl } = net.encode(x);
  const logits = net.logits(z);
  return { mu: [...mu], sigma: [...sigma], kl, p: [...inked(logits)], surprise: surprise(logits, x) };
}

const TILES = 15;
const MARGIN = { left: 32, top: 18, right: 14, bottom: 34 };
const named = (digit) => `a${digit === 8 ? "n" : ""} ${digit}`;
const round = (value) => Number(value.toFixed(3));

export default figure({
  name: "The latent plane of a VAE",
  check(get) {
    if (!finite(get("codes")) || !finite(get("typical")) || get("codes").length !== 2 * get("labels").length) return "the codes are not numbers";
    if (!finite(["z1", "z2", "t", "toward", "picked"].map(get))) return "a setting is not a number";
    const H = get("hidden");
    if (atob(get("weights")).length !== H * (2 * 784 + 6)) return "the network is not whole";
    if (atob(get("numbers")).length !== 8 * (2 * H + 4 + 784)) return "the network is not whole";
    if (atob(get("pictures")).length !== 30 * 784) return "the pictures are not whole";
  },
  build(stage) {
    const net = vae({ weights: stage.get("weights"), numbers: stage.get("numbers"), hidden: stage.get("hidden") });
    const [codes, labels] = [stage.get("codes"), stage.get("labels")];
    const pictures = fromBase64(stage.get("pictures"));
    const places = stage.get("typical");
    const reach = clamp(Math.ceil(2 * Math.max(...codes.map(Math.abs))) / 2, 3, 8);

    // The picture that goes in, and where the encoder puts it

    const examples = [...Array(30).keys()].map((i) => Float64Array.from(pictures.subarray(784 * i, 784 * (i + 1)), (byte) => byte / 255));
    let seen = { key: null };
    function encoded(picked, drawing) {
      const key = picked < 0 ? drawing : picked;
      if (seen.key === key) return seen;
      const ink = drawing ? fromBase64(drawing) : new Uint8Array(784);
      const shown = picked < 0 ? Float64Array.from(ink, (byte) => byte / 255) : examples[picked];
      const x = picked < 0 ? centred(ink) : shown;
      seen = { key, ink, shown, x, empty: !x.some(Boolean), ...net.encode(x) };
      return seen;
    }
    const landing = ({ mu }) => ({ z1: round(clamp(mu[0], -reach, reach)), z2: round(clamp(mu[1], -reach, reach)), t: 0 });
    const pick = (picked) => ({ picked, ...landing(encoded(picked, "")) });

    let near = [Infinity, 0, 1]; // the closest of those that are apart
    for (let a = 0; a < 10; a++) {
      for (let b = 0; b < a; b++) {
        const distance = Math.hypot(places[a][0] - places[b][0], places[a][1] - places[b][1]);
        if (distance > 1 && distance < near[0]) near = [distance, b, a];
      }
    }
    const [, one, other] = near;
    const at = (digit) => ({ z1: places[digit][0], z2: places[digit][1] });

    stage.remember("z1", "z2", "toward", "t", "picked", "drawing", "map");
    stage.presets([
      { label: "Where two digits meet", set: { ...at(one), toward: other, t: 0.5 }, note: `Halfway between the typical ${one} and the typical ${other}. Move along the way in small steps: where does the one digit end, and where does the other begin?` },
      { label: "Walk from 1 to 0", set: { ...at(1), toward: 0, t: 0.5 }, note: "Move along the way from end to end. Through the plane, what the line crosses is painted: other digits, perhaps. In the row below pixels are faded, and both digits lie on top of each other." },
      { label: "Map", set: { map: true }, note: "Each tile is decoded from the point in its middle. Neighbours differ little: that is what the KL term has paid for. Drag across a border and watch the large picture." },
      { label: "Far out", set: { z1: round(-0.95 * reach), z2: round(0.95 * reach), t: 0 }, note: "Hardly anything is encoded out here, and the prior almost never draws from it. The decoder was not trained on it, and paints something all the same." },
      { label: "Beat the encoder", set: { ...pick(14), z1: round(clamp(seen.mu[0] + 0.8, -reach, reach)) }, note: "The diamond is the encoder's mean for this picture, the ellipse two standard deviations. Drag z, and find where the picture costs the fewest nats. Is it in the ellipse?" },
      { label: "Draw your own", set: { picked: -1, drawing: "", z1: 0, z2: 0, t: 0 }, note: "Draw a digit into the left picture, as large as the dashed box. It is moved to the middle, encoded, and comes back on the right. Without a pen, pick a test digit by the slider “picture”." },
    ], "Drag the point z across the plane, and watch what the decoder makes of it.");

    const square = (width) => Math.min(width, 470);
    const plane = stage.pad("The plane of codes: each encoded test digit is written as itself, z is the point that is decoded; the sliders z₁ and z₂ move it", (width) => square(width) - MARGIN.left - MARGIN.right + MARGIN.top + MARGIN.bottom);
    const stacked = (width) => width < 260;
    const side = (width) => Math.floor(stacked(width) ? Math.min(width, 203) : Math.min(200, (width - 12) / 2));
    const both = stage.pad("Left or above, the picture that is encoded, to draw on; beside or below, the picture that is decoded from z", (width) => (stacked(width) ? 2 * side(width) + 52 : side(width) + 22));
    const strip = stage.pad("Pictures on the way from z to the digit chosen, above through the plane, below by fading pixels", (width) => 2 * tile(width) + 42);
    const many = (width) => (width < 500 ? 7 : 11);
    const tile = (width) => Math.floor((width + 3) / many(width)) - 3;
    const sides = make("div", { class: "bh-sides", style: "--columns: 2fr 1fr" });
    sides.append(make("div", {}, plane.canvas), make("div", {}, both.canvas));
    stage.root.append(stage.sentence, sides, make("div", { style: "margin-top: 0.6rem" }, strip.canvas));

    const step = () => {
      stage.set({ t: Math.min(1, round(stage.get("t") + 0.01)) });
      return stage.get("t") < 1;
    };
    const picker = stage.slider("picked", "picture", {
      from: -1, to: 29,
      format: (i) => (i < 0 ? "your own" : named(i % 10)),
    });
    picker.querySelector("input").addEventListener("input", () => stage.set(landing(encoded(stage.get("picked"), stage.get("drawing")))));
    stage.row(
      stage.slider("z1", "z₁", { from: -reach, to: reach, step: 0.01, format: (z) => fixed(z, 2) }),
      stage.slider("z2", "z₂", { from: -reach, to: reach, step: 0.01, format: (z) => fixed(z, 2) }),
      picker,
      stage.button("Empty the pad", () => stage.set({ picked: -1, drawing: "" })),
    );
    stage.row(
      stage.choice("toward", "walk to", places.map((_, digit) => [digit, `typical ${digit}`])),
      stage.slider("t", "along the way", { from: 0, to: 1, step: 0.01, format: (t) => `${Math.round(100 * t)} %` }),
      stage.player("Walk", () => {
        if (stage.get("t") >= 1) stage.set({ t: 0 });
        return step();
      }, 30),
      stage.toggle("map", "map instead of points"),
    );
    stage.row(
      make("span", {}, "Paint the typical"),
      make("span", { style: "display: flex; flex-wrap: wrap; gap: 0.3rem" }, ...places.map((_, digit) =>
        stage.button(String(digit), () => stage.set({ ...at(digit), t: 0 }), { "aria-label": `typical ${digit}`, style: "min-width: 2.2rem; padding: 0.2rem 0.4rem" }))),
    );

    // The plane

    const box = () => {
      const wide = square(plane.width) - MARGIN.left - MARGIN.right;
      return { x: MARGIN.left, y: MARGIN.top, w: wide, h: wide };
    };
    const colour = (digit) => stage.colours[["blue", "orange", "green", "pink", "amber", "sky"][digit % 6]];
    let layer = {}; // what stays while z moves
    function background() {
      const key = [plane.canvas.width, plane.width, stage.colours.ink, stage.get("map")].join();
      if (layer.key === key) return layer;
      const canvas = make("canvas", { width: plane.canvas.width, height: plane.canvas.height });
      const context = canvas.getContext("2d");
      const ratio = plane.canvas.width / plane.width;
      context.scale(ratio, ratio);
      context.font = plane.context.font;
      context.textBaseline = "middle";
      const area = box();
      const { X, Y } = stage.axes({ context }, area, { x: [-reach, reach], y: [-reach, reach], xlabel: "z₁", ylabel: "z₂" });
      if (stage.get("map")) {
        const [wide, step] = [area.w / TILES, (2 * reach) / TILES];
        for (let row = 0; row < TILES; row++) {
          for (let column = 0; column < TILES; column++) {
            const z = [-reach + (column + 0.5) * step, reach - (row + 0.5) * step];
            paintPixels(context, inked(net.logits(z)), 28, [area.x + column * wide, area.y + row * wide, wide, wide]);
          }
        }
      } else {
        context.font = context.font.replace(/[\d.]+px/, "bold 11px");
        context.textAlign = "center";
        labels.forEach((digit, i) => {
          context.fillStyle = colour(digit);
          context.fillText(digit, X(clamp(codes[2 * i], -reach, reach)), Y(clamp(codes[2 * i + 1], -reach, reach)));
        });
      }
      layer = { key, canvas, X, Y };
      return layer;
    }

    /* A mark that is seen on points, on tiles, and on both grounds: drawn twice. */
    function outlined(context, path, wide = 2) {
      for (const [extra, style] of [[3, stage.colours.ground], [0, stage.colours.ink]]) {
        context.lineWidth = wide + extra;
        context.strokeStyle = style;
        context.beginPath();
        path();
        context.stroke();
      }
    }
    function word(context, text, x, y) {
      context.font = context.font.replace(/(bold )?[\d.]+px/, "bold 13px");
      context.textAlign = x > plane.width - 70 ? "right" : "left";
      context.lineWidth = 4;
      context.strokeStyle = stage.colours.ground;
      context.strokeText(text, x, y);
      context.fillStyle = stage.colours.ink;
      context.fillText(text, x, y);
    }

    function drawPlane(z, start, end, input) {
      const context = stage.clear(plane);
      const { canvas, X, Y } = background();
      context.lineJoin = "round";
      context.drawImage(canvas, 0, 0, plane.width, plane.tall());
      context.setLineDash([5, 4]);
      outlined(context, () => {
        context.moveTo(X(start[0]), Y(start[1]));
        context.lineTo(X(end[0]), Y(end[1]));
      }, 1.5);
      context.setLineDash([]);
      for (const [place, size] of [[start, 3], [end, 6]]) outlined(context, () => context.arc(X(place[0]), Y(place[1]), size, 0, 7));
      if (!input.empty) {
        const [x, y] = [X(clamp(input.mu[0], -reach, reach)), Y(clamp(input.mu[1], -reach, reach))];
        const unit = X(1) - X(0);
        outlined(context, () => context.ellipse(x, y, 2 * input.sigma[0] * unit, 2 * input.sigma[1] * unit, 0, 0, 7), 1.5);
        outlined(context, () => {
          context.moveTo(x - 6, y);
          for (const [dx, dy] of [[0, -6], [6, 0], [0, 6], [-6, 0]]) context.lineTo(x + dx, y + dy);
        });
      }
      context.beginPath();
      context.arc(X(z[0]), Y(z[1]), 8, 0, 7);
      context.fillStyle = stage.colours.ink;
      context.fill();
      context.lineWidth = 3;
      context.strokeStyle = stage.colours.ground;
      context.stroke();
      word(context, `typical ${stage.get("toward")}`, X(end[0]) + (X(end[0]) > plane.width - 70 ? -10 : 10), Y(end[1]) + 13);
      word(context, "z", X(z[0]) + (X(z[0]) > plane.width - 70 ? -12 : 12), Y(z[1]) - 10);
    }

    // The pictures

    const frames = () => {
      const size = side(both.width);
      return stacked(both.width) ? [[0, 18, size], [0, size + 46, size]] : [[0, 18, size], [both.width - size, 18, size]];
    };
    const title = (context, text, x, y) => {
      context.fillStyle = stage.colours.ink;
      context.textAlign = "left";
      context.fillText(text, x, y);
    };
    function drawBoth(input, picked, out) {
      const context = stage.clear(both);
      const [[x, y, size], [X, Y]] = frames();
      title(context, picked < 0 ? "in: draw here" : `in: ${named(picked % 10)}`, x, y - 9);
      paintPixels(context, input.shown, 28, [x, y, size, size]);
      if (picked < 0) {
        context.strokeStyle = "#9aa5a9";
        context.lineWidth = 1;
        context.setLineDash([4, 4]);
        context.strokeRect(x + size / 7, y + size / 7, (size * 5) / 7, (size * 5) / 7);
        context.setLineDash([]);
      }
      title(context, "out: decoded from z", X, Y - 9);
      paintPixels(context, out, 28, [X, Y, size, size]);
      both.canvas.style.touchAction = picked < 0 ? "none" : "pan-y"; // a pad to draw on
    }

    function drawStrip(start, end, t) {
      const context = stage.clear(strip);
      const [count, size] = [many(strip.width), tile(strip.width)];
      const from = inked(net.logits(start));
      const to = inked(net.logits(end));
      title(context, "from z on, through the plane", 0, 8);
      title(context, "the same two pictures, pixels faded", 0, size + 29);
      for (let i = 0; i < count; i++) {
        const share = i / (count - 1);
        const x = i * (size + 3);
        paintPixels(context, inked(net.logits(start.map((a, j) => a + share * (end[j] - a)))), 28, [x, 18, size, size]);
        paintPixels(context, from.map((a, j) => a + share * (to[j] - a)), 28, [x, size + 39, size, size]);
      }
      const x = t * (count - 1) * (size + 3) + size / 2;
      context.strokeStyle = stage.colours.orange;
      context.lineWidth = 3;
      line(context, [[x, 15], [x, size + 20]]);
    }

    stage.drag(plane, (x, y) => {
      const area = box();
      const z = (share) => round(clamp((2 * share - 1) * reach, -reach, reach));
      stage.stop();
      stage.set({ z1: z((x - area.x) / area.w), z2: z(1 - (y - area.y) / area.h), t: 0 });
    });
    let last = null;
    stage.drag(both, (x, y, first) => {
      const [[left, top, size]] = frames();
      const place = [((x - left) / size) * 28, ((y - top) / size) * 28];
      const inside = place.every((p) => p >= 0 && p <= 28);
      if (first || !inside) last = inside ? place : null;
      if (first || !inside) return;
      const drawn = stage.get("picked") < 0 && stage.get("drawing");
      const ink = drawn ? fromBase64(drawn) : new Uint8Array(784);
      inkStroke(ink, last ?? place, place);
      last = place;
      stage.stop();
      const drawing = toBase64(ink);
      stage.set({ picked: -1, drawing, ...landing(encoded(-1, drawing)) });
    });

    return () => {
      const [z1, z2, t, toward, picked] = ["z1", "z2", "t", "toward", "picked"].map((name) => stage.get(name));
      const input = encoded(picked, stage.get("drawing"));
      const [start, end] = [[z1, z2], places[toward]];
      const z = start.map((a, j) => a + t * (end[j] - a));
      const logits = net.logits(z);
      drawPlane(z, start, end, input);
      drawBoth(input, picked, inked(logits));
      drawStrip(start, end, t);
      const where = `(${fixed(z[0], 2)}, ${fixed(z[1], 2)})`;
      if (input.empty) return stage.say(`z = ${where}. The left picture is empty: draw a digit, or pick one by the slider “picture”.`);
      const cost = number(surprise(logits, input.x));
      const its = number(surprise(net.logits(input.mu), input.x));
      const what = picked < 0 ? "Your drawing" : `This ${picked % 10}`;
      stage.say(`z = ${where}. ${what} costs ${cost} nats given z; given the encoder's mean (${fixed(input.mu[0], 2)}, ${fixed(input.mu[1], 2)}) it costs ${its}, and ${number(input.kl)} of KL for the code.`);
    };
  },
});
