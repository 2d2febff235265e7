extends SceneTree
## A client for the Autobahn test suite: it asks how many cases there are, sends back what comes in each, and asks for the
## report.

var client: LodeWebSocketClient
var url := ""
var agent := ""
var count := 0
var case_number := 0
## What becomes of a message.
var on_packet := Callable()
## What comes when the connection has ended.
var then := Callable()


func _initialize() -> void:
	# Without a window the engine sleeps this long in each frame, and a case of a thousand messages has a thousand frames.
	OS.low_processor_usage_mode_sleep_usec = 50
	for argument in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=", true, 1)
		if parts[0] == "url":
			url = parts[1]
		elif parts[0] == "agent":
			agent = parts[1]
	_open("/getCaseCount", _count, _next)


func _process(_delta: float) -> bool:
	client.poll()
	return false


func _open(path: String, packet: Callable, next: Callable) -> void:
	on_packet = packet
	then = next
	client = LodeWebSocketClient.new()
	client.permessage_deflate = true
	# The longest message of the suite has 16 MiB.
	client.set_buffers(32 * 1024, 16384, 32 * 1024, 16384)
	client.data_received.connect(_on_data_received)
	client.connection_closed.connect(func(_clean: bool) -> void: then.call_deferred())
	client.connection_error.connect(func() -> void: quit(1))
	if client.connect_to_url(url + path) != OK:
		quit(1)


func _on_data_received() -> void:
	on_packet.call(client.get_peer(1))


func _count(peer: LodeWebSocketPeer) -> void:
	count = peer.get_packet().get_string_from_utf8().to_int()


func _next() -> void:
	case_number += 1
	if case_number > count:
		_open("/updateReports?agent=%s" % agent, _ignore, quit)
		return
	print("case %d of %d" % [case_number, count])
	_open("/runCase?case=%d&agent=%s" % [case_number, agent], _echo, _next)


func _echo(peer: LodeWebSocketPeer) -> void:
	var packet := peer.get_packet()
	var mode := LodeWebSocketPeer.WRITE_MODE_TEXT if peer.was_string_packet() else LodeWebSocketPeer.WRITE_MODE_BINARY
	peer.send(packet, mode)


func _ignore(peer: LodeWebSocketPeer) -> void:
	peer.get_packet()
