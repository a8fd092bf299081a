// SPDX-License-Identifier: Apache-2.0
//
// Clients that do not read, and sessions when the host shuts down.
package dev.svr2.host.session;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.ClientInput;
import dev.svr2.proto.HostItem;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class BackPressureTest {
  private static final ByteString LARGE = ByteString.copyFrom(new byte[100 << 10]);

  private final FakeEnclave.Loader loader = new FakeEnclave.Loader();

  private long inputs() {
    return loader.enclave.items().stream().filter(HostItem::hasClient).count();
  }

  @Test
  void aClientThatDoesNotReadIsNotReadFromAndHoldsUpNobody() throws Exception {
    try (HostFixture fixture = HostFixture.start("", loader)) {
      TestSession slow = TestSession.openAndStopReading(fixture.client());
      assertEquals("handshake start", slow.next());
      for (int i = 0; i < 100; i++) {
        slow.send(LARGE);
      }
      TestSession other = TestSession.open(fixture.client());
      assertEquals("handshake start", other.next());
      for (int i = 0; i < 20; i++) {
        other.send("item " + i);
        assertEquals("item " + i, other.next());
      }
      // The transport holds a few of the echoes; the rest of the requests never came in.
      assertTrue(inputs() - 20 < 20, () -> inputs() - 20 + " items of a client that does not read");
      assertTrue(fixture.host.metrics().queueItems.get() <= 1);
    }
  }

  @Test
  void whatWaitsForAClientIsBounded() throws Exception {
    try (HostFixture fixture = HostFixture.start("client.outbound_max_bytes: 256 KiB\n", loader)) {
      loader.enclave.onClient =
          (enclave, input) -> {
            for (int i = 0; i < 30; i++) {
              enclave.output(input.getClientId(), LARGE);
            }
          };
      TestSession slow = TestSession.openAndStopReading(fixture.client());
      slow.next();
      slow.send("go");
      await().until(() -> loader.enclave.items().stream().anyMatch(HostItem::hasClientClose));
      assertTrue(
          fixture
              .host
              .metrics()
              .scrape()
              .contains("svr2_host_client_sessions_closed_total{status=\"RESOURCE_EXHAUSTED\"} 1"));
      assertEquals(0, fixture.host.metrics().sessions.get());
    }
  }

  @Test
  void anIdleSessionEndsAsNotAppliedWhenTheHostShutsDown() throws Exception {
    try (HostFixture fixture = HostFixture.start("", loader)) {
      TestSession session = TestSession.open(fixture.client());
      session.next();
      fixture.host.close();
      assertEquals("UNAVAILABLE svr2:ERROR_BRIDGE_CLOSED applied=no", session.end());
    }
  }

  @Test
  void aRequestUnderWayGetsItsAnswerBeforeTheHostIsGone() throws Exception {
    try (HostFixture fixture = HostFixture.start("", loader)) {
      CompletableFuture<ClientInput> pending = new CompletableFuture<>();
      loader.enclave.onClient = (enclave, input) -> pending.complete(input);
      TestSession session = TestSession.open(fixture.client());
      session.next();
      session.send("request");
      ClientInput input = pending.get(20, TimeUnit.SECONDS);
      Thread closer = new Thread(fixture.host::close);
      closer.start();
      TestSession late = TestSession.open(fixture.client());
      await()
          .until(
              () -> fixture.host.operations().status().get().getNotReadyReason().contains("down"));
      loader.enclave.output(input.getClientId(), ByteString.copyFromUtf8("answer"));
      assertEquals("answer", session.next());
      assertEquals("UNAVAILABLE svr2:ERROR_BRIDGE_CLOSED applied=no", session.end());
      assertTrue(late.end().startsWith("UNAVAILABLE"), late.end());
      closer.join();
    }
  }

  @Test
  void aRequestWithoutAnAnswerEndsAsUnknownWhenTheHostShutsDown() throws Exception {
    try (HostFixture fixture = HostFixture.start("runtime.shutdown_deadline_ms: 400\n", loader)) {
      CompletableFuture<ClientInput> pending = new CompletableFuture<>();
      loader.enclave.onClient = (enclave, input) -> pending.complete(input);
      TestSession session = TestSession.open(fixture.client());
      session.next();
      session.send("request");
      var unused = pending.get(20, TimeUnit.SECONDS);
      fixture.host.close();
      assertEquals("INTERNAL svr2:ERROR_BRIDGE_CLOSED applied=unknown", session.end());
    }
  }
}
