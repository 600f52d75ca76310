"""One fine-tuning step of a model of any family: forward, backward, clipping, AdamW; without dropout, which the reference models do not have."""

import make_fixtures
import reference_models
import torch
from timed import serve, settings
from torch import nn

given = settings()
config, batch = given["config"], given["batch"]
model = make_fixtures.build(config).float()
decays = lambda name, p: p.dim() > 1 and not name.endswith("bias.weight")
groups = [
    {"params": [p for name, p in model.named_parameters() if decays(name, p)]},
    {"params": [p for name, p in model.named_parameters() if not decays(name, p)], "weight_decay": 0.0},
]
optimizer = torch.optim.AdamW(groups, lr=1e-5, weight_decay=0.01)
inputs, labels = make_fixtures.tensors_of(config, batch)


def step():
    loss = reference_models.loss_of(model(**inputs), labels, config.get("problem_type"))
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


serve({"step": step})
