extends RefCounted
## Hosts of a test, ours and the engine's, that are serviced once a frame, and their events.

const Ports := preload("res://ports.gd")

## The events of each host, as arrays of four. Packets are read, and replace the data.
var events := {}

var _hosts: Array[RefCounted] = []


## A free local UDP port: some builds of the engine do not report the port that they have picked.
static func free_port() -> int:
	return Ports.udp()


## A host on a free port of this machine; `of` is "LodeENetConnection" or "ENetConnection".
func create(of: String, port := 0, max_peers := 32, max_channels := 0) -> RefCounted:
	var host: RefCounted = ClassDB.instantiate(of)
	add(host)
	host.create_host_bound("127.0.0.1", port, max_peers, max_channels)
	return host


func add(host: RefCounted) -> void:
	_hosts.append(host)
	events[host] = []


func remove(host: RefCounted) -> void:
	_hosts.erase(host)
	host.destroy()


## Services every host until it has no more events.
func service() -> void:
	for host in _hosts:
		while true:
			var event: Array = host.service()
			if event[0] == ENetConnection.EVENT_NONE or event[0] == ENetConnection.EVENT_ERROR:
				break
			if event[0] == ENetConnection.EVENT_RECEIVE:
				event[2] = event[1].get_packet()
			events[host].append(event)


## The number of events of a type of a host.
func count(host: RefCounted, type: int) -> int:
	return of_type(host, type).size()


func of_type(host: RefCounted, type: int) -> Array:
	return events[host].filter(func(event: Array) -> bool: return event[0] == type)


## The packets that a host has received, in order.
func packets(host: RefCounted) -> Array:
	return of_type(host, ENetConnection.EVENT_RECEIVE).map(func(event: Array) -> PackedByteArray: return event[2])


func destroy() -> void:
	for host in _hosts:
		host.destroy()
	_hosts.clear()
