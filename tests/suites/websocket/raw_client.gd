extends RefCounted
## A client that opens one WebSocket connection and then sends frames as it likes.

const UPGRADE := "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	+ "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

## The bytes after the response.
var received := PackedByteArray()
## The response to its request.
var answer := ""
var _tcp := StreamPeerTCP.new()
var _asked := false


func connect_to(port: int) -> void:
	_tcp.connect_to_host("127.0.0.1", port)


## Continues the handshake, and reads; returns true when the handshake is complete.
func poll() -> bool:
	_tcp.poll()
	if _tcp.get_status() != StreamPeerTCP.STATUS_CONNECTED:
		return is_open()
	if not _asked:
		_asked = true
		_tcp.put_data(UPGRADE.to_ascii_buffer())
	while _tcp.get_available_bytes() > 0:
		if is_open():
			received.append_array(_tcp.get_data(_tcp.get_available_bytes())[1])
			break
		answer += char(_tcp.get_u8())
	return is_open()


func is_open() -> bool:
	return answer.ends_with("\r\n\r\n")


## Sends a frame of at most 125 bytes, masked with zeros.
func send(first: int, payload: PackedByteArray = []) -> void:
	_tcp.put_data(PackedByteArray([first, 0x80 | payload.size(), 0, 0, 0, 0]) + payload)


func is_connected_to_host() -> bool:
	return _tcp.get_status() == StreamPeerTCP.STATUS_CONNECTED
