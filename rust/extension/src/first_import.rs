//! Keeps the engine from crashing at the end of the first headless import of a project.

use godot::classes::{DisplayServer, Engine, GDExtensionManager};
use godot::init::is_editor_hint;
use godot::prelude::*;

/// The signal that the engine emits after extensions were loaded at run time.
const RELOADED: &str = "extensions_reloaded";

/// Keeps a headless editor from collecting the help of classes that it has found at run time. For `InitStage::Editor`.
///
/// The editor collects it on a thread, whose result it adds in a deferred call. `--import` quits in the same frame,
/// frees the documentation, and then runs that call: it aborts (godotengine/godot#111048, seen in 4.5 to 4.7). So its
/// handler is disconnected for this one signal, which is emitted as soon as the extension is loaded. The help is
/// available when the project is opened the next time.
pub(crate) fn keep_from_crashing() {
    // At a normal start, extensions are loaded before the main loop exists.
    if !is_editor_hint() || Engine::singleton().get_main_loop().is_none() {
        return;
    }
    if DisplayServer::singleton().get_name() != "headless" {
        return;
    }
    let mut manager = GDExtensionManager::singleton();
    for connection in manager.get_signal_connection_list(RELOADED).iter_shared() {
        let Some(handler) =
            connection.get("callable").and_then(|value| value.try_to::<Callable>().ok())
        else {
            continue;
        };
        if handler.object().is_some_and(|object| object.get_class() == "EditorNode") {
            manager.disconnect(RELOADED, &handler);
            manager.call_deferred("connect", vslice![RELOADED, handler]);
        }
    }
}
