// SPDX-License-Identifier: Apache-2.0
//
// What all links of a transport share.
package dev.svr2.host.peer;

import com.google.protobuf.ByteString;
import dev.svr2.host.metrics.PeerMetrics;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;

/**
 * Immutable.
 *
 * @param executor where messages are put on connections
 * @param epochs random numbers
 */
record LinkSurroundings(
    ByteString ownId,
    int outboundMaxItems,
    long outboundMaxBytes,
    int inboundMaxItems,
    Duration abandon,
    Duration routeTimeout,
    Executor executor,
    LongSupplier nanoTime,
    LongSupplier epochs,
    PeerMetrics metrics) {}
