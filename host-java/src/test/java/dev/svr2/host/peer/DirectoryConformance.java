// SPDX-License-Identifier: Apache-2.0
//
// What every directory of peers does, whoever is behind it: run against the real thing.
package dev.svr2.host.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.host.config.HostPort;
import java.time.Duration;
import java.util.Set;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Subclasses start a server, and say how addresses get into it. */
abstract class DirectoryConformance {
  static final Duration REFRESH = Duration.ofMillis(100);
  static final HostPort A = new HostPort("127.0.0.1", 7001);
  static final HostPort B = new HostPort("127.0.0.2", 7001);

  private PeerDirectory directory;

  /** Makes these the addresses that are known, for good or until the next call. */
  abstract void set(HostPort... addresses) throws Exception;

  abstract PeerDirectory open() throws Exception;

  /** Takes the server away; false where there is none. */
  abstract boolean breakServer() throws Exception;

  abstract void mendServer() throws Exception;

  @AfterEach
  void closeDirectory() {
    if (directory != null) {
      directory.close();
    }
  }

  private void await(HostPort... expected) {
    Awaitility.await().until(() -> directory.addresses().equals(Set.of(expected)));
  }

  @Test
  void whoIsThereIsFound() throws Exception {
    set(A, B);
    directory = open();
    await(A, B);
  }

  @Test
  void addressesAreAskedForOftenAndNeverBlock() throws Exception {
    set(A);
    directory = open();
    long start = System.nanoTime();
    for (int i = 0; i < 10_000; i++) {
      assertTrue(directory.addresses().size() <= 1);
    }
    assertTrue(System.nanoTime() - start < Duration.ofSeconds(5).toNanos());
    await(A);
  }

  @Test
  void newsAreFoundAndWhatIsGoneIsForgotten() throws Exception {
    set(A);
    directory = open();
    await(A);
    if (!changes()) {
      return;
    }
    set(A, B);
    await(A, B);
    set(B);
    await(B);
    set();
    await();
  }

  /** False for a list that is what it is. */
  boolean changes() {
    return true;
  }

  @Test
  void aServerThatIsDownTakesNothingAway() throws Exception {
    set(A, B);
    directory = open();
    await(A, B);
    if (!breakServer()) {
      return;
    }
    // Several refreshes fail meanwhile.
    long end = System.nanoTime() + REFRESH.multipliedBy(20).toNanos();
    Awaitility.await().until(() -> System.nanoTime() > end);
    assertEquals(Set.of(A, B), directory.addresses());
    mendServer();
    set(B);
    await(B);
  }

  @Test
  void nobodyIsThereAtFirst() throws Exception {
    set();
    directory = open();
    assertEquals(Set.of(), directory.addresses());
  }
}
