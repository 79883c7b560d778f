"""The small layer of Java has all of the C API: every function is called, every member of a struct of options is set."""

import pathlib
import re
import sys

BINDINGS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BINDINGS / "raw"))
import header  # noqa: E402

# A reference of Java is a reference: handles are shared by using them in two places.
NOT_NEEDED = {"tc_retain", "tc_chain_retain", "tc_transform_retain", "tc_pixel_stats_retain", "tc_load_retain"}
SIZED = {"struct_size", "reserved"}
# Of which there are none yet.
NO_FLAGS = {"tc_io.flags"}
# A tier is written in C, and a cache of Java is given its table.
FOR_TIERS = {"tc_tier_room", "tc_tier_answer", "tc_tier_is_wanted", "tc_tier_taken", "tc_tier_changed", "tc_tier_confirmed", "tc_tier_link_release"}
OF_TIERS = {"tc_tier", "tc_tier_block", "tc_tier_account", "tc_generation"}
# Numbers that are asked for by their names in the raw layer.
NUMBERS = {"tc_cache_stats", "tc_tier_stats", "tc_rgba"}


def main():
    model = header.read((BINDINGS.parent / "include/tilecache.h").read_text())
    code = "\n".join(path.read_text() for path in sorted((BINDINGS / "java/src/tilecache").glob("*.java")))
    lacks = [
        function["name"]
        for function in model["functions"]
        if function["name"] not in NOT_NEEDED | FOR_TIERS and not re.search(rf"\bRaw(\.|::){function['name']}\b|\b{function['name']}\(", code)
    ]
    for struct in model["structs"]:
        for member in struct["members"]:
            name = f"{struct['name']}.{member['name']}"
            if struct["name"] not in NUMBERS | OF_TIERS and member["name"] not in SIZED and name not in NO_FLAGS:
                if not re.search(rf"\b{name}\b", code):
                    lacks.append(name)
    if lacks:
        sys.exit("bindings/java lacks: " + ", ".join(lacks))


main()
