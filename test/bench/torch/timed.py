"""Runs named pieces of work on request: a line with a name on stdin, a line with its seconds on stdout."""

import json
import sys
import time

import torch


def settings():
    """The benchmark's settings, the script's only argument; sets the number of threads."""
    given = json.loads(sys.argv[1])
    torch.manual_seed(0)
    torch.set_num_threads(given["threads"])
    return given


def batch(given):
    """Random tokens without padding, [b, t], and labels [b]."""
    shape = (given["batchSize"], given["seqLength"])
    inputs = {
        "input_ids": torch.randint(given["config"]["vocab_size"], shape),
        "attention_mask": torch.ones(shape, dtype=torch.long),
        "token_type_ids": torch.zeros(shape, dtype=torch.long),
    }
    return inputs, torch.randint(len(given["config"]["id2label"]), shape[:1])


def serve(works):
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        works[line.strip()]()
        print(time.perf_counter() - start, flush=True)
