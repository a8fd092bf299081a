// SPDX-License-Identifier: Apache-2.0
//
// Order, parallelism, batches and bounds of the way into the enclave. Deterministic: a gate inside
// the fake enclave decides when calls go on.
package dev.svr2.host.enclave;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.enclave.Dispatcher.Offer;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.proto.ClientInput;
import dev.svr2.proto.Error;
import dev.svr2.proto.HostItem;
import dev.svr2.proto.HostToEnclaveMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DispatcherTest {
  private final FakeEnclave enclave = new FakeEnclave(output -> {}, 4);
  private final HostMetrics metrics = new HostMetrics();
  private final Queue<Error> failures = new ConcurrentLinkedQueue<>();
  private final Semaphore calls = new Semaphore(0);
  private Dispatcher dispatcher;

  private Dispatcher start(int threads, int maxItems, long maxBytes) {
    enclave.onClient = (e, input) -> {};
    dispatcher =
        new Dispatcher(enclave, threads, maxItems, maxBytes, metrics, e -> failures.add(e.error()));
    return dispatcher;
  }

  /** Calls wait inside until the test lets them go on. */
  private void holdCalls() {
    enclave.gate = message -> calls.acquireUninterruptibly();
  }

  @AfterEach
  void close() {
    calls.release(1_000_000);
    dispatcher.close();
    metrics.close();
  }

  private static HostItem item(long client, int number, int bytes) {
    return HostItem.newBuilder()
        .setClient(
            ClientInput.newBuilder()
                .setClientId(client * 1_000_000 + number)
                .setData(ByteString.copyFrom(new byte[bytes])))
        .build();
  }

  private Offer offer(Lane lane, long client, int number) {
    return dispatcher.offer(lane, item(client, number, 10), Completion.NONE);
  }

  private void awaitInside(int expected) {
    await().until(() -> enclave.inside.get() == expected);
  }

  private List<Long> numbersOf(HostToEnclaveMessage message) {
    return message.getItemsList().stream().map(i -> i.getClient().getClientId()).toList();
  }

  @Test
  void itemsThatWaitTogetherGoInTogetherInOrder() {
    start(1, 100, 1 << 20);
    holdCalls();
    Lane lane = new Lane();
    offer(lane, 0, 0);
    awaitInside(1);
    for (int i = 1; i < 50; i++) {
      assertEquals(Offer.TAKEN, offer(i % 2 == 0 ? lane : new Lane(), 0, i));
    }
    calls.release(2);
    await().until(() -> enclave.messages.size() == 2 && enclave.inside.get() == 0);
    List<HostToEnclaveMessage> messages = List.copyOf(enclave.messages);
    assertEquals(List.of(0L), numbersOf(messages.get(0)));
    assertEquals(49, messages.get(1).getItemsCount());
    List<Long> even = numbersOf(messages.get(1)).stream().filter(n -> n % 2 == 0).toList();
    assertEquals(even.stream().sorted().toList(), even);
  }

  @Test
  void oneLaneIsNeverInsideTwiceAndOthersAreNotHeldUp() {
    start(2, 100, 1 << 20);
    AtomicBoolean slowInside = new AtomicBoolean();
    AtomicBoolean overlap = new AtomicBoolean();
    enclave.gate =
        message -> {
          if (numbersOf(message).stream().anyMatch(n -> n < 1_000_000)) {
            overlap.compareAndSet(false, !slowInside.compareAndSet(false, true));
            calls.acquireUninterruptibly();
            slowInside.set(false);
          }
        };
    Lane slow = new Lane();
    offer(slow, 0, 0);
    awaitInside(1);
    offer(slow, 0, 1);
    Lane fast = new Lane();
    for (int i = 0; i < 20; i++) {
      offer(fast, 1, i);
    }
    await().until(() -> enclave.items().size() == 21);
    calls.release(2);
    await().until(() -> enclave.items().size() == 22);
    assertEquals(false, overlap.get());
  }

  @Test
  void aFullQueueRefusesByItemsAndByBytesAndTakesAgainWhenThereIsRoom() {
    start(1, 2, 10_000);
    holdCalls();
    offer(new Lane(), 0, 0);
    awaitInside(1);
    assertEquals(Offer.TAKEN, offer(new Lane(), 0, 1));
    assertEquals(Offer.TAKEN, offer(new Lane(), 0, 2));
    assertEquals(Offer.FULL, offer(new Lane(), 0, 3));
    assertEquals(Offer.TAKEN, dispatcher.offerAlways(new Lane(), item(0, 4, 10), Completion.NONE));
    calls.release(2);
    await().until(() -> enclave.items().size() == 4 && enclave.inside.get() == 0);
    assertEquals(Offer.FULL, dispatcher.offer(new Lane(), item(0, 5, 10_000), Completion.NONE));
    assertEquals(Offer.TAKEN, offer(new Lane(), 0, 6));
    assertEquals(2.0, metrics.queueRefused.count());
    assertTrue(enclave.items().stream().noneMatch(i -> i.getClient().getClientId() == 3));
  }

  @Test
  void batchesStayWithinTheEnclavesLimits() {
    start(1, 20_000, 64 << 20);
    holdCalls();
    Lane lane = new Lane();
    offer(lane, 0, 0);
    awaitInside(1);
    for (int i = 1; i <= 5_000; i++) {
      offer(lane, 0, i);
    }
    Lane large = new Lane();
    for (int i = 0; i < 100; i++) {
      dispatcher.offer(large, item(1, i, 128 << 10), Completion.NONE);
    }
    calls.release(1_000);
    await().until(() -> enclave.items().size() == 5_101);
    for (HostToEnclaveMessage message : enclave.messages) {
      assertTrue(message.getItemsCount() <= 4_096, () -> message.getItemsCount() + " items");
      assertTrue(message.getSerializedSize() <= 8 << 20, () -> message.getSerializedSize() + " B");
    }
    assertRising(enclave.items().stream().filter(DispatcherTest::isOfFirstLane));
    assertRising(enclave.items().stream().filter(item -> !isOfFirstLane(item)));
    assertEquals(0, metrics.queueItems.get());
    assertEquals(0, metrics.queueBytes.get());
  }

  private static boolean isOfFirstLane(HostItem item) {
    return item.getClient().getClientId() < 1_000_000;
  }

  private static void assertRising(Stream<HostItem> items) {
    List<Long> numbers = items.map(item -> item.getClient().getClientId()).toList();
    assertTrue(numbers.equals(numbers.stream().sorted().toList()), "out of order");
  }

  @Test
  void orderHoldsForManyLanesAndThreads() throws InterruptedException {
    long seed = Long.getLong("svr2.seed", new Random().nextLong());
    System.out.println("seed " + seed + " (again: -Dsvr2.test.argLine=-Dsvr2.seed=" + seed + ")");
    start(3, 1_000_000, 64 << 20);
    int lanes = 40;
    int perLane = 500;
    List<Thread> senders = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      int first = t * lanes / 4;
      long threadSeed = seed + t;
      senders.add(new Thread(() -> sendInterleaved(first, lanes / 4, perLane, threadSeed)));
    }
    senders.forEach(Thread::start);
    for (Thread sender : senders) {
      sender.join();
    }
    await().until(() -> enclave.items().size() == lanes * perLane);
    // Messages of different lanes come in in any order; each lane's own numbers rise by one.
    long[] next = new long[lanes];
    for (HostItem item : enclave.items()) {
      long id = item.getClient().getClientId();
      int lane = (int) (id / 1_000_000);
      assertEquals(next[lane]++, id % 1_000_000, () -> "lane " + lane + ", seed " + seed);
    }
    assertTrue(enclave.mostInside.get() <= 3);
  }

  private void sendInterleaved(int firstLane, int lanes, int perLane, long seed) {
    Random random = new Random(seed);
    Lane[] lane = new Lane[lanes];
    int[] sent = new int[lanes];
    for (int i = 0; i < lanes; i++) {
      lane[i] = new Lane();
    }
    int left = lanes * perLane;
    while (left > 0) {
      int i = random.nextInt(lanes);
      if (sent[i] < perLane) {
        offer(lane[i], firstLane + i, sent[i]++);
        left--;
      }
    }
  }

  @Test
  void aFailedCallTellsEachItemWhetherTheEnclaveSawIt() {
    record Seen(Error error, boolean maybeApplied) {}
    start(1, 100, 1 << 20);
    Queue<Seen> seen = new ConcurrentLinkedQueue<>();
    Completion completion =
        new Completion() {
          @Override
          public void handedIn() {
            seen.add(new Seen(Error.OK, true));
          }

          @Override
          public void failed(Error error, boolean maybeApplied) {
            seen.add(new Seen(error, maybeApplied));
          }
        };
    for (Error error : List.of(Error.ERROR_BRIDGE_ABORTED, Error.ERROR_CORE_STOPPED)) {
      enclave.gate =
          message -> {
            throw new EnclaveException(error);
          };
      int before = seen.size();
      dispatcher.offer(new Lane(), item(0, 0, 10), completion);
      await().until(() -> seen.size() == before + 1);
    }
    enclave.gate = message -> {};
    dispatcher.offer(new Lane(), item(0, 0, 10), completion);
    await().until(() -> seen.size() == 3);
    assertEquals(
        List.of(
            new Seen(Error.ERROR_BRIDGE_ABORTED, true),
            new Seen(Error.ERROR_CORE_STOPPED, false),
            new Seen(Error.OK, true)),
        List.copyOf(seen));
    assertEquals(
        List.of(Error.ERROR_BRIDGE_ABORTED, Error.ERROR_CORE_STOPPED), List.copyOf(failures));
  }

  @Test
  void closeFailsWhatWaitsAndLetsWhatIsInsideEnd() throws InterruptedException {
    start(1, 100, 1 << 20);
    holdCalls();
    Queue<String> seen = new ConcurrentLinkedQueue<>();
    Lane lane = new Lane();
    dispatcher.offer(lane, item(0, 0, 10), named("inside", seen));
    awaitInside(1);
    dispatcher.offer(lane, item(0, 1, 10), named("same lane", seen));
    dispatcher.offer(new Lane(), item(0, 2, 10), named("other lane", seen));
    Thread closer = new Thread(dispatcher::close);
    closer.start();
    await().until(() -> seen.contains("other lane failed ERROR_BRIDGE_CLOSED false"));
    assertEquals(Offer.CLOSED, offer(new Lane(), 0, 3));
    calls.release();
    closer.join();
    assertEquals(
        List.of(
            "other lane failed ERROR_BRIDGE_CLOSED false",
            "inside handed in",
            "same lane failed ERROR_BRIDGE_CLOSED false"),
        List.copyOf(seen));
    assertEquals(0, metrics.queueItems.get());
  }

  private static Completion named(String name, Queue<String> seen) {
    return new Completion() {
      @Override
      public void handedIn() {
        seen.add(name + " handed in");
      }

      @Override
      public void failed(Error error, boolean maybeApplied) {
        seen.add(name + " failed " + error + " " + maybeApplied);
      }
    };
  }
}
