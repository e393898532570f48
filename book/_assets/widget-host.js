/* Runs anywidgets on a page without a kernel, from the state that the build embedded.

   A classic script, and modules imported from Blobs, so that it also runs from a
   folder (file://), where browsers refuse module files. A widget's module finds what
   a notebook gives it: a model with get, set, on, off and save_changes. */
(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
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
    set(name, value) {
      if (typeof name === "object") {
        Object.entries(name).forEach(([key, each]) => this.set(key, each));
      } else if (this.state[name] !== value) {
        this.state[name] = value;
        this.emit(`change:${name}`, this, value);
        this.emit("change", this);
      }
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

  async function load(source) {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const { default: widget } = await import(url);
    return typeof widget === "function" ? widget() : widget;
  }

  async function start(model) { // once for each model, however many views it has
    const [source, css] = [model.get("_esm"), model.get("_css")];
    if (css && !styles.has(css)) {
      styles.add(css);
      document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
    }
    if (!modules.has(source)) modules.set(source, load(source));
    const widget = await modules.get(source);
    await widget.initialize?.({ model });
    return widget;
  }

  async function show(script) {
    if (script.dataset.shown) return;
    script.dataset.shown = "yes";
    const model = models.get(JSON.parse(script.textContent).model_id);
    const el = document.createElement("div");
    el.className = "widget";
    script.after(el);
    try {
      model.started ??= start(model);
      const widget = await model.started;
      await widget.render?.({ model, el, signal: new AbortController().signal });
      el.dataset.ready = "yes";
    } catch (error) {
      console.error(error);
      el.setAttribute("role", "alert");
      el.textContent = `This interactive figure could not start: ${error.message}`;
    }
  }

  function begin() {
    for (const script of document.querySelectorAll(STATE)) {
      const { state } = JSON.parse(script.textContent);
      for (const [id, entry] of Object.entries(state)) models.set(id, new Model(entry));
    }
    const views = [...document.querySelectorAll(VIEW)];
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
    addEventListener("beforeprint", () => views.forEach(show));
  }

  if (document.readyState === "loading") addEventListener("DOMContentLoaded", begin);
  else begin();
})();
