// SPDX-License-Identifier: Apache-2.0
//
// Limits per user, before anything reaches the enclave. They keep one user from wearing a group
// out; that guesses are counted right is the enclave's business and does not depend on this.
package dev.svr2.host.limit;

import dev.svr2.host.config.RateSettings;
import dev.svr2.host.log.Throttle;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.host.redis.Redis;
import io.github.bucket4j.BucketConfiguration;
import io.github.bucket4j.ConsumptionProbe;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe; never blocks. */
public final class RateLimiter {
  private static final Logger LOG = LoggerFactory.getLogger(RateLimiter.class);
  private static final int NAME_BYTES = 16;

  /** Counts by name. */
  interface Store {
    CompletableFuture<ConsumptionProbe> take(byte[] name);
  }

  private final Store store;
  private final RateSettings settings;
  private final UnaryOperator<byte[]> naming;
  private final HostMetrics metrics;
  private final Throttle failures = new Throttle(Throttle.INTERVAL, System::nanoTime);

  private RateLimiter(
      Store store, RateSettings settings, UnaryOperator<byte[]> naming, HostMetrics metrics) {
    this.store = store;
    this.settings = settings;
    this.naming = naming;
    this.metrics = metrics;
  }

  /**
   * As the settings say.
   *
   * @param redis where the settings name it
   * @param naming makes names that are the same on all hosts and say nothing of users
   */
  public static RateLimiter of(
      RateSettings settings,
      Optional<Redis> redis,
      UnaryOperator<byte[]> naming,
      HostMetrics metrics) {
    BucketConfiguration configuration =
        BucketConfiguration.builder()
            .addLimit(
                limit ->
                    limit
                        .capacity(settings.burst())
                        .refillGreedy(settings.perMinute(), Duration.ofMinutes(1)))
            .build();
    Store store =
        switch (settings.store()) {
          case NONE -> null;
          case MEMORY -> new MemoryStore(configuration);
          case REDIS -> new RedisStore(configuration, redis.orElseThrow());
        };
    return new RateLimiter(store, settings, naming, metrics);
  }

  /**
   * Counts a call.
   *
   * @param backupId whose call
   * @return empty when it may go on, else after how long one may; never fails
   */
  public CompletableFuture<Optional<Duration>> take(byte[] backupId) {
    if (store == null) {
      return CompletableFuture.completedFuture(Optional.empty());
    }
    CompletableFuture<ConsumptionProbe> probe;
    try {
      probe = store.take(Arrays.copyOf(naming.apply(backupId), NAME_BYTES));
    } catch (RuntimeException e) {
      probe = CompletableFuture.failedFuture(e);
    }
    return probe.handle(
        (taken, failure) -> {
          if (failure != null) {
            return failed(failure);
          }
          if (taken.isConsumed()) {
            return Optional.empty();
          }
          metrics.rateRefused.increment();
          return Optional.of(Duration.ofNanos(Math.max(1, taken.getNanosToWaitForRefill())));
        });
  }

  private Optional<Duration> failed(Throwable failure) {
    metrics.rateFailures.increment();
    long times = failures.note();
    if (times > 0) {
      LOG.warn(
          "rate limits could not be asked ({} times since the last such line), calls are {}: {}",
          times,
          settings.refuseOnFailure() ? "refused" : "let through",
          String.valueOf(failure.getMessage()));
    }
    return settings.refuseOnFailure() ? Optional.of(Duration.ofSeconds(1)) : Optional.empty();
  }
}
