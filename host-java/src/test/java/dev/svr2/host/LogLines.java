// SPDX-License-Identifier: Apache-2.0
//
// What was logged during a test.
package dev.svr2.host;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.util.List;
import org.slf4j.LoggerFactory;

/** From its making to its end. Thread-safe. */
public final class LogLines implements AutoCloseable {
  private final ListAppender<ILoggingEvent> appender = new ListAppender<>();

  public LogLines() {
    appender.start();
    root().addAppender(appender);
  }

  private static Logger root() {
    return (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
  }

  public List<String> all() {
    synchronized (appender) {
      return List.copyOf(appender.list).stream().map(ILoggingEvent::getFormattedMessage).toList();
    }
  }

  public boolean has(String part) {
    return all().stream().anyMatch(line -> line.contains(part));
  }

  @Override
  public void close() {
    root().detachAppender(appender);
  }
}
