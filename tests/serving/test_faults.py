"""The suite of faults in small, against a real process; in full: tests.serving.fault_suite."""

from tests.serving.fault_suite import main


def test_every_fault_is_survived(capsys) -> None:
    code = main(quick=True)
    told = capsys.readouterr().out
    assert code == 0, told
    assert "NOT SURVIVED" not in told
    assert told.count("| survived |") == 10
