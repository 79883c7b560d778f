use super::*;
use crate::dtype::DType;
use crate::layout::{Layout, Shape};
use crate::memory::{Buffer, Canvas, Memory};
use crate::thread::Stripe;
use std::thread;

fn pixels() -> Pixels {
    let shape = Shape {
        width: 8,
        height: 8,
        bands: 1,
    };
    let layout = Layout::packed(shape, DType::U8).unwrap();
    let mut canvas = Canvas::new(Memory::zeroed(64).unwrap(), layout);
    canvas.pixels_mut().row_mut(0, 3).fill(7);
    Pixels::new(Arc::new(canvas.freeze().0), layout)
}

/// A slab with one open node, and the buffer of it.
fn slab() -> (Slab, u32, Arc<Buffer>) {
    let (slab, pixels) = (Slab::default(), pixels());
    let buffer = pixels.buffer().clone();
    let id = slab.insert(pixels, [1, 2, 3], FINDABLE, 1);
    slab.open(id);
    (slab, id, buffer)
}

fn pin(slab: &Slab, id: u32) -> Handle {
    let node = slab.node(id).expect("a node");
    assert!(node.is_labelled(&[1, 2, 3]));
    let handle = node.pin(Stripe::own()).expect("an occupied node");
    node.note_use(Stripe::own(), 5);
    assert_eq!(handle.pixels().row(0, 3), [7; 8]);
    handle
}

fn elsewhere<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| scope.spawn(work).join().expect("a result"))
}

#[test]
fn handles_are_counted_wherever_they_are_taken_and_released() {
    let (slab, id, buffer) = slab();
    let held = || slab.node(id).unwrap().pins() + buffer.pins();
    let mut handles: Vec<_> = (0..300).map(|_| pin(&slab, id)).collect();
    assert_eq!(held(), 300);
    // More than a column counts.
    elsewhere(|| handles.truncate(100));
    assert_eq!(held(), 100);
    elsewhere(|| handles.extend((0..200).map(|_| pin(&slab, id))));
    handles.drain(50..);
    assert_eq!(held(), 50);
    slab.close(id);
    assert_eq!((slab.node(id).unwrap().pins(), buffer.pins()), (0, 50));
    elsewhere(|| handles.extend([pin(&slab, id), handles[0].clone()]));
    assert_eq!(buffer.pins(), 52);
    slab.open(id);
    handles.extend([pin(&slab, id), handles[0].clone()]);
    elsewhere(|| handles.truncate(1));
    assert_eq!(held(), 1);
    assert_eq!(slab.node(id).unwrap().last_use(), 5);
    slab.remove(id);
    assert_eq!(buffer.pins(), 1);
    let next = slab.insert(pixels(), [0; 3], FINDABLE, 9);
    assert_ne!(next, id, "what is held is not used again");
    assert_eq!(handles[0].pixels().row(0, 3), [7; 8]);
    drop(handles);
    assert_eq!((buffer.pins(), Arc::strong_count(&buffer)), (0, 1));
    assert!(slab.node(id).unwrap().pin(Stripe::own()).is_none());
    assert_eq!(slab.insert(pixels(), [0; 3], FINDABLE, 9), id);
}

#[test]
fn what_was_seen_of_a_node_is_pinned_only_as_long_as_it_is_so() {
    let (slab, id, _) = slab();
    let stripe = Stripe::own();
    let see = || slab.node(id).unwrap().as_seen(stripe);
    drop(slab.node(id).unwrap().pin(stripe));
    let (first, second) = (see().unwrap(), see().unwrap());
    drop(first.pin(3));
    assert!(second.pin(3).is_none(), "used since");
    let (first, second) = (see().unwrap(), see().unwrap());
    slab.close(id);
    assert!(first.pin(4).is_none() && see().is_none(), "closed since");
    slab.remove(id);
    assert_eq!(slab.insert(pixels(), [0; 3], FINDABLE, 9), id);
    slab.open(id);
    assert!(second.pin(4).is_none(), "another since");
    let unused = see().unwrap();
    slab.remove(id);
    assert_eq!(slab.insert(pixels(), [0; 3], FINDABLE, 10), id);
    slab.open(id);
    assert!(unused.pin(11).is_none(), "another since, both unused");
    assert_eq!(slab.node(id).unwrap().last_use(), 10);
}

#[test]
fn what_is_held_outlives_the_slab_and_nothing_else_does() {
    let (slab, id, buffer) = slab();
    let other = slab.insert(pixels(), [0; 3], FINDABLE, 9);
    let free = slab.insert(pixels(), [0; 3], FINDABLE, 9);
    slab.remove(free);
    let handle = pin(&slab, id);
    let again = elsewhere(|| handle.clone());
    let chunk = slab.node(other).unwrap().chunk_pointer();
    // SAFETY: the chunk is alive, and the reference is given back at the end.
    let chunk = unsafe {
        Arc::increment_strong_count(chunk);
        Arc::from_raw(chunk)
    };
    drop(slab);
    assert_eq!(
        Arc::strong_count(&chunk),
        2,
        "that of the test, and that of the node"
    );
    drop(handle);
    assert_eq!(elsewhere(|| again.pixels().row(0, 3).to_vec()), [7; 8]);
    elsewhere(|| drop(again));
    assert_eq!(
        (Arc::strong_count(&chunk), Arc::strong_count(&buffer)),
        (1, 1)
    );
}

#[test]
fn what_may_be_held_is_looked_at_until_it_is_seen_free() {
    let (slab, id, buffer) = slab();
    let seen = || {
        let mut seen = Vec::new();
        slab.for_each_held(usize::MAX, |node| {
            seen.push(node.id());
            node.pins() + buffer.pins() != 0
        });
        seen
    };
    assert_eq!(seen(), [0; 0]);
    let handle = pin(&slab, id);
    slab.node(id).unwrap().hand_out();
    assert_eq!((seen(), seen()), (vec![id], vec![id]));
    drop(handle);
    assert_eq!((seen(), seen()), (vec![id], vec![]));
}

#[test]
fn a_handle_apart_is_one_pin_of_its_buffer() {
    let pixels = pixels();
    let buffer = pixels.buffer().clone();
    let handle = Handle::apart(pixels);
    let again = handle.clone();
    assert_eq!(buffer.pins(), 1);
    let handle = handle.release_quickly().expect("it may be the last");
    drop((handle, again));
    assert_eq!((buffer.pins(), Arc::strong_count(&buffer)), (0, 1));
}
