"""The loop that one writes by hand: no logging, no checkpoints, no progress."""

import rings
import torch

train, val, net, optimizer = rings.start()
loss_fn = torch.nn.BCEWithLogitsLoss()
epochs = rings.Epochs(net, optimizer)

for _ in range(rings.EPOCHS):
    net.train()
    train_loss, train_right, seen = 0.0, 0, 0
    for features, labels in train:
        optimizer.zero_grad()
        logits = net(features)
        loss = loss_fn(logits, labels)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
        train_right += ((logits > 0) == (labels > 0.5)).sum().item()
        seen += len(labels)
    net.eval()
    val_loss, val_right, val_seen = 0.0, 0, 0
    with torch.no_grad():
        for features, labels in val:
            logits = net(features)
            val_loss += loss_fn(logits, labels).item()
            val_right += ((logits > 0) == (labels > 0.5)).sum().item()
            val_seen += len(labels)
    history = (train_loss / len(train), train_right / seen, val_loss / len(val), val_right / val_seen)
    epochs.mark()

epochs.report(history[2])
