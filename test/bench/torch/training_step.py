"""One fine-tuning step of BERT: forward, backward, clipping, AdamW; dropout as Hugging Face's BERT has it."""

import reference_models
import torch
import torch.nn.functional as F
from timed import batch, serve, settings
from torch import nn


def attend_with_dropout(query, key, value, attention_mask, heads):
    """`reference_models.attend`, with dropout on the attention weights."""
    b, t, h = query.shape
    split = lambda x: x.view(b, t, heads, h // heads).transpose(1, 2)  # [b, a, t, d]
    additive = (1 - attention_mask[:, None, None, :].to(query.dtype)) * torch.finfo(query.dtype).min
    scores = split(query) @ split(key).transpose(2, 3) / (h // heads) ** 0.5  # [b, a, t, t]
    context = F.dropout(torch.softmax(scores + additive, dim=-1), probability) @ split(value)  # [b, a, t, d]
    return context.transpose(1, 2).reshape(b, t, h)


def drop_outputs(module, inputs, output):
    return F.dropout(output, probability)


def drop_inputs(module, inputs):
    return (F.dropout(inputs[0], probability),)


given = settings()
probability = given["dropout"]
reference_models.attend = attend_with_dropout
model = reference_models.BertForSequenceClassification(given["config"])
model.bert.embeddings.LayerNorm.register_forward_hook(drop_outputs)
model.classifier.register_forward_pre_hook(drop_inputs)
for layer in model.bert.encoder.layer:
    layer.attention.output.dense.register_forward_hook(drop_outputs)
    layer.output.dense.register_forward_hook(drop_outputs)

undecayed = [p for name, p in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
decayed = [p for name, p in model.named_parameters() if not (name.endswith("bias") or "LayerNorm" in name)]
groups = [{"params": decayed}, {"params": undecayed, "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=1e-5, weight_decay=0.01)
inputs, labels = batch(given)


def step():
    loss = F.cross_entropy(model(**inputs), labels)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


serve({"step": step})
