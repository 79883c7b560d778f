"""The raw layer of Go. cgo reads the header itself, so it is the constants alone, as types of Go."""

import names


def files(model):
    return {"go/constants.go": "\n".join(_constants(model)) + "\n"}


def _constants(model):
    yield f"// Code {names.NOTICE[0].lower()}{names.NOTICE[1:].replace('; do not', '. DO NOT').replace('edit it', 'EDIT')}"
    yield ""
    yield "package tilecache"
    taken = {}
    for enum in model["enums"]:
        name = names.type_name(enum)
        kind = "int32" if names.is_signed(enum) else "uint32"
        yield ""
        yield from _comment(f"{name} is {enum['name']}. {enum['doc']}", "")
        yield f"type {name} {kind}"
        yield ""
        yield "const ("
        for value in enum["values"]:
            go = _value(value["name"])
            if taken.setdefault(go, value["name"]) != value["name"]:
                raise ValueError(f"{taken[go]} and {value['name']} have the same name in Go")
            yield from _comment(f"{go} is {value['name']}. {value['doc']}", "\t")
            yield f"\t{go} {name} = {value['value']}"
        yield ")"


def _value(name):
    """Failures are named as Go names errors."""
    return "Err" + names.camel(name.removeprefix("TC_E_")) if name.startswith("TC_E_") else names.camel(name)


def _comment(text, indent):
    for line in text.split("\n"):
        yield f"{indent}// {line}".rstrip()
