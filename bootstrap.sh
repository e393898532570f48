#!/usr/bin/env bash
# Set up what `make book` (and, with the word "test", `make test`) needs:
# a virtual environment with the packages of constraints.txt, the `dot` program, and
# for the tests a browser. Safe to run again: what is there is left alone.
set -euo pipefail
cd "$(dirname "$0")"
purpose=${1:-book}
venv=${VENV:-.venv}

say() { printf '\n== %s\n' "$*"; }

find_python() {
  for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  echo "Python 3.11 or newer is needed (https://www.python.org/downloads/)." \
    "If it is not called python3, say: make PYTHON=/path/to/python" >&2
  return 1
}

# The mark holds the hash of the files that decide what is installed.
wanted=$(cat pyproject.toml constraints.txt | cksum)
if [ "$(cat "$venv/.ready" 2>/dev/null)" != "$wanted" ]; then
  python=$(find_python)
  say "Installing the packages into $venv (about 7 GB with PyTorch, once)"
  if ! "$python" -m venv "$venv"; then
    echo "The virtual environment could not be made. On Debian or Ubuntu:" \
      "apt-get install python3-venv" >&2
    exit 1
  fi
  "$venv/bin/pip" install --disable-pip-version-check \
    --constraint constraints.txt --editable '.[book,cluster,grader,hub,test]'
  echo "$wanted" >"$venv/.ready"
fi

# try PACKAGE HINT: install a system package where we may; else say how, and go on
try() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing $1"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "$1" >/dev/null; } && return
  elif [ "$1" = graphviz ] && command -v brew >/dev/null; then
    say "Installing $1"
    brew install "$1" && return
  fi
  echo "Please install $1 by hand: $2" >&2
}

if ! command -v dot >/dev/null; then
  try graphviz "https://graphviz.org/download/ (pictures of networks need its program dot)"
fi

# -- instructors only
if [ "$(uname)" = Linux ] && ! command -v bwrap >/dev/null; then
  try bubblewrap "https://github.com/containers/bubblewrap (grading needs its program bwrap)"
fi

if [ "$purpose" = test ] && [ "$(uname)" = Linux ] \
  && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  try postgresql "https://www.postgresql.org (one test keeps the gradebook in it)"
fi
# -- for all

if [ "$purpose" = test ] && [ "$(uname)" = Linux ] \
  && ! command -v firefox-esr >/dev/null && ! command -v firefox >/dev/null; then
  try firefox-esr "https://www.mozilla.org/firefox (the figures are tried in it, too)"
fi

if [ "$purpose" = test ] && ! "$venv/bin/python" -m tests.support.browser 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    try chromium "https://www.chromium.org (the tests of the published pages need a browser)"
  else
    say "Installing Chromium for the tests of the published pages"
    "$venv/bin/playwright" install chromium
  fi
fi
