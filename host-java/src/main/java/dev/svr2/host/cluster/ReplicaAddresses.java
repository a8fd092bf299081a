// SPDX-License-Identifier: Apache-2.0
//
// Where one replica listens.
package dev.svr2.host.cluster;

import dev.svr2.host.config.HostPort;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;

/** Three addresses on loopback; they stay the same when the replica's host is started again. */
public record ReplicaAddresses(HostPort client, HostPort control, HostPort peer) {
  private static final int PLANES = 3;

  /**
   * Addresses with different free ports that the system chose. All are held until all are known;
   * another program can take one afterwards.
   */
  public static List<ReplicaAddresses> choose(int replicas) throws IOException {
    InetAddress loopback = InetAddress.getLoopbackAddress();
    List<ServerSocket> held = new ArrayList<>();
    List<ReplicaAddresses> addresses = new ArrayList<>();
    try {
      for (int i = 0; i < replicas; i++) {
        HostPort[] planes = new HostPort[PLANES];
        for (int plane = 0; plane < PLANES; plane++) {
          ServerSocket socket = new ServerSocket(0, 1, loopback);
          held.add(socket);
          planes[plane] = new HostPort(loopback.getHostAddress(), socket.getLocalPort());
        }
        addresses.add(new ReplicaAddresses(planes[0], planes[1], planes[2]));
      }
      return addresses;
    } finally {
      for (ServerSocket socket : held) {
        socket.close();
      }
    }
  }
}
