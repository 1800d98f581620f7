"""A view of a model: the same weights in an arrangement of its own, so that the model itself is never touched.

Reading a stream needs another attention function, pinned rotary frequencies, hooks. A model belongs to its user, who
may train it, generate with it from other threads, or compile it; so nothing of it is switched, not even for a moment.
The view copies the few module objects that lie on the way to what changes (root, layers, attention: no tensors) and
shares everything else with the model: parameters, buffers, hooks, and all other modules. What is done to the weights
later (moved, trained, adapters added) is seen through the view, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from operator import is_not
from types import CellType, FunctionType, MethodType
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from streaming.errors import ModelUnsupported

__all__ = ["Change", "buffer", "device_of", "unwrapped", "view"]

Change = Callable[[nn.Module], None]
"""What is done to the copy of one module."""

_Module = TypeVar("_Module", bound=nn.Module)

_PLAIN_OUTPUT = {"output_attentions": False, "output_hidden_states": False, "return_dict": True}


def view(model: PreTrainedModel, changes: Mapping[nn.Module, Change], attention: str | None = None) -> PreTrainedModel:
    """A model that shares all tensors with `model`, in which some modules are other ones.

    Args:
        model: stays as it is.
        changes: for each module that is to differ, what is done to its copy.
        attention: attention implementation that the copies' configurations name; None leaves the model's.

    Raises:
        ModelUnsupported: (when called) a forward was replaced by something that cannot be looked into.
    """
    configs: dict[int, Any] = {}

    def config_like(config: Any) -> Any:
        if id(config) not in configs:
            own = configs[id(config)] = copy(config)
            own.__dict__.update(_PLAIN_OUTPUT)
            if attention is not None:
                own.__dict__["_attn_implementation_internal"] = attention
        return configs[id(config)]

    def seen(module: nn.Module) -> nn.Module:
        children = {name: None if child is None else seen(child) for name, child in module._modules.items()}
        same = all(child is module._modules[name] for name, child in children.items())
        if same and module not in changes:
            return module
        twin = _twin(module)
        twin.__dict__["_modules"] = children
        if "config" in twin.__dict__:
            twin.__dict__["config"] = config_like(module.config)
        change = changes.get(module)
        if change is not None:
            change(twin)
        return twin

    return cast(PreTrainedModel, seen(model))


def unwrapped(model: Any) -> PreTrainedModel:
    """The causal language model inside what PEFT, torch.compile or data parallelism wrap around it.

    Raises:
        ModelUnsupported: there is none, or an adapter does more than replace layers.
    """
    while True:
        _refuse_adapters(model)
        if hasattr(model, "_orig_mod"):
            model = model._orig_mod
        elif isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif hasattr(model, "get_base_model"):
            model = model.get_base_model()
        else:
            break
    if not isinstance(model, PreTrainedModel) or not model.can_generate():
        raise ModelUnsupported(
            f"{type(model).__name__} is not a causal language model of transformers, so it predicts no next token: "
            "load one with AutoModelForCausalLM."
        )
    return model


def device_of(model: PreTrainedModel) -> torch.device:
    """Where a model wants its inputs: with offloaded weights, which are nowhere, where they will be computed with."""
    if model.device.type != "meta":
        return model.device
    hook = getattr(model.get_input_embeddings(), "_hf_hook", None)
    return torch.device(getattr(hook, "execution_device", None) or "cpu")


def buffer(module: Any, name: str) -> Tensor:
    """A buffer's values, on the CPU also where accelerate has put them away."""
    held: Tensor = getattr(module, name)
    if held.is_meta:
        held = module._hf_hook.weights_map[name]
    return held.detach().cpu()


def _twin(module: _Module) -> _Module:
    """Another object of the same class, with the same attributes, whose methods are its own."""
    twin = object.__new__(type(module))
    twin.__dict__.update({name: _rebound(value, module, twin) for name, value in module.__dict__.items()})
    twin.__dict__.pop("_compiled_call_impl", None)  # module.compile() has compiled the other's forward
    replaced = module.__dict__.get("forward")
    if replaced is not None and twin.__dict__["forward"] is replaced:
        twin.__dict__["forward"] = partial(_opaque, type(module).__name__, replaced)
    return twin


def _opaque(owner: str, replaced: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Whatever stands in place of a forward may fail in its own way, but what it returns is not to be trusted."""
    replaced(*args, **kwargs)
    raise ModelUnsupported(
        f"The forward of {owner} has been replaced by a function that runs the model as it is, not as a stream: "
        "undo that, or load the model anew."
    )


def _rebound(value: Any, old: nn.Module, new: nn.Module, depth: int = 3) -> Any:
    """What is bound to a module (by accelerate, by patches of a forward), bound to another one.

    What torch.compile made of a method is taken back: it would run the old module.
    """
    if value is old:
        return new
    if depth == 0 or not callable(value) or isinstance(value, type):
        return value
    value = getattr(value, "_torchdynamo_orig_callable", value)
    if isinstance(value, MethodType) and value.__self__ is old:
        return MethodType(value.__func__, new)
    if isinstance(value, partial):
        parts = (value.func, *value.args)
        function, *args = (_rebound(part, old, new, depth - 1) for part in parts)
        return partial(function, *args, **value.keywords) if any(map(is_not, (function, *args), parts)) else value
    if isinstance(value, FunctionType) and value.__closure__:
        cells = tuple(_rebound_cell(cell, old, new, depth) for cell in value.__closure__)
        return _closed_over(value, cells) if any(map(is_not, cells, value.__closure__)) else value
    return value


def _rebound_cell(cell: CellType, old: nn.Module, new: nn.Module, depth: int) -> CellType:
    try:
        found = cell.cell_contents
    except ValueError:  # still empty
        return cell
    other = _rebound(found, old, new, depth - 1)
    return cell if other is found else CellType(other)


def _closed_over(function: FunctionType, cells: tuple[CellType, ...]) -> FunctionType:
    twin = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, cells)
    twin.__kwdefaults__ = function.__kwdefaults__
    return twin


_MORE_THAN_LAYERS = frozenset({"ADAPTION_PROMPT", "XLORA", "POLY"})


def _refuse_adapters(model: nn.Module) -> None:
    """Adapters that replace layers (LoRA and its kin) are read through; others change what is fed to the model."""
    adapters = dict(getattr(model, "peft_config", None) or {})
    owner = getattr(vars(model).get("prepare_inputs_for_generation"), "__self__", model)
    adapters |= dict(getattr(owner, "peft_config", None) or {})  # PEFT's generate() hands over the model inside
    for name, config in adapters.items():
        kind = getattr(config.peft_type, "value", config.peft_type)
        if config.is_prompt_learning or kind in _MORE_THAN_LAYERS or getattr(config, "alora_invocation_tokens", None):
            raise ModelUnsupported(
                f"The adapter {name!r} ({kind}) does more than change layers, which a stream would not see: "
                "use LoRA or another adapter of layers, or the model without it."
            )
