// SPDX-License-Identifier: Apache-2.0
//
// The transport's promises over real gRPC, and what only real connections can show.
package dev.svr2.host.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.host.config.HostPort;
import java.util.List;
import org.junit.jupiter.api.Test;

class LoopbackTransportTest extends TransportConformance {
  @Override
  Net newNet() {
    return new LoopbackNet();
  }

  @Test
  void fiveHostsThatAllDialEachOtherSettleOnOneConnectionAPair() {
    HostPort[] addresses = new HostPort[5];
    for (int i = 0; i < 5; i++) {
      addresses[i] = net.newAddress();
    }
    TestPeer[] peers = new TestPeer[5];
    for (int i = 0; i < 5; i++) {
      peers[i] = peer(10 + i, addresses[i], 1_000, addresses);
    }
    List<String> texts = numbers(0, 200);
    for (TestPeer from : peers) {
      for (TestPeer to : peers) {
        if (from != to) {
          sendAll(from, to, texts);
        }
      }
    }
    for (TestPeer from : peers) {
      for (TestPeer to : peers) {
        if (from != to) {
          net.await("all there", () -> to.inbox(from).size() >= 200);
          assertEquals(texts, to.inbox(from));
        }
      }
    }
    for (TestPeer peer : peers) {
      assertEquals(4, peer.connects());
    }
  }

  @Test
  void throughputIsNoConcernOfConsensus() {
    net.await("connected", this::bothConnected);
    int count = 100_000;
    long start = System.nanoTime();
    for (int i = 0; i < count; i++) {
      a.send(b, "message");
    }
    net.await("all there", () -> b.inbox(a).size() == count);
    double seconds = (System.nanoTime() - start) / 1e9;
    assertTrue(seconds < 20, () -> count + " messages took " + seconds + " s");
  }
}
