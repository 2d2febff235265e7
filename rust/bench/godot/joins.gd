extends Node
## Connects by `wss://` again and again, one connection after the other, and tells how long each took. Options, after
## `--`: `--client=lodewire|engine`, `--url=URL`, `--count=N`.
##
## It prints `joins [...]`: the milliseconds of each connection, -1 for one that was lost.

const LIMIT_USEC := 5_000_000
const CLOSE_LIMIT_USEC := 1_000_000
const PAUSE_USEC := 200


func _ready() -> void:
	var options := {}
	for argument in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=", true, 1)
		options[parts[0]] = parts[1] if parts.size() > 1 else ""
	var times: Array[float] = []
	for index in (options["count"] as String).to_int():
		times.append(_lodewire(options["url"]) if options["client"] == "lodewire" else _engine(options["url"]))
	print("joins ", JSON.stringify(times))
	get_tree().quit()


func _lodewire(url: String) -> float:
	var client: RefCounted = ClassDB.instantiate("LodeWebSocketClient")
	client.verify_ssl = false
	var told := [false, false]
	client.connection_established.connect(func(_protocol: String) -> void: told[0] = true)
	client.connection_error.connect(func() -> void: told[1] = true)
	client.connection_closed.connect(func(_clean: bool) -> void: told[1] = true)
	var began := Time.get_ticks_usec()
	client.connect_to_url(url)
	while not told[0] and not told[1] and Time.get_ticks_usec() - began < LIMIT_USEC:
		OS.delay_usec(PAUSE_USEC)
		client.poll()
	var took := Time.get_ticks_usec() - began
	client.disconnect_from_host()
	while told[0] and not told[1] and Time.get_ticks_usec() - began < LIMIT_USEC + CLOSE_LIMIT_USEC:
		OS.delay_usec(PAUSE_USEC)
		client.poll()
	return took / 1000.0 if told[0] else -1.0


func _engine(url: String) -> float:
	var client := WebSocketPeer.new()
	var began := Time.get_ticks_usec()
	client.connect_to_url(url, TLSOptions.client_unsafe())
	while client.get_ready_state() == WebSocketPeer.STATE_CONNECTING and Time.get_ticks_usec() - began < LIMIT_USEC:
		OS.delay_usec(PAUSE_USEC)
		client.poll()
	var took := Time.get_ticks_usec() - began
	var is_open := client.get_ready_state() == WebSocketPeer.STATE_OPEN
	client.close()
	while client.get_ready_state() != WebSocketPeer.STATE_CLOSED and Time.get_ticks_usec() - began < LIMIT_USEC + CLOSE_LIMIT_USEC:
		OS.delay_usec(PAUSE_USEC)
		client.poll()
	return took / 1000.0 if is_open else -1.0
