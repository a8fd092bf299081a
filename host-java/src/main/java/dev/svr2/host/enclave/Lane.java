// SPDX-License-Identifier: Apache-2.0
//
// One stream of items into the enclave: what is offered to a lane goes in one after the other, in
// order.
package dev.svr2.host.enclave;

import dev.svr2.proto.HostItem;
import java.util.ArrayDeque;

/**
 * The order of one client, one peer or one request. Different lanes go in in parallel. Costs a few
 * dozen bytes and needs no closing; all its state belongs to the {@link Dispatcher}'s lock.
 */
public final class Lane {
  /** An item that waits, and who wants to know when it is in. */
  record Entry(HostItem item, int bytes, Completion completion) {}

  // Most lanes hold one item or none.
  final ArrayDeque<Entry> waiting = new ArrayDeque<>(2);

  /**
   * In the dispatcher's run queue, or in the hands of a worker. Never both, so items stay in order.
   */
  boolean scheduled;
}
