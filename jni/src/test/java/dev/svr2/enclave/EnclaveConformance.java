// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.proto.Error;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What every enclave must do at its boundary, whatever its platform and whatever is inside. A
 * subclass says which image on which platform, and how that image's messages look; it may add cases
 * of its own. Extended by the core's tests too (this class is in the test-jar of svr2-jni).
 */
@Timeout(120)
public abstract class EnclaveConformance {
  private static final int GARBAGE_MESSAGES = 2000;
  private static final int CONCURRENT_CALLS = 500;
  private static final int SOAK_CALLS = 400;

  /** Errors that say: this was no message. */
  private static final Set<Error> NOT_A_MESSAGE =
      Set.of(
          Error.ERROR_CORE_MALFORMED_MESSAGE,
          Error.ERROR_CORE_MESSAGE_TOO_LARGE,
          Error.ERROR_CORE_EMPTY_ITEM,
          Error.ERROR_CORE_TOO_MANY_ITEMS,
          Error.ERROR_INVALID_ARGUMENT,
          Error.ERROR_OUT_OF_MEMORY);

  /** What came out of {@link #enclave}. */
  protected final ConcurrentLinkedQueue<byte[]> outputs = new ConcurrentLinkedQueue<>();

  /** Loaded, not initialized. */
  protected Enclave enclave;

  /** Where to run it. */
  protected abstract Platform platform();

  /** The signed image. */
  protected abstract Path image();

  /** A configuration that {@code init} accepts. */
  protected abstract byte[] goodConfig();

  /** A message that an initialized enclave accepts, any number of times and in parallel. */
  protected abstract byte[] goodMessage();

  /** Bytes that look like no message; one of many. */
  protected byte[] garbage(Random random) {
    byte[] bytes = new byte[random.nextInt(300)];
    random.nextBytes(bytes);
    return bytes;
  }

  /** Another enclave like {@link #enclave}; the caller closes it. */
  protected final Enclave loadAnother(OutputHandler output) throws EnclaveException {
    return Enclave.load(platform(), image(), Set.of(), output);
  }

  @BeforeEach
  void load() throws EnclaveException {
    enclave = loadAnother(outputs::add);
  }

  @AfterEach
  void close() {
    enclave.close();
  }

  @Test
  void inputBeforeInitIsRefused() {
    assertEquals(
        Error.ERROR_CORE_NOT_INITIALIZED,
        assertThrows(EnclaveException.class, () -> enclave.input(goodMessage())).error());
  }

  @Test
  void initGivesAPeerIdAndWorksOnce() throws Exception {
    byte[] id = enclave.init(goodConfig());
    assertEquals(32, id.length);
    assertFalse(Arrays.equals(new byte[32], id), "the peer id is all zeros");
    assertEquals(
        Error.ERROR_CORE_ALREADY_INITIALIZED,
        assertThrows(EnclaveException.class, () -> enclave.init(goodConfig())).error());
    enclave.input(goodMessage());
  }

  @Test
  void failedInitCanBeRepeated() throws Exception {
    EnclaveException e = assertThrows(EnclaveException.class, () -> enclave.init(new byte[0]));
    assertTrue(
        Set.of(Error.ERROR_CORE_BAD_CONFIG, Error.ERROR_RAFT_BAD_GROUP_CONFIG).contains(e.error()),
        e::getMessage);
    assertEquals(32, enclave.init(goodConfig()).length);
  }

  @Test
  void initFromManyThreadsSucceedsOnce() throws Exception {
    int callers = enclave.maxThreads() * 2;
    List<Error> results =
        together(
            callers,
            () -> {
              try {
                enclave.init(goodConfig());
                return Error.OK;
              } catch (EnclaveException e) {
                return e.error();
              }
            });
    assertEquals(1, results.stream().filter(Error.OK::equals).count(), results::toString);
    assertEquals(
        callers - 1,
        results.stream().filter(Error.ERROR_CORE_ALREADY_INITIALIZED::equals).count(),
        results::toString);
  }

  @Test
  void emptyInputDoesNoHarm() throws Exception {
    enclave.init(goodConfig());
    inputMayBeRefused(new byte[0]);
    enclave.input(goodMessage());
  }

  @Test
  void garbageIsAnsweredWithAnError() throws Exception {
    enclave.init(goodConfig());
    long seed = Long.getLong("svr2.seed", System.nanoTime());
    Random random = new Random(seed);
    int refused = 0;
    for (int i = 0; i < GARBAGE_MESSAGES; i++) {
      byte[] bytes = garbage(random);
      try {
        refused += inputMayBeRefused(bytes) ? 1 : 0;
      } catch (AssertionError e) {
        throw new AssertionError(
            "-Dsvr2.seed=" + seed + " message " + i + ": " + HexFormat.of().formatHex(bytes), e);
      }
    }
    assertTrue(refused > GARBAGE_MESSAGES / 4, refused + " refused; -Dsvr2.seed=" + seed);
    enclave.input(goodMessage());
  }

  @Test
  void hugeInputIsTakenOrRefused() throws Exception {
    enclave.init(goodConfig());
    for (int size : new int[] {1 << 20, 9 << 20, 64 << 20}) {
      inputMayBeRefused(new byte[size]);
    }
    enclave.input(goodMessage());
  }

  @Test
  void manyThreadsAtOnce() throws Exception {
    enclave.init(goodConfig());
    List<Boolean> results =
        together(
            enclave.maxThreads() * 3,
            () -> {
              for (int i = 0; i < CONCURRENT_CALLS; i++) {
                enclave.input(goodMessage());
              }
              return true;
            });
    assertEquals(enclave.maxThreads() * 3, results.size());
  }

  @Test
  void closeDuringCalls() throws Exception {
    enclave.init(goodConfig());
    List<Error> ends =
        together(
            enclave.maxThreads() + 2,
            () -> {
              try {
                for (int i = 0; ; i++) {
                  enclave.input(goodMessage());
                  if (i == 50) {
                    enclave.close();
                  }
                }
              } catch (EnclaveException e) {
                return e.error();
              }
            });
    assertEquals(Set.of(Error.ERROR_BRIDGE_CLOSED), Set.copyOf(ends));
    enclave.close();
  }

  @Test
  void everythingAfterCloseIsRefused() throws Exception {
    enclave.init(goodConfig());
    enclave.close();
    for (Callable<byte[]> call :
        List.<Callable<byte[]>>of(
            () -> enclave.init(goodConfig()),
            () -> {
              enclave.input(goodMessage());
              return null;
            })) {
      assertEquals(
          Error.ERROR_BRIDGE_CLOSED, assertThrows(EnclaveException.class, call::call).error());
    }
  }

  @Test
  void theMeasurementIsTheImages() throws Exception {
    assertEquals(
        HexFormat.of().formatHex(SignedImage.inspect(image()).measurement()),
        HexFormat.of().formatHex(enclave.measurement()));
    assertEquals(SignedImage.inspect(image()).properties().get("NumTCS"), enclave.maxThreads());
  }

  @Test
  void twoOfTheSameImageLiveSideBySide() throws Exception {
    byte[] first = enclave.init(goodConfig());
    try (Enclave other = loadAnother(output -> {})) {
      assertEquals(
          Error.ERROR_CORE_NOT_INITIALIZED,
          assertThrows(EnclaveException.class, () -> other.input(goodMessage())).error());
      assertNotNull(other.init(goodConfig()));
      other.input(goodMessage());
      enclave.input(goodMessage());
    }
    enclave.input(goodMessage());
    assertEquals(32, first.length);
  }

  /** Open Enclave takes over the signals by which the JVM makes these. */
  @Test
  void nullPointersAndStackOverflowsAreStillExceptions() throws Exception {
    enclave.init(goodConfig());
    for (int i = 0; i < 50; i++) {
      enclave.input(goodMessage());
      String nothing = i < 0 ? "" : null;
      assertThrows(NullPointerException.class, () -> nothing.length());
      assertThrows(StackOverflowError.class, () -> deep(0));
    }
    enclave.input(goodMessage());
  }

  /**
   * Several enclaves, called from several threads each, come and go while the collector runs and
   * exceptions of the JVM's own making fly. {@code -Dsvr2.soak.calls} makes it long.
   */
  @Test
  @Timeout(3600)
  void enclavesGoOnThroughGarbageCollection() throws Exception {
    enclave.init(goodConfig());
    int calls = Integer.getInteger("svr2.soak.calls", SOAK_CALLS);
    List<Integer> done =
        together(
            6,
            () -> {
              try (Enclave own = loadAnother(output -> {})) {
                own.init(goodConfig());
                byte[][] rubbish = new byte[64][];
                for (int i = 0; i < calls; i++) {
                  rubbish[i % rubbish.length] = new byte[4096];
                  own.input(goodMessage());
                  enclave.input(goodMessage());
                  if (i % 100 == 0) {
                    System.gc();
                    String nothing = i < 0 ? "" : null;
                    assertThrows(NullPointerException.class, () -> nothing.length());
                  }
                }
                return calls;
              }
            });
    assertEquals(6 * calls, done.stream().mapToInt(Integer::intValue).sum());
    enclave.input(goodMessage());
  }

  @SuppressWarnings("InfiniteRecursion")
  private static int deep(int n) {
    return deep(n + 1) + 1;
  }

  /** True when it was refused; only an error that says so may come. */
  private boolean inputMayBeRefused(byte[] message) {
    try {
      enclave.input(message);
      return false;
    } catch (EnclaveException e) {
      assertTrue(NOT_A_MESSAGE.contains(e.error()), e::getMessage);
      return true;
    }
  }

  /** Runs a task on so many threads, all starting at once. */
  protected static <T> List<T> together(int threads, Callable<T> task) throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    CyclicBarrier start = new CyclicBarrier(threads);
    try {
      List<Future<T>> futures = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        futures.add(
            executor.submit(
                () -> {
                  start.await();
                  return task.call();
                }));
      }
      List<T> results = new ArrayList<>();
      for (Future<T> future : futures) {
        results.add(future.get());
      }
      return results;
    } finally {
      executor.shutdownNow();
    }
  }
}
