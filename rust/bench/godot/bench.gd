extends Node
## A server that echoes, and the time that it takes of the game's thread. Options, after `--`:
## `--server=engine|lodewire|engine_enet|lodewire_enet|engine_dtls|lodewire_dtls|lodewire_dtls_listen`,
## `--work=handshakes|echo|receive|batch|idle`, `--tls`, `--fps=N`.
##
## It prints `listening on port N`, then every 50 ms a line `stat {...}`: all that was counted since
## the start. A line that begins with `skip ` tells why nothing can be measured.

const STAT_INTERVAL_MS := 50

## The time in the server's calls, those of the handlers included.
var _usec := 0
var _frames := 0
## The longest frame since it was told last.
var _worst := 0
var _next_stat := 0
var _server: RefCounted


func _ready() -> void:
	var options := _read_options()
	Engine.max_fps = (options["fps"] as String).to_int()
	_server = (load("res://%s_server.gd" % options["server"]) as GDScript).new()
	_server.work = options["work"]
	if options.has("tls"):
		var crypto := Crypto.new()
		_server.key = crypto.generate_rsa(2048)
		_server.certificate = crypto.generate_self_signed_certificate(_server.key, "CN=localhost")
	var problem: String = _server.start()
	if problem.is_empty():
		print("listening on port ", _server.port())
	else:
		print("skip ", problem)
		_server = null
		get_tree().quit()


func _process(_delta: float) -> void:
	if _server == null:
		return
	var began := Time.get_ticks_usec()
	_server.serve()
	var took := Time.get_ticks_usec() - began
	_usec += took
	_worst = maxi(_worst, took)
	_frames += 1
	if Time.get_ticks_msec() >= _next_stat:
		_next_stat = Time.get_ticks_msec() + STAT_INTERVAL_MS
		print("stat ", JSON.stringify({
			"usec": _usec,
			"frames": _frames,
			"handshakes": _server.handshakes,
			"handled": _server.handled,
			"worst": _worst,
		}))
		_worst = 0


static func _read_options() -> Dictionary:
	var options := {"server": "lodewire", "work": "echo", "fps": "60"}
	for argument in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=")
		options[parts[0]] = parts[1] if parts.size() > 1 else ""
	return options
