// SPDX-License-Identifier: Apache-2.0
//
// Where the other hosts of the group are.
package dev.svr2.host.peer;

import dev.svr2.host.config.HostPort;
import java.util.Set;

/**
 * A source of addresses. Which enclave runs at an address is not its business: each host says so
 * itself when it is connected to. Thread-safe.
 */
public interface PeerDirectory extends AutoCloseable {
  /**
   * The addresses to connect to at present; this host's own may be among them. Asked often: must
   * not block. The answer may change over time.
   */
  Set<HostPort> addresses();

  @Override
  default void close() {}
}
