// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import static dev.svr2.enclave.EchoEnclave.command;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.enclave.EchoEnclave.Outputs;
import dev.svr2.proto.Error;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@link Enclave} promises, against the echo enclave. */
@Timeout(60)
final class EnclaveTest {
  private static final ThreadLocal<byte[]> SENT = new ThreadLocal<>();

  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void stopThreads() throws InterruptedException {
    threads.shutdownNow();
    assertTrue(threads.awaitTermination(10, TimeUnit.SECONDS));
  }

  @Test
  void initReturnsThePeerId() throws Exception {
    try (Enclave enclave = EchoEnclave.load(message -> {})) {
      byte[] id = enclave.init(EchoEnclave.CONFIG);
      assertArrayEquals(MessageDigest.getInstance("SHA-256").digest(EchoEnclave.CONFIG), id);
    }
  }

  @Test
  void errorsOfTheEnclaveBecomeExceptions() throws Exception {
    try (Enclave enclave = EchoEnclave.load(message -> {})) {
      assertError(Error.ERROR_CORE_BAD_CONFIG, () -> enclave.init(new byte[0]));
      assertError(Error.ERROR_CORE_NOT_INITIALIZED, () -> enclave.input(command('n')));
      enclave.init(EchoEnclave.CONFIG);
      assertError(Error.ERROR_CORE_ALREADY_INITIALIZED, () -> enclave.init(EchoEnclave.CONFIG));
      assertError(Error.ERROR_CORE_MALFORMED_MESSAGE, () -> enclave.input(command('?')));
    }
  }

  @ParameterizedTest
  @ValueSource(
      ints = {1, 2, 255, 256, 4095, 4096, 4097, 16384, 16385, 65536, 1 << 20, (1 << 20) + 1})
  void bytesGoThroughUnchanged(int size) throws Exception {
    Outputs outputs = new Outputs();
    try (Enclave enclave = EchoEnclave.start(outputs)) {
      byte[] message = new byte[size];
      new Random(size).nextBytes(message);
      message[0] = 'e';
      byte[] before = message.clone();
      for (int i = 0; i < 3; i++) {
        enclave.input(message);
        assertArrayEquals(before, outputs.only());
      }
      message[0] = 'w';
      byte[] overwritten = message.clone();
      enclave.input(message);
      assertArrayEquals(overwritten, message, "the enclave changed the caller's array");
    }
  }

  @Test
  void factsAnswerAfterCloseToo() throws Exception {
    Outputs outputs = new Outputs();
    Enclave enclave = EchoEnclave.start(outputs);
    try (enclave) {
      assertEquals(4, enclave.maxThreads());
      enclave.input(command('m'));
      byte[] facts = outputs.only();
      assertArrayEquals(Arrays.copyOf(facts, 32), enclave.measurement());
      assertEquals(0, facts[32], "debug");
      assertEquals(1, facts[33], "simulated");
    }
    enclave.measurement()[0]++;
    assertArrayEquals(SignedImage.inspect(EchoEnclave.IMAGE).measurement(), enclave.measurement());
    assertEquals(4, enclave.maxThreads());
  }

  @Test
  void debugFlagReachesTheEnclave() throws Exception {
    Outputs outputs = new Outputs();
    try (Enclave enclave =
        Enclave.load(Platform.LOCAL, EchoEnclave.IMAGE, Set.of(LoadFlag.DEBUG), outputs)) {
      enclave.init(EchoEnclave.CONFIG);
      enclave.input(command('m'));
      assertEquals(1, outputs.only()[32]);
    }
  }

  @Test
  void instancesShareNothing() throws Exception {
    Outputs first = new Outputs();
    Outputs second = new Outputs();
    try (Enclave a = EchoEnclave.start(first);
        Enclave b = EchoEnclave.start(second)) {
      for (int i = 1; i <= 3; i++) {
        a.input(command('c'));
        assertEquals(i, first.onlyNumber());
      }
      b.input(command('c'));
      assertEquals(1, second.onlyNumber());
      a.input(command('v'));
      b.input(command('v'));
      assertNotEquals(Arrays.toString(first.only()), Arrays.toString(second.only()));
    }
  }

  @Test
  void exceptionInTheHandlerStaysOnThisSide() throws Exception {
    AtomicReference<Throwable> uncaught = new AtomicReference<>();
    for (Throwable thrown :
        List.of(new IllegalStateException("x"), new StackOverflowError(), new AssertionError())) {
      try (Enclave enclave =
          Enclave.load(
              Platform.LOCAL,
              EchoEnclave.IMAGE,
              Set.of(),
              message -> EnclaveTest.<RuntimeException>sneakyThrow(thrown),
              uncaught::set)) {
        enclave.init(EchoEnclave.CONFIG);
        assertError(Error.ERROR_CORE_OUTPUT_FAILED, () -> enclave.input(command('e')));
        assertSame(thrown, uncaught.get());
        assertEquals(1, enclave.outputFailures());
        enclave.input(command('n'));
      }
    }
  }

  @Test
  void exceptionInTheUncaughtHandlerIsDropped() throws Exception {
    try (Enclave enclave =
        Enclave.load(
            Platform.LOCAL,
            EchoEnclave.IMAGE,
            Set.of(),
            message -> {
              throw new IllegalStateException("first");
            },
            thrown -> {
              throw new IllegalStateException("second");
            })) {
      enclave.init(EchoEnclave.CONFIG);
      assertError(Error.ERROR_CORE_OUTPUT_FAILED, () -> enclave.input(command('e')));
    }
  }

  @Test
  void reentryIsRefusedAndOtherEnclavesAreNot() throws Exception {
    Outputs inner = new Outputs();
    AtomicReference<Enclave> self = new AtomicReference<>();
    List<Throwable> seen = new ArrayList<>();
    try (Enclave other = EchoEnclave.start(inner);
        Enclave enclave =
            EchoEnclave.start(
                message -> {
                  seen.add(assertThrows(EnclaveException.class, () -> self.get().input(message)));
                  seen.add(
                      assertThrows(
                          EnclaveException.class, () -> self.get().init(EchoEnclave.CONFIG)));
                  seen.add(assertThrows(IllegalStateException.class, () -> self.get().close()));
                  try {
                    other.input(new byte[] {'e', 42});
                  } catch (EnclaveException e) {
                    throw new AssertionError(e);
                  }
                })) {
      self.set(enclave);
      enclave.input(new byte[] {'e', 1});
      assertEquals(3, seen.size());
      assertEquals(Error.ERROR_BRIDGE_REENTERED, ((EnclaveException) seen.get(0)).error());
      assertEquals(Error.ERROR_BRIDGE_REENTERED, ((EnclaveException) seen.get(1)).error());
      assertArrayEquals(new byte[] {'e', 42}, inner.only());
    }
  }

  @Test
  void moreThreadsThanTheEnclaveHasWaitTheirTurn() throws Exception {
    AtomicInteger blocked = new AtomicInteger();
    try (Enclave enclave =
        EchoEnclave.start(
            message -> {
              if (message[0] == 'b') {
                blocked.incrementAndGet();
              }
            })) {
      int inside = enclave.maxThreads() - 1;
      List<Future<?>> blockers = new ArrayList<>();
      for (int i = 0; i < inside; i++) {
        blockers.add(threads.submit(() -> inputUnchecked(enclave, command('b'))));
      }
      await().until(() -> blocked.get() == inside);
      // One place is left for all these.
      List<Future<?>> others = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        others.add(threads.submit(() -> inputUnchecked(enclave, command('n'))));
      }
      for (Future<?> other : others) {
        other.get();
      }
      await()
          .until(
              () -> {
                enclave.input(command('r'));
                return blockers.stream().allMatch(Future::isDone);
              });
      for (Future<?> blocker : blockers) {
        blocker.get();
      }
    }
  }

  @Test
  void interruptionIsKept() throws Exception {
    try (Enclave enclave = EchoEnclave.start(message -> {})) {
      Thread.currentThread().interrupt();
      enclave.input(command('n'));
      assertTrue(Thread.interrupted());
    }
  }

  @Test
  void manyThreadsGetTheirOwnAnswers() throws Exception {
    ConcurrentLinkedQueue<String> wrong = new ConcurrentLinkedQueue<>();
    AtomicInteger got = new AtomicInteger();
    try (Enclave enclave =
        EchoEnclave.start(
            message -> {
              got.incrementAndGet();
              if (!Arrays.equals(SENT.get(), message)) {
                wrong.add("another message came out on " + Thread.currentThread());
              }
            })) {
      CountDownLatch start = new CountDownLatch(1);
      List<Future<?>> done = new ArrayList<>();
      for (int t = 0; t < 16; t++) {
        Random random = new Random(t);
        done.add(
            threads.submit(
                () -> {
                  start.await();
                  for (int i = 0; i < 2000; i++) {
                    byte[] message = new byte[1 + random.nextInt(i % 100 == 0 ? 100_000 : 600)];
                    random.nextBytes(message);
                    message[0] = 'e';
                    SENT.set(message);
                    enclave.input(message);
                  }
                  return null;
                }));
      }
      start.countDown();
      for (Future<?> one : done) {
        one.get();
      }
    }
    assertTrue(wrong.isEmpty(), () -> String.join("\n", wrong));
    assertEquals(32_000, got.get());
  }

  @Test
  void closeWaitsForCallsInsideAndTurnsTheOthersAway() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch leave = new CountDownLatch(1);
    Enclave enclave =
        EchoEnclave.start(
            message -> {
              inside.countDown();
              awaitUnchecked(leave);
            });
    try (enclave) {
      Future<?> call = threads.submit(() -> inputUnchecked(enclave, command('e')));
      inside.await();
      List<Future<?>> closing =
          List.of(threads.submit(enclave::close), threads.submit(enclave::close));
      AtomicReference<EnclaveException> refused = new AtomicReference<>();
      await()
          .until(
              () -> {
                try {
                  enclave.input(command('n'));
                  return false;
                } catch (EnclaveException e) {
                  refused.set(e);
                  return true;
                }
              });
      assertEquals(Error.ERROR_BRIDGE_CLOSED, refused.get().error());
      assertFalse(call.isDone());
      assertTrue(closing.stream().noneMatch(Future::isDone), "came back with a call inside");
      leave.countDown();
      call.get();
      for (Future<?> one : closing) {
        one.get();
      }
    }
    assertError(Error.ERROR_BRIDGE_CLOSED, () -> enclave.input(command('n')));
    assertError(Error.ERROR_BRIDGE_CLOSED, () -> enclave.init(EchoEnclave.CONFIG));
    enclave.close();
  }

  @Test
  void waitersAreTurnedAwayByClose() throws Exception {
    CountDownLatch leave = new CountDownLatch(1);
    AtomicInteger inside = new AtomicInteger();
    Enclave enclave =
        EchoEnclave.start(
            message -> {
              inside.incrementAndGet();
              awaitUnchecked(leave);
            });
    try (enclave) {
      List<Future<?>> calls = new ArrayList<>();
      for (int i = 0; i < enclave.maxThreads(); i++) {
        calls.add(threads.submit(() -> inputUnchecked(enclave, command('e'))));
      }
      await().until(() -> inside.get() == enclave.maxThreads());
      Future<Error> waiter =
          threads.submit(
              () ->
                  assertThrows(EnclaveException.class, () -> enclave.input(command('e'))).error());
      Future<?> closing = threads.submit(enclave::close);
      // The waiter may come before or after close; it must not get in, and must not wait for ever.
      await().until(enclave::isClosed);
      leave.countDown();
      assertEquals(Error.ERROR_BRIDGE_CLOSED, waiter.get());
      closing.get();
      for (Future<?> call : calls) {
        call.get();
      }
      assertEquals(enclave.maxThreads(), inside.get());
    }
  }

  @Test
  void anAbortEndsTheEnclaveAndNotTheProcess() throws Exception {
    try (Enclave enclave = EchoEnclave.start(message -> {});
        Enclave bystander = EchoEnclave.start(message -> {})) {
      assertError(Error.ERROR_BRIDGE_ABORTED, () -> enclave.input(command('x')));
      assertError(Error.ERROR_BRIDGE_ABORTED, () -> enclave.input(command('n')));
      bystander.input(command('n'));
      assertError(Error.ERROR_BRIDGE_ABORTED, () -> bystander.input(command('t')));
    }
  }

  private static void awaitUnchecked(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Void inputUnchecked(Enclave enclave, byte[] message) {
    try {
      enclave.input(message);
      return null;
    } catch (EnclaveException e) {
      throw new IllegalStateException(e);
    }
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <T extends Throwable> void sneakyThrow(Throwable thrown) throws T {
    throw (T) thrown;
  }

  private interface Action {
    void run() throws Exception;
  }

  private static void assertError(Error error, Action action) {
    EnclaveException e = assertThrows(EnclaveException.class, action::run);
    assertEquals(error, e.error(), e.getMessage());
  }
}
