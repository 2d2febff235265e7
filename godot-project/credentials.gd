extends RefCounted
## A key and a certificate for the demos, created on first use. A client on the same machine trusts only the
## certificate. In your game the key stays on the server: see docs/certificates.md.

const KEY := "user://demo.key"
const CERTIFICATE := "user://demo.crt"
## The name that the certificate is for.
const HOSTNAME := "localhost"


static func server_options() -> TLSOptions:
	if not FileAccess.file_exists(CERTIFICATE):
		var crypto := Crypto.new()
		var new_key := crypto.generate_rsa(2048)
		new_key.save(KEY)
		crypto.generate_self_signed_certificate(new_key, "CN=%s,O=Lodewire demo,C=DE" % HOSTNAME).save(CERTIFICATE)
	var key := CryptoKey.new()
	key.load(KEY)
	return TLSOptions.server(key, certificate())


static func client_options() -> TLSOptions:
	return TLSOptions.client(certificate())


static func certificate() -> X509Certificate:
	var found := X509Certificate.new()
	found.load(CERTIFICATE)
	return found
