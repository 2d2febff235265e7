//! Packets across the boundary: the engine asks for a pointer to the packet it takes, and hands a pointer to the one it
//! gives.

use godot::meta::conv::RawPtr;

/// The packet that the engine took last. It reads it after the method has returned, so it lives in the object.
#[derive(Debug, Default)]
pub(crate) struct PacketBuffer(Vec<u8>);

impl PacketBuffer {
    /// Keeps `packet`, and tells the engine where it is.
    ///
    /// # Safety
    /// The pointers are those of the engine's call.
    pub(crate) unsafe fn lend(
        &mut self,
        packet: Vec<u8>,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        size: RawPtr<*mut i32>,
    ) {
        self.0 = packet;
        let len = i32::try_from(self.0.len()).unwrap_or(i32::MAX);
        // SAFETY: the engine's pointers are valid for the length of its call, and what they are told stays valid until
        // the next packet is taken.
        unsafe {
            *buffer.ptr() = RawPtr::new(self.0.as_ptr());
            *size.ptr() = len;
        }
    }
}

/// Tells the engine that there is no packet.
///
/// # Safety
/// The pointers are those of the engine's call.
pub(crate) unsafe fn lend_none(buffer: RawPtr<*mut RawPtr<*const u8>>, size: RawPtr<*mut i32>) {
    // SAFETY: as above; the engine does not read from a null pointer with a size of 0.
    unsafe {
        *buffer.ptr() = RawPtr::null();
        *size.ptr() = 0;
    }
}

/// Copies the packet that the engine gives.
///
/// # Safety
/// The pointer and the size are those of the engine's call.
pub(crate) unsafe fn copy(buffer: RawPtr<*const u8>, size: i32) -> Vec<u8> {
    let len = usize::try_from(size).unwrap_or(0);
    if len == 0 {
        // The pointer of an empty packet may be null.
        return Vec::new();
    }
    // SAFETY: the engine gives a buffer of that size, which is valid for the length of its call.
    unsafe { std::slice::from_raw_parts(buffer.ptr(), len) }.to_vec()
}
