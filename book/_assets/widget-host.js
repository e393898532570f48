/* Runs anywidgets on a page without a kernel, from the state that the build embedded.

   A classic script, and modules imported from Blobs, so that it also runs from a
   folder (file://), where browsers refuse module files. A widget's module finds what
   a notebook gives it: a model with get, set, on, off and save_changes.

   The still picture of a widget stands in its place until it runs, on paper, and if it
   cannot run; then the console says why. */
(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  const LOOK =
    "@media print { .widget { display: none; } }" +
    "@media not print { .widget[data-ready] ~ .widget-still { display: none; } }";
  const models = new Map(); // model id -> Model
  const modules = new Map(); // source text -> promise of the module's widget
  const styles = new Set(); // CSS texts that the page has already

  function bytes(base64) {
    const text = atob(base64);
    const array = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
    return new DataView(array.buffer);
  }

  class Model {
    constructor({ state, buffers = [] }) {
      this.state = state;
      this.listeners = new Map();
      for (const { path, data } of buffers) { // binary traits become DataViews
        const owner = path.slice(0, -1).reduce((object, key) => object[key], state);
        owner[path.at(-1)] = bytes(data);
      }
    }
    get(name) {
      return this.state[name];
    }
    set(name, value) { // listeners hear of several changes when all are made
      const changes = typeof name === "object" ? name : { [name]: value };
      const changed = Object.keys(changes).filter((key) => this.state[key] !== changes[key]);
      Object.assign(this.state, changes);
      for (const key of changed) this.emit(`change:${key}`, this, changes[key]);
      if (changed.length) this.emit("change", this);
    }
    on(events, listener) {
      for (const event of events.split(" ")) {
        if (!this.listeners.has(event)) this.listeners.set(event, new Set());
        this.listeners.get(event).add(listener);
      }
    }
    off(events, listener) {
      if (!events) return this.listeners.clear();
      for (const event of events.split(" ")) {
        if (listener) this.listeners.get(event)?.delete(listener);
        else this.listeners.delete(event);
      }
    }
    emit(event, ...values) {
      for (const listener of [...(this.listeners.get(event) ?? [])]) listener(...values);
    }
    save_changes() {} // there is no kernel to save them to
    send() {}
  }

  function style(css) {
    if (!css || styles.has(css)) return;
    styles.add(css);
    document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  }

  async function load(source) {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const { default: widget } = await import(url);
    return typeof widget === "function" ? widget() : widget;
  }

  async function start(model) { // once for each model, however many views it has
    const source = model.get("_esm");
    if (!source) throw new Error("its module is missing");
    style(model.get("_css"));
    if (!modules.has(source)) modules.set(source, load(source));
    const widget = await modules.get(source);
    await widget.initialize?.({ model });
    return widget;
  }

  function unwrap(script) { // the still picture, from the <noscript> beside it
    const without = script.parentElement.querySelector("noscript");
    const picture = document.createElement("div");
    picture.className = "widget-still";
    picture.innerHTML = without?.textContent ?? "";
    without?.replaceWith(picture);
  }

  async function show(script) {
    const el = document.createElement("div");
    el.className = "widget";
    script.after(el);
    try {
      const model = models.get(JSON.parse(script.textContent).model_id);
      if (!model) throw new Error("its state is missing");
      model.started ??= start(model);
      const widget = await model.started;
      await widget.render?.({ model, el, signal: new AbortController().signal });
      el.dataset.ready = "yes";
    } catch (error) {
      el.remove();
      console.error(`A figure shows its still picture only. ${error.message}`);
    }
  }

  function read() {
    for (const script of document.querySelectorAll(STATE)) {
      try {
        const { state, texts = [] } = JSON.parse(script.textContent);
        for (const [id, entry] of Object.entries(state)) {
          for (const name of ["_esm", "_css"]) {
            if (Number.isInteger(entry.state[name])) entry.state[name] = texts[entry.state[name]];
          }
          models.set(id, new Model(entry));
        }
      } catch (error) {
        console.error(`The figures show their still pictures only. ${error.message}`);
        return false;
      }
    }
    return true;
  }

  function begin() {
    style(LOOK);
    const views = [...document.querySelectorAll(VIEW)];
    views.forEach(unwrap);
    if (!read()) return;
    const soon = new IntersectionObserver( // shortly before it scrolls into sight
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          soon.unobserve(target);
          show(target.querySelector(VIEW));
        }
      },
      { rootMargin: "600px" },
    );
    for (const view of views) soon.observe(view.parentElement);
  }

  if (document.readyState === "loading") addEventListener("DOMContentLoaded", begin);
  else begin();
})();
