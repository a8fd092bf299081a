// SPDX-License-Identifier: Apache-2.0
//
// The asynchronous operations: which threads work, that none waits, giving up.
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.Code;
import dev.svr2.client.pin.Pin;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.testing.Describe;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.transport.TransportException;
import dev.svr2.proto.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AsyncTest {
  private static final int MANY = 500;

  private final ClientFixture fixture = new ClientFixture();
  private final FakeServer server = fixture.server;
  private final AsyncSvr2Client client = fixture.client().async();

  @AfterEach
  void close() {
    fixture.close();
  }

  private static <T> T get(CompletableFuture<T> future) throws Exception {
    return future.get(30, TimeUnit.SECONDS);
  }

  @Test
  void everyOperation() throws Exception {
    byte[] data = ClientFixture.DATA.clone();
    PinKeys keys = ClientFixture.RIGHT.copy();
    CompletableFuture<BackupResult> backup = client.backupRaw(keys, data, 3);
    // Copied before the method returned.
    keys.close();
    data[0] ^= 1;
    assertEquals("Stored", Describe.of(get(backup)));
    RestoreResult.Restored restored =
        assertInstanceOf(RestoreResult.Restored.class, get(client.restoreRaw(ClientFixture.RIGHT)));
    assertArrayEquals(ClientFixture.DATA, restored.data());
    assertEquals("Left(3,true)", Describe.of(get(client.tries())));
    assertEquals("Stored", Describe.of(get(client.expose(ClientFixture.DATA))));
    assertEquals("Deleted", Describe.of(get(client.delete())));
    assertEquals("Deleted", Describe.of(get(client.deleteWithoutSession())));
    assertEquals("Stored", Describe.of(get(client.backup(ClientFixture.RIGHT, data, 3))));
    restored =
        assertInstanceOf(RestoreResult.Restored.class, get(client.restore(ClientFixture.RIGHT)));
    assertArrayEquals(data, restored.data());
  }

  @Test
  void everyOperationWithPin() throws Exception {
    Pin pin = Pin.of("1234".toCharArray());
    CompletableFuture<BackupResult> backup = client.backup(pin, ClientFixture.DATA, 3);
    Pin again = pin.copy();
    pin.close();
    assertEquals("Stored", Describe.of(get(backup)));
    assertEquals("Restored(32,3)", Describe.of(get(client.restore(again))));
    assertEquals("Stored", Describe.of(get(client.backupRaw(again, ClientFixture.DATA, 3))));
    assertEquals("Restored(32,3)", Describe.of(get(client.restoreRaw(again))));
    try (PendingBackup pending = get(client.prepare(again, ClientFixture.DATA, 4))) {
      assertEquals("Stored", get(client.store(pending, StateSaver.NONE)).toString());
      assertEquals("Stored", Describe.of(get(client.expose(pending, StateSaver.NONE))));
    }
    try (PendingBackup pending = get(client.prepareRaw(again, ClientFixture.DATA, 4))) {
      assertEquals("Stored", Describe.of(get(client.resume(pending, StateSaver.NONE))));
    }
    again.close();
  }

  /** One thread for all the work, five hundred sessions open at once, none of them answered yet. */
  @Test
  void noThreadPerSession() throws Exception {
    ExecutorService one = Executors.newSingleThreadExecutor();
    List<Waiting> streams = new ArrayList<>();
    Transport silent = new Silent(streams);
    try {
      AsyncSvr2Client patient =
          fixture.builder().transport(silent).executor(one).attempts(1).build().async();
      List<CompletableFuture<TriesResult>> all = new ArrayList<>();
      for (int i = 0; i < MANY; i++) {
        all.add(patient.tries());
      }
      Awaitility.await().until(() -> size(streams) == MANY);
      assertTrue(all.stream().noneMatch(CompletableFuture::isDone));
      streams.forEach(
          stream ->
              stream.item.completeExceptionally(
                  new TransportException(
                      TransportException.Kind.UNAVAILABLE,
                      TransportException.Applied.NO,
                      "enough")));
      for (CompletableFuture<TriesResult> each : all) {
        assertEquals("NotApplied", Describe.of(get(each)));
      }
    } finally {
      one.shutdownNow();
    }
  }

  private static int size(List<Waiting> streams) {
    synchronized (streams) {
      return streams.size();
    }
  }

  private static final class Waiting implements Transport.Stream {
    final CompletableFuture<byte[]> item = new CompletableFuture<>();

    @Override
    public void send(byte[] item) {}

    @Override
    public CompletableFuture<byte[]> receive() {
      return item;
    }

    @Override
    public void close() {}
  }

  private static final class Silent implements Transport {
    private final List<Waiting> streams;

    Silent(List<Waiting> streams) {
      this.streams = streams;
    }

    @Override
    public Stream open(Credentials credentials) {
      Waiting stream = new Waiting();
      synchronized (streams) {
        streams.add(stream);
      }
      return stream;
    }

    @Override
    public CompletableFuture<Void> deleteBackup(Credentials credentials, Duration timeout) {
      return new CompletableFuture<>();
    }

    @Override
    public void close() {}
  }

  @Test
  void silenceEndsInTime() throws Exception {
    AsyncSvr2Client impatient =
        fixture
            .builder()
            .transport(new Silent(new ArrayList<>()))
            .attempts(2)
            .timeout(Duration.ofMillis(20))
            .build()
            .async();
    assertEquals("NotApplied", Describe.of(get(impatient.tries())));
    assertEquals("Unknown", Describe.of(get(impatient.deleteWithoutSession())));
  }

  @Test
  void cancellingGivesUp() throws Exception {
    fixture.store(5);
    CompletableFuture<RestoreResult> asked = new CompletableFuture<>();
    server.onRequest =
        item -> {
          asked.complete(null);
          return null;
        };
    CompletableFuture<RestoreResult> restore = client.restoreRaw(ClientFixture.RIGHT);
    get(asked);
    assertTrue(restore.cancel(true));
    assertThrows(CancellationException.class, restore::join);
    // A repeatable operation that was cancelled does not start again.
    server.onRequest = item -> item;
    server.onStart =
        item -> {
          throw FakeServer.failure(Code.UNAVAILABLE, "no");
        };
    int sessions = server.sessions.get();
    AsyncSvr2Client stubborn =
        fixture.builder().attempts(100).retryPause(Duration.ofMinutes(1)).build().async();
    CompletableFuture<TriesResult> tries = stubborn.tries();
    Awaitility.await().until(() -> server.sessions.get() == sessions + 1);
    tries.cancel(true);
    assertEquals(0, server.requests.stream().filter(Request::hasRestore).count());
  }

  @Test
  void anExecutorThatRefusesFailsTheFuture() {
    ExecutorService ended = Executors.newSingleThreadExecutor();
    ended.shutdownNow();
    AsyncSvr2Client refused = fixture.builder().executor(ended).build().async();
    CompletableFuture<TriesResult> tries;
    try {
      tries = refused.tries();
    } catch (RejectedExecutionException e) {
      return;
    }
    ExecutionException e = assertThrows(ExecutionException.class, () -> get(tries));
    assertInstanceOf(RejectedExecutionException.class, e.getCause());
  }

  @Test
  void limitsAreCheckedAtOnce() {
    assertThrows(
        IllegalArgumentException.class,
        () -> client.backupRaw(ClientFixture.RIGHT, new byte[15], 3));
    assertThrows(
        IllegalArgumentException.class,
        () -> client.backup(ClientFixture.RIGHT, ClientFixture.DATA, 0));
    assertThrows(IllegalArgumentException.class, () -> client.expose(new byte[49]));
  }
}
