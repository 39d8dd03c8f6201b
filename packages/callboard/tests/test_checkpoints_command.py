# SPDX-License-Identifier: MIT
"""``callboard checkpoints``, on folders of real checkpoints."""

from pathlib import Path

import pytest
import torch

from callbacks_checkpoint import ModelCheckpoint, list_checkpoints, save_sharded
from callbacks_core import SimpleModel
from callbacks_core.testing import play
from callboard.__main__ import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the checkpoints of three epochs, and a file of plain torch."""
    torch.save({"a": torch.ones(3)}, tmp_path / "plain.pth")
    saver = ModelCheckpoint(tmp_path / "weights-{epoch}.pt")
    values = [{"val_loss": value} for value in (3.0, 1.0, 2.0)]
    play(saver, values, model=SimpleModel(torch.nn.Linear(30, 20)))
    return tmp_path


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_ls_shows_what_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table with epochs, values, verdicts, and which is best and last."""
    assert main(["checkpoints", "ls", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "size", "saved", "epoch", "value", "state"]
    rows = {line.split()[0]: line for line in lines[1:]}
    assert rows["weights-2.pt"].endswith("2      val_loss 1  whole       best")
    assert rows["weights-3.pt"].endswith("3      val_loss 2  whole       last")
    assert rows["plain.pth"].endswith("unverified  last")
    assert " kB " in rows["weights-1.pt"]
    assert len({line.index("w", 40) for line in lines if line.startswith("weights")}) == 1


def test_damage_is_told_of_and_gives_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By `ls` and by `verify`; not by a quick `ls`, which reads nothing."""
    damage(folder / "weights-2.pt")
    assert main(["checkpoints", "ls", str(folder)]) == 1
    output = capsys.readouterr().out
    assert "weights-2.pt is damaged: its check sum is not" in output
    assert "weights-3.pt" in next(line for line in output.splitlines() if "best" in line)
    assert main(["checkpoints", "verify", str(folder)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "plain.pth: unverified",
        "weights-1.pt: whole",
        "weights-2.pt: damaged, its check sum is not the one it was sealed with: some bytes have "
        "changed",
        "weights-3.pt: whole",
    ]
    assert main(["checkpoints", "verify", str(folder), "--pattern", "weights-[13].pt"]) == 0
    assert main(["checkpoints", "ls", str(folder), "--quick"]) == 0
    assert "unread" in capsys.readouterr().out


def test_prune_removes_what_no_rule_keeps(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what it does, and a dry run does nothing."""
    command = ["checkpoints", "prune", str(folder), "--pattern", "weights-*", "--best", "1"]
    assert main([*command, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "would remove weights-1.pt",
        "would remove weights-3.pt",
        "1 of 3 would stay",
    ]
    assert len(names(folder)) == 4
    assert main([*command, "--pin", "1"]) == 0
    assert capsys.readouterr().out.splitlines() == ["removed weights-3.pt", "2 of 3 stay"]
    assert names(folder) == ["plain.pth", "weights-1.pt", "weights-2.pt"]


def test_prune_leaves_a_good_file_whatever_is_damaged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest is no use when it is torn."""
    damage(folder / "weights-3.pt")
    assert main(["checkpoints", "prune", str(folder), "--last", "1"]) == 1
    assert names(folder) == ["plain.pth", "weights-2.pt", "weights-3.pt"]
    assert "left weights-3.pt, which is damaged" in capsys.readouterr().out
    assert [file.verdict for file in list_checkpoints(folder)][1:] == ["whole", "damaged"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ls", "{}/nowhere"], "cannot read"),
        (["verify", "{}", "--pattern", "x*"], "there is no checkpoint 'x*' in"),
        (["prune", "{}"], "nothing would be kept: give --best, --last, --every or --pin"),
        (["prune", "{}", "--best", "1"], "no file of those without a seal tells its value"),
    ],
    ids=range(4),
)
def test_what_makes_no_sense_gives_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """With one line on stderr, and nothing removed."""
    before = names(folder)
    assert main(["checkpoints", *(text.format(folder) for text in arguments)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("callboard checkpoints: ")
    assert message in error
    assert error.count("\n") == 1
    assert names(folder) == before


def test_a_number_must_be_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As argparse says it."""
    with pytest.raises(SystemExit) as caught:
        main(["checkpoints", "prune", str(folder), "--last", "none"])
    assert caught.value.code == 2
    assert "'none' is no whole number of at least 1" in capsys.readouterr().err


def test_help_says_what_the_exit_code_means(capsys: pytest.CaptureFixture[str]) -> None:
    """A script wants to know."""
    with pytest.raises(SystemExit):
        main(["checkpoints", "verify", "--help"])
    assert "The exit code is 1 when a file is damaged" in capsys.readouterr().out


def test_sharded_checkpoints_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are listed and verified like files; pruning leaves them, and says so."""
    save_sharded({"a": torch.ones(300)}, tmp_path / "spread")
    assert main(["checkpoints", "ls", str(tmp_path)]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "size", "saved", "state"]
    assert row.startswith("spread  ")
    assert row.endswith("whole  sharded")
    assert main(["checkpoints", "prune", str(tmp_path), "--last", "1"]) == 2
    assert "left spread, which is sharded" in capsys.readouterr().err
    (shard,) = tmp_path.glob("spread/*/*.distcp")
    damage(shard)
    for action in ("ls", "verify"):
        assert main(["checkpoints", action, str(tmp_path)]) == 1
        assert f"some bytes of {shard.name} have changed" in capsys.readouterr().out
