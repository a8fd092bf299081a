// SPDX-License-Identifier: Apache-2.0
//
// The host's requests to the enclave that have no reply yet (design.md §3, Transactions).
package dev.svr2.host.enclave;

import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.Error;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * Matches replies to requests by id. Every handler is called exactly once: with the reply, with a
 * time-out, or with the end of the enclave. Thread-safe.
 */
final class Transactions {
  /** Called on an enclave thread inside the output callback, or on the timer; must not block. */
  interface Handler {
    /** The reply, which may carry an error. */
    void onReply(EnclaveReply reply);

    /**
     * There will be no reply.
     *
     * @param maybeApplied false only when the enclave has surely not seen the request
     */
    void onFailure(Error error, boolean maybeApplied);
  }

  private record Pending(Handler handler, long deadlineNanos) {}

  private final Map<Long, Pending> pending = new ConcurrentHashMap<>();
  private final AtomicLong lastId = new AtomicLong();
  private final long timeoutNanos;
  private final LongSupplier nanoTime;
  private final HostMetrics metrics;

  Transactions(Duration timeout, LongSupplier nanoTime, HostMetrics metrics) {
    this.timeoutNanos = timeout.toNanos();
    this.nanoTime = nanoTime;
    this.metrics = metrics;
  }

  /** Registers a handler and returns the id for its request: never 0, never one in use. */
  long begin(Handler handler) {
    long id = lastId.incrementAndGet();
    pending.put(id, new Pending(handler, nanoTime.getAsLong() + timeoutNanos));
    metrics.transactions.incrementAndGet();
    return id;
  }

  /** Gives the reply to its handler. False, and counted, when nothing waits for this id. */
  boolean complete(EnclaveReply reply) {
    Pending found = remove(reply.getId());
    if (found == null) {
      metrics.unknownReplies.increment();
      return false;
    }
    found.handler().onReply(reply);
    return true;
  }

  /** Ends one request without a reply; does nothing when it has ended. */
  void fail(long id, Error error, boolean maybeApplied) {
    Pending found = remove(id);
    if (found != null) {
      found.handler().onFailure(error, maybeApplied);
    }
  }

  /** Ends requests whose time is up. Called by a timer. */
  void expire() {
    long now = nanoTime.getAsLong();
    List<Long> late = new ArrayList<>();
    for (Iterator<Map.Entry<Long, Pending>> it = pending.entrySet().iterator(); it.hasNext(); ) {
      Map.Entry<Long, Pending> entry = it.next();
      if (entry.getValue().deadlineNanos() - now <= 0) {
        late.add(entry.getKey());
      }
    }
    for (long id : late) {
      metrics.transactionTimeouts.increment();
      fail(id, Error.ERROR_CORE_REQUEST_TIMEOUT, true);
    }
  }

  /** Ends all requests: the enclave is gone. */
  void failAll(Error error) {
    for (long id : List.copyOf(pending.keySet())) {
      fail(id, error, true);
    }
  }

  private Pending remove(long id) {
    Pending found = pending.remove(id);
    if (found != null) {
      metrics.transactions.decrementAndGet();
    }
    return found;
  }
}
