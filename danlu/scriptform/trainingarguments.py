"""The options of transformers' TrainingArguments that people set: stable over its versions, of which there are a hundred."""

from __future__ import annotations

from danlu.scriptform.model import Kind, Option

_USUAL: tuple[tuple[str, Kind, object, str], ...] = (
    ("output_dir", "text", None, "Where checkpoints are written."),
    ("learning_rate", "number", 5e-5, "The initial learning rate of the optimizer."),
    ("num_train_epochs", "number", 3.0, "Epochs to train."),
    ("max_steps", "integer", -1, "Steps to train, instead of epochs; -1 for epochs."),
    ("per_device_train_batch_size", "integer", 8, "Examples of a training batch, on each device."),
    ("per_device_eval_batch_size", "integer", 8, "Examples of an evaluation batch, on each device."),
    ("gradient_accumulation_steps", "integer", 1, "Batches whose gradients are added up for one step."),
    ("weight_decay", "number", 0.0, "Weight decay of the optimizer."),
    ("warmup_steps", "number", 0.0, "Steps of the linear warmup."),
    ("max_grad_norm", "number", 1.0, "Gradients are clipped to this norm."),
    ("seed", "integer", 42, "Of the training."),
    ("logging_steps", "number", 500.0, "Steps from one log line to the next."),
    ("save_steps", "number", 500.0, "Steps from one checkpoint to the next."),
    ("save_total_limit", "integer", None, "Checkpoints that are kept."),
    ("do_train", "boolean", False, "Whether to train."),
    ("do_eval", "boolean", False, "Whether to evaluate."),
    ("bf16", "boolean", False, "Whether to train in bfloat16."),
    ("fp16", "boolean", False, "Whether to train in float16, mixed."),
)


def _option(name: str, kind: Kind, default: object, text: str) -> Option:
    flags = (f"--{name}", f"--{name.replace('_', '-')}") if "_" in name else (f"--{name}",)
    if kind == "boolean":
        return Option(name=name, kind=kind, flags=flags, default=default, help=text, nargs="?", const=True)
    return Option(name=name, kind=kind, flags=flags, default=default, help=text)


TRAINING_ARGUMENTS = tuple(_option(*entry) for entry in _USUAL)
