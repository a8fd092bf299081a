// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.limit;

import com.google.protobuf.ByteString;
import io.github.bucket4j.Bucket;
import io.github.bucket4j.BucketConfiguration;
import io.github.bucket4j.ConsumptionProbe;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * Counts in this process, of the users seen last: at most {@value #MAX_USERS}, some 200 bytes each.
 * Whoever falls out begins anew, which is why there are so many. Thread-safe.
 */
final class MemoryStore implements RateLimiter.Store {
  static final int MAX_USERS = 200_000;

  private final BucketConfiguration configuration;

  private final Map<ByteString, Bucket> buckets =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<ByteString, Bucket> eldest) {
          return size() > MAX_USERS;
        }
      };

  MemoryStore(BucketConfiguration configuration) {
    this.configuration = configuration;
  }

  @Override
  public CompletableFuture<ConsumptionProbe> take(byte[] name) {
    Bucket bucket;
    synchronized (buckets) {
      bucket = buckets.computeIfAbsent(ByteString.copyFrom(name), unused -> fresh());
    }
    return CompletableFuture.completedFuture(bucket.tryConsumeAndReturnRemaining(1));
  }

  private Bucket fresh() {
    var builder = Bucket.builder();
    for (var limit : configuration.getBandwidths()) {
      builder.addLimit(limit);
    }
    return builder.build();
  }
}
