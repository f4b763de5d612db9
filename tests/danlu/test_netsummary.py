import random
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from danlu.netsummary import summary

# What the tutorial prints, character by character.
TUTORIAL_CONVOLUTIONS = """\
--------------------------------------------------------------------------
Layer (type)                            Output Shape              Param #
==========================================================================
Conv2d-1                            [-1, 32, 30, 30]                  896
MaxPool2d-2                         [-1, 32, 15, 15]                    0
Conv2d-3                            [-1, 64, 11, 11]               51,264
MaxPool2d-4                           [-1, 64, 5, 5]                    0
Dropout2d-5                           [-1, 64, 5, 5]                    0
AdaptiveMaxPool2d-6                   [-1, 64, 1, 1]                    0
Flatten-7                                   [-1, 64]                    0
Linear-8                                    [-1, 32]                2,080
ReLU-9                                      [-1, 32]                    0
Linear-10                                    [-1, 1]                   33
==========================================================================
Total params: 54,273
Trainable params: 54,273
Non-trainable params: 0
--------------------------------------------------------------------------
Input size (MB): 0.011719
Forward/backward pass size (MB): 0.359627
Params size (MB): 0.207035
Estimated Total Size (MB): 0.578381
--------------------------------------------------------------------------"""

TUTORIAL_RINGS = """\
--------------------------------------------------------------------------
Layer (type)                            Output Shape              Param #
==========================================================================
Linear-1                                    [-1, 16]                   48
Linear-2                                     [-1, 8]                  136
Linear-3                                     [-1, 1]                    9
==========================================================================
Total params: 193
Trainable params: 193
Non-trainable params: 0
--------------------------------------------------------------------------
Input size (MB): 0.000069
Forward/backward pass size (MB): 0.000191
Params size (MB): 0.000736
Estimated Total Size (MB): 0.000996
--------------------------------------------------------------------------"""


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, kernel_size=3)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=5)
        self.dropout = nn.Dropout2d(p=0.1)
        self.adaptive_pool = nn.AdaptiveMaxPool2d((1, 1))
        self.flatten = nn.Flatten()
        self.linear1 = nn.Linear(64, 32)
        self.relu = nn.ReLU()
        self.linear2 = nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.conv1(x))
        x = self.dropout(self.pool(self.conv2(x)))
        x = self.flatten(self.adaptive_pool(x))
        return self.linear2(self.relu(self.linear1(x)))


class Rings(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2, 16)
        self.fc2 = nn.Linear(16, 8)
        self.fc3 = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


class Trainer:
    def __init__(self, net: nn.Module) -> None:
        self.net = net


def quiet(net: Any, *args: Any, **options: Any) -> str:
    return summary(net, *args, print_it=False, **options)


def rows(text: str) -> list[tuple[str, str, int]]:
    body = text.split("=" * 74)[1].strip("\n").split("\n")
    found = [re.fullmatch(r"(.*?)  +(\S.*?) +([\d,]+)", line) for line in body]
    return [(m[1], m[2], int(m[3].replace(",", ""))) for m in found if m]


def number(text: str, label: str) -> float:
    return float(re.search(rf"^{re.escape(label)}: (.*)$", text, re.MULTILINE)[1].replace(",", ""))


def total(text: str) -> int:
    """The total, which the column of the lines has to add up to."""
    assert sum(count for _, _, count in rows(text)) == number(text, "Total params")
    return int(number(text, "Total params"))


def test_the_tutorials_convolutions_print_the_tutorials_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = summary(Convolutions(), input_shape=(3, 32, 32))
    assert text == TUTORIAL_CONVOLUTIONS
    assert capsys.readouterr().out == text + "\n"


def test_the_tutorials_rings_print_its_table_but_for_the_size_of_the_input() -> None:
    # The tutorial's 0.000069 MB are the 72 bytes of a Python object that refers to the data, whatever its size (80 in
    # later versions of torch). One sample is 2 * 4 bytes, and in the other table, too, the input is one sample's.
    text = quiet(Trainer(Rings()), input_data=torch.rand(16, 2))
    wanted = TUTORIAL_RINGS.replace("Input size (MB): 0.000069", "Input size (MB): 0.000008")
    wanted = wanted.replace("Total Size (MB): 0.000996", "Total Size (MB): 0.000935")
    assert text == wanted


def test_data_and_shape_give_the_same_table() -> None:
    net = Convolutions()
    assert quiet(net, torch.rand(7, 3, 32, 32)) == quiet(net, input_shape=[(3, 32, 32)])


def test_printing_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    quiet(Rings(), input_shape=(2,))
    assert capsys.readouterr().out == ""


class Tied(nn.Module):
    """A weight that is used by two modules, a module that is used twice, and parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.place = nn.Parameter(torch.zeros(1, 4))
        self.scales = nn.ParameterList([torch.ones(3), torch.ones(2)])
        self.mix = nn.Linear(4, 4)
        self.head = nn.Linear(4, 10)
        self.head.weight = self.embed.weight

    def forward(self, words: Tensor) -> Tensor:
        return self.head(self.mix(self.mix(self.embed(words) + self.place)))


def test_what_is_shared_counts_once_and_bare_parameters_have_a_line() -> None:
    net = Tied()
    net.mix.weight.requires_grad_(False)
    text = quiet(net, input_shape=(6,), input_dtype=torch.int64)
    assert rows(text) == [
        ("Embedding-1", "[-1, 6, 4]", 40),
        ("Linear-2", "[-1, 6, 4]", 20),
        ("Linear-3", "[-1, 6, 4]", 0),
        ("Linear-4", "[-1, 6, 10]", 10),
        ("place (Parameter)", "[1, 4]", 4),
        ("scales.0 (Parameter)", "[3]", 3),
        ("scales.1 (Parameter)", "[2]", 2),
    ]
    assert total(text) == 79 == sum(parameter.numel() for parameter in net.parameters())
    assert number(text, "Trainable params") == 63
    assert number(text, "Non-trainable params") == 16


def test_a_layer_that_does_not_run_is_counted_and_said_not_to_run() -> None:
    class Skips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused, self.loss = nn.Linear(2, 2), nn.Linear(3, 3), nn.MSELoss()

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    text = quiet(Skips(), input_shape=(2,))
    assert rows(text) == [("Linear-1", "[-1, 2]", 6), ("unused (Linear)", "not run", 12)]
    assert total(text) == 18


class Moody(nn.Module):
    """Does in its forward what a forward should not leave behind."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.frozen = nn.BatchNorm1d(2)
        self.linear = nn.Linear(2, 2)
        self.register_buffer("calls", torch.tensor(0))
        self.register_buffer("last", torch.tensor([float("nan")]))
        self.fails = False

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.last = x.mean(0)
        self.frozen.train()
        x = (
            nn.functional.dropout(self.frozen(self.norm(x)), training=True)
            * random.random()
            * np.random.rand()
        )
        if self.fails:
            raise RuntimeError("out of luck")
        return self.linear(x)


@pytest.mark.parametrize("fails", [False, True])
def test_the_network_is_afterwards_as_it_was(fails: bool) -> None:
    net = Moody().train()
    net.frozen.eval()
    net.linear(torch.ones(1, 2)).sum().backward()
    net.fails = fails
    seen: list[Any] = []
    net.linear.register_forward_hook(lambda *_: seen.append(1))
    state = {name: (value, value.clone()) for name, value in net.state_dict(keep_vars=True).items()}
    gradient = net.linear.weight.grad.clone()
    modes = [module.training for module in net.modules()]
    drawn = (torch.get_rng_state(), random.getstate(), np.random.get_state(legacy=False)["state"])
    data = torch.rand(4, 2, generator=torch.Generator().manual_seed(1))
    before = data.clone()

    if fails:
        with pytest.raises(RuntimeError):
            quiet(net, data)
    else:
        quiet(net, data)

    for name, value in net.state_dict(keep_vars=True).items():
        held, copy = state[name]
        assert value is held, name
        assert torch.equal(value.nan_to_num(), copy.nan_to_num()), name
    assert net.norm.num_batches_tracked == 0
    assert torch.equal(net.linear.weight.grad, gradient)
    assert [module.training for module in net.modules()] == modes
    assert torch.equal(torch.get_rng_state(), drawn[0])
    assert random.getstate() == drawn[1]
    now = np.random.get_state(legacy=False)["state"]
    assert now["pos"] == drawn[2]["pos"]
    assert np.array_equal(now["key"], drawn[2]["key"])
    assert torch.equal(data, before)
    assert sum(len(module._forward_hooks) for module in net.modules()) == 1, "the user's own hook"
    assert torch.is_grad_enabled()


def test_making_input_draws_nothing_and_training_goes_on_the_same() -> None:
    def losses(look: bool) -> list[float]:
        torch.manual_seed(3)
        net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 1))
        optimizer = torch.optim.Adam(net.parameters())
        found = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = net(torch.randn(8, 3)).square().mean()
            loss.backward()
            if look:
                quiet(net, input_shape=(3,))
            optimizer.step()
            found.append(loss.item())
        return found

    assert losses(look=True) == losses(look=False)


def test_overridden_modes_are_not_called() -> None:
    class Merges(nn.Linear):
        def train(self, mode: bool = True) -> "Merges":
            raise AssertionError("merges its weights here")

    quiet(Merges(2, 2), input_shape=(2,))


def test_an_error_of_the_forward_says_what_the_input_was() -> None:
    with pytest.raises(RuntimeError) as caught:
        quiet(Rings(), input_shape=(3,))
    assert caught.value.__notes__ == ["danlu.summary ran Rings on (2, 3) float32 on cpu"]
    with pytest.raises(RuntimeError) as caught:
        quiet(nn.Bilinear(2, 2, 1), input_shape=[(2,), (5,)], input_dtype=[torch.float32, torch.int64])
    assert caught.value.__notes__ == [
        "danlu.summary ran Bilinear on (2, 2) float32 on cpu, (2, 5) int64 on cpu"
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give input_data"),
        ({"input_data": torch.rand(1, 2), "input_shape": (2,)}, "not both"),
        ({"input_shape": (2,), "batch_size": 0}, "batch_size"),
        ({"input_shape": (2,), "depth": 0}, "depth"),
        ({"input_shape": [(2,), (2,)], "input_dtype": [torch.int64]}, "one for each"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quiet(Rings(), **options)


def test_only_networks_and_their_trainers_are_taken() -> None:
    for wrong in ("net", Trainer("net")):
        with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
            quiet(wrong, input_shape=(2,))


class TakesTwo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(2, 3), nn.Linear(4, 3)

    def forward(self, a: Tensor, b: Tensor, scale: float = 1.0) -> tuple[Tensor, Tensor]:
        return self.left(a) * scale, self.right(b)


class TakesOne(TakesTwo):
    def forward(self, inputs: Any) -> dict[str, Tensor]:
        a, b = inputs.values() if isinstance(inputs, Mapping) else inputs
        return {"left": self.left(a), "right": self.right(b)}


class TakesMany(TakesTwo):
    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor:
        a, b = (*inputs, *named.values())
        return self.left(a) + self.right(b)


@pytest.mark.parametrize("kind", [TakesTwo, TakesOne, TakesMany])
@pytest.mark.parametrize("form", [tuple, list, dict])
def test_several_inputs_go_the_way_the_network_takes_them(kind: type[nn.Module], form: type) -> None:
    values = torch.rand(5, 2), torch.rand(5, 4)
    data = form(zip("ab", values, strict=True)) if form is dict else form(values)
    text = quiet(kind(), data)
    assert rows(text) == [("Linear-1", "[-1, 3]", 9), ("Linear-2", "[-1, 3]", 15)]
    assert number(text, "Input size (MB)") == round(6 * 4 / 2**20, 6)


@pytest.mark.parametrize(
    "options",
    [
        {"input_shape": [(2,), (4,)]},
        {"input_data_args": (torch.rand(5, 2), torch.rand(5, 4))},
        {"input_data_args": {"a": torch.rand(5, 2), "b": torch.rand(5, 4), "scale": 2.0}},
        {"input_shape": (2,), "input_data_args": (torch.rand(2, 4),)},
        {"input_data": torch.rand(5, 2), "input_data_args": {"b": torch.rand(5, 4)}},
    ],
)
def test_further_arguments_follow_the_input(options: dict[str, Any]) -> None:
    assert [count for _, _, count in rows(quiet(TakesTwo(), **options))] == [9, 15]


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.LongTensor])
def test_integer_inputs_are_valid_indices(dtype: torch.dtype) -> None:
    text = quiet(nn.Sequential(nn.Embedding(1, 4), nn.Linear(4, 2)), input_shape=(3,), input_dtype=dtype)
    assert [name for name, _, _ in rows(text)] == ["Embedding-1", "Linear-2"]


def test_sizes_are_those_of_the_elements_own_types() -> None:
    class Picks(nn.Linear):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return super().forward(x), x.argmax(1)  # 128 float64 with a gradient, and one int64 without

    text = quiet(Picks(256, 128).double(), input_shape=(256,), input_dtype=torch.float64, batch_size=512)
    assert rows(text) == [("Picks-1", "[512, 128]", 32_896)]
    assert number(text, "Input size (MB)") == 1.0
    assert number(text, "Forward/backward pass size (MB)") == round(512 * (2 * 128 * 8 + 8) / 2**20, 6)
    assert number(text, "Params size (MB)") == round(32_896 * 8 / 2**20, 6)


def test_attention_and_recurrence_are_layers_of_one_line() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            self.lstm = nn.LSTM(8, 4, batch_first=True)
            self.weighted = nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))

        def forward(self, x: Tensor) -> Tensor:
            return self.weighted(self.lstm(self.encoder(x))[0])

    net = Reads()
    text = quiet(net, input_shape=(5, 8))
    names = [name.split("-")[0] for name, _, _ in rows(text)]
    assert names[:3] == ["MultiheadAttention", "Dropout", "LayerNorm"]
    assert rows(text)[-2:] == [("LSTM-9", "[-1, 5, 4]", 224), ("ParametrizedLinear-10", "[-1, 5, 2]", 12)]
    assert total(text) == sum(parameter.numel() for parameter in net.parameters())

    whole = quiet(net, input_shape=(5, 8), depth=1)
    assert [name for name, _, _ in rows(whole)] == ["TransformerEncoder-1", "LSTM-2", "ParametrizedLinear-3"]
    assert whole.split("=" * 74)[2] == text.split("=" * 74)[2], "the totals do not depend on the depth"


def test_lazy_layers_get_their_parameters() -> None:
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    text = quiet(net, input_shape=(3, 8, 8))
    assert [name for name, _, _ in rows(text)] == ["Conv2d-1", "BatchNorm2d-2", "Flatten-3", "Linear-4"]
    assert total(text) == 112 + 8 + 290
    assert net[1].num_batches_tracked == 0

    class Unused(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return x

    assert total(quiet(Unused(nn.LazyLinear(2)), input_shape=(3,))) == 0


def test_outputs_without_a_batch_or_without_a_tensor_are_shown_as_they_are() -> None:
    class Table(nn.Module):
        def forward(self) -> Tensor:
            return torch.zeros(7, 3)

    class Nothing(nn.Module):
        def forward(self, x: Tensor) -> None:
            return None

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.nothing, self.loss = Table(), Nothing(), nn.MSELoss()

        def forward(self, x: Tensor) -> Tensor:
            self.nothing(x)
            return self.loss(x @ self.table().T, torch.zeros(len(x), 7))

    shapes = [shape for _, shape, _ in rows(quiet(Odd(), torch.rand(5, 3)))]
    assert shapes == ["-", "[7, 3]", "[]"]


def test_lines_keep_their_columns_with_long_names() -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    net.register_parameter("a_parameter_with_quite_a_name_" * 2, nn.Parameter(torch.ones(3)))
    text = quiet(net, input_shape=(2,))
    header, _, layer, parameter = text.split("\n")[1:5]
    assert len(header) == len(layer) == len(parameter)
    assert parameter.startswith("…")
    assert parameter.split()[1:] == ["(Parameter)", "[3]", "3"]


def test_a_compiled_network_is_shown_as_written() -> None:
    net = Rings()
    wanted = rows(quiet(net, input_shape=(2,)))
    assert rows(quiet(torch.compile(net, backend="eager"), input_shape=(2,))) == wanted
    net.fc2.compile(backend="eager")
    assert rows(quiet(net, input_shape=(2,))) == wanted


def test_the_input_goes_to_the_networks_device() -> None:
    net = Rings().to("meta")
    assert rows(quiet(net, input_shape=(2,))) == rows(quiet(net, torch.rand(3, 2)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_network_on_a_gpu() -> None:
    net = Convolutions().cuda()
    drawn = torch.cuda.get_rng_state()
    assert quiet(net, torch.rand(4, 3, 32, 32)) == TUTORIAL_CONVOLUTIONS
    assert torch.equal(torch.cuda.get_rng_state(), drawn)
