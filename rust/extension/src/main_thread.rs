//! The classes belong to the main thread. Creating an object in another thread is an error, and freeing one is deferred
//! to the main thread: gdext's own functions would panic in the other thread, which aborts the game.
//!
//! gdext has no way to replace these functions (0.5.5). It asks the engine for the function that registers classes, so
//! it is given one of ours instead.

use std::ffi::{CStr, CString, c_char, c_void};
use std::mem::transmute;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use godot::builtin::{Callable, StringName};
use godot::init::is_main_thread;
use godot::sys::{self, GodotFfi};

type GetProcAddress = unsafe extern "C" fn(*const c_char) -> sys::GDExtensionInterfaceFunctionPtr;
type PrintError = sys::GDExtensionInterfacePrintError;
type Register = sys::GDExtensionInterfaceClassdbRegisterExtensionClass3;

const REGISTER: &CStr = c"classdb_register_extension_class3";

/// The engine's `get_proc_address`.
static ENGINE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Objects that were freed in other threads, for the main thread.
static FREED: Mutex<Vec<Freed>> = Mutex::new(Vec::new());

/// Set while a deferred call to free them is pending.
static IS_ASKED_FOR: AtomicBool = AtomicBool::new(false);

/// The Rust part of an object that the engine has freed.
struct Freed {
    class: &'static Class,
    instance: sys::GDExtensionClassInstancePtr,
}

// SAFETY: the instance is only used on the main thread.
unsafe impl Send for Freed {}

/// The functions that gdext has registered a class with.
struct Class {
    name: CString,
    create: sys::GDExtensionClassCreateInstance,
    /// Frees the Rust part of an object, or defers it to the main thread.
    free: sys::GDExtensionClassFreeInstance,
    print_error: PrintError,
}

/// Returns a `get_proc_address` for gdext that registers classes as this module needs it.
pub(crate) fn guard(
    engine: sys::GDExtensionInterfaceGetProcAddress,
) -> sys::GDExtensionInterfaceGetProcAddress {
    ENGINE.store(engine? as *mut c_void, Ordering::Release);
    Some(get_proc_address)
}

/// Frees the objects that were freed in other threads, once the main thread has returned from the script's call: a
/// method of one of the objects may be running, and would still use it. Does nothing in other threads.
pub(crate) fn free_waiting_later() {
    let is_empty = || FREED.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
    if !is_main_thread() || is_empty() || IS_ASKED_FOR.swap(true, Ordering::Relaxed) {
        return;
    }
    Callable::from_fn("free", |_| {
        IS_ASKED_FOR.store(false, Ordering::Relaxed);
        free_waiting();
    })
    .call_deferred(&[]);
}

/// Frees the objects that were freed in other threads immediately. Does nothing in other threads.
pub(crate) fn free_waiting() {
    if !is_main_thread() {
        return;
    }
    loop {
        let freed = FREED.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(Freed { class, instance }) = freed else { return };
        if let Some(free) = class.free {
            // SAFETY: the engine has called us to free this instance, which gdext's function has not seen yet.
            unsafe { free(ptr::null_mut(), instance) };
        }
    }
}

unsafe extern "C" fn get_proc_address(name: *const c_char) -> sys::GDExtensionInterfaceFunctionPtr {
    // SAFETY: `guard` has stored a function of this type.
    let engine: GetProcAddress = unsafe { transmute(ENGINE.load(Ordering::Acquire)) };
    // SAFETY: a name is a C string.
    if unsafe { CStr::from_ptr(name) } == REGISTER {
        // SAFETY: the caller knows the type from the name.
        return Some(unsafe { transmute::<Register, unsafe extern "C" fn()>(register) });
    }
    // SAFETY: as the caller has called it.
    unsafe { engine(name) }
}

/// Registers a class with functions that check the thread.
unsafe extern "C" fn register(
    library: sys::GDExtensionClassLibraryPtr,
    name: sys::GDExtensionConstStringNamePtr,
    parent: sys::GDExtensionConstStringNamePtr,
    info: *const sys::GDExtensionClassCreationInfo3,
) {
    // SAFETY: `guard` has stored a function of this type, and the names are the engine's.
    let (engine_register, print_error) = unsafe {
        let engine: GetProcAddress = transmute(ENGINE.load(Ordering::Acquire));
        (engine(REGISTER.as_ptr()), engine(c"print_error".as_ptr()))
    };
    // SAFETY: these are the types of the functions of these names.
    let (engine_register, print_error) = unsafe {
        (
            transmute::<sys::GDExtensionInterfaceFunctionPtr, Option<Register>>(engine_register),
            transmute::<sys::GDExtensionInterfaceFunctionPtr, Option<PrintError>>(print_error),
        )
    };
    let (Some(engine_register), Some(print_error)) = (engine_register, print_error) else { return };
    // SAFETY: gdext's name of the class, which lives as long as this call.
    let class_name = unsafe { StringName::new_from_sys(name.cast()) };
    // SAFETY: gdext's own, likewise.
    let mut info = unsafe { *info };
    debug_assert!(info.class_userdata.is_null(), "gdext does not use it (0.5.5)");
    let class = Class {
        name: CString::new(class_name.to_string()).unwrap_or_default(),
        create: info.create_instance_func,
        free: info.free_instance_func,
        print_error,
    };
    // Kept as long as the library: the engine keeps it.
    info.class_userdata = ptr::from_ref::<Class>(Box::leak(Box::new(class))).cast_mut().cast();
    if info.create_instance_func.is_some() {
        info.create_instance_func = Some(create);
    }
    if info.free_instance_func.is_some() {
        info.free_instance_func = Some(free);
    }
    // SAFETY: as gdext has called it, with functions of the same types.
    unsafe { engine_register(library, name, parent, &raw const info) };
}

/// Creates an object, or null in another thread.
unsafe extern "C" fn create(class: *mut c_void) -> sys::GDExtensionObjectPtr {
    // SAFETY: the pointer that `register` has passed to the engine, to a value that never changes.
    let class: &'static Class = unsafe { &*class.cast::<Class>() };
    if !is_main_thread() {
        let name = class.name.to_string_lossy();
        let text = format!(
            "{name} cannot be created in a thread: create it on the main thread, for example in a function that is called \
             with call_deferred()."
        );
        let text = CString::new(text).unwrap_or_default();
        // SAFETY: C strings that live as long as the call; the engine prints from any thread.
        unsafe {
            (class.print_error)(
                text.as_ptr(),
                c"new".as_ptr(),
                c"rust/extension/src/main_thread.rs".as_ptr(),
                line!().cast_signed(),
                sys::conv::SYS_FALSE,
            );
        }
        return ptr::null_mut();
    }
    free_waiting_later();
    let Some(create) = class.create else { return ptr::null_mut() };
    // SAFETY: as the engine has called us.
    unsafe { create(ptr::null_mut()) }
}

/// Frees the Rust part of an object, or leaves it to the main thread.
unsafe extern "C" fn free(class: *mut c_void, instance: sys::GDExtensionClassInstancePtr) {
    // SAFETY: the pointer that `register` has passed to the engine, to a value that never changes.
    let class: &'static Class = unsafe { &*class.cast::<Class>() };
    if !is_main_thread() {
        FREED.lock().unwrap_or_else(PoisonError::into_inner).push(Freed { class, instance });
        return;
    }
    free_waiting_later();
    if let Some(free) = class.free {
        // SAFETY: as the engine has called us.
        unsafe { free(ptr::null_mut(), instance) };
    }
}
