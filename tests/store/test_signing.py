"""Signing keys: RFC 8032, openssl as the independent reader, rotation, kills, and every changed bit."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from preforget.core.canonical import canonical_json
from preforget.core.errors import IntegrityError, PreforgetError, StoreError, UsageError
from preforget.store.signing import SMALL_ORDER, Signer, SigningKeys, key_id, read_public_key

from ..erasure.tracing import CAN_TRACE, run_and_kill
from ..forked import at_once

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

# RFC 8032, section 7.1, test 2
SECRET = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "signing"


def openssl(*arguments: object) -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True).stdout


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def public_name(signer: Signer) -> str:
    return f"{signer.key_id[7:23]}.pub.pem"


def test_a_signature_is_that_of_the_rfc() -> None:
    signer = Signer(Ed25519PrivateKey.from_private_bytes(SECRET))
    assert signer.sign(b"\x72").hex() == SIGNATURE
    der = bytes.fromhex("302a300506032b6570032100") + PUBLIC  # SubjectPublicKeyInfo of RFC 8410
    assert signer.key_id == f"sha256:{hashlib.sha256(der).hexdigest()}"
    assert base64.b64decode(signer.public_pem.split(b"\n")[1]) == der


@pytest.fixture(scope="module")
def one_signer() -> Signer:
    return Signer(Ed25519PrivateKey.from_private_bytes(SECRET))


@given(st.binary(max_size=100), st.integers(0))
def test_a_signature_holds_for_its_content_alone(one_signer: Signer, content: bytes, number: int) -> None:
    signature = one_signer.sign(content)
    one_signer.public_key.verify(signature, content)
    changed = bytearray(content + signature)
    changed[number // 8 % len(changed)] ^= 1 << number % 8
    with pytest.raises(InvalidSignature):
        one_signer.public_key.verify(bytes(changed[len(content) :]), bytes(changed[: len(content)]))


def test_the_first_key_is_made_when_it_is_needed(folder: Path) -> None:
    keys = SigningKeys(folder)
    assert keys.known() == {}
    assert not folder.exists()
    signer = keys.current()
    assert names(folder) == sorted(["current.pem", public_name(signer)])
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert SigningKeys(folder).current().key_id == keys.current().key_id == signer.key_id
    assert keys.known() == {signer.key_id: signer.public_key}
    with pytest.raises(UsageError, match="there is a signing key"):
        keys.make()


def test_a_making_that_was_cut_off_is_ended_by_the_next(folder: Path) -> None:
    made = SigningKeys(folder).make()
    (public,) = folder.glob("*.pub.pem")  # written last
    public.unlink()
    assert SigningKeys(folder).make().key_id == made.key_id
    assert [*SigningKeys(folder).known()] == [made.key_id]
    with pytest.raises(UsageError, match="there is a signing key"):
        SigningKeys(folder).make()
    public.unlink()
    rotated = SigningKeys(folder).rotate()  # needs the public key of the one that signs it
    assert [*SigningKeys(folder).known()] == [made.key_id, rotated.key_id]


def test_making_and_rotating_say_when_they_make_no_sense(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no signing key .* yet"):
        SigningKeys(folder).rotate()
    assert SigningKeys(folder).make().key_id == SigningKeys(folder).current().key_id


def test_a_rotation_keeps_public_keys_and_destroys_the_private_one(folder: Path) -> None:
    keys = SigningKeys(folder)
    first = keys.current()
    secret = base64.b64decode((folder / "current.pem").read_bytes().split(b"\n")[1])[-32:]
    signature = first.sign(b"receipt")
    second, third = keys.rotate(), keys.rotate()
    assert list(keys.known()) == [first.key_id, second.key_id, third.key_id]
    assert SigningKeys(folder).current().key_id == third.key_id
    keys.known()[first.key_id].verify(signature, b"receipt")
    for path in folder.iterdir():
        content = path.read_bytes()
        assert secret not in content
        assert base64.b64encode(secret)[4:-4] not in content
        if path.suffix == ".pem":
            assert secret not in base64.b64decode(b"".join(content.split(b"\n")[1:-2]))


def test_a_rotation_is_a_statement_that_the_old_key_signs(folder: Path) -> None:
    keys = SigningKeys(folder)
    old, new = keys.current(), keys.rotate()
    content = (folder / "rotations.json").read_bytes()
    rotations = json.loads(content)
    assert canonical_json(rotations) == content
    (said,) = rotations["rotations"]
    signature = base64.b64decode(said.pop("signature"))
    old.public_key.verify(signature, canonical_json(said))
    assert {**said, "time": None} == {
        "format": 1,
        "old": old.key_id,
        "new": new.key_id,
        "public_key": new.public_pem.decode(),
        "time": None,
    }


@needs_openssl
def test_openssl_reads_the_key_and_checks_the_signature(folder: Path) -> None:
    signer = SigningKeys(folder).current()
    arguments = ("pkey", "-in", folder / "current.pem", "-pubout")
    assert openssl(*arguments) == signer.public_pem == (folder / public_name(signer)).read_bytes()
    der = openssl("pkey", "-pubin", "-in", folder / public_name(signer), "-outform", "DER")
    assert signer.key_id == f"sha256:{hashlib.sha256(der).hexdigest()}"
    (folder / "receipt").write_bytes(b"content")
    (folder / "signature").write_bytes(signer.sign(b"content"))
    files = ("-sigfile", folder / "signature", "-rawin", "-in", folder / "receipt")
    done = openssl("pkeyutl", "-verify", "-pubin", "-inkey", folder / public_name(signer), *files)
    assert b"Signature Verified Successfully" in done


# written by an older version: PKCS8 under scrypt and AES-256-CBC (RFC 8018), the passphrase "open", the key 00 01 .. 1f
OLD_PEM = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSsGAQQB2kcECzAcBBBVFFceoWQVdC92AXgG
oNbYAgJAAAIBCAIBAjAdBglghkgBZQMEASoEEIj68bXVYDjlyqqMSjUZSPsEQJqi
gvvsGvgFFAeFCYZycz4BIxGTn2wfdzVqnbcOLQi72mnKB0aFm2h+C3c60sDtqPUe
SUboqAtrMd0ozZ3qtEE=
-----END ENCRYPTED PRIVATE KEY-----
"""


def test_an_encrypted_key_of_an_older_version_opens_and_takes_the_new_form(folder: Path) -> None:
    folder.mkdir(0o700)
    (folder / "current.pem").touch(0o600)
    (folder / "current.pem").write_bytes(OLD_PEM)
    signer = SigningKeys(folder, lambda: "open").current()
    assert signer.key_id == "sha256:a050837d85070582ccf7394b0988847cc312cb88259b894899f6f239cf1791a5"
    mac = signer.authenticate(b"an announcement")
    with pytest.raises(IntegrityError, match="the passphrase is wrong or the file was changed"):
        SigningKeys(folder, lambda: "shut").current()
    SigningKeys(folder, lambda: "open").encrypt()
    assert (folder / "current.pem").read_bytes().startswith(b'{"ciphertext":')
    assert SigningKeys(folder, lambda: "open").authenticates(b"an announcement", mac)


def test_a_passphrase_is_needed_and_asked_for_once(folder: Path) -> None:
    asked = []
    keys = SigningKeys(folder, lambda: asked.append(1) or "open")
    signer = keys.current()
    assert (folder / "current.pem").read_bytes().startswith(b'{"ciphertext":')
    assert keys.current().key_id == signer.key_id
    rotated = keys.rotate()
    assert len(asked) == 1
    assert SigningKeys(folder, lambda: "open").current().key_id == rotated.key_id
    assert list(SigningKeys(folder).known()) == [signer.key_id, rotated.key_id]  # public, so without it
    with pytest.raises(IntegrityError, match="the passphrase is wrong or the file was changed"):
        SigningKeys(folder, lambda: "shut").current()
    for change in (SigningKeys.current, SigningKeys.rotate, SigningKeys.make):
        with pytest.raises(UsageError, match=r"current.pem is encrypted; set PREFORGET_PASSPHRASE"):
            change(SigningKeys(folder))


def test_a_plain_key_is_read_with_a_passphrase_and_the_next_is_encrypted(folder: Path) -> None:
    signer = SigningKeys(folder).current()
    keys = SigningKeys(folder, lambda: "open")
    assert keys.current().key_id == signer.key_id
    keys.rotate()
    assert (folder / "current.pem").read_bytes().startswith(b'{"ciphertext":')


def flips(path: Path, step: int, check: Callable[[], object]) -> int:
    """Change a file bit by bit and count what `check` gives but an error or what it gave."""
    content, before, accepted = path.read_bytes(), check(), 0
    for bit in range(0, 8 * len(content), step):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            accepted += check() != before
        except PreforgetError as error:
            assert str(path.parent) in str(error)  # noqa: PT017 - every other error fails the test
    path.write_bytes(content)
    return accepted


def test_no_single_bit_brings_in_another_key(folder: Path) -> None:
    keys = SigningKeys(folder)
    keys.current()
    keys.rotate()

    def everything() -> object:
        fresh = SigningKeys(folder)
        return list(fresh.known()), fresh.current().key_id

    assert [flips(path, 3, everything) for path in sorted(folder.iterdir())] == [0] * 4


def test_every_single_bit_of_the_rotations_is_guarded(folder: Path) -> None:
    keys = SigningKeys(folder)
    keys.current()
    keys.rotate()
    path = folder / "rotations.json"
    content = path.read_bytes()
    for bit in range(0, 8 * len(content), 3):  # every byte, and every place in a byte
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(PreforgetError, match=str(folder)):
            SigningKeys(folder).known()


def test_no_bit_of_an_encrypted_key_gives_another(folder: Path) -> None:
    SigningKeys(folder, lambda: "open").current()
    assert (
        flips(folder / "current.pem", 61, lambda: SigningKeys(folder, lambda: "open").current().key_id) == 0
    )


def test_a_key_that_no_other_introduced_is_refused(folder: Path, tmp_path: Path) -> None:
    keys = SigningKeys(folder)
    keys.current()
    keys.rotate()
    stranger = SigningKeys(tmp_path / "stranger").current()
    planted = folder / public_name(stranger)
    planted.write_bytes(stranger.public_pem)
    with pytest.raises(IntegrityError, match=f"{planted.name} was introduced by no other key"):
        keys.known()
    planted.unlink()
    own = (folder / "current.pem").read_bytes()
    (folder / "current.pem").write_bytes((tmp_path / "stranger" / "current.pem").read_bytes())
    for change in (SigningKeys.current, SigningKeys.rotate):
        with pytest.raises(IntegrityError, match=f"current.pem holds {stranger.key_id}, which no other key"):
            change(SigningKeys(folder))
    (folder / "current.pem").write_bytes(own)
    (folder / "rotations.json").unlink()
    with pytest.raises(IntegrityError, match="introduced by no other key"):
        SigningKeys(folder).current()


def test_a_lost_private_key_is_not_replaced_in_silence(folder: Path) -> None:
    SigningKeys(folder).current()
    (folder / "current.pem").unlink()
    for change in (SigningKeys.current, SigningKeys.make):
        with pytest.raises(IntegrityError, match=r"current.pem is missing, though .*move .* away"):
            change(SigningKeys(folder))


def test_a_public_key_under_another_name_is_refused(folder: Path) -> None:
    signer = SigningKeys(folder).current()
    (folder / public_name(signer)).rename(folder / f"{'0' * 16}.pub.pem")
    with pytest.raises(IntegrityError, match="not that of its name"):
        SigningKeys(folder).known()


def test_a_private_key_that_others_may_read_is_refused(folder: Path) -> None:
    SigningKeys(folder).current()
    (folder / "current.pem").chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        SigningKeys(folder).current()


@pytest.mark.skipif(not CAN_TRACE, reason="tracing system calls is written for Linux on x86-64")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("rotates", [False, True], ids=["make", "rotate"])
def test_a_kill_before_any_change_leaves_a_key_that_the_others_introduce(
    tmp_path: Path, rotates: bool
) -> None:
    old = SigningKeys(tmp_path / "old").current().key_id

    def killed(at: int | None) -> tuple[Path, int]:
        folder = tmp_path / f"{at}"
        if rotates:
            shutil.copytree(tmp_path / "old", folder)
        change = SigningKeys.rotate if rotates else SigningKeys.make
        calls, code = run_and_kill(lambda: change(SigningKeys(folder)), at)
        assert (code is None) == (at is not None)
        return folder, calls

    try:
        folder, calls = killed(None)
    except PermissionError as error:
        pytest.skip(str(error))
    assert calls > 10
    current = []
    for at in range(1, calls + 1):
        folder, _ = killed(at)
        keys = SigningKeys(folder)
        signer, known = keys.current(), keys.known()
        known[signer.key_id].verify(signer.sign(b"receipt"), b"receipt")
        assert not rotates or old in known
        assert keys.rotate().key_id == list(keys.known())[-1]
        current.append(signer.key_id)
    if rotates:
        first = next(n for n, key_id in enumerate(current) if key_id != old)
        assert first > 0
        assert old not in current[first:]


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_what_a_kill_between_two_writes_leaves_is_mended(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("kill") / "signing"
    keys = SigningKeys(folder)
    first = keys.current()
    if data.draw(st.booleans(), "killed in make"):
        (folder / public_name(first)).unlink()
        assert SigningKeys(folder).known() == {}
        assert SigningKeys(folder).current().key_id == first.key_id
        assert list(SigningKeys(folder).known()) == [first.key_id]
    private = (folder / "current.pem").read_bytes()
    second = keys.rotate()
    current = second
    (folder / public_name(second)).unlink()  # the last write
    if data.draw(st.booleans(), "killed before the new key is current"):
        (folder / "current.pem").write_bytes(private)
        current = first
    assert SigningKeys(folder).current().key_id == current.key_id
    third = SigningKeys(folder).rotate()
    assert list(SigningKeys(folder).known()) == [first.key_id, second.key_id, third.key_id]
    assert SigningKeys(folder).current().key_id == third.key_id


def test_two_processes_make_one_first_key(folder: Path) -> None:
    made = set(at_once(*2 * [lambda: print(SigningKeys(folder).current().key_id)]))
    assert made == {f"{SigningKeys(folder).current().key_id}\n"}


def test_a_public_key_is_read_far_from_its_keyring(tmp_path: Path) -> None:
    signer = SigningKeys(tmp_path / "signing").current()
    path = tmp_path / "given.pem"
    path.write_bytes(signer.public_pem)
    path.chmod(0o644)
    assert read_public_key(path) == (signer.key_id, signer.public_key)
    assert key_id(signer.public_key) == signer.key_id


def test_other_keys_and_garbage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "given.pem"
    with pytest.raises(StoreError, match=r"given.pem can't be read: .*name the right file"):
        read_public_key(path)
    spki = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    for other in (ec.generate_private_key(ec.SECP256R1()), x25519.X25519PrivateKey.generate()):
        path.write_bytes(other.public_key().public_bytes(*spki))
        with pytest.raises(UsageError, match=r"given.pem holds a key of another kind; give an Ed25519"):
            read_public_key(path)
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private)
    with pytest.raises(UsageError, match=r"given.pem holds a private key; give the public one"):
        read_public_key(path)
    begin, end = b"-----BEGIN PUBLIC KEY-----\n", b"\n-----END PUBLIC KEY-----\n"
    for content in (b"", b"\xff" * 9, begin + b"AAAA" + end, begin + b"?" + end, bytes(2**16)):
        path.write_bytes(content)
        with pytest.raises(IntegrityError, match=r"given.pem is no public key in PEM form"):
            read_public_key(path)
    path.write_bytes(bytes(2**16 + 1))
    with pytest.raises(StoreError, match=r"given.pem can't be read: it is larger than 64 KiB"):
        read_public_key(path)


def eightfold_is_neutral(encoded: bytes) -> bool:
    """Double a point of Ed25519 (RFC 8032, section 5.1) three times and compare with the neutral one."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    y = int.from_bytes(encoded, "little") % p
    square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    x = pow(square, (p + 3) // 8, p)
    x = x if x * x % p == square else x * pow(2, (p - 1) // 4, p) % p
    assert x * x % p == square  # it is on the curve
    for _ in range(3):
        both = d * x * x * y * y % p
        x, y = 2 * x * y * pow(1 + both, -1, p) % p, (y * y + x * x) * pow(1 - both, -1, p) % p
    return (x, y) == (0, 1)


def test_a_key_under_which_anybody_can_sign_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "given.pem"
    assert len(SMALL_ORDER) == 7
    for point in SMALL_ORDER:
        assert eightfold_is_neutral(point)
        for sign in (0, 128):
            der = bytes.fromhex("302a300506032b6570032100") + point[:-1] + bytes([point[-1] | sign])
            text = base64.b64encode(der).decode()
            path.write_text(f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
            with pytest.raises(UsageError, match=r"given.pem holds a point of small order"):
                read_public_key(path)
    raw = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert not eightfold_is_neutral(raw[:-1] + bytes([raw[-1] & 127]))


def test_another_kind_of_private_key_is_refused(folder: Path) -> None:
    SigningKeys(folder).current()
    other = ec.generate_private_key(ec.SECP256R1())
    content = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "current.pem").write_bytes(content)
    with pytest.raises(UsageError, match=r"current.pem holds a key of another kind"):
        SigningKeys(folder).current()
    (folder / "current.pem").write_bytes(b"")
    with pytest.raises(IntegrityError, match=r"current.pem can't be opened: it was changed"):
        SigningKeys(folder).current()


def test_a_secret_of_the_current_key_authenticates(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path / "signing")
    assert not keys.authenticates(b"x", "")
    assert not (tmp_path / "signing").exists()  # to ask makes no key
    mac = keys.current().authenticate(b"x")
    assert SigningKeys(tmp_path / "signing").authenticates(b"x", mac)
    for content, other in ((b"y", mac), (b"x", ""), (b"x", "\u00e9"), (b"x", mac.upper())):
        assert not keys.authenticates(content, other)
    assert SigningKeys(tmp_path / "another").current().authenticate(b"x") != mac
    keys.rotate()
    assert not keys.authenticates(b"x", mac)
