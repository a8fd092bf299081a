// SPDX-License-Identifier: Apache-2.0
//
// The links among the replicas of a group, each way one of its own, since every host dials every
// other.
package dev.svr2.host.chaos;

import dev.svr2.host.cluster.ClusterSettings;
import dev.svr2.host.config.HostPort;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiPredicate;

/** Replicas are numbered from 1. Thread-safe. */
final class Links implements ClusterSettings.Routes, AutoCloseable {
  private record Pair(int from, int to) {}

  private final Map<Pair, TcpProxy> proxies = new LinkedHashMap<>();

  @Override
  public synchronized HostPort address(int from, int to, HostPort listening) {
    return proxies.computeIfAbsent(new Pair(from, to), pair -> open(listening)).address();
  }

  private static TcpProxy open(HostPort listening) {
    try {
      return new TcpProxy(listening);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Links that one dials to another, for every such pair that is chosen. */
  synchronized void set(TcpProxy.Mode mode, BiPredicate<Integer, Integer> chosen) {
    proxies.forEach(
        (pair, proxy) -> {
          if (chosen.test(pair.from(), pair.to())) {
            proxy.set(mode);
          }
        });
  }

  /** On all links. */
  synchronized void delay(Duration delay) {
    proxies.values().forEach(proxy -> proxy.delay(delay));
  }

  /** All links are as they were at first. */
  void heal() {
    set(TcpProxy.Mode.PASS, (from, to) -> true);
    delay(Duration.ZERO);
  }

  @Override
  public synchronized void close() throws IOException {
    for (TcpProxy proxy : proxies.values()) {
      proxy.close();
    }
  }
}
