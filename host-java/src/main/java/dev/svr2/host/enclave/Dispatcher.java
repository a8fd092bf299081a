// SPDX-License-Identifier: Apache-2.0
//
// Carries items into the enclave: a few threads, any number of lanes, bounded in items and
// bytes. Items that wait together go in together, since the transition is the dearest part
// (design.md §3).
package dev.svr2.host.enclave;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.EnclaveHandle;
import dev.svr2.host.log.Throttle;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.proto.Error;
import dev.svr2.proto.HostItem;
import dev.svr2.proto.HostToEnclaveMessage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A worker pool over lanes. A lane with waiting items stands in a run queue once; a worker takes
 * its share of the lanes that are ready, hands all their items in as one message, and only then
 * lets those lanes run again. So items of a lane stay in order, a slow call holds up only the lanes
 * in it, and load makes batches larger instead of queues longer.
 *
 * <p>Thread-safe. {@link #offer} never blocks and may be called from the enclave's output callback.
 */
public final class Dispatcher implements AutoCloseable {
  /** What became of an offer. */
  public enum Offer {
    /** The completion will be called. */
    TAKEN,
    /** The queue is full; nothing was kept and the completion is not called. */
    FULL,
    /** The dispatcher is closed; nothing was kept and the completion is not called. */
    CLOSED
  }

  /** Limits of one message (boundary.proto), with room for the message's own bytes. */
  static final int BATCH_MAX_ITEMS = 4_096;

  static final int BATCH_MAX_BYTES = (8 << 20) - (64 << 10);

  /** Tag and length in front of an item. */
  private static final int ITEM_OVERHEAD_BYTES = 6;

  /**
   * Errors of a call that has looked at none of its items. After any other, the call may have got
   * as far as each of them.
   */
  private static final Set<Error> REFUSED_WHOLE =
      Set.of(
          Error.ERROR_CORE_STOPPED,
          Error.ERROR_CORE_NOT_INITIALIZED,
          Error.ERROR_CORE_MALFORMED_MESSAGE,
          Error.ERROR_CORE_MESSAGE_TOO_LARGE,
          Error.ERROR_CORE_TOO_MANY_ITEMS,
          Error.ERROR_BRIDGE_CLOSED,
          Error.ERROR_BRIDGE_OUT_OF_THREADS,
          Error.ERROR_BRIDGE_REENTERED);

  private static final Logger LOG = LoggerFactory.getLogger(Dispatcher.class);

  private final EnclaveHandle enclave;
  private final int maxItems;
  private final long maxBytes;
  private final HostMetrics metrics;
  private final Consumer<EnclaveException> onCallFailed;
  private final Throttle fullLines = new Throttle(Throttle.INTERVAL, System::nanoTime);
  private final List<Thread> workers = new ArrayList<>();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition laneIsReady = lock.newCondition();

  @GuardedBy("lock")
  private final ArrayDeque<Lane> ready = new ArrayDeque<>();

  @GuardedBy("lock")
  private int items;

  @GuardedBy("lock")
  private long bytes;

  @GuardedBy("lock")
  private int idleWorkers;

  @GuardedBy("lock")
  private boolean closed;

  /**
   * Starts the workers.
   *
   * @param threads at least 1; with the tick thread, no more than the enclave's
   * @param maxItems and {@code maxBytes}: what may wait
   * @param onCallFailed told of each call that failed, on a worker; must not block
   */
  public Dispatcher(
      EnclaveHandle enclave,
      int threads,
      int maxItems,
      long maxBytes,
      HostMetrics metrics,
      Consumer<EnclaveException> onCallFailed) {
    this.enclave = enclave;
    this.maxItems = maxItems;
    this.maxBytes = maxBytes;
    this.metrics = metrics;
    this.onCallFailed = onCallFailed;
    for (int i = 0; i < threads; i++) {
      Thread worker = new Thread(this::work, "svr2-enclave-" + i);
      worker.setDaemon(true);
      workers.add(worker);
    }
    workers.forEach(Thread::start);
  }

  /** Queues one item behind those that wait in its lane. */
  public Offer offer(Lane lane, HostItem item, Completion completion) {
    return offer(lane, item, completion, false);
  }

  /**
   * Queues an item even when the queue is full: for those that free something (the end of a
   * session), of which there is at most one for each that was taken.
   */
  public Offer offerAlways(Lane lane, HostItem item, Completion completion) {
    return offer(lane, item, completion, true);
  }

  private Offer offer(Lane lane, HostItem item, Completion completion, boolean always) {
    int size = item.getSerializedSize() + ITEM_OVERHEAD_BYTES;
    lock.lock();
    try {
      if (closed) {
        return Offer.CLOSED;
      }
      if (always || (items < maxItems && bytes + size <= maxBytes)) {
        enqueue(lane, new Lane.Entry(item, size, completion));
        return Offer.TAKEN;
      }
    } finally {
      lock.unlock();
    }
    metrics.queueRefused.increment();
    long refused = fullLines.note();
    if (refused > 0) {
      LOG.warn(
          "the queue into the enclave is full ({} of {} items, {} of {} bytes); {} items refused"
              + " since the last such line",
          metrics.queueItems.get(),
          maxItems,
          metrics.queueBytes.get(),
          maxBytes,
          refused);
    }
    return Offer.FULL;
  }

  @GuardedBy("lock")
  private void enqueue(Lane lane, Lane.Entry entry) {
    lane.waiting.addLast(entry);
    count(1, entry.bytes());
    if (!lane.scheduled) {
      schedule(lane);
    }
  }

  @GuardedBy("lock")
  private void schedule(Lane lane) {
    lane.scheduled = true;
    ready.addLast(lane);
    if (idleWorkers > 0) {
      laneIsReady.signal();
    }
  }

  @GuardedBy("lock")
  private void count(int itemsMore, long bytesMore) {
    items += itemsMore;
    bytes += bytesMore;
    metrics.queueItems.set(items);
    metrics.queueBytes.set(bytes);
  }

  private void work() {
    List<Lane> lanes = new ArrayList<>();
    List<Lane.Entry> batch = new ArrayList<>();
    while (take(lanes, batch)) {
      try {
        handIn(batch);
      } catch (RuntimeException e) {
        // A completion that throws is a bug in the host, but must not cost a worker.
        LOG.error("a completion failed", e);
      } finally {
        release(lanes);
        lanes.clear();
        batch.clear();
      }
    }
  }

  /** Waits for lanes and takes this worker's share of them. False when the dispatcher is closed. */
  private boolean take(List<Lane> lanes, List<Lane.Entry> batch) {
    lock.lock();
    try {
      while (ready.isEmpty() && !closed) {
        idleWorkers++;
        laneIsReady.awaitUninterruptibly();
        idleWorkers--;
      }
      if (closed) {
        return false;
      }
      // One worker must not take all: what one thread does in a batch, several do in parallel.
      int share = Math.min(BATCH_MAX_ITEMS, (ready.size() + workers.size() - 1) / workers.size());
      long batchBytes = 0;
      while (lanes.size() < share && !ready.isEmpty()) {
        Lane lane = ready.peekFirst();
        long added = takeFrom(lane, batch, batchBytes);
        if (added == 0) {
          break; // Full; the lane keeps its place.
        }
        batchBytes += added;
        ready.removeFirst();
        lanes.add(lane);
      }
      count(-batch.size(), -batchBytes);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Moves the lane's items into the batch while there is room; returns their bytes. */
  private static long takeFrom(Lane lane, List<Lane.Entry> batch, long batchBytes) {
    long added = 0;
    while (!lane.waiting.isEmpty() && batch.size() < BATCH_MAX_ITEMS) {
      int size = lane.waiting.peekFirst().bytes();
      if (!batch.isEmpty() && batchBytes + added + size > BATCH_MAX_BYTES) {
        break;
      }
      batch.add(lane.waiting.removeFirst());
      added += size;
    }
    return added;
  }

  private void handIn(List<Lane.Entry> batch) {
    HostToEnclaveMessage.Builder message = HostToEnclaveMessage.newBuilder();
    batch.forEach(entry -> message.addItems(entry.item()));
    byte[] serialized = message.build().toByteArray();
    long start = System.nanoTime();
    metrics.callsInFlight.incrementAndGet();
    Error error = Error.OK;
    try {
      enclave.input(serialized);
    } catch (EnclaveException e) {
      error = e.error();
      metrics.callsFailed.increment();
      onCallFailed.accept(e);
    } finally {
      metrics.callsInFlight.decrementAndGet();
      metrics.calls.record(System.nanoTime() - start, TimeUnit.NANOSECONDS);
      metrics.batchItems.record(batch.size());
    }
    for (Lane.Entry entry : batch) {
      if (error == Error.OK) {
        entry.completion().handedIn();
      } else {
        entry.completion().failed(error, !REFUSED_WHOLE.contains(error));
      }
    }
  }

  private void release(List<Lane> lanes) {
    List<Lane.Entry> dropped = new ArrayList<>();
    lock.lock();
    try {
      for (Lane lane : lanes) {
        lane.scheduled = false;
        if (closed) {
          drop(lane, dropped);
        } else if (!lane.waiting.isEmpty()) {
          schedule(lane);
        }
      }
    } finally {
      lock.unlock();
    }
    fail(dropped);
  }

  @GuardedBy("lock")
  private void drop(Lane lane, List<Lane.Entry> dropped) {
    for (Lane.Entry entry : lane.waiting) {
      dropped.add(entry);
      count(-1, -entry.bytes());
    }
    lane.waiting.clear();
  }

  private static void fail(List<Lane.Entry> dropped) {
    dropped.forEach(entry -> entry.completion().failed(Error.ERROR_BRIDGE_CLOSED, false));
  }

  /**
   * Takes no more offers, lets calls that are inside end, and fails what still waits as not
   * applied. Returns when all workers have ended. Must not be called from a completion or from the
   * output callback. Idempotent.
   */
  @Override
  public void close() {
    List<Lane.Entry> dropped = new ArrayList<>();
    lock.lock();
    try {
      closed = true;
      for (Lane lane : ready) {
        drop(lane, dropped);
      }
      ready.clear();
      laneIsReady.signalAll();
    } finally {
      lock.unlock();
    }
    fail(dropped);
    boolean interrupted = false;
    for (Thread worker : workers) {
      while (worker.isAlive()) {
        try {
          worker.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
