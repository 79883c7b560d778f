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
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}"
}

if ! command -v cargo >/dev/null && [ -r "$HOME/.cargo/env" ]; then
    . "$HOME/.cargo/env"
fi
if ! command -v cargo >/dev/null; then
    echo "Rust is needed: https://rustup.rs" >&2
    exit 1
fi
target=$(realpath -m -- "${CARGO_TARGET_DIR:-target}")
