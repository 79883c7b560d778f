"""Each thing that may change in the header is found by scripts/bindings --check, and named; what breaks programs is refused."""

import pathlib
import subprocess
import tempfile
import unittest

import abi

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = (ROOT / "include/tilecache.h").read_text()


def check(text, *options):
    """What scripts/bindings --check says of a header with this text, and whether it was content."""
    with tempfile.TemporaryDirectory() as folder:
        header = pathlib.Path(folder, "tilecache.h")
        header.write_text(text)
        ran = subprocess.run(
            [ROOT / "scripts/bindings", "--check", "--header", header, *options], capture_output=True, text=True
        )
    return ran.returncode == 0, ran.stderr


class Drift(unittest.TestCase):
    def found(self, old, new, *names):
        self.assertEqual(HEADER.count(old), 1, old)
        content, said = check(HEADER.replace(old, new))
        self.assertFalse(content, f"{old!r} became {new!r} and nobody noticed")
        self.assertNotIn("Traceback", said)
        for name in names:
            self.assertIn(name, said)

    def test_the_committed_header_has_not_drifted(self):
        self.assertEqual(check(HEADER), (True, ""))

    def test_functions(self):
        self.found("tc_run_releases(void)", "tc_run_all_releases(void)", "Raw.java", "raw.jl", "tc_run_all_releases")
        self.found("tc_status tc_clear(struct tc_cache *cache, struct tc_error *err)",
                   "tc_status tc_clear(struct tc_cache *cache, int32_t how, struct tc_error *err)",
                   "Raw.java", "raw.jl", "declarations.h", "how")
        self.found("uint64_t tc_memory_limit(void)", "int64_t tc_memory_limit(void)", "raw.jl", "declarations.h")

    def test_constants(self):
        self.found("TC_FILTER_GAUSS = 6", "TC_FILTER_GAUSS = 60", "constants.go", "constants.py", "Raw.java", "raw.jl")
        self.found("TC_E_CHANGED = 12", "TC_E_ALTERED = 12", "ErrAltered", "E_ALTERED")
        self.found("#define TC_LIBRARY_VERSION_MINOR 1", "#define TC_LIBRARY_VERSION_MINOR 2", "Raw.java", "0x200")

    def test_members(self):
        self.found("  uint32_t pad_edges;", "  uint32_t padding_edges;", "padding_edges")
        self.found("  uint32_t pad_edges;", "  uint64_t pad_edges;", "raw.jl", "layouts.jl", "Raw.java")
        self.found("char message[504]", "char message[500]", "layouts.jl", "Raw.java")
        width, height = "  /**\n   * Columns of a tile. 0 is 1024.\n   */\n  int64_t tile_width;\n", (
            "  /**\n   * Rows of a tile. 0 is 1024.\n   */\n  int64_t tile_height;\n")
        self.found(width + height, height + width, "layouts.jl", "Raw.java")

    def test_callbacks(self):
        self.found("typedef void *(*tc_clone_fn)(void *user);", "typedef void *(*tc_clone_fn)(void *user, int32_t n);",
                   "raw.jl", "Raw.java", "declarations.h")
        self.found("void (*close_session)(void *user, void *session);", "void (*close_session)(void *user);",
                   "raw.jl", "Raw.java", "declarations.h")

    def test_what_is_not_understood_is_refused_with_its_line(self):
        line = HEADER[: HEADER.index("typedef int32_t tc_status;")].count("\n") + 1
        self.found("typedef int32_t tc_status;", "typedef int32_t tc_status, *tc_status_p;", f"line {line}:")
        self.found("typedef int32_t tc_status;", "typedef union { int i; } tc_status;", f"line {line}:")
        self.found("typedef int32_t tc_status;", "#define TC_NEXT(a) (a + 1)\ntypedef int32_t tc_status;", f"line {line}:")
        self.found("typedef int32_t tc_status;", "static inline int f(void) { return 0; }\ntypedef int32_t tc_status;",
                   f"line {line}:")
        self.found("  uint32_t pad_edges;", "  uint32_t pad_edges : 1;", "tc_retile_options")
        self.found("  uint32_t pad_edges;", "  long pad_edges;", "long")
        self.found("size_t tc_run_releases(void);", "size_t tc_run_releases(int, ...);", "tc_run_releases")
        self.found("TC_E_CHANGED = 12,", "TC_E_CHANGED,", "tc_status_code")

    def test_functions_that_the_library_lacks(self):
        with tempfile.TemporaryDirectory() as folder:
            library = pathlib.Path(folder, "lib.so")
            source = pathlib.Path(folder, "lib.c")
            source.write_text("void tc_release(void *p) {(void)p;} void tc_new_one(void) {}\n")
            subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=True)
            content, said = check(HEADER, "--library", library)
        self.assertFalse(content)
        self.assertIn("does not export tc_retain\n", said)
        self.assertNotIn("does not export tc_release\n", said)
        self.assertIn("does not declare tc_new_one ", said)


class Abi(unittest.TestCase):
    """What would break programs built before is refused, and what does not is not."""

    def broken(self, *changes):
        text = HEADER
        for old, new in changes:
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        content, said = check(text)
        self.assertFalse(content)
        self.assertNotIn("Traceback", said)
        return said.split("\n---")[0] if "Programs built before would break" in said else ""

    def test_what_is_taken_away_or_becomes_something_else(self):
        for name, old, new in [
            ("function tc_run_releases", "size_t tc_run_releases(void);", ""),
            ("function tc_memory_limit", "uint64_t tc_memory_limit(void)", "int64_t tc_memory_limit(void)"),
            ("constant TC_E_CHANGED 12", "TC_E_CHANGED = 12", "TC_E_CHANGED = 15"),
            ("member tc_retile_options.pad_edges", "  uint32_t pad_edges;", "  uint64_t pad_edges;"),
            ("member tc_error.message", "char message[504]", "char message[600]"),
            ("struct tc_error frozen", "char message[504]", "char message[600]"),
            ("callback tc_clone_fn", "typedef void *(*tc_clone_fn)(void *user);", "typedef void *(*tc_clone_fn)(int32_t n);"),
            ("alias tc_status", "typedef int32_t tc_status;", "typedef uint32_t tc_status;"),
        ]:
            self.assertIn(name, self.broken((old, new)), f"{old!r} became {new!r}")

    def test_members_that_change_places(self):
        width, height = "  /**\n   * Columns of a tile. 0 is 1024.\n   */\n  int64_t tile_width;\n", (
            "  /**\n   * Rows of a tile. 0 is 1024.\n   */\n  int64_t tile_height;\n")
        said = self.broken((width + height, height + width))
        self.assertIn("member tc_retile_options.tile_width", said)

    def test_what_may_come(self):
        end = "} tc_retile_options;"
        self.assertEqual("", self.broken((end, "  /**\n   * New.\n   */\n  int64_t more;\n" + end)))
        self.assertEqual("", self.broken(("size_t tc_run_releases(void);", "size_t tc_run_releases(void);\n\n"
                                          "/**\n * New.\n */\nvoid tc_new_one(void);")))
        reserved = HEADER[HEADER.index("typedef struct tc_map_options {"):]
        reserved = "uint32_t reserved;\n" + reserved.split("uint32_t reserved;\n")[1].split("} tc_map_options;")[0]
        self.assertEqual("", self.broken((reserved, reserved.replace("reserved", "more"))))

    def test_members_where_nothing_may_come(self):
        self.assertIn("which is frozen", self.broken(("} tc_text;", "  /**\n   * New.\n   */\n  int64_t more;\n} tc_text;")))
        first = HEADER.index("typedef struct tc_retile_options {")
        member = "  /**" + HEADER[first:].split("  /**")[2]
        self.assertIn("member tc_retile_options.pad_edges",
                      self.broken((member, "  /**\n   * New.\n   */\n  int64_t more;\n" + member)))

    def test_a_new_number_may_change_all(self):
        old = "abi 0\nfunction tc_retain void (void)\n"
        self.assertEqual([], abi.broken(old, "abi 1\n"))
        self.assertEqual(["'function tc_retain void (void)' is gone"], abi.broken(old, "abi 0\n"))


if __name__ == "__main__":
    unittest.main()
