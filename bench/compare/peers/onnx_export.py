"""Writes a model for one batch size as ONNX, through PyTorch.

usage: onnx_export.py CONFIG BATCH ONNX
"""

import sys

import torch

import torch_models


def main() -> None:
    path, batch, target = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    module, shape, _ = torch_models.module_from(path, logits=False)
    # The newer exporter wants a package more.
    torch.onnx.export(module.eval(), (torch.zeros(batch, *shape),), target, dynamo=False)


main()
