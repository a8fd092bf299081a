// SPDX-License-Identifier: Apache-2.0
//
// Fills a group with backups of made-up users, through sessions like those of real clients.
package dev.svr2.host.cluster;

import dev.svr2.client.BackupResult;
import dev.svr2.client.Credentials;
import dev.svr2.client.Pins;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Users are numbered: {@code 5eed…} and their number in hex. PINs are random and unknown to
 * anybody, which spares the second of hashing that each PIN of a person costs. Thread-safe.
 */
public final class Seeder implements AutoCloseable {
  private static final int MAX_TRIES = 10;
  private static final int DATA_BYTES = 32;
  private static final int ATTEMPTS = 20;
  private static final Duration RETRY_PAUSE = Duration.ofMillis(100);

  private final Pins pins;
  private final String secret;
  private final long rows;
  private final AtomicLong next = new AtomicLong();
  private final AtomicLong done = new AtomicLong();
  private final List<Thread> threads = new ArrayList<>();
  private final SecureRandom random = new SecureRandom();
  private volatile String failure = "";
  private volatile boolean closed;

  /**
   * Begins.
   *
   * @param targets client addresses, used in turn
   * @param secret that credentials are made with
   * @param parallel clients at work at the same time
   */
  public static Seeder start(
      List<String> targets, Pins pins, String secret, long rows, int parallel) {
    Seeder seeder = new Seeder(pins, secret, rows);
    for (int i = 0; i < parallel; i++) {
      String target = targets.get(i % targets.size());
      Thread thread = new Thread(() -> seeder.work(target), "svr2-seed-" + i);
      thread.setDaemon(true);
      seeder.threads.add(thread);
    }
    seeder.threads.forEach(Thread::start);
    return seeder;
  }

  private Seeder(Pins pins, String secret, long rows) {
    this.pins = pins;
    this.secret = secret;
    this.rows = rows;
  }

  private void work(String target) {
    try (Transport transport = GrpcTransport.plaintext(target)) {
      while (!closed && failure.isEmpty()) {
        long number = next.getAndIncrement();
        if (number >= rows) {
          return;
        }
        BackupResult result = store(transport, number);
        if (!(result instanceof BackupResult.Stored)) {
          failure = "backup %d of %d: %s".formatted(number + 1, rows, why(result));
          return;
        }
        done.incrementAndGet();
      }
    }
  }

  private BackupResult store(Transport transport, long number) {
    Svr2Client client =
        Svr2Client.builder()
            .transport(transport)
            .credentials(Credentials.make(secret, user(number), Clock.systemUTC()))
            .pins(pins)
            .allowSimulated(!pins.isProtected())
            .attempts(ATTEMPTS)
            .retryPause(RETRY_PAUSE)
            .build();
    byte[] data = new byte[DATA_BYTES];
    byte[] accessKey = new byte[PinKeys.KEY_BYTES];
    random.nextBytes(data);
    random.nextBytes(accessKey);
    try (PinKeys keys = PinKeys.of(new byte[PinKeys.KEY_BYTES], accessKey)) {
      return client.backupRaw(keys, data, MAX_TRIES);
    }
  }

  static String user(long number) {
    return "5eed%028x".formatted(number);
  }

  private static String why(BackupResult result) {
    if (result instanceof BackupResult.Failed failed) {
      return failed.failure().text();
    }
    if (result instanceof BackupResult.NotExposed notExposed) {
      return notExposed.cause().text();
    }
    if (result instanceof BackupResult.ExposeUnknown unknown) {
      return unknown.cause().text();
    }
    return result.toString();
  }

  /** Backups stored and exposed so far. */
  public long done() {
    return done.get();
  }

  /** Why it gave up; empty when it has not. */
  public String failure() {
    return failure;
  }

  /** Waits at most so long; true when all is done or given up. */
  public boolean await(Duration patience) throws InterruptedException {
    long end = System.nanoTime() + patience.toNanos();
    for (Thread thread : threads) {
      TimeUnit.NANOSECONDS.timedJoin(thread, Math.max(1, end - System.nanoTime()));
    }
    return threads.stream().noneMatch(Thread::isAlive);
  }

  /** Begins nothing more. */
  @Override
  public void close() {
    closed = true;
    threads.forEach(Thread::interrupt);
  }
}
