extends RefCounted
## Ours. To come with `LodeENetConnection`: then as engine_enet_server.gd.

var work := "echo"
var key: CryptoKey
var certificate: X509Certificate
var handshakes := 0
var echoes := 0


func start() -> String:
	return "there is no LodeENetConnection yet"


func port() -> int:
	return 0


func serve() -> void:
	pass
