"""Accelerate: the loop that its documentation teaches, with its TensorBoard tracker and without checkpoints."""

import rings
import torch
from accelerate import Accelerator

train, val, net, optimizer = rings.start()
loss_fn = torch.nn.BCEWithLogitsLoss()
epochs = rings.Epochs(net, optimizer)

accelerator = Accelerator(cpu=True, log_with="tensorboard", project_dir=".")
accelerator.init_trackers("tensorboard")
model, prepared, train, val = accelerator.prepare(net, optimizer, train, val)

for epoch in range(1, rings.EPOCHS + 1):
    model.train()
    train_loss, train_right, seen = 0.0, 0, 0
    for features, labels in train:
        prepared.zero_grad()
        logits = model(features)
        loss = loss_fn(logits, labels)
        accelerator.backward(loss)
        prepared.step()
        train_loss += loss.item()
        train_right += ((logits > 0) == (labels > 0.5)).sum().item()
        seen += len(labels)
    model.eval()
    val_loss, val_right, val_seen = 0.0, 0, 0
    for features, labels in val:
        with torch.no_grad():
            logits = model(features)
        gathered, wanted = accelerator.gather_for_metrics((logits, labels))
        val_loss += loss_fn(gathered, wanted).item()
        val_right += ((gathered > 0) == (wanted > 0.5)).sum().item()
        val_seen += len(wanted)
    logs = {
        "train_loss": train_loss / len(train),
        "train_acc": train_right / seen,
        "val_loss": val_loss / len(val),
        "val_acc": val_right / val_seen,
    }
    accelerator.log(logs, step=epoch)
    epochs.mark()
accelerator.end_training()
epochs.report(logs["val_loss"])
