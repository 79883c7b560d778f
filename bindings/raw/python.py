"""The raw layer of Python: the declarations for cffi, and the constants as enumerations."""

import names


def files(model):
    package = "python/src/tilecache"
    return {
        f"{package}/declarations.h": "\n".join(_declarations(model)) + "\n",
        f"{package}/constants.py": "\n".join(_constants(model)) + "\n",
    }


def _declarations(model):
    yield f"/* {names.NOTICE}"
    yield " * For cffi: what the header declares, and a Python function for each kind of callback. */"
    for define in model["defines"]:
        yield f"#define {define['name']} {define['value']}"
    for enum in model["enums"]:
        values = ", ".join(f"{value['name']} = {value['value']}" for value in enum["values"])
        yield f"typedef enum {enum['name']} {{ {values} }} {enum['name']};"
    for opaque in model["opaque"]:
        yield f"typedef struct {opaque['name']} {opaque['name']};"
    for struct in model["structs"]:
        yield f"typedef struct {struct['name']} {struct['name']};"
    for alias in model["aliases"]:
        yield f"typedef {alias['type']} {alias['name']};"
    callbacks = {callback["name"]: callback for callback in model["callbacks"]}
    for callback in model["callbacks"]:
        if "." not in callback["name"]:
            yield f"typedef {_declared(callback, '(*' + callback['name'] + ')')};"
    for struct in model["structs"]:
        yield f"struct {struct['name']} {{"
        for member in struct["members"]:
            if "." in member["type"]:
                yield f"    {_declared(callbacks[member['type']], '(*' + member['name'] + ')')};"
            else:
                array = f"[{member['count']}]" if member["array"] else ""
                yield f"    {_joined(member['type'], member['name'])}{array};"
        yield "};"
    for function in model["functions"]:
        yield _declared(function, function["name"]) + ";"
    for callback in model["callbacks"]:
        name = names.flat(callback).removesuffix("_fn").removeprefix("tc_")
        yield f'extern "Python" {_declared(callback, "python_" + name)};'


def _declared(function, name):
    params = ", ".join(_joined(param["type"], param["name"]) for param in function["params"])
    return f"{_joined(function['returns'], name)}({params or 'void'})"


def _joined(kind, name):
    return kind + name if kind.endswith("*") else f"{kind} {name}"


def _constants(model):
    yield f'"""The constants of the library. {names.NOTICE}"""'
    yield ""
    yield "from enum import IntEnum, IntFlag"
    yield ""
    for define in model["defines"]:
        yield f"{define['name'].removeprefix('TC_')} = {define['value']:#x}"
    for enum in model["enums"]:
        yield ""
        yield ""
        yield f"class {names.type_name(enum)}({'IntFlag' if names.is_flags(enum) else 'IntEnum'}):"
        doc = enum["doc"].split("\n")
        if len(doc) == 1:
            yield f'    """{doc[0]}"""'
        else:
            yield f'    """{doc[0]}'
            for line in doc[1:]:
                yield f"    {line}".rstrip()
            yield '    """'
        yield ""
        for value in enum["values"]:
            for line in value["doc"].split("\n"):
                yield f"    #: {line}".rstrip()
            yield f"    {names.short(enum, value)} = {value['value']}"
