// SPDX-License-Identifier: Apache-2.0
//
// Many clients at once against a running group, either as many as are said at any time (closed
// loop) or as often as is said whatever comes back (open loop).
package dev.svr2.host.load;

import dev.svr2.client.AsyncSvr2Client;
import dev.svr2.client.BackupResult;
import dev.svr2.client.Credentials;
import dev.svr2.client.DeleteResult;
import dev.svr2.client.Pins;
import dev.svr2.client.RestoreResult;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.TriesResult;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/**
 * Users are numbered: {@code be9c…} and their number in hex, each with a secret and an access key
 * of its own, which is random and spares the second of hashing that a PIN costs. Thread-safe.
 */
public final class LoadGenerator implements AutoCloseable {
  private static final int MAX_TRIES = 10;
  private static final int DATA_BYTES = 32;

  /** In an open loop, operations that may be under way; more are left out, and counted. */
  static final int MOST_UNDER_WAY = 20_000;

  private static final class User {
    final byte[] data = new byte[DATA_BYTES];
    final byte[] accessKey = new byte[PinKeys.KEY_BYTES];
    AsyncSvr2Client client;
  }

  private final User[] users;
  private final Mix mix;
  private final ExecutorService threads;
  private final AtomicLong leftOut = new AtomicLong();
  private volatile boolean stopped;

  /**
   * Makes the users; nothing is sent.
   *
   * @param secret that credentials are made with
   */
  public LoadGenerator(
      List<Transport> transports,
      Pins pins,
      String secret,
      int userCount,
      Mix mix,
      Duration timeout) {
    this.mix = mix;
    this.threads =
        Executors.newFixedThreadPool(
            Math.max(2, Runtime.getRuntime().availableProcessors()),
            task -> {
              Thread thread = new Thread(task, "svr2-load");
              thread.setDaemon(true);
              return thread;
            });
    SecureRandom random = new SecureRandom();
    users = new User[userCount];
    for (int i = 0; i < userCount; i++) {
      User user = new User();
      random.nextBytes(user.data);
      random.nextBytes(user.accessKey);
      user.client = client(transports.get(i % transports.size()), pins, secret, i, timeout).async();
      users[i] = user;
    }
  }

  private Svr2Client client(
      Transport transport, Pins pins, String secret, int number, Duration timeout) {
    return Svr2Client.builder()
        .transport(transport)
        .credentials(Credentials.make(secret, "be9c%028x".formatted(number), Clock.systemUTC()))
        .pins(pins)
        .allowSimulated(!pins.isProtected())
        .attempts(1)
        .timeout(timeout)
        .executor((Executor) threads)
        .build();
  }

  private PinKeys keys(User user) {
    return PinKeys.of(new byte[PinKeys.KEY_BYTES], user.accessKey);
  }

  /**
   * Stores a secret for every user, so many at a time.
   *
   * @return how many could not be stored
   */
  public int prepare(int parallel) throws InterruptedException {
    return each(parallel, user -> user.client.backupRaw(keys(user), user.data, MAX_TRIES), true);
  }

  /** Deletes what {@link #prepare} stored. */
  public int cleanUp(int parallel) throws InterruptedException {
    return each(parallel, user -> user.client.delete(), false);
  }

  /** One call for each user. */
  private interface Call {
    CompletableFuture<?> begin(User user);
  }

  private int each(int parallel, Call call, boolean stored) throws InterruptedException {
    Semaphore free = new Semaphore(parallel);
    AtomicLong bad = new AtomicLong();
    for (User user : users) {
      free.acquire();
      var unused =
          call.begin(user)
              .whenComplete(
                  (result, failure) -> {
                    boolean good =
                        stored
                            ? result instanceof BackupResult.Stored
                            : result instanceof DeleteResult.Deleted;
                    if (!good) {
                      bad.incrementAndGet();
                    }
                    free.release();
                  });
    }
    free.acquire(parallel);
    return Math.toIntExact(bad.get());
  }

  /**
   * Runs {@code inFlight} operations at any time, until {@link #stop}. Returns at once.
   *
   * @param into given by call, so that a warm-up can be left out
   */
  public void runClosed(int inFlight, Supplier<Measurements> into) {
    for (int i = 0; i < inFlight; i++) {
      Random random = new Random(new SecureRandom().nextLong());
      threads.execute(() -> next(random, into));
    }
  }

  private void next(Random random, Supplier<Measurements> into) {
    if (stopped) {
      return;
    }
    var unused =
        one(random, System.nanoTime(), into)
            .whenCompleteAsync((done, failure) -> next(random, into), threads);
  }

  /**
   * Begins {@code perSecond} operations a second until {@link #stop}; returns then. Latency counts
   * from when an operation was due, not from when there was time for it.
   */
  public void runOpen(double perSecond, Supplier<Measurements> into) throws InterruptedException {
    Random random = new Random(new SecureRandom().nextLong());
    Semaphore free = new Semaphore(MOST_UNDER_WAY);
    long start = System.nanoTime();
    for (long number = 0; !stopped; number++) {
      long due = start + (long) (number / perSecond * 1e9);
      long early = due - System.nanoTime();
      if (early > 0) {
        TimeUnit.NANOSECONDS.sleep(early);
      }
      if (!free.tryAcquire()) {
        leftOut.incrementAndGet();
        continue;
      }
      var unused = one(random, due, into).whenComplete((done, failure) -> free.release());
    }
  }

  /** Operations that an open loop left out because too many were under way. */
  public long leftOut() {
    return leftOut.get();
  }

  private CompletableFuture<Void> one(Random random, long start, Supplier<Measurements> into) {
    Mix.Operation operation = mix.choose(random);
    // A backup hides a secret until it is exposed again: those who store are others than those who
    // look.
    int half = users.length / 2;
    User user =
        operation == Mix.Operation.BACKUP
            ? users[random.nextInt(Math.max(1, half))]
            : users[half + random.nextInt(users.length - half)];
    CompletableFuture<?> begun =
        switch (operation) {
          case BACKUP -> user.client.backupRaw(keys(user), user.data, MAX_TRIES);
          case RESTORE -> user.client.restoreRaw(keys(user));
          case TRIES -> user.client.tries();
        };
    return begun.handle(
        (result, failure) -> {
          boolean good =
              result instanceof BackupResult.Stored
                  || result instanceof RestoreResult.Restored
                  || result instanceof TriesResult.Left;
          if (result instanceof RestoreResult.Restored restored) {
            restored.close();
          }
          String outcome =
              result == null
                  ? failure.getClass().getSimpleName()
                  : result.getClass().getSimpleName();
          into.get().note(operation, outcome, good, System.nanoTime() - start);
          return null;
        });
  }

  /** Fresh measurements to count into. */
  public Measurements measure() {
    return new Measurements();
  }

  /** What is under way ends; nothing new begins. */
  public void stop() {
    stopped = true;
  }

  @Override
  public void close() {
    stop();
    threads.shutdownNow();
  }
}
