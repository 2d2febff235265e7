"""mbedTLS 2.28 as a DTLS client: `port certificate name`. Sends packets of every length, and waits for the echo of each."""

import socket
import sys
from contextlib import suppress

from mbedtls import tls, x509

LENGTHS = [1 + index * 82 for index in range(199)] + [16384]


def block(call, *arguments):
    while True:
        with suppress(tls.WantReadError, tls.WantWriteError):
            return call(*arguments)


def main():
    port, certificate, name = sys.argv[1:]
    with open(certificate) as file:
        trusted = tls.TrustStore([x509.CRT.from_PEM(file.read())])
    config = tls.DTLSConfiguration(trust_store=trusted, validate_certificates=True)
    connection = tls.ClientContext(config).wrap_socket(
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM), server_hostname=name
    )
    connection.connect(("127.0.0.1", int(port)))
    block(connection.do_handshake)
    print("connected with", connection.cipher()[0], flush=True)
    for length in LENGTHS:
        packet = bytes([length % 251]) * length
        block(connection.send, packet)
        if block(connection.recv, 20000) != packet:
            print("another packet than of", length)
            return
    print("echoes", len(LENGTHS), flush=True)
    connection.close()


main()
