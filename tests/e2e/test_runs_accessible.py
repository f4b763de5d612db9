"""The run table to assistive technology: axe on each of its states, names, positions, and targets of 24 px."""

import pytest
from browsing import OpenPage
from playwright.sync_api import Page, expect
from rest import Rest
from scenes import furnished
from test_runs_table import filter_box, opened

pytestmark = pytest.mark.browser
