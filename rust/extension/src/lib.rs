//! Lodewire as a GDExtension: one file per class, conversions and nothing else. What the classes do is in
//! `lodewire-net`.
//!
//! The documentation comments of the classes are the editor's help.
#![allow(unsafe_code, reason = "the boundary to the engine; each use says why it is sound")]
#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "the editor's help has a markup of its own"
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

/// The entry point, as the addon's file names it: gdext's, with classes that know about threads.
///
/// # Safety
///
/// For the engine to call, as it calls every extension's.
#[unsafe(no_mangle)]
unsafe extern "C" fn gdext_rust_init(
    get_proc_address: sys::GDExtensionInterfaceGetProcAddress,
    library: sys::GDExtensionClassLibraryPtr,
    init: *mut sys::GDExtensionInitialization,
) -> sys::GDExtensionBool {
    // SAFETY: as the engine has called us.
    unsafe { lodewire_init(main_thread::guard(get_proc_address), library, init) }
}

// SAFETY: there is one, and the library defines no other.
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
            monitors::switch_off();
            // No thread may run code of a library that is about to be unloaded.
            lodewire_net::shutdown();
        }
    }
}
