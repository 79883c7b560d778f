"""The raw layer of Java: constants, layouts, functions and callbacks for the foreign-function API of JDK 22 and later."""

import names

LAYOUTS = {
    "char": "JAVA_BYTE", "int": "JAVA_INT", "double": "JAVA_DOUBLE", "size_t": "JAVA_LONG", "int32_t": "JAVA_INT",
    "int64_t": "JAVA_LONG", "uint8_t": "JAVA_BYTE", "uint32_t": "JAVA_INT", "uint64_t": "JAVA_LONG",
}
CARRIERS = {"JAVA_BYTE": "byte", "JAVA_INT": "int", "JAVA_LONG": "long", "JAVA_DOUBLE": "double",
            "ADDRESS": "MemorySegment"}


def files(model):
    return {"java/src/tilecache/raw/Raw.java": "\n".join(_raw(model)) + "\n"}


def _raw(model):
    yield f"// {names.NOTICE}"
    yield "package tilecache.raw;"
    yield ""
    yield "import static java.lang.foreign.ValueLayout.*;"
    yield ""
    yield "import java.lang.foreign.*;"
    yield "import java.lang.invoke.*;"
    yield ""
    yield "/** The functions, structs and constants of the header, as they are. What they mean: include/tilecache.h. */"
    yield "public final class Raw {"
    yield "    private Raw() {}"
    yield ""
    for define in model["defines"]:
        yield f"    public static final int {define['name']} = {define['value']};"
    for enum in model["enums"]:
        yield ""
        yield f"    // {enum['doc'].splitlines()[0]}"
        for value in enum["values"]:
            yield f"    public static final int {value['name']} = {value['value']};"
    for struct in model["structs"]:
        yield ""
        yield from _struct(struct, model)
    for callback in model["callbacks"]:
        yield ""
        yield from _callback(callback, model)
    for function in model["functions"]:
        yield ""
        yield from _function(function, model)
    yield "}"


def _struct(struct, model):
    """Offsets and sizes as a C compiler has them. What lies between members is padding."""
    parts, at = [], 0
    for member in struct["members"]:
        if member["offset"] > at:
            parts.append(f"MemoryLayout.paddingLayout({member['offset'] - at})")
        layout = _layout(member["type"], model)
        if member["array"]:
            layout = f"MemoryLayout.sequenceLayout({member['count']}, {layout})"
        parts.append(f'{layout}.withName("{member["name"]}")')
        at = member["offset"] + member["size"]
    if struct["size"] > at:
        parts.append(f"MemoryLayout.paddingLayout({struct['size'] - at})")
    yield from _doc(struct["doc"], "    ")
    yield f"    public static final class {struct['name']} {{"
    yield f"        private {struct['name']}() {{}}"
    yield ""
    yield "        public static final StructLayout LAYOUT = MemoryLayout.structLayout("
    yield ",\n".join(f"            {part}" for part in parts) + ");"
    yield f"        public static final long SIZE = {struct['size']};"
    for member in struct["members"]:
        yield from _doc(member["doc"], "        ")
        yield f"        public static final long {member['name']} = {member['offset']};"
    yield "    }"


def _callback(callback, model):
    name = names.flat(callback)
    params = ", ".join(f"{_carrier(p['type'], model)} {p['name']}" for p in callback["params"])
    returns = _carrier(callback["returns"], model)
    yield from _doc(callback["doc"], "    ")
    yield "    @FunctionalInterface"
    yield f"    public interface {name} {{"
    yield f"        FunctionDescriptor DESCRIPTOR = {_descriptor(callback, model)};"
    yield ""
    yield f"        {returns} call({params});"
    yield ""
    yield "        /** The function as C calls it, valid as long as the arena. Nothing may be thrown out of it. */"
    yield f"        static MemorySegment pointer({name} function, Arena arena) {{"
    yield f"            return Library.upcall({name}.class, function, DESCRIPTOR, arena);"
    yield "        }"
    yield "    }"


def _function(function, model):
    name = function["name"]
    params = ", ".join(f"{_carrier(p['type'], model)} {p['name']}" for p in function["params"])
    given = ", ".join(p["name"] for p in function["params"])
    returns = _carrier(function["returns"], model)
    yield f"    private static final class {name} {{"
    yield f'        static final MethodHandle HANDLE = Library.downcall("{name}",'
    yield f"                {_descriptor(function, model)});"
    yield "    }"
    yield ""
    yield from _doc(function["doc"], "    ")
    yield f"    public static {returns} {name}({params}) {{"
    yield "        try {"
    call = f"{name}.HANDLE.invokeExact({given})"
    yield f"            {call};" if returns == "void" else f"            return ({returns}) {call};"
    yield "        } catch (Throwable problem) {"
    yield "            throw Library.unexpected(problem);"
    yield "        }"
    yield "    }"


def _descriptor(function, model):
    layouts = [_layout(param["type"], model) for param in function["params"]]
    if function["returns"] == "void":
        return f"FunctionDescriptor.ofVoid({', '.join(layouts)})"
    return f"FunctionDescriptor.of({', '.join([_layout(function['returns'], model), *layouts])})"


def _layout(kind, model):
    if kind.endswith("*") or kind in {callback["name"] for callback in model["callbacks"]}:
        return "ADDRESS"
    aliases = {alias["name"]: alias["type"] for alias in model["aliases"]}
    return LAYOUTS[aliases.get(kind, kind)]


def _carrier(kind, model):
    return "void" if kind == "void" else CARRIERS[_layout(kind, model)]


def _doc(text, indent):
    lines = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;").split("\n")
    if len(lines) == 1:
        yield f"{indent}/** {lines[0]} */"
        return
    yield f"{indent}/**"
    for line in lines:
        yield f"{indent} * {line}".rstrip()
    yield f"{indent} */"
