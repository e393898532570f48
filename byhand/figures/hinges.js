/* Universal approximation: a curve to be drawn, and the ReLU network that follows it,
   constructed with knots at equal distances. */
import { clamp, figure, finite, line, make, number } from "./kit.js";

const MOST = 64;
const GRID = 64; // places in each piece at which the error is measured

/* The smooth curve through points at x = 0, 1, 2, … (Catmull and Rom). */
export function curve(points, x) {
  const last = points.length - 1;
  const i = clamp(Math.floor(x), 0, last - 1);
  const t = x - i;
  const [p1, p2] = [points[i], points[i + 1]];
  const [p0, p3] = [points[Math.max(i - 1, 0)], points[Math.min(i + 2, last)]];
  const [m1, m2] = [(p2 - p0) / 2, (p3 - p1) / 2];
  const u = 1 - t;
  return (1 + 2 * t) * u * u * p1 + t * u * u * m1 + t * t * (3 - 2 * t) * p2 - t * t * u * m2;
}

/* The network (6.2) with n hinges: bias + Σ bends[i] · ReLU(x − knots[i]). */
export function construct(points, n) {
  const h = (points.length - 1) / n;
  const knots = Array.from({ length: n }, (_, i) => i * h);
  const heights = [...knots, points.length - 1].map((x) => curve(points, x));
  const slopes = knots.map((_, i) => (heights[i + 1] - heights[i]) / h);
  return { knots, heights, bends: slopes.map((slope, i) => slope - (slopes[i - 1] ?? 0)), bias: heights[0] };
}
export function network({ knots, bends, bias }, x) {
  return knots.reduce((sum, knot, i) => (x > knot ? sum + bends[i] * (x - knot) : sum), bias);
}

/* The largest error of n hinges, and where it is. Between two knots the network is the
   straight line through them, which is quicker than the sum. */
export function error(points, n) {
  const h = (points.length - 1) / n;
  let [largest, where, right] = [0, 0, points[0]];
  for (let i = 0; i < n; i++) {
    const left = right;
    right = curve(points, (i + 1) * h);
    for (let k = 1; k < GRID; k++) {
      const x = (i + k / GRID) * h;
      const gap = Math.abs(curve(points, x) - left - ((right - left) * k) / GRID);
      if (gap > largest) [largest, where] = [gap, x];
    }
  }
  return { largest, where };
}
export function errors(points) {
  return Array.from({ length: MOST }, (_, k) => error(points, k + 1).largest);
}

const middle = (sorted) => (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.floor(sorted.length / 2)]) / 2;
const HIGH = 1.5;

export default figure({
  name: "Universal approximation",
  check(get) {
    if (!finite(get("points")) || get("points").length < 5) return "the points are not numbers";
    if (!finite([get("width"), get("point")])) return "a setting is not a number";
    if (!get("trained").every(({ width, errors: list }) => finite([width, list]))) return "errors of trained networks are not numbers";
  },
  build(stage) {
    const first = stage.get("points");
    const last = first.length - 1;
    const points = (f) => first.map((_, i) => Number(f(i / last, i).toFixed(2)));
    stage.remember("points", "width", "point", "hinges");
    stage.presets([
      { label: "Half as many", set: { width: 4 }, note: "Four hinges: the network is right at its knots, and blind between them. See where the error is largest." },
      { label: "64 hinges", set: { width: 64 }, note: "From some width on, the error runs down the dotted line: twice the hinges, about a quarter of the error." },
      { label: "A sine", set: { points: points((t) => Math.sin(2 * Math.PI * t)), width: 8 }, note: "A smooth curve: four hinges leave an error of a fifth, ten of a twentieth." },
      { label: "A step", set: { points: points((t) => (t < 0.5 ? -0.8 : 0.8)), width: 16 }, note: "Steep in one place, flat elsewhere: equal pieces spend most of their hinges where nothing bends. Look at the hinges themselves." },
      { label: "Zigzag", set: { points: points((t, i) => (i % 2 ? 0.9 : -0.9)), width: 8 }, note: "A bend at each point: with fewer hinges than bends little is gained; then the error falls as for all others." },
      { label: "See the hinges", set: { hinges: true, width: 6 }, note: "Each thin line is one hinge: nothing before its knot, straight after it. Their sum, with the height at the start, is the chain." },
    ], "Draw across the left panel, or move one point by the sliders. How many hinges does your curve need for an error of 0.01?");
    const heights = { // the slider of one point reads and writes a part of the list
      get: () => stage.get("points")[at()],
      set: (height) => stage.set({ points: stage.get("points").with(at(), height) }),
    };
    const at = () => clamp(stage.get("point"), 0, last);
    stage.row(
      stage.slider("width", "hinges n", { from: 1, to: MOST }),
      stage.slider("point", "point at x", { from: 0, to: last }),
      stage.slider(heights, "its height", { from: -HIGH, to: HIGH, step: 0.05 }),
      stage.toggle("hinges", "each hinge"),
    );
    const drawing = stage.pad("The curve, its control points, and the network of straight pieces; drag to draw", 280);
    const rates = stage.pad("Largest error against the number of hinges, both logarithmic; the sentence above gives the numbers", 280);
    stage.root.append(stage.sentence, make("div", { class: "bh-sides", style: "--columns: 3fr 2fr" }, make("div", {}, drawing.canvas), make("div", {}, rates.canvas)));

    const boxOf = (pad, left) => ({ x: left, y: 26, w: pad.width - left - 14, h: 210 });
    stage.drag(drawing, (x, y) => {
      const box = boxOf(drawing, 40);
      const point = clamp(Math.round(((x - box.x) / box.w) * last), 0, last);
      const height = clamp(HIGH - ((y - box.y) / box.h) * 2 * HIGH, -HIGH, HIGH);
      stage.set({ point, points: stage.get("points").with(point, Number(height.toFixed(2))) });
    });

    let found = {};
    function look() {
      const [now, width] = [stage.get("points"), stage.get("width")];
      const key = JSON.stringify(now);
      if (found.key !== key) found = { key, all: errors(now), trained: key === JSON.stringify(first) };
      if (found.width !== width) Object.assign(found, { width, net: construct(now, width), ...error(now, width) });
      return now;
    }

    function draw(now) {
      const context = stage.clear(drawing);
      const { ink, muted, blue, orange } = stage.colours;
      const { X, Y } = stage.axes(drawing, boxOf(drawing, 40), { x: [0, last], y: [-HIGH, HIGH], xlabel: "x", ylabel: "curve (wide), network (thin), points (circles)" });
      const xs = Array.from({ length: 241 }, (_, k) => (k * last) / 240);
      const path = (f, list = xs) => line(context, list.map((x) => [X(x), Y(f(x))]));
      const { net, where } = found;
      context.save();
      context.beginPath();
      context.rect(X(0), Y(HIGH), X(last) - X(0), Y(-HIGH) - Y(HIGH));
      context.clip();
      context.lineJoin = "round";
      if (stage.get("hinges")) {
        context.lineWidth = 1;
        context.strokeStyle = muted;
        net.knots.forEach((knot, i) => path((x) => net.bends[i] * Math.max(0, x - knot), [0, knot, last]));
      }
      context.lineWidth = 7;
      context.strokeStyle = muted;
      context.globalAlpha = 0.4;
      path((x) => curve(now, x));
      context.restore();
      context.lineWidth = 2;
      context.strokeStyle = orange;
      path((x) => network(net, x), [...net.knots, last]);
      context.fillStyle = orange;
      [...net.knots, last].forEach((knot, i) => context.fillRect(X(knot) - 2.5, Y(net.heights[i]) - 2.5, 5, 5));
      context.strokeStyle = ink; // the largest error
      line(context, [[X(where), Y(curve(now, where))], [X(where), Y(network(net, where))]]);
      stage.write(context, "▲", X(where), Y(-HIGH) - 6, { px: 11, colour: ink, align: "center" });
      now.forEach((height, i) => {
        context.beginPath();
        context.arc(X(i), Y(height), i === at() ? 7 : 5, 0, 2 * Math.PI);
        context.strokeStyle = blue;
        context.lineWidth = i === at() ? 3 : 1.5;
        context.stroke();
      });
    }

    function drawRates() {
      const context = stage.clear(rates);
      const { ink, blue, orange } = stage.colours;
      const { all, width, trained } = found;
      const [low, high] = [1e-4, 10];
      const { X, Y } = stage.axes(rates, boxOf(rates, 58), { x: [1, 100], y: [low, high], logX: true, logY: true, xlabel: "hidden units", ylabel: "largest error" });
      const shown = (list) => list.filter(([, value]) => value >= low && value <= high).map(([n, value]) => [X(n), Y(value)]);
      context.lineWidth = 1;
      context.strokeStyle = ink;
      context.setLineDash([2, 4]);
      line(context, shown([1, 2, 4, 8, 16, 32, 64].map((n) => [n, all[MOST - 1] * (MOST / n) ** 2])));
      context.setLineDash([]);
      stage.write(context, "n⁻²", X(2.2), Y(Math.min(high, all[MOST - 1] * (MOST / 2.2) ** 2)) + 14, { colour: ink, align: "right" });
      context.lineWidth = 2;
      context.strokeStyle = context.fillStyle = orange;
      line(context, shown(all.map((value, k) => [k + 1, value])));
      for (const [x, y] of shown([[width, all[width - 1]]])) context.fillRect(x - 5, y - 5, 10, 10);
      const networks = stage.get("trained");
      if (!networks.length) return;
      context.strokeStyle = context.fillStyle = blue;
      context.globalAlpha = trained ? 1 : 0.4;
      context.lineWidth = 1.5;
      for (const { width: n, errors: list } of networks) { // from the best seed to the worst
        line(context, shown([[n, list[0]], [n, list.at(-1)]]));
        for (const [x, y] of shown([[n, middle(list)]])) {
          context.beginPath();
          context.arc(x, y, 4, 0, 2 * Math.PI);
          context.fill();
        }
      }
      context.globalAlpha = 1;
      stage.write(context, trained ? "● trained" : "● trained, on the first curve", X(100), Y(high) + 10, { colour: blue, align: "right" });
      stage.write(context, "■ constructed", X(100), Y(high) + 26, { colour: orange, align: "right" });
    }

    return () => {
      const now = look();
      draw(now);
      drawRates();
      const { all, width, largest, where, trained } = found;
      const twice = 2 * width <= MOST ? ` Twice as many: ${number(all[2 * width - 1])}, ${number(largest / all[2 * width - 1], 2)} times less.` : "";
      const rival = stage.get("trained").find(({ width: n }) => n === width);
      const beside = rival && trained ? ` Trained networks of this width: ${number(middle(rival.errors))} in the median, ${number(rival.errors[0])} the best.` : "";
      stage.say(`${width} ${width === 1 ? "hinge" : "hinges"}: the largest error is ${number(largest)}, at x = ${number(where)} (▲).${twice}${beside}`);
    };
  },
});
