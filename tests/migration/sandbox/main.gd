extends Node
"""A text of three quotes, with "quotes" in it: ENetConnection.new()"""

const RAW := r"C:\ENetConnection\""
const NAMES := [&"walk", ^"Main/ENetConnection", '''ENet "Connection" \''' ENetPacketPeer''']

@export var compression: ENetConnection.CompressionMode = ENetConnection.COMPRESS_FASTLZ

var host := ENetConnection.new()
var guest := ENetConnection.new()
var peers: Dictionary = {}
var order: Array[ENetPacketPeer] = []
var made: MultiplayerPeer = ClassDB.instantiate("ENetMultiplayerPeer")


class Transport extends ENetMultiplayerPeer:
	var name := "ENet"

	func who() -> String:
		return name


func _ready() -> void:
	if made.get_class() != "ENetMultiplayerPeer" or not made.is_class(&"ENetMultiplayerPeer"):
		print("wrong: ", made.get_class())
	if Transport.new().who() != "ENet" or "ENetMultiplayerPeer" != made.get_class():
		print("wrong: the transport")
	host.create_host_bound("127.0.0.1", 0, 4)
	guest.create_host(1)
	for side in [host, guest]:
		side.compress(compression)
	guest.connect_to_host("127.0.0.1", host.get_local_port(), 2)


func _process(_delta: float) -> void:
	_serve(guest, func(peer: ENetPacketPeer) -> void:
		peer.send(0, "hello".to_utf8_buffer(), ENetPacketPeer.FLAG_RELIABLE))
	_serve(host)


func _serve(side: ENetConnection, joined := Callable()) -> void:
	while true:
		var event: Array = side.service()
		var type: ENetConnection.EventType = event[0]
		var peer := event[1] as ENetPacketPeer
		match type:
			ENetConnection.EVENT_CONNECT:
				order.append(peer)
				peers[peer] = peer.get_state() == ENetPacketPeer.STATE_CONNECTED
				if joined.is_valid():
					joined.call(peer)
			ENetConnection.EVENT_RECEIVE:
				print("exchanged ", peer.get_packet().get_string_from_utf8(), " ", _last(), " ", NAMES.size(), " ", RAW.length())
				get_tree().quit()
			ENetConnection.EVENT_NONE, ENetConnection.EVENT_ERROR, ENetConnection.EVENT_DISCONNECT:
				return


func _last() -> ENetPacketPeer:
	return null if order.is_empty() else order[-1]


func keeps() -> void:
	var kept := ENetConnection.new() # lodewire: keep
	kept.destroy()
	$ENetConnection/ENetPacketPeer.queue_free()
	print("ENetConnection", 7 % peers.size(), %ENetConnection)
