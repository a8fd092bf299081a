// SPDX-License-Identifier: Apache-2.0
//
// What an operator sees of clients that are cut off, of refused credentials and of a full queue:
// few lines, and none that names a client.
package dev.svr2.host.session;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.host.log.Throttle;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class LogLinesTest {
  private final FakeEnclave.Loader loader = new FakeEnclave.Loader();
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();

  private HostFixture start(String more) throws Exception {
    HostFixture fixture = HostFixture.start(more, loader);
    log.start();
    ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).addAppender(log);
    return fixture;
  }

  private List<ILoggingEvent> lines(String part) {
    return List.copyOf(log.list).stream()
        .filter(event -> event.getFormattedMessage().contains(part))
        .toList();
  }

  private void assertOneLineWithoutIds(Level level, String part) {
    assertEquals(1, lines(part).size(), log.list::toString);
    assertEquals(level, lines(part).get(0).getLevel());
    for (ILoggingEvent event : List.copyOf(log.list)) {
      String text = event.getFormattedMessage();
      assertFalse(text.contains(HostFixture.USER), text);
      assertFalse(text.contains(HostFixture.authorization().substring(6, 40)), text);
    }
  }

  @Test
  void sessionsThatAreCutOffGiveOneLine() throws Exception {
    try (HostFixture fixture = start("")) {
      for (int i = 0; i < 5; i++) {
        TestSession session = TestSession.open(fixture.client());
        session.next();
        session.cancel();
      }
      await()
          .until(
              () ->
                  fixture
                      .host
                      .metrics()
                      .scrape()
                      .contains("sessions_closed_total{status=\"CANCELLED\"} 5.0"));
      assertOneLineWithoutIds(Level.INFO, "1 sessions were cut off");
    }
  }

  @Test
  void refusedCredentialsGiveOneLine() throws Exception {
    try (HostFixture fixture = start("")) {
      for (int i = 0; i < 5; i++) {
        assertTrue(TestSession.open(fixture.anonymous()).end().startsWith("UNAUTHENTICATED"));
      }
      assertOneLineWithoutIds(Level.WARN, "credentials refused: 1 calls");
    }
  }

  @Test
  void aFullQueueGivesOneLine() throws Exception {
    Semaphore calls = new Semaphore(0);
    try (HostFixture fixture = start("runtime.queue_max_items: 1\nruntime.enclave_threads: 1\n")) {
      loader.enclave.gate =
          message -> {
            if (!message.getItems(0).hasTick()) {
              calls.acquireUninterruptibly();
            }
          };
      for (int i = 0; i < 6; i++) {
        var unused = TestSession.open(fixture.client());
      }
      await().until(() -> fixture.host.metrics().queueRefused.count() >= 3);
      calls.release(1_000_000);
      await().until(() -> !lines("the queue into the enclave is full").isEmpty());
      assertOneLineWithoutIds(Level.WARN, "the queue into the enclave is full");
    } finally {
      calls.release(1_000_000);
    }
  }

  @Test
  void whatWasHeldBackIsCountedInTheNextLine() {
    AtomicLong now = new AtomicLong(Long.MAX_VALUE - 5); // Such clocks may overflow.
    Throttle throttle = new Throttle(Duration.ofNanos(10), now::get);
    assertEquals(1, throttle.note());
    assertEquals(0, throttle.note());
    now.addAndGet(9);
    assertEquals(0, throttle.note());
    now.addAndGet(1);
    assertEquals(3, throttle.note());
    assertEquals(0, throttle.note());
  }
}
