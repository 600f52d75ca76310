"""A forward pass of BERT, bare and with a forward hook on every nn.Linear that adds its input's x^T x."""

import reference_models
import torch
from timed import batch, serve, settings
from torch import nn

given = settings()
model = reference_models.BertForSequenceClassification(given["config"])
inputs, _ = batch(given)
linears = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
grams = {name: torch.zeros(module.in_features, module.in_features) for name, module in linears.items()}


def add_gram_of(name):
    def hook(module, inputs, output):
        x = inputs[0].reshape(-1, module.in_features)  # [rows, in]
        grams[name] += x.T @ x

    return hook


@torch.no_grad()
def forward():
    model(**inputs)


def forward_with_grams():
    hooks = [module.register_forward_hook(add_gram_of(name)) for name, module in linears.items()]
    forward()
    for hook in hooks:
        hook.remove()


serve({"forward": forward, "grams": forward_with_grams})
