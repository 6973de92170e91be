"""Steps of a model in PyTorch; sides.py starts it. Settings: nchw, channels_last, compile (with channels_last)."""

import contextlib

import serving

import torch
from torch import nn
from torch.nn import functional

import torch_models

JOB = serving.job()


def autocast():
    return torch.autocast("cpu", torch.bfloat16) if JOB["dtype"] == "bfloat16" else contextlib.nullcontext()


def compiled(function):
    if JOB["setting"] != "compile":
        return function
    if JOB["isa"] == "avx2":
        torch._inductor.config.cpp.simdlen = 256
    # Folds batch normalization and packs weights once; for inference only, and what its users are told to set.
    torch._inductor.config.freezing = JOB["mode"] == "predict"
    return torch.compile(function)


def training_step(module: nn.Module, x: torch.Tensor, outputs: int):
    module.train()
    labels = torch.randint(0, max(2, outputs), (JOB["batch"],))
    optimizer = (torch.optim.Adam(module.parameters(), 0.001, fused=True) if JOB["optimizer"] == "adam"
                 else torch.optim.SGD(module.parameters(), 0.001, momentum=0.9, fused=True))
    run = compiled(module)
    binary = labels.float().unsqueeze(1)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            y = run(x)
            loss = (functional.binary_cross_entropy_with_logits(y.float(), binary) if outputs == 1
                    else functional.cross_entropy(y.float(), labels))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def inference_step(module: nn.Module, x: torch.Tensor):
    run = compiled(module.eval())

    def step() -> torch.Tensor:
        with torch.inference_mode(), autocast():
            return run(x)

    return step


def main() -> None:
    torch.set_num_threads(JOB["threads"])
    torch.manual_seed(1)
    training = JOB["mode"] == "train"
    module, shape, outputs = torch_models.module_from(JOB["model"], logits=training)
    x = torch.randint(0, 256, (JOB["batch"], *shape)) * (JOB["pixels"] / 255)
    if JOB["setting"] != "nchw":
        module, x = module.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    serving.serve(training_step(module, x, outputs) if training else inference_step(module, x),
                  f"PyTorch {torch.__version__}")


main()
