"""`tallystick verify` as an auditor runs it: exit codes, words and JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import verify
from app.cli.commands import cli
from tests.corpus.bundles import write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    return folder


def row(corpus: Path, name: str) -> dict[str, str | None]:
    return next(row for row in json.loads((corpus / "corpus.json").read_text()) if row["name"] == name)


def arguments(corpus: Path, name: str, *more: str) -> list[str]:
    found = row(corpus, name)
    options = [("--keys", found["keys"]), ("--checkpoint", found["checkpoint"])]
    given = [part for option, file in options if file for part in (option, str(corpus / file))]
    return [str(corpus / str(found["file"])), *given, *more]


def test_every_bundle_of_the_corpus_has_its_exit_code(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for found in json.loads((corpus / "corpus.json").read_text()):
        assert verify.run(arguments(corpus, found["name"])) == found["exit"], found["name"]
        said = capsys.readouterr()
        assert (said.out == "") == (found["exit"] != 0)
        assert found["reason"] is None or found["reason"] in said.err


def test_an_invoice_is_told_in_words(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.run(arguments(corpus, "invoice-2")) == 0
    said = capsys.readouterr().out
    assert said.startswith("Valid. Nothing was added, dropped or changed")
    first_invoice, second_invoice = said.index("Invoice 1"), said.index("Invoice 2: 17,418.46 CAD")
    assert second_invoice < first_invoice
    assert "5,801.07  Credits beyond the included (2,900,536.762 credit, its receipts added up again)" in said
    assert "optimizer_job: 3 receipts, 3,900,375 credits, 2,900,375 of them overage" in said
    assert "integrity" not in said.lower()


def test_without_keys_it_says_what_it_does_not_know(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.run(arguments(corpus, "range-no-keys")) == 0
    said = capsys.readouterr().out
    assert said.startswith("Integrity only.")
    assert "/.well-known/jwks.json" in said
    assert "The bundle says it is https://billing.example; do not take its word for it." in said
    assert "--keys" in said


def test_a_kept_checkpoint_and_a_trace_are_named(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.run(arguments(corpus, "trace-remembered-consistent")) == 0
    said = capsys.readouterr().out
    assert "Trace: trace_0" in said
    assert "Continues the checkpoint you kept, of 6 receipts" in said


def test_a_wrong_bill_is_told_with_both_amounts(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.run(arguments(corpus, "line-overage-dearer")) == 1
    said = capsys.readouterr().err
    assert said == ("Invalid. Receipt 21: Invoice 2, line 3 (overage): it states 5801.08 CAD; it comes to 5801.07.\n")
    assert verify.run(arguments(corpus, "keys-none")) == 2
    assert capsys.readouterr().err.startswith("Cannot be verified. ")


def test_a_bundle_cannot_write_to_the_terminal_what_it_likes(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = tmp_path / "hostile.json"
    document = json.loads(Path(arguments(corpus, "range-whole-document")[0]).read_text())
    document["bundle"]["\x1b[32mValid.\ud800"] = 1
    hostile.write_text(json.dumps(document))
    assert verify.run([str(hostile)]) == 1
    assert "has no member \ufffd[32mValid.\ufffd." in capsys.readouterr().err


def test_programs_get_json(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verify.run(arguments(corpus, "invoice-two-pools-graduated", "--json"))
    told = json.loads(capsys.readouterr().out)
    assert (told["result"], told["anchored"], told["bills"][0]["total"]) == ("valid", True, "1674.32")
    assert {"metric", "receipts", "credits", "overage"} == set(told["usage"][0])
    verify.run(arguments(corpus, "range-no-keys", "--json"))
    assert json.loads(capsys.readouterr().out)["result"] == "integrity_only"
    verify.run(arguments(corpus, "invoice-total-more", "--json"))
    told = json.loads(capsys.readouterr().out)
    assert (told["result"], told["seq"]) == ("invalid", 21)
    verify.run(arguments(corpus, "header-of-a-later-format", "--json"))
    assert json.loads(capsys.readouterr().out)["result"] == "unverifiable"


def test_files_that_cannot_be_read_are_told_in_a_sentence(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = arguments(corpus, "range-no-keys")
    damaged = tmp_path / "damaged.json"
    for keys in (b"", b"[]", b"{", b'{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}', b"\xff"):
        damaged.write_bytes(keys)
        assert verify.run([*bundle, "--keys", str(damaged)]) == 2
        assert "cannot be read" in capsys.readouterr().err
    for wrong in ([str(tmp_path / "none")], [*bundle, "--keys", str(tmp_path)], [*bundle, "--checkpoint", "none"]):
        assert verify.run(wrong) == 2
        assert "cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit) as usage:
        verify.run([])
    assert usage.value.code == 2


def test_it_runs_alone_and_reads_standard_input(corpus: Path, project_root: Path) -> None:
    program = (
        "import sys; sys.argv[1:] = ['verify', '-', '--json']\n"
        "import atexit, app.cli\n"
        "heavy = {'sqlalchemy', 'pydantic', 'reflex', 'fastapi', 'typer', 'structlog'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules))))\n"
        "app.cli.main()"
    )
    data = (corpus / str(row(corpus, "invoice-2-document")["file"])).read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", program], input=data, cwd=project_root, capture_output=True, check=False
    )
    report, loaded = done.stdout.decode().splitlines()
    assert (done.returncode, json.loads(report)["count"], loaded) == (0, 21, "[]"), done.stderr


def test_it_is_a_command_among_the_others(corpus: Path) -> None:
    assert "verify" in CliRunner().invoke(cli, ["--help"]).output
    done = CliRunner().invoke(cli, ["verify", *arguments(corpus, "line-overage-dearer")])
    assert done.exit_code == 1
    assert "--checkpoint" in CliRunner().invoke(cli, ["verify", "--help"]).output
