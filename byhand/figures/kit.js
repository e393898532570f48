/* What the figures share: a stage with its controls, canvases, colours, numbers.

   `byhand.figures.Figure` puts this file in front of a figure's own module, since a
   notebook takes one module that imports nothing: no figure may use a name of the kit
   for something of its own. */

/* Elements: make("p", { class: "x" }, "text", child). A value of false leaves the
   attribute out, a function listens. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/* A number as people write it: 0.25, −3, 1.2·10⁻⁶; `digits` are significant ones. */
export function number(value, digits = 3) {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    const [head, power] = value.toExponential(Math.max(0, digits - 2)).split("e");
    const raised = [...String(Number(power))].map((sign) => RAISED[sign]).join("");
    return `${head}·10${raised}`.replace("-", "−");
  }
  const places = size === 0 ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  const text = value.toFixed(Math.min(places, 6));
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/* A number with so many digits after the point: for columns that must not jump. */
export function fixed(value, places) {
  if (!Number.isFinite(value)) return number(value);
  const text = value.toFixed(places);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/* Random numbers in [0, 1) that are the same on every machine (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/* Standard normal numbers, from such a source (Box and Muller). */
export function normal(uniform) {
  return () =>
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/* Whether a list, of lists perhaps, holds numbers only, and at least one. */
export function finite(values) {
  if (Array.isArray(values)) return values.length > 0 && values.every(finite);
  return typeof values === "number" && Number.isFinite(values);
}

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
let ids = 0;

class Stage {
  constructor(model, el, name, signal) {
    Object.assign(this, { model, signal, refreshers: [], pads: [], start: {}, pending: 0 });
    this.root = make("div", { class: "bh-figure", role: "group", "aria-label": name });
    this.sentence = make("p", { class: "bh-says" });
    this.spoken = make("p", { class: "bh-spoken", role: "status" });
    el.append(this.root);
    this.changed = () => this.redraw();
    model.on("change", this.changed);
    this.theme = new MutationObserver(() => (this.tint(), this.redraw()));
    for (const page of [document.documentElement, document.body]) {
      this.theme.observe(page, { attributes: true });
    }
    this.sizes = new ResizeObserver(() => {
      const late = !this.tinted && this.tint(); // JupyterLab makes it before it shows it
      if (this.fit() || late) this.paint();
    });
    this.sizes.observe(this.root);
    this.tint();
  }

  end() {
    this.model.off("change", this.changed);
    this.theme.disconnect();
    this.sizes.disconnect();
    cancelAnimationFrame(this.pending);
    this.stop?.();
    this.ended = true;
  }

  /* State: what the figure shows is in its model, and nowhere else. */

  get(name) {
    return this.model.get(name);
  }
  set(changes) {
    this.touched = true;
    this.model.set(changes);
    clearTimeout(this.saver); // a kernel need not hear of every pixel
    this.saver = setTimeout(() => this.model.save_changes(), 120);
  }
  redraw() {
    if (!this.pending && !this.ended) {
      this.pending = requestAnimationFrame(() => this.paint());
    }
  }
  paint() {
    cancelAnimationFrame(this.pending);
    this.pending = 0;
    for (const refresh of this.refreshers) refresh();
    this.draw?.();
  }

  /* Colours: dark or light is told by the colour of the text around. */

  tint() {
    const style = getComputedStyle(this.root);
    const [r, g, b] = style.color.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0];
    this.tinted = style.color !== "";
    this.root.dataset.theme = 0.3 * r + 0.6 * g + 0.1 * b > 128 ? "dark" : "light";
    this.colours = { ink: style.color };
    for (const name of ["muted", "line", "ground", "blue", "orange", "green", "pink", "amber", "sky"]) {
      this.colours[name] = style.getPropertyValue(`--${name}`).trim();
    }
    return this.tinted;
  }

  /* What the figure says: seen at once, heard when the hand rests. It stands at the
     end, unless it is put elsewhere. */

  say(text) {
    if (text === this.said) return;
    this.said = text;
    this.sentence.textContent = text;
    clearTimeout(this.speaker);
    if (this.touched) this.speaker = setTimeout(() => (this.spoken.textContent = text), 700);
  }

  /* Controls. Each belongs to one trait of the model and follows it; or to a part of
     one, in place of whose name stands {get, set}. */
  value(trait) {
    return typeof trait === "string" ? this.get(trait) : trait.get();
  }
  change(trait, value) {
    if (typeof trait === "string") this.set({ [trait]: value });
    else trait.set(value);
  }

  row(...children) {
    return this.root.appendChild(make("div", { class: "bh-row" }, ...children));
  }

  /* from, to: the range, `to` perhaps a function; step, or log for equal ratios; or
     stops: all values that it has, in order. */
  slider(trait, label, { stops, from = 0, to = stops?.length - 1, step = 1, log = false, format = step % 1 || log ? number : String }) {
    const id = `bh-${++ids}`;
    const steps = 120;
    const value = (place) =>
      stops ? stops[place] : log ? Number((from * (to / from) ** (place / steps)).toPrecision(3)) : place;
    const place = (value) =>
      stops ? stops.findLastIndex((stop) => stop <= value) : log ? (steps * Math.log(value / from)) / Math.log(to / from) : value;
    const shown = make("output", { for: id });
    const input = make("input", {
      id, type: "range", "data-lm-suppress-shortcuts": "true",
      min: log ? 0 : from, max: log ? steps : 0, step: log ? 1 : step,
      input: () => this.change(trait, value(Number(input.value))),
    });
    this.refreshers.push(() => {
      if (!log) input.max = typeof to === "function" ? to() : to;
      const now = this.value(trait);
      input.value = place(now);
      shown.textContent = format(now);
      input.setAttribute("aria-valuetext", format(now));
    });
    return make("div", { class: "bh-slider" }, make("label", { for: id }, label), shown, input);
  }

  /* options: names; or pairs of value and name. */
  choice(trait, label, options) {
    const id = `bh-${++ids}`;
    const pairs = options.map((each) => (Array.isArray(each) ? each : [each, each]));
    const select = make(
      "select",
      { id, "data-lm-suppress-shortcuts": "true", change: () => this.change(trait, pairs[select.selectedIndex][0]) },
      ...pairs.map(([, name]) => make("option", {}, name)),
    );
    this.refreshers.push(() => {
      select.selectedIndex = pairs.findIndex(([value]) => same(value, this.value(trait)));
    });
    return make("div", { class: "bh-choice" }, make("label", { for: id }, label), select);
  }

  toggle(trait, label) {
    const input = make("input", {
      type: "checkbox", "data-lm-suppress-shortcuts": "true",
      change: () => this.set({ [trait]: input.checked }),
    });
    this.refreshers.push(() => (input.checked = this.get(trait)));
    return make("label", { class: "bh-toggle" }, input, label);
  }

  button(label, action, attributes = {}) {
    const button = make("button", {
      type: "button", "data-lm-suppress-shortcuts": "true", ...attributes,
      click: () => ((this.touched = true), action()),
    }, label);
    return button;
  }

  /* Buttons that lead through the figure: each {label, set, note}; hint: what to try
     first. The last button goes back to the state in which the figure was made. */
  presets(list, hint) {
    const names = new Set(list.flatMap(({ set }) => Object.keys(set)));
    for (const name of names) this.start[name] ??= this.get(name);
    const note = make("p", { class: "bh-note", role: "status" }, hint);
    const buttons = list.map(({ label, set, note: text }) => {
      const button = this.button(label, () => {
        this.stop?.();
        this.set({ ...this.start, ...set });
        note.textContent = text;
      }, { "aria-pressed": "false" });
      this.refreshers.push(() => {
        const pressed = Object.entries(set).every(([name, value]) => same(this.get(name), value));
        button.setAttribute("aria-pressed", pressed);
      });
      return button;
    });
    const back = this.button("Start again", () => {
      this.stop?.();
      this.set({ ...this.start });
      note.textContent = hint;
    }, { class: "bh-back" });
    this.root.append(make("div", { class: "bh-presets" }, ...buttons, back), note);
  }

  /* What "Start again" brings back besides what presets change. */
  remember(...names) {
    for (const name of names) this.start[name] = this.get(name);
  }

  /* A button that calls step() every so many milliseconds (0: every frame) until it
     returns false, is pressed again, or the figure is out of sight. */
  player(label, step, interval = 0) {
    let running = 0;
    let last = 0;
    const button = this.button(label, () => (running ? this.stop() : go()));
    const frame = (now) => {
      if (document.hidden || this.ended) return this.stop();
      running = requestAnimationFrame(frame);
      if (now - last < interval) return;
      last = now;
      if (step() === false) this.stop();
    };
    const go = () => {
      button.textContent = "Pause";
      last = -Infinity;
      running = requestAnimationFrame(frame);
    };
    this.stop = () => {
      cancelAnimationFrame(running);
      running = 0;
      button.textContent = label;
    };
    new IntersectionObserver(([{ isIntersecting }]) => isIntersecting || this.stop()).observe(this.root);
    this.playing = () => running !== 0;
    return button;
  }

  /* A canvas as wide as its place; height: a number, or a function of the width. */
  pad(label, height) {
    const canvas = make("canvas", { role: "img", "aria-label": label });
    const pad = { canvas, height, width: 0, context: canvas.getContext("2d") };
    pad.tall = () => (typeof height === "function" ? height(pad.width) : height);
    this.pads.push(pad);
    return pad;
  }
  fit() {
    const ratio = Math.min(devicePixelRatio || 1, 3);
    let changed = false;
    for (const pad of this.pads) {
      pad.width = pad.canvas.parentElement?.clientWidth ?? 0;
      const [wide, tall] = [Math.round(pad.width * ratio), Math.round(pad.tall() * ratio)];
      if (pad.canvas.width === wide && pad.canvas.height === tall) continue;
      Object.assign(pad.canvas, { width: wide, height: tall });
      pad.canvas.style.height = `${pad.tall()}px`;
      changed = true;
    }
    return changed || !this.pads.length;
  }
  /* An empty canvas to draw on, in CSS pixels. */
  clear(pad) {
    const { context, canvas } = pad;
    const ratio = canvas.width / (pad.width || 1);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, pad.width, pad.tall());
    context.font = `12px ${getComputedStyle(this.root).fontFamily}`;
    context.textBaseline = "middle";
    return context;
  }

  /* Words on a canvas; px: their size. */
  write(context, words, x, y, { px = 12, colour = this.colours.muted, align = "left" } = {}) {
    context.font = context.font.replace(/[\d.]+px/, `${px}px`);
    context.fillStyle = colour;
    context.textAlign = align;
    context.fillText(words, x, y);
  }

  /* A square with text; fills: tints, one above the other; without one it is faint. */
  cell(context, x, y, size, text, { fills = [], lit = false } = {}) {
    const { ink, muted, line } = this.colours;
    context.globalAlpha = 0.32;
    fills.forEach((colour, n) => {
      context.fillStyle = colour;
      context.fillRect(x, y + (n * size) / fills.length, size, size / fills.length);
    });
    context.globalAlpha = 1;
    context.lineWidth = lit ? 3 : 1;
    context.strokeStyle = lit ? ink : fills.length ? muted : line;
    context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
    if (size < 15) return;
    const px = clamp(size * 0.42, 11, 14);
    this.write(context, text, x + size / 2, y + size / 2 + 1, { px, colour: fills.length ? ink : muted, align: "center" });
  }

  /* A table of text: its heads, and rows, of which the first cell is a head as well. */
  fill(table, heads, rows) {
    const cell = (tag, scope) => (text) => make(tag, { scope }, `${text}`);
    table.replaceChildren(
      make("thead", {}, make("tr", {}, ...heads.map(cell("th", "col")))),
      make("tbody", {}, ...rows.map(([head, ...rest]) => make("tr", {}, cell("th", "row")(head), ...rest.map(cell("td", false))))),
    );
  }

  /* Axes in a box {x, y, w, h} of a canvas, for numbers {x: [low, high], y: [low,
     high]}, with ticks and labels; logX, logY: equal ratios. Gives the two maps. */
  axes(pad, box, { x, y, xlabel = "", ylabel = "", logX = false, logY = false }) {
    const { context } = pad;
    const map = ([low, high], log, start, length) => {
      const f = log ? Math.log10 : (value) => value;
      return (value) => start + ((f(value) - f(low)) / (f(high) - f(low))) * length;
    };
    const X = map(x, logX, box.x, box.w);
    const Y = map(y, logY, box.y + box.h, -box.h);
    context.lineWidth = 1;
    context.strokeStyle = this.colours.line;
    context.fillStyle = this.colours.muted;
    context.textAlign = "center";
    for (const tick of ticks(x, logX, box.w / 55)) {
      line(context, [[X(tick), box.y], [X(tick), box.y + box.h]]);
      context.fillText(number(tick, 2), X(tick), box.y + box.h + 10);
    }
    context.textAlign = "right";
    for (const tick of ticks(y, logY, box.h / 32)) {
      line(context, [[box.x, Y(tick)], [box.x + box.w, Y(tick)]]);
      context.fillText(number(tick, 2), box.x - 5, Y(tick));
    }
    context.textAlign = "center";
    context.fillText(xlabel, box.x + box.w / 2, box.y + box.h + 25);
    context.textAlign = "left";
    context.fillText(ylabel, box.x, box.y - 9);
    return { X, Y };
  }

  /* Pointer on a canvas: at(x, y, first) while a button or finger is down; hover: and
     while a mouse passes. A finger that moves up or down scrolls the page, as it does
     elsewhere. */
  drag(pad, at, hover = false) {
    const { canvas } = pad;
    const tell = (event, first) => {
      const box = canvas.getBoundingClientRect();
      at(event.clientX - box.left, event.clientY - box.top, first);
    };
    canvas.style.touchAction = "pan-y";
    canvas.addEventListener("pointerdown", (event) => {
      this.touched = true;
      canvas.setPointerCapture(event.pointerId);
      tell(event, true);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId) || (hover && event.pointerType === "mouse")) tell(event, false);
    });
  }
}

export function line(context, points) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

/* About so many round numbers between two ends. */
export function ticks([low, high], log, many) {
  if (log) {
    const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
    const every = Math.max(1, Math.ceil((last - first + 1) / Math.max(2, many)));
    const powers = [];
    for (let power = first; power <= last; power += every) powers.push(10 ** power);
    return powers;
  }
  const rough = (high - low) / Math.max(2, many);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough - 1e-12);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

/* A widget, from its name, a check of its state (which returns what is wrong with it,
   in words, or nothing), and build(stage), which makes it and returns what draws it. */
export function figure({ name, check, build }) {
  return {
    render({ model, el, signal }) {
      const wrong = check((trait) => model.get(trait));
      if (wrong) throw new Error(`${name}: ${wrong}`);
      const stage = new Stage(model, el, name, signal);
      try {
        stage.draw = build(stage);
        if (!stage.sentence.parentElement) stage.root.append(stage.sentence);
        stage.root.append(stage.spoken);
        stage.fit();
        stage.paint();
      } catch (error) {
        stage.end();
        throw error;
      }
      return () => stage.end();
    },
  };
}
