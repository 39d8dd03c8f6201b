# SPDX-License-Identifier: MIT
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from callbacks_core import HopelessPathError, LambdaCallback, Secret, unpacked
from callbacks_core.testing import play
from callbacks_logging import HTMLReport
from callbacks_logging.environment import git_commit
from callbacks_logging.report import logger as module

EPOCHS = [
    {"loss": 1.5, "accuracy": 50.0, "val_loss": 2.5, "val_accuracy": 40.0},
    {"loss": 0.5, "accuracy": 90.0, "val_loss": 0.75, "val_accuracy": 80.0},
    {"loss": 0.25, "accuracy": 95.0, "val_loss": 1.25, "val_accuracy": 85.0},
]


class Reader(HTMLParser):
    """Reads a page as a browser does: tags that match, the cells of tables, what it would load."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.rows = []
        self.tags = set()
        self.loads = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.loads += [value for name, value in attributes if name in ("src", "href", "srcset")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if any(tag in self.open for tag in ("td", "th")):
            self.rows[-1][-1] += data


def page(path):
    return path.read_text(encoding="utf-8")


def charts(text):
    """Return the charts, parsed as strictly as XML is."""
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def report(tmp_path, epochs=EPOCHS, **options):
    path = tmp_path / "report.html"
    play(HTMLReport(path, **options), epochs)
    return page(path)


def test_a_page_has_curves_values_and_state(tmp_path):
    """Each metric has a chart with training beside validation; the extremes have their epochs."""
    text = report(tmp_path, title="Digits")
    found = charts(text)
    assert [chart.get("aria-label") for chart in found] == ["loss", "accuracy"]
    assert [len(chart.findall("path[@class='line c1']")) for chart in found] == [1, 1]
    dots = [title.text for title in found[0].iter("title")]
    assert dots[1] == "training, epoch 2: 0.5"
    assert dots[-1] == "validation, epoch 3: 1.25"
    rows = Reader(text).rows
    assert ["val_loss", "1.25", "0.75 epoch 2", "2.5 epoch 1"] in rows
    assert ["3", "0", "0.25", "95", "1.25", "85"] in rows
    assert '<span class="state finished">finished</span>' in text
    assert re.search(r"3 of 3 epochs in \d+ s · begun 20\d\d-\d\d-\d\d ", text)
    assert "<title>Digits</title>" in text


def test_nothing_is_loaded_and_nothing_runs(tmp_path):
    """No network is needed; the browser is told to refuse scripts and everything from outside."""
    text = report(tmp_path)
    reader = Reader(text)
    assert reader.loads == []
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "embed"}
    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert "url(" not in text
    assert "@import" not in text


EVIL = "<script>alert(1)</script>\"'&"


def test_everything_is_escaped(tmp_path):
    """Names, values, titles and configuration are text, whatever stands in them."""
    text = report(
        tmp_path,
        [{EVIL: 1.0, "note": EVIL}, {EVIL: 2.0, "note": EVIL}],
        title=EVIL,
        config={EVIL: EVIL, "deep": {EVIL: EVIL}},
    )
    assert "<script" not in text
    reader = Reader(text)
    assert [EVIL, EVIL] in reader.rows
    assert [f"deep.{EVIL}", EVIL] in reader.rows
    assert charts(text)[1].get("aria-label") == EVIL


def test_secrets_are_not_shown(tmp_path):
    """Neither those that are known, nor those that a name or an address gives away."""
    config = {
        "api_key": "abcdefgh",
        "store": {"uri": "https://me:hunter22@host/x"},
        "token": Secret("tell-nobody"),
        "epochs": 3,
    }
    text = report(tmp_path, config=config)
    for secret in ("abcdefgh", "hunter22", "tell-nobody"):
        assert secret not in text
    assert ["store.uri", "https://***@host/x"] in Reader(text).rows
    assert ["epochs", "3"] in Reader(text).rows


def test_the_learning_rate_has_a_chart(tmp_path):
    """The last one, whatever its name sorts to."""
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.1}], step=lambda: None)
    model = SimpleNamespace(network=None, optimizer=optimizer, stop_training=False)
    path = tmp_path / "report.html"
    play(HTMLReport(path), EPOCHS, model=model)
    assert [chart.get("aria-label") for chart in charts(page(path))] == ["loss", "accuracy", "lr"]


def test_the_environment_is_shown(tmp_path):
    """Versions and the machine."""
    rows = dict(row for row in Reader(report(tmp_path)).rows if len(row) == 2)
    assert re.match(r"3\.\d+\.\d+", rows["Python"])
    assert "callbacks-logging" in rows
    assert {"host", "system", "processors", "GPU", "git commit"} <= set(rows)


def test_the_times_of_callbacks_are_shown(tmp_path):
    """Those of the list that the report is in."""
    path = tmp_path / "report.html"
    play([LambdaCallback(on_epoch_end=lambda epoch, logs: None), HTMLReport(path)], EPOCHS)
    [row] = [row for row in Reader(page(path)).rows if row[0] == "LambdaCallback.on_epoch_end"]
    assert row[1] == "3"


def fail(error):
    def hook(epoch, logs):
        if epoch == 2:
            raise error

    return LambdaCallback(on_epoch_begin=hook)


@pytest.mark.parametrize(
    ("error", "state"), [(RuntimeError("x"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_the_page_tells_how_the_training_ended(tmp_path, error, state):
    """What was written before the end is there, and the page is not loaded again any more."""
    path = tmp_path / "report.html"
    with pytest.raises(type(error)):
        play([HTMLReport(path), fail(error)], EPOCHS)
    assert f'<span class="state {state}">{state}</span>' in page(path)
    assert "1 of 3 epochs" in page(path)
    assert 'http-equiv="refresh"' not in page(path)


def test_a_running_training_can_be_watched(tmp_path):
    """There is a page from the beginning, and each one is whole."""
    path = tmp_path / "report.html"
    seen = []
    watch = LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(page(path)))
    play([HTMLReport(path, interval=0), watch], EPOCHS)
    assert [text.count("<figure>") for text in seen] == [0, 2, 2]
    for text in seen:
        assert '<span class="state running">running</span>' in text
        assert '<meta http-equiv="refresh" content="15">' in text
        assert text.endswith("</html>\n")


def test_pages_are_not_written_more_often_than_wanted(tmp_path, monkeypatch):
    """Many short epochs cost one writing an interval; the last one is always written."""
    written = []
    durable_open = module.durable_open

    def counting(path, mode):
        written.append(path)
        return durable_open(path, mode)

    monkeypatch.setattr(module, "durable_open", counting)
    text = report(tmp_path, [{"loss": 1.0 / n} for n in range(1, 200)], interval=1000)
    assert len(written) == 2  # the first and the last
    assert "199 of 199 epochs" in text


def test_long_runs_make_small_pages(tmp_path):
    """The curves of many epochs are thinned out, and a single peak stays."""
    epochs = [{"loss": 1.0} for _ in range(4_000)]
    epochs[1_777] = {"loss": 9.0}
    epochs[2_345] = {"loss": float("nan")}
    text = report(tmp_path, epochs, interval=1000)
    assert len(text) < 150_000
    lines = charts(text)[0].findall("path[@class='line c0']")
    assert len(lines) == 2  # the gap at the value that is no number
    tops = [float(pair.split()[1]) for pair in lines[0].get("d")[1:].split("L")]
    assert min(tops) == 10.0
    assert "The last 200 epochs" in text


@pytest.mark.parametrize(
    "values",
    [
        [float("nan")] * 3,
        [float("inf"), 1.0, float("-inf")],
        [0.0, 0.0],
        [-5.0],
        [1e300, -1e300],
        [1.7e308, -1.7e308, 1.0, 2.0],
        [1e-300, 1e300],
        [5e-324, 1.0],
        [1.0, 1.0 + 2**-52],
        [7],
    ],
)
def test_any_number_can_be_drawn(tmp_path, values):
    """Nothing of a chart lies outside of it, whatever the values."""
    for chart in charts(report(tmp_path, [{"loss": value} for value in values])):
        for path in chart.iter("path"):
            for left, top in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d")):
                assert 0 <= float(left) <= 480
                assert 0 <= float(top) <= 250
        for text in chart.iter("text"):
            assert text.text not in ("nan", "inf")


@pytest.mark.parametrize("restored", [False, True, "unpacked"])
def test_a_resumed_training_goes_on_with_its_curves(tmp_path, restored):
    """Epochs that are done again are there once; without a state, what is known is shown.

    A state whose rows were never packed, as earlier versions have saved it, will do.
    """
    path = tmp_path / "report.html"
    first = HTMLReport(path)
    play(first, EPOCHS[:2])
    second = HTMLReport(path)
    if restored:
        state = first.state_dict()
        if restored == "unpacked":
            state["epochs"] = unpacked(state["epochs"])
        second.load_state_dict(state)
    play(second, EPOCHS[1:], initial_epoch=2)
    numbers = [row[0] for row in Reader(page(path)).rows if len(row) == 6 and row[0].isdigit()]
    assert numbers == (["1", "2", "3"] if restored else ["2", "3"])


def test_a_report_can_be_used_again(tmp_path):
    """A second training starts a new page."""
    path = tmp_path / "report.html"
    callback = HTMLReport(path)
    play(callback, EPOCHS)
    play(callback, EPOCHS[:1])
    assert "1 of 1 epochs" in page(path)


def test_tests_are_added(tmp_path):
    """After a training they stand below it, which stays finished; alone they are a page too."""
    path = tmp_path / "report.html"
    callback = HTMLReport(path)
    for trained in (True, False):
        if trained:
            play(callback, EPOCHS)
        else:
            callback = HTMLReport(path)
        callback.on_test_begin({})
        callback.on_test_end({"time": 1.0, "test_loss": 0.125})
        callback.close()
        assert ["1", "1", "0.125"] in Reader(page(path)).rows
        assert "finished</span>" in page(path)
        assert ("3 of 3 epochs" in page(path)) is trained


def test_a_path_that_can_never_be_written_is_refused(tmp_path):
    """Before the first batch."""
    with pytest.raises(HopelessPathError, match="it is a folder"):
        play(HTMLReport(tmp_path), EPOCHS)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"filename": ""}, ValueError, "`filename` must not be empty"),
        ({"filename": 3}, TypeError, "`filename` must be a str or a path, not 3"),
        ({"title": None}, TypeError, "`title` must be a str, not None"),
        ({"config": [1]}, TypeError, r"`config` must be a mapping of names to values, not \[1\]"),
        ({"interval": "5"}, TypeError, "`interval` must be a number of seconds, not '5'"),
        ({"interval": -1}, ValueError, "`interval` must be at least 0, not -1"),
        ({"interval": float("nan")}, ValueError, "`interval` must be at least 0, not nan"),
    ],
)
def test_bad_options_are_refused_at_once(options, error, message):
    """The message says what was expected."""
    with pytest.raises(error, match=message):
        HTMLReport(**{"filename": "report.html", **options})


def test_the_commit_is_found_however_git_keeps_it(tmp_path):
    """A branch, a packed branch, a commit by itself, a worktree; and folders without any."""
    one, two = "1" * 40, "2" * 40
    git = tmp_path / "repository" / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    inner = tmp_path / "repository" / "inner"
    inner.mkdir()
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert git_commit(inner) is None
    (git / "packed-refs").write_text(f"# pack-refs with: peeled\n{one} refs/heads/main\n")
    assert git_commit(inner) == one
    (git / "refs" / "heads" / "main").write_text(f"{two}\n")
    assert git_commit(inner) == two
    tree = git / "worktrees" / "tree"
    tree.mkdir(parents=True)
    (tree / "HEAD").write_text("ref: refs/heads/main\n")
    (tree / "commondir").write_text("../..\n")
    worktree = tmp_path / "worktree"
    worktree.mkdir()
    (worktree / ".git").write_text(f"gitdir: {tree}\n")
    assert git_commit(worktree) == two
    (git / "HEAD").write_text(f"{one}\n")
    assert git_commit(inner) == one
    (git / "HEAD").unlink()
    assert git_commit(inner) is None
