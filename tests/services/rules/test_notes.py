"""Signed notes and checkpoints: the example of the specification, the way back, and what is refused."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.merkle import EMPTY_ROOT, SIZE_MAX
from services.rules.notes import (
    NOTE_CHARACTERS_MAX,
    SIGNATURES_MAX,
    Checkpoint,
    Note,
    NoteSignature,
    checkpoint_body,
    format_note,
    key_id,
    note_signature_line,
    read_checkpoint,
    read_note,
)
from services.rules.violations import InvalidNote

# c2sp.org/tlog-checkpoint
CHECKPOINT = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""  # noqa: E501
NAME, KEY_ID, SIGNATURE = "log.example/tnt_1", b"\x01\x02\x03\x04", bytes(range(64))
SIGNED = NoteSignature(NAME, KEY_ID, SIGNATURE)
ROOT = bytes(range(32))
BODY = checkpoint_body(NAME, 7, ROOT)
LINE = note_signature_line(*SIGNED)


def test_the_example_of_the_specification_is_read_and_written_back():
    checkpoint = read_note(CHECKPOINT)
    head = read_checkpoint(checkpoint.body)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20852163)
    assert head.root == b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    assert checkpoint_body(*head) == checkpoint.body
    assert checkpoint.signatures[0].key_id.hex() == "033de0ae"
    assert len(checkpoint.signatures[0].signature) == 64
    assert format_note(*checkpoint) == CHECKPOINT


@pytest.mark.parametrize(
    "verifier_key",
    [
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ],
)
def test_a_key_id_is_that_of_gos_verifier_keys(verifier_key):
    name, written, key = verifier_key.split("+", 2)
    assert key_id(name, b64decode(key)[1:]).hex() == written


def test_a_checkpoint_is_three_lines():
    assert f"{NAME}\n7\n{b64encode(ROOT).decode()}\n" == BODY
    assert read_checkpoint(BODY) == Checkpoint(NAME, 7, ROOT)
    assert read_checkpoint(checkpoint_body(NAME, 0, EMPTY_ROOT)).size == 0
    assert read_checkpoint(checkpoint_body(NAME, SIZE_MAX, ROOT)).size == SIZE_MAX


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, ROOT), ("a b", 1, ROOT), ("a\u00a0b", 1, ROOT), ("a+b", 1, ROOT), ("a\nb", 1, ROOT), ("a\x00", 1, ROOT),
        ("\ud800", 1, ROOT), ("a" * 256, 1, ROOT), ("a", -1, ROOT), ("a", SIZE_MAX + 1, ROOT), ("a", True, ROOT),
        ("a", 1, ROOT[1:]), ("a", 1, ROOT + b"\x00"), ("a", 0, ROOT), ("a", 1, EMPTY_ROOT),
    ],
)  # fmt: skip
def test_a_head_that_cannot_be_is_not_written(origin, size, root):
    with pytest.raises(InvalidNote):
        checkpoint_body(origin, size, root)


ROOT_TEXT = b64encode(ROOT).decode()


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "a\n1\n", f"a\n1\n{ROOT_TEXT}", f"a\n1\n{ROOT_TEXT}\n\n", f"a\n1\n{ROOT_TEXT}\nmore\n",
        f"\n1\n{ROOT_TEXT}\n", f"a b\n1\n{ROOT_TEXT}\n", f"a\n01\n{ROOT_TEXT}\n", f"a\n+1\n{ROOT_TEXT}\n",
        f"a\n-1\n{ROOT_TEXT}\n", f"a\n1.0\n{ROOT_TEXT}\n", f"a\n١\n{ROOT_TEXT}\n", f"a\n{2**63}\n{ROOT_TEXT}\n",
        f"a\n{'9' * 100_000}\n{ROOT_TEXT}\n", f"a\n1 \n{ROOT_TEXT}\n", f"a\n1\n{ROOT_TEXT[:-1]}\n", "a\n1\n\n",
        f"a\n1\n{ROOT_TEXT[:-2]}9=\n", f"a\n1\n {ROOT_TEXT}\n", "a\n1\nAAAA\n", "a\n1\n€€€€\n",
        f"a\r\n1\n{ROOT_TEXT}\n",
        f"a\n0\n{ROOT_TEXT}\n", f"a\n1\n{b64encode(EMPTY_ROOT).decode()}\n", f"a\u2028b\n1\n{ROOT_TEXT}\n",
        f"a\n1\n{ROOT_TEXT.replace('/', '_').replace('+', '-')}=\n", "a" * (NOTE_CHARACTERS_MAX + 1),
    ],
    ids=range(28),
)  # fmt: skip
def test_a_checkpoint_with_a_second_reading_is_refused(text):
    with pytest.raises(InvalidNote):
        read_checkpoint(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "\n\n", BODY, BODY + LINE, f"{BODY}\n", f"\n\n{LINE}", f"{BODY}\n{LINE[:-1]}", f"{BODY}\n{LINE}\n",
        f"{BODY}\n{LINE}{LINE}", f"{BODY}\n{LINE}more\n", f"{BODY}\n{LINE.replace('—', '-')}", f"{BODY}\n {LINE}",
        f"{BODY}\n{LINE.replace(' ', '  ')}", f"{BODY}\n{LINE.replace(NAME, 'a+b')}", f"{BODY}\n{LINE[:-1]} \n",
        f"{BODY}\n{LINE.replace(NAME, 'a' + chr(0x2003) + 'b')}", f"{BODY}\n{LINE.replace(NAME, '')}",
        f"{BODY}\n— a \n",
        f"{BODY}\n— a AQIDBA==\n", f"{BODY}\n— a AQID\n", f"{BODY}\n— a AQIDBAU\n", f"{BODY}\n— a AQIDBAV=\n",
        f"{BODY}\n— a AQIDBAU=\t\n", f"{BODY}\n— a AQIDB AU=\n", f"{BODY}\n— a AQIDBAU==\n", f"{BODY}\n— a ÄQIDBAU=\n",
        f"{BODY}\r\n{LINE}", f"\ud800{BODY}\n{LINE}", f"\x00{BODY}\n{LINE}", f"{BODY}\n{LINE}".replace("\n", "\u2028"),
        BODY + "\n" + "".join(f"— k{n} AQIDBAU=\n" for n in range(SIGNATURES_MAX + 1)),
        "a" * NOTE_CHARACTERS_MAX + f"\n\n{LINE}",
    ],
    ids=range(33),
)  # fmt: skip
def test_a_note_with_a_second_reading_is_refused(text):
    with pytest.raises(InvalidNote):
        read_note(text)


def test_the_last_empty_line_ends_the_text():
    text = "è subito\n\n\n— no signature\n\nsera\n"
    assert read_note(f"{text}\n{LINE}") == Note(text, (SIGNED,))
    assert format_note(text, [SIGNED]) == f"{text}\n{LINE}"


def test_several_keys_sign_one_note_and_their_order_is_kept():
    others = (SIGNED, NoteSignature(NAME, b"\xff" * 4, SIGNATURE), NoteSignature("witness.example", KEY_ID, b"\x00"))
    note = Note(BODY, others)
    assert read_note(format_note(BODY, others)) == note
    many = tuple(NoteSignature(f"k{number}", KEY_ID, SIGNATURE) for number in range(SIGNATURES_MAX))
    assert read_note(format_note(BODY, many)).signatures == many


@pytest.mark.parametrize(
    ("body", "signatures"),
    [
        (BODY, []), (BODY[:-1], [SIGNED]), ("", [SIGNED]), ("\n", [SIGNED]), ("a\tb\n", [SIGNED]),
        (BODY, [SIGNED, SIGNED]), (BODY, [SIGNED._replace(key_id=b"\x01")]), (BODY, [SIGNED._replace(signature=b"")]),
        (BODY, [SIGNED._replace(name="a b")]), (BODY, [SIGNED._replace(name="a\nb")]),
    ],
)  # fmt: skip
def test_what_could_not_be_read_back_is_not_written(body, signatures):
    with pytest.raises(InvalidNote):
        format_note(body, signatures)


def test_a_key_id_needs_a_name_and_32_bytes():
    for name, key in (("a b", bytes(32)), ("", bytes(32)), ("a", bytes(31)), ("a", bytes(33))):
        with pytest.raises(InvalidNote):
            key_id(name, key)


@given(st.text(st.sampled_from("—\n +=aA09/ é\t\ud800"), max_size=60) | st.text(max_size=60))
def test_any_text_is_read_and_written_back_the_same_or_refused(text):
    for body in (text, f"{BODY}\n{text}", f"{text}\n{LINE}"):
        try:
            note = read_note(body)
        except InvalidNote:
            continue
        assert format_note(*note) == body


@given(st.integers(0, len(CHECKPOINT) - 1), st.characters())
def test_a_changed_checkpoint_never_crashes_its_reader(place, character):
    changed = CHECKPOINT[:place] + character + CHECKPOINT[place + 1 :]
    try:
        note = read_note(changed)
        head = read_checkpoint(note.body)
    except InvalidNote:
        return
    assert (checkpoint_body(*head), format_note(*note)) == (note.body, changed)
