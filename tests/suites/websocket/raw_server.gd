extends RefCounted
## A server that opens one WebSocket connection and then sends arbitrary bytes of a test.

const GUID := "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

var stream: StreamPeerTCP
## The bytes after the opening request.
var received := PackedByteArray()
var _tcp := TCPServer.new()
var _request := ""
var _opened := false


func _init() -> void:
	_tcp.listen(0, "127.0.0.1")


func url() -> String:
	return "ws://127.0.0.1:%d" % _tcp.get_local_port()


## Continues the handshake, and reads; returns true when the handshake is complete.
func poll() -> bool:
	if stream == null:
		if _tcp.is_connection_available():
			stream = _tcp.take_connection()
		return false
	stream.poll()
	var available := stream.get_available_bytes() if stream.get_status() == StreamPeerTCP.STATUS_CONNECTED else 0
	if available > 0:
		var bytes: PackedByteArray = stream.get_data(available)[1]
		if _opened:
			received.append_array(bytes)
		else:
			_request += bytes.get_string_from_ascii()
	if not _opened and _request.ends_with("\r\n\r\n"):
		_opened = true
		stream.put_data(_answer().to_ascii_buffer())
	return _opened


func send(bytes: PackedByteArray) -> void:
	stream.put_data(bytes)


func end() -> void:
	stream.disconnect_from_host()


## A frame without a mask, of at most 125 bytes.
static func frame(first: int, payload: PackedByteArray = []) -> PackedByteArray:
	return PackedByteArray([first, payload.size()]) + payload


## A binary frame of at least 65,536 bytes.
static func long_frame(length: int) -> PackedByteArray:
	var bytes := PackedByteArray([0x82, 127, 0, 0, 0, 0, 0, length >> 16, length >> 8 & 0xFF, length & 0xFF])
	bytes.resize(bytes.size() + length)
	return bytes


static func close_frame(code: int, reason := "") -> PackedByteArray:
	return frame(0x88, PackedByteArray([code >> 8, code & 0xFF]) + reason.to_utf8_buffer())


func _answer() -> String:
	var key := _request.get_slice("Sec-WebSocket-Key: ", 1).get_slice("\r\n", 0)
	var hashing := HashingContext.new()
	hashing.start(HashingContext.HASH_SHA1)
	hashing.update((key + GUID).to_ascii_buffer())
	return "\r\n".join([
		"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Accept: " + Marshalls.raw_to_base64(hashing.finish()), "", "",
	])
