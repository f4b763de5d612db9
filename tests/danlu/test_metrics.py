import copy
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import Tensor, nn

from danlu.metrics import (
    AUC,
    F1,
    IOU,
    KS,
    MAE,
    MSE,
    R2,
    RMSE,
    Accuracy,
    Mean,
    Metric,
    Precision,
    Recall,
    TopKAccuracy,
    as_metric,
)

Batch = tuple[Tensor, Tensor]
SIZES = (16, 16, 16, 5)


def binary(dtype: torch.dtype = torch.float32) -> list[Batch]:
    """Logits with ties (they are rounded), and labels that have something to do with them."""
    draw = torch.Generator().manual_seed(1)
    batches = []
    for size in SIZES:
        logits = (torch.randn(size, 1, generator=draw) * 4).round() / 4 + 0.125
        labels = (logits + torch.randn(size, 1, generator=draw) > 0.3).float()
        batches.append((logits.to(dtype), labels))
    return batches


def classes() -> list[Batch]:
    """Scores of five classes, of which the labels use three and the predictions more."""
    draw = torch.Generator().manual_seed(2)
    return [
        (torch.randn(size, 5, generator=draw), torch.randint(0, 3, (size,), generator=draw)) for size in SIZES
    ]


def pixels() -> list[Batch]:
    draw = torch.Generator().manual_seed(3)
    return [
        (torch.randn(2, 4, 3, 5, generator=draw), torch.randint(0, 3, (2, 3, 5), generator=draw))
        for _ in range(3)
    ]


def numbers() -> list[Batch]:
    draw = torch.Generator().manual_seed(4)
    batches = []
    for size in SIZES:
        labels = torch.randn(size, 2, generator=draw) + 3
        batches.append((labels + torch.randn(size, 2, generator=draw) / 2, labels))
    return batches


def flat(batches: list[Batch]) -> tuple[np.ndarray, np.ndarray]:
    preds = np.concatenate([preds.double().flatten().numpy() for preds, _ in batches])
    return preds, np.concatenate([labels.flatten().numpy() for _, labels in batches])


def guessed(batches: list[Batch]) -> tuple[np.ndarray, np.ndarray]:
    preds = np.concatenate([preds.argmax(1).flatten().numpy() for preds, _ in batches])
    return preds, np.concatenate([labels.flatten().numpy() for _, labels in batches])


def ks_of(labels: np.ndarray, scores: np.ndarray) -> float:
    refused, found, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    return float(np.abs(found - refused).max())


CASES: dict[str, tuple[Callable[[], Metric], list[Batch], Callable[[list[Batch]], float]]] = {}


def case(name: str, make: Callable[[], Metric], batches: list[Batch], wanted: Callable[..., float]) -> None:
    look = flat if batches[0][0].shape == batches[0][1].shape else guessed
    CASES[name] = make, batches, lambda parts: wanted(*reversed(look(parts)))


case("accuracy", Accuracy, binary(), lambda y, p: sk.accuracy_score(y, p >= 0))
case("accuracy of bf16", Accuracy, binary(torch.bfloat16), lambda y, p: sk.accuracy_score(y, p >= 0))
case(
    "accuracy at 0.7",
    lambda: Accuracy(0.7),
    binary(),
    lambda y, p: sk.accuracy_score(y, p >= math.log(7 / 3)),
)
case(
    "accuracy of probabilities",
    lambda: Accuracy(0.25, from_logits=False),
    [(preds.sigmoid(), labels) for preds, labels in binary()],
    lambda y, p: sk.accuracy_score(y, p >= 0.25),
)
case("accuracy of classes", Accuracy, classes(), sk.accuracy_score)
case("accuracy of pixels", Accuracy, pixels(), sk.accuracy_score)
case("precision", Precision, binary(), lambda y, p: sk.precision_score(y, p >= 0))
case("recall", Recall, binary(), lambda y, p: sk.recall_score(y, p >= 0))
case("f1", F1, binary(), lambda y, p: sk.f1_score(y, p >= 0))
for name, kind, wanted in [
    ("precision", Precision, sk.precision_score),
    ("recall", Recall, sk.recall_score),
    ("f1", F1, sk.f1_score),
]:
    macro = lambda y, p, wanted=wanted: wanted(y, p, average="macro", zero_division=0)  # noqa: E731
    case(f"macro {name}", lambda kind=kind: kind(average="macro"), classes(), macro)
    case(f"macro {name} of pixels", lambda kind=kind: kind(average="macro"), pixels(), macro)
case("auc", AUC, binary(), sk.roc_auc_score)
case("auc of bf16", AUC, binary(torch.bfloat16), sk.roc_auc_score)
case("auc of float64", AUC, binary(torch.float64), sk.roc_auc_score)
case("ks", KS, binary(), ks_of)
case("iou", IOU, binary(), lambda y, p: sk.jaccard_score(y, p >= 0, average="macro"))
case("iou of classes", lambda: IOU(4), pixels(), lambda y, p: sk.jaccard_score(y, p, average="macro"))
case("mae", MAE, numbers(), sk.mean_absolute_error)
case("mse", MSE, numbers(), sk.mean_squared_error)
case("rmse", RMSE, numbers(), sk.root_mean_squared_error)
case("r2", R2, numbers(), sk.r2_score)
case("function", lambda: as_metric("f", lambda p, y: (p - y).abs().mean()), numbers(), sk.mean_absolute_error)
case("mean", Mean, numbers(), lambda y, p: np.average(p, weights=y))

EVERY = pytest.mark.parametrize(("make", "batches", "wanted"), CASES.values(), ids=CASES.keys())


def fed(metric: Metric, batches: list[Batch]) -> Metric:
    for preds, labels in batches:
        metric.update(preds, labels)
    return metric


def same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


@EVERY
def test_values_are_scikit_learns(make: Any, batches: list[Batch], wanted: Any) -> None:
    metric = make()
    for _ in range(2):
        value = fed(metric, batches).compute()
        assert value.shape == ()
        assert value.is_floating_point()
        assert not value.requires_grad
        assert float(value) == pytest.approx(wanted(batches), rel=1e-6, abs=1e-9)
        metric.reset()
    assert math.isnan(metric.compute())


@EVERY
def test_calling_gives_the_batchs_value_and_takes_it_in(make: Any, batches: list[Batch], wanted: Any) -> None:
    metric = make()
    for preds, labels in batches:
        alone = metric(preds, labels)
        assert float(alone) == pytest.approx(wanted([(preds, labels)]), rel=1e-6, abs=1e-9)
    whole = fed(make(), batches)
    assert torch.equal(metric.compute(), whole.compute())
    assert same(metric.state_dict(), whole.state_dict())


@EVERY
def test_a_state_goes_on_bit_for_bit(make: Any, batches: list[Batch], wanted: Any) -> None:
    whole = fed(make(), batches)
    first = fed(make(), batches[:2])
    state = first.state_dict()
    before = copy.deepcopy(state)
    fed(first, batches[2:])
    assert same(state, before), "a copy"
    second = make()
    second.load_state_dict(state)
    assert torch.equal(second.compute(), fed(make(), batches[:2]).compute())
    fed(second, batches[2:])
    assert same(state, before), "a copy, again"
    assert torch.equal(second.compute(), whole.compute())
    assert same(second.state_dict(), whole.state_dict())


@EVERY
def test_parts_merge_into_the_whole(make: Any, batches: list[Batch], wanted: Any) -> None:
    parts = [fed(make(), batches[:1]), fed(make(), batches[1:2]), make(), fed(make(), batches[2:])]
    metric = fed(make(), batches[:1])
    metric.merge([part.state_dict() for part in parts])
    whole = fed(make(), batches)
    assert metric.count == whole.count
    assert float(metric.compute()) == pytest.approx(float(whole.compute()), rel=1e-12)
    metric.merge([make().state_dict(), make().state_dict()])
    assert math.isnan(metric.compute())


@EVERY
def test_no_graph_is_kept_and_no_batch_held(make: Any, batches: list[Batch], wanted: Any) -> None:
    class Passes(torch.autograd.Function):
        freed: ClassVar[list[int]] = []

        @staticmethod
        def forward(ctx: Any, values: Tensor) -> Tensor:
            ctx.node = Watched()
            return values.clone()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            return gradient

    class Watched:
        def __del__(self) -> None:
            Passes.freed.append(1)

    metric = make()
    for preds, labels in batches:
        targets = labels.clone().requires_grad_(labels.is_floating_point())
        metric.update(Passes.apply(preds.clone().requires_grad_()), targets)
        metric(Passes.apply(preds.clone().requires_grad_()), targets)
    assert len(Passes.freed) == 2 * len(batches)
    assert not any(value.requires_grad for value in metric.state_dict().values())
    assert not metric.compute().requires_grad


@EVERY
def test_what_was_seen_may_change_afterwards(make: Any, batches: list[Batch], wanted: Any) -> None:
    metric = make()
    preds, labels = torch.empty_like(batches[0][0]), torch.empty_like(batches[0][1])
    whole = [batch for batch in batches if batch[0].shape == preds.shape]
    for batch in whole:
        metric.update(preds.copy_(batch[0]), labels.copy_(batch[1]))
    assert float(metric.compute()) == pytest.approx(wanted(whole), rel=1e-6, abs=1e-9)


@EVERY
def test_inference_mode_and_training_may_take_turns(make: Any, batches: list[Batch], wanted: Any) -> None:
    metric = make()
    for index, (preds, labels) in enumerate(batches):
        with torch.inference_mode(index % 2 == 0):
            metric.update(preds + 0, labels + 0)
    assert float(metric.compute()) == pytest.approx(wanted(batches), rel=1e-6, abs=1e-9)


@EVERY
def test_updates_ask_no_tensor_for_its_value(make: Any, batches: list[Batch], wanted: Any) -> None:
    # Tensors of the meta device have no values: whatever would wait for one raises.
    metric = make().to("meta")
    for preds, labels in batches:
        metric.update(preds.to("meta"), labels.to("meta"))
    assert metric.count == fed(make(), batches).count


@EVERY
def test_the_state_follows_the_batches(make: Any, batches: list[Batch], wanted: Any) -> None:
    metric = fed(make(), batches[:1])
    assert metric.to("meta") is metric
    assert {value.device.type for value in (*metric.sums.values(), *map(metric.row, metric.kept))} == {"meta"}
    if torch.cuda.is_available():
        metric = fed(make(), batches[:1])
        fed(metric, [(preds.cuda(), labels.cuda()) for preds, labels in batches[1:]])
        assert metric.compute().device.type == "cuda"
        assert float(metric.compute()) == pytest.approx(wanted(batches), rel=1e-6, abs=1e-9)


@EVERY
def test_an_empty_batch_changes_nothing(make: Any, batches: list[Batch], wanted: Any) -> None:
    metric = make()
    metric.update(batches[0][0][:0], batches[0][1][:0])
    assert math.isnan(metric.compute())
    metric.load_state_dict(metric.state_dict())
    assert float(fed(metric, batches).compute()) == pytest.approx(wanted(batches), rel=1e-6, abs=1e-9)


@EVERY
def test_a_foreign_state_is_refused(make: Any, batches: list[Batch], wanted: Any) -> None:
    metric = fed(make(), batches)
    value = metric.compute()
    good = metric.state_dict()
    for state in ({}, {"count": good["count"]}, {**good, "other": good["count"]}):
        with pytest.raises(ValueError, match=type(metric).__name__):
            metric.load_state_dict(state)
    assert torch.equal(metric.compute(), value)


def test_which_way_is_better() -> None:
    for kind in (Accuracy, TopKAccuracy, Precision, Recall, F1, AUC, KS, IOU, R2):
        assert kind().higher_is_better is True
    for kind in (MAE, MSE, RMSE, Mean):
        assert kind().higher_is_better is False
    assert Mean(higher_is_better=True).higher_is_better is True


def test_top_k_accuracy_is_scikit_learns() -> None:
    for k in (1, 3, 5):
        metric = fed(TopKAccuracy(k), classes())
        scores = np.concatenate([preds.numpy() for preds, _ in classes()])
        labels = np.concatenate([labels.numpy() for _, labels in classes()])
        wanted = sk.top_k_accuracy_score(labels, scores, k=k, labels=range(5)) if k < 5 else 1.0
        assert float(metric.compute()) == pytest.approx(wanted)
    assert float(TopKAccuracy(1)(*pixels()[0])) == float(Accuracy()(*pixels()[0]))
    half = TopKAccuracy(1)
    parts = [
        fed(TopKAccuracy(1), classes()[:2]).state_dict(),
        fed(TopKAccuracy(1), classes()[2:]).state_dict(),
    ]
    half.merge(parts)
    assert torch.equal(half.compute(), fed(TopKAccuracy(1), classes()).compute())


def test_accuracy_takes_shapes_that_differ_by_ones() -> None:
    logits, labels = torch.tensor([[1.0], [-1.0], [2.0]]), torch.tensor([[1.0], [1.0], [0.0]])
    for preds in (logits, logits[:, 0]):
        for wanted in (labels, labels[:, 0], labels.long(), labels[:, 0].bool()):
            metric = Accuracy()
            metric.update(preds, wanted)
            assert float(metric.compute()) == pytest.approx(1 / 3)
            assert metric.count == 3


def test_accuracy_of_many_labels_counts_each() -> None:
    logits = torch.tensor([[1.0, -1.0, 2.0], [-3.0, -1.0, 0.0]])
    assert float(Accuracy()(logits, torch.tensor([[1, 0, 1], [0, 1, 1]]))) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("metric", "preds", "labels"),
    [
        (Accuracy(), torch.zeros(16, 2), torch.zeros(16, 1)),
        (Accuracy(), torch.zeros(16, 3), torch.zeros(16)),
        (Accuracy(), torch.zeros(16), torch.zeros(15)),
        (Accuracy(), torch.zeros(3), torch.tensor(1)),
        (TopKAccuracy(2), torch.zeros(16, 3), torch.zeros(16, 3)),
        (TopKAccuracy(4), torch.zeros(16, 3), torch.zeros(16, dtype=torch.int64)),
        (F1(), torch.zeros(16, 3), torch.zeros(16, dtype=torch.int64)),
        (F1(average="macro"), torch.zeros(16, 1), torch.zeros(16, 1)),
        (IOU(), torch.zeros(2, 1, 4, 4), torch.zeros(2, 5, 4)),
        (IOU(3), torch.zeros(2, 4, 5, 5), torch.zeros(2, 5, 5, dtype=torch.int64)),
        (AUC(), torch.zeros(16, 2), torch.zeros(16)),
        (MAE(), torch.zeros(16, 2), torch.zeros(16)),
        (R2(), torch.zeros(16, 2), torch.zeros(2, 16)),
        (Mean(), torch.zeros(16), torch.zeros(3)),
    ],
)
def test_shapes_that_do_not_fit_are_named(metric: Metric, preds: Tensor, labels: Tensor) -> None:
    with pytest.raises(ValueError, match=r"\(\d.*\)") as caught:
        metric.update(preds, labels)
    assert str(tuple(preds.shape)) in str(caught.value)
    assert metric.count == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Accuracy(threshold=0),
        lambda: Precision(threshold=1.5),
        lambda: F1(average="micro"),
        lambda: IOU(0),
        lambda: TopKAccuracy(0),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Callable[[], Metric]) -> None:
    with pytest.raises(ValueError):
        make()


def test_a_network_that_says_no_to_all_scores_zero() -> None:
    preds, labels = torch.full((4,), -1.0), torch.tensor([1.0, 0.0, 0.0, 1.0])
    for metric in (Precision(), Recall(), F1()):
        assert float(metric(preds, labels)) == 0.0


def test_rankings_of_one_class_or_of_nan_have_no_value() -> None:
    for metric in (AUC(), KS()):
        assert math.isnan(metric(torch.rand(4), torch.ones(4)))
        metric.update(torch.rand(4), torch.zeros(4))
        assert not math.isnan(metric.compute())
        metric.update(torch.tensor([math.nan]), torch.ones(1))
        assert math.isnan(metric.compute())


def test_auc_is_exact_where_probabilities_are_all_one() -> None:
    # As float32 probabilities all of these would be 1, and tied.
    logits = torch.tensor([40.0, 41.0, 42.0, 43.0])
    assert float(AUC()(logits, torch.tensor([0, 0, 1, 1]))) == 1.0
    assert float(AUC()(torch.zeros(4), torch.tensor([0, 0, 1, 1]))) == 0.5


def test_kept_values_grow_over_thousands_of_batches() -> None:
    draw = torch.Generator().manual_seed(5)
    scores = torch.rand(6000, generator=draw)
    labels = (torch.rand(6000, generator=draw) < scores).long()
    metric = AUC()
    for part, wanted in zip(scores.split(3), labels.split(3), strict=True):
        metric.update(part, wanted)
    assert float(metric.compute()) == pytest.approx(sk.roc_auc_score(labels, scores), rel=1e-12)
    metric.update(scores.double(), labels)
    metric.update(scores.half(), labels)
    assert metric.state_dict()["scores"].dtype == torch.float64
    assert len(metric.state_dict()["scores"]) == 18_000


def test_iou_leaves_out_labels_that_are_no_class() -> None:
    preds, labels = pixels()[0]
    spoiled = labels.clone()
    spoiled[:, 0] = 255
    spoiled[:, 1, :2] = -100
    known = (spoiled >= 0) & (spoiled < 4)
    wanted = sk.jaccard_score(labels[known], preds.argmax(1)[known], average="macro")
    assert float(IOU(4)(preds, spoiled)) == pytest.approx(wanted)
    assert math.isnan(IOU(4)(preds, torch.full_like(labels, 255)))


def test_r2_survives_a_great_mean() -> None:
    draw = torch.Generator().manual_seed(6)
    labels = 1e7 + torch.randn(400, generator=draw, dtype=torch.float64)
    preds = labels + torch.randn(400, generator=draw, dtype=torch.float64) / 3
    metric = fed(R2(), list(zip(preds.split(7), labels.split(7), strict=True)))
    assert float(metric.compute()) == pytest.approx(sk.r2_score(labels, preds), rel=1e-9)
    assert math.isnan(R2()(torch.zeros(3), torch.ones(3)))


def test_mean_weighs_values() -> None:
    metric = Mean()
    metric.update(2.0)
    metric.update(torch.tensor([4.0, 6.0]))
    assert float(metric.compute()) == 4.0
    metric.update(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0.0, 3.0]))
    assert float(metric.compute()) == pytest.approx((12 + 18) / 9)
    metric.reset()
    metric.update(5.0, 0.0)
    assert math.isnan(metric.compute())


def test_sums_do_not_lose_small_parts() -> None:
    metric = MSE()
    metric.update(torch.full((1,), 1e4), torch.zeros(1))
    for _ in range(1000):
        metric.update(torch.full((1,), 1.0), torch.zeros(1))
    assert float(metric.compute()) == pytest.approx((1e8 + 1000) / 1001, rel=1e-12)


class Batches:
    """What torchmetrics' metrics look like from outside, as far as it matters."""

    higher_is_better = False

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self._reductions = {"total": lambda parts: parts.sum(0), "rows": torch.cat}
        self.total, self.rows = torch.tensor(0.0), []

    @property
    def metric_state(self) -> dict[str, Any]:
        return {"total": self.total, "rows": self.rows}

    def update(self, preds: Tensor, labels: Tensor) -> None:
        assert not preds.requires_grad
        assert not torch.is_grad_enabled()
        self.total = self.total + (preds - labels).abs().sum()
        self.rows.append(preds)

    def compute(self) -> Tensor:
        return self.total / sum(len(row) for row in self.rows)

    def reset(self) -> None:
        self.total, self.rows = torch.tensor(0.0), []

    def to(self, device: torch.device) -> "Batches":
        self.device = torch.device(device)
        self.total, self.rows = self.total.to(device), [row.to(device) for row in self.rows]
        return self


def test_our_metrics_stay_what_they_are() -> None:
    metric = Accuracy()
    assert as_metric("acc", metric) is metric


def test_an_object_like_torchmetrics_is_taken() -> None:
    batches = binary()
    metric = as_metric("distance", Batches())
    assert metric.higher_is_better is False
    assert math.isnan(metric.compute())
    for preds, labels in batches[:2]:
        metric.update(preds.clone().requires_grad_(), labels)
    state = metric.state_dict()
    assert sorted(state) == ["batches seen", "rows[0]", "rows[1]", "total"]
    fed(metric, batches[2:])

    second = as_metric("distance", Batches())
    second.load_state_dict(state)
    fed(second, batches[2:])
    assert torch.equal(second.compute(), metric.compute())
    assert same(second.state_dict(), metric.state_dict())

    parts = [
        fed(as_metric("distance", Batches()), part) for part in ([], batches[:1], batches[1:3], batches[3:])
    ]
    second.merge([part.state_dict() for part in parts])
    assert float(second.compute()) == pytest.approx(float(metric.compute()))
    assert second.count == len(batches)
    assert len(second.obj.rows) == len(batches)

    alone = metric(*batches[0])
    assert float(alone) == pytest.approx(sk.mean_absolute_error(*flat(batches[:1])))
    assert metric.count == 5
    metric.update(batches[0][0].to("meta"), batches[0][1].to("meta"))
    assert metric.obj.device.type == "meta"
    metric.reset()
    assert math.isnan(metric.compute())


class Counts(nn.Module):
    """A module that is called to take in a batch, with its state in its parameters, as torchkeras' metrics are."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = nn.Parameter(torch.tensor(0.0), requires_grad=False)

    def forward(self, preds: Tensor, labels: Tensor) -> Tensor:
        self.seen += len(preds)
        return torch.tensor(len(preds))

    def compute(self) -> Tensor:
        return self.seen.clone()

    def reset(self) -> None:
        self.seen.zero_()


def test_a_module_that_is_called_is_taken() -> None:
    metric = as_metric("seen", Counts())
    assert metric.higher_is_better is None
    assert float(fed(metric, binary()).compute()) == sum(SIZES)
    second = as_metric("seen", Counts())
    second.load_state_dict(metric.state_dict())
    assert float(second(*binary()[0])) == SIZES[0]
    assert float(second.compute()) == sum(SIZES) + SIZES[0]
    second.merge([metric.state_dict()])
    assert float(second.compute()) == sum(SIZES)
    with pytest.raises(RuntimeError, match="'seen'"):
        second.merge([metric.state_dict(), metric.state_dict()])


def test_an_object_without_a_state_starts_anew_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    class Last:
        value = None

        def update(self, preds: Tensor, labels: Tensor) -> None:
            self.value = float(preds.sum())

        def compute(self) -> float:
            return self.value

        def reset(self) -> None:
            self.value = None

    metric = as_metric("last", Last())
    metric.update(torch.ones(2), torch.ones(2))
    with caplog.at_level(logging.WARNING):
        assert metric.state_dict() == metric.state_dict() == {}
    assert [record.getMessage() for record in caplog.records] == [
        "metric last (Last) shows no state: after a resume it starts anew"
    ]
    metric.merge([{}])
    assert float(metric.compute()) == 2.0
    with pytest.raises(RuntimeError, match="'last'"):
        metric.merge([{}, {}])
    metric.load_state_dict({})
    assert math.isnan(metric.compute())


def test_a_function_is_weighted_by_the_batch() -> None:
    def share(preds: Tensor, labels: Tensor) -> float:
        return float((preds == labels).float().mean())

    share.higher_is_better = True
    metric = as_metric("share", share)
    assert metric.higher_is_better is True
    metric.update(torch.ones(3), torch.ones(3))
    metric.update(torch.ones(1), torch.zeros(1))
    assert float(metric.compute()) == 0.75
    assert as_metric("l1", nn.L1Loss())(torch.zeros(2), torch.ones(2)) == 1
    boxes = as_metric("boxes", lambda preds, labels: len(preds["boxes"]) - len(labels))
    boxes.update({"boxes": [1, 2]}, torch.zeros(5))
    assert (float(boxes.compute()), boxes.count) == (-3.0, 5)


@pytest.mark.parametrize(
    ("value", "message"),
    [(torch.zeros(3), r"shape \(3,\)"), ({"a": 1}, "dict"), (None, "NoneType"), ("much", "str")],
)
def test_more_than_one_number_is_refused_by_name(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"'odd'.*{message}"):
        as_metric("odd", lambda preds, labels: value).update(torch.zeros(3), torch.zeros(3))


def test_what_is_no_metric_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"'acc' is the class Accuracy; give an instance: Accuracy\(\)"):
        as_metric("acc", Accuracy)
    for wrong in (3, "accuracy", None, {"acc": Accuracy()}):
        with pytest.raises(TypeError, match=f"metric 'acc' is a {type(wrong).__name__}"):
            as_metric("acc", wrong)


def test_torchmetrics_itself() -> None:
    torchmetrics = pytest.importorskip("torchmetrics")
    kinds = [
        (torchmetrics.classification.BinaryAccuracy, Accuracy),
        (torchmetrics.classification.BinaryAUROC, AUC),
        (torchmetrics.classification.BinaryF1Score, F1),
    ]
    batches = [(preds, labels.long()) for preds, labels in binary()]
    for make, ours in kinds:
        wanted = float(fed(ours(), batches).compute())
        metric = as_metric("m", make())
        assert metric.higher_is_better is True
        first = fed(as_metric("m", make()), batches[:2])
        metric.load_state_dict(first.state_dict())
        fed(metric, batches[2:])
        assert float(metric.compute()) == pytest.approx(wanted, rel=1e-6)
        assert float(metric(*batches[0])) == pytest.approx(float(ours()(*batches[0])), rel=1e-6)

        parts = [first, fed(as_metric("m", make()), batches[2:3]), fed(as_metric("m", make()), batches[3:])]
        metric.merge([part.state_dict() for part in parts])
        assert float(metric.compute()) == pytest.approx(wanted, rel=1e-6)
        metric.reset()
        assert math.isnan(metric.compute())
    mean = as_metric("mean", torchmetrics.MeanSquaredError())
    assert mean.higher_is_better is False
