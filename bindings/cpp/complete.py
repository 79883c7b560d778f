"""The C++ header has all of the C API: every function is called, every member of a struct of options is set by its name."""

import pathlib
import re
import sys

BINDINGS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BINDINGS / "raw"))
import header  # noqa: E402

# Structs of C under another name, and members that are something else in C++: counts, sizes and what belongs to callbacks.
NAMES = {"tc_io": "Bytes", "tc_mosaic_part": "MosaicPart"}
AS_IN_C = {"tc_cache_stats", "tc_format", "tc_chain_about", "tc_tier", "tc_tier_block", "tc_tier_account", "tc_tier_stats"}
# Who writes a tier calls these as in C: its functions get plain structs of C on threads that no handle may hold up.
FOR_TIERS = {"tc_tier_room", "tc_tier_answer", "tc_tier_is_wanted", "tc_tier_taken", "tc_tier_changed", "tc_tier_confirmed", "tc_tier_link_release"}
ELSEWHERE = {"struct_size", "reserved", "user", "progress_user", "release", "close_session"}
OTHER_STRUCTS = {"tc_input", "tc_mosaic_part", "tc_text", "tc_gcp"}


def main():
    model = header.read((BINDINGS.parent / "include/tilecache.h").read_text())
    text = (BINDINGS.parent / "include/tilecache.hpp").read_text()
    code = re.sub(r"/\*.*?\*/|//[^\n]*|\"[^\"\n]*\"", "", text, flags=re.S)
    names = {function["name"] for function in model["functions"]}
    if not FOR_TIERS <= names:
        sys.exit("include/tilecache.h lacks: " + ", ".join(sorted(FOR_TIERS - names)))
    lacks = sorted(name for name in names - FOR_TIERS if not re.search(rf"\b{name}\b", code))
    for struct in model["structs"]:
        led = struct["members"][0]["name"] == "struct_size" and struct["name"] not in AS_IN_C
        if led or struct["name"] in OTHER_STRUCTS:
            name = NAMES.get(struct["name"]) or "".join(
                word.capitalize() for word in struct["name"].removeprefix("tc_").split("_")
            )
            body = re.search(rf"\nstruct {name} \{{(.*?)\n\}};", code, re.S)
            members = [m["name"] for m in struct["members"] if m["name"] not in ELSEWHERE and not m["name"].startswith("n_")]
            lacks += [f"{name}.{m}" for m in members if not body or not re.search(rf"\b{m}\b", body[1])]
        if led or struct["name"] == "tc_input":
            written = r"\b(?:c_?|made|io)(?:\.|->){0} = |(?:memcpy|list)\((?:c_?|made)\.{0},"
            lacks += [f"{name}.{m} for C" for m in members if not re.search(written.format(m), code)]
    # What is copied goes where its name says.
    copies = re.findall(r"\b(?:c_?|made|io)(?:\.|->)(\w+) = (?:(?:options|of|input|bytes|log|c)(?:\.|->))?(\w+)[;,]", code)
    known = {member["name"] for struct in model["structs"] for member in struct["members"]}
    lacks += [f"{to} = {what}" for to, what in copies if to in known and what in known and to != what]
    if lacks:
        sys.exit("include/tilecache.hpp lacks: " + ", ".join(lacks))


main()
