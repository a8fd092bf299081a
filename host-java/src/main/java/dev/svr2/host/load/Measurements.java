// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.load;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/** What came of operations, and how long they took. Thread-safe. */
public final class Measurements {
  private static final long LONGEST_MICROS = TimeUnit.MINUTES.toMicros(10);
  private static final int DIGITS = 3;

  private final Map<Mix.Operation, Histogram> latencies = new EnumMap<>(Mix.Operation.class);
  private final SortedMap<String, Long> outcomes = new TreeMap<>();
  private long done;
  private long good;

  Measurements() {
    for (Mix.Operation operation : Mix.Operation.values()) {
      latencies.put(operation, new Histogram(LONGEST_MICROS, DIGITS));
    }
  }

  /**
   * Notes one operation.
   *
   * @param outcome a word of few
   * @param wasGood it did what it was for; only then its time counts
   */
  synchronized void note(Mix.Operation operation, String outcome, boolean wasGood, long nanos) {
    done++;
    outcomes.merge(operation.name().toLowerCase(Locale.ROOT) + ": " + outcome, 1L, Long::sum);
    if (wasGood) {
      good++;
      latencies
          .get(operation)
          .recordValue(Math.min(LONGEST_MICROS, TimeUnit.NANOSECONDS.toMicros(nanos)));
    }
  }

  /** Operations so far that did what they were for. */
  public synchronized long good() {
    return good;
  }

  /** All operations so far. */
  public synchronized long done() {
    return done;
  }

  /** For a report. Latencies in microseconds. */
  public synchronized Map<String, Object> describe(double seconds) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("seconds", seconds);
    out.put("operations", done);
    out.put("good", good);
    out.put("good_per_second", Math.round(good / seconds * 10) / 10.0);
    Map<String, Object> times = new LinkedHashMap<>();
    latencies.forEach(
        (operation, histogram) -> {
          if (histogram.getTotalCount() > 0) {
            times.put(operation.name().toLowerCase(Locale.ROOT), percentiles(histogram));
          }
        });
    out.put("latency_micros", times);
    out.put("outcomes", new LinkedHashMap<>(outcomes));
    return out;
  }

  private static Map<String, Object> percentiles(Histogram histogram) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("count", histogram.getTotalCount());
    out.put("mean", Math.round(histogram.getMean()));
    for (double percentile : new double[] {50, 90, 99, 99.9}) {
      String name = "p" + (percentile == Math.rint(percentile) ? "%.0f" : "%.1f");
      out.put(name.formatted(percentile), histogram.getValueAtPercentile(percentile));
    }
    out.put("max", histogram.getMaxValue());
    return out;
  }
}
