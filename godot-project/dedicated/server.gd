extends Node
## A dedicated server as in docs/servers.md, behind a load balancer: it reports its health, and gets the addresses of its
## players. It echoes messages, and can be drained. Options after `--` on the command line:
##   --port=9080          the port; 0 picks a free one
##   --name=one           the name in its greeting
##   --proxies=10.0.0.5   the balancers that send a header of the PROXY protocol; none by default
##   --forwarded          their requests have X-Forwarded-For instead
##   --drain-file=PATH    when this file exists, it drains: it quits after the last player has left

var server := LodeWebSocketServer.new()
var options := {"port": "9080", "name": "one", "proxies": "", "drain-file": ""}


func _ready() -> void:
	for argument in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=", true, 1)
		options[parts[0]] = parts[1] if parts.size() > 1 else "yes"
	server.health_path = "/health"
	server.heartbeat_interval = 10.0
	if options["proxies"] != "":
		server.trusted_proxies = options["proxies"].split(",")
		server.proxy_header = LodeWebSocketServer.PROXY_HEADER_PROXY_PROTOCOL
		if options.has("forwarded"):
			server.proxy_header = LodeWebSocketServer.PROXY_HEADER_X_FORWARDED_FOR
	server.client_connected.connect(_on_connected)
	server.data_received.connect(_on_data)
	if server.listen(options["port"].to_int()) != OK:
		get_tree().quit(1)
		return
	print("listening on port ", server.get_local_port())


func _process(_delta: float) -> void:
	server.poll()
	if options["drain-file"] != "" and FileAccess.file_exists(options["drain-file"]):
		if not server.draining:
			print("draining")
			server.draining = true
		if server.get_peers().is_empty():
			print("drained")
			get_tree().quit()


func _on_connected(id: int, _protocol: String) -> void:
	server.get_peer(id).send_text("%s welcomes %s" % [options["name"], server.get_peer_address(id)])


func _on_data(id: int) -> void:
	for packet in server.get_peer(id).get_packets():
		server.get_peer(id).send(packet, LodeWebSocketPeer.WRITE_MODE_TEXT)
