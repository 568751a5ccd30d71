"""Print what programs may use of scn or scn.torch, a line each: names_of_python.py scn|scn.torch.

For each public name its signature, without annotations, which are the type checker's; for classes also their public
bases, the methods and properties that those do not have, and, where they are layers, the state of one of them.
"""

import importlib
import inspect
import re
import sys
import types

import scn

# A layer of each class, the same in both packages.
LAYERS = """
AddCoords()  AddTable()  Flatten()  Identity()  VerboseIdentity()  JoinTable()  ReLU()  ELU()  SELU()  Sigmoid()  Tanh()
GELU()  SiLU()  Hardswish()  Softplus()  PReLU(4)  InstanceNorm(4)  LayerNorm(4)
LeakyReLU(0.2)  Dropout(0.5)  BatchwiseDropout(0.5)
InputLayer(2, 8)  OutputLayer(2)  BLInputLayer(2, 8)  BLOutputLayer(2)  DenseToSparse(2)  SparseToDense(2, 2)
Sparsify(2, 2)  SparsifyFCS(2)  ShapeContext(2, 2)
SubmanifoldConvolution(2, 4, 6, 3, True, 2)  ValidConvolution(2, 4, 6, 3, False)
PermutohedralSubmanifoldConvolution(2, 4, 6, True)  ConvolutionOnto(2, 4, 6, 3, True, 2)
Convolution(2, 4, 6, 3, 2, True, 2)  Deconvolution(2, 4, 6, 3, 2, True, 2)  TransposeConvolution(2, 4, 6, 3, 2, False)
FullConvolution(2, 4, 6, 3, 2, True)  RandomizedStrideConvolution(2, 4, 6, 3, 2, True)
NetworkInNetwork(4, 6, True)  Linear(4, 6)
BatchNormalization(4)  BatchNormReLU(4)  BatchNormLeakyReLU(4)  BatchNormELU(4)  SyncBatchNormalization(4)
MeanOnlyBNLeakyReLU(4)  SparseGroupNorm(2, 4)
MaxPooling(2, 2, 2)  AveragePooling(2, 2, 2)  UnPooling(2, 2, 2)  RandomizedStrideMaxPooling(2, 3, 2)
FractionalMaxPooling(2, 1.5)  GlobalSumPooling(2)  GlobalAveragePooling(2)  GlobalMaxPooling(2)
Sequential(Linear(2, 2))  CheckpointedSequential(Linear(2, 2))  ConcatTable(Linear(2, 2))
UNet(2, 1, [2, 3], n_input_planes=1)  FullyConvolutionalNet(2, 1, [2, 3])
FullConvolutionalNetIntegratedLinear(2, 1, [2, 3], 4)  MultiscaleShapeContext(2, 1, 2)
SparseVggNet(2, 1, [["C", 2], ["C", 2, 3], "MP", ["C3/2", 2]])  SparseResNet(2, 1, [["b", 2, 1, 1], ["b", 3, 1, 2]])
SparseDenseNet(2, 1, "B2x2 T B2x2")  spectral_norm(Linear(4, 6))
"""
NOT_MADE = {"InferenceNetwork", "Module"}
# What Python asks for, not programs.
PLUMBING = re.compile(
    r"__(init|new|\w*attr|\w*state|reduce\w*|getnewargs|replace|repr|str|hash|post_init|prepare_scriptable)__"
)


def is_ours(thing):
    return (getattr(thing, "__module__", None) or "").split(".")[0] == "scn"


def public_names(package):
    of_module = {name for name in vars(type(package)) if not name.startswith("_")}
    return sorted({*package.__all__, *of_module})


def spelled(default):
    name = getattr(default, "__qualname__", None)
    return name or repr(default)


def signature(function):
    parts, was_keyword_only = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not was_keyword_only:
            if not any(part.startswith("*") for part in parts):
                parts.append("*")
            was_keyword_only = True
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        default = "" if parameter.default is parameter.empty else f"={spelled(parameter.default)}"
        parts.append(f"{star}{parameter.name}{default}")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            parts[-1] += " (by position)"
    return f"({', '.join(parts)})"


def lines_of_member(owner, name, member):
    if isinstance(member, property) or inspect.isdatadescriptor(member):
        writable = isinstance(member, property) and member.fset or inspect.ismemberdescriptor(member)
        return f"{owner}.{name}: {'property' if writable else 'read-only property'}"
    function = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
    if callable(function):
        kind = {classmethod: "class method ", staticmethod: "static method "}.get(type(member), "")
        return f"{owner}.{name}: {kind}{signature(function)}"
    return f"{owner}.{name}: {spelled(member)}"


def lines_of_class(name, kind, classes):
    bases = [other for other in kind.__mro__[1:] if other in classes or not is_ours(other) and other is not object]
    nearest = [base for base in bases if not any(base in other.__mro__[1:] for other in bases)]
    written = ", ".join(sorted(classes.get(base) or base.__qualname__ for base in nearest))
    arguments = "" if issubclass(kind, BaseException) else signature(kind)
    yield f"{name}: class{arguments}{' of ' + written if written else ''}"
    inherited = {member for base in bases for member in dir(base)}
    own, annotated = {}, set()
    for other in reversed([other for other in kind.__mro__ if is_ours(other)]):
        own.update(vars(other))
        annotated |= set(vars(other).get("__annotations__", ()))
    for member, value in own.items():
        is_operator = re.fullmatch(r"__\w+__", member) and inspect.isfunction(value) and not PLUMBING.fullmatch(member)
        if is_operator or not member.startswith("_"):
            from_base = next(
                (vars(base)[member] for other in bases for base in other.__mro__ if member in vars(base)), None
            )
            if member not in inherited or lines_of_member("", member, value) != lines_of_member("", member, from_base):
                yield lines_of_member(name, member, value)
    for member in annotated - set(own) - {inner for base in bases for inner in vars(base).get("__annotations__", ())}:
        if not member.startswith("_"):
            yield f"{name}.{member}: attribute"


def lines_of_layers(package, classes):
    made = set()
    for call in re.split(r"\s{2,}|\n", LAYERS.strip()):
        name = call.partition("(")[0]
        if not hasattr(package, name):
            continue
        layer = eval(call, vars(package))
        made.add(name)
        state = [f"{entry} {list(values.shape)}" for entry, values in layer.state_dict().items()]
        shown = sorted(attribute for attribute in vars(layer) if not attribute.startswith("_"))
        yield f"{call}: attributes {', '.join(shown)}; state {', '.join(state) or 'none'}"
    base = scn.Module if package is scn else importlib.import_module("torch").nn.Module
    missing = {name for kind, name in classes.items() if issubclass(kind, base)} - made - NOT_MADE
    if missing:
        sys.exit(f"names_of_python: LAYERS has none of {', '.join(sorted(missing))}")


def main():
    package = importlib.import_module(sys.argv[1])
    names = public_names(package)
    classes = {}
    for name in names:
        value = getattr(package, name)
        if isinstance(value, type):
            classes.setdefault(value, name)
    for name in names:
        value = getattr(package, name)
        if isinstance(value, types.ModuleType):
            print(f"{name}: module")
            for inner in sorted(value.__all__):
                member = getattr(value, inner)
                print(f"{name}.{inner}: {'class' if isinstance(member, type) else signature(member)}")
        elif isinstance(value, type):
            if classes[value] != name:
                print(f"{name}: another name of {classes[value]}")
            else:
                print(*lines_of_class(name, value, classes), sep="\n")
        elif callable(value):
            print(f"{name}: {signature(value)}")
        else:
            print(f"{name}: {type(value).__name__}")
    print(*lines_of_layers(package, classes), sep="\n")


if __name__ == "__main__":
    main()
