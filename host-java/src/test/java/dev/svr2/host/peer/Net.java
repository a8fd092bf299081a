// SPDX-License-Identifier: Apache-2.0
//
// What connects the hosts of a transport test, and can be cut.
package dev.svr2.host.peer;

import dev.svr2.host.config.HostPort;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/** One per test. */
interface Net extends AutoCloseable {
  /** Reserves an address for a host. */
  HostPort newAddress();

  /** From now on who dials the address reaches this transport. */
  void listen(HostPort address, PeerTransport transport);

  PeerTransport.Connector connector();

  Executor executor();

  LongSupplier nanoTime();

  /** Breaks all connections that stand. New ones are possible at once. */
  void cutAll();

  /** Nobody answers at the address until it listens again; what stands there breaks. */
  void silence(HostPort address);

  /** Time passes, where it is a fake one. */
  void pass(Duration time);

  /** Lets things happen until the condition holds, and fails when it never does. */
  void await(String what, BooleanSupplier condition);

  @Override
  void close();
}
