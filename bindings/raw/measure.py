"""Sizes, offsets and values as a C compiler has them: a program made of the model, compiled and run."""

import os
import pathlib
import subprocess
import tempfile


def measure(model, header):
    """Adds to the structs of the model `size` and `align`, to their members `offset` and `size`; checks constants."""
    told = _run(_program(model), header)
    for struct in model["structs"]:
        struct["size"], struct["align"] = told[struct["name"]]
        for member in struct["members"]:
            member["offset"], member["size"] = told[f"{struct['name']}.{member['name']}"]
    for constant in constants(model):
        value = told[constant["name"]][0]
        if value != constant["value"]:
            raise ValueError(f"{constant['name']} was read as {constant['value']}, a C compiler says {value}")


def constants(model):
    """All that have a name and a number."""
    return model["defines"] + [value for enum in model["enums"] for value in enum["values"]]


def _program(model):
    lines = ["#include <stdio.h>", "#include <tilecache.h>", "int main(void)", "{"]
    for struct in model["structs"]:
        name = struct["name"]
        lines.append(f'    printf("{name} %zu %zu\\n", sizeof({name}), _Alignof({name}));')
        for member in struct["members"]:
            at = f"offsetof({name}, {member['name']})"
            size = f"sizeof((({name} *)0)->{member['name']})"
            lines.append(f'    printf("{name}.{member["name"]} %zu %zu\\n", {at}, {size});')
    for constant in constants(model):
        lines.append(f'    printf("{constant["name"]} %lld\\n", (long long){constant["name"]});')
    return "\n".join(lines + ["    return 0;", "}", ""])


def _run(program, header):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "measure.c")
        source.write_text(program)
        built = pathlib.Path(folder, "measure")
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-std=c11", f"-I{header.parent}", source, "-o", built], check=True)
        told = subprocess.run([built], check=True, capture_output=True, text=True).stdout
    rows = (line.split() for line in told.splitlines())
    return {name: [int(number) for number in numbers] for name, *numbers in rows}
