// SPDX-License-Identifier: Apache-2.0
//
// Logging: always on standard error, plain or JSON, levels changeable at run time. The only class
// that knows Logback; all others use SLF4J.
package dev.svr2.host.log;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.Encoder;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.config.LogFormat;
import org.slf4j.LoggerFactory;

/** Thread-safe. */
public final class Logs {
  // UTC, since logs of several machines are read together; %nopex would hide what an operator
  // must see.
  private static final String PATTERN =
      "%d{yyyy-MM-dd'T'HH:mm:ss.SSS'Z',UTC} %-5level %logger{0} %msg%n%ex{8}";

  private final LoggerContext context;

  private Logs(LoggerContext context) {
    this.context = context;
  }

  /** For what runs before a configuration is read, and for commands: warnings only. */
  public static Logs quiet() {
    return apply(LogFormat.PLAIN, Level.WARN);
  }

  /** As the configuration says. */
  public static Logs configure(HostConfig.Log config) {
    Logs logs = apply(config.format(), Level.valueOf(config.level()));
    config.levels().forEach(logs::setLevel);
    return logs;
  }

  private static Logs apply(LogFormat format, Level level) {
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.reset();
    ConsoleAppender<ILoggingEvent> console = new ConsoleAppender<>();
    console.setContext(context);
    console.setTarget("System.err");
    console.setEncoder(encoder(context, format));
    console.start();
    Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.addAppender(console);
    root.setLevel(level);
    // Transport noise: a client that goes away in mid-call is daily life.
    context.getLogger("io.netty").setLevel(Level.WARN);
    context.getLogger("io.grpc").setLevel(Level.WARN);
    return new Logs(context);
  }

  private static Encoder<ILoggingEvent> encoder(LoggerContext context, LogFormat format) {
    if (format == LogFormat.JSON) {
      JsonEncoder json = new JsonEncoder();
      json.setContext(context);
      json.start();
      return json;
    }
    PatternLayoutEncoder plain = new PatternLayoutEncoder();
    plain.setContext(context);
    plain.setPattern(PATTERN);
    plain.start();
    return plain;
  }

  /**
   * Changes a level.
   *
   * @param logger empty for the root logger
   * @param level ERROR, WARN, INFO, DEBUG or TRACE
   */
  public void setLevel(String logger, String level) {
    String name = logger.isEmpty() ? org.slf4j.Logger.ROOT_LOGGER_NAME : logger;
    context.getLogger(name).setLevel(Level.valueOf(level));
  }

  /** The level that holds for a logger. */
  public String level(String logger) {
    String name = logger.isEmpty() ? org.slf4j.Logger.ROOT_LOGGER_NAME : logger;
    return context.getLogger(name).getEffectiveLevel().toString();
  }
}
