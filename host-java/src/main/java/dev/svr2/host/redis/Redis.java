// SPDX-License-Identifier: Apache-2.0
//
// The connection to Redis that rate limits and the directory of peers share. A host starts, and
// goes on, without Redis: whoever uses this gets a failure at once and decides what that means.
package dev.svr2.host.redis;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.svr2.host.auth.AuthSecrets;
import dev.svr2.host.config.RedisSettings;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.ByteArrayCodec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. Nothing here blocks, but {@link #close}. */
public final class Redis implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Redis.class);

  /** For a connection, and for each answer. */
  static final Duration TIMEOUT = Duration.ofMillis(500);

  /** Between two attempts to connect for the first time; later Lettuce reconnects by itself. */
  private static final Duration PAUSE = Duration.ofSeconds(1);

  private final RedisSettings settings;
  private final LongSupplier nanoTime;
  private final RedisClient client;
  private final RedisURI uri;

  @GuardedBy("this")
  private StatefulRedisConnection<byte[], byte[]> connection;

  @GuardedBy("this")
  private boolean connecting;

  @GuardedBy("this")
  private long nextNanos;

  @GuardedBy("this")
  private boolean failed;

  @GuardedBy("this")
  private boolean closed;

  /**
   * Begins to connect, and does not wait.
   *
   * @throws IOException when the password's file cannot be read
   */
  public Redis(RedisSettings settings, LongSupplier nanoTime) throws IOException {
    this.settings = settings;
    this.nanoTime = nanoTime;
    this.nextNanos = nanoTime.getAsLong();
    RedisURI.Builder builder =
        RedisURI.builder()
            .withHost(settings.address().host())
            .withPort(settings.address().port())
            .withSsl(settings.tls())
            .withTimeout(TIMEOUT);
    if (settings.passwordFile().isPresent()) {
      builder.withPassword(password(settings.passwordFile().get()));
    }
    uri = builder.build();
    client = RedisClient.create();
    client.setOptions(
        ClientOptions.builder()
            .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
            .socketOptions(SocketOptions.builder().connectTimeout(TIMEOUT).keepAlive(true).build())
            .timeoutOptions(TimeoutOptions.enabled(TIMEOUT))
            .build());
    var unused = connection();
  }

  private static char[] password(Path file) throws IOException {
    try {
      return AuthSecrets.readText(file).toCharArray();
    } catch (IOException e) {
      throw new IOException("redis.password_file: " + e.getMessage(), e);
    }
  }

  /**
   * The connection; empty while there was none yet. Commands over one that is lost fail at once.
   */
  public synchronized Optional<StatefulRedisConnection<byte[], byte[]>> connection() {
    if (connection == null && !connecting && !closed && nextNanos - nanoTime.getAsLong() <= 0) {
      connecting = true;
      var unused =
          client.connectAsync(ByteArrayCodec.INSTANCE, uri).whenComplete(this::onConnected);
    }
    return Optional.ofNullable(connection);
  }

  private synchronized void onConnected(
      StatefulRedisConnection<byte[], byte[]> fresh, Throwable failure) {
    connecting = false;
    nextNanos = nanoTime.getAsLong() + PAUSE.toNanos();
    if (failure != null) {
      if (!failed) {
        failed = true;
        LOG.warn(
            "Redis at {} does not answer ({}); it is tried again and again",
            settings.address(),
            String.valueOf(failure.getMessage()));
      }
    } else if (closed) {
      fresh.close();
    } else {
      connection = fresh;
      LOG.info("connected to Redis at {}", settings.address());
    }
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    client.shutdown(Duration.ZERO, Duration.ofSeconds(1));
  }
}
