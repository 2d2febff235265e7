"""mbedTLS 2.28 as a DTLS server that sends back what comes: `key certificate`. Serves one client."""

import socket
import sys
from contextlib import suppress

from mbedtls import pk, tls, x509


def block(call, *arguments):
    while True:
        with suppress(tls.WantReadError, tls.WantWriteError):
            return call(*arguments)


def read(path):
    with open(path) as file:
        return file.read()


def main():
    key_path, certificate_path = sys.argv[1:]
    kind = pk.ECC if "EC" in read(key_path) or "BEGIN PRIVATE" in read(key_path) else pk.RSA
    chain = ((x509.CRT.from_PEM(read(certificate_path)),), kind.from_PEM(read(key_path)))
    config = tls.DTLSConfiguration(certificate_chain=chain, validate_certificates=False)
    listener = tls.ServerContext(config).wrap_socket(
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    )
    # It binds another socket for each client.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    print("port", listener.getsockname()[1], flush=True)
    connection, address = listener.accept()
    connection.setcookieparam(address[0].encode())
    with suppress(tls.HelloVerifyRequest):
        block(connection.do_handshake)
    connection, address = connection.accept()
    connection.setcookieparam(address[0].encode())
    block(connection.do_handshake)
    while True:
        packet = block(connection.recv, 20000)
        if not packet:
            break
        block(connection.send, packet)


main()
