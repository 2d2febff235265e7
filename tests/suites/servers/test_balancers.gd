extends "res://test_case.gd"
## Dedicated servers, each an engine of its own, behind the real HAProxy and nginx with the configurations of docs/servers.

const Ports := preload("res://ports.gd")
const KEY := "res://suites/websocket/keys/rsa_pkcs1.key"
const CERTIFICATE := "res://suites/websocket/keys/rsa.crt"

## A server that a test has started.
class Server:
	var name: String
	var process: RefCounted
	var port := 0
	var drain_file := ""


## A player, and the server that welcomed it last.
class Player:
	var client: Node
	var server := ""
	var address := ""
	var echoes := 0
	var losses := 0


var servers: Array[Server] = []
var players: Array[Player] = []
var files: PackedStringArray = []


func after_each() -> void:
	for player in players:
		player.client.queue_free()
	for file in files:
		DirAccess.remove_absolute(file)


func test_three_servers_behind_haproxy() -> void:
	var program := haproxy()
	if program.is_empty() or not await _start_servers(["--proxies=127.0.0.1"]):
		return
	var port := Ports.tcp()
	var config := _document("haproxy.cfg")
	var pem := _file("game.pem", FileAccess.get_file_as_string(CERTIFICATE) + FileAccess.get_file_as_string(KEY))
	config = _replaced(config, "bind :443 ssl crt /etc/haproxy/game.pem", "bind 127.0.0.1:%d ssl crt \"%s\"" % [port, pem])
	config = _replaced(config, "maxconn 100000", "maxconn 500")
	for index in 3:
		config = _replaced(config, "10.0.0.1%d:9080" % (index + 1), "127.0.0.1:%d" % servers[index].port)
	var balancer := start_process(program, ["-db", "-f", _file("haproxy.cfg", config)])
	await _play("wss://localhost:%d" % port, balancer)
	if not can_continue():
		return
	# Drain one: its players stay, and no new ones arrive.
	var before := _players_of("one").size()
	check_gt(before, 0)
	FileAccess.open(servers[0].drain_file, FileAccess.WRITE).close()
	check_eq(await servers[0].process.line_after("draining"), "")
	check(servers[0].process.output().contains("draining"), "one has seen the file")
	# The balancer has checked the health, and reports the answer.
	check(await wait_until(func() -> bool: return balancer.output().contains("game/one is DOWN, reason: Layer7 wrong status, code: 503")), balancer.output())
	_join("wss://localhost:%d" % port, 9)
	check(await _all_are_welcome(), "nine more: " + _spread())
	check_eq(_players_of("one").size(), before, "players of one: " + _spread())
	check(await _all_hear_their_echo(), "all play on while one drains")
	check_eq(_losses(), 0, "nobody was lost")
	# Its last players leave: it quits.
	for player in _players_of("one"):
		_leave(player)
	check_eq(await servers[0].process.finished(), 0, "one ends when the last player has left")
	check_eq(_losses(), 0, "the others did not notice")
	# Kill two: its players reconnect, to three.
	var orphans := _players_of("two").size()
	check_gt(orphans, 0)
	servers[1].process.kill()
	check(await wait_until(func() -> bool: return _players_of("three").size() == players.size()), "all are at three: " + _spread())
	check_eq(_losses(), orphans, "only those of two were lost")
	check(await _all_hear_their_echo(), "all play on")


func test_three_servers_behind_nginx() -> void:
	var program := nginx()
	if program.is_empty() or not await _start_servers(["--proxies=127.0.0.1", "--forwarded"]):
		return
	var port := Ports.tcp()
	var config := _document("nginx.conf")
	config = _replaced(config, "listen 443 ssl;", "listen 127.0.0.1:%d ssl;" % port)
	config = _replaced(config, "/etc/nginx/game.crt", "\"%s\"" % ProjectSettings.globalize_path(CERTIFICATE))
	config = _replaced(config, "/etc/nginx/game.key", "\"%s\"" % ProjectSettings.globalize_path(KEY))
	config = _replaced(config, "worker_connections 65536;", "worker_connections 512;")
	for index in 3:
		config = _replaced(config, "10.0.0.1%d:9080" % (index + 1), "127.0.0.1:%d" % servers[index].port)
	# Its own folder with everything that it needs to run as any user.
	var folder := OS.get_user_data_dir().path_join("nginx_%d" % OS.get_process_id())
	DirAccess.make_dir_recursive_absolute(folder)
	var own := "user root root;\nerror_log stderr;\npid \"%s/pid\";\ndaemon off;\n" % folder
	config = own + config.replace("http {\n", "http {\n    access_log off;\n" + "".join(
		["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
			func(what: String) -> String: return "    %s_temp_path \"%s/%s\";\n" % [what, folder, what])))
	var balancer := start_process(program, ["-p", folder, "-c", _file("nginx.conf", config)])
	await _play("wss://localhost:%d" % port, balancer)
	# Kill one: its players reconnect, to the others.
	var orphans := _players_of("one").size()
	servers[0].process.kill()
	check(await wait_until(func() -> bool: return _players_of("two").size() + _players_of("three").size() == players.size()), _spread())
	check_eq(_losses(), orphans, "only those of one were lost")
	balancer.kill()
	OS.execute("rm", ["-r", folder])


## Thirty players join through the balancer, and are spread over all servers, which know their addresses.
func _play(url: String, balancer: RefCounted) -> void:
	_join(url, 30)
	if not check(await _all_are_welcome(), "all are welcome: " + _spread() + balancer.output()):
		return
	for name: String in ["one", "two", "three"]:
		check_gt(_players_of(name).size(), 4, "players of %s: %s" % [name, _spread()])
	for player in players:
		check_eq(player.address, "127.0.0.1")
	check(await _all_hear_their_echo(), "all play")


func _start_servers(arguments: PackedStringArray) -> bool:
	var program := godot()
	if program.is_empty():
		return false
	var project := ProjectSettings.globalize_path("res://").path_join("../godot-project")
	for name: String in ["one", "two", "three"]:
		var server := Server.new()
		server.name = name
		server.drain_file = OS.get_user_data_dir().path_join("drain_%s_%d" % [name, OS.get_process_id()])
		files.append(server.drain_file)
		var all := PackedStringArray(["--headless", "--path", project, "res://dedicated/server.tscn", "--",
				"--port=0", "--name=" + name, "--drain-file=" + server.drain_file])
		all.append_array(arguments)
		server.process = start_process(program, all)
		servers.append(server)
	for server in servers:
		server.port = (await server.process.line_after("listening on port ")).to_int()
		if not check_gt(server.port, 0, "%s listens: %s" % [server.name, server.process.output()]):
			return false
	return true


func _join(url: String, count: int) -> void:
	var script := load(ProjectSettings.globalize_path("res://").path_join("../godot-project/dedicated/rejoining_client.gd")) as GDScript
	for _player in count:
		var player := Player.new()
		player.client = script.new()
		player.client.url = url
		player.client.trusted = load(CERTIFICATE)
		player.client.received.connect(_on_received.bind(player))
		add_child(player.client)
		players.append(player)


func _on_received(text: String, player: Player) -> void:
	if text.contains(" welcomes "):
		if not player.server.is_empty():
			player.losses += 1
		player.server = text.get_slice(" welcomes ", 0)
		player.address = text.get_slice(" welcomes ", 1)
	else:
		player.echoes += 1


func _leave(player: Player) -> void:
	player.client.set_process(false)
	player.client.client.disconnect_from_host()
	var client: LodeWebSocketClient = player.client.client
	for _poll in 20:
		client.poll()
	player.client.queue_free()
	players.erase(player)


func _all_are_welcome() -> bool:
	return await wait_until(func() -> bool: return players.all(func(player: Player) -> bool: return not player.server.is_empty()))


func _all_hear_their_echo() -> bool:
	for player in players:
		player.echoes = 0
		if player.client.is_joined():
			player.client.send("hello")
	return await wait_until(func() -> bool: return players.all(func(player: Player) -> bool: return player.echoes > 0))


func _players_of(server: String) -> Array[Player]:
	return players.filter(func(player: Player) -> bool: return player.server == server and player.client.is_joined())


func _losses() -> int:
	return players.reduce(func(sum: int, player: Player) -> int: return sum + player.losses, 0)


func _spread() -> String:
	return "one %d, two %d, three %d of %d" % [_players_of("one").size(), _players_of("two").size(), _players_of("three").size(), players.size()]


func _document(name: String) -> String:
	return FileAccess.get_file_as_string(ProjectSettings.globalize_path("res://").path_join("../docs/servers").path_join(name))


func _replaced(text: String, what: String, by: String) -> String:
	check(text.contains(what), "the document has " + what)
	return text.replace(what, by)


func _file(name: String, text: String) -> String:
	var path := OS.get_user_data_dir().path_join("%d_%s" % [OS.get_process_id(), name])
	FileAccess.open(path, FileAccess.WRITE).store_string(text)
	files.append(path)
	return path
