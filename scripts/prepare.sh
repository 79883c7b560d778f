# For the other scripts: what they need of a Debian machine, installed where it is missing.

missing=()

# needs "<packages>" <command that works if they are there>
needs() {
    local packages=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=($packages)
}

# Installs what was found missing. Asks for nothing and changes nothing where all is there.
install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    if ! command -v apt-get >/dev/null; then
        echo "Please install what Debian calls: ${missing[*]}" >&2
        exit 1
    fi
    echo "Installing ${missing[*]}"
    "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=600 update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=600 install -qq -y --no-install-recommends "${missing[@]}"
}

if ! command -v cargo >/dev/null && [ -r "$HOME/.cargo/env" ]; then
    . "$HOME/.cargo/env"
fi
if ! command -v cargo >/dev/null; then
    echo "Rust is needed: https://rustup.rs" >&2
    exit 1
fi
target=$(realpath -m -- "${CARGO_TARGET_DIR:-target}")

# python_environment <name> <packages of PyPI>: makes one below the target directory that has them, if it is not there,
# and puts its programs first in PATH.
python_environment() {
    local made=$target/environments/$1 wanted=${*:2}
    if [ "$(cat "$made/packages" 2>/dev/null)" != "$wanted" ]; then
        rm -rf "$made"
        python3 -m venv "$made"
        "$made/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"
        echo "$wanted" >"$made/packages"
    fi
    PATH=$made/bin:$PATH
}
