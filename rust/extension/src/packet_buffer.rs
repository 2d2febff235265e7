//! Packets across the boundary: the engine receives a pointer to the packet that it reads, and passes a pointer to the
//! packet that it sends.

use godot::global::Error;
use godot::meta::conv::RawPtr;

/// The last packet that the engine has read. The engine uses it after the method has returned, so the object keeps it.
#[derive(Debug, Default)]
pub(crate) struct PacketBuffer<P = Vec<u8>>(P);

impl<P: AsRef<[u8]> + Default> PacketBuffer<P> {
    /// Answers the engine's call for a packet: keeps the packet and returns its address, or returns the error
    /// `otherwise` if there is none.
    ///
    /// # Safety
    /// The pointers are those of the engine's call.
    pub(crate) unsafe fn answer(
        &mut self,
        packet: Option<P>,
        otherwise: Error,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        size: RawPtr<*mut i32>,
    ) -> Error {
        let is_some = packet.is_some();
        self.0 = packet.unwrap_or_default();
        let packet = is_some.then(|| self.0.as_ref());
        // SAFETY: the pointers are the engine's. The packet stays until the next one is taken.
        unsafe { lend(packet, otherwise, buffer, size) }
    }
}

/// Answers the engine's call for a packet with the address of one that is kept elsewhere, or returns the error
/// `otherwise` if there is none.
///
/// # Safety
/// The pointers are those of the engine's call, and the packet stays valid until the engine has read it, right after
/// the call.
pub(crate) unsafe fn lend(
    packet: Option<&[u8]>,
    otherwise: Error,
    buffer: RawPtr<*mut RawPtr<*const u8>>,
    size: RawPtr<*mut i32>,
) -> Error {
    let error = if packet.is_some() { Error::OK } else { otherwise };
    let packet = packet.unwrap_or_default();
    // SAFETY: the engine's pointers are valid for the length of its call; of an empty packet it reads nothing.
    unsafe {
        *buffer.ptr() = RawPtr::new(packet.as_ptr());
        *size.ptr() = i32::try_from(packet.len()).unwrap_or(i32::MAX);
    }
    error
}

/// Returns the packet that the engine passes.
///
/// # Safety
/// The pointer and the size are those of the engine's call, and the packet is not used after it.
pub(crate) unsafe fn view<'a>(buffer: RawPtr<*const u8>, size: i32) -> &'a [u8] {
    let len = usize::try_from(size).unwrap_or(0);
    if len == 0 {
        // The pointer of an empty packet may be null.
        return &[];
    }
    // SAFETY: the engine gives a buffer of that size, which is valid for the length of its call.
    unsafe { std::slice::from_raw_parts(buffer.ptr(), len) }
}

/// Copies the packet that the engine passes.
///
/// # Safety
/// The pointer and the size are those of the engine's call.
pub(crate) unsafe fn copy<P>(buffer: RawPtr<*const u8>, size: i32) -> P
where
    P: for<'a> From<&'a [u8]>,
{
    // SAFETY: as the caller says; it is copied at once.
    P::from(unsafe { view(buffer, size) })
}
