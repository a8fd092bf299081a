// SPDX-License-Identifier: Apache-2.0
//
// Constant load on a group from many users at once, each through any replica, and the tally of what
// they were told.
package dev.svr2.host.chaos;

import dev.svr2.client.Pins;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.transport.Transport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/** Thread-safe. */
final class Load implements AutoCloseable {
  private static final int USERS_PER_THREAD = 3;
  private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(6);

  /** After a refusal, so that a group that cannot answer is not asked a thousand times a second. */
  private static final long PAUSE_MS = 10;

  private static final int LOOKS_MAX = 200;

  /**
   * A replica that did not answer is asked this seldom until it does: a real client goes on, too.
   */
  private static final int ASKS_PER_PROBE = 30;

  private final List<String> targets;
  private final String authSecret;
  private final Pins pins;
  private final long seed;
  private final CountDownLatch stop = new CountDownLatch(1);
  private final List<Thread> threads = new ArrayList<>();
  private final Map<User.Outcome, AtomicLong> tally = new EnumMap<>(User.Outcome.class);
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final AtomicLong lastAnswerNanos = new AtomicLong(System.nanoTime());
  private final AtomicLong longestPauseNanos = new AtomicLong();
  private final AtomicLong users = new AtomicLong();
  private final AtomicLong looked = new AtomicLong();

  /** Begins. */
  static Load start(List<String> targets, String authSecret, Pins pins, int parallel, long seed) {
    Load load = new Load(targets, authSecret, pins, seed);
    for (int i = 0; i < parallel; i++) {
      int number = i;
      Thread thread = new Thread(() -> load.run(number), "svr2-load-" + i);
      thread.setDaemon(true);
      load.threads.add(thread);
    }
    load.threads.forEach(Thread::start);
    return load;
  }

  private Load(List<String> targets, String authSecret, Pins pins, long seed) {
    this.targets = List.copyOf(targets);
    this.authSecret = authSecret;
    this.pins = pins;
    this.seed = seed;
    for (User.Outcome outcome : User.Outcome.values()) {
      tally.put(outcome, new AtomicLong());
    }
  }

  private void run(int thread) {
    try (Worker worker = new Worker(thread)) {
      while (stop.getCount() > 0 && failure.get() == null) {
        worker.act();
      }
      if (failure.get() == null) {
        worker.lookAtAll();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) {
      failure.compareAndSet(null, e);
    }
  }

  /** One thread's users and connections. */
  private final class Worker implements AutoCloseable {
    private final int thread;
    private final Random random;
    private final Map<String, Transport> transports = new HashMap<>();
    private final Set<String> silent = new HashSet<>();
    private final List<User> active = new ArrayList<>();
    private final List<User> retired = new ArrayList<>();

    Worker(int thread) {
      this.thread = thread;
      random = new Random(seed * 31 + thread);
      for (int i = 0; i < USERS_PER_THREAD; i++) {
        active.add(newUser());
      }
    }

    private User newUser() {
      String id = "c4a0%04x%024x".formatted(thread, users.incrementAndGet());
      return new User(id, authSecret, pins, ANSWER_TIMEOUT);
    }

    void act() throws InterruptedException {
      int slot = random.nextInt(active.size());
      User user = active.get(slot);
      String target = target();
      User.Outcome outcome = user.act(transport(target), random);
      count(target, outcome);
      if (user.isBlurred()) {
        retired.add(user);
        active.set(slot, newUser());
      }
      if (outcome == User.Outcome.NOT_APPLIED) {
        var unused = stop.await(PAUSE_MS, TimeUnit.MILLISECONDS);
      }
    }

    private String target() {
      String target = targets.get(random.nextInt(targets.size()));
      if (!silent.contains(target) || random.nextInt(ASKS_PER_PROBE) == 0) {
        return target;
      }
      List<String> others = targets.stream().filter(one -> !silent.contains(one)).toList();
      return others.isEmpty() ? target : others.get(random.nextInt(others.size()));
    }

    /** At the end, when all replicas serve: every row, through each of them. */
    void lookAtAll() throws InterruptedException {
      retired.addAll(active);
      for (User user : retired) {
        for (String target : targets) {
          look(user, target);
          looked.incrementAndGet();
        }
      }
    }

    private void look(User user, String target) throws InterruptedException {
      for (int i = 0; i < LOOKS_MAX; i++) {
        User.Outcome outcome = user.look(transport(target));
        count(target, outcome);
        if (outcome == User.Outcome.ANSWERED) {
          return;
        }
        TimeUnit.MILLISECONDS.sleep(PAUSE_MS);
      }
      throw new IllegalStateException("a group without a fault does not answer through " + target);
    }

    private Transport transport(String target) {
      return transports.computeIfAbsent(target, GrpcTransport::plaintext);
    }

    private void count(String target, User.Outcome outcome) {
      tally.get(outcome).incrementAndGet();
      if (outcome == User.Outcome.ANSWERED) {
        silent.remove(target);
        long now = System.nanoTime();
        long pause = now - lastAnswerNanos.getAndSet(now);
        longestPauseNanos.accumulateAndGet(pause, Math::max);
      } else {
        silent.add(target);
        // A new connection is tried at once, not after gRPC's longer and longer pauses.
        transports.remove(target).close();
      }
    }

    @Override
    public void close() {
      transports.values().forEach(Transport::close);
    }
  }

  /** Operations answered so far. */
  long answered() {
    return tally.get(User.Outcome.ANSWERED).get();
  }

  /** Operations that nobody knows the end of, so far. */
  long unknown() {
    return tally.get(User.Outcome.UNKNOWN).get();
  }

  /** Operations ended so far, whatever they were told. */
  long attempts() {
    return tally.values().stream().mapToLong(AtomicLong::get).sum();
  }

  /** Throws what a user found wrong. */
  void check() {
    Throwable found = failure.get();
    if (found != null) {
      throw new AssertionError(found.getMessage(), found);
    }
  }

  /** Every user looks at its row through every replica, then no more; throws what was wrong. */
  void finish() throws InterruptedException {
    stop.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    check();
  }

  @Override
  public String toString() {
    return ("%d answered, %d not applied, %d unknown; %d users, looked %d times at the end;"
            + " longest time without any answer %d ms")
        .formatted(
            answered(),
            tally.get(User.Outcome.NOT_APPLIED).get(),
            tally.get(User.Outcome.UNKNOWN).get(),
            users.get(),
            looked.get(),
            TimeUnit.NANOSECONDS.toMillis(longestPauseNanos.get()));
  }

  @Override
  public void close() {
    stop.countDown();
    failure.compareAndSet(null, new IllegalStateException("ended"));
    threads.forEach(Thread::interrupt);
  }
}
