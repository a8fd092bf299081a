// SPDX-License-Identifier: Apache-2.0
//
// The list that the configuration has (peer.static).
package dev.svr2.host.peer;

import dev.svr2.host.config.HostPort;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;

/** Immutable. */
public final class StaticDirectory implements PeerDirectory {
  private final Set<HostPort> addresses;

  public StaticDirectory(Collection<HostPort> addresses) {
    this.addresses = Collections.unmodifiableSet(new LinkedHashSet<>(addresses));
  }

  @Override
  public Set<HostPort> addresses() {
    return addresses;
  }
}
