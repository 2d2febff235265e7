extends Control
## The chat: the first instance is also the server, the others join it. The button opens a page that joins as well.
## `-- --name=Ada` sets your name, `--say=TEXT` sends a message automatically, for the picture.

const ChatServer := preload("res://chat/chat_server.gd")

var client := LodeWebSocketClient.new()
var player_name := "Player %d" % randi_range(1, 999)
var _to_say := PackedStringArray()

@onready var _log: RichTextLabel = %Log
@onready var _line: LineEdit = %Line


func _ready() -> void:
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--name="):
			player_name = argument.trim_prefix("--name=")
		elif argument.begins_with("--say="):
			_to_say.append(argument.trim_prefix("--say="))
	var server := ChatServer.new()
	if server.listen():
		add_child(server)
		_show("", "This instance is the server, on port %d." % ChatServer.PORT)
	else:
		server.free()
	client.connection_established.connect(_on_established)
	client.connection_error.connect(_show.bind("", "There is no server."))
	client.connection_closed.connect(func(_was_clean: bool) -> void: _show("", "The server has gone."))
	client.data_received.connect(_on_data)
	client.connect_to_url("ws://127.0.0.1:%d" % ChatServer.PORT)
	_line.text_submitted.connect(_on_submitted)
	%Browser.pressed.connect(_open_page)
	_line.grab_focus()


func _process(_delta: float) -> void:
	client.poll()


func _on_established(_protocol: String) -> void:
	client.get_peer(1).send_text(player_name)
	for text in _to_say:
		client.get_peer(1).send_text(text)


func _on_data() -> void:
	var message: Variant = JSON.parse_string(client.get_peer(1).get_packet().get_string_from_utf8())
	if message is Dictionary:
		_show(str(message.get("from", "")), str(message.get("text", "")))


func _on_submitted(text: String) -> void:
	if client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED and not text.strip_edges().is_empty():
		client.get_peer(1).send_text(text)
		_line.clear()


## Messages of others are text, not markup.
func _show(from: String, text: String) -> void:
	print("%s: %s" % [from, text] if not from.is_empty() else text)
	if from.is_empty():
		_log.push_color(Color.GRAY)
		_log.add_text(text)
		_log.pop()
	else:
		_log.push_bold()
		_log.add_text(from + "  ")
		_log.pop()
		_log.add_text(text)
	_log.newline()


func _open_page() -> void:
	OS.shell_open(ProjectSettings.globalize_path("res://chat/page.html"))
