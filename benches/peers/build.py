"""Compiles the programs, those of peers where they are installed."""
import os
import subprocess
import sys

FLAGS = ["-O3", "-std=c++17", "-Wall"]
NATIVE = "-march=native"
HARNESS = ["harness.cpp", "fail.cpp", "checksum.cpp"]
# Of each program its sources, what pkg-config must know, and more libraries.
COUNTED = [*HARNESS, "count.cpp"]
PROGRAMS = {
    "make_data": (["make_data.cpp"], ["gdal"], []),
    "gdal": ([*COUNTED, "gdal.cpp"], ["gdal", "libtiff-4", "libopenjp2"], ["-ldl"]),
    "openimageio": ([*COUNTED, "openimageio.cpp"], ["OpenImageIO", "libtiff-4", "libopenjp2"], ["-ldl"]),
    "vips": ([*COUNTED, "vips.cpp"], ["vips", "libtiff-4", "libopenjp2"], ["-ldl"]),
    "floor": ([*HARNESS, "floor.cpp"], ["libtiff-4", "libopenjp2"], ["-ldeflate"]),
    "limits": (["limits.cpp", "fail.cpp", "checksum.cpp"], [], []),
    "trace": (["trace.cpp"], [], []),
    "stores": (["stores.cpp"], [], []),
}
PEERS = {"gdal", "openimageio", "vips", "floor"}


class Program:
    def __init__(self, command, environment=None):
        self.command, self.environment = command, environment or {}


def _is_current(program, sources, folder):
    if not os.path.exists(program):
        return False
    made = os.path.getmtime(program)
    headers = [name for name in os.listdir(folder) if name.endswith(".h")]
    return all(os.path.getmtime(os.path.join(folder, name)) < made for name in sources + headers)


def _compile(name, sources, flags, out, folder, processor=NATIVE):
    program = os.path.join(out, name)
    if not _is_current(program, sources, folder):
        print(f"building {name}", file=sys.stderr)
        paths = [os.path.join(folder, source) for source in sources]
        subprocess.run(["g++", *FLAGS, processor, "-rdynamic", *paths, "-o", program, *flags, "-lpthread"], check=True)
    return program


def _compile_library(path, sources, flags):
    """A shared library, made anew where a source or a header beside it is newer."""
    used = sources + [os.path.join(folder, name) for folder in {os.path.dirname(source) for source in sources}
                      for name in os.listdir(folder) if name.endswith(".h")]
    if not os.path.exists(path) or any(os.path.getmtime(name) >= os.path.getmtime(path) for name in used):
        print(f"building {os.path.basename(path)}", file=sys.stderr)
        subprocess.run(["g++", *FLAGS, "-fPIC", "-shared", *sources, "-o", path, *flags, "-ldl"], check=True)


def build_through(chosen, here, root):
    """The driver plugin and the library that counts decodes; None without GDAL."""
    flags = _flags(["gdal", "libtiff-4", "libopenjp2"])
    if flags is None:
        return None
    out, library = os.path.join(chosen.folder, "programs"), os.path.abspath(chosen.library)
    plugin, counter = os.path.join(out, "gdalplugins"), os.path.join(out, "decodes.so")
    os.makedirs(plugin, exist_ok=True)
    driver = os.path.join(root, "gdal")
    sources = [os.path.join(driver, name) for name in sorted(os.listdir(driver)) if name.endswith(".cpp")]
    ours = ["-fvisibility=hidden", "-I" + os.path.join(root, "include"), "-L" + library, "-ltilecache", "-Wl,-rpath," + library]
    _compile_library(os.path.join(plugin, "gdal_TILECACHE.so"), sources, flags + ours)
    _compile_library(counter, [os.path.join(here, "cpp", name) for name in ("count.cpp", "decodes.cpp")], flags)
    return os.path.abspath(plugin), os.path.abspath(counter)


def _flags(packages):
    """The flags of packages; None if one is not installed."""
    if not packages:
        return []
    asked = subprocess.run(["pkg-config", "--cflags", "--libs", *packages], capture_output=True, text=True)
    return asked.stdout.split() if asked.returncode == 0 else None


def build(chosen, workloads, here, root):
    """The programs that are wanted, by their names; peers that are not installed are left out."""
    folder, out = os.path.join(here, "cpp"), os.path.join(chosen.folder, "programs")
    os.makedirs(out, exist_ok=True)
    made = {}
    alone = {"limits": "limits", "growth": "growth", "stitch": "stitch", "trace": "counts", "stores": "counts"}

    def is_needed(name):
        return chosen.wants(name) if name in PEERS else alone.get(name, workloads[0]) in workloads

    for name, (sources, packages, libraries) in PROGRAMS.items():
        if not is_needed(name):
            continue
        flags = _flags(packages)
        if flags is None:
            if name not in PEERS:
                sys.exit(f"needed: {', '.join(packages)}")
            print(f"{name} is left out: {', '.join(packages)} are not installed", file=sys.stderr)
            continue
        made[name] = Program([_compile(name, sources, flags + libraries, out, folder)])
    library = os.path.abspath(chosen.library)
    if not os.path.exists(os.path.join(library, "libtilecache.so")):
        sys.exit(f"no libtilecache.so in {library}: cargo build --release")
    ours = ["-I" + os.path.join(root, "include"), "-L" + library, "-ltilecache"]
    environment = {"LD_LIBRARY_PATH": library}
    made["ours"] = Program([_compile("ours", [*HARNESS, "ours.cpp"], ours, out, folder)], environment)
    if "counts" in workloads:
        # Its accesses to memory are counted, on a processor that valgrind knows.
        plain = _compile("ours_plain", [*HARNESS, "ours.cpp"], ours, out, folder, "-march=x86-64")
        made["ours plain"] = Program([plain], environment)
    for name in filter(is_needed, ("growth", "stitch")):
        made[name] = Program([_compile(name, [name + ".cpp", "fail.cpp"], ours, out, folder)], environment)
    if chosen.gdal_newer and chosen.wants("gdal newer"):
        newer = os.path.abspath(chosen.gdal_newer)
        # Its own libraries lie beside it. What it decodes is not counted: it calls its own libtiff.
        flags = (_flags(["gdal"]) or [])
        flags = [flag for flag in flags if not flag.startswith("-l")] + [newer, "-Wl,--allow-shlib-undefined"]
        program = _compile("gdal_newer", [*HARNESS, "gdal.cpp"], flags, out, folder)
        made["gdal newer"] = Program([program], {"LD_LIBRARY_PATH": os.path.dirname(newer), "PEER_NAME": "gdal newer"})
    return made
