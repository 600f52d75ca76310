"""RegMean as it is usually written: one Gram per linear module, float32, torch.inverse of their sum; everything in memory.

From model folders and square Grams on disk to a file of merged weights. To spare disk space the Gram of a dimension is stored
once per agent and read again for every module.
"""

import json
from pathlib import Path

import numpy as np
import torch
from timed import serve, settings

given = settings()
alpha = given["alpha"]


def read_safetensors(path):
    data = np.fromfile(path, np.uint8)
    length = int(data[:8].view("<u8")[0])
    header = json.loads(data[8 : 8 + length].tobytes())
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = torch.from_numpy(data[begin:end].view("<f4").reshape(entry["shape"]))
    return tensors


def read_gram(folder, dimension):
    return torch.from_numpy(np.fromfile(folder / f"gram-{dimension}.f32", "<f4").reshape(dimension, dimension))


def shrink(gram):
    return alpha * gram + (1 - alpha) * torch.diag(torch.diag(gram))


@torch.no_grad()
def merge():
    folders = [Path(folder) for folder in given["folders"]]
    models = [read_safetensors(folder / "model.safetensors") for folder in folders]
    modules = given["modules"]
    grams = [{name: read_gram(folder, d) for name, d in modules.items()} for folder in folders]
    merged = {}
    for name in models[0]:
        module = name.removesuffix(".weight")
        if module not in modules:
            merged[name] = torch.stack([model[name] for model in models]).mean(0)
            continue
        left, right = 0, 0
        for model, gram in zip(models, grams):
            shrunk = shrink(gram[module])
            left, right = left + shrunk, right + shrunk @ model[name].T
        merged[name] = (torch.inverse(left) @ right).T.contiguous()
    torch.save(merged, given["out"])


serve({"merge": merge})
