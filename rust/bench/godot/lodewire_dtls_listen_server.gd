extends "res://lodewire_dtls_server.gd"
## Ours with a socket of its own.


func start() -> String:
	var error := _dtls.setup(TLSOptions.server(key, certificate))
	if error == OK:
		error = _dtls.listen(0, "127.0.0.1")
	return "" if error == OK else error_string(error)


func port() -> int:
	return _dtls.get_local_port()


func serve() -> void:
	while _dtls.is_connection_available():
		_joining.append(_dtls.take_connection())
	_serve_peers()
