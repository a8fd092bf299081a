// SPDX-License-Identifier: Apache-2.0
//
// One host of a transport test: a real transport, and an enclave that only notes what reaches it.
package dev.svr2.host.peer;

import com.google.protobuf.ByteString;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.config.HostPort;
import dev.svr2.host.enclave.Completion;
import dev.svr2.host.metrics.HostMetrics;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;

/** Thread-safe. */
final class TestPeer {
  /** In what a peer's inbox shows: here the enclave was told of a possible loss. */
  static final String RESET = "RESET";

  final ByteString id;
  final PeerTransport transport;
  final HostMetrics metrics = new HostMetrics();
  private final Map<ByteString, List<String>> inboxes = new HashMap<>();
  private final Map<ByteString, Queue<Completion>> held = new ConcurrentHashMap<>();
  private volatile ByteString slowPeer = ByteString.EMPTY;

  TestPeer(Net net, ByteString id, HostConfig.Peer config) {
    this.id = id;
    this.transport =
        new PeerTransport(
            id,
            config,
            Box::new,
            new PeerTransport.Surroundings(
                new StaticDirectory(config.addresses()),
                net.connector(),
                net.executor(),
                net.nanoTime(),
                metrics.peers));
  }

  /** An id whose order is that of the number. */
  static ByteString id(int number) {
    byte[] bytes = new byte[PeerIds.BYTES];
    bytes[0] = (byte) number;
    bytes[PeerIds.BYTES - 1] = (byte) number;
    return ByteString.copyFrom(bytes);
  }

  static HostConfig.Peer config(int maxItems, HostPort... addresses) {
    return new HostConfig.Peer(
        Optional.empty(),
        HostConfig.Directory.ofList(),
        Optional.empty(),
        List.of(addresses),
        maxItems,
        64 << 20,
        16,
        Duration.ofMillis(20),
        Duration.ofMillis(200),
        Duration.ofSeconds(3),
        Duration.ofMillis(900));
  }

  void send(TestPeer to, String text) {
    transport.onPeerOutput(to.id, ByteString.copyFromUtf8(text));
  }

  /** What came from a peer, resets among it. */
  List<String> inbox(TestPeer from) {
    synchronized (inboxes) {
      return List.copyOf(inboxes.getOrDefault(from.id, List.of()));
    }
  }

  long resets(TestPeer of) {
    return inbox(of).stream().filter(RESET::equals).count();
  }

  boolean isConnected(TestPeer to) {
    return transport.describe().getPeersList().stream()
        .anyMatch(peer -> peer.getPeerId().equals(to.id) && peer.getConnected());
  }

  double connects() {
    return metrics.peers.connected.count();
  }

  /** The enclave does not come to this peer's messages from now on. */
  void stall(TestPeer peer) {
    slowPeer = peer.id;
  }

  /** It does again. */
  void goOn() {
    ByteString peer = slowPeer;
    slowPeer = ByteString.EMPTY;
    Queue<Completion> waiting = held.remove(peer);
    while (waiting != null && !waiting.isEmpty()) {
      waiting.remove().handedIn();
    }
  }

  private void note(ByteString peer, String what) {
    synchronized (inboxes) {
      inboxes.computeIfAbsent(peer, id -> new ArrayList<>()).add(what);
    }
  }

  private final class Box implements Inbound {
    private final ByteString peer;

    Box(ByteString peer) {
      this.peer = peer;
    }

    @Override
    public boolean deliver(ByteString message, Completion completion) {
      note(peer, message.toStringUtf8());
      if (peer.equals(slowPeer)) {
        held.computeIfAbsent(peer, id -> new ArrayDeque<>()).add(completion);
      } else {
        completion.handedIn();
      }
      return true;
    }

    @Override
    public void reset() {
      note(peer, RESET);
    }
  }
}
