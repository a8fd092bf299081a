// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.peer;

import dev.svr2.host.config.HostPort;
import java.util.List;

class StaticDirectoryTest extends DirectoryConformance {
  private List<HostPort> list = List.of();

  @Override
  void set(HostPort... addresses) {
    list = List.of(addresses);
  }

  @Override
  PeerDirectory open() {
    return new StaticDirectory(list);
  }

  @Override
  boolean breakServer() {
    return false;
  }

  @Override
  void mendServer() {}

  @Override
  boolean changes() {
    return false;
  }
}
