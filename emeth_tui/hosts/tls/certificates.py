"""The certificates of a node and its hosts: one authority for each node, and a name for each process.

They do not expire, because a host's clock may be wrong. What ends one is `hosts rotate` and `hosts remove`:
the node knows the digest of each host's certificate and takes no other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from emeth_tui.errors import HostError
from emeth_tui.files import write_atomically
from emeth_tui.hosts.tls.contexts import TlsFiles
from emeth_tui.hosts.tls.names import NODE_DNS_NAME
from emeth_tui.notices.reasons.network.host import AuthorityKeyUnfit

_SINCE = datetime(1971, 1, 1, tzinfo=timezone.utc)  # whatever a host's clock says
_UNTIL = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)  # RFC 5280, 4.1.2.5: no expiration


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, as PEM, and the digest of the certificate."""

    pem: str
    sha256: str


class Authority:
    """Signs the certificates of one node and its hosts."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the authority, or make one with the node's certificate.

        Raise OSError, ValueError or HostError.
        """
        self._files = files
        files.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not files.authority.exists():
            self._make()
        content = files.authority.read_bytes()
        self._certificate = x509.load_pem_x509_certificate(content)
        key = load_pem_private_key(content, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise HostError(AuthorityKeyUnfit(files.authority))
        self._key = key
        if not (files.node.exists() and files.trusted.exists()):
            write_atomically(files.trusted, _pem(self._certificate))
            write_atomically(files.node, self.issue(NODE_DNS_NAME).pem.encode())

    @property
    def certificate(self) -> str:
        """The authority's own certificate, as PEM."""
        return _pem(self._certificate).decode()

    def issue(self, dns_name: str) -> Issued:
        """Make a key, and sign a certificate for it under this name."""
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            _begun(dns_name, self._certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(dns_name)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(_key_usage(signs=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        pem = _pem(certificate) + _key_pem(key)
        return Issued(pem.decode(), hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest())

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "emeth-tui hosts")])
        certificate = (
            _begun("emeth-tui hosts", name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        self._files.node.unlink(missing_ok=True)  # first: it is not of this authority
        write_atomically(self._files.authority, _pem(certificate) + _key_pem(key))


def _begun(common_name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_SINCE)
        .not_valid_after(_UNTIL)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
