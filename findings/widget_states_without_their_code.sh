#!/usr/bin/env bash
# ipywidgets' embed_data leaves the code of an anywidget out of a page: by default.
#
# Version: ipywidgets 8.1.9, anywidget 0.11.0, traitlets 5.16.1 (PyPI), Python 3.11.
# What one expects: embed_data (and embed_minimal_html, which calls it) writes what a page
#   needs to show a widget without a kernel; `drop_defaults=True`, its default, leaves out
#   only what every reader of the state knows anyhow.
# What happens: the module of an anywidget (`_esm`) and its style sheet (`_css`) are
#   defaults of traits that only its own Python class knows, so they are dropped like the
#   rest: the state has the numbers, and nothing that could draw them. No warning.
# For whom it matters: who publishes anywidgets in a static page. Pass drop_defaults=False.
#
# Output seen:
#   by default: count
#   drop_defaults=False: _esm count
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install ipywidgets==8.1.9 anywidget==0.11.0 traitlets==5.16.1
cat >"$folder/embed.py" <<'PY'
import anywidget
import traitlets
from ipywidgets.embed import embed_data


class Counter(anywidget.AnyWidget):
    _esm = "export default { render({ model, el }) { el.textContent = model.get('count'); } };"
    count = traitlets.Int(0).tag(sync=True)


counter = Counter(count=3)
for words, options in (("by default:", {}), ("drop_defaults=False:", {"drop_defaults": False})):
    models = embed_data(views=[counter], **options)["manager_state"]["state"].values()
    names = {n for model in models for n in model["state"]} & {"_esm", "count"}
    print(words, *sorted(names))
PY
said=$("$folder/venv/bin/python" "$folder/embed.py")
echo "$said"
[ "$said" = $'by default: count\ndrop_defaults=False: _esm count' ] \
  || { echo "this has changed" >&2; exit 1; }
