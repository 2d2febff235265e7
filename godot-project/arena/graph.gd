extends Control
## A number over the last seconds.

const POINTS := 120

@export var title := ""
@export var unit := ""
@export var color := Color("8da5f3")

var _values := PackedFloat32Array()


func add(value: float) -> void:
	_values.append(value)
	if _values.size() > POINTS:
		_values.remove_at(0)
	queue_redraw()


func _draw() -> void:
	draw_rect(Rect2(Vector2.ZERO, size), Color(0.0, 0.0, 0.0, 0.3))
	var font := get_theme_default_font()
	var top := 0.0
	for value in _values:
		top = maxf(top, value)
	var latest := _values[-1] if not _values.is_empty() else 0.0
	draw_string(font, Vector2(8, 18), title, HORIZONTAL_ALIGNMENT_LEFT, -1, 14)
	draw_string(font, Vector2(8, 18), "%.1f %s" % [latest, unit], HORIZONTAL_ALIGNMENT_RIGHT, size.x - 16, 14, color)
	if _values.size() < 2:
		return
	var points := PackedVector2Array()
	for index in _values.size():
		var x := size.x * index / (POINTS - 1)
		var y := size.y - 4.0 - (size.y - 30.0) * (_values[index] / top if top > 0.0 else 0.0)
		points.append(Vector2(x, y))
	draw_polyline(points, color, 2.0, true)
