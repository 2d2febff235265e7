extends Node
## A client that reconnects when its connection is lost, with exponential backoff and jitter,
## to avoid a reconnect storm after a server has failed.

signal joined()
signal received(text: String)

const FIRST_WAIT := 0.2
const LONGEST_WAIT := 10.0

var url := "ws://127.0.0.1:9080"
## For `wss://`: the certificate to trust; none to trust the system's authorities.
var trusted: X509Certificate

var client: LodeWebSocketClient
var _wait := FIRST_WAIT
var _left := 0.0


func is_joined() -> bool:
	return client != null and client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED


func send(text: String) -> void:
	client.get_peer(1).send_text(text)


func _process(delta: float) -> void:
	if client != null:
		client.poll()
		return
	_left -= delta
	if _left <= 0.0:
		_connect()


func _connect() -> void:
	client = LodeWebSocketClient.new()
	client.trusted_ssl_certificate = trusted
	client.connection_established.connect(_on_established)
	client.data_received.connect(_on_data)
	client.connection_error.connect(_on_lost)
	client.connection_closed.connect(_on_lost)
	if client.connect_to_url(url) != OK:
		_on_lost()


func _on_established(_protocol: String) -> void:
	_wait = FIRST_WAIT
	joined.emit()


func _on_data() -> void:
	received.emit(client.get_peer(1).get_packet().get_string_from_utf8())


func _on_lost(_was_clean := false) -> void:
	client = null
	_left = _wait * randf_range(0.5, 1.0)
	_wait = minf(_wait * 2.0, LONGEST_WAIT)
