"""Who may be asked, over what, and who sees the password."""

import asyncio
import datetime
import re
import socket
import ssl
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from livedash_core.clients.credentials import ClientCertificate, ExtraCredentials
from livedash_core.clients.fetch import BasicCredentials, Fetcher
from livedash_core.clients.network import SsrfGuard
from livedash_core.clients.origins import FAILURES_BEFORE_OPEN
from livedash_core.errors import PermanentError, SystemicError, TransientError, UnavailableError
from tests.unit.clients.conftest import COMPANY_ID, CREDENTIALS, Server, http

TEXT = http(b"User: Hoi", "Content-Type: text/plain")
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


# Which origins, and which of them sees the credentials


async def test_another_allowed_origin_is_asked_without_the_credentials(serve, fetcher, source_at) -> None:
    home, other = await serve({}), await serve({"/t": TEXT})
    source = source_at(home, allowed_origins=(other.url("").upper() + "/",))
    assert (await fetcher.text(other.url("/t"), source)).content == "User: Hoi"
    assert "authorization" not in other.requests[0].headers


async def test_an_origin_that_is_not_allowed_is_refused_and_named(serve, fetcher, source_at) -> None:
    home, other = await serve({}), await serve({"/t": TEXT})
    with pytest.raises(PermanentError) as caught:
        await fetcher.text(other.url("/t?token=hunter2"), source_at(home))
    # An attacker may have chosen the URL: the message must not talk an operator into allowing this machine.
    assert f"{other.url('/t')} is not on the origin" in str(caught.value)
    assert "--allow" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert not other.connections


async def test_another_origin_that_wants_credentials_does_not_stop_the_company(serve, fetcher, source_at) -> None:
    home, other = await serve({}), await serve({"/t": http(status="401 Unauthorized")})
    with pytest.raises(PermanentError, match="credentials are only sent to"):
        await fetcher.text(other.url("/t"), source_at(home, allowed_origins=(other.url(""),)))


def test_the_default_port_is_the_same_origin(source_at) -> None:
    source = source_at(Server(), csv_url="https://files.example/sessions.csv")
    for address in ("https://FILES.example:443/t", "HTTPS://files.example:443/t", "https://files.example/t"):
        assert source.is_home(source.target(address))
    for address in ("https://files.example:8443/t", "http://files.example/t", "https://files.example./t"):
        with pytest.raises(PermanentError, match="--allow-origin"):
            source.target(address)


@pytest.mark.parametrize(
    "address",
    [
        *("file:///etc/passwd", "ftp://127.0.0.1/t", "gopher://127.0.0.1/", "javascript:alert(1)"),
        *(
            "",
            "https:///t",
            "https://[::1",
            "https://h:port/",
            "https://h/\n",
            "https://①②⑦.0.0.1/",
            "https://0177.0.0.1/",
            "https://h:65536/",
        ),
    ],
)
async def test_only_https_urls_are_fetched(address: str, serve, fetcher, source_at) -> None:
    with pytest.raises(PermanentError, match=r"only https|not a URL"):
        await fetcher.text(address, source_at(await serve({})))


@pytest.mark.parametrize("userinfo", ["reader:hunter2@", "hunter2@", "127.0.0.1\\@"])
async def test_a_user_name_in_a_url_is_refused_and_not_quoted(userinfo: str, serve, fetcher, source_at) -> None:
    server = await serve({"/t": TEXT})
    with pytest.raises(PermanentError, match="--http-conn-id") as caught:
        await fetcher.text(server.url("/t").replace("//", f"//{userinfo}"), source_at(server))
    assert "hunter2" not in str(caught.value)
    assert not server.connections


async def test_a_command_in_a_message_cannot_be_made_to_do_something_else(serve, fetcher, source_at) -> None:
    source = source_at(await serve({}), company="x; reboot")
    command = "livedash company update 'x; reboot' --allow-origin 'https://a$(reboot).example'"
    with pytest.raises(PermanentError, match=re.escape(command)):
        await fetcher.text("https://a$(reboot).example/", source)


async def test_urls_in_messages_are_cut(serve, fetcher, source_at) -> None:
    server = await serve({})
    with pytest.raises(PermanentError) as caught:
        await fetcher.text(server.url("/" + "x" * 5000), source_at(server))
    assert len(str(caught.value)) < 300


async def test_a_company_whose_own_url_is_broken_stops_alone(serve, fetcher, source_at) -> None:
    source = source_at(await serve({}), csv_url="https://user:hunter2@files.example:port/")
    with pytest.raises(SystemicError, match="--csv-url") as caught:
        await fetcher.text("https://files.example/t", source)
    assert caught.value.company_id == COMPANY_ID
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("address", ["t/1.txt", "/t/1.txt", "./t/1.txt", "?id=1", "//{host}/t/1.txt"])
async def test_a_relative_url_is_resolved_against_that_of_the_csv(address: str, serve, fetcher, source_at) -> None:
    server = await serve({"/t/1.txt": TEXT, "/sessions.csv": TEXT})
    address = address.format(host=f"{server.host}:{server.port}")
    assert (await fetcher.text(address, source_at(server))).content == "User: Hoi"
    assert "authorization" in server.requests[0].headers


async def test_a_relative_url_may_not_leave_the_permitted_origins(fetcher, source_at) -> None:
    source = source_at(Server(), csv_url="https://files.example/sessions.csv")
    with pytest.raises(PermanentError, match="--allow-origin"):
        await fetcher.text("//other.example/t", source)


# Redirects


async def test_a_redirect_within_the_origin_is_followed_with_the_credentials(serve, fetcher, source_at) -> None:
    moved = http(b"<a>moved</a>", "Location: /new", "Content-Type: text/html", status="302 Found")
    server = await serve({"/old": moved, "/new": TEXT})
    assert (await fetcher.text(server.url("/old"), source_at(server))).content == "User: Hoi"
    assert [request.path for request in server.requests] == ["/old", "/new"]
    assert "authorization" in server.requests[1].headers


def redirect_to(url: str) -> bytes:
    return http(b"", f"Location: {url}", status="307 Temporary Redirect")


async def test_a_redirect_to_an_origin_that_is_not_allowed_is_refused_and_named(serve, fetcher, source_at) -> None:
    other = await serve({"/t": TEXT})
    server = await serve({"/t": redirect_to(other.url("/t?token=hunter2"))})
    with pytest.raises(PermanentError, match=f"{other.url('/t')} is not on the origin") as caught:
        await fetcher.text(server.url("/t"), source_at(server))
    assert "hunter2" not in str(caught.value)
    assert not other.connections


async def test_a_redirect_to_an_allowed_origin_is_followed_without_the_credentials(serve, fetcher, source_at) -> None:
    other = await serve({"/t": TEXT})
    server = await serve({"/t": redirect_to(other.url("/t"))})
    source = source_at(server, allowed_origins=(other.url(""),))
    assert (await fetcher.text(server.url("/t"), source)).content == "User: Hoi"
    assert "authorization" in server.requests[0].headers
    assert "authorization" not in other.requests[0].headers


async def test_another_origin_that_leads_back_home_does_not_get_the_credentials(serve, fetcher, source_at) -> None:
    home, other = await serve({"/t": TEXT}), await serve({})
    home.answers["/there"], other.answers["/back"] = redirect_to(other.url("/back")), redirect_to(home.url("/t"))
    source = source_at(home, allowed_origins=(other.url(""),))
    for start in (home.url("/there"), other.url("/back")):
        assert (await fetcher.text(start, source)).content == "User: Hoi"
        assert (home.requests[-1].path, "authorization" in home.requests[-1].headers) == ("/t", False)


@pytest.mark.parametrize("credentials", [CREDENTIALS, None], ids=["with a password", "without one"])
@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_credentials_refused_after_a_redirect_from_another_origin_do_not_stop_the_company(
    status: str, credentials: BasicCredentials | None, serve, fetcher, source_at
) -> None:
    home, other = await serve({"/t": http(status=status), "/fine": TEXT}), await serve({})
    home.answers["/there"], other.answers["/back"] = redirect_to(other.url("/back")), redirect_to(home.url("/t"))
    source = source_at(home, allowed_origins=(other.url(""),), credentials=credentials)
    for start in (home.url("/there"), other.url("/back")):
        with pytest.raises(
            PermanentError,
            match=f"{home.url('/t')} answered {status[:3]}; credentials are not sent after a redirect",
        ):
            await fetcher.text(start, source)
    assert (await fetcher.text(home.url("/fine"), source)).content == "User: Hoi"


@pytest.mark.parametrize(
    "location",
    [
        *("//[", "http://h:port/", "javascript:alert(1)", "//u:hunter2@127.0.0.1:{port}/"),
        *("https://....xn--a/", "//files.examplexn--a /t"),
    ],
)
async def test_a_redirect_to_an_invalid_url_is_refused(location: str, serve, fetcher, source_at) -> None:
    server = await serve({})
    server.answers["/t"] = http(b"", f"Location: {location.format(port=server.port)}", status="301 Moved Permanently")
    with pytest.raises(PermanentError) as caught:
        await fetcher.text(server.url("/t"), source_at(server))
    assert "hunter2" not in str(caught.value)
    assert len(server.requests) == 1


async def test_redirects_end_after_three(serve, fetcher, source_at) -> None:
    server = await serve({"/t": http(b"", "Location: /t", status="308 Permanent Redirect")})
    with pytest.raises(PermanentError, match="more than 3 times"):
        await fetcher.text(server.url("/t"), source_at(server))
    assert len(server.requests) == 4


# Which addresses


OWN_MACHINE = "not on the public internet but belongs to the machine"
UNUSUAL = "nor an address in its usual form"


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("127.0.0.1", OWN_MACHINE),
        ("localhost", OWN_MACHINE),
        ("2130706433", UNUSUAL),
        ("127.1", UNUSUAL),
        ("0x7f.1", OWN_MACHINE),
    ],
)
async def test_a_private_address_is_refused_however_it_is_written(
    host: str, refused: str, serve, fetcher, source_at
) -> None:
    server = await serve({"/t": TEXT})
    server.host = host
    with pytest.raises(PermanentError, match=refused):
        await fetcher.text(server.url("/t"), source_at(server, allowed_networks=()))
    assert not server.connections


@pytest.mark.parametrize("host", ["127.1", "127.0.0.2", "10.0.0.1", "::1", "fe80::1%lo"])
def test_a_socket_is_created_for_permitted_addresses_only(host: str, source_at) -> None:
    """aiohttp asks the resolver about names only, and what it takes for an address depends on its version."""
    guard = SsrfGuard(source_at(Server(), allowed_networks=(ip_network("127.0.0.1/32"),)), encrypted=False, seconds=1)
    with pytest.raises(PermanentError):
        guard.socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, 80)))
    guard.socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))).close()


async def test_a_name_is_reached_when_all_of_its_addresses_are_allowed(serve, fetcher, source_at) -> None:
    server = await serve({"/t": TEXT})
    server.host = "localhost"
    assert (await fetcher.text(server.url("/t"), source_at(server, allowed_networks=LOOPBACK))).content == "User: Hoi"
    assert server.requests[0].headers["host"] == f"localhost:{server.port}"


async def test_the_checked_address_is_the_one_connected_to(serve, fetcher, source_at, monkeypatch) -> None:
    # A hostile name answers differently the second time (DNS rebinding); so there must be no second time.
    loop = asyncio.get_running_loop()
    lookup, asked = loop.getaddrinfo, []

    async def count(host, *args, **kwargs):
        asked.append(host)
        return await lookup(host, *args, **kwargs)

    monkeypatch.setattr(loop, "getaddrinfo", count)
    server = await serve({"/t": TEXT})
    server.host = "localhost"
    await fetcher.text(server.url("/t"), source_at(server, allowed_networks=LOOPBACK))
    assert asked == ["localhost"]


async def test_the_allowed_networks_of_one_company_do_not_apply_to_another(serve, fetcher, source_at) -> None:
    server = await serve({"/t": TEXT})
    assert (await fetcher.text(server.url("/t"), source_at(server))).content == "User: Hoi"
    with pytest.raises(PermanentError, match="not on the public internet"):
        await fetcher.text(server.url("/t"), source_at(server, company="Other", allowed_networks=()))
    assert len(server.requests) == 1


async def test_http_is_refused_on_the_public_internet(serve, fetcher, source_at) -> None:
    server = await serve({})
    server.host = "8.8.8.8"  # analysed, and never connected to
    with pytest.raises(PermanentError, match=r"use https; .*--allow-network 8\.8\.8\.8/32"):
        await fetcher.text(server.url("/t"), source_at(server))


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example", "....xn--a"])
async def test_a_name_that_cannot_be_resolved_is_transient(host: str, serve, fetcher, source_at) -> None:
    server = await serve({})
    server.host = host  # no DNS server is ever asked for these
    with pytest.raises(TransientError, match="could not be resolved"):
        await fetcher.text(server.url("/t"), source_at(server))


# Certificates


def server_tls(folder: Path, name: x509.GeneralName) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for ``name``, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LiveDash test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(secret + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


async def test_the_certificate_is_checked_for_the_name_and_not_the_address(serve, source_at, tmp_path) -> None:
    theirs, ours = server_tls(tmp_path, x509.DNSName("localhost"))
    server = await serve({"/t": TEXT}, tls=theirs)
    async with Fetcher(tls=ours) as fetcher:
        server.host = "localhost"
        assert (
            await fetcher.text(server.url("/t"), source_at(server, allowed_networks=LOOPBACK))
        ).content == "User: Hoi"
        server.host = "127.0.0.1"
        with pytest.raises(SystemicError, match="no valid certificate: IP address mismatch") as caught:
            await fetcher.text(server.url("/t"), source_at(server))
    assert caught.value.company_id == COMPANY_ID
    assert [request.headers["host"] for request in server.requests] == [f"localhost:{server.port}"]


async def test_a_client_certificate_is_shown_at_home_only(serve, source_at, tmp_path, monkeypatch) -> None:
    theirs, _ = server_tls(tmp_path, x509.IPAddress(ip_address("127.0.0.1")))
    path = str(tmp_path / "both.pem")
    monkeypatch.setenv("SSL_CERT_FILE", path)
    theirs.load_verify_locations(path)
    theirs.verify_mode = ssl.CERT_OPTIONAL
    theirs.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    shown: list[bool] = []

    async def note(writer: asyncio.StreamWriter) -> None:
        shown.append(bool(writer.get_extra_info("peercert")))
        writer.write(TEXT)
        await writer.drain()

    home, other = await serve({"/t": note}, tls=theirs), await serve({"/t": note}, tls=theirs)
    credentials = ExtraCredentials(certificate=ClientCertificate(path))
    source = source_at(home, allowed_origins=(other.url(""),), credentials=credentials)
    async with Fetcher() as fetcher:
        for url in (home.url("/t"), other.url("/t")):
            assert (await fetcher.text(url, source)).content == "User: Hoi"
    assert shown == [True, False]


async def test_a_client_certificate_that_cannot_be_read_stops_the_company(serve, fetcher, source_at, tmp_path) -> None:
    server = source_at(Server(port=443, scheme="https"))
    broken = ExtraCredentials(certificate=ClientCertificate(str(tmp_path / "missing.pem"), key_password="hunter2"))
    with pytest.raises(SystemicError, match=r"client certificate .*missing\.pem") as caught:
        await fetcher.text("https://127.0.0.1:443/t", replace(server, credentials=broken))
    assert caught.value.company_id == COMPANY_ID
    assert "hunter2" not in f"{caught.value}{broken!r}"


async def test_a_certificate_of_an_unknown_authority_is_refused(serve, fetcher, source_at, tmp_path) -> None:
    theirs, _ = server_tls(tmp_path, x509.IPAddress(ip_address("127.0.0.1")))
    server = await serve({"/t": TEXT}, tls=theirs)
    with pytest.raises(SystemicError, match="no valid certificate: self-signed"):
        await fetcher.text(server.url("/t"), source_at(server))
    assert not server.requests


async def test_another_origin_without_a_valid_certificate_does_not_stop_the_company(
    serve, fetcher, source_at, tmp_path
) -> None:
    theirs, _ = server_tls(tmp_path, x509.IPAddress(ip_address("127.0.0.1")))
    home, other = await serve({"/fine": TEXT}), await serve({"/t": TEXT}, tls=theirs)
    source = source_at(home, allowed_origins=(other.url(""),))
    for _ in range(FAILURES_BEFORE_OPEN - 1):
        with pytest.raises(TransientError, match="no valid certificate: self-signed"):
            await fetcher.text(other.url("/t"), source)
    with pytest.raises(UnavailableError, match=f"{other.url('')} failed"):
        await fetcher.text(other.url("/t"), source)
    assert (await fetcher.text(home.url("/fine"), source)).content == "User: Hoi"
    assert not other.requests


async def test_https_to_a_server_that_speaks_http_is_transient_and_says_why(fetcher, source_at) -> None:
    async def complain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(complain, "127.0.0.1", 0) as listener:
        server = Server(port=listener.sockets[0].getsockname()[1], scheme="https")
        with pytest.raises(TransientError, match=r"TLS failed \(WRONG_VERSION_NUMBER\)"):
            await fetcher.text(server.url("/t"), source_at(server))


async def test_an_encrypted_connection_that_is_tampered_with_is_transient(serve, source_at, tmp_path) -> None:
    theirs, ours = server_tls(tmp_path, x509.IPAddress(ip_address("127.0.0.1")))
    server = await serve({"/t": TEXT}, tls=theirs)

    async def tamper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay the handshake, then answer the request with a record that nobody signed."""
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", server.port)
        upstream_writer.write(await reader.read(65536))
        writer.write(await upstream_reader.read(65536))
        await reader.read(65536)
        writer.write(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        upstream_writer.close()
        while await reader.read(65536):
            pass
        writer.close()

    async with await asyncio.start_server(tamper, "127.0.0.1", 0) as listener, Fetcher(tls=ours) as fetcher:
        relay = Server(port=listener.sockets[0].getsockname()[1], scheme="https")
        with pytest.raises(TransientError, match=r"TLS failed \(([A-Z_]*BAD_RECORD_MAC|RECORD_LAYER_FAILURE)\)"):
            await fetcher.text(relay.url("/t"), source_at(relay))
