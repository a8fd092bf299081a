// SPDX-License-Identifier: Apache-2.0
//
// The transport's promises in one thread with a fake clock, and what only that can show: cuts
// between
// any two events, connections that are dead without saying so, and other hosts that lie.
package dev.svr2.host.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.svr2.proto.PeerAck;
import dev.svr2.proto.PeerData;
import dev.svr2.proto.PeerFrame;
import dev.svr2.proto.PeerHello;
import dev.svr2.proto.PeerOpen;
import dev.svr2.proto.PeerProbe;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryTransportTest extends TransportConformance {
  private MemoryNet memory;

  @Override
  Net newNet() {
    memory = new MemoryNet();
    return memory;
  }

  @Test
  void aCutAtAnyPointLosesAndRepeatsNothing() {
    int points = 0;
    for (boolean cutHappened = true; cutHappened; points++) {
      close();
      connectTwo();
      sendAll(a, b, numbers(0, 20));
      sendAll(b, a, numbers(0, 20));
      memory.tick();
      int steps = 0;
      while (steps < points && memory.step()) {
        steps++;
      }
      cutHappened = steps == points;
      memory.cutAll();
      net.await("all there", () -> a.inbox(b).size() >= 20 && b.inbox(a).size() >= 20);
      String where = "cut after event " + points;
      assertEquals(numbers(0, 20), a.inbox(b), where);
      assertEquals(numbers(0, 20), b.inbox(a), where);
    }
    assertTrue(points > 100, () -> "only some events: a test that tests nothing");
  }

  @Test
  void manyCutsAtRandomPoints() {
    long seed = Long.getLong("svr2.seed", System.nanoTime());
    Random random = new Random(seed);
    int sent = 0;
    for (int round = 0; round < 300; round++) {
      sendAll(a, b, numbers(sent, sent + 10));
      sendAll(b, a, numbers(sent, sent + 10));
      sent += 10;
      for (int steps = random.nextInt(120); steps > 0; steps--) {
        if (!memory.step()) {
          memory.tick();
        }
      }
      memory.cutAll();
    }
    int all = sent;
    net.await("all there", () -> a.inbox(b).size() >= all && b.inbox(a).size() >= all);
    assertEquals(numbers(0, all), a.inbox(b), "-Dsvr2.seed=" + seed);
    assertEquals(numbers(0, all), b.inbox(a), "-Dsvr2.seed=" + seed);
  }

  @Test
  void whenBothDialAtOnceTheDialOfTheLowerIdGoesOn() {
    memory.tick();
    memory.run();
    assertTrue(bothConnected());
    assertEquals(1, a.connects());
    int opened = memory.opened;
    net.pass(Duration.ofSeconds(20));
    assertEquals(opened, memory.opened, "no more attempts while a connection stands");
  }

  @Test
  void aConnectionThatIsDeadWithoutSayingSoIsReplaced() {
    net.await("connected", this::bothConnected);
    // B loses its end, A does not learn of it.
    memory.blackHole = true;
    a.send(b, "late");
    memory.run();
    net.silence(addressB);
    net.listen(addressB, b.transport);
    memory.blackHole = false;
    TestPeer c = new TestPeer(net, b.id, TestPeer.config(100, addressA));
    net.listen(addressB, c.transport);
    net.await("the new one is taken", () -> c.isConnected(a));
    assertEquals(2, a.connects());
  }

  @Test
  void aLivingConnectionIsNotPushedAsideByAnImpostor() {
    net.await("connected", this::bothConnected);
    Raw impostor = new Raw(b.id);
    net.pass(Duration.ofSeconds(2));
    assertEquals(Status.Code.ALREADY_EXISTS, impostor.closed.getCode());
    assertEquals(1, a.connects());
    sendAll(b, a, numbers(0, 5));
    net.await("traffic goes on", () -> a.inbox(b).equals(numbers(0, 5)));
  }

  @Test
  void aRouteOverADeadConnectionIsNoRoute() {
    net.await("connected", this::bothConnected);
    net.pass(Duration.ofSeconds(2));
    assertTrue(route(a, b.id), "asked anew by a probe");
    memory.blackHole = true;
    net.pass(Duration.ofSeconds(2));
    assertEquals(false, route(a, b.id));
  }

  @Test
  void whoDoesNotGreetInTimeIsCutOff() {
    Raw silent = new Raw(null);
    net.pass(PeerTransport.HANDSHAKE.plusSeconds(1));
    assertEquals(Status.Code.DEADLINE_EXCEEDED, silent.closed.getCode());
  }

  @Test
  void acknowledgementsFreeTheBufferWithoutTrafficTheOtherWay() {
    sendAll(a, b, numbers(0, 10));
    net.await("all there", () -> b.inbox(a).size() == 10);
    net.pass(Duration.ofMillis(100));
    assertEquals(0, a.transport.describe().getPeers(0).getUnacknowledgedBytes());
  }

  @Test
  void aPeerThatForgotWhatItAcknowledgedIsReset() {
    Raw first = new Raw(TestPeer.id(50));
    first.greet(7, 0, 0);
    first.send(data(1, "m"));
    a.transport.onPeerOutput(first.id, ByteString.copyFromUtf8("to it"));
    net.await("it gets it", () -> first.lastData() == 1);
    first.send(PeerFrame.newBuilder().setAck(PeerAck.newBuilder().setSequence(1)));
    memory.run();
    first.wire.close(Status.CANCELLED);
    memory.run();
    Raw second = new Raw(TestPeer.id(50));
    second.greet(8, 0, 0);
    TestPeer it = new TestPeer(net, TestPeer.id(50), TestPeer.config(10));
    assertEquals(List.of("m", TestPeer.RESET, TestPeer.RESET), a.inbox(it));
    assertEquals(Status.Code.ABORTED, second.closed.getCode());
    Raw third = new Raw(TestPeer.id(50));
    third.greet(8, 0, 0);
    assertTrue(a.isConnected(it));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "hello first",
        "short id",
        "long id",
        "own id",
        "data before hello",
        "epoch 0",
        "another id in the hello",
        "future ack in the hello",
        "second hello",
        "gap",
        "sequence 0",
        "negative sequence",
        "empty message",
        "future ack",
        "negative ack",
        "future ack in data",
        "empty frame"
      })
  void malformedFramesEndTheConnectionAndHarmNothing(String what) {
    net.await("connected", this::bothConnected);
    Raw raw = new Raw(null);
    ByteString id = raw.id;
    raw.sendMalformed(what);
    memory.run();
    assertTrue(raw.closed != null, "still open");
    assertEquals(
        what.equals("own id") ? Status.Code.FAILED_PRECONDITION : Status.Code.INVALID_ARGUMENT,
        raw.closed.getCode());
    sendAll(a, b, List.of("x"));
    net.await("others are served", () -> b.inbox(a).equals(List.of("x")));
    TestPeer liar = new TestPeer(net, id, TestPeer.config(10));
    assertEquals(List.of(), a.inbox(liar));
  }

  static PeerFrame.Builder data(long sequence, String payload) {
    return PeerFrame.newBuilder()
        .setData(
            PeerData.newBuilder()
                .setSequence(sequence)
                .setPayload(ByteString.copyFromUtf8(payload)));
  }

  /** A dialler that sends to A what it likes. */
  private final class Raw implements Wire.Listener {
    final ByteString id;
    final MemoryNet.End wire;
    final List<PeerFrame> got = new ArrayList<>();
    Status closed;

    /**
     * @param opens null: says nothing by itself
     */
    Raw(ByteString opens) {
      id = opens == null ? TestPeer.id(66) : opens;
      wire = memory.dialRaw(addressA, this);
      for (int i = 0; i < 100; i++) {
        wire.request();
      }
      if (opens != null) {
        send(open(id));
      }
      memory.run();
    }

    static PeerFrame.Builder open(ByteString id) {
      return PeerFrame.newBuilder().setOpen(PeerOpen.newBuilder().setPeerId(id));
    }

    PeerFrame.Builder hello(long epoch, long received, long receivedEpoch) {
      return PeerFrame.newBuilder()
          .setHello(
              PeerHello.newBuilder()
                  .setPeerId(id)
                  .setEpoch(epoch)
                  .setReceived(received)
                  .setReceivedEpoch(receivedEpoch));
    }

    void greet(long epoch, long received, long receivedEpoch) {
      send(hello(epoch, received, receivedEpoch));
      memory.run();
    }

    void send(PeerFrame.Builder frame) {
      wire.send(frame.build());
    }

    long lastData() {
      return got.stream()
          .filter(PeerFrame::hasData)
          .mapToLong(frame -> frame.getData().getSequence())
          .max()
          .orElse(0);
    }

    private long theirEpoch() {
      return got.stream()
          .filter(PeerFrame::hasHello)
          .findFirst()
          .orElseThrow()
          .getHello()
          .getEpoch();
    }

    void sendMalformed(String what) {
      switch (what) {
        case "hello first" -> send(hello(1, 0, 0));
        case "short id" -> send(open(id.substring(1)));
        case "long id" -> send(open(id.concat(id)));
        case "own id" -> send(open(a.id));
        default -> {
          send(open(id));
          memory.run();
          sendSecond(what);
        }
      }
    }

    private void sendSecond(String what) {
      switch (what) {
        case "data before hello" -> send(data(1, "x"));
        case "epoch 0" -> send(hello(0, 0, 0));
        case "another id in the hello" ->
            send(
                PeerFrame.newBuilder()
                    .setHello(PeerHello.newBuilder().setPeerId(b.id).setEpoch(1)));
        case "future ack in the hello" -> send(hello(1, 1, theirEpoch()));
        default -> {
          greet(1, 0, 0);
          sendThird(what);
        }
      }
    }

    private void sendThird(String what) {
      switch (what) {
        case "second hello" -> send(hello(1, 0, 0));
        case "gap" -> send(data(2, "x"));
        case "sequence 0" -> send(data(0, "x"));
        case "negative sequence" -> send(data(-1, "x"));
        case "empty message" -> send(data(1, ""));
        case "future ack" ->
            send(PeerFrame.newBuilder().setAck(PeerAck.newBuilder().setSequence(1)));
        case "negative ack" ->
            send(PeerFrame.newBuilder().setAck(PeerAck.newBuilder().setSequence(-1)));
        case "future ack in data" -> {
          PeerFrame.Builder frame = data(1, "x");
          frame.getDataBuilder().setReceived(1);
          send(frame);
        }
        case "empty frame" -> send(PeerFrame.newBuilder());
        default -> throw new AssertionError(what);
      }
    }

    @Override
    public void onFrame(PeerFrame frame) {
      got.add(frame);
    }

    @Override
    public void onReady() {}

    @Override
    public void onClosed(Status why) {
      closed = why;
    }
  }

  @Test
  void aProbeIsAnsweredAtOnce() {
    Raw raw = new Raw(TestPeer.id(51));
    raw.greet(1, 0, 0);
    raw.send(data(1, "x"));
    raw.send(PeerFrame.newBuilder().setProbe(PeerProbe.getDefaultInstance()));
    memory.run();
    assertEquals(1, raw.got.get(raw.got.size() - 1).getAck().getSequence());
  }
}
