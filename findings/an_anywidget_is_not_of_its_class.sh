#!/usr/bin/env bash
# An anywidget's instance is not of the class that was called, and every instance runs the
# hooks of a new subclass (`__init_subclass__`) once more.
#
# Version: anywidget 0.11.0, ipywidgets 8.1.9, traitlets 5.16.1 (PyPI), Python 3.11.
# What one expects: type(Counter()) is Counter; Python calls __init_subclass__ when a class
#   is defined, once.
# What happens: where a widget gives its code as plain class attributes (`_esm = "…"`),
#   anywidget makes traits of them when an instance is made, by HasTraits.add_traits, which
#   gives the instance a class of its own: of the same name, derived from the one called.
#   A registry in __init_subclass__ grows with every instance, and work done there (reading
#   a file, say) is done each time.
# For whom it matters: who registers widget classes, compares types by `is`, or prepares
#   `_esm` in __init_subclass__. Ask there whether the class has an `_esm` already.
#
# Output seen:
#   is of the class that was called: False False
#   its class has the same name and is derived from it: True
#   two instances share a class: False
#   __init_subclass__ ran 3 times
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install ipywidgets==8.1.9 anywidget==0.11.0 traitlets==5.16.1
cat >"$folder/classes.py" <<'PY'
import anywidget

ran = []


class Base(anywidget.AnyWidget):
    def __init_subclass__(cls, **options):
        ran.append(cls)
        super().__init_subclass__(**options)


class Counter(Base):
    _esm = "export default { render() {} };"


one, two = Counter(), Counter()
print("is of the class that was called:", type(one) is Counter, type(two) is Counter)
same = type(one).__name__ == "Counter" and issubclass(type(one), Counter)
print("its class has the same name and is derived from it:", same)
print("two instances share a class:", type(one) is type(two))
print("__init_subclass__ ran", len(ran), "times")
PY
said=$("$folder/venv/bin/python" "$folder/classes.py")
echo "$said"
wanted=$(sed -n '/^# Output seen:/,/^set/s/^#   //p' "$0")
[ "$said" = "$wanted" ] || { echo "this has changed" >&2; exit 1; }
