/* Softmax and cross entropy: each row is a class, with its logit to drag. */
import { clamp, figure, finite, fixed, make, number } from "./kit.js";

/* Probabilities, target distribution, loss and ∂loss/∂logits. */
export function crossEntropy(logits, target, temperature = 1, smoothing = 0) {
  const scaled = logits.map((z) => z / temperature);
  const top = Math.max(...scaled);
  const powers = scaled.map((z) => Math.exp(z - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const p = powers.map((power) => power / total);
  const y = logits.map((_, i) => smoothing / logits.length + (i === target ? 1 - smoothing : 0));
  const logTotal = top + Math.log(total);
  const loss = y.reduce((sum, share, i) => sum + share * (logTotal - scaled[i]), 0);
  return { p, y, loss, gradient: p.map((share, i) => (share - y[i]) / temperature) };
}

/* The formula as it stands, in 32-bit floats. */
export function naiveSoftmax(logits) {
  const powers = logits.map((z) => Math.fround(Math.exp(Math.fround(z))));
  const total = powers.reduce((sum, power) => Math.fround(sum + power), 0);
  return powers.map((power) => Math.fround(power / total));
}

const STYLE = `
.bh-softmax { display: grid; gap: 0.3rem 0.7rem; grid-template-columns: auto 2fr 1.2fr 1.2fr; align-items: center; margin-top: 0.8rem; }
.bh-softmax > .head { color: var(--muted); font-size: 0.85rem; align-self: end; }
.bh-softmax .bar { background: linear-gradient(var(--line) 0 0) var(--zero, 0%) 50% / 1px 100% no-repeat; height: 1.9rem; position: relative; }
.bh-softmax .bar i { border-radius: 2px; display: block; height: 0.7rem; left: 0; position: absolute; top: 0; transform-origin: 0 0; width: 100%; }
.bh-softmax .bar b { background: currentcolor; height: 0.9rem; position: absolute; top: -0.1rem; width: 3px; margin-left: -1px; }
.bh-softmax .bar span { bottom: -0.1rem; font-size: 0.8rem; font-variant-numeric: tabular-nums; left: 0; line-height: 1; position: absolute; }
.bh-softmax .logit { display: grid; grid-template-columns: 1fr 2.6em; align-items: center; font-variant-numeric: tabular-nums; text-align: right; }
@media (max-width: 480px) {
  .bh-softmax { grid-template-columns: auto 1fr 1fr; }
  .bh-softmax .logit { grid-column: 2 / -1; }
  .bh-softmax .of-z { display: none; }
  .bh-softmax .class { grid-row: span 2; }
}`;

const LIMIT = 10;

export default figure({
  name: "Softmax and cross entropy",
  check(get) {
    const logits = get("logits");
    if (!finite(logits) || logits.length < 2) return "the logits are not numbers";
    if (!(get("target") in logits)) return "the target is none of the classes";
    if (!finite([get("temperature"), get("smoothing"), get("shift")])) return "a setting is not a number";
  },
  build(stage) {
    const { length } = stage.get("logits");
    const classes = [...Array(length).keys()];
    stage.remember("logits", "target", "temperature", "smoothing", "shift");
    stage.presets([
      ...stage.get("cases").map(({ label, logits }) => ({
        label: label[0].toUpperCase() + label.slice(1), set: { logits, target: 0 },
        note: "The longest gradient bar is the largest correction. Now move the logit of the true class: the gradient is always p minus what was wanted.",
      })),
      { label: "Too warm", set: { temperature: 8 }, note: "Temperature 8: all classes get nearly the same probability. The order stays, and so does the largest." },
      { label: "Too cold", set: { temperature: 0.2 }, note: "Temperature 0.2: nearly all goes to the largest logit. A small lead is now everything." },
      { label: "Smooth the labels", set: { smoothing: 0.2 }, note: "The ticks on the probabilities are what is wanted: no longer 0 and 1. Being too sure now costs: push the true logit up and watch the gradient turn round." },
      { label: "Add 100 to all", set: { shift: 100 }, note: "e¹⁰⁰ is more than a 32-bit float holds: the formula as it stands answers “not a number”. With the largest logit subtracted, nothing has changed at all." },
    ], "Drag a logit, or let a button do it. What changes, and what stays?");
    const grid = make("div", { class: "bh-softmax" }, make("style", {}, STYLE));
    for (const [name, text] of [["class", "class"], ["z", "logit z: drag"], ["p", "probability p"], ["g", "gradient"]]) {
      grid.append(make("span", { class: `head of-${name}` }, text));
    }
    const rows = classes.map((i) => {
      const input = make("input", {
        type: "range", min: -LIMIT, max: LIMIT, step: 0.1, "aria-label": `logit of class ${i}`, "data-lm-suppress-shortcuts": "true",
        input: () => stage.set({ logits: stage.get("logits").map((z, j) => (i === j ? Number(input.value) : z)) }),
      });
      const z = make("output");
      const bar = (zero, colour) => {
        const [fill, text] = [make("i", { style: `background: var(--${colour})` }), make("span")];
        const tick = make("b");
        const box = make("div", { class: "bar", style: `--zero: ${zero}` }, fill, ...(colour === "green" ? [tick] : []), text);
        return { box, fill, text, tick };
      };
      const [p, g] = [bar("0%", "green"), bar("50%", "orange")];
      const name = make("span", { class: "class" }, `${i}`);
      grid.append(name, make("span", { class: "logit" }, input, z), p.box, g.box);
      return { input, z, p, g, name };
    });
    stage.root.append(grid);
    const targets = classes.map((i) => [i, `class ${i}`]);
    stage.row(
      stage.choice("target", "true class", targets),
      stage.slider("temperature", "temperature T", { from: 0.1, to: 10, log: true }),
      stage.slider("smoothing", "label smoothing ε", { from: 0, to: 0.9, step: 0.05 }),
    );
    return () => {
      const [logits, target, T, smoothing, shift] = ["logits", "target", "temperature", "smoothing", "shift"].map((trait) => stage.get(trait));
      const { p, y, loss, gradient } = crossEntropy(logits.map((z) => z + shift), target, T, smoothing);
      rows.forEach(({ input, z, p: bar, g, name }, i) => {
        input.value = logits[i];
        input.setAttribute("aria-valuetext", fixed(logits[i] + shift, 1));
        z.textContent = fixed(logits[i] + shift, 1);
        name.textContent = i === target ? `${i} ✓` : `${i}`;
        name.style.fontWeight = i === target ? 700 : 400;
        bar.fill.style.transform = `scaleX(${p[i]})`;
        bar.tick.style.left = `${100 * y[i]}%`;
        bar.text.textContent = number(p[i]);
        const reach = clamp(gradient[i], -1, 1) / 2;
        g.fill.style.transform = `translateX(50%) scaleX(${reach})`;
        g.text.textContent = number(gradient[i]);
      });
      const loud = smoothing ? "−Σ y log p" : `−log p = −log ${number(p[target])}`;
      const asked = `(${number(p[target])} − ${number(y[target])})`;
      const share = T === 1 ? asked : `${asked} / ${number(T)}`;
      const naive = naiveSoftmax(logits.map((z) => (z + shift) / T));
      const broken = naive.some(Number.isNaN) ? " Without subtracting the largest logit, 32 bits would answer: not a number." : "";
      stage.say(`Loss: ${loud} = ${number(loss)}. Gradient of the true class: ${share} = ${number(gradient[target])}.${broken}`);
    };
  },
});
