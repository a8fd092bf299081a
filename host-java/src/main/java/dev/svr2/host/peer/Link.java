// SPDX-License-Identifier: Apache-2.0
//
// All that joins this host's enclave to one other: what was sent and is not acknowledged, what was
// received, and the one connection that carries both at present. It outlives its connections.
package dev.svr2.host.peer;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import com.google.protobuf.ByteString;
import dev.svr2.host.enclave.Completion;
import dev.svr2.proto.Error;
import dev.svr2.proto.PeerData;
import dev.svr2.proto.PeerFrame;
import dev.svr2.proto.PeerHello;
import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Either every message reaches the other enclave, once and in order, or this enclave is told by a
 * reset of the peer, and the other by the new epoch that its host then sees.
 *
 * <p>Which connection: the first that stands keeps its place while it lives, so that nobody can
 * push it aside and nothing flaps. When both hosts dial at the same moment, the dial of the lower
 * id goes on.
 *
 * <p>Thread-safe; no method blocks. A link that {@link #retireIfForgotten} has retired takes
 * nothing more.
 */
final class Link {
  /** The longest message of an enclave is 4 MiB and its encryption (peers/link.h). */
  static final int MAX_PAYLOAD_BYTES = 6 << 20;

  /** A connection that another wants to replace must give a sign of life within this. */
  static final Duration PROBE = Duration.ofSeconds(1);

  /** A connection on which something came this recently is taken as alive. */
  private static final Duration FRESH = Duration.ofMillis(500);

  /** A peer without a connection is forgotten after this. */
  static final Duration FORGET = Duration.ofMinutes(10);

  // Received and not said to be so: an acknowledgement goes out alone after either, or at a tick.
  private static final int ACK_ITEMS = 64;
  private static final long ACK_BYTES = 256 << 10;

  private static final Logger LOG = LoggerFactory.getLogger(PeerPlane.class);

  private final ByteString peerId;
  private final Inbound inbound;
  private final LinkSurroundings shared;

  @GuardedBy("this")
  private final SendBuffer buffer;

  @GuardedBy("this")
  private final Inflow inflow;

  @GuardedBy("this")
  private final RouteQuestions routes = new RouteQuestions();

  // Written under the lock.
  private volatile PeerStream bound;

  /** Wanted, and greetings are on their way. */
  @GuardedBy("this")
  private PeerStream pending;

  /** Would take the place of the bound one, should that be dead. */
  @GuardedBy("this")
  private PeerStream challenger;

  @GuardedBy("this")
  private long challengeEndsNanos;

  @GuardedBy("this")
  private long lastHeardNanos;

  /** Since when there is no connection, or since when something waits for one. */
  @GuardedBy("this")
  private long aloneSinceNanos;

  /** Why the last reset was, when there was no connection and has been none since. */
  @GuardedBy("this")
  private String saidAlone = "";

  @GuardedBy("this")
  private long acknowledgedToPeer;

  @GuardedBy("this")
  private long unacknowledgedBytes;

  /** The bound stream was not asked for its next frame, for want of room. */
  @GuardedBy("this")
  private boolean holdingBack;

  @GuardedBy("this")
  private boolean draining;

  @GuardedBy("this")
  private boolean retired;

  private final AtomicLong resets = new AtomicLong();

  Link(ByteString peerId, Inbound inbound, LinkSurroundings shared) {
    this.peerId = peerId;
    this.inbound = inbound;
    this.shared = shared;
    this.buffer =
        new SendBuffer(shared.outboundMaxItems(), shared.outboundMaxBytes(), shared.epochs());
    this.inflow = new Inflow(shared.inboundMaxItems());
    this.aloneSinceNanos = now();
  }

  private long now() {
    return shared.nanoTime().getAsLong();
  }

  ByteString peerId() {
    return peerId;
  }

  boolean isBound() {
    return bound != null;
  }

  long resets() {
    return resets.get();
  }

  synchronized long unacknowledgedBytes() {
    return buffer.bytes();
  }

  synchronized int unacknowledgedItems() {
    return buffer.items();
  }

  // From the enclave, inside its output callback.

  /** False when retired. */
  synchronized boolean send(ByteString payload) {
    if (retired) {
      return false;
    }
    if (payload.size() > MAX_PAYLOAD_BYTES) {
      reset("too-large"); // No enclave makes such a message.
      return true;
    }
    if (buffer.items() == 0 && bound == null) {
      aloneSinceNanos = now();
    }
    if (!buffer.add(payload)) {
      reset("overflow");
      return true;
    }
    scheduleDrain();
    return true;
  }

  /** False when retired. */
  boolean route(Consumer<Boolean> answer) {
    Boolean known = null;
    synchronized (this) {
      if (retired) {
        return false;
      }
      PeerStream stream = bound;
      if (stream != null && now() - lastHeardNanos < FRESH.toNanos()) {
        known = true;
      } else if (!routes.add(answer, now() + shared.routeTimeout().toNanos())) {
        known = false;
      } else if (stream != null) {
        stream.sendProbe();
      }
    }
    if (known != null) {
      answer.accept(known);
    }
    return true;
  }

  // Which connection.

  /** What becomes of a stream that this host dialled. */
  enum Verdict {
    WANTED,
    NOT_NEEDED,
    RETIRED
  }

  /** Whether a stream that this host dialled should go on. */
  synchronized Verdict wants(PeerStream stream) {
    if (retired) {
      return Verdict.RETIRED;
    }
    if (bound != null || pending != null) {
      return Verdict.NOT_NEEDED;
    }
    pending = stream;
    return Verdict.WANTED;
  }

  /** A stream that the other host dialled; false when retired. */
  synchronized boolean offer(PeerStream stream) {
    if (retired) {
      return false;
    }
    if (bound != null) {
      challenge(stream);
    } else if (pending == null) {
      accept(stream);
    } else if (pending.isDialled() && PeerIds.isLower(shared.ownId(), peerId)) {
      stream.end(PeerStream.NOT_NEEDED); // Both dialled at once; ours goes on.
    } else {
      PeerStream before = pending;
      accept(stream);
      before.end(PeerStream.NOT_NEEDED);
    }
    return true;
  }

  @GuardedBy("this")
  private void accept(PeerStream stream) {
    pending = stream;
    stream.greet(hello());
  }

  /** The bound stream may be dead without our knowing. Then the other side's new one is right. */
  @GuardedBy("this")
  private void challenge(PeerStream stream) {
    if (challenger != null) {
      stream.end(PeerStream.NOT_NEEDED);
      return;
    }
    challenger = stream;
    challengeEndsNanos = now() + PROBE.toNanos();
    bound.sendProbe();
  }

  @GuardedBy("this")
  private PeerHello hello() {
    return PeerHello.newBuilder()
        .setPeerId(shared.ownId())
        .setEpoch(buffer.epoch())
        .setReceived(inflow.received())
        .setReceivedEpoch(inflow.epoch())
        .build();
  }

  /** The other side's state: what it has and what it will send. */
  void onHello(PeerStream stream, PeerHello hello) {
    RouteQuestions.Answer answered;
    synchronized (this) {
      if (stream != pending) {
        stream.end(PeerStream.NOT_NEEDED);
        return;
      }
      pending = null;
      if (stream.isDialled()) {
        stream.sendHello(hello());
      }
      if (!inflow.begin(hello.getEpoch())) {
        tellEnclave("peer-lost-messages");
      }
      acknowledgedToPeer = 0;
      switch (buffer.resume(hello.getReceived(), hello.getReceivedEpoch())) {
        case IMPOSSIBLE -> {
          stream.malformed("it acknowledges what was never sent");
          return;
        }
        case FORGOTTEN -> {
          buffer.restart();
          tellEnclave("peer-forgot");
          stream.end(Status.ABORTED.withDescription("a new epoch begins"));
          return;
        }
        case RESUMED -> shared.metrics().repeated.increment(buffer.itemsToRepeat());
      }
      if (!stream.bind()) {
        return;
      }
      bound = stream;
      saidAlone = "";
      lastHeardNanos = now();
      shared.metrics().connected.increment();
      LOG.info("connected {}: peer {}", stream, PeerIds.brief(peerId));
      answered = routes.takeAll();
      holdingBack = !inflow.hasRoom();
      if (!holdingBack) {
        stream.request();
      }
      scheduleDrain();
    }
    answered.give(true);
  }

  /** A stream of this link has ended, for whatever reason. */
  synchronized void onEnded(PeerStream stream) {
    if (stream == challenger) {
      challenger = null;
    }
    if (stream == pending) {
      pending = null;
    }
    if (stream == bound) {
      bound = null;
      aloneSinceNanos = now();
      acceptChallenger();
    }
  }

  @GuardedBy("this")
  private void acceptChallenger() {
    PeerStream next = challenger;
    challenger = null;
    if (next != null) {
      accept(next);
    }
  }

  // From the bound stream.

  void onData(PeerStream stream, PeerData data) {
    if (!heard(stream)) {
      return;
    }
    synchronized (this) {
      int size = data.getPayload().size();
      if (size == 0 || size > MAX_PAYLOAD_BYTES) {
        stream.malformed("a message of " + size + " bytes");
      } else if (!buffer.acknowledge(data.getReceived())) {
        stream.malformed("it acknowledges what was never sent");
      } else {
        switch (inflow.arrive(data.getSequence(), size)) {
          case GAP -> stream.malformed("a gap in its sequence numbers");
          case REPEATED -> stream.request();
          case NEXT -> take(stream, data.getPayload());
        }
      }
    }
  }

  @GuardedBy("this")
  private void take(PeerStream stream, ByteString payload) {
    int size = payload.size();
    shared.metrics().received.increment();
    if (!inbound.deliver(payload, new Arrived(size))) {
      inflow.leave(size); // There is no enclave any more, and soon no stream.
    }
    unacknowledgedBytes += size;
    if (unacknowledgedBytes >= ACK_BYTES || inflow.received() - acknowledgedToPeer >= ACK_ITEMS) {
      scheduleDrain();
    }
    if (inflow.hasRoom()) {
      stream.request();
    } else {
      holdingBack = true;
    }
  }

  void onAck(PeerStream stream, long sequence) {
    if (!heard(stream)) {
      return;
    }
    synchronized (this) {
      if (buffer.acknowledge(sequence)) {
        stream.request();
      } else {
        stream.malformed("it acknowledges what was never sent");
      }
    }
  }

  void onProbe(PeerStream stream) {
    if (!heard(stream)) {
      return;
    }
    long received;
    synchronized (this) {
      received = inflow.received();
    }
    stream.sendAck(received);
    stream.request();
  }

  /** Any frame is a sign of life. False when the stream is the bound one no more. */
  private boolean heard(PeerStream stream) {
    RouteQuestions.Answer answered;
    PeerStream refused;
    synchronized (this) {
      if (stream != bound) {
        return false;
      }
      lastHeardNanos = now();
      answered = routes.takeAll();
      refused = challenger;
      challenger = null;
    }
    answered.give(true);
    if (refused != null) {
      LOG.info("a second connection {} as peer {} is refused", refused, PeerIds.brief(peerId));
      refused.end(PeerStream.NOT_NEEDED);
    }
    return true;
  }

  void onReady() {
    synchronized (this) {
      scheduleDrain();
    }
  }

  /** Told when a message is in the enclave. */
  private final class Arrived implements Completion {
    private final int size;

    Arrived(int size) {
      this.size = size;
    }

    @Override
    public void handedIn() {
      synchronized (Link.this) {
        inflow.leave(size);
        if (holdingBack && bound != null && inflow.hasRoom()) {
          holdingBack = false;
          bound.request();
        }
      }
    }

    @Override
    public void failed(Error error, boolean maybeApplied) {
      handedIn();
      if (error != Error.ERROR_BRIDGE_CLOSED && error != Error.ERROR_CORE_STOPPED) {
        synchronized (Link.this) {
          tellEnclave("call-failed");
        }
      }
    }
  }

  // Outbound: one drain at a time, on the executor, so that an enclave thread only queues.

  @GuardedBy("this")
  private void scheduleDrain() {
    if (!draining && bound != null) {
      draining = true;
      shared.executor().execute(this::drain);
    }
  }

  private void drain() {
    while (true) {
      PeerStream stream;
      PeerFrame frame;
      synchronized (this) {
        stream = bound;
        frame = stream == null ? null : nextFrame(stream);
        if (frame == null) {
          draining = false;
          return;
        }
      }
      // Outside of the lock: serializing a large message must not hold up the enclave.
      stream.send(frame);
    }
  }

  /** Null when there is nothing to send or the stream takes nothing now. */
  @GuardedBy("this")
  private PeerFrame nextFrame(PeerStream stream) {
    if (!stream.isReady()) {
      return null; // Its onReady comes.
    }
    SendBuffer.Numbered next = buffer.next();
    long received = inflow.received();
    boolean acknowledges = received != acknowledgedToPeer;
    if (next == null && !acknowledges) {
      return null;
    }
    acknowledgedToPeer = received;
    unacknowledgedBytes = 0;
    PeerFrame.Builder frame = PeerFrame.newBuilder();
    if (next == null) {
      frame.getAckBuilder().setSequence(received);
    } else {
      shared.metrics().sent.increment();
      frame
          .getDataBuilder()
          .setSequence(next.sequence())
          .setPayload(next.payload())
          .setReceived(received);
    }
    return frame.build();
  }

  // Resets.

  /** Drops what waits; both enclaves learn of it: ours here, the other by the new epoch. */
  @GuardedBy("this")
  private void reset(String reason) {
    buffer.restart();
    tellEnclave(reason);
    PeerStream stream = bound;
    if (stream != null) {
      stream.end(Status.ABORTED.withDescription("a new epoch begins"));
    }
    // What greets now has named the old epoch.
    PeerStream greeting = pending;
    if (greeting != null) {
      greeting.end(Status.ABORTED.withDescription("a new epoch begins"));
    }
  }

  @GuardedBy("this")
  private void tellEnclave(String reason) {
    resets.incrementAndGet();
    shared.metrics().reset(reason);
    // One that is gone is tried for as long as it is a member: one line is enough.
    Level level = reason.equals(saidAlone) ? Level.DEBUG : Level.WARN;
    LOG.atLevel(level).log("peer {} is reset: {}", PeerIds.brief(peerId), reason);
    saidAlone = bound == null ? reason : "";
    inbound.reset();
  }

  /** The directory says that another enclave runs where this peer was: it is gone. */
  synchronized void abandonIfAlone() {
    if (bound == null && pending == null && buffer.items() > 0) {
      reset("replaced");
    }
  }

  // From the timer.

  /** Ends what took too long, and says what was received when nothing else does. */
  void tick() {
    RouteQuestions.Answer late;
    synchronized (this) {
      long now = now();
      late = routes.takeLate(now);
      if (challenger != null && challengeEndsNanos - now <= 0) {
        LOG.info("the connection {} with peer {} is dead", bound, PeerIds.brief(peerId));
        bound.end(Status.UNAVAILABLE.withDescription("no sign of life"));
      }
      if (bound == null
          && buffer.items() > 0
          && now - aloneSinceNanos >= shared.abandon().toNanos()) {
        reset("unreachable");
        aloneSinceNanos = now;
      }
      if (inflow.received() != acknowledgedToPeer) {
        scheduleDrain();
      }
    }
    late.give(false);
  }

  /**
   * Retires a link that nobody needs: one that never carried anything, or one whose peer is long
   * gone, which the enclave is then told.
   *
   * @param makeRoom also when it is not long gone
   */
  synchronized boolean retireIfForgotten(boolean makeRoom) {
    if (bound != null || pending != null || !routes.isEmpty() || buffer.items() > 0) {
      return false;
    }
    boolean used = !buffer.isUnused() || inflow.epoch() != 0;
    if (used && !makeRoom && now() - aloneSinceNanos < FORGET.toNanos()) {
      return false;
    }
    retired = true;
    if (used) {
      tellEnclave("forgotten");
    }
    return true;
  }

  /** The end of the enclave: nothing is kept. */
  void close() {
    RouteQuestions.Answer open;
    synchronized (this) {
      retired = true;
      open = routes.takeAll();
    }
    open.give(false);
  }
}
