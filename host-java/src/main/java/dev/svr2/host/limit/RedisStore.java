// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.limit;

import dev.svr2.host.redis.Redis;
import io.github.bucket4j.BucketConfiguration;
import io.github.bucket4j.ConsumptionProbe;
import io.github.bucket4j.distributed.ExpirationAfterWriteStrategy;
import io.github.bucket4j.distributed.proxy.AsyncProxyManager;
import io.github.bucket4j.redis.lettuce.Bucket4jLettuce;
import io.lettuce.core.RedisConnectionException;
import io.lettuce.core.api.StatefulRedisConnection;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Counts in Redis, common to all hosts; entries go when they say nothing any more. Thread-safe. */
final class RedisStore implements RateLimiter.Store {
  private static final byte[] PREFIX = "svr2:rate:".getBytes(StandardCharsets.US_ASCII);

  /** Beyond the time after which a bucket is full again. */
  private static final Duration KEPT = Duration.ofSeconds(10);

  private final BucketConfiguration configuration;
  private final Redis redis;
  private volatile AsyncProxyManager<byte[]> buckets;

  RedisStore(BucketConfiguration configuration, Redis redis) {
    this.configuration = configuration;
    this.redis = redis;
  }

  @Override
  public CompletableFuture<ConsumptionProbe> take(byte[] name) {
    Optional<AsyncProxyManager<byte[]>> now = buckets();
    if (now.isEmpty()) {
      return CompletableFuture.failedFuture(
          new RedisConnectionException("there is no connection to Redis yet"));
    }
    byte[] full = Arrays.copyOf(PREFIX, PREFIX.length + name.length);
    System.arraycopy(name, 0, full, PREFIX.length, name.length);
    return now.get()
        .builder()
        .build(full, () -> CompletableFuture.completedFuture(configuration))
        .tryConsumeAndReturnRemaining(1);
  }

  private Optional<AsyncProxyManager<byte[]>> buckets() {
    AsyncProxyManager<byte[]> known = buckets;
    if (known != null) {
      return Optional.of(known);
    }
    Optional<StatefulRedisConnection<byte[], byte[]>> connection = redis.connection();
    if (connection.isEmpty()) {
      return Optional.empty();
    }
    AsyncProxyManager<byte[]> fresh =
        Bucket4jLettuce.casBasedBuilder(connection.get())
            .expirationAfterWrite(
                ExpirationAfterWriteStrategy.basedOnTimeForRefillingBucketUpToMax(KEPT))
            .build()
            .asAsync();
    buckets = fresh;
    return Optional.of(fresh);
  }
}
