// SPDX-License-Identifier: Apache-2.0
//
// What happened in the last minutes, for the status page: counters looked at every few seconds.
package dev.svr2.host.control;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Statistic;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

/** Thread-safe. */
public final class Rates {
  /** Between two looks. */
  static final long INTERVAL_MS = 5_000;

  /** Looks that are remembered: ten minutes. */
  static final int SAMPLES = 121;

  /** What is shown, and the counters that are added up for it. */
  private static final Map<String, List<String>> SERIES = new LinkedHashMap<>();

  static {
    SERIES.put("requests", List.of("svr2.enclave.client.requests"));
    SERIES.put("sessions", List.of("svr2.host.client.sessions.opened"));
    SERIES.put("restores", List.of("svr2.enclave.restores.ok"));
    SERIES.put("wrong_pins", List.of("svr2.enclave.restores.pin.mismatch"));
    SERIES.put(
        "refused",
        List.of(
            "svr2.enclave.client.requests.refused",
            "svr2.enclave.client.requests.unknown",
            "svr2.host.client.rate.refused",
            "svr2.host.client.auth.failures",
            "svr2.host.queue.refused"));
  }

  private record Sample(long nanos, List<Double> totals) {}

  private final MeterRegistry registry;
  private final LongSupplier nanoTime;
  private final ArrayDeque<Sample> samples = new ArrayDeque<>();

  public Rates(MeterRegistry registry, LongSupplier nanoTime) {
    this.registry = registry;
    this.nanoTime = nanoTime;
  }

  /** Looks at the counters. */
  public void sample() {
    List<Double> totals = new ArrayList<>();
    for (List<String> names : SERIES.values()) {
      double total = 0;
      for (String name : names) {
        for (Meter meter : registry.find(name).meters()) {
          for (var measurement : meter.measure()) {
            total += measurement.getStatistic() == Statistic.COUNT ? measurement.getValue() : 0;
          }
        }
      }
      totals.add(total);
    }
    synchronized (this) {
      samples.addLast(new Sample(nanoTime.getAsLong(), totals));
      if (samples.size() > SAMPLES) {
        samples.removeFirst();
      }
    }
  }

  /** A second's worth of each series between each two looks, the oldest first. */
  synchronized Map<String, List<Double>> perSecond() {
    Map<String, List<Double>> out = new LinkedHashMap<>();
    int series = 0;
    for (String name : SERIES.keySet()) {
      List<Double> rates = new ArrayList<>();
      Sample before = null;
      for (Sample sample : samples) {
        if (before != null) {
          double seconds = Math.max(1, sample.nanos() - before.nanos()) / 1e9;
          // Enclaves come and go, and their counters with them.
          double grown = Math.max(0, sample.totals().get(series) - before.totals().get(series));
          rates.add(Math.round(grown / seconds * 100) / 100.0);
        }
        before = sample;
      }
      out.put(name, rates);
      series++;
    }
    return out;
  }
}
