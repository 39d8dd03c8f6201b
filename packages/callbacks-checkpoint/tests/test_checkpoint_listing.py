# SPDX-License-Identifier: MIT
import os
import pickle
import sys

import pytest
import torch

from callbacks_checkpoint import (
    CheckpointError,
    DamagedCheckpointError,
    EveryBatches,
    ModelCheckpoint,
    OptimizerCheckpoint,
    Retention,
    best_checkpoint,
    checkpoints_to_remove,
    export_safetensors,
    list_checkpoints,
    load_newest,
    load_safetensors,
    save_sharded,
    verify_checkpoint,
)
from callbacks_core import SimpleModel
from callbacks_core.testing import play


def model_of():
    network = torch.nn.Linear(3, 2)
    return SimpleModel(network, torch.optim.Adam(network.parameters()))


def losses(*values):
    return [{"val_loss": value} for value in values]


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def plain(path, when):
    torch.save({"a": torch.ones(3)}, path)
    os.utime(path, (when, when))


@pytest.fixture
def run(tmp_path):
    """A folder with the files of two savers, a second name, and one damaged file."""
    weights = ModelCheckpoint(tmp_path / "w-{epoch}.pt", best_link=tmp_path / "best.pt")
    optimizer = OptimizerCheckpoint(tmp_path / "o-{epoch}-{batch}.pt", trigger=EveryBatches(3))
    play([weights, optimizer], losses(3, 1, 2, 4), model=model_of())
    damage(tmp_path / "w-4.pt")
    (tmp_path / "log.csv").write_text("epoch,loss\n")
    (tmp_path / "w-9.pt.tmp").write_text("left by a killed process")
    return tmp_path


def names(files):
    return [file.path.name for file in files]


def test_checkpoints_are_found_with_what_they_say(run):
    """Each series from its oldest to its newest, whatever copying did to the times."""
    os.utime(run / "w-1.pt")
    files = list_checkpoints(run)
    assert names(files) == [
        "o-2-1.pt",
        "o-3-2.pt",
        "w-1.pt",
        "best.pt",
        "w-2.pt",
        "w-3.pt",
        "w-4.pt",
    ]
    verdicts = {file.path.name: file.verdict for file in files}
    assert verdicts.pop("w-4.pt") == "damaged"
    assert set(verdicts.values()) == {"whole"}
    by_name = {file.path.name: file for file in files}
    assert "check sum" in by_name["w-4.pt"].why
    assert by_name["o-3-2.pt"].about["batch"] == 2
    assert by_name["w-2.pt"].about["value"] == 1
    assert by_name["w-2.pt"].inode == by_name["best.pt"].inode
    assert best_checkpoint(files[2:]).path.name in ("w-2.pt", "best.pt")


def test_without_reading_them_nothing_is_known_to_be_damaged(run):
    """What they say of themselves is."""
    files = list_checkpoints(run, pattern="w-*", verify=False)
    assert {file.verdict for file in files} == {"unread"}
    assert [file.about["epoch"] for file in files] == [1, 2, 3, 4]


def test_plain_files_are_listed_by_their_age(tmp_path):
    """Those of torch alone, whatever wrote them."""
    for age, name in enumerate(("b.pth", "a.ckpt", "c.pt")):
        plain(tmp_path / name, 1000 + age)
    (tmp_path / "text.pt").write_text("no checkpoint")
    files = list_checkpoints(tmp_path)
    assert names(files)[:3] == ["b.pth", "a.ckpt", "c.pt"]
    assert [file.verdict for file in files] == 4 * ["unverified"]
    assert best_checkpoint(files) is None
    assert best_checkpoint([]) is None


def test_the_newest_good_file_is_loaded(run, caplog):
    """The damaged one is told of, and nothing else is."""
    loaded = load_newest(run, pattern="w-*")
    assert loaded.path == run / "w-3.pt"
    assert loaded.about["epoch"] == 3
    assert loaded.state.keys() == {"weight", "bias"}
    assert caplog.text.count("is damaged") == 1
    assert f"going back to {str(run / 'w-3.pt')!r}" in caplog.text


def test_the_newest_is_loaded_without_a_word_when_it_is_whole(run, caplog):
    """By epoch and batch, not by what the times of files say."""
    os.utime(run / "o-2-1.pt")
    assert load_newest(str(run), pattern="o-*").about["epoch"] == 3
    assert caplog.text == ""


def test_a_hostile_newest_file_is_passed_over(run, caplog):
    """It does not run, either."""

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(run / "made by the file"),)

    torch.save(Hostile(), run / "w-5.pt")
    (run / "w-6.pt").write_bytes(pickle.dumps(Hostile()))
    assert load_newest(run, pattern="w-*").path.name == "w-3.pt"
    assert not (run / "made by the file").exists()


def test_when_none_is_good_all_are_listed(run):
    """Nothing starts again in silence."""
    for epoch in (1, 2, 3):
        damage(run / f"w-{epoch}.pt")
    with pytest.raises(CheckpointError, match=r"none is good: .*w-4\.pt.*w-3\.pt.*w-1\.pt"):
        load_newest(run, pattern="w-*")
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint 'v-\*' in"):
        load_newest(run, pattern="v-*")
    with pytest.raises(FileNotFoundError):
        load_newest(run / "nowhere")


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (Retention(last=1), ["o-2-1.pt", "w-1.pt", "w-2.pt"]),
        (Retention(every=2), ["o-2-1.pt", "w-1.pt", "w-3.pt"]),
        (Retention(pinned=[1, 3]), ["o-2-1.pt", "w-2.pt"]),
    ],
    ids=range(3),
)
def test_what_a_rule_does_not_want_can_go(run, keep, expected):
    """Damaged files are not counted, second names stay, and so does one of each series."""
    assert names(checkpoints_to_remove(list_checkpoints(run), keep)) == expected


def test_the_best_can_be_kept(run):
    """Of what tells its value."""
    files = list_checkpoints(run, pattern="w-*")
    assert names(checkpoints_to_remove(files, Retention(best=1))) == ["w-1.pt", "w-3.pt"]
    with pytest.raises(ValueError, match=r"no file of o-\{epoch\}-\{batch\}\.pt tells its value"):
        checkpoints_to_remove(list_checkpoints(run), Retention(best=1))


def test_plain_files_can_go_by_age(tmp_path):
    """They tell neither epoch nor value; the last good one stays whatever the rule."""
    for age, name in enumerate(("b.pth", "a.ckpt", "c.pt")):
        plain(tmp_path / name, 1000 + age)
    files = list_checkpoints(tmp_path)
    assert names(checkpoints_to_remove(files, Retention(last=2))) == ["b.pth"]
    assert names(checkpoints_to_remove(files, Retention(every=1, pinned=[1]))) == [
        "b.pth",
        "a.ckpt",
    ]
    (tmp_path / "c.pt").write_bytes(b"PK\3\4 torn")
    assert names(checkpoints_to_remove(list_checkpoints(tmp_path), Retention(last=1))) == ["b.pth"]
    for name in ("a.ckpt", "b.pth"):
        (tmp_path / name).write_bytes(b"")
    assert checkpoints_to_remove(list_checkpoints(tmp_path), Retention(last=1)) == []


def test_weights_are_exported_for_other_programs(tmp_path):
    """Whoever reads safetensors reads them, tied weights and odd strides included."""
    library = pytest.importorskip("safetensors.torch")
    network = torch.nn.Linear(3, 3)
    network.tied = network.weight
    path = tmp_path / "new" / "weights.safetensors"
    export_safetensors(network, path, about={"license": "MIT"})
    assert torch.equal(library.load_file(path)["tied"], network.weight)
    weights = {"t": torch.randn(2, 3).t(), "h": torch.ones(3).bfloat16(), "0": torch.tensor(3)}
    export_safetensors(weights, path)
    loaded = load_safetensors(path)
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)
    assert os.listdir(path.parent) == ["weights.safetensors"]


def test_an_exported_file_that_changed_is_noticed(tmp_path):
    """Wherever it did, and whatever was cut off."""
    pytest.importorskip("safetensors.torch")
    path = tmp_path / "weights.safetensors"
    export_safetensors({"a": torch.arange(9.0)}, path, about={"sha": "x"})
    assert verify_checkpoint(path).verdict == "whole"
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(DamagedCheckpointError):
            load_safetensors(path)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DamagedCheckpointError):
            load_safetensors(path)


def test_safetensors_of_others_are_unverified(tmp_path):
    """Their length is checked."""
    library = pytest.importorskip("safetensors.torch")
    path = tmp_path / "weights.safetensors"
    library.save_file({"a": torch.ones(3)}, path)
    assert verify_checkpoint(path).verdict == "unverified"
    assert torch.equal(load_safetensors(path)["a"], torch.ones(3))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedCheckpointError, match="its length is not the one its header tells"):
        verify_checkpoint(path)


def test_what_cannot_be_exported_is_refused(tmp_path):
    """With what is wrong; and without the extra, with what to install."""
    pytest.importorskip("safetensors.torch")
    with pytest.raises(TypeError, match="hold tensors only, and 'a' is a int"):
        export_safetensors({"a": 1}, tmp_path / "a")
    with pytest.raises(TypeError, match="`about` must hold text only, not 3"):
        export_safetensors({}, tmp_path / "a", about={"epoch": 3})
    assert os.listdir(tmp_path) == []


def test_without_the_extra_the_error_names_it(tmp_path, monkeypatch):
    """The rest of the package needs nothing of it."""
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.delitem(sys.modules, "safetensors.torch", raising=False)
    with pytest.raises(ImportError, match=r"pip install \"callbacks-checkpoint\[safetensors\]\""):
        export_safetensors({}, tmp_path / "a")


def test_a_sharded_checkpoint_is_named_to_whoever_looks_for_files(tmp_path):
    """It is a folder, which is loaded in another way: the error says in which."""
    pytest.importorskip("torch.distributed.checkpoint")
    save_sharded({"weight": torch.ones(2)}, tmp_path / "4.pt")
    assert list_checkpoints(tmp_path) == []
    with pytest.raises(FileNotFoundError, match=r"'4\.pt' is sharded, which load_sharded reads"):
        load_newest(tmp_path)
