"""The pane of media: images, histograms, texts and graphs of several runs at one step."""

import re
from typing import Any

import numpy as np
import pytest
from accessibility import overflow, violations
from browsing import OpenPage
from playwright.sync_api import Page, expect
from rest import Rest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.graph_pb2 import GraphDef
from waiting import wait_for

from danlu.board import Board

TEXT = "# Epoch {step}\n\n| a | b |\n|---|---|\n| **1** | `2` |\n\n- [a link](https://example.org) <img src=x onerror=alert(1)>"


@pytest.fixture
def drawn(rest: Rest) -> list[int]:
    """Two runs at other steps, and one without anything."""
    found = []
    for number in range(2):
        run = rest.submit(name=f"painter {number}")
        found.append(run["id"])
        with Board(rest.folder(run)) as board:
            graph = GraphDef()
            graph.node.add(name="net/fc1/weight", op="Parameter")
            graph.node.add(name="net/fc1/addmm", op="aten::addmm", input=["net/fc1/weight"])
            board.writer.event(Event(graph_def=graph.SerializeToString()))
            for step in range(0, 40 + number * 7, 10 + number):
                board.image("samples", np.full((8, 12, 3), 40 + step, np.uint8), step)
                board.images("batch", np.full((3, 1, 6, 6), step / 100), step)
                board.histogram("weights", np.linspace(-1, 1 + step, 300), step)
                board.text("note", TEXT.format(step=step), step)
    found.append(rest.submit(name="idle")["id"])
    return found


def open_pane(page: Page, query: str = "") -> None:
    page.goto(f"/experiments/exp?pane=media{query}")
    page.wait_for_selector("#pane-media [data-ready]")


def shown(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("document.querySelector('#pane-media').board.shown")
    return found


def loaded(page: Page) -> bool:
    script = "() => [...document.querySelectorAll('#pane-media img')].every(one => one.complete && one.naturalWidth)"
    done: bool = page.evaluate(script)
    return done


def test_images_stand_side_by_side_at_one_step(page: Page, drawn: list[int]) -> None:
    open_pane(page, "&mt=images:samples")
    one, two, idle = drawn
    assert shown(page)["steps"] == [0, 10, 11, 20, 22, 30, 33, 44]
    assert dict(shown(page)["runs"]) == {one: 30, two: 44, idle: None}
    expect(page.get_by_text("1 of 3 runs did not log this")).to_be_visible()
    expect(page.get_by_role("img", name="painter 1 #2, step 44")).to_be_visible()
    wait_for(lambda: loaded(page), 10, "the images")
    slider = page.get_by_label("Step", exact=True)
    slider.press("Home")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    assert dict(shown(page)["runs"]) == {one: 10, two: 11, idle: None}
    expect(page.get_by_role("img", name="painter 0 #1, step 10")).to_be_visible()
    page.wait_for_url(re.compile(r"[?&]step=11(?:&|$)"))
    page.reload()
    page.wait_for_selector("#pane-media [data-ready]")
    assert shown(page)["step"] == 11
    page.get_by_label("What is shown").select_option("images:batch")
    expect(page.locator("#pane-media img")).to_have_count(6)


def test_images_are_zoomed_together_and_laid_over_each_other(page: Page, drawn: list[int]) -> None:
    open_pane(page, "&mt=images:samples")
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_url(re.compile(r"mz=2,0\.5,0\.5"))
    transforms = page.evaluate(
        "() => [...document.querySelectorAll('#pane-media img')].map(one => one.style.transform)"
    )
    assert transforms == ["translate(0%, 0%) scale(2)"] * 2
    box = page.locator(".by-frame").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=3)
    page.mouse.up()
    page.wait_for_url(re.compile(r"mz=2,0\.4\d+,0\.5"))
    page.get_by_role("button", name="Whole images").click()
    page.get_by_role("button", name="Compare two").click()
    page.wait_for_url(re.compile(r"ab=\d,\d"))
    divider = page.get_by_label("Divider")
    divider.press("End")
    expect(divider).to_have_value("100")
    left = page.get_by_label("Left image").input_value()
    page.get_by_label("Right image").select_option(left)
    page.reload()
    page.wait_for_selector("#pane-media [data-ready]")
    expect(page.get_by_label("Left image")).to_have_value(left)
    expect(page.get_by_label("Right image")).not_to_have_value(left)
    page.get_by_role("button", name="Compare two").click()
    expect(page.locator("#pane-media img")).to_have_count(2)


def test_histograms_as_ridges_and_as_bars(page: Page, drawn: list[int]) -> None:
    open_pane(page, "&mt=histograms:weights&step=10")
    first = page.get_by_role("img", name="Histogram of weights at step 10: 300 values from -1 to 11, mean 5")
    expect(first).to_be_visible()
    box = first.bounding_box()
    assert box is not None
    first.click(position={"x": box["width"] / 2, "y": box["height"] - 24})
    assert shown(page)["step"] == 30
    page.get_by_role("button", name="One step").click()
    page.wait_for_url(re.compile(r"hist=bars"))


def test_texts_are_shown_and_never_run(page: Page, drawn: list[int]) -> None:
    open_pane(page, "&mt=text:note&step=0")
    text = page.get_by_role("region", name=f"Text of run {drawn[0]} at step 0")
    expect(text.get_by_role("heading", name="Epoch 0")).to_be_visible()
    expect(text.get_by_role("cell", name="1", exact=True)).to_be_visible()
    expect(text.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    expect(text.locator("img, a, script")).to_have_count(0)
    page.get_by_role("button", name="As written").click()
    expect(text.get_by_text("| **1** | `2` |")).to_be_visible()


def test_a_graph_is_a_tree(page: Page, drawn: list[int]) -> None:
    open_pane(page, "&mt=graph:__run_graph__")
    tree = page.get_by_role("region", name=f"Graph of run {drawn[0]}")
    expect(tree.get_by_text("2 nodes", exact=True).first).to_be_visible()
    tree.get_by_text("net", exact=True).click()
    tree.get_by_text("fc1", exact=True).click()
    expect(tree.get_by_text("aten::addmm")).to_be_visible()


def test_only_ticked_runs_and_none_with_media(page: Page, drawn: list[int]) -> None:
    open_pane(page, f"&mt=images:samples&sel={drawn[1]}")
    assert [run for run, _ in shown(page)["runs"]] == [drawn[1]]
    page.goto(f"/experiments/exp?pane=media&sel={drawn[2]}")
    expect(page.get_by_text("No media yet")).to_be_visible()


@pytest.mark.parametrize("tag", ["images:samples", "histograms:weights", "text:note", "graph:__run_graph__"])
@pytest.mark.parametrize(("width", "theme"), [(1280, "dark"), (390, "light")])
def test_axe_and_a_phone(open_page: OpenPage, drawn: list[int], tag: str, width: int, theme: str) -> None:
    page = open_page(width=width, theme=theme)
    open_pane(page, f"&mt={tag}")
    page.evaluate("document.querySelector('.wb-runs').hidden = true")  # the table has tests of its own
    assert violations(page) == []
    assert overflow(page) <= 0
