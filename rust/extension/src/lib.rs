//! Lodewire as a GDExtension: one file or folder per class. The protocols, sockets and threads are in `lodewire-net`.
//!
//! The documentation comments of the classes are the editor's help.
#![allow(unsafe_code, reason = "the boundary to the engine; each use states why it is sound")]
#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "the editor's help has its own markup"
)]
#![allow(clippy::needless_pass_by_value, reason = "the engine passes values")]
#![allow(unreachable_pub, reason = "gdext writes public getters and setters")]
#![allow(missing_docs, reason = "getters and setters of properties are documented as properties")]

mod class_enum;
mod dtls_limits;
mod dtls_server;
mod enet_connection;
mod enet_multiplayer_peer;
mod enet_packet_peer;
mod first_import;
#[cfg(all(test, feature = "register-docs"))]
mod help;
mod last_reference;
mod main_thread;
mod monitors;
mod name_lookup;
mod optional;
mod packet_buffer;
mod packet_peer_dtls;
mod pem;
mod strings;
mod tls_options;
mod websocket_client;
mod websocket_peer;
mod websocket_request;
mod websocket_server;
mod websocket_settings;

use godot::init::{ExtensionLibrary, InitStage, gdextension};
use godot::sys;

struct Lodewire;

/// The entry point that the addon's file names: gdext's, with classes that check the thread.
///
/// # Safety
///
/// Called by the engine, like every extension's entry point.
#[unsafe(no_mangle)]
unsafe extern "C" fn gdext_rust_init(
    get_proc_address: sys::GDExtensionInterfaceGetProcAddress,
    library: sys::GDExtensionClassLibraryPtr,
    init: *mut sys::GDExtensionInitialization,
) -> sys::GDExtensionBool {
    // SAFETY: as the engine has called us.
    unsafe { lodewire_init(main_thread::guard(get_proc_address), library, init) }
}

// SAFETY: the library has only one entry point.
#[gdextension(entry_symbol = lodewire_init)]
unsafe impl ExtensionLibrary for Lodewire {
    fn on_stage_init(stage: InitStage) {
        if stage == InitStage::Scene {
            enet_connection::CompressionMode::register();
            enet_connection::EventType::register();
            enet_connection::HostStatistic::register();
            enet_packet_peer::PeerState::register();
            enet_packet_peer::PeerStatistic::register();
            packet_peer_dtls::Status::register();
            websocket_peer::State::register();
            websocket_peer::WriteMode::register();
            websocket_server::ProxyHeader::register();
        }
        if stage == InitStage::Editor {
            first_import::keep_from_crashing();
        }
    }

    fn on_stage_deinit(stage: InitStage) {
        if stage == InitStage::Scene {
            main_thread::free_waiting();
            monitors::disable();
            // No thread may run code of a library that is being unloaded.
            lodewire_net::shutdown();
        }
    }
}
