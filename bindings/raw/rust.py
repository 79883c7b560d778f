"""The raw layer of Rust, for programs over the C API such as the tool: constants, structs and functions."""

import names

PRIMITIVES = {
    "void": "c_void", "char": "c_char", "int": "c_int", "double": "f64", "size_t": "usize", "int32_t": "i32",
    "int64_t": "i64", "uint8_t": "u8", "uint32_t": "u32", "uint64_t": "u64",
}
RESERVED = {"as", "fn", "in", "loop", "match", "move", "mut", "ref", "type", "use", "where"}


def files(model):
    return {"../tools/tilecache/src/raw.rs": "\n".join(_raw(model)) + "\n"}


def _raw(model):
    yield f"//! The C API as it is; include/tilecache.h is its manual. {names.NOTICE}"
    yield ""
    yield "#![allow(non_camel_case_types, dead_code)]"
    yield ""
    yield "use std::ffi::{c_char, c_int, c_void};"
    yield ""
    for define in model["defines"]:
        yield f"pub const {define['name']}: u32 = {define['value']};"
    for enum in model["enums"]:
        yield ""
        kind = "i32" if names.is_signed(enum) else "u32"
        for value in enum["values"]:
            yield f"pub const {value['name']}: {kind} = {value['value']};"
    yield ""
    for alias in model["aliases"]:
        yield f"pub type {alias['name']} = {PRIMITIVES[alias['type']]};"
    for opaque in model["opaque"]:
        yield ""
        yield "#[repr(C)]"
        yield f"pub struct {opaque['name']} {{"
        yield "    _private: [u8; 0],"
        yield "}"
    for callback in model["callbacks"]:
        yield ""
        returns = _returns(callback["returns"])
        yield f"pub type {names.flat(callback)} = Option<"
        yield f"    unsafe extern \"C\" fn({_params(callback)}){returns},"
        yield ">;"
    for struct in model["structs"]:
        yield ""
        yield "#[repr(C)]"
        yield "#[derive(Clone, Copy)]"
        yield f"pub struct {struct['name']} {{"
        for member in struct["members"]:
            kind = _type(member["type"])
            kind = f"[{kind}; {member['count']}]" if member["array"] else kind
            yield f"    pub {_name(member['name'])}: {kind},"
        yield "}"
        yield f"const _: () = assert!(size_of::<{struct['name']}>() == {struct['size']});"
        for member in struct["members"]:
            at = f"std::mem::offset_of!({struct['name']}, {_name(member['name'])})"
            yield f"const _: () = assert!({at} == {member['offset']});"
    yield ""
    yield 'unsafe extern "C" {'
    for function in model["functions"]:
        yield f"    pub fn {function['name']}({_params(function)}){_returns(function['returns'])};"
    yield "}"


def _params(function):
    return ", ".join(f"{_name(param['name'])}: {_type(param['type'])}" for param in function["params"])


def _returns(kind):
    return "" if kind == "void" else f" -> {_type(kind)}"


def _type(kind):
    """`const tc_text *` is `*const tc_text`, `tc_provider *const *` is `*const *mut tc_provider`."""
    first, *rest = kind.replace("**", "* *").split("*")
    pointee = "const" if first.startswith("const ") else "mut"
    base = first.removeprefix("const ").strip()
    made = PRIMITIVES.get(base, base.replace(".", "_"))
    for after in rest:
        made = f"*{pointee} {made}"
        pointee = "const" if "const" in after else "mut"
    return made


def _name(name):
    return f"r#{name}" if name in RESERVED else name
