// SPDX-License-Identifier: Apache-2.0
//
// What the peer transport promises (design.md §5), whatever carries it: order, no loss and no
// repetition, or a reset on both sides; one connection between two hosts; nobody waits for the
// slow.
package dev.svr2.host.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.svr2.host.config.HostPort;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

abstract class TransportConformance {
  private static final int MANY = 1_000_000;

  Net net;
  HostPort addressA;
  HostPort addressB;
  TestPeer a;
  TestPeer b;

  abstract Net newNet();

  @BeforeEach
  void connectTwo() {
    net = newNet();
    addressA = net.newAddress();
    addressB = net.newAddress();
    a = peer(1, addressA, MANY, addressA, addressB);
    b = peer(2, addressB, MANY, addressA, addressB);
  }

  @AfterEach
  void close() {
    net.close();
  }

  /** A host that listens. */
  TestPeer peer(int id, HostPort address, int maxItems, HostPort... addresses) {
    TestPeer peer = new TestPeer(net, TestPeer.id(id), TestPeer.config(maxItems, addresses));
    net.listen(address, peer.transport);
    return peer;
  }

  static List<String> numbers(int from, int to) {
    return IntStream.range(from, to).mapToObj(Integer::toString).toList();
  }

  static void sendAll(TestPeer from, TestPeer to, List<String> texts) {
    texts.forEach(text -> from.send(to, text));
  }

  boolean bothConnected() {
    return a.isConnected(b) && b.isConnected(a);
  }

  @Test
  void bothWaysInOrderOverOneConnection() {
    sendAll(a, b, numbers(0, 500));
    sendAll(b, a, numbers(0, 500));
    net.await("all there", () -> a.inbox(b).size() == 500 && b.inbox(a).size() == 500);
    assertEquals(numbers(0, 500), a.inbox(b));
    assertEquals(numbers(0, 500), b.inbox(a));
    net.pass(Duration.ofMillis(500));
    assertEquals(1, a.connects());
    assertEquals(1, b.connects());
  }

  @Test
  void whatWasSentBeforeThereWasAConnectionArrives() {
    HostPort addressC = net.newAddress();
    TestPeer c = new TestPeer(net, TestPeer.id(3), TestPeer.config(MANY));
    a.send(c, "early");
    net.listen(addressC, c.transport);
    TestPeer d = peer(4, net.newAddress(), MANY, addressC);
    d.send(c, "from d");
    net.await("d reaches c", () -> c.inbox(d).size() == 1);
    assertEquals(List.of(), c.inbox(a), "a does not know the address");
  }

  @Test
  void oneSideMayNotKnowTheAddressOfTheOther() {
    TestPeer c = peer(3, net.newAddress(), MANY, addressA);
    net.await("c reaches a", () -> a.isConnected(c));
    sendAll(a, c, numbers(0, 10));
    net.await("a answers", () -> c.inbox(a).equals(numbers(0, 10)));
  }

  @Test
  void cutsLoseAndRepeatNothing() {
    List<String> sent = new ArrayList<>();
    for (int round = 0; round < 20; round++) {
      List<String> more = numbers(round * 50, round * 50 + 50);
      sendAll(a, b, more);
      sendAll(b, a, more);
      sent.addAll(more);
      int expected = sent.size() - 25;
      net.await("half of the round", () -> b.inbox(a).size() >= expected);
      net.cutAll();
    }
    net.await("all there", () -> a.inbox(b).size() >= 1_000 && b.inbox(a).size() >= 1_000);
    assertEquals(sent, b.inbox(a));
    assertEquals(sent, a.inbox(b));
  }

  @Test
  void aBufferThatOverflowsIsDroppedAndBothEnclavesKnow() {
    TestPeer c = peer(3, net.newAddress(), 64, addressB);
    c.send(b, "first");
    net.await("connected", () -> b.inbox(c).contains("first"));
    b.stall(c);
    int sent = 0;
    while (c.resets(b) == 0) {
      c.send(b, "x" + sent);
      sent++;
      assertTrue(sent < 100_000);
    }
    assertEquals(List.of(TestPeer.RESET), c.inbox(b));
    b.goOn();
    c.send(b, "after");
    net.await("the new epoch", () -> b.inbox(c).contains("after"));
    List<String> inbox = b.inbox(c);
    assertEquals(1, b.resets(c));
    int reset = inbox.indexOf(TestPeer.RESET);
    assertEquals(List.of("after"), inbox.subList(reset + 1, inbox.size()));
    // Before it: a beginning of what was sent, without gaps.
    for (int i = 1; i < reset; i++) {
      assertEquals("x" + (i - 1), inbox.get(i));
    }
    assertEquals(1, c.resets(b));
  }

  @Test
  void aSlowPeerHoldsUpNobodyElse() {
    TestPeer c = peer(3, net.newAddress(), MANY, addressA, addressB);
    net.await("connected", () -> c.isConnected(a) && c.isConnected(b));
    b.stall(c);
    sendAll(c, b, numbers(0, 5_000));
    sendAll(c, a, numbers(0, 5_000));
    net.await("the fast one has all", () -> a.inbox(c).size() == 5_000);
    assertTrue(b.inbox(c).size() <= 17, () -> b.inbox(c).size() + " reached a stalled enclave");
    b.goOn();
    net.await("the slow one, too", () -> b.inbox(c).size() == 5_000);
    assertEquals(numbers(0, 5_000), b.inbox(c));
  }

  @Test
  void anUnreachablePeerIsGivenUpAndTheEnclaveToldOnce() {
    net.await("connected", this::bothConnected);
    net.silence(addressB);
    a.send(b, "into the void");
    net.await("given up", () -> a.resets(b) == 1);
    net.pass(Duration.ofMillis(500));
    assertEquals(List.of(TestPeer.RESET), a.inbox(b));
  }

  @Test
  void aRestartedHostIsAnotherPeer() {
    sendAll(a, b, List.of("old"));
    net.await("old", () -> b.inbox(a).size() == 1);
    net.silence(addressB);
    TestPeer next = peer(9, addressB, MANY, addressA, addressB);
    a.send(b, "for one that is gone");
    net.await("connected", () -> a.isConnected(next) && next.isConnected(a));
    sendAll(a, next, List.of("new"));
    net.await("new", () -> next.inbox(a).size() == 1);
    net.await("the old one is given up", () -> a.resets(b) == 1);
    assertEquals(List.of("new"), next.inbox(a));
    assertEquals(List.of(), a.inbox(next));
    assertFalse(a.isConnected(b));
    assertTrue(a.transport.sources().contains(next.id));
  }

  @Test
  void theOwnAddressIsRecognisedAndLeftAlone() {
    net.await("connected", this::bothConnected);
    net.pass(Duration.ofMillis(500));
    assertEquals(
        List.of(b.id),
        a.transport.describe().getPeersList().stream().map(p -> p.getPeerId()).toList());
    assertEquals(List.of(b.id), a.transport.sources());
    assertEquals(0, a.metrics.peers.malformed.count());
  }

  @Test
  void routesAreAnsweredTruthfully() {
    assertTrue(route(a, b.id));
    assertTrue(route(b, a.id));
    assertFalse(route(a, TestPeer.id(77)));
    assertFalse(route(a, a.id));
    assertFalse(route(a, ByteString.copyFromUtf8("short")));
    net.silence(addressB);
    net.await("lost", () -> !a.isConnected(b));
    assertFalse(route(a, b.id));
  }

  boolean route(TestPeer from, ByteString to) {
    CompletableFuture<Boolean> answer = new CompletableFuture<>();
    from.transport.onRouteWanted(to, answer::complete);
    net.await("an answer", answer::isDone);
    return answer.join();
  }

  @Test
  void largeMessagesPassAndTooLargeOnesAreAReset() {
    net.await("connected", this::bothConnected);
    String large = "l".repeat(5 << 20);
    a.send(b, large);
    a.send(b, "small");
    net.await("both there", () -> b.inbox(a).size() == 2);
    assertEquals(List.of(large, "small"), b.inbox(a));
    a.send(b, "l".repeat(Link.MAX_PAYLOAD_BYTES + 1));
    assertEquals(1, a.resets(b));
    net.await("b learns of it", () -> b.resets(a) == 1);
  }
}
