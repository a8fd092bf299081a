// SPDX-License-Identifier: Apache-2.0
//
// All links of one enclave. A host whose enclave is replaced has a new one: nothing of the old
// enclave's epochs and buffers means anything to the new.
package dev.svr2.host.peer;

import com.google.protobuf.ByteString;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.config.HostPort;
import dev.svr2.host.enclave.PeerSink;
import dev.svr2.host.log.Throttle;
import dev.svr2.host.metrics.PeerMetrics;
import dev.svr2.proto.GetPeersResult;
import io.grpc.Status;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe; no method blocks. */
final class PeerTransport implements PeerSink, AutoCloseable {
  /** Dials. Calls {@link PeerStream#start} or {@link PeerStream#onClosed}. */
  @FunctionalInterface
  interface Connector {
    void connect(HostPort address, PeerStream stream);
  }

  /** What surrounds it. */
  record Surroundings(
      PeerDirectory directory,
      Connector connector,
      Executor executor,
      LongSupplier nanoTime,
      PeerMetrics metrics) {}

  /** A stream that has not said hello by then is ended. */
  static final Duration HANDSHAKE = Duration.ofSeconds(5);

  /** An enclave knows 64 peers at most; room for those that nobody asked for. */
  private static final int MAX_LINKS = 256;

  private static final int MAX_STREAMS = 512;

  /** Peers named in one order to join at most (boundary.proto). */
  private static final int MAX_SOURCES = 32;

  private static final Logger LOG = LoggerFactory.getLogger(PeerPlane.class);

  private final ByteString ownId;
  private final Function<ByteString, Inbound> inbound;
  private final Surroundings surroundings;
  private final LinkSurroundings shared;
  private final Dialer dialer;
  private final Throttle malformedLines;
  private final Map<ByteString, Link> links = new ConcurrentHashMap<>();
  private final Set<PeerStream> streams = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  /**
   * @param inbound a peer's way into the enclave
   */
  PeerTransport(
      ByteString ownId,
      HostConfig.Peer config,
      Function<ByteString, Inbound> inbound,
      Surroundings surroundings) {
    this.ownId = ownId;
    this.inbound = inbound;
    this.surroundings = surroundings;
    SecureRandom random = new SecureRandom();
    this.shared =
        new LinkSurroundings(
            ownId,
            config.outboundMaxItems(),
            config.outboundMaxBytes(),
            config.inboundMaxItems(),
            config.abandon(),
            config.routeTimeout(),
            surroundings.executor(),
            surroundings.nanoTime(),
            random::nextLong,
            surroundings.metrics());
    this.dialer =
        new Dialer(
            surroundings.directory(),
            config.reconnectMin(),
            config.reconnectMax(),
            random::nextDouble);
    this.malformedLines = new Throttle(Throttle.INTERVAL, surroundings.nanoTime());
  }

  ByteString ownId() {
    return ownId;
  }

  private long now() {
    return surroundings.nanoTime().getAsLong();
  }

  // From the enclave.

  @Override
  public void onPeerOutput(ByteString peerId, ByteString data) {
    if (!PeerIds.isWellFormed(peerId) || peerId.equals(ownId)) {
      LOG.error("the enclave sends to a peer id that is none");
      return;
    }
    while (!closed && !link(peerId).send(data)) {
      links.remove(peerId); // Retired in this very moment.
    }
  }

  @Override
  public void onRouteWanted(ByteString peerId, Consumer<Boolean> answer) {
    if (closed || !PeerIds.isWellFormed(peerId) || peerId.equals(ownId)) {
      answer.accept(false);
      return;
    }
    while (!link(peerId).route(answer)) {
      if (closed) {
        answer.accept(false);
        return;
      }
      links.remove(peerId);
    }
    dialer.hurry(peerId, now());
    surroundings.executor().execute(this::dial);
  }

  private Link link(ByteString peerId) {
    return links.computeIfAbsent(peerId, id -> new Link(id, inbound.apply(id), shared));
  }

  // From other hosts.

  /**
   * A stream from another host.
   *
   * @return null when it is one too many; the caller ends it
   */
  PeerStream accept(String remote) {
    if (closed || streams.size() >= MAX_STREAMS) {
      surroundings.metrics().refused.increment();
      return null;
    }
    PeerStream stream = PeerStream.accepted(this, remote, now());
    streams.add(stream);
    return stream;
  }

  /** The address that was dialled has said who is there. Whether the stream should go on. */
  boolean isWanted(PeerStream stream) {
    ByteString peerId = stream.peerId();
    dialer
        .learned(stream.address(), peerId)
        .filter(before -> !before.equals(ownId))
        .map(links::get)
        .ifPresent(Link::abandonIfAlone);
    if (peerId.equals(ownId)) {
      return false;
    }
    while (!closed) {
      switch (link(peerId).wants(stream)) {
        case WANTED -> {
          return true;
        }
        case NOT_NEEDED -> {
          return false;
        }
        case RETIRED -> links.remove(peerId);
      }
    }
    return false;
  }

  /** Another host has said who it is. */
  void offer(PeerStream stream) {
    ByteString peerId = stream.peerId();
    if (peerId.equals(ownId)) {
      stream.end(Status.FAILED_PRECONDITION.withDescription("this is the enclave's own host"));
      return;
    }
    if (!links.containsKey(peerId) && links.size() >= MAX_LINKS && !makeRoom()) {
      surroundings.metrics().refused.increment();
      stream.end(Status.RESOURCE_EXHAUSTED.withDescription("too many peers"));
      return;
    }
    while (!closed && !link(peerId).offer(stream)) {
      links.remove(peerId);
    }
  }

  private boolean makeRoom() {
    links.values().removeIf(link -> link.retireIfForgotten(true));
    return links.size() < MAX_LINKS;
  }

  Link linkOf(PeerStream stream) {
    // A link with a stream is never retired, so it is there while the stream is not ended; for one
    // that has ended in this very moment any link will do.
    return link(stream.peerId());
  }

  void onEnded(PeerStream stream, boolean wasBound, Status why) {
    streams.remove(stream);
    Link link = stream.peerId() == null ? null : links.get(stream.peerId());
    if (link != null) {
      link.onEnded(stream);
    }
    boolean notNeeded = why.getCode() == Status.Code.ALREADY_EXISTS;
    if (wasBound) {
      LOG.info("disconnected {}: peer {}: {}", stream, PeerIds.brief(stream.peerId()), reason(why));
    } else if (!notNeeded) {
      LOG.debug("no connection {}: {}", stream, reason(why));
    }
    if (stream.isDialled()) {
      boolean self = ownId.equals(stream.peerId());
      Dialer.End end =
          wasBound
              ? Dialer.End.LOST
              : notNeeded || self ? Dialer.End.NOT_NEEDED : Dialer.End.FAILED;
      if (end == Dialer.End.FAILED) {
        surroundings.metrics().dialsFailed.increment();
      }
      dialer.ended(stream.address(), end, self, now());
    }
  }

  private static String reason(Status why) {
    String text = why.getDescription() == null ? why.getCode().name() : why.getDescription();
    return why.getCause() == null ? text : text + " (" + why.getCause().getMessage() + ")";
  }

  void logMalformed(PeerStream stream, String what) {
    surroundings.metrics().malformed.increment();
    long lines = malformedLines.note();
    if (lines > 0) {
      LOG.warn(
          "the connection {} is ended: {}; {} such since the last line like this",
          stream,
          what,
          lines);
    }
  }

  // From the timer.

  /** Called every few dozen milliseconds, by one thread at a time. */
  void tick() {
    if (closed) {
      return;
    }
    long now = now();
    for (PeerStream stream : streams) {
      if (!stream.isBound() && now - stream.startedNanos >= HANDSHAKE.toNanos()) {
        stream.end(Status.DEADLINE_EXCEEDED.withDescription("it did not greet in time"));
      }
    }
    links.values().forEach(Link::tick);
    links.values().removeIf(link -> link.retireIfForgotten(false));
    measure();
    dial();
  }

  private void dial() {
    if (closed) {
      return;
    }
    for (HostPort address : dialer.due(now(), this::isBound)) {
      PeerStream stream = PeerStream.dialled(this, address, now());
      streams.add(stream);
      surroundings.connector().connect(address, stream);
    }
  }

  private boolean isBound(ByteString peerId) {
    Link link = links.get(peerId);
    return link != null && link.isBound();
  }

  private void measure() {
    long bound = 0;
    long items = 0;
    long bytes = 0;
    for (Link link : links.values()) {
      bound += link.isBound() ? 1 : 0;
      items += link.unacknowledgedItems();
      bytes += link.unacknowledgedBytes();
    }
    surroundings.metrics().streams.set(bound);
    surroundings.metrics().unacknowledgedItems.set(items);
    surroundings.metrics().unacknowledgedBytes.set(bytes);
  }

  // For operators.

  /** Enclaves of other hosts that could be joined, those with a connection first. */
  List<ByteString> sources() {
    Set<ByteString> found = new HashSet<>();
    List<ByteString> sources = new ArrayList<>();
    links.values().stream().filter(Link::isBound).map(Link::peerId).forEach(sources::add);
    found.addAll(sources);
    for (Dialer.Known known : dialer.known()) {
      if (known.peerId() != null && !known.peerId().equals(ownId) && found.add(known.peerId())) {
        sources.add(known.peerId());
      }
    }
    return List.copyOf(sources.subList(0, Math.min(MAX_SOURCES, sources.size())));
  }

  /** Every address, then peers that are known without one. */
  GetPeersResult describe() {
    GetPeersResult.Builder result = GetPeersResult.newBuilder();
    Set<ByteString> described = new HashSet<>();
    for (Dialer.Known known : dialer.known()) {
      if (!ownId.equals(known.peerId())) {
        result.addPeers(describe(known.peerId()).setAddress(known.address().toString()));
        described.add(known.peerId());
      }
    }
    links.keySet().stream()
        .filter(peerId -> !described.contains(peerId))
        .sorted(ByteString.unsignedLexicographicalComparator())
        .forEach(peerId -> result.addPeers(describe(peerId)));
    return result.build();
  }

  private GetPeersResult.Peer.Builder describe(ByteString peerId) {
    GetPeersResult.Peer.Builder peer = GetPeersResult.Peer.newBuilder();
    if (peerId == null) {
      return peer;
    }
    peer.setPeerId(peerId);
    Link link = links.get(peerId);
    if (link != null) {
      peer.setConnected(link.isBound())
          .setUnacknowledgedBytes(link.unacknowledgedBytes())
          .setResets(link.resets());
    }
    return peer;
  }

  /** Ends all streams. The other hosts keep what they have for this enclave, until they give up. */
  @Override
  public void close() {
    closed = true;
    streams.forEach(
        stream -> stream.end(Status.UNAVAILABLE.withDescription("the enclave has ended")));
    links.values().forEach(Link::close);
  }
}
