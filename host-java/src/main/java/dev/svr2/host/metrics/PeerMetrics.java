// SPDX-License-Identifier: Apache-2.0
//
// What the peer plane measures.
package dev.svr2.host.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.concurrent.atomic.AtomicLong;

/** One per host. Thread-safe. */
public final class PeerMetrics {
  private static final String PREFIX = "svr2.host.peer.";

  private final MeterRegistry registry;

  public final AtomicLong streams;
  public final AtomicLong unacknowledgedItems;
  public final AtomicLong unacknowledgedBytes;
  public final Counter connected;
  public final Counter dialsFailed;
  public final Counter refused;
  public final Counter malformed;
  public final Counter sent;
  public final Counter received;
  public final Counter repeated;

  PeerMetrics(MeterRegistry registry) {
    this.registry = registry;
    streams = gauge("streams", "Hosts that are connected");
    unacknowledgedItems =
        gauge("unacknowledged.items", "Messages to peers that were not acknowledged yet");
    unacknowledgedBytes = gauge("unacknowledged.bytes", "Bytes in those messages");
    connected = counter("connects", "Connections that came to stand, first ones and reconnects");
    dialsFailed = counter("dials.failed", "Attempts to connect that failed");
    refused = counter("streams.refused", "Connections refused for want of room");
    malformed = counter("streams.malformed", "Connections ended for what the other side sent");
    sent = counter("messages.sent", "Messages sent to peers, repetitions included");
    received = counter("messages.received", "Messages taken from peers");
    repeated = counter("messages.repeated", "Messages sent again after a reconnect");
  }

  /**
   * Counts a reset of a peer in this host's enclave.
   *
   * @param reason one of a few fixed words
   */
  public void reset(String reason) {
    Counter.builder(PREFIX + "resets")
        .description("Peers reset in the enclave since messages may have been lost, and why")
        .tag("reason", reason)
        .register(registry)
        .increment();
  }

  private AtomicLong gauge(String name, String description) {
    AtomicLong value = new AtomicLong();
    Gauge.builder(PREFIX + name, value, AtomicLong::doubleValue)
        .description(description)
        .register(registry);
    return value;
  }

  private Counter counter(String name, String description) {
    return Counter.builder(PREFIX + name).description(description).register(registry);
  }
}
