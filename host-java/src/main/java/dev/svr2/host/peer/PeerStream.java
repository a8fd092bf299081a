// SPDX-License-Identifier: Apache-2.0
//
// One connection between two hosts: who is at the other end, whether it is to be the one between
// the
// two, and then its frames (peer_service.proto).
package dev.svr2.host.peer;

import com.google.protobuf.ByteString;
import dev.svr2.host.config.HostPort;
import dev.svr2.proto.PeerAck;
import dev.svr2.proto.PeerFrame;
import dev.svr2.proto.PeerHello;
import dev.svr2.proto.PeerOpen;
import dev.svr2.proto.PeerProbe;
import io.grpc.Status;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Frames come in one at a time; its link calls it from any thread, under the link's lock. Its own
 * state needs no lock: each step is taken by one of the two, and the end is taken once.
 */
final class PeerStream implements Wire.Listener {
  private enum State {
    /** Nobody has said who he is. */
    OPENING,
    /** Accepted, and the link decides whether it is wanted. */
    OFFERED,
    /** Wanted; the other side's hello is awaited. */
    GREETING,
    BOUND,
    ENDED
  }

  /** Ends a stream that is one too many; not a failure. */
  static final Status NOT_NEEDED =
      Status.ALREADY_EXISTS.withDescription("there is a connection between the two already");

  private final PeerTransport transport;
  private final HostPort address;
  private final String remote;
  final long startedNanos;
  private final AtomicReference<State> state = new AtomicReference<>(State.OPENING);
  private volatile Wire wire;
  private volatile ByteString peerId;

  private PeerStream(PeerTransport transport, HostPort address, String remote, long nowNanos) {
    this.transport = transport;
    this.address = address;
    this.remote = remote;
    this.startedNanos = nowNanos;
  }

  /** To an address of the directory. */
  static PeerStream dialled(PeerTransport transport, HostPort address, long nowNanos) {
    return new PeerStream(transport, address, address.toString(), nowNanos);
  }

  /** From somewhere. */
  static PeerStream accepted(PeerTransport transport, String remote, long nowNanos) {
    return new PeerStream(transport, null, remote, nowNanos);
  }

  /** Once, when frames can be sent; not called when {@link #onClosed} was first. */
  void start(Wire newWire) {
    wire = newWire;
    if (state.get() == State.ENDED) {
      newWire.close(Status.CANCELLED);
      return;
    }
    if (!isDialled()) {
      sendOpen();
    }
    newWire.request();
  }

  boolean isDialled() {
    return address != null;
  }

  /** What was dialled; null when accepted. */
  HostPort address() {
    return address;
  }

  /** Null until the other side has said it. */
  ByteString peerId() {
    return peerId;
  }

  boolean isBound() {
    return state.get() == State.BOUND;
  }

  @Override
  public String toString() {
    return (isDialled() ? "to " : "from ") + remote;
  }

  // From the wire.

  @Override
  public void onFrame(PeerFrame frame) {
    switch (state.get()) {
      case OPENING -> onOpen(frame);
      case OFFERED -> malformed("a frame before it was answered");
      case GREETING -> onHello(frame);
      case BOUND -> onTraffic(frame);
      case ENDED -> {}
    }
  }

  private void onOpen(PeerFrame frame) {
    if (!frame.hasOpen() || !PeerIds.isWellFormed(frame.getOpen().getPeerId())) {
      malformed("it does not begin with a peer id of 32 bytes");
      return;
    }
    peerId = frame.getOpen().getPeerId();
    if (isDialled()) {
      if (transport.isWanted(this) && state.compareAndSet(State.OPENING, State.GREETING)) {
        sendOpen();
        wire.request();
      } else {
        end(NOT_NEEDED);
      }
    } else if (state.compareAndSet(State.OPENING, State.OFFERED)) {
      transport.offer(this);
    }
  }

  private void onHello(PeerFrame frame) {
    if (!frame.hasHello()
        || !frame.getHello().getPeerId().equals(peerId)
        || frame.getHello().getEpoch() == 0) {
      malformed("its hello is malformed or names another peer than before");
      return;
    }
    transport.linkOf(this).onHello(this, frame.getHello());
  }

  private void onTraffic(PeerFrame frame) {
    Link link = transport.linkOf(this);
    switch (frame.getFrameCase()) {
      case DATA -> link.onData(this, frame.getData());
      case ACK -> link.onAck(this, frame.getAck().getSequence());
      case PROBE -> link.onProbe(this);
      case HELLO, OPEN -> malformed("a second hello");
      case FRAME_NOT_SET -> malformed("an empty frame");
    }
  }

  @Override
  public void onReady() {
    if (isBound()) {
      transport.linkOf(this).onReady();
    }
  }

  @Override
  public void onClosed(Status why) {
    ended(why);
  }

  // From the link.

  /** An accepted stream is wanted. */
  void greet(PeerHello hello) {
    if (state.compareAndSet(State.OFFERED, State.GREETING)) {
      sendHello(hello);
      wire.request();
    }
  }

  void sendHello(PeerHello hello) {
    wire.send(PeerFrame.newBuilder().setHello(hello).build());
  }

  /** False when it has ended meanwhile. */
  boolean bind() {
    return state.compareAndSet(State.GREETING, State.BOUND);
  }

  void send(PeerFrame frame) {
    wire.send(frame);
  }

  void sendAck(long received) {
    wire.send(PeerFrame.newBuilder().setAck(PeerAck.newBuilder().setSequence(received)).build());
  }

  void sendProbe() {
    wire.send(PeerFrame.newBuilder().setProbe(PeerProbe.getDefaultInstance()).build());
  }

  boolean isReady() {
    return wire.isReady();
  }

  void request() {
    wire.request();
  }

  private void sendOpen() {
    wire.send(
        PeerFrame.newBuilder().setOpen(PeerOpen.newBuilder().setPeerId(transport.ownId())).build());
  }

  /** Ends it for what the other side sent. */
  void malformed(String what) {
    transport.logMalformed(this, what);
    end(Status.INVALID_ARGUMENT.withDescription(what));
  }

  /** Ends it from this side. Idempotent. */
  void end(Status why) {
    Wire open = wire;
    if (ended(why) && open != null) {
      open.close(why);
    }
  }

  private boolean ended(Status why) {
    State before = state.getAndSet(State.ENDED);
    if (before == State.ENDED) {
      return false;
    }
    transport.onEnded(this, before == State.BOUND, why);
    return true;
  }
}
