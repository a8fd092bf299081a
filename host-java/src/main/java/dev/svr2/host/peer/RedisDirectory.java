// SPDX-License-Identifier: Apache-2.0
//
// Peers by Redis: each host writes its address under the group's name, again and again; what is not
// renewed goes by itself. The same place holds the claim to found the group.
package dev.svr2.host.peer;

import dev.svr2.host.config.HostPort;
import dev.svr2.host.redis.Redis;
import io.lettuce.core.ScanArgs;
import io.lettuce.core.ScanIterator;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. The connection is not this object's to close. */
public final class RedisDirectory extends RefreshedDirectory {
  private static final Logger LOG = LoggerFactory.getLogger(RedisDirectory.class);
  private static final byte[] PRESENT = {'1'};

  /** An entry outlives so many intervals. */
  private static final int INTERVALS_KEPT = 3;

  private final Redis redis;
  private final String prefix;
  private final String claim;
  private final Supplier<Optional<HostPort>> own;
  private final Duration kept;
  private volatile String written;

  /**
   * Begins to write and to ask.
   *
   * @param group a name that the group's hosts share
   * @param own where others reach this host; empty while that is not known
   */
  public RedisDirectory(
      Redis redis, String group, Supplier<Optional<HostPort>> own, Duration interval) {
    super("Redis");
    this.redis = redis;
    this.prefix = "svr2:peers:" + group + ":";
    this.claim = "svr2:claim:" + group;
    this.own = own;
    this.kept = interval.multipliedBy(INTERVALS_KEPT);
    start(interval);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private RedisCommands<byte[], byte[]> commands() throws IOException {
    return redis
        .connection()
        .map(StatefulRedisConnection::sync)
        .orElseThrow(() -> new IOException("there is no connection to Redis yet"));
  }

  @Override
  Set<HostPort> ask() throws IOException {
    RedisCommands<byte[], byte[]> commands = commands();
    Optional<HostPort> here = own.get();
    if (here.isPresent()) {
      String key = prefix + here.get();
      String unused = commands.set(bytes(key), PRESENT, SetArgs.Builder.px(kept.toMillis()));
      written = key;
    }
    Set<HostPort> out = new LinkedHashSet<>();
    ScanIterator<byte[]> keys =
        ScanIterator.scan(commands, ScanArgs.Builder.matches(prefix + "*").limit(100));
    while (keys.hasNext()) {
      String key = new String(keys.next(), StandardCharsets.UTF_8);
      try {
        out.add(HostPort.parseTarget(key.substring(prefix.length())));
      } catch (IllegalArgumentException e) {
        LOG.debug("an entry in Redis is not HOST:PORT"); // Somebody else's; not ours to mend.
      }
    }
    return out;
  }

  /**
   * Claims the founding of the group, once for all time: the first one gets it, and nobody after,
   * be the first one alive or not.
   *
   * @param by the claiming replica, for people who look
   * @throws IOException when Redis does not answer; then nothing is claimed by this call, or nobody
   *     knows: do not found
   */
  public boolean claimFounding(String by) throws IOException {
    try {
      return "OK".equals(commands().set(bytes(claim), bytes(by), SetArgs.Builder.nx()));
    } catch (RuntimeException e) {
      throw new IOException("Redis does not answer: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    super.close();
    String key = written;
    if (key != null) {
      try {
        long unused = commands().del(bytes(key));
      } catch (IOException | RuntimeException e) {
        LOG.debug("the entry in Redis goes by itself: {}", e.getMessage());
      }
    }
  }
}
