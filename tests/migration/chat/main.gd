extends Node

@onready var server: WebSocketServer = $WebSocketServer
@onready var same: WebSocketServer = %WebSocketServer

var client := WebSocketPeer.new()
var is_sent := false


func _ready() -> void:
	server.tcp.listen(0, "127.0.0.1")
	server.message_received.connect(func(_id: int, text: String) -> void:
		print("exchanged " if text == "hello" and same == server else "wrong ", get_node("WebSocketServer").name)
		get_tree().quit())
	client.connect_to_url("ws://127.0.0.1:%d" % server.tcp.get_local_port())


func _process(_delta: float) -> void:
	client.poll()
	if client.get_ready_state() == WebSocketPeer.STATE_OPEN and not is_sent:
		is_sent = client.send_text("hello") == OK
