// SPDX-License-Identifier: Apache-2.0
//
// Turns what the enclave counts into meters: COUNTER_CLIENT_REQUESTS becomes
// svr2.enclave.client.requests, GAUGE_ROWS svr2.enclave.rows, and each error a value of the tag of
// svr2.enclave.errors. Made from the enums of metrics.proto and error.proto.
package dev.svr2.host.metrics;

import dev.svr2.proto.Counter;
import dev.svr2.proto.CounterValue;
import dev.svr2.proto.Error;
import dev.svr2.proto.ErrorCount;
import dev.svr2.proto.Gauge;
import dev.svr2.proto.GaugeValue;
import dev.svr2.proto.MetricsReply;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** The last values that the enclave reported. Thread-safe. */
public final class EnclaveMeters {
  private static final String PREFIX = "svr2.enclave.";

  private final MeterRegistry registry;
  private final Map<Counter, AtomicLong> counters = new EnumMap<>(Counter.class);
  private final Map<Gauge, AtomicLong> gauges = new EnumMap<>(Gauge.class);
  private final Map<Error, AtomicLong> errors = new EnumMap<>(Error.class);

  /** Registers a meter for every counter and gauge; errors follow when they first happen. */
  public EnclaveMeters(MeterRegistry registry) {
    this.registry = registry;
    for (Counter counter : Counter.values()) {
      if (counter != Counter.UNRECOGNIZED && counter != Counter.COUNTER_UNSET) {
        AtomicLong value = new AtomicLong();
        counters.put(counter, value);
        FunctionCounter.builder(meterName(counter.name()), value, AtomicLong::doubleValue)
            .description(EnclaveDescriptions.of(counter))
            .register(registry);
      }
    }
    for (Gauge gauge : Gauge.values()) {
      if (gauge != Gauge.UNRECOGNIZED && gauge != Gauge.GAUGE_UNSET) {
        AtomicLong value = new AtomicLong();
        gauges.put(gauge, value);
        io.micrometer.core.instrument.Gauge.builder(
                meterName(gauge.name()), value, AtomicLong::doubleValue)
            .description(EnclaveDescriptions.of(gauge))
            .register(registry);
      }
    }
  }

  /** Takes the enclave's values. Values of an enclave newer than this host are left out. */
  public synchronized void update(MetricsReply reply) {
    for (CounterValue value : reply.getCountersList()) {
      set(counters.get(value.getCounter()), value.getValue());
    }
    for (GaugeValue value : reply.getGaugesList()) {
      set(gauges.get(value.getGauge()), value.getValue());
    }
    for (ErrorCount value : reply.getErrorsList()) {
      if (value.getError() != Error.UNRECOGNIZED) {
        set(errors.computeIfAbsent(value.getError(), this::registerError), value.getCount());
      }
    }
  }

  /** {@code COUNTER_CLIENT_REQUESTS} or {@code GAUGE_ROWS} to the name of its meter. */
  static String meterName(String constant) {
    String name = constant.substring(constant.indexOf('_') + 1);
    return PREFIX + name.toLowerCase(Locale.ROOT).replace('_', '.');
  }

  private AtomicLong registerError(Error error) {
    AtomicLong value = new AtomicLong();
    FunctionCounter.builder(PREFIX + "errors", value, AtomicLong::doubleValue)
        .description("Errors inside the enclave")
        .tag("error", error.name())
        .register(registry);
    return value;
  }

  private static void set(AtomicLong meter, long value) {
    if (meter != null) {
      meter.set(value);
    }
  }
}
