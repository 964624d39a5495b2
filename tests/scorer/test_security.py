"""Who may listen in and who may ask: real certificates, tokens and sockets. FAULT 21."""

import contextlib
import stat
import tempfile
import time
from pathlib import Path

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from reelrecs.errors import InvalidRequest, ScorerError
from reelrecs.pipeline.candidates import Candidates
from reelrecs.proto import scorer_pb2, scorer_pb2_grpc
from reelrecs.scorer.access import Access
from reelrecs.scorer.client import GrpcScorer
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.security import Certificates, Security, is_private
from reelrecs.scorer.server import ServerOptions, start
from reelrecs.scorer.service import scorer_services
from reelrecs.scorer.tokens import Tokens
from reelrecs.stages.user_context import build_query
from tests.scorer.test_client import batch
from tests.worlds import random_triples, store_of

GOOD, OTHER = "a-token-of-thirty-two-characters", "another-one-of-thirty-two-letters"


@pytest.fixture(scope="module")
def model():
    return ScoringModel.fixed(store_of(random_triples(9), movie_count=65))


def serving(model, **guards):
    options = ServerOptions(security=Security(**guards))
    return start(scorer_services(model), "localhost:0", options)


def scored(model, server, **access) -> Candidates:
    with GrpcScorer([server.address], model.store, 20.0, Access(**access)) as scorer:
        return scorer.score(build_query(model.store, 0, 5), batch())


def issue(authority: trustme.CA, folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key, written to the folder."""
    issued = authority.issue_cert("localhost")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    key.write_bytes(issued.private_key_pem.bytes())
    certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    return certificate, key


def pem(authority: trustme.CA) -> bytes:
    return authority.cert_pem.bytes()


def test_tls_is_spoken_and_nothing_else(model, tmp_path):
    authority, stranger = trustme.CA(), trustme.CA()
    certificates = Certificates(*issue(authority, tmp_path))
    with serving(model, certificates=certificates) as server:
        assert len(scored(model, server, authority=pem(authority)).scores) == 8
        with pytest.raises(ScorerError, match="no scorer answers"):
            scored(model, server, authority=pem(stranger))
        with pytest.raises(ScorerError, match="no scorer answers"):
            scored(model, server)


def test_mutual_tls_wants_a_certificate_of_the_client(model, tmp_path):
    authority, clients = trustme.CA(), trustme.CA()
    (tmp_path / "ca.pem").write_bytes(pem(clients))
    certificates = Certificates(*issue(authority, tmp_path), tmp_path / "ca.pem")
    mine, foreign = clients.issue_cert("me@here"), authority.issue_cert("me@here")

    def of(cert):
        return {
            "authority": pem(authority),
            "certificate": cert.cert_chain_pems[0].bytes(),
            "key": cert.private_key_pem.bytes(),
        }

    with serving(model, certificates=certificates) as server:
        assert len(scored(model, server, **of(mine)).scores) == 8
        for access in ({"authority": pem(authority)}, of(foreign)):
            with pytest.raises(ScorerError, match="no scorer answers"):
                scored(model, server, **access)


def test_a_new_certificate_is_taken_and_a_bad_one_is_not(model, tmp_path, caplog):
    old, new = trustme.CA(), trustme.CA()
    certificates = Certificates(*issue(old, tmp_path))
    with serving(model, certificates=certificates) as server:
        assert scored(model, server, authority=pem(old))
        (tmp_path / "cert.pem").write_text("no certificate")
        assert scored(model, server, authority=pem(old))
        assert "the old certificate stays in use" in caplog.text
        issue(new, tmp_path)
        assert scored(model, server, authority=pem(new))
        with pytest.raises(ScorerError, match="no scorer answers"):
            scored(model, server, authority=pem(old))


@pytest.mark.parametrize("broken", ["cert.pem", "key.pem"])
def test_files_that_do_not_belong_together_are_told(model, tmp_path, broken):
    certificates = Certificates(*issue(trustme.CA(), tmp_path))
    (tmp_path / broken).write_text("nothing")
    with pytest.raises(InvalidRequest, match="give PEM files that belong together"):
        serving(model, certificates=certificates)
    (tmp_path / broken).unlink()
    with pytest.raises(InvalidRequest, match=r"cannot read .*: no such file"):
        serving(model, certificates=certificates)


def test_a_token_is_asked_for_and_health_is_open(model):
    with serving(model, tokens=Tokens(variable=GOOD)) as server:
        assert len(scored(model, server, token=GOOD).scores) == 8
        for wrong in (None, OTHER, GOOD + "x", GOOD[:-1], GOOD.upper()):
            with pytest.raises(ScorerError, match="wants another token: let REELRECS_TOKEN"):
                scored(model, server, token=wrong)
        with grpc.insecure_channel(server.address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=20)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            stub = scorer_pb2_grpc.ScorerServiceStub(channel)
            with pytest.raises(grpc.RpcError) as caught:
                stub.Describe(scorer_pb2.DescribeRequest(), timeout=20)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert reflected(channel) is grpc.StatusCode.UNAUTHENTICATED
            assert reflected(channel, GOOD) is grpc.StatusCode.OK


def reflected(channel, token=None):
    """How a question about services ends."""
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    metadata = () if token is None else (("authorization", f"bearer {token}"),)
    call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
        asked, timeout=20, metadata=metadata
    )
    with contextlib.suppress(grpc.RpcError):
        assert len(list(call)) == 1
    return call.code()


def test_reflection_can_be_turned_off(model):
    with (
        serving(model, reflection=False) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        assert reflected(channel) is grpc.StatusCode.UNIMPLEMENTED
        assert scored(model, server)


def test_tokens_of_a_file_are_changed_without_a_restart(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"{GOOD}\n\n")
    tokens = Tokens(file)
    assert tokens.wanted
    assert tokens.fits(f"Bearer {GOOD}")
    assert not tokens.fits(f"Bearer {OTHER}")
    assert not tokens.fits("")
    assert not tokens.fits("Basic abc")
    time.sleep(0.01)
    file.write_text(f"{OTHER}\n{GOOD}x\n")
    tokens.refresh()
    assert tokens.fits(f"Bearer {OTHER}")
    assert not tokens.fits(f"Bearer {GOOD}")
    file.write_text("short\n")
    with pytest.raises(InvalidRequest, match="shorter than 16"):
        tokens.refresh()
    assert tokens.fits(f"Bearer {OTHER}")
    file.unlink()
    with pytest.raises(InvalidRequest, match="cannot read tokens"):
        tokens.refresh()


@pytest.mark.parametrize("text", ["", "\n", "tiny-secret", "a token with blanks in it", "é" * 20])
def test_a_file_without_good_tokens_is_refused(tmp_path, text):
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(InvalidRequest) as caught:
        Tokens(file)
    assert text.strip() == "" or text.strip() not in str(caught.value)


def test_nobody_is_asked_for_a_token_where_there_is_none():
    assert Tokens().fits("")
    assert Tokens().admit([("authorization", "Bearer whatever")])


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_a_socket_has_its_mode(model, mode):
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/s"
        options = ServerOptions(security=Security(socket_mode=mode))
        with start(scorer_services(model), address, options) as server:
            assert stat.S_IMODE((Path(folder) / "s").stat().st_mode) == mode
            assert scored(model, server)


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1:1", True), ("localhost:1", True), ("[::1]:1", True), ("127.9.9.9:1", True),
        ("unix:/tmp/s", True), ("0.0.0.0:1", False), ("[::]:1", False), ("192.0.2.1:1", False),
    ],
)  # fmt: skip
def test_addresses_that_others_can_reach_are_known(address, private):
    assert is_private(address) is private


def test_what_leaves_the_machine_is_warned_of():
    assert Security().warnings("127.0.0.1:50051") == []
    plain, anybody = Security().warnings("0.0.0.0:50051")
    assert "can be read on the way: give --tls-cert and --tls-key" in plain
    assert "whoever reaches 0.0.0.0:50051 may ask: give --token-file" in anybody
    tls = Certificates(Path("c"), Path("k"))
    assert len(Security(tls).warnings("0.0.0.0:50051")) == 1
    assert Security(tls, Tokens(variable=GOOD)).warnings("0.0.0.0:50051") == []
    mutual = Certificates(Path("c"), Path("k"), Path("a"))
    assert Security(mutual).warnings("0.0.0.0:50051") == []


def test_a_token_is_not_shown_to_others_on_the_way(model):
    with (
        GrpcScorer(["192.0.2.1:50051"], model.store, access=Access(GOOD)) as scorer,
        pytest.raises(InvalidRequest, match="could be read on the way to 192"),
    ):
        scorer.score(build_query(model.store, 0, 5), batch())


def test_a_client_takes_its_token_from_the_environment(model, monkeypatch, tmp_path):
    authority = trustme.CA()
    (tmp_path / "ca.pem").write_bytes(pem(authority))
    monkeypatch.setenv("REELRECS_TOKEN", GOOD)
    monkeypatch.setenv("REELRECS_TLS_CA", str(tmp_path / "ca.pem"))
    assert Access.of_environment() == Access(GOOD, pem(authority))
    monkeypatch.setenv("REELRECS_TLS_KEY", str(tmp_path / "none"))
    with pytest.raises(InvalidRequest, match="let REELRECS_TLS_KEY name a file"):
        Access.of_environment()
