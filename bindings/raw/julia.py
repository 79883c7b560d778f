"""The raw layer of Julia: constants, structs and calls, and what a C compiler says of the structs."""

import names

PRIMITIVES = {
    "void": "Cvoid", "char": "UInt8", "int": "Cint", "double": "Float64", "size_t": "Csize_t", "int32_t": "Int32",
    "int64_t": "Int64", "uint8_t": "UInt8", "uint32_t": "UInt32", "uint64_t": "UInt64",
}
RESERVED = {"function", "in", "end", "type", "module", "global", "local", "let", "do", "for", "if"}


def files(model):
    return {
        "julia/src/raw.jl": "\n".join(_raw(model)) + "\n",
        "julia/test/layouts.jl": "\n".join(_layouts(model)) + "\n",
    }


def _raw(model):
    yield f"# {names.NOTICE}"
    yield '"""'
    yield "The functions, structs and constants of the header, as they are. Texts and their owners: include/tilecache.h."
    yield '"""'
    yield "module Raw"
    yield ""
    yield "# The name under which the loader knows the library once it is loaded."
    yield 'const libtilecache = "libtilecache.so.0"'
    yield ""
    yield "# Calls may wait; where the language can tell its collector so, it does not wait for them."
    yield "macro library_call(call)"
    yield "    VERSION >= v\"1.12\" ? esc(:(@ccall gc_safe = true $call)) : esc(:(@ccall $call))"
    yield "end"
    yield ""
    for define in model["defines"]:
        yield f"const {define['name']} = {define['value']}"
    for enum in model["enums"]:
        yield ""
        yield from _comment(enum["doc"])
        kind = "Int32" if names.is_signed(enum) else "UInt32"
        for value in enum["values"]:
            yield f"const {value['name']} = {kind}({value['value']})"
    yield ""
    for opaque in model["opaque"]:
        yield f"mutable struct {opaque['name']} end"
    yield ""
    for alias in model["aliases"]:
        yield f"const {alias['name']} = {PRIMITIVES[alias['type']]}"
    for struct in _in_order(model):
        yield ""
        yield from _doc(struct["doc"])
        yield f"struct {struct['name']}"
        for member in struct["members"]:
            kind = _type(member["type"], model)
            if member["array"]:
                kind = f"NTuple{{{member['count']}, {kind}}}"
            yield f"    {_name(member['name'])}::{kind}"
        yield "end"
    for function in model["functions"]:
        params = ", ".join(_name(param["name"]) for param in function["params"])
        typed = ", ".join(f"{_name(p['name'])}::{_type(p['type'], model)}" for p in function["params"])
        returns = "Cstring" if function["returns"] == "const char *" else _type(function["returns"], model)
        yield ""
        yield from _doc(function["doc"])
        yield f"{function['name']}({params}) ="
        yield f"    @library_call libtilecache.{function['name']}({typed})::{returns}"
    yield ""
    yield "# Of each kind of callback, what it returns and takes, for @cfunction."
    yield "const CALLBACKS = Dict{Symbol, Any}("
    for callback in model["callbacks"]:
        takes = ", ".join(_type(param["type"], model) for param in callback["params"])
        returns = _type(callback["returns"], model)
        yield f"    :{names.flat(callback)} => ({returns}, ({takes}{',' if len(callback['params']) == 1 else ''})),"
    yield ")"
    yield ""
    yield "end"


def _layouts(model):
    yield f"# {names.NOTICE}"
    yield "# Size of each struct, and offset and size of each of its members, as a C compiler has them."
    yield "const LAYOUTS = ["
    for struct in model["structs"]:
        members = ", ".join(f":{_name(m['name'])} => ({m['offset']}, {m['size']})" for m in struct["members"])
        yield f"    (:{struct['name']}, {struct['size']}, [{members}]),"
    yield "]"
    yield "# How many arguments each function takes."
    yield "const FUNCTIONS = ["
    for function in model["functions"]:
        yield f"    (:{function['name']}, {len(function['params'])}),"
    yield "]"


def _in_order(model):
    """Members that are structs themselves would need these before them; the header has none."""
    return model["structs"]


def _type(kind, model):
    """Pointers keep what they point to, where that is declared before."""
    if kind in {callback["name"] for callback in model["callbacks"]}:
        return "Ptr{Cvoid}"
    base = kind.replace("const ", "").replace("*const", "*").replace(" ", "")
    name = base.rstrip("*")
    stars = len(base) - len(name)
    opaque = {each["name"] for each in model["opaque"]}
    structs = {each["name"] for each in model["structs"]}
    if name in structs:
        if stars == 0:
            raise ValueError(f"{kind}: structs by value are not known here")
        return "Ptr{" * (stars - 1) + "Ptr{Cvoid}" + "}" * (stars - 1)
    inner = name if name in opaque else PRIMITIVES.get(name, name)
    return "Ptr{" * stars + inner + "}" * stars


def _name(name):
    return name + "_" if name in RESERVED else name


def _doc(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    yield f'"""\n{escaped}\n"""'


def _comment(text):
    for line in text.split("\n"):
        yield f"# {line}".rstrip()
